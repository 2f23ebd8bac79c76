#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Mail servers: one that serves, one that greets with 451, one that is no mail server, one that is silent once
# it hangs; over IPv4 and IPv6. One that hangs half-way through a session keeps nobody else waiting.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
need jq exim4 nginx openssl socat

TIMES='every: 500ms, fast: 50ms, timeout: 400ms'

# speak SERVER PORT LINE...: to whoever connects, an answer to each line of his; then it is silent, and stays
speak()
{
	local server=$1 port=$2
	{
		echo '#!/bin/sh'
		printf "printf '%%b\\\\r\\\\n' '%s'; read -r line\n" "${@:3}"
		echo 'exec sleep 60'
	} >"$work/speak.$port"
	chmod 755 "$work/speak.$port"
	nsenter --net="/run/netns/$prefix-$server" -- socat "TCP6-LISTEN:$port,fork,reuseaddr,ipv6only=0" \
		"EXEC:$work/speak.$port" 2>>"$work/socat.log" &
	wait_until 10 listens "$server" tcp "$port"
}

lab_start --servers 3
exim_start s1
exim_start s2 'defer message = no service today'
nginx_start s3
speak s3 25 '220-s3 has much to say\r\n220 s3 is here'
speak s1 2501 '220 s1' '250-s1\r\n250 HELP'
speak s1 2502 '220 s1' '502 not today'
speak s1 2503 "220 $(printf '%0600d' 0)" '250 s1' '221 good bye'
daemon_config --services 6
name_services mail web leave hello long other
checked mail "{kind: smtp, host: gw1.example, $TIMES}"
checked web "{kind: smtp, port: 80, $TIMES}"
checked leave "{kind: smtp, port: 2501, $TIMES}"
checked hello "{kind: smtp, port: 2502, $TIMES}"
checked long "{kind: smtp, port: 2503, $TIMES}"
checked other "{kind: tcp, port: 25, $TIMES}"
daemon_start

answer mail s1 pass '^answered$'
answer mail s2 fail '^greeting: 451 no service today$'
answer mail s3 fail '^timed out: no answer to EHLO within'
answer web s1 fail '^Connection refused$'
answer web s3 fail '^timed out: no greeting within'
answer hello s1 fail '^EHLO: 502 not today$'
answer long s1 pass '^answered$'

# It never answers a QUIT, and others are asked all the same.
answer leave s1 fail '^timed out: no answer to QUIT within'
for ((i = 0; i < 20; i++)); do
	[ "$(check_of other s1 '.age_ms < 2000' | sort -u)" = true ] || fail "others wait: $(check_of other s1 .)"
	wait_until 0 false || true
done

# A server that hangs is connected to by its kernel, and silent.
signal exim_s1 STOP
answer mail s1 fail '^timed out: no (greeting|answer to EHLO) within'
signal exim_s1 CONT
answer mail s1 pass '^answered$'

# It was taken leave of as is proper, and knows who asked.
wait_until 10 grep -q 'EHLO,QUIT' "$work/exim.s1/mainlog" || fail "$(tail -n 5 "$work/exim.s1/mainlog")"
signal exim_s1 TERM
answer mail s1 fail '^Connection refused$'
