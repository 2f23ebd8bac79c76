# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh and lab.sh set root, prefix and work
#
# Agents of servers' userlands: source it after selftests/lib/failover.sh.

# agent_start SERVER [ARGUMENT of `defib echo agent`]...: and wait for its first sign of life
agent_start()
{
	local server=$1
	shift
	nsenter --net="/run/netns/$prefix-$server" -- "$root/build/defib" echo agent "$@" 2>>"$work/agent.$server" &
	eval "agent_$server=$!"
	wait_until 10 agent_is "$server" running || fail "agent on $server: $(cat "$work/agent.$server")"
}

agent_is() # SERVER STATE: running, killed, none
{
	[ "$(on "$1" "$root/build/defib" -j echo show | json .userland.state)" = "$2" ]
}

# agent_signal SERVER SIGNAL
agent_signal()
{
	local pid=agent_$1
	kill -s "$2" "${!pid}"
}

# agent_end SERVER SIGNAL: by which it ends; waits for that
agent_end()
{
	local pid=agent_$1
	agent_signal "$1" "$2"
	{ wait "${!pid}" || true; } 2>/dev/null
}

# needs_userland SERVICE: it does, in $work/defib.yaml
needs_userland()
{
	sed -i "s|^  - name: $1\$|&\n    needs: userland|" "$work/defib.yaml"
}

# userland_is SERVER STATE: what the gateway knows; for wait_until
userland_is()
{
	status_is "any(.servers[]; .name == \"$1\" and .userland.state == \"$2\")"
}
