# SPDX-License-Identifier: GPL-2.0-only
# What `bpftool -j map dump` prints of the maps of streams, in words. Documentation/dashboards/loss.rst

# sixteen bytes, as text
def hex: if . < 16 then "0123456789abcdef"[.:. + 1] else (. / 16 | floor | hex) + (. % 16 | hex) end;
def ipv6: [range(0; 16; 2) as $i | .[$i] * 256 + .[$i + 1] | hex] | join(":")
  | reduce range(7; 0; -1) as $n (.; if test("::") then . else sub("(^|:)0(:0){\($n)}(:|$)"; "::") end);
def address: if .[:12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255] then .[12:] | map(tostring) | join(".")
  else "[" + ipv6 + "]" end;
def name: .key | "\(.source | address):\(.sport) > \(.destination | address):\(.dport)";

# every stream of a dump of `loss`: key and value
def streams: .[].formatted;

# numbers that should have come, of all runs; the share of them that did not
def expected: .value.account | .received - .duplicates - .stale + .lost;
def ratio: if expected > 0 then .value.account.lost / expected else 0 end;

# seconds since its latest packet; $uptime is the text of /proc/uptime
def silence($uptime): ($uptime | split(" ")[0] | tonumber) - .value.account.last_ns / 1e9
  | if . < 0 then 0 else . end;
def round($digits): pow(10; $digits) as $p | . * $p + 1e-6 | floor / $p;

# a line for each stream
def lines($uptime): streams | .value as $v | [name, "on \($v.interface)",
  "\($v.account.received) received", "\($v.account.lost) lost (\(ratio * 100 | round(3)) %)",
  "\($v.account.late) late", "\($v.account.duplicates) duplicates", "\($v.blackouts) blackouts",
  "silent for \(silence($uptime) | round(2)) s"] | join(", ");

# the worst blackout of each stream that had one
def blackouts: streams | select(.value.blackouts > 0) | .value.longest_blackout as $b
  | "\(name): \(.value.blackouts), the longest \($b.length_ns / 1e6 | round(2)) ms"
  + " +- \($b.resolution_ns / 1e6 | round(2)) ms, \($b.lost) lost";

# where it was lost, if the far end tells
def ways: streams | select(.value.far == "DFB_FAR_RESPONDER")
  | ([.value.forward_lost, .value.account.lost] | min) as $to
  | "\(name): \($to) lost on the way to the far end, \(.value.account.lost - $to) on the way back";

# the upper bound of a bucket in nanoseconds; the buckets in use
def bound: pow(2; . / 4 | floor) * (. % 4 + 5) * 256;
def gaps: streams | name, (.value.account.gaps | to_entries[] | select(.value > 0)
  | "  below \(.key | bound / 1e6 | round(3)) ms: \(.value)");

# a counter a processor, added up
def sum: .[0].formatted.values | map(.value | to_entries) | add | group_by(.key)
  | map({(.[0].key): (map(.value) | add)}) | add;
