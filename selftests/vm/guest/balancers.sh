#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# balancers.sh KILLS INTERVAL_MS
#
# In the guest, by selftests/bench/balancers.sh: TCP connections to a server that dies, through defib, IPVS
# and HAProxy; prints tables between `bench: NAME` and `bench: end`, again after each round.
# shellcheck source=selftests/vm/guest/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=selftests/lib/stay.sh
. "$root/selftests/lib/stay.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"
# shellcheck source=selftests/lib/peers.sh
. "$root/selftests/lib/peers.sh"

KILLS=$1
INTERVAL=$2
RATE=50      # new connections a second: 20 ms is the resolution
SAYS=20ms    # from one word to the next of the client that says something
BLOCK=2      # kills of one before it is the next one's turn
declare -A FAULT=([cut]='cable cut' [hung]='processes stopped')
BENCH_DIR=$work/bench

# web_serve SERVER: what is asked by HTTP whether it is well
web_serve()
{
	local dir=$work/web.$1
	mkdir -p "$dir"
	cat >"$dir/conf" <<-END
		daemon off;
		master_process off;
		user root;
		pid $dir/pid;
		events { }
		http {
			access_log off;
			client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir;
			uwsgi_temp_path $dir; scgi_temp_path $dir;
			server { listen 80; location / { return 200 "well\n"; } }
		}
	END
	in_ns "$1" nginx -c "$dir/conf" -p "$dir" -e "$dir/error" &
	wait_until 20 in_ns gateway bash -c "echo >/dev/tcp/10.78.0.1${1#s}/80" || fail "nginx: $(cat "$dir/error")"
}

# --- faults -------------------------------------------------------------------------------------

# fault_begin cut|hung SERVER: sets cut_ns; when processes were stopped is known to 10 ms
fault_begin()
{
	local uptime
	if [ "$1" = cut ]; then
		lab_wire cut "$2"
		return
	fi
	hung=$(ip netns pids "$(ns "$2")")
	read -r uptime _ </proc/uptime
	cut_ns=${uptime/./}0000000
	# shellcheck disable=SC2086 # words
	kill -STOP $hung
}

fault_end() # cut|hung SERVER
{
	if [ "$1" = cut ]; then
		lab_wire mend "$2"
	else
		# shellcheck disable=SC2086 # words
		kill -CONT $hung
	fi
}

# --- one kill -------------------------------------------------------------------------------------

# learned CLIENT: `MS HOW`, from the fault until it was told; inf: never
learned()
{
	json -s --argjson cut "$cut_ns" 'map(select(has("ended"))) |
		if . == [] then "inf never" else "\((first.mono_ns - $cut) / 1e6) \(first.ended)" end' "$work/stay.$1"
}

# settled CHANGES: has the client been answered by another than before, and do both connections know? For
# wait_until, which would look so often that the guest had time for little else.
settled()
{
	sleep 0.2
	[ "$(grep -c '^{"from"' "$client")" -gt "$1" ] && stay_ended listens 1 && stay_ended says 1
}

clients_end()
{
	local name
	for name in listens says; do
		kill "$(cat "$work/stay.$name.pid")" 2>/dev/null || true
	done
}

# connected SERVER: two connections to it, one that listens and one that says something
connected()
{
	stay_start listens "$SERVICE_ADDRESS" 1
	stay_start says "$SERVICE_ADDRESS" 1 "$SAYS"
	[ "$(stay_with listens) $(stay_with says)" = "$1 $1" ]
}

# kill_connections cut|hung: fails if who serves was another by then: that kill says nothing
kill_connections()
{
	local row="${FAULT[$1]}, ${peer/_/ }" server served changes outage listens says
	must 60 "${peer}_ready"
	server=$(edges last.to)
	connected "$server" || { clients_end; return 1; }
	changes=$(grep -c '^{"from"' "$client")
	random_phase
	fault_begin "$1" "$server"
	wait_until "$PATIENCE" settled "$changes" || true
	clients_end
	outage=$(outage_after "$cut_ns" "$server" | awk '{ print $1 / 1000 }')
	served=$(server_at "$cut_ns")
	listens=$(learned listens)
	says=$(learned says)
	fault_end "$1" "$server"
	echo "$row: $served: new connections ${outage:=inf}, listens $listens, says $says"
	[[ $served == "$server" && $listens != -* && $says != -* ]] || return 1
	bench_add peers-connections "$row" "$outage"
	bench_add peers-established "$row, listens" "${listens%% *}"
	bench_add peers-established "$row, says" "${says%% *}"
}

# kill_block cut|hung KILLS: one that hit nobody is done again, a bounded number of times
kill_block()
{
	local hits tries
	client_start $RATE --tcp
	for ((hits = 0, tries = 0; hits < $2 && tries < $2 * 5; tries++)); do
		! kill_connections "$1" || hits=$((hits + 1))
	done
	client_stop >/dev/null
}

# kill_all KILLS: of each fault, of each peer
kill_all()
{
	local fault name
	for fault in cut hung; do
		for name in $PEERS; do
			peer_start "$name" $((INTERVAL * 1000))
			kill_block "$fault" "$1"
			peer_stop
		done
	done
}

# tables: what is known so far
tables()
{
	local table
	for table in peers-connections peers-established; do
		echo "bench: $table"
		cat "$(bench_file $table)"
		echo 'bench: end'
	done
}

# --- start ----------------------------------------------------------------------------------------

peers_load defib_route defib_nat ipvs haproxy
[ -z "$MISSING" ] || echo "not installed and left out: $MISSING"
at_exit lab_stop
at_exit peer_stop
lab up --servers "$COUNT"
lab serve
for server in s1 s2 s3; do
	web_serve "$server"
	stay_serve "$server"
done
bench_open peers-connections ms "Outage of new TCP connections, $INTERVAL ms x 3, software emulation"
bench_open peers-established ms "An established TCP connection learns, $INTERVAL ms x 3, software emulation"
for ((left = KILLS; left > 0; left -= block)); do
	block=$((left < BLOCK ? left : BLOCK))
	kill_all $block
	tables
done
