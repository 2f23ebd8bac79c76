#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tcp, http and dns, each with servers that do what is asked, do it wrong, are not there, and are deaf, over
# IPv4 and IPv6: each answer is told from the others. Nothing of what a server sends keeps it from others.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
need jq nginx openssl named dig nft socat

TIMES='every: 500ms, fast: 50ms, timeout: 400ms'

# drip_start SERVER: a server on tcp/8080 whose body comes byte by byte, and never ends
drip_start()
{
	cat >"$work/drip" <<-'END'
		#!/bin/sh
		printf 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nnot all is well, but al'
		for c in l ' ' i s ' ' t h e r e; do
			sleep 0.01
			printf '%s' "$c"
		done
		exec sleep 60
	END
	chmod 755 "$work/drip"
	nsenter --net="/run/netns/$prefix-$1" -- socat TCP6-LISTEN:8080,fork,reuseaddr,ipv6only=0 \
		"EXEC:$work/drip" 2>>"$work/socat.log" &
	wait_until 10 listens "$1" tcp 8080
}

lab_start --servers 4
nginx_start s1
nginx_start s2
named_start s1 192.0.2.80
named_start s2 -
deaf s4 "{ 53, 80 }"
drip_start s1
daemon_config --services 16
name_services tcp health who header status moved missing big slow drip dns alias broken right wrong six
checked tcp "{kind: tcp, port: 80, $TIMES}"
checked health "{kind: http, path: /health, body: all is well, $TIMES}"
checked who "{kind: http, path: /who, host: www.example, body: I am s1, $TIMES}"
checked header "{kind: http, path: /who, header: \"x-server: s1\", $TIMES}"
checked status "{kind: http, path: /moved, status: 301, $TIMES}"
checked moved "{kind: http, path: /moved, $TIMES}"
checked missing "{kind: http, path: /missing, $TIMES}"
checked big "{kind: http, path: /big, body: nobody says this, $TIMES}"
checked slow "{kind: http, path: /slow, body: all is well, $TIMES}"
checked drip "{kind: http, port: 8080, body: all is there, $TIMES}"
checked dns "{kind: dns, name: www.example.org, $TIMES}"
checked alias "{kind: dns, name: alias.example.org, $TIMES}"
checked broken "{kind: dns, name: www.broken.org, $TIMES}"
checked right "{kind: dns, name: www.example.org, answer: 192.0.2.80, $TIMES}"
checked wrong "{kind: dns, name: www.example.org, answer: 192.0.2.99, $TIMES}"
checked six "{kind: dns, name: www.example.org, answer: \"2001:db8::0080\", $TIMES}"
daemon_start

answer tcp s1 pass '^connected$'
answer tcp s2 pass '^connected$'
answer tcp s3 fail '^Connection refused$'
answer tcp s4 fail '^timed out: no connection within 400.* ms$'

answer health s1 pass '^status 200$'
answer health s3 fail '^Connection refused$'
answer health s4 fail '^timed out: no connection within'
answer who s1 pass '^status 200$'
answer who s2 fail "^status 200, but no 'I am s1' in the body$"
answer header s1 pass '^status 200$'
answer header s2 fail "^status 200, but no header 'x-server: s1'$"
answer status s1 pass '^status 301$'
answer moved s1 pass '^status 301$'
answer missing s1 fail '^status 404$'
answer big s1 fail "^status 200, but no 'nobody says this' in the body$"
answer slow s1 fail '^timed out: no complete answer within'

answer drip s1 pass '^status 200$'

answer dns s1 pass '^answered 192.0.2.80$'
answer right s1 pass '^answered 192.0.2.80$'
answer wrong s1 fail '^answered 192.0.2.80, and not 192.0.2.99$'
answer six s1 pass '^answered 2001:db8::80$'
answer six s2 fail '^answered NXDOMAIN$'
answer dns s2 fail '^answered NXDOMAIN$'
answer dns s3 fail '^(Connection refused|timed out: no answer within)' # ICMP is limited to one a second
answer dns s4 fail '^timed out: no answer within'
answer alias s1 fail '^answered without an A record$'
answer broken s1 fail '^answered SERVFAIL$'

# Hung processes accept, or not even that.
signal nginx_s1 STOP
signal named_s1 STOP
answer tcp s1 pass '^connected$'
answer health s1 fail '^timed out: no answer within'
answer dns s1 fail '^timed out: no answer within'
signal nginx_s1 CONT
signal named_s1 CONT
answer health s1 pass '^status 200$'
answer dns s1 pass '^answered 192'

# The request is for the configured host, and goes to the address.
grep -q '"GET /who HTTP/1.1" 200' "$work/nginx.s1/access.log" || fail 'no request came'
[ "$(find "/proc/$(checker_pid)/fd" -lname 'socket:*' | wc -l)" -lt 100 ] || fail 'sockets are left over'
