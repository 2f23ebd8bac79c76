#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Loss in bursts on the way to a server is counted, shown, and what becomes of it is told by the check of a
# configuration: a warning, and no error.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
need jq

# loss FILTER: what the check knows about the address whose cable is bad
loss()
{
	defib --json config check "$work/defib.yaml" |
		jq -r ".loss[] | select(.server == \"s1\" and .address == \"10.78.0.11\") | $1"
}

has_measured()
{
	[ "$(loss '.probes >= 2000 and .lost >= 100')" = true ]
}

lab_start --servers 2
daemon_config --interval 5ms --misses 8
daemon_ready
lab loss s1 --p 0.1 --r 0.7
wait_until 90 has_measured || fail "after 90 s: $(loss .)"
[ "$(lab loss s1 | jq .lost)" -ge 100 ] || fail "the cable has lost less than what was counted"
expect "loss in bursts: $(loss .)" "$(loss '.loss_ratio > 0.03 and .loss_ratio < 0.3 and
	.loss_again_ratio > 0.25')" true
said=$(defib config check "$work/defib.yaml" 2>&1) || fail "the check calls it an error: $said"
grep -q 'warning: s1 10.78.0.11: .* after a loss: at 5ms x 8 expect a false verdict every' <<<"$said" ||
	fail "no warning: $said"
expect "the share in the status" "$(status '.servers[] | select(.name == "s1") | .loss_ratio > 0.03')" true
lab loss s1 off
wait_until 30 all_well || fail "s1 does not recover: $(status -c .)"
