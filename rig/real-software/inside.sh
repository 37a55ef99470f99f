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
  quiet_end "" "$2"
  quiet_end "$1" rig
  if [ -z "$BENCH_VLAN" ]; then
    ip -n "$1" link set dev rig master switch
  else
    # The switch's port for the rig is a trunk. Its tags are made by a program: not every kernel has VLAN interfaces.
    ip -n "$1" link add port type veth peer name trunk
    ip -n "$1" link set dev port master switch
    quiet_end "$1" port
    quiet_end "$1" trunk
    ip -n "$1" link set dev trunk promisc on
    ip -n "$1" link set dev rig promisc on
    in_host "$1" setsid "$BENCH_RELAY" "$BENCH_VLAN" trunk rig </dev/null >"$BENCH/$1-vlan.log" 2>&1 &
  fi
}

# In a lab servers are in a network of their own.
add_host() { # name, switch, last byte of its addresses, address families: 4, 6 or both
  local family families=${4:-4}
  add_namespace "$1"
  ip -n "$1" link add dev eth0 address "$(printf '02:00:0a:4d:00:%02x' "$3")" type veth peer name "$1" netns "$2"
  ip -n "$2" link set dev "$1" master switch
  quiet_end "$2" "$1"
  quiet_end "$1" eth0
  for family in ${families//both/4 6}; do
    case $family in
    4) ip -n "$1" address add "${SUBNET:-10.77.0}.$3/24" dev eth0
      ip -n "$1" route add default via "${SUBNET:-10.77.0}.1" ;;
    6) ip -n "$1" address add "fd77::$3/64" dev eth0 nodad
      ip -n "$1" route add default via fd77::1 ;;
    esac
  done
}

# The address of a host: bare, or as it stands in a URI.
address() { if [ "$1" = 4 ]; then echo "10.77.0.$2"; else echo "fd77::$2"; fi; } # family, last byte
in_uri() { if [ "$1" = 4 ]; then echo "10.77.0.$2"; else echo "[fd77::$2]"; fi; }

# What lasts as long as the bench does runs in sessions of its own, so that a Ctrl-C is for the command alone.

# --- Servers -------------------------------------------------------------------------------------------------------

modules=$(dirname "$(ls /usr/lib/*/kamailio/modules/tm.so /usr/lib*/kamailio/modules/tm.so 2>/dev/null | head -n 1)")

start_registrar() { # name, last byte of its address
  local also=()
  [ -z "$BENCH_MIXED" ] || also+=(-A "ADDRESS6=[fd77::$2]")
  [ -z "$BENCH_TLS" ] || also+=(-A "KEY=\"$BENCH/key.pem\"" -A "CERTIFICATE=\"$BENCH/certificate.pem\"")
  add_host "$1" "${SWITCH:-servers}" "$2" ${BENCH_MIXED:+both}
  mkdir -p "/run/kamailio-$1"
  in_host "$1" setsid kamailio -DD -E -f "$here/kamailio.cfg" -m 32 -M 4 -Y "/run/kamailio-$1" -w "/run/kamailio-$1" \
    -A "ADDRESS=${SUBNET:-10.77.0}.$2" -A "CONTROL=\"unix:$BENCH/$1.ctl\"" -A "MODULES=\"$modules\"" "${also[@]}" \
    </dev/null >"$BENCH/$1.log" 2>&1 &
  await "$1" "$2" 5060
}

# Waits until a server listens.
await() { # name, last byte of its address, port
  local tries
  for tries in {1..100}; do
    in_host "$1" bash -c "exec 3<>/dev/tcp/${SUBNET:-10.77.0}.$2/$3" 2>/dev/null && return
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
power_up() { # name, address of a server, command…
  local name=$1 server=$2; shift 2
  cat >"$BENCH/$name/boot" <<END
#!/bin/bash
until timeout 1 bash -c 'exec 3<>/dev/tcp/$server/5060' 2>/dev/null; do sleep 0.2; done
exec ${*@Q}
END
  chmod +x "$BENCH/$name/boot"
  in_host "$name" setsid socat -R "$BENCH/$name.log" "PTY,link=$BENCH/$name.tty,rawer" \
    "EXEC:$BENCH/$name/boot,pty,setsid,ctty,stderr,echo=0" </dev/null >"$BENCH/$name.socat" 2>&1 &
  until [ -e "$BENCH/$name.tty" ]; do sleep 0.02; done
  # A phone stays on when its console cable is pulled: somebody always holds the port open.
  setsid sleep infinity 9<>"$BENCH/$name.tty" &
}

# How the baresip with `serreg` is started: `${baresip[@]}`.
find_serreg() {
  baresip=(baresip)
  [ "$BENCH_TREE" = / ] || baresip=(
    "$(ls "$BENCH_TREE"/usr/lib*/ld-linux*.so.* "$BENCH_TREE"/usr/lib/*/ld-linux*.so.* 2>/dev/null | head -n 1)"
    --library-path "$(ls -d "$BENCH_TREE"/usr/lib/*-linux-gnu*)" "$BENCH_TREE/usr/bin/baresip")
}

# A phone that moves by priority between servers. Further settings are `transport=`, `family=` (of addresses), `lifetime=`
# and `poll=` (in seconds; empty: it never looks back), `servers=` (last bytes, in order). Over TLS it takes any
# certificate.
start_serreg_phone() { # name, last byte of its address, extension, settings…
  local name=$1 last=$2 extension=$3; shift 3
  [[ -z $BENCH_PHONES || ,$BENCH_PHONES, = *,$name,* ]] || return 0
  local transport=udp family=4 lifetime=30 poll=10 servers="2 3" prio=0 server
  [ $# = 0 ] || local "$@"
  local settings=$BENCH/$name
  find_serreg
  add_host "$name" phones "$last" "$family"
  write_settings "$settings" "${BENCH_TREE%/}" serreg.so
  echo "sip_verify_server no" >>"$settings/config"
  for server in $servers; do
    printf '<sip:%s@%s;transport=%s>;auth_user=%s;auth_pass=pw-%s;regint=%s;prio=%s' "$extension" \
      "$(in_uri "$family" "$server")" "$transport" "$extension" "$extension" "$lifetime" "$prio"
    echo "${poll:+;fbregint=$poll}"
    prio=1
  done >"$settings/accounts"
  power_up "$name" "$(address "$family" "${servers%% *}")" "${baresip[@]}" -f "$settings"
}

# A phone that moves by the order of DNS SRV answers.
start_srv_phone() { # name, last byte of its address, extension
  local settings=$BENCH/$1
  add_host "$1" phones "$2"
  write_settings "$settings" ""
  echo "dns_server 10.77.0.4:53" >>"$settings/config"
  echo "<sip:$3@bench.test;transport=udp>;auth_user=$3;auth_pass=pw-$3;regint=30" >"$settings/accounts"
  power_up "$1" 10.77.0.2 baresip -f "$settings"
}

# A phone that is registered at both servers at once.
start_both_phone() { # name, last byte of its address, extension
  local settings=$BENCH/$1 registrar
  add_host "$1" phones "$2"
  write_settings "$settings" ""
  for registrar in 10.77.0.2 10.77.0.3; do
    echo "<sip:$3@$registrar;transport=udp>;auth_user=$3;auth_pass=pw-$3;regint=30"
  done >"$settings/accounts"
  power_up "$1" 10.77.0.2 baresip -f "$settings"
}

# --- The bench -----------------------------------------------------------------------------------------------------

ip link set lo up
add_switch phones phones0
add_switch servers servers0
if [ -n "$BENCH_TLS" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=bench.test \
    -keyout "$BENCH/key.pem" -out "$BENCH/certificate.pem" 2>"$BENCH/openssl.log"
fi
if [ -n "$BENCH_LAB" ]; then
  . "$here/lab.sh"
  start_lab
else
  start_registrar a 2
  start_registrar b 3
fi
if [ -n "$BENCH_LAB" ]; then
  :
elif [ -n "$BENCH_MIXED" ]; then
  start_serreg_phone udp 21 301 lifetime=20
  start_serreg_phone tcp 22 302 lifetime=20 transport=tcp
  start_serreg_phone udp6 23 303 lifetime=20 family=6
  start_serreg_phone tcp6 24 304 lifetime=20 family=6 transport=tcp
  start_serreg_phone stays 25 305 lifetime=20 poll=
  start_serreg_phone renews 26 306 lifetime=20 poll= servers=3
elif [ -n "$BENCH_TLS" ]; then
  start_serreg_phone tls 27 307 lifetime=20 transport=tls
elif [ -n "$BENCH_TREE" ]; then
  start_serreg_phone p1 11 201
  start_serreg_phone p2 12 202
  start_serreg_phone p3 13 203 poll=
  start_serreg_phone p4 14 204
fi
if [ -n "$BENCH_SRV" ]; then
  start_names 4
  start_srv_phone p5 15 205
  start_both_phone p6 16 206
fi
if [ -n "$BENCH_LAB" ]; then
  # Whoever comes to it has no bench file yet.
  :
elif [ -n "$BENCH_MIXED" ]; then
  cat "$here/bench-mixed.toml"
elif [ -n "$BENCH_TLS" ]; then
  cat "$here/bench-tls.toml"
else
  sed '/^# Moves after/,$d' "$here/bench.toml"
  [ -z "$BENCH_TREE" ] || sed -n '/^# Moves after/,$p' "$here/bench.toml"
  [ -z "$BENCH_SRV" ] || cat "$here/bench-srv.toml"
fi | awk -v RS= -v ORS='\n\n' -v only="$BENCH_PHONES" '
    { name = $0; sub(/^.*\nname = "/, "", name); sub(/".*$/, "", name) }
    only == "" || !/\[\[phone\]\]/ || index("," only ",", "," name ",")' |
  sed "s|WORK/|$BENCH/|${BENCH_WIRE_ONLY:+; /^console = /d}${BENCH_VLAN:+; s/^server-side = .*/&\nvlan = $BENCH_VLAN/}" \
  >"$SIPRIG_BENCH"

# In the background, so that a signal to this script is not held up by the command.
env --default-signal=INT,QUIT "$@" <&0 &
command=$!
wait_out "$command"
