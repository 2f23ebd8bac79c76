# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for selftests/lib/peers.sh; set by it
#
# keepalived: the servers agree by VRRP 3 which of them holds the service address, and announce it by ARP. The
# gateway has no part but to resolve the address on the servers' segment.

keepalived_PROGRAM=/usr/sbin/keepalived

# keepalived_takes INTERVAL_US: VRRP 3 counts in hundredths of a second
keepalived_takes()
{
	[ "$1" -ge 10000 ]
}

# Each process makes its pid file. The address is announced again after a conflict, or the gateway would stay
# with the loser's.
keepalived_config() # NUMBER INTERVAL_US
{
	cat <<-END
	global_defs {
		router_id s$1
		vrrp_version 3
		vrrp_higher_prio_send_advert true
		vrrp_garp_lower_prio_repeat 1
	}
	vrrp_instance service {
		state BACKUP
		interface eth0
		virtual_router_id 79
		priority $((200 - $1 * 10))
		advert_int $(awk -v us="$2" 'BEGIN { printf "%.2f", us / 1e6 }')
		virtual_ipaddress {
			$SERVICE_ADDRESS/32 dev eth0
		}
	}
	END
}

keepalived_start() # INTERVAL_US
{
	local i base
	on gateway ip route add "$SERVICE_ADDRESS" dev e0
	for i in $SERVERS; do
		base=$work/keepalived.s$i
		keepalived_config "$i" "$1" >"$base.conf"
		on "s$i" ip address del "$SERVICE_ADDRESS/32" dev lo
		spawn "s$i" keepalived /usr/sbin/keepalived --vrrp --dont-fork --log-console --no-syslog \
			--use-file="$base.conf" --pid="$base.pid" --vrrp_pid="$base.vrrp.pid"
	done
}

keepalived_stop()
{
	local i
	for i in $SERVERS; do
		on "s$i" ip address flush dev eth0 to "$SERVICE_ADDRESS"
		on "s$i" ip address add "$SERVICE_ADDRESS/32" dev lo
	done
	on gateway ip route del "$SERVICE_ADDRESS" dev e0
}

keepalived_state() # SERVER: the last that its log tells
{
	sed -n 's/.*(service) Entering \([A-Z]*\) STATE.*/\1/p' "$work/keepalived.$1.out" | tail -n 1
}

# The preferred server is the only master.
keepalived_ready()
{
	local i masters=
	for i in $SERVERS; do
		[ "$(keepalived_state "s$i")" != MASTER ] || masters+=s$i
	done
	[ "$masters" = "$FIRST" ]
}

# Each time that a server other than the preferred one took the address over.
keepalived_flaps()
{
	local i
	for i in $SERVERS; do
		[ "s$i" = "$FIRST" ] || cat "$work/keepalived.s$i.out"
	done | grep -c 'Entering MASTER STATE' || true
}

# keepalived_freezes: what may be frozen, a line each: PIDS<TAB>NAME; parent and child
keepalived_freezes()
{
	local host base
	for host in s2 s1; do
		base=$work/keepalived.$host
		printf '%s %s\t' "$(cat "$base.pid")" "$(cat "$base.vrrp.pid")"
		[ $host = s1 ] && echo 'keepalived that serves' || echo 'keepalived next in line'
	done
}
