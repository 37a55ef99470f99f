#!/bin/bash
# The inner half of `with-bench.sh`: runs as the first process of the bench's namespaces, so its end is everyone's.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/wait-out.sh"

# The command ends as it sees fit, and this script with it; whoever is impatient kills `with-bench.sh`. The first
# process of a process namespace ignores signals that it does not handle, so each has a handler. A Ctrl-C reaches the
# command itself.
command=
pass_on() { [ -n "$command" ] || exit "$2"; kill -s "$1" "$command" 2>/dev/null || true; }
trap '[ -n "$command" ] || exit 130' INT
trap 'pass_on TERM 143' TERM
trap 'pass_on HUP 129' HUP

# Names of network namespaces, locks and sockets of this bench are nobody else's.
mount --make-rprivate /
mount -t tmpfs -o mode=755 siprig /run
mkdir /run/netns
export SIPRIG_STATE=/run/siprig
unset XDG_RUNTIME_DIR

BENCH=${BENCH_DIRECTORY:-/run/bench}
mkdir -p "$BENCH"
export BENCH SIPRIG_BENCH=$BENCH/bench.toml

in_host() { local name=$1; shift; nsenter --net="/run/netns/$name" "$@"; }

# --- Links: every host in a namespace of its own, one switch a side ------------------------------------------------

add_namespace() {
  ip netns add "$1"
  ip -n "$1" link set lo up
}

# A veth pair that behaves like a wire: checksums are computed before a frame enters it, and nothing chatters.
quiet_end() { # namespace or "", interface
  local at=(); [ -z "$1" ] || at=(-n "$1")
  ip "${at[@]}" link set dev "$2" addrgenmode none
  if [ -z "$1" ]; then ethtool -K "$2" tx off; else in_host "$1" ethtool -K "$2" tx off; fi >/dev/null
  ip "${at[@]}" link set dev "$2" up
}

add_switch() { # name, interface that the rig sees
  add_namespace "$1"
  ip -n "$1" link add switch type bridge mcast_snooping 0
  ip -n "$1" link set dev switch addrgenmode none up
  ip link add "$2" type veth peer name rig netns "$1"
  ip -n "$1" link set dev rig master switch
  quiet_end "" "$2"
  quiet_end "$1" rig
}

add_host() { # name, switch, last byte of its address
  add_namespace "$1"
  ip -n "$1" link add dev eth0 address "$(printf '02:00:0a:4d:00:%02x' "$3")" type veth peer name "$1" netns "$2"
  ip -n "$2" link set dev "$1" master switch
  quiet_end "$2" "$1"
  quiet_end "$1" eth0
  ip -n "$1" address add "10.77.0.$3/24" dev eth0
  ip -n "$1" route add default via 10.77.0.1
}

# What lasts as long as the bench does runs in sessions of its own, so that a Ctrl-C is for the command alone.

# --- Servers -------------------------------------------------------------------------------------------------------

modules=$(dirname "$(ls /usr/lib/*/kamailio/modules/tm.so /usr/lib*/kamailio/modules/tm.so 2>/dev/null | head -n 1)")

start_registrar() { # name, last byte of its address
  add_host "$1" servers "$2"
  mkdir -p "/run/kamailio-$1"
  in_host "$1" setsid kamailio -DD -E -f "$here/kamailio.cfg" -m 32 -M 4 -Y "/run/kamailio-$1" -w "/run/kamailio-$1" \
    -A "ADDRESS=10.77.0.$2" -A "CONTROL=\"unix:$BENCH/$1.ctl\"" -A "MODULES=\"$modules\"" \
    </dev/null >"$BENCH/$1.log" 2>&1 &
  await "$1" "$2" 5060
}

# Waits until a server listens.
await() { # name, last byte of its address, port
  local tries
  for tries in {1..100}; do
    in_host "$1" bash -c "exec 3<>/dev/tcp/10.77.0.$2/$3" 2>/dev/null && return
    sleep 0.1
  done
  echo "server $1 did not start: $(tail -n 3 "$BENCH/$1.log")" >&2
  exit 77
}

start_names() { # last byte of its address
  add_host names servers "$1"
  in_host names setsid dnsmasq --no-daemon --conf-file=/dev/null --pid-file=/run/dnsmasq.pid \
    --no-resolv --no-hosts --listen-address="10.77.0.$1" --bind-interfaces --local-ttl=3600 \
    --srv-host=_sip._udp.bench.test,a.bench.test,5060,10 --srv-host=_sip._udp.bench.test,b.bench.test,5060,20 \
    --address=/a.bench.test/10.77.0.2 --address=/b.bench.test/10.77.0.3 \
    </dev/null >"$BENCH/names.log" 2>&1 &
  await names "$1" 53
}

# --- Phones --------------------------------------------------------------------------------------------------------

# Writes a phone's settings: directory, modules, further modules.
write_settings() {
  mkdir -p "$1"
  {
    printf 'module_path %s/usr/lib/baresip/modules\n' "$2"
    printf 'module %s\n' stdio.so g711.so aubridge.so
    printf 'module_app %s\n' account.so menu.so "${@:3}"
    printf '%s\n' 'sip_listen 0.0.0.0:5060' 'audio_player aubridge,nil' 'audio_source aubridge,nil' \
      'audio_alert aubridge,nil' 'call_max_calls 4'
  } >"$1/config"
  : >"$1/contacts"
  printf 'cafe0000-0000-4000-8000-%012x' "$RANDOM" >"$1/uuid"
}

# Powers a phone up: on a PTY of its own, and like a phone without link only once the servers can be reached.
power_up() { # name, command…
  local name=$1; shift
  cat >"$BENCH/$name/boot" <<END
#!/bin/bash
until timeout 1 bash -c 'exec 3<>/dev/tcp/10.77.0.2/5060' 2>/dev/null; do sleep 0.2; done
exec ${*@Q}
END
  chmod +x "$BENCH/$name/boot"
  in_host "$name" setsid socat -R "$BENCH/$name.log" "PTY,link=$BENCH/$name.tty,rawer" \
    "EXEC:$BENCH/$name/boot,pty,setsid,ctty,stderr,echo=0" </dev/null >"$BENCH/$name.socat" 2>&1 &
  until [ -e "$BENCH/$name.tty" ]; do sleep 0.02; done
  # A phone stays on when its console cable is pulled: somebody always holds the port open.
  setsid sleep infinity 9<>"$BENCH/$name.tty" &
}

# A phone that moves by priority. Empty polling interval: it never looks back.
start_serreg_phone() { # name, last byte of its address, extension, polling interval in seconds or ""
  local baresip=("$BENCH_TREE/usr/bin/baresip") settings=$BENCH/$1 poll=${4:+;fbregint=$4}
  if [ "$BENCH_TREE" = / ]; then
    baresip=(baresip)
  else
    baresip=("$(ls "$BENCH_TREE"/usr/lib*/ld-linux*.so.* "$BENCH_TREE"/usr/lib/*/ld-linux*.so.* 2>/dev/null | head -n 1)"
      --library-path "$(ls -d "$BENCH_TREE"/usr/lib/*-linux-gnu*)" "${baresip[@]}")
  fi
  add_host "$1" phones "$2"
  write_settings "$settings" "${BENCH_TREE%/}" serreg.so
  local prio=0 registrar
  for registrar in 10.77.0.2 10.77.0.3; do
    echo "<sip:$3@$registrar;transport=udp>;auth_user=$3;auth_pass=pw-$3;regint=30;prio=$prio$poll"
    prio=1
  done >"$settings/accounts"
  power_up "$1" "${baresip[@]}" -f "$settings"
}

# A phone that moves by the order of DNS SRV answers.
start_srv_phone() { # name, last byte of its address, extension
  local settings=$BENCH/$1
  add_host "$1" phones "$2"
  write_settings "$settings" ""
  echo "dns_server 10.77.0.4:53" >>"$settings/config"
  echo "<sip:$3@bench.test;transport=udp>;auth_user=$3;auth_pass=pw-$3;regint=30" >"$settings/accounts"
  power_up "$1" baresip -f "$settings"
}

# A phone that is registered at both servers at once.
start_both_phone() { # name, last byte of its address, extension
  local settings=$BENCH/$1 registrar
  add_host "$1" phones "$2"
  write_settings "$settings" ""
  for registrar in 10.77.0.2 10.77.0.3; do
    echo "<sip:$3@$registrar;transport=udp>;auth_user=$3;auth_pass=pw-$3;regint=30"
  done >"$settings/accounts"
  power_up "$1" baresip -f "$settings"
}

# --- The bench -----------------------------------------------------------------------------------------------------

ip link set lo up
add_switch phones phones0
add_switch servers servers0
start_registrar a 2
start_registrar b 3
if [ -n "$BENCH_TREE" ]; then
  start_serreg_phone p1 11 201 10
  start_serreg_phone p2 12 202 10
  start_serreg_phone p3 13 203 ""
  start_serreg_phone p4 14 204 10
fi
if [ -n "$BENCH_SRV" ]; then
  start_names 4
  start_srv_phone p5 15 205
  start_both_phone p6 16 206
fi
{
  sed '/^# Moves after/,$d' "$here/bench.toml"
  [ -z "$BENCH_TREE" ] || sed -n '/^# Moves after/,$p' "$here/bench.toml"
  [ -z "$BENCH_SRV" ] || cat "$here/bench-srv.toml"
} | sed "s|WORK/|$BENCH/|${BENCH_WIRE_ONLY:+; /^console = /d}" >"$SIPRIG_BENCH"

# In the background, so that a signal to this script is not held up by the command.
env --default-signal=INT,QUIT "$@" <&0 &
command=$!
wait_out "$command"
