# A lab as it is met on the first day; read by `inside.sh`, whose functions it uses. Nothing of siprig's is told of it but two links.
#
#   phones, tagged ── access switch ══ phones0 [ siprig ] servers0 ══ core switch ── router ── servers a, b
#
# Phones have no consoles. They take their address by DHCP, the time by NTP (RFC 5905), and `aastra.cfg` and `<MAC>.cfg` by TFTP
# (RFC 1350), all three from the host of server a, and become a baresip with the two registrars that stand there. Half of them are at
# home at b. Two that nobody declares ask server a without a pause: one beside the phones, one in the untagged network of the trunk.

lab_provisioning=$BENCH/tftp

# The router between phones and servers, which also carries DHCP to the primary's host (RFC 2131 section 2).
start_router() {
  add_namespace dc
  ip -n dc link add switch type bridge mcast_snooping 0
  ip -n dc link set dev switch addrgenmode none up
  add_host router servers 1
  ip -n router route del default
  ip -n router link add dev eth1 address 02:00:0a:4e:00:01 type veth peer name router netns dc
  ip -n dc link set dev router master switch
  quiet_end dc router
  quiet_end router eth1
  ip -n router address add 10.78.0.1/24 dev eth1
  in_host router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  in_host router setsid dnsmasq --no-daemon --conf-file=/dev/null --pid-file=/run/relay.pid --port=0 \
    --dhcp-relay=10.77.0.1,10.78.0.2 </dev/null >"$BENCH/relay.log" 2>&1 &
}

# What else runs on the primary's host.
start_services() {
  in_host a setsid dnsmasq --no-daemon --conf-file=/dev/null --pid-file=/run/dhcp.pid --port=0 \
    --dhcp-leasefile="$BENCH/leases" --dhcp-range=10.77.0.50,10.77.0.99,255.255.255.0,10.77.0.255,2m \
    --dhcp-option=option:router,10.77.0.1 --dhcp-option=option:ntp-server,10.78.0.2 \
    --dhcp-option=option:tftp-server,10.78.0.2 --enable-tftp --tftp-root="$lab_provisioning" \
    </dev/null >"$BENCH/dhcp.log" 2>&1 &
  printf '%s\n' 'local stratum 8' allow 'bindcmdaddress /' 'cmdport 0' 'pidfile /run/chronyd.pid' >"$BENCH/chrony.conf"
  in_host a setsid chronyd -x -d -u root -f "$BENCH/chrony.conf" </dev/null >"$BENCH/ntp.log" 2>&1 &
}

write_provisioning() {
  mkdir -p "$lab_provisioning"
  cat >"$lab_provisioning/aastra.cfg" <<END
sip registrar ip: 10.78.0.2
sip proxy ip: 10.78.0.2
sip backup registrar ip: 10.78.0.3
sip backup proxy ip: 10.78.0.3
sip registration period: 30
END
}

# A phone of the lab. Its place at home is a or b; its own file says what differs from everybody's.
start_lab_phone() { # last byte of its MAC, extension, home
  local name=phone$1 settings=$BENCH/phone$1 mac
  add_namespace "$name"
  mac=$(printf '02:00:0a:4d:00:%02x' "$1")
  ip -n "$name" link add dev eth0 address "$mac" type veth peer name "$name" netns phones
  ip -n phones link set dev "$name" master switch
  quiet_end phones "$name"
  quiet_end "$name" eth0
  mac=${mac//:/}
  {
    echo "sip line1 user name: $2"
    echo "sip line1 auth name: $2"
    [ "$3" = a ] || printf '%s\n' 'sip registrar ip: 10.78.0.3' 'sip proxy ip: 10.78.0.3' \
      'sip backup registrar ip: 10.78.0.2' 'sip backup proxy ip: 10.78.0.2'
  } >"$lab_provisioning/${mac^^}.cfg"
  write_settings "$settings" "${BENCH_TREE%/}" serreg.so
  in_host "$name" setsid "$here/lab-phone.sh" "$settings" "${mac^^}" "${baresip[@]}" </dev/null >"$BENCH/$name.log" 2>&1 &
}

# Somebody whom nobody declares asks a host without a pause, and notes each answer with its number.
start_bystander() { # name, address to ask
  in_host "$1" setsid busybox ping -i 0.1 "$2" </dev/null >"$BENCH/$1.ping" 2>&1 &
}

# Two hosts in the network without a tag of the same trunk.
start_untagged() {
  local side host last
  for side in phones servers; do
    ip -n "$side" link add data type bridge mcast_snooping 0
    ip -n "$side" link set dev data addrgenmode none up
    ip -n "$side" link set dev rig master data
  done
  for host in pc:phones:5 store:servers:2; do
    IFS=: read -r host side last <<<"$host"
    add_namespace "$host"
    ip -n "$host" link add dev eth0 address "02:00:0a:4f:00:0$last" type veth peer name "$host" netns "$side"
    ip -n "$side" link set dev "$host" master data
    quiet_end "$side" "$host"
    quiet_end "$host" eth0
    ip -n "$host" address add "10.79.0.$last/24" dev eth0
  done
}

start_lab() {
  write_provisioning
  start_router
  SUBNET=10.78.0 SWITCH=dc start_registrar a 2
  SUBNET=10.78.0 SWITCH=dc start_registrar b 3
  start_services
  find_serreg
  start_lab_phone 17 401 a
  start_lab_phone 18 402 a
  start_lab_phone 19 403 b
  start_lab_phone 20 404 b
  add_host neighbour phones 30
  start_bystander neighbour 10.78.0.2
  start_untagged
  start_bystander pc 10.79.0.2
}
