#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 86400
# The stress ladder: each stress alone, then each pair, at 1 ms x 3. DEFIB_SECONDS (600) is how long a row
# lasts, DEFIB_PAIR_SECONDS (60) one of a pair; DEFIB_ROWS chooses rows by name ("hogs rps+fifo"), or all
# that are "alone"; DEFIB_LANES (1) is how many run at once, each in a lab of its own: a stress of the
# machine is then felt in all of them. A row that fails is told, and the next one goes on.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/stress/stresses.sh
. "$root/selftests/stress/stresses.sh"
need jq

all_pairs()
{
	local i j
	for ((i = 0; i < ${#STRESSES[@]}; i++)); do
		for ((j = i + 1; j < ${#STRESSES[@]}; j++)); do
			echo "${STRESSES[i]}+${STRESSES[j]}"
		done
	done
}

# climb SECONDS ROW...: as many at a time as there are lanes
climb()
{
	local seconds=$1 together=${DEFIB_LANES:-1} i
	shift
	for ((i = 1; i <= $#; i += together)); do
		climb_together "$seconds" "${@:i:together}"
	done
}

# climb_together SECONDS ROW...
climb_together()
{
	local seconds=$1 lane status pids=()
	shift
	rm -rf "$work/meet" && mkdir "$work/meet"
	for ((lane = 1; lane <= $#; lane++)); do
		STRESS_LANE=$lane STRESS_LANES=$# STRESS_MEET=$work/meet \
			"$root/selftests/stress/row.sh" "${!lane}" "$seconds" >"$work/lane.$lane" 2>&1 &
		pids[lane]=$!
	done
	for ((lane = 1; lane <= $#; lane++)); do
		status=0
		wait "${pids[lane]}" || status=$?
		[ $status = 0 ] || echo "${!lane}:"
		cat "$work/lane.$lane"
		case $status in 0 | 77) ;; *) failed+=" ${!lane}" ;; esac
	done
}

failed=
case ${DEFIB_ROWS:=all} in
all) DEFIB_ROWS="${STRESSES[*]} $(all_pairs | xargs)" ;;
alone) DEFIB_ROWS=${STRESSES[*]} ;;
esac
alone=()
pairs=()
for row in $DEFIB_ROWS; do
	case $row in
	*+*) pairs+=("$row") ;;
	*) alone+=("$row") ;;
	esac
done
echo "$(date -u +%F)  $(nproc) CPUs  $(uname -r)  $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
stress_head
climb "${DEFIB_SECONDS:-600}" "${alone[@]}"
climb "${DEFIB_PAIR_SECONDS:-60}" "${pairs[@]}"
[ -z "$failed" ] || fail "rows failed:$failed"
