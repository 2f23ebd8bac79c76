# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for selftests/lib/peers.sh; set by it
#
# keepalived's checks and the kernel's IPVS on the gateway, translating (masquerading); the scheduler `fo`
# takes the heaviest of those that are there. A death is three attempts, each with an interval of patience.

ipvs_PROGRAM=/usr/sbin/keepalived

# ipvs_service PORT INTERVAL: in seconds
ipvs_service()
{
	local i
	cat <<-END
	virtual_server $SERVICE_ADDRESS $1 {
		protocol TCP
		lvs_method NAT
		lvs_sched fo
		delay_loop $2
		connect_timeout $2
		retry 2
		delay_before_retry 0.001
		warmup 0
	END
	for i in $SERVERS; do
		cat <<-END
		real_server 10.78.0.1$i $1 {
			weight $((10 - i))
			TCP_CHECK { }
			HTTP_GET {
				connect_port 80
				url {
					path /
					status_code 200
				}
			}
		}
		END
	done
	echo '}'
}

# The service's address is the gateway's own. What a connection's dead server is sent ends the connection.
ipvs_start() # INTERVAL_US
{
	local seconds port base=$work/ipvs
	seconds=$(awk -v us="$1" 'BEGIN { printf "%.6f", us / 1e6 }')
	modprobe ip_vs
	on gateway sysctl -qw net.ipv4.vs.expire_nodest_conn=1
	on gateway ip address add "$SERVICE_ADDRESS/32" dev lo
	for port in $SERVICE_PORTS; do
		ipvs_service "$port" "$seconds"
	done >"$base.conf"
	spawn gateway ipvs "$ipvs_PROGRAM" --check --dont-fork --log-console --no-syslog \
		--use-file="$base.conf" --pid="$base.pid" --checkers_pid="$base.checkers.pid"
}

ipvs_stop()
{
	on gateway ip address del "$SERVICE_ADDRESS/32" dev lo
	on gateway ipvsadm --clear
}

ipvs_ready()
{
	[ "$(on gateway ipvsadm -Ln | grep -c ' 10\.78\.0\.1')" = $((COUNT * $(wc -w <<<"$SERVICE_PORTS"))) ]
}
