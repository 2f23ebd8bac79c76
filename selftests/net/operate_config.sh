#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a reload would change is told before, what it did change after it, and that the file and what is in
# force differ is seen.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq

file=$work/defib.yaml

# configure SERVERS ADDRESS [INTERVAL]: of the pool, and of the service
configure()
{
	cat <<-END
		gateway: {name: gw, client-interfaces: [g0], server-interfaces: [e0]}
		heartbeat: {interval: ${3:-2ms}, recover: {replies: 10, hold: 100ms}, damping: off}
		servers:
		  - {name: s1, address: 10.78.0.11}
		  - {name: s2, address: 10.78.0.12}
		  - {name: s3, address: 10.78.0.13}
		pools: [{name: app, servers: $1}]
		services: [{name: web, pool: app, address: $2}]
	END
}

# doctor_says PATTERN...: of the line about the configuration
doctor_says()
{
	defib doctor >"$work/doctor" || true
	says "$(grep -A 1 ' config ' "$work/doctor")" "$@"
}

lab_start --servers 3
code 3 defib config diff "$file"
code 3 defib config reload
configure '[s1, s2]' 10.79.0.100 >"$file"
daemon_ready
events_start
epoch=$(epoch)

# The file is what is in force.
code 0 defib config diff
says "$out" "$file: nothing would change"
code 0 defib -j config diff
expect "no change" "$(json -c '[.schema, .changes, .services, .restart]' <<<"$out")" '[1,[],[],null]'
expect "differs" "$(status -c '[.config.file, .config.differs, .config.refused]')" "[\"$file\",false,null]"
doctor_says "ok * config *$file is in force"
code 0 defib config reload
expect "reload" "$out" "the configuration is in force: nothing changed"

# Another file, and the file itself, are compared; nothing changes by that.
configure '[s2, s3]' '[10.79.0.100, 10.79.0.101]' 4ms >"$work/other.yaml"
code 0 defib config diff "$work/other.yaml"
says "$out" "edited   server s1, s2, s3: interval: 2ms -> 4ms" "edited   pool app: servers: s1, s2 -> s2, s3" \
	"edited   service web: address: 10.79.0.100 -> 10.79.0.100, 10.79.0.101" \
	"moves    service web: s1, which serves it, leaves pool app"
expect "differs" "$(status .config.differs)" false
cp "$work/other.yaml" "$file"
expect "differs" "$(status .config.differs)" true
code 0 defib status
says "$out" "was edited since it was loaded: \`defib config diff\`"
doctor_says "warn*was edited since it was loaded"
code 0 defib -j config diff
expect "who is concerned" "$(json -c '.services[0] | [.service, .meaning]' <<<"$out")" '["web","moves"]'
expect "epoch" "$(epoch)" "$epoch"

# The reload says the same, and it is so.
code 0 defib config reload
says "$out" "the configuration is in force: 8 changes" "moves    service web: s1, which serves it, leaves"
must 5 serves web s2
must 5 settled
expect "differs" "$(status .config.differs)" false
event_wait 5 '.kind == "reload"' >/dev/null

# A faulty one changes nothing, by either way, and is seen until it is mended.
before=$(routing)
sed -i 's/interval: 4ms/interval: 4/' "$file"
code 2 defib config diff
says "$err" "$file:2:23: "
code 2 defib config reload
says "$err" "$file is faulty and changes nothing" "$file:2:23: "
event_wait 5 '.kind == "reload-failed"' >/dev/null
reload_daemon
must 5 eval '[ "$(event_count ".kind == \"reload-failed\"")" = 2 ]'
says "$(event '.kind == "reload-failed"' | json .reason)" "is faulty and changes nothing: $file:2:23: "
says "$(status .config.refused)" "$file:2:23: "
code 0 defib status
says "$out" "the last reload was REFUSED: $file is faulty"
doctor_says "warn*the last reload was refused*$file:2:23: "
expect "routes" "$(routing)" "$before"

# What cannot change while it runs is told before, and refused.
configure '[s2, s3]' 10.79.0.100 | sed 's/name: gw,/& mark-mask: 0x1fff0000,/' >"$file"
code 0 defib config diff
says "$err" "no pool uses server 's1'"
says "$out" "mark-mask: 0x3fff0000 -> 0x1fff0000 (a reload refuses it: it needs a restart)"
code 0 defib -j config diff
expect "restart" "$(json .restart <<<"$out")" mark-mask
code 2 defib config reload
says "$err" "mark-mask cannot change while it runs"
case $err in *warning*) fail "a warning is no reason: $err" ;; esac
expect "routes" "$(routing)" "$before"
configure '[s2, s3]' 10.79.0.100 4ms >"$file"
code 0 defib config reload
says "$out" "1 change" "ends     service web: its address 10.79.0.101 is served no more"
expect "refused" "$(status -c .config.refused)" null

code 2 defib config diff "$file" "$file"
code 2 defib config diff "$work/nosuch.yaml"
code 2 defib config reload now
