#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Scripts: one that is content, two that fail and say why, one that dies, one that cannot be run, one that
# hangs with a child and heeds no SIGTERM, one that writes megabytes. What a script began ends with it, and
# with the process that checks.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
need jq

TIMES='every: 500ms, fast: 50ms, timeout: 400ms'

# script NAME: from standard input
script()
{
	cat >"$work/$1"
	chmod 755 "$work/$1"
}

# running SCRIPT: how many processes of it, children included, there are
running()
{
	cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -o "$work/$1" | wc -l
}

nothing_runs() # SCRIPT
{
	[ "$(running "$1")" = 0 ]
}

script good <<-END
	#!/bin/sh
	echo "\$DEFIB_SERVICE \$DEFIB_SERVER \$DEFIB_ADDRESS \$DEFIB_FAMILY" \\
		"\$DEFIB_POOL \$DEFIB_INSTANCE \$1" >>$work/said
	grep -q '^CapEff:.0*\$' /proc/self/status
END
script bad <<-END
	#!/bin/sh
	echo "this is not the last line" >&2
	printf 'the queue is %s\\377, and full\\n' "\$DEFIB_SERVER" >&2
	exit 1
END
script plugin <<-END
	#!/bin/sh
	echo "DISK CRITICAL - 2% left | /=98%"
	exit 2
END
script dies <<-END
	#!/bin/sh
	kill -SEGV \$\$
END
script hangs <<-END
	#!/bin/bash
	trap '' TERM
	sh -c 'trap "" TERM; while :; do sleep 0.1; done' $work/hangs &
	echo "I wait" >&2
	while :; do sleep 0.1; done
END
script talks <<-END
	#!/bin/bash
	head -c 2000000 /dev/zero
	head -c 2000000 /dev/zero | tr '\\0' x >&2
	echo
	echo "and that was all" >&2
	exit 3
END

lab_start --servers 2
daemon_config --services 7
name_services good bad plugin dies missing hangs talks
for name in good bad plugin dies missing hangs; do
	checked "$name" "{kind: script, run: [$work/$name, now], $TIMES}"
done
checked talks "{kind: script, run: [$work/talks], every: 2s, timeout: 8s}"
daemon_start

answer good s1 pass '^exit status 0$'
answer bad s1 fail '^exit status 1: the queue is s1[?], and full$'
answer bad s2 fail '^exit status 1: the queue is s2[?], and full$'
answer plugin s1 fail '^exit status 2: DISK CRITICAL - 2% left'
answer dies s1 fail '^died of signal 11 [(]Segmentation fault[)]'
answer missing s1 unknown '^exit status 127: cannot run it: No such file or directory$'
answer hangs s1 fail '^killed at its deadline: I wait$'
answer talks s1 fail '^exit status 3: .*and that was all$'
for want in "s1 10.78.0.11 ipv4" "s1 fd78::11 ipv6" "s2 10.78.0.12 ipv4" "s2 fd78::12 ipv6"; do
	grep -qx "good $want app:good $prefix now" "$work/said" || fail "no $want in $(cat "$work/said")"
done
[ "$(wc -c <"$work/defibd.log")" -lt 1000000 ] || fail 'what a script says fills the log'

# At most two families on two servers, with a child each, wherever they are between two attempts.
for ((i = 0; i < 10; i++)); do
	[ "$(running hangs)" -le 12 ] || fail "they pile up: $(running hangs)"
	wait_until 0 false || true
done

# The process that checks dies in the middle of it.
wait_until 10 test "$(running hangs)" -gt 0
kill -KILL "$(checker_pid)"
daemon_stop
must 5 nothing_runs hangs
must 5 nothing_runs talks
