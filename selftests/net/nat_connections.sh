#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# TCP connections to a translated service: who only listens learns at once that its server is dead, and those
# with a server that is taken out of service stay there until they end.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/nat.sh
. "$(dirname "$0")/../lib/nat.sh"
# shellcheck source=selftests/lib/stay.sh
. "$root/selftests/lib/stay.sh"
need jq nft conntrack

ALL=$((2 * STAY_EACH))

# entries_of ZONE: established ones
entries_of()
{
	tracked | grep ESTABLISHED | grep -c "zone-orig=$1 " || true
}

nat_start
stay_serve s1 s2 s3

stay_both idle s1
lab_cut s1
stay_both_end idle reset
for family in "${FAMILIES[@]}"; do
	echo "IPv$family: reset after $(stay_times "idle$family") us"
done
must 5 serves web s2
lab_heal s1
must 10 server_is s1 up

stay_both old s2 10ms
code 0 defib server maintenance s2 on
must 5 serves web s3
stay_both new s3
must 10 drained s2 $ALL
code 0 defib server maintenance s1 on --now # a commit; then what is stale goes
code 0 defib server maintenance s1 off
expect "tracked connections with s2" "$(entries_of 7802)" $ALL
stay_both_are_well old
drained_of s2 "its connections have ended" 0

code 0 defib server maintenance s3 on --deadline 2s
must 5 serves web s1
stay_both_end new reset
drained_of s3 "the time is over" $ALL
must 10 eval '[ "$(entries_of 7803)" = 0 ]'
