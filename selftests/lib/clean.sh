# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Names of what a test makes, and its removal. Sourced by the runner and by selftests/lib/net.sh.
#
# Everything that a test makes outside its own files has a name that is the test's prefix, alone or
# followed by a dash: namespaces (/run/netns), and instances of defibd (/run/defib, bpffs).

CLEAN_BPFFS=/sys/fs/bpf/defib
CLEAN_RUN=/run/defib
CLEAN_STATE=/var/lib/defib

# clean_prefix NAME: the prefix of a test, at most 24 characters, the same each time
clean_prefix()
{
	local name sum
	name=$(tr -c 'A-Za-z0-9\n' '-' <<<"$1")
	if [ ${#name} -gt 20 ]; then
		sum=$(cksum <<<"$name")
		name=${name:0:15}-$(printf '%04x' $((${sum%% *} & 0xffff)))
	fi
	echo "t-$name"
}

# clean_list PREFIX: what exists under the prefix, one path a line
clean_list()
{
	local path
	[ -n "$1" ] || return 0
	for path in {/run/netns,$CLEAN_BPFFS,$CLEAN_RUN}/"$1"{,-*}; do
		[ ! -e "$path" ] || echo "$path"
	done
}

# clean_processes PREFIX: `pid(name)` of processes that a test with this prefix started
clean_processes()
{
	local file pid
	env -u SELFTEST_PREFIX grep -lazx "SELFTEST_PREFIX=$1" /proc/[0-9]*/environ 2>/dev/null |
	while read -r file; do
		pid=${file#/proc/}
		pid=${pid%/environ}
		[ "$pid" = "$$" ] || echo "$pid($(cat "/proc/$pid/comm" 2>/dev/null))"
	done
}

# clean_kill PREFIX: end them; for the runner, as a test would end itself
clean_kill()
{
	local process
	[ -n "$1" ] || return 0
	for process in $(clean_processes "$1"); do
		kill -KILL "${process%%(*}" 2>/dev/null
	done
}

# clean_namespace NAME: its processes and itself
clean_namespace()
{
	local pids
	pids=$(ip netns pids "$1" 2>/dev/null)
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
	ip netns del "$1" 2>/dev/null || rm -f "/run/netns/$1"
}

# clean_all PREFIX: remove it all; quiet, and harmless where there is nothing
clean_all()
{
	local path
	[ -n "$1" ] || return 0
	for path in $(clean_list "$1"); do
		case $path in
		/run/netns/*) clean_namespace "${path##*/}" ;;
		"$CLEAN_BPFFS"/* | "$CLEAN_RUN"/*) rm -rf "$path" ;;
		esac
	done
	for path in "$CLEAN_STATE/$1"{,-*}; do
		[ ! -d "$path" ] || rm -rf "$path"
	done
}
