# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For test scripts: . "$(dirname "$0")/../lib/net.sh"
#
# Sourcing it sets `set -euo pipefail`, $prefix (unique to the test), $root (the checkout) and $work
# (a folder of its own), and removes all that has the prefix when the test ends, also by a signal.

set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
# shellcheck source=selftests/lib/clean.sh
. "$root/selftests/lib/clean.sh"

SELFTEST_TEST=${SELFTEST_TEST:-$(basename "$0" .sh)}
prefix=${SELFTEST_PREFIX:-$(clean_prefix "$SELFTEST_TEST")}
export SELFTEST_TEST SELFTEST_PREFIX=$prefix
work=$(mktemp -d)
net_at_exit=()

net_finish()
{
	local status=$? command
	trap - EXIT INT TERM HUP
	for command in "${net_at_exit[@]}"; do
		eval "$command" || true
	done
	for command in $(jobs -p); do
		kill "$command" 2>/dev/null || true
	done
	clean_all "$prefix" || true
	[ ! -e "$work/why" ] || cat "$work/why" >&2
	rm -rf "$work"
	exit "$status"
}
trap net_finish EXIT
trap 'exit 130' INT TERM HUP

# at_exit COMMAND: run it when the test ends, before the namespaces go; the last one first
at_exit()
{
	net_at_exit=("$1" "${net_at_exit[@]}")
}

# skip REASON…: what the machine lacks
skip()
{
	echo "$*"
	exit 77
}

# fail TEXT…: and where; told after all that the test still prints
fail()
{
	echo "${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*" >"$work/why"
	exit 1
}

# expect WHAT GOT WANTED
expect()
{
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}

# ns NAME: the full name of a namespace of this test
ns()
{
	echo "$prefix-$1"
}

# ns_add NAME…: namespaces with their loopback up
ns_add()
{
	local name
	for name; do
		ip netns add "$(ns "$name")"
		in_ns "$name" ip link set lo up
	done
}

# in_ns NAME COMMAND…: not with `ip netns exec`, which hides bpffs
in_ns()
{
	local name=$1
	shift
	nsenter --net="/run/netns/$(ns "$name")" -- "$@"
}

# wire NAME DEV NAME DEV: a veth pair between two namespaces, up
wire()
{
	ip link add "$2" netns "$(ns "$1")" type veth peer name "$4" netns "$(ns "$3")"
	in_ns "$1" ip link set "$2" up
	in_ns "$3" ip link set "$4" up
}

# wait_until SECONDS COMMAND…: as soon as it succeeds; fails after that many seconds
wait_until()
{
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# need COMMAND…: skip the test where one is missing
need()
{
	local command
	for command; do
		command -v "$command" >/dev/null || skip "no $command on this machine"
	done
}
