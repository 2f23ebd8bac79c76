#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# https with certificates of an authority of our own: good, expired, for another name, by an authority that is
# not trusted; with what is asked of http, too; over IPv4 and IPv6. A file of authorities that cannot be read
# is no evidence.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
need jq nginx openssl nft

TIMES='every: 500ms, fast: 50ms, timeout: 600ms'
TRUST="host: web.example, verify: true, ca: $work/ca.pem"

lab_start --servers 4
certify s2 web.example -1
certify s3 mail.example
for server in s1 s2 s3; do
	nginx_start "$server"
done
deaf s4 443
daemon_config --services 7
name_services trust any system noca who header status
checked trust "{kind: https, path: /health, $TRUST, $TIMES}"
checked any "{kind: https, path: /health, host: web.example, body: all is well, $TIMES}"
checked system "{kind: https, path: /health, host: web.example, verify: true, $TIMES}"
checked noca "{kind: https, path: /health, host: web.example, verify: true, ca: $work/none.pem, $TIMES}"
checked who "{kind: https, path: /who, body: I am s1, $TRUST, $TIMES}"
checked header "{kind: https, path: /who, header: \"X-Server: s2\", $TIMES}"
checked status "{kind: https, path: /moved, status: 200, $TIMES}"
daemon_start

answer trust s1 pass '^status 200$'
answer trust s2 fail 'certificate has expired'
answer trust s3 fail "no alternative certificate subject name matches target host name 'web.example'"
answer trust s4 fail '^timed out: no connection within 600.* ms$'
answer any s1 pass '^status 200$'
answer any s2 pass '^status 200$'
answer any s3 pass '^status 200$'
answer system s1 fail 'SSL certificate problem: unable to get local issuer certificate'
answer noca s1 unknown '^cannot ask: .*none.pem'
answer who s1 pass '^status 200$'
answer header s2 pass '^status 200$'
answer header s1 fail "^status 200, but no header 'X-Server: s2'$"
answer status s1 fail '^status 301$'

# Whoever speaks no TLS, or nothing.
signal nginx_s3 STOP
answer any s3 fail '^timed out: no TLS session within'
signal nginx_s3 CONT
answer any s3 pass '^status 200$'

# A file of authorities that appears is used, and one that changes is read again.
cp "$work/ca.pem" "$work/none.pem"
answer noca s1 pass '^status 200$'
