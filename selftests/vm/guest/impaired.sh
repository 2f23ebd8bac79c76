#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: packets between gateway and servers are lost, delayed, overtaken, doubled and damaged. Each
# shows where it should, none of them moves a pool, and under each a real death is found out.
# shellcheck source=selftests/vm/guest/guest.sh
. "$(dirname "$0")/guest.sh"

# impaired WHAT NEXT FILTER NUMBER PARAMETER...: the status reaches that number, nothing moves; then the
# serving server dies, and NEXT serves
impaired()
{
	local what=$1 next=$2 filter=$3 number=$4 before
	shift 4
	before=$(status "$filter")
	netem "$@"
	must 300 at_least "$filter" $((before + number))
	probes_pass 300
	expect "epoch and server, $what" "$(status -c '.pools[0] | [.epoch, .active[0]]')" "[$epoch,\"$(serving)\"]"
	echo "$what ($*): $filter: $before, now $(status "$filter")"
	kill_serving "$next"
	netem
	must 120 all_well
}

expired='[.servers[].addresses[].expired] | add'
damaged='.counters.beat | .reply_forged + .reply_bad_target + .reply_bad_source + .reply_truncated'

lab_start --servers 3
world e0 >"$work/before"
daemon_config --interval 10ms --misses 5 --recover 10/200ms --timeout '{min: 40ms, max: 150ms}'
daemon_begin
events_start
clients_start --rate 100
must 30 served_by s1

impaired "lost" s2 "$expired" 20 loss 1%
impaired "delayed" s3 '[.servers[].addresses[].rtt_smoothed_us] | min | . / 1000 | floor' 8 delay 10ms 5ms
impaired "overtaken" s1 '.counters.beat.replies' 1000 delay 15ms reorder 30% 50%
impaired "doubled" s2 '.counters.beat.reply_replayed' 50 duplicate 20%
impaired "damaged" s3 "$damaged" 20 corrupt 2%
status -c .counters.beat
clients_stop "s1 s2 s3 s1 s2 s3" "$CLIENTS_NOTICE"
story_end e0
