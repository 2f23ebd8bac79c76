#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a client's packet costs on its way through the gateway: plain routing; our mark with the rule that
# matches being the first, the 40th and the 500th; bpf_redirect_neigh. Interleaved rounds, one CPU.
# DEFIB_ROUNDS (15) of DEFIB_PACKETS (100,000) each.

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"
bench_need bench/blast bench/neigh.bpf.o

ROUNDS=${DEFIB_ROUNDS:-15}
PACKETS=${DEFIB_PACKETS:-100000}
SERVICE=10.79.0.100
PLAIN=10.79.0.200 # routed to s1 without us

blast()
{
	on client "$root/build/selftests/bench/blast" "$1" 9999 "$PACKETS"
}

# other_rules N: rules of others' before ours that do not match
other_rules()
{
	local i
	on gateway ip rule flush priority 700 2>/dev/null || true
	for ((i = 1; i <= $1; i++)); do
		echo "rule add priority 700 fwmark $((i + 5000 << 16))/0x3fff0000 lookup main"
	done | on gateway ip -batch -
}

bytes()
{
	printf '%d %d %d %d' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}

# redirect on|off: the other program in front of ours
redirect()
{
	local e0 map
	on gateway tc filter del dev g0 ingress pref 10 2>/dev/null || true
	[ "$1" = on ] || return 0
	on gateway tc filter add dev g0 ingress pref 10 bpf da \
		obj "$root/build/selftests/bench/neigh.bpf.o" sec tc
	e0=$(on gateway ip -j link show e0 | jq ".[0].ifindex")
	map=$(on gateway tc -j filter show dev g0 ingress pref 10 | jq '.[1].options.prog.id')
	map=$(bpftool -j prog show id "$map" | jq '.map_ids[0]')
	# shellcheck disable=SC2046 # words
	bpftool map update id "$map" key 0 0 0 0 0 0 0 0 0 0 255 255 10 79 0 100 \
		value $(bytes "$e0") 10 78 0 11
}

lab_start --servers 3
daemon_config --interval 10ms
daemon_ready
on gateway ip route add $PLAIN via 10.78.0.11
on s1 ip address add $PLAIN/32 dev lo
on s1 "$root/build/selftests/bench/blast" sink 9999 &
disown
at_exit "kill $!"
blast $SERVICE >/dev/null # warm up

for ((round = 0; round < ROUNDS; round++)); do
	blast $PLAIN >>"$work/plain"
	for rules in 0 39 499; do
		other_rules $rules
		blast $SERVICE >>"$work/mark$rules"
	done
	other_rules 0
	redirect on
	blast $SERVICE >>"$work/redirect"
	redirect off
done

bench_open steer ns 'One packet, from the client to the socket of the server'
for row in 'plain:plain routing' 'mark0:mark, 1 server' 'mark39:mark, 40 servers' \
	'mark499:mark, 500 servers' 'redirect:bpf_redirect_neigh'; do
	bench_add steer "${row#*:}" <"$work/${row%%:*}"
done
bench_print steer
