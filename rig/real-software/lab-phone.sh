#!/bin/bash
# A desk phone of the lab from power to its registration: DHCP, NTP, TFTP, then the registrars that its files name.
#
#   lab-phone.sh SETTINGS MAC COMMAND…      SETTINGS: its directory; COMMAND: baresip
#
# It asks until it is answered, as a phone does that has no link yet.
set -uo pipefail

settings=$1 mac=$2; shift 2
cd "$settings" || exit 1

cat >lease.sh <<'END'
#!/bin/sh
# Called by udhcpc(1) with what it was granted.
case $1 in
bound | renew)
  ip address replace "$ip/${mask:-24}" dev "$interface"
  [ -z "${router:-}" ] || ip route replace default via "${router%% *}"
  printf 'server=%s\ntime=%s\n' "${tftp:-$siaddr}" "${ntpsrv:-}" >lease.new && mv lease.new lease ;;
esac
END
chmod +x lease.sh
busybox udhcpc -f -i eth0 -t 1000000 -T 1 -A 1 -O tftp -O ntpsrv -s ./lease.sh &
until [ -e lease ]; do sleep 0.1; done
. ./lease

# A client's packet has nothing but its version and its mode (RFC 5905 section 7.3).
asks_time() {
  exec 3<>"/dev/udp/$time/123"
  printf '\x23%47s' '' | tr ' ' '\0' >&3
  [ "$(timeout 2 head -c 48 <&3 | wc -c)" = 48 ]
}
until asks_time; do sleep 1; done

until busybox tftp -g -r aastra.cfg -l common "$server"; do sleep 1; done
until busybox tftp -g -r "$mac.cfg" -l own "$server"; do sleep 1; done

# A parameter: of two files that have it the phone's own one counts.
value() { sed -n "s/^$1: *//p" common own | tail -n 1; }
user=$(value 'sip line1 user name') lifetime=$(value 'sip registration period')
prio=0
for registrar in "$(value 'sip registrar ip')" "$(value 'sip backup registrar ip')"; do
  printf '<sip:%s@%s;transport=udp>;auth_user=%s;auth_pass=pw-%s;regint=%s;prio=%s;fbregint=10\n' \
    "$user" "$registrar" "$(value 'sip line1 auth name')" "$user" "$lifetime" "$prio"
  prio=1
done >accounts
# It ends when nobody can type to it any more.
exec "$@" -f "$settings" < <(exec sleep infinity)
