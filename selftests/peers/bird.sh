# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for selftests/lib/peers.sh; set by it
#
# BIRD 2: a BFD session from the gateway to each server, a static route over each, in order of preference.

bird_PROGRAM=/usr/sbin/bird

# bird_takes INTERVAL_US: the smallest that it is asked for; its configuration takes any
bird_takes()
{
	[ "$1" -ge 250 ]
}

# `idle tx interval` is for sessions that are not up: they come back sooner, and the next kill with them.
bird_bfd() # INTERVAL_US DEVICE MORE...
{
	cat <<-END
	log "$work/bird.$host.log" { debug, trace, info, remote, warning, error, auth, fatal, bug };
	protocol device { }
	protocol bfd watch {
		debug { events };
		interface "$2" {
			min rx interval $1 us;
			min tx interval $1 us;
			idle tx interval 100 ms;
			multiplier 3;
		};
		$3
	}
	END
}

bird_config_gateway() # INTERVAL_US
{
	local i host=gateway
	echo "router id 10.78.0.1;"
	bird_bfd "$1" e0 ""
	for i in $SERVERS; do
		echo "protocol static by_s$i { ipv4 { preference $((200 - i)); };"
		echo "	route $SERVICE_ADDRESS/32 via 10.78.0.1$i bfd; }"
	done
	echo "protocol kernel { ipv4 { export all; import none; }; }"
}

bird_config_server() # NUMBER INTERVAL_US
{
	local host=s$1
	echo "router id 10.78.0.1$1;"
	bird_bfd "$2" eth0 "neighbor 10.78.0.1;"
}

bird_run() # HOST
{
	spawn "$1" bird "$bird_PROGRAM" -f -c "$work/bird.$1.conf" \
		-s "$work/bird.$1.ctl" -P "$work/bird.$1.pid"
}

bird_start() # INTERVAL_US
{
	local i
	bird_config_gateway "$1" >"$work/bird.gateway.conf"
	bird_run gateway
	for i in $SERVERS; do
		bird_config_server "$i" "$1" >"$work/bird.s$i.conf"
		bird_run "s$i"
	done
}

# All sessions up, and the preferred route in the kernel's table.
bird_ready()
{
	[ "$(birdc -s "$work/bird.gateway.ctl" show bfd sessions watch | grep -cw Up)" = "$COUNT" ] &&
		route_via "$FIRST"
}

# What the gateway's BIRD took for a death.
bird_flaps()
{
	cat "$work/bird.gateway.log"* | grep -c "from Up to Down" || true
}

# bird_freezes: what may be frozen, a line each: PIDS<TAB>NAME
bird_freezes()
{
	printf '%s\t%s\n' "$(pids_of gateway bird)" 'bird on the gateway' "$(pids_of s2 bird)" 'bird on a standby'
}
