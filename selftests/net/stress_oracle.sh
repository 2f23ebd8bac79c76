#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
# The oracle of the stress ladder can fail: it calls a verdict false that is planted (the replies of s2
# leave s2 in time, and are lost behind the tap), and true when s3 is really cut off.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$root/selftests/lib/operate.sh"
# shellcheck source=selftests/stress/stresses.sh
. "$root/selftests/stress/stresses.sh"
need jq

# only RULING SERVER: somebody was ruled so, and nobody else
only()
{
	grep ruling "$work/oracle" |
		jq -se "map(select(.ruling == \"$1\").server) | unique == [\"$2\"]" >/dev/null ||
		fail "$(cat "$work/oracle")"
}

lab_start --servers 3
cables_prepare
daemon_config --interval 2ms
daemon_start
must 120 all_well
oracle_start --deaf s2
must 60 ruled false s2
must 60 server_is s2 down
lab_cut s3
must 60 ruled true s3
kill "$oracle_pid"
oracle_wait
expect "the oracle's exit status" "$oracle_status" 3
only false s2
only true s3
expect "switches" "$(tail -n 1 "$work/oracle" | json .switches)" 0
serves web s1 || fail "$(status -c .)"

# A server that is up again is watched again, and a daemon that is away is no matter.
lab_heal s3
must 60 server_is s3 up
daemon_stop KILL
echo "$(grep -c ruling "$work/oracle") verdicts judged: $(tail -n 1 "$work/oracle")"
