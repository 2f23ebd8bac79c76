# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for the test; set by net.sh and lab.sh
#
# What the stories of failovers share: source it after selftests/lib/lab.sh.

# shellcheck source=selftests/lib/operate.sh
. "$root/selftests/lib/operate.sh"

FAMILIES=(4 6)
epoch=0
declare -A SERVICE=([4]=10.79.0.100 [6]=fd79::100)

# The end of the daemon's log, if the test failed; $status is net_finish's.
story_tell()
{
	# shellcheck disable=SC2154
	[ "$status" -eq 0 ] || tail -n 40 "$work/defibd.log"
}
at_exit story_tell

# daemon_begin: it runs and all is well, also on a busy machine; sets epoch
daemon_begin()
{
	daemon_start
	must 30 all_well
	epoch=$(epoch)
}

# story_start [ARGUMENT of `tools/lab up`]...: lab, daemon (after daemon_config), events, all well
story_start()
{
	lab_start "$@"
	daemon_begin
	events_start
}

# --- clients, one in each family ------------------------------------------------------------------

clients_start() # [ARGUMENT of pace]...
{
	local family
	for family in "${FAMILIES[@]}"; do
		traffic_start "$family" --to "${SERVICE[$family]}" "$@"
	done
}

# served_by SERVER: both are, for wait_until
served_by()
{
	local family
	for family in "${FAMILIES[@]}"; do
		traffic_moved "$family" "$1" || return 1
	done
}

# clients_stop MOVES [SECONDS]: who served them one after another ("s1 s2 s3"), and how long they
# noticed: each time for less than a second, or that many
clients_stop()
{
	local family report served
	for family in "${FAMILIES[@]}"; do
		report=$(traffic_stop "$family")
		served=$(jq -rs 'map(select(has("from")).to) | join(" ")' "$work/traffic.$family")
		echo "IPv$family: served by $served; $(json '"\(.lost) of \(.sent) lost; outages " +
			([.edges[].outage_us / 10 | round / 100 | "\(.) ms"] | join(", "))' <<<"$report")"
		expect "who served over IPv$family" "$served" "$1"
		[ "$(json ".outage_us < ${2:-1} * 1000000" <<<"$report")" = true ] ||
			fail "the clients noticed too long"
	done
}

# --- who serves -----------------------------------------------------------------------------------

# moved EPOCH SERVER / committed EPOCH SERVER: of the kernel / of the routing tables, too
moved()
{
	status_is ".pools[0] | .epoch == $1 and .active == [\"$2\"]"
}

committed()
{
	status_is ".pools[0] | .epoch == $1 and .committed == $1 and .active == [\"$2\"]"
}

# via FAMILY: the server that the table of record sends the service's packets to
via()
{
	on gateway ip "-$1" route get "${SERVICE[$1]}" | sed -n 's/.* via [^ ]*1\([0-9]\) .*/s\1/p'
}

recorded() # SERVER
{
	[ "$(via 4) $(via 6)" = "$1 $1" ]
}

# --- what is told ---------------------------------------------------------------------------------

# history FILTER: what the history has of it, one JSON object a line
history()
{
	defib -j event list | json -c "select($1)"
}

# told FILTER: does the history have it? For wait_until.
told()
{
	history "$1" | grep -q .
}

# --- time that passes -----------------------------------------------------------------------------

# probes_tried: for each address
probes_tried()
{
	status '((.prober | .sent + .failed) / ([.servers[].addresses[]] | length)) | floor'
}

probes_reach() # NUMBER
{
	[ "$(probes_tried)" -ge "$1" ]
}

# probes_pass N: until so many more were tried of each address: the time in which a wrong move would come
probes_pass()
{
	must 60 probes_reach $(($(probes_tried) + $1))
}

# stays EPOCH SERVER: nothing moves while 500 more probes pass
stays()
{
	probes_pass 500
	expect "epoch and server" "$(status -c '.pools[0] | [.epoch, .active[0]]')" "[$1,\"$2\"]"
}

# --- processes ------------------------------------------------------------------------------------

worker_pid()
{
	pgrep -P "$daemon_pid"
}

prober_pid()
{
	status '.prober.pid // 0'
}
