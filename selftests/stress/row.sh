#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# selftests/stress/row.sh ROW SECONDS [OPTION of `tools/lab config`]...
#
# A row of the stress ladder. A lab of three servers with probes every millisecond and clients is under a
# stress, or several with + between their names, and an oracle watches the wire. No server is touched
# meanwhile. Then the serving server is really killed, again and again, under the same stress, so that a
# detector or an oracle that has fallen asleep is noticed. Prints a line of the table.
#
# Fails if anything was switched but by the kills, if a verdict was given that the wire does not confirm,
# or a death was not noticed. Several rows may run at once: STRESS_LANE tells them apart.

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
prefix=$prefix-${STRESS_LANE:-a}
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$root/selftests/lib/failover.sh"
# shellcheck source=selftests/stress/stresses.sh
. "$root/selftests/stress/stresses.sh"
need jq

row=$1 seconds=$2
shift 2

# The oracle ran to its end; what it says and the events are kept where STRESS_LOG says.
keep()
{
	[ -z "${STRESS_LOG:-}" ] || cat "$work/oracle" "$work/events" >"$STRESS_LOG/$row"
}

print_row()
{
	grep seconds "$work/oracle" |
		jq -rs --arg row "$row" --slurpfile events "$work/events" '.[0] as $r |
			def told($s): $events | map(select(.kind == "server-state" and .to == $s)) | length;
			[$row, ($r.seconds | floor), $r.sent, $r.expired, told("suspect"), $r.graces,
			 told("unknown"), $r.true + $r.false + $r.blind, $r.false + $r.blind, $r.faults,
			 $r.timer_late_us, $r.reply_us, (.[1].kill_us | max)] | @tsv' |
		awk -F'\t' -v form="$STRESS_FORM" '{printf form, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
			$12, $13}'
}

# Rows that run side by side begin together: a machine under stress is slow to set up a lab.
meet()
{
	arrive
	wait_until 240 all_met || fail "$row: the others did not come"
}

arrive()
{
	: >"$STRESS_MEET/$STRESS_LANE"
}

all_met()
{
	[ "$(find "$STRESS_MEET" -type f | wc -l)" -ge "$STRESS_LANES" ]
}

if [[ +$row+ == *+memory+* ]] && ! memory_is_there; then
	[ -z "${STRESS_MEET:-}" ] || arrive
	skip "no memory cgroup can be made here"
fi
lab_start --servers 3
at_exit stress_stop
at_exit keep
cables_prepare
daemon_config --interval 1ms --recover 10/500ms "$@"
daemon_start
must 120 all_well
events_start
clients_start --rate 200
[ -z "${STRESS_MEET:-}" ] || meet
oracle_start --seconds "$seconds" --kills 3
for name in ${row//+/ }; do
	"start_$name"
done
oracle_wait
stress_lives
stress_stop
print_row
moved=$(grep -m 1 seconds "$work/oracle" | json .switches)
[ "$oracle_status/$moved" = 0/0 ] || fail "$row: $(cat "$work/oracle"; tail -n 20 "$work/events")"
must 120 all_well
