#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Documentation/dashboards/loss.rst: what it says to run gives, from the pinned maps alone, what
# `defib loss show` gives, to the packet; it explains each field and each name that the maps show, no others.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq bpftool

dashboards=$root/Documentation/dashboards
page=$dashboards/loss.rst

# block MARK: the indented text that follows the comment `.. MARK` and a `::`
block()
{
	awk -v mark=".. $1" '
		$0 == mark { found = 1; next }
		inside && /^[^ ]/ { exit }
		found && $0 == "::" { inside = 1; next }
		inside && /^   / { printf "%s%s\n", blank, substr($0, 4); blank = ""; began = 1; next }
		inside && began { blank = blank "\n" }' "$page"
}

# marks KIND: the comments `.. KIND: NAME` of the page, their names
marks()
{
	sed -n "s/^\.\. $1: //p" "$page"
}

# run_block NAME: as the page has it, in its folder, for this instance; into $work/NAME
run_block()
{
	{
		echo 'watch() { [ "$1" = -n1 ] && bash -c "$2"; }'
		block 'run: place'
		block "run: $1"
	} | sed "s|/defib/main/|/defib/$prefix/|" >"$work/script"
	grep -q "$prefix" "$work/script" || fail "the page does not say where the maps are"
	(cd "$dashboards" && bash -euo pipefail "$work/script") >"$work/$1" 2>"$work/err" </dev/null ||
		fail "the page's '$1' fails: $(cat "$work/err" "$work/script")"
}

# send ARGUMENT...: on a busy machine it may say that it did not keep the rate
send()
{
	local status=0
	on client "$root/build/defib" loss send "$@" --port 7 --rate 1000 --count 500 --sender socket \
		>"$work/sent" 2>&1 || status=$?
	[ "$status" = 0 ] || grep -q 'was not kept' "$work/sent" || fail "exits with $status: $(cat "$work/sent")"
}

shown() # FILTER: of `defib -j loss show`
{
	defib -j loss show | jq -r "$1"
}

is_quiet()
{
	[ "$(shown '(.streams | length == 4 and all(.[]; .state == "silent")) and
		.total.received == ([.streams[].received] | add)')" = true ]
}

had_blackout()
{
	[ "$(shown 'any(.streams[]; .blackouts > 0 and .sport == 7)')" = true ]
}

# Lost on both ways, doubled, late, and a while of nothing. A busy machine may send nothing in that while.
make_streams()
{
	local i
	on client "$root/tools/inject" c0 egress --streams --reorder 0.05,2 --duplicate 0.05
	on gateway "$root/tools/inject" e0 egress --streams --every 10
	for ((i = 0; i < 8; i++)); do
		on switch "$root/tools/inject" up0 egress --streams --cut 150ms,200ms --every 7
		send 10.79.0.100
		send fd79::100 --sport 41000
		wait_until 10 is_quiet || fail "streams do not come to rest: $(shown .)"
		! had_blackout || return 0
	done
	fail "no blackout in $i tries: $(shown .)"
}

# fields_of FILTER: names in the dump, sorted
fields_of()
{
	jq -r "first(.[].formatted) | $1 | keys_unsorted[]" "$work/dump" | sort
}

# on_page NAME: the first column of that table, sorted
on_page()
{
	awk -v mark=".. fields: $1" '
		$0 == mark { found = 1; next }
		found && /^===/ { if (++lines == 2) exit; next }
		found && lines == 1 && /^[a-z]/ { print $1 }' "$page" | sort
}

same_fields() # NAME MAP FILTER
{
	bpftool -j map dump pinned "$maps/$2" >"$work/dump"
	expect "fields of $2, $1: page and map" "$(on_page "$1" | paste -sd' ')" \
		"$(fields_of "$3" | paste -sd' ')"
	tables="${tables:-} $1"
}

explains_each_field()
{
	local part
	same_fields key loss .key
	same_fields stream loss .value
	same_fields account loss .value.account
	same_fields told loss .value.told
	for part in last_hole last_blackout longest_blackout; do
		same_fields blackout loss ".value.$part"
	done
	for part in loss_total loss_conf loss_interfaces; do
		same_fields $part $part .value
	done
	same_fields loss_counters loss_counters '.values[0].value'
	expect "tables of fields" "$(marks fields | sort | paste -sd' ')" \
		"$(xargs -n1 <<<"$tables" | sort -u | paste -sd' ')"
}

# Names of enumerators that a dump, or the ring, can show
explains_each_name()
{
	local header=$root/include/defib/loss.h
	expect "names of values" "$(grep -oE 'DFB_[A-Z_]+' "$page" | sort -u | paste -sd' ')" \
		"$(sed -nE 's/^\t(DFB_(STREAM|FAR|SILENCE)_[A-Z]+).*/\1/p' "$header" | sort -u | paste -sd' ')"
}

has_bounds()
{
	local b
	for ((b = 0; b < 128; b++)); do
		echo $((((b % 4 + 5) << (b / 4)) << 8))
	done >"$work/wanted"
	jq -nr -L "$dashboards" 'include "loss"; range(128) | bound' >"$work/got"
	diff "$work/got" "$work/wanted" >&2 || fail "bounds of buckets"
}

# What one view says, as the page's `lines` would, but for the silence
LINES='def ends: if .source | test(":") then "[\(.source)]:\(.sport) > [\(.destination)]:\(.dport)"
	else "\(.source):\(.sport) > \(.destination):\(.dport)" end;'

same_lines() # NAME
{
	expect "$1" "$(sed 's/ (.*%)//; s/, silent.*//' "$work/$1" | sort)" \
		"$(shown "$LINES"' .streams[] | [ends, "on \(.interface)", "\(.received) received",
			"\(.lost) lost", "\(.late) late", "\(.duplicates) duplicates",
			"\(.blackouts) blackouts"] | join(", ")' | sort)"
}

# The silence of each is between what was shown before and after it, give or take 20 ms for /proc/uptime.
same_silence()
{
	local before after
	before=$(shown '[.streams[].silence_us] | min')
	run_block lines
	after=$(shown '[.streams[].silence_us] | max')
	sed 's/.*silent for \(.*\) s$/\1/' "$work/lines" |
		jq -es --argjson before "$before" --argjson after "$after" 'length == 4 and
			(min * 1e6 > $before - 20000) and (max * 1e6 < $after + 20000)' >/dev/null ||
		fail "silence: $(cat "$work/lines"); $before to $after us"
}

# forget_namesake: what counted in a namespace that is gone, and had the inode that our gateway's has now,
# would be shown as well
forget_namesake()
{
	rm -rf "/sys/fs/bpf/defib/loss/$(on gateway stat -Lc %i /proc/self/ns/net)"
}

lab_start --servers 3
forget_namesake
for server in s1 s2 s3; do
	code 0 on $server "$root/build/defib" echo attach eth0 --allow 10.77.0.0/16 fd77::/16 10.78.0.0/16 \
		fd78::/16
done
daemon_config --interval 10ms
daemon_ready
maps=/sys/fs/bpf/defib/$prefix/maps
make_streams

block 'copy: loss.jq' | diff - "$dashboards/loss.jq" >&2 || fail "the page has another loss.jq"
for name in $(marks run); do
	run_block "$name"
done
same_lines lines
same_lines watch
same_silence
grep -q '"received":' "$work/dump" || fail "no dump: $(cat "$work/dump")"
expect "a dump as JSON" "$(jq -s 'length' "$work/formatted")" 8
expect "what should have come" "$(sed 's/: [^:]*$//' "$work/ratio" | sort)" \
	"$(shown "$LINES .streams[] | ends" | sort)"
expect "blackouts" "$(sed 's/ms.*, /ms, /' "$work/blackouts" | sort)" \
	"$(shown "$LINES"' .streams[] | select(.blackouts > 0) | "\(ends): \(.blackouts), the longest \(
	.longest_blackout.length_us / 10 | floor / 100) ms, \(.longest_blackout.lost) lost"' | sort)"
expect "both ways" "$(sort "$work/ways")" \
	"$(shown "$LINES"' .streams[] | select(.lost_on == "told apart") | ["\(ends): \(.forward_lost) lost",
		"on the way to the far end, \(.return_lost) on the way back"] | join(" ")' | sort)"
expect "late ones and duplicates" "$(shown '.total | .late > 0 and .duplicates > 0')" true
expect "streams with a far end" "$(wc -l <"$work/ways")" 2
expect "gaps" "$(awk '/^  below/ { n += $NF } END { print n }' "$work/gaps")" \
	"$(shown '[.streams[].received - 1] | add')"
expect "silent ones" "$(wc -l <"$work/silent")" 4
expect "sum of all streams" "$(jq -cS 'del(.blackout_ns)' "$work/total")" \
	"$(shown '.total | del(.blackout_us)' | jq -cS .)"
expect "sum of all processors" "$(jq -cS . "$work/sum")" \
	"$(shown '{received: .total.received} + .refused' | jq -cS .)"
has_bounds
explains_each_field
explains_each_name
