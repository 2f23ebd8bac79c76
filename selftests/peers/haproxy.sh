# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for selftests/lib/peers.sh; set by it
#
# HAProxy on the gateway, which ends clients' connections and makes its own to a server; those behind the
# first are `backup`. A death is three attempts, each with an interval of patience.

haproxy_PROGRAM=/usr/sbin/haproxy
HAPROXY_STATUS=9999 # a port on the gateway's loopback

haproxy_config() # INTERVAL_MS
{
	local i port
	cat <<-END
	global
		stats socket ipv4@127.0.0.1:$HAPROXY_STATUS
	defaults
		mode tcp
		timeout connect $(($1 * 3))ms
		timeout client 1h
		timeout server 1h
		option redispatch 1
	listen service
	END
	for port in $SERVICE_PORTS; do
		echo "	bind $SERVICE_ADDRESS:$port"
	done
	cat <<-END
		option httpchk GET /
		default-server check port 80 inter $1ms fastinter 1ms fall 3 rise 2
		default-server on-marked-down shutdown-sessions
	END
	for i in $SERVERS; do
		echo "	server s$i 10.78.0.1$i $([ "s$i" = "$FIRST" ] || echo backup)"
	done
}

haproxy_start() # INTERVAL_US
{
	on gateway ip address add "$SERVICE_ADDRESS/32" dev lo
	haproxy_config $(($1 / 1000)) >"$work/haproxy.conf"
	spawn gateway haproxy "$haproxy_PROGRAM" -db -f "$work/haproxy.conf"
}

haproxy_stop()
{
	on gateway ip address del "$SERVICE_ADDRESS/32" dev lo
}

haproxy_ready()
{
	# shellcheck disable=SC2016 # for the other shell
	[ "$(on gateway bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && echo show stat >&3 && cat <&3' \
		"$HAPROXY_STATUS" | grep -c '^service,s[0-9].*,UP,')" = "$COUNT" ]
}
