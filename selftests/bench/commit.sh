#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# How long the commit takes, after the kernel's switch, by the number of service prefixes that follow the
# pool's nexthop object, with net.ipv4.nexthop_compat_mode 1 (the kernel's default: one notification for
# each route) and 0. The real daemon, after real kills. DEFIB_KILLS sets their number per row (30).

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"

KILLS=${DEFIB_KILLS:-30}

# prefixes: routes of ours that are there
prefixes()
{
	on gateway ip -4 route show table main proto 223 | wc -l
}

# all_well_with N: and that many routes are there; for wait_until
all_well_with()
{
	all_well && [ "$(prefixes)" -eq "$1" ]
}

# commits SERVICES
commits()
{
	local mode row
	[ -z "${daemon_pid:-}" ] || daemon_stop
	daemon_config --interval 10ms --recover 3/20ms --family 4 --services "$1"
	daemon_start
	wait_until 120 all_well_with "$1" || daemon_fail "$1 services: $(prefixes) routes, $(status -c .pools)"
	for mode in 1 0; do
		row="$1 prefixes, compat mode $mode"
		on gateway sysctl -qw net.ipv4.nexthop_compat_mode=$mode
		on gateway "$root/build/lab/outages" --lab "$prefix" --instance "$prefix" --kills "$KILLS" \
			--seed "${SELFTEST_SEED:-1}" --stamps "$work/stamps" --json >"$work/row" ||
			daemon_fail "$row: $(cat "$work/row")"
		awk -F'\t' 'NR > 1 { print ($11 - $9) / 1e3 }' "$work/stamps" | bench_add commit "$row"
		awk -F'\t' 'NR > 1 { print ($13 - $4) / 1e3 }' "$work/stamps" | bench_add commit-outage "$row"
		expect 'routes of ours' "$(prefixes)" "$1"
	done
}

bench_open commit us 'From the switch to the end of the commit'
bench_open commit-outage us 'What the client notices of it meanwhile'
lab_start --servers 3
for services in 1 100 10000; do
	commits "$services"
done
bench_print commit
bench_print commit-outage
