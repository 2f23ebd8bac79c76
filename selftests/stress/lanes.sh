# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh sets root and work
#
# Rows of the stress ladder side by side, each in a lab of its own: source it after net.sh and stresses.sh.

# lanes SECONDS ROW...: at the same time; a stress of the machine is then felt in all of them
lanes()
{
	local seconds=$1 row lane failed='' rows=() pids=()
	shift
	for row; do
		if row_lacks "$row"; then
			echo "$row: skipped, the machine has no writable memory cgroup"
		else
			rows+=("$row")
		fi
	done
	rm -rf "$work/meet" && mkdir "$work/meet"
	for lane in "${!rows[@]}"; do
		STRESS_LANE=$lane STRESS_LANES=${#rows[@]} STRESS_MEET=$work/meet \
			"$root/selftests/stress/row.sh" "${rows[lane]}" "$seconds" >"$work/lane.$lane" 2>&1 &
		pids+=($!)
	done
	for lane in "${!rows[@]}"; do
		wait "${pids[lane]}" || failed+=" ${rows[lane]}"
		cat "$work/lane.$lane"
	done
	[ -z "$failed" ] || fail "failed:$failed"
}

row_lacks()
{
	[[ +$1+ == *+memory+* ]] && ! memory_is_there
}
