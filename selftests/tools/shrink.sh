#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A random world that fails becomes a story: a folder which fails alike when it is replayed, and from
# which no happening can be left out. The fault is planted: an invariant that forbids what is right.
. "$(dirname "$0")/../lib/net.sh"

model=$root/build/selftests/model story=$root/build/selftests/story
[ -x "$model" ] || skip "build/selftests/model is not built: make tests"
never='to=maintenance'

# as a failure is that was found by chance: shrunk without being asked for
! "$model" --worlds 60 -s 1 --never "$never" -o "$work/found" >"$work/many" ||
	fail "no world of 60 has an operator's maintenance"
found=$(find "$work/found" -mindepth 1 -maxdepth 1 -name 'seed-*' | sort | head -n 1)
[ -n "$found" ] || fail "no story was written: $(tail -n 3 "$work/many")"
grep -qF "again: build/selftests/story $found" "$work/many" || fail "it does not say where the story is"

seed=${found##*seed-}
"$model" --shrink "$seed" --never "$never" -o "$work/story" >"$work/one" || fail "$(tail -n 3 "$work/one")"
grep -q 'no line of it can be left out' "$work/one" || fail "it gave up: $(head -n 3 "$work/one")"
grep -qF "Seed $seed" "$work/story/README" || fail "the README does not name the seed"

# replays FOLDER: with the planted failure?
replays()
{
	"$story" "$1" >"$work/trace" && return 1
	grep -qF "WRONG: it says: $never" "$work/trace"
}
replays "$work/story" || fail "the story does not fail alike: $(tail -n 3 "$work/trace")"
cmp -s "$work/story/script" "$found/script" || fail "the same seed was shrunk into two stories"

# One server in one pool, and an operator. Every line is needed: without it, it fails no more.
lines=$(wc -l <"$work/story/script")
[ "$lines" -le 8 ] || fail "$lines lines are not short: $(cat "$work/story/script")"
mkdir "$work/less"
for ((i = 1; i <= lines; i++)); do
	sed "${i}d" "$work/story/script" >"$work/less/script"
	sed -n "${i}p" "$work/story/script" | grep -qE '^(until|never)| mend$' || ! replays "$work/less" ||
		fail "line $i could have been left out: $(cat "$work/story/script")"
done

status=0
"$model" --shrink "$seed" -o "$work/none" >"$work/one" || status=$?
expect "a world in which all is well" "$status: $(cat "$work/one")" "1: seed $seed: all is well"
