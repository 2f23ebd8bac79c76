# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What processes cost, for measurements.

# cpu_ns PID: of all its threads, with the interrupts that came meanwhile
cpu_ns()
{
	cat /proc/"$1"/task/*/schedstat | awk '{ s += $1 } END { printf "%.0f\n", s }'
}

# busy_ticks: of all processors, a hundredth of a second each
busy_ticks()
{
	awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

# mb_of PID...: their proportional memory
mb_of()
{
	local pid
	for pid; do cat "/proc/$pid/smaps_rollup"; done |
		awk '/^Pss:/ { s += $2 } END { printf "%.1f\n", s / 1024 }'
}

# median: of standard input
median()
{
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
