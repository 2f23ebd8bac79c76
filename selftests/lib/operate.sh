# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh and lab.sh set root, prefix and work
#
# What the tests of operations share: source it after selftests/lib/lab.sh.

out=
err=

# code STATUS COMMAND...: it must exit with that status; sets out and err
code()
{
	local wanted=$1 status=0
	shift
	"$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
	[ "$status" = "$wanted" ] ||
		daemon_fail "line ${BASH_LINENO[0]}: '$*' exits with $status, not $wanted: $out $err"
}

# says TEXT PATTERN...: each pattern (of the shell's) is in it
says()
{
	local text=$1 pattern
	shift
	for pattern; do
		# shellcheck disable=SC2254 # a pattern it is
		case $text in
		*$pattern*) ;;
		*) daemon_fail "line ${BASH_LINENO[0]}: '$pattern' is not in '$text'" ;;
		esac
	done
}

# logged PATTERN: of grep, in the daemon's log; for wait_until
logged()
{
	grep -q -- "$1" "$work/defibd.log"
}

# must SECONDS COMMAND...: wait_until, or fail
must()
{
	wait_until "$@" || daemon_fail "line ${BASH_LINENO[0]}: not within $1 s: ${*:2}; $(status -c .)"
}

# epoch [POOL]: of the only pool, or that one
epoch()
{
	status "first(.pools[] | select(.name == \"${1:-app}\")).epoch"
}

# settled: the tables of record show all decisions; for wait_until
settled()
{
	status_is 'all(.pools[]; .epoch == .committed)'
}

# map NAME: of the instance, as a line of JSON for each element
map()
{
	bpftool -j map dump pinned "/sys/fs/bpf/defib/$prefix/maps/$1" | json -c '.[].formatted'
}

# routing: all rules, routes of any table and nexthop objects of the gateway but the kernel's caches
routing()
{
	local family
	for family in -4 -6; do
		on gateway ip "$family" rule show | sort
		on gateway ip "$family" route show table all | sed 's/ expires [0-9]*sec//' |
			grep -v "^multicast\|cache\|fe80::" | sort
	done
	on gateway ip nexthop show | sort
}

# route_of FAMILY ADDRESS: the route of the main table for it
route_of()
{
	on gateway ip "$1" route show table main exact "$2"
}

# reload_daemon: SIGHUP
reload_daemon()
{
	kill -HUP "$daemon_pid"
}
