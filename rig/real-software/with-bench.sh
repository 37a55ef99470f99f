#!/bin/bash
# Builds a lab of real SIP software in private namespaces, runs a command in it, and leaves nothing behind.
#
#   with-bench.sh [--directory DIR] [--serreg | --srv | --mixed | --tls | --lab] [--phones LIST] [--vlan ID]
#                 [--wire-only] COMMAND…
#
# Two kamailio registrars and up to six baresip phones with consoles on PTYs, joined to the interfaces `phones0` and
# `servers0` of the namespace that the command runs in. `$SIPRIG_BENCH` names the bench file, `$BENCH` the directory
# that it lies in, with the logs of everything that ran and the control sockets of the registrars (`a.ctl`, `b.ctl`).
#
#   with-bench.sh sh -c 'siprig run failover --bench "$SIPRIG_BENCH" --phones p1,p2'
#
# Runs as root, or as any user where user namespaces are allowed. Everything lives in one process namespace: when this
# script ends, however it ends, the kernel ends the rest. A Ctrl-C, SIGTERM or SIGHUP is the command's to act upon.
#
# --serreg, --srv   only the phones of that kind; with neither, those that can be had here
# --mixed           phones with UDP and TCP, IPv4 and IPv6, one that never comes back and one that only renews
# --tls             one phone with TLS
# --lab             a lab as on the first day: phones without consoles, a router, DHCP, TFTP, NTP; no bench file (lab.sh)
# --phones LIST     only these of them, separated by commas; not for those of --srv
# --vlan ID         what passes `phones0` and `servers0` is tagged (IEEE 802.1Q); $SIPRIG_VLAN_RELAY names the program
#                   that does it, the Cargo example `vlan-relay`
# --wire-only       the bench file names neither console nor keypad of any phone
# --directory DIR   keep bench file, logs and consoles there; otherwise a temporary directory, removed at the end
#
# Exit code: that of the command; 77 if the bench can't be built here, with the reason on stderr.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/wait-out.sh"
skip() { echo "SKIPPED: $*" >&2; exit 77; }

directory= kinds= phones= wire_only= vlan=
while [ $# -gt 0 ]; do
  case $1 in
  --directory) mkdir -p "$2"; directory=$(cd "$2" && pwd); shift 2 ;;
  --serreg | --srv | --mixed | --tls | --lab) kinds="$kinds ${1#--}"; shift ;;
  --phones) phones=$2; shift 2 ;;
  --vlan) vlan=$2; shift 2 ;;
  --wire-only) wire_only=yes; shift ;;
  --) shift; break ;;
  -*) echo "with-bench.sh: unknown option $1" >&2; exit 2 ;;
  *) break ;;
  esac
done
[ $# -gt 0 ] || { sed -n '2,/^set /{/^#/s/^# \?//p}' "${BASH_SOURCE[0]}" >&2; exit 2; }

PATH=$PATH:/usr/sbin:/sbin
for tool in kamailio:kamailio baresip:baresip-core socat:socat ip:iproute2 ethtool:ethtool unshare:util-linux setpriv:util-linux; do
  command -v "${tool%:*}" >/dev/null || skip "${tool%:*} is missing; install the package ${tool#*:}"
done

tree=
if [ -z "$kinds" ] || [[ $kinds =~ serreg|mixed|tls|lab ]]; then
  if said=$("$here/fetch-baresip.sh" 2>&1); then tree=${said##*$'\n'}
  elif [ -n "$kinds" ]; then skip "no baresip with the module serreg: ${said##*$'\n'}"
  else echo "without the serreg phones p1 to p4: ${said##*$'\n'}" >&2
  fi
fi
srv=
if [ -z "$kinds" ] || [[ $kinds = *srv* ]]; then
  if command -v dnsmasq >/dev/null; then srv=yes
  elif [ -n "$kinds" ]; then skip "dnsmasq is missing; install the package dnsmasq-base"
  else echo "without the phones p5 and p6: dnsmasq is missing" >&2
  fi
fi
[ -n "$tree$srv" ] || skip "no phone can be had here"
mixed= tls= lab=
if [[ $kinds = *mixed* ]]; then
  [ -e /proc/net/if_inet6 ] || skip "this kernel has no IPv6"
  mixed=yes
fi
if [[ $kinds = *tls* ]]; then
  command -v openssl >/dev/null || skip "openssl is missing; install the package openssl"
  compgen -G "/usr/lib*/*/kamailio/modules/tls.so" >/dev/null || skip "kamailio knows no TLS; install the package kamailio-tls-modules"
  tls=yes
fi
if [[ $kinds = *lab* ]]; then
  for tool in dnsmasq:dnsmasq-base busybox:busybox chronyd:chrony; do
    command -v "${tool%:*}" >/dev/null || skip "${tool%:*} is missing; install the package ${tool#*:}"
  done
  lab=yes
fi
[ -z "$vlan" ] || [ -x "${SIPRIG_VLAN_RELAY:-}" ] || skip "\$SIPRIG_VLAN_RELAY names no program; build it with \`cargo build --example vlan-relay\`"

user=()
unshare --mount --pid --fork --mount-proc true 2>/dev/null || user=(--user --map-root-user)
unshare "${user[@]}" --net --mount --pid --fork --mount-proc true 2>/dev/null ||
  skip "neither root nor user namespaces here (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)"

export BENCH_TREE=$tree BENCH_SRV=$srv BENCH_MIXED=$mixed BENCH_TLS=$tls BENCH_LAB=$lab BENCH_VLAN=$vlan BENCH_PHONES=$phones
export BENCH_RELAY=${SIPRIG_VLAN_RELAY:-} BENCH_DIRECTORY=$directory BENCH_WIRE_ONLY=$wire_only
# `unshare` is deaf to signals while it waits, so they go past it to the first process of the bench. Should this script
# be killed, `unshare` goes with it, and the bench with `unshare`; or it never begins, if the script is gone already.
bench= child=
pass_on() {
  [ -n "$bench" ] || exit "$2"
  read -r child <"/proc/$bench/task/$bench/children" || true
  kill -s "$1" "${child:-$bench}" 2>/dev/null || true
}
trap '[ -n "$bench" ] || exit 130' INT
trap 'pass_on TERM 143' TERM
trap 'pass_on HUP 129' HUP
env --default-signal=INT,QUIT setpriv --pdeathsig KILL \
  sh -c 'test "$PPID" = "$1" && shift && exec "$@"' sh "$$" \
  unshare "${user[@]}" --net --mount --pid --fork --kill-child --mount-proc "$here/inside.sh" "$@" <&0 &
bench=$!
wait_out "$bench"
