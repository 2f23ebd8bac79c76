#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# selftests/run itself: counting, skips, failures, kills, time limits, seeds, what tests leave behind.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
tree=$(mktemp -d)
mine=self$$
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/selftests/unit" "$tree/selftests/net"
cp "$root/selftests/run" "$tree/selftests/"
cp -r "$root/selftests/lib" "$tree/selftests/"

# script TIER NAME: standard input is its body
script()
{
	{ echo '#!/bin/bash'; cat; } >"$tree/selftests/$1/$2.sh"
	chmod +x "$tree/selftests/$1/$2.sh"
}

# says STATUS TEXT ARGUMENT…: the runner ends like this and prints this
says()
{
	local status=0 said
	said=$("$tree/selftests/run" "${@:3}" 2>&1) || status=$?
	[ "$status" = "$1" ] || { echo "exit $status, not $1: $said"; exit 1; }
	[[ $said == *"$2"* ]] || { echo "wanted '$2', got: $said"; exit 1; }
}

# last STATUS LINE ARGUMENT…: and this is its last line
last()
{
	says "$1" "$2" "${@:3}"
	[ "$("$tree/selftests/run" "${@:3}" 2>&1 | tail -n 1)" = "$2" ] || { echo "not last: $2"; exit 1; }
}

says 2 'nothing to run' unit
script unit $mine-good <<<'echo quiet; exit 0'
last 0 '1 passed, 0 failed, 0 skipped' unit
says 0 '| quiet' unit -v
script unit $mine-skip <<<'echo noise; echo no such hardware; exit 77'
says 0 'no such hardware' unit
last 0 '1 passed, 0 failed, 1 skipped' unit
script unit $mine-bad <<<'echo the reason; exit 3'
last 1 '1 passed, 1 failed, 1 skipped' unit
says 1 'exit status 3' unit
says 1 '| the reason' unit
last 0 '1 passed, 0 failed, 0 skipped' good
says 2 'nothing to run' nonesuch
rm "$tree/selftests/unit/$mine-bad.sh"

script unit $mine-killed <<<'kill -SEGV $$'
says 1 'killed by signal 11' killed
script unit $mine-slow <<<'# timeout: 1
exec sleep 30'
says 1 'took longer than 1 s' slow
script unit $mine-many <<<'echo "[  FAILED  ] 77 test(s)"; exit 77'
says 1 'exit status 77' many
script unit $mine-inner <<<'echo "[  SKIPPED ] part"; exit 0'
last 0 '1 passed, 0 failed, 1 skipped' inner
# shellcheck disable=SC2016
script unit $mine-seed <<<'[ "$SELFTEST_SEED" = 42 ]'
says 0 '1 passed' $mine-seed -s 42
says 1 'SELFTEST_SEED=43' $mine-seed -s 43
script unit $mine-process <<<'sleep 30 & exit 0'
says 1 'left behind: ' $mine-process

[ "$(id -u)" -eq 0 ] || { echo "root needed for the namespaces' part"; exit 77; }
# shellcheck disable=SC2016
script net $mine-leaves <<<'ip netns add "$SELFTEST_PREFIX-a"'
says 1 "left behind: /run/netns/t-$mine-leaves-a" net $mine-leaves
[ ! -e "/run/netns/t-$mine-leaves-a" ] || { echo "not cleaned"; exit 1; }
# shellcheck disable=SC2016
script net $mine-tidy <<<'. "$SELFTEST_ROOT/selftests/lib/net.sh"
ns_add one two
wire one a0 two b0
in_ns one ip address add 10.99.0.1/24 dev a0
in_ns two ip address add 10.99.0.2/24 dev b0
wait_until 5 in_ns two ip route get 10.99.0.1
at_exit "echo done >$work/x"'
last 0 '1 passed, 0 failed, 0 skipped' net $mine-tidy
# shellcheck disable=SC2016
script net $mine-stuck <<<'# timeout: 1
. "$SELFTEST_ROOT/selftests/lib/net.sh"
ns_add one
in_ns one sleep 30'
says 1 'took longer than 1 s, ended' net $mine-stuck
[ ! -e "/run/netns/t-$mine-stuck-one" ] || { echo "not cleaned after its end"; exit 1; }
