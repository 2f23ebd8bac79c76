#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A name server that is stopped, away, or refuses: it is told once, and tried again until it follows; and what
# goes another way does not wait for it. Nothing is ever sent without a signature.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
# shellcheck source=selftests/lib/dns.sh
. "$(dirname "$0")/../lib/dns.sh"

failed() # PATTERN: of the reason, once
{
	event_wait 20 ".kind == \"dns-failed\" and (.reason | test(\"$1\"))" >/dev/null
	expect "how often it is told" "$(event_count '.kind == "dns-failed"')" 1
}

# moves SERVER: at once for clients that are routed, whatever becomes of the names
moves()
{
	lab_cut "$(status '.pools[0].active[0]')"
	must 5 serves web "$1"
	must 5 settled
	event_wait 5 ".kind == \"commit\" and .server == \"$1\" and .commit_us < 1000000" >/dev/null
}

follows() # SERVER
{
	must 20 resolves 1 www.example.org "$1"
	event_wait 10 ".kind == \"dns\" and .server == \"$1\"" >/dev/null
	lab_heal s1 s2 s3
	must 30 all_well
	kill "$events_pid"
	events_start
}

lab_start --servers 3
dns_add 1
dns_start 1
daemon_config
dns_service names app www >>"$work/defib.yaml"
dns_section '"fd80:1::53"' >>"$work/defib.yaml"
daemon_ready
must 10 resolves 1 www.example.org s1
events_start

# It hangs: neither refusal nor answer.
kill -STOP "${dns_pid[1]}"
moves s2
failed "timed out"
kill -CONT "${dns_pid[1]}"
follows s2

# It is away.
dns_stop 1
moves s3
failed "refused"
dns_start 1
follows s3

# It has another key, and says so.
tsig-keygen -a hmac-sha256 defib >"$work/another"
dns_stop 1
dns_key 1 "$work/another"
dns_start 1
moves s1
failed "BADSIG|tsig"
resolves 1 www.example.org s3 || fail "it was not to be believed"
dns_stop 1
dns_key 1 "$work/key"
dns_start 1
follows s1

# A key that is no key any more: the reload is refused, and the daemon goes on with the one it has.
cp "$work/key" "$work/kept"
sed -i 's/secret.*/secret "";/' "$work/key"
code 2 defib config check "$work/defib.yaml"
says "$err" "$work/key cannot be used: its secret is missing"
reload_daemon
must 10 logged "changes nothing"
moves s2
follows s2
mv "$work/kept" "$work/key"

# What somebody else has put beside the name is not overwritten.
in_ns ns1 nsupdate <<-END
	key hmac-sha256:defib $(sed -n 's/.*secret "\(.*\)";/\1/p' "$work/key")
	server 10.80.1.53
	zone example.org
	update delete _defib.www.example.org TXT
	update add _defib.www.example.org 60 TXT "v=spf1 -all"
	send
END
failed "cannot be understood"
expect "the record" "$(record 1)" "v=spf1 -all"
