#!/usr/bin/env bash
# The bridge under load for long: 10 000 frames a second between phone and server while outages of every mode go on and off each
# second, one after the other. (benches/soak is another matter: the main job again and again.)
#
# Promised: every frame is accounted for (sent = arrived + taken by outages + counted as lost), none leaks, and the helper does
# not grow. Needs namespaces, ip and nft; no root.
#
# usage: benches/soak.sh [SECONDS]        3600 unless said
no_bench=1
. "$(dirname "$0")/common.bash"
machine
bridge_load
in_namespaces "$load" soak "$siprig" "${1:-3600}"
