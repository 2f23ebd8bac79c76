#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A client downloads a file and goes on where it was when its connection ends, in IPv4 and IPv6 at once. Two
# servers die meanwhile, one after the other: the file arrives whole, and the deaths cost next to nothing.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
need jq curl nginx openssl sha256sum

MEGABYTES=24 # of which a server gives eight a second

url()
{
	[ "$1" = 4 ] && echo "http://${SERVICE[4]}/files/big" || echo "http://[${SERVICE[6]}]/files/big"
}

# download FAMILY: until the file is whole; a line for each connection
download()
{
	local status
	while :; do
		status=0
		on client curl -sS -C - --connect-timeout 1 -o "$work/got.$1" "$(url "$1")" \
			2>>"$work/curl.$1" || status=$?
		echo "$status" >>"$work/connections.$1"
		[ $status != 0 ] || return 0
	done
}

size() # FAMILY
{
	stat -c %s "$work/got.$1" 2>/dev/null || echo 0
}

beyond() # MEGABYTES: both have so much; for wait_until
{
	[ "$(size 4)" -gt $(($1 << 20)) ] && [ "$(size 6)" -gt $(($1 << 20)) ]
}

# download_all [SERVER...]: which die, each when another six megabytes are there; prints milliseconds
download_all()
{
	local family victim began at=6 downloads=()
	rm -f "$work"/got.* "$work"/connections.*
	began=$(now_ms)
	for family in "${FAMILIES[@]}"; do
		download "$family" &
		downloads+=($!)
	done
	for victim; do
		must 20 beyond $at
		lab_cut "$victim"
		at=$((at + 6))
	done
	wait "${downloads[@]}"
	took=$(($(now_ms) - began))
	for family in "${FAMILIES[@]}"; do
		expect "the file over IPv$family" "$(sha256sum <"$work/got.$family")" "$(sha256sum <"$work/files/big")"
		[ "$(wc -l <"$work/connections.$family")" -gt $# ] || fail "over IPv$family with fewer connections than deaths"
	done
}

now_ms()
{
	echo $(($(date +%s%N) / 1000000))
}

mkdir "$work/files"
head -c $((MEGABYTES << 20)) /dev/urandom >"$work/files/big"
lab_start --servers 3
for server in s1 s2 s3; do
	nginx_start "$server"
done
daemon_config --interval 1ms
daemon_begin
download_all
undisturbed=$took
must 5 serves web s1
download_all s1 s2
must 5 serves web s3
echo "$MEGABYTES MB: $undisturbed ms undisturbed, $took ms with two deaths"
