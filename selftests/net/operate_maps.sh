#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every map of an instance can be read with bpftool: fields have names, and Documentation/maps.rst
# explains each map and each field. Those of streams are explained elsewhere: dashboards.sh.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq bpftool

page=$root/Documentation/maps.rst

# fields: of the values in $work/dump, with those of structures within, and of keys that are structures
fields()
{
	jq -r '[.[:9][] | (.formatted.values[]?.value, .formatted.value, .formatted.key)
		| objects | [paths | map(select(type == "string"))[]]] | flatten | unique[]' "$work/dump"
}

lab_start --servers 3
daemon_config --interval 2ms
daemon_ready
maps=/sys/fs/bpf/defib/$prefix/maps
code 0 defib server maintenance s3 on
code 0 defib service failover web --to s2
must 5 settled
traffic --to 10.79.0.100 --count 50 >"$work/traffic"
# shellcheck disable=SC2016 # for the inner shell
expect "a connection" "$(on client bash -c 'exec 3<>/dev/tcp/10.79.0.100/9000 && cat <&3')" s2

# A map in the page is a heading, or named like a ring.
found=0
for map in "$maps"/*; do
	name=${map##*/}
	case $name in prog-*) continue ;; esac
	[ ${#name} -le 15 ] || fail "$name is too long a name"
	grep -q "^$name\( (\|:\|$\)\|^\`\`$name\`\`\|; *$\`\`$name\`\`\|^.*\`\`$name\`\`" "$page" ||
		fail "maps.rst does not know the map $name"
	found=$((found + 1))
	[ "$name" != btf ] || continue # no map: the types of all of them
	case $(bpftool -j map show pinned "$map" | json .type) in ringbuf) continue ;; esac
	code 0 bpftool map dump pinned "$map"
	case $name in loss*) continue ;; esac
	bpftool -j map dump pinned "$map" >"$work/dump"
	jq -e 'length > 0 and all(.[]; has("formatted"))' "$work/dump" >/dev/null || fail "$name is not readable"
	for field in $(fields); do
		case $field in pad* | bpf_spin_lock | lock | val | address | __*) continue ;; esac
		grep -qw "$field" "$page" || fail "maps.rst does not know the field $field of $name"
	done
done
[ "$found" -ge 20 ] || fail "only $found maps"

# What the page promises: who serves, why, who must not.
pool=$(map plans | json -c 'select(.value.name == "app").key')
expect "who serves" "$(map pools | jq -c "select(.key == $pool).value.slots | unique")" \
	"[$(map servers | jq -c 'select(.value.name == "s2").key')]"
expect "why: an operator" "$(map pools | jq -c "select(.key == $pool).value.last.reason")" '"DFB_REASON_OPERATOR"'
expect "committed" "$(map pools | jq -c "select(.key == $pool).value | .epoch == .committed")" true
expect "flags of s3" "$(map servers | jq -c 'select(.value.name == "s3").value.flags')" 1
expect "states" "$(map state | jq -c 'select(.value.detect.sent > 0).value.detect.state' | sort -u)" '"DFB_STATE_UP"'
expect "addresses probed" "$(map targets | jq -c 'select(.value.server != 0).key' | paste -sd' ')" "2 3 4 5 6 7"
expect "an address" "$(map targets | jq -c 'select(.key == 2).value.address')" \
	"[0,0,0,0,0,0,0,0,0,0,255,255,10,78,0,11]"
expect "interfaces" "$(map interfaces | jq -c '"\(.value.name) \(.value.client) \(.value.server)"' | sort | paste -sd' ')" \
	'"e0 0 1" "g0 1 0"'
expect "marked" "$(bpftool -j map dump pinned "$maps/steer_counters" |
	jq '[.[0].formatted.values[].value.marked] | add >= 50')" true
expect "the connection" "$(map flows | jq -c ".value | [.server, .pool, .closing]")" \
	"[$(map servers | jq -c 'select(.value.name == "s2").key'),$pool,1]"
expect "histogram" "$(map rtt | jq -c 'select(.key == 2).value.count | add > 0')" true
