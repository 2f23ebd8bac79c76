#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Client-seen outage over repeated kills of the serving server, at random phases: by interval, family,
# load and the state of the controller when the server dies. DEFIB_KILLS sets the number per row (30).

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"

KILLS=${DEFIB_KILLS:-30}
IPV4=10.79.0.100
IPV6=fd79::100

# row NAME TO FILTER...: one line of the table
measure()
{
	local name=$1 to=$2
	shift 2
	on gateway "$root/build/lab/outages" --lab "$prefix" --instance "$prefix" --to "$to" \
		--kills "$KILLS" --seed "${SELFTEST_SEED:-1}" --json "$@" >"$work/row"
	jq -r --arg name "$name" '[$name, .kills] + [.outage_us | .min, .p50, .p90, .p99, .max] +
		[.moved_us.p50, .moved_us.max] | @tsv' "$work/row" | awk -F'\t' '{
			printf "%-34s %5d", $1, $2
			for (i = 3; i <= NF; i++)
				printf " %8.2f", $i / 1000
			print ""
		}'
}

restart_with()
{
	daemon_stop
	daemon_config "$@"
	daemon_ready
}

echo "$(date -u +%F)  $(nproc) CPUs  $(uname -r)  $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
printf '%-34s %5s %8s %8s %8s %8s %8s %8s %8s\n' 'outage in ms' kills min p50 p90 p99 max 'cut p50' 'cut max'
lab_start --servers 3
daemon_config --interval 1ms
daemon_ready
measure '1 ms x 3, IPv4' $IPV4
measure '1 ms x 3, IPv6' $IPV6
"$root/build/lab/hog" 8 &
hogs=$!
disown
measure '1 ms x 3, IPv4, 8 CPU hogs' $IPV4
kill $hogs
restart_with --interval 250us
measure '250 us x 3, IPv4' $IPV4
measure '250 us x 3, IPv6' $IPV6
restart_with --interval 10ms
measure '10 ms x 3, IPv4' $IPV4
echo "outage: last reply of the dead server to the first of the next; cut: from the cut to the first request"
echo "that the next one answered. 10,000 requests a second. Two papers to compare with: 24 s and more."
