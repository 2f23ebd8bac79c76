#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1200
# A thousand checks of kind tcp, and a thousand of kind http, each once a second, of a real server (nginx):
# what they cost in processor time and memory, how long an answer takes, and how late questions come.
# DEFIB_CHECKS: how many of each, 1,000 without it; half of them over IPv4, half over IPv6

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$root/selftests/lib/failover.sh"
# shellcheck source=selftests/lib/checks.sh
. "$root/selftests/lib/checks.sh"
# shellcheck source=selftests/lib/farm.sh
. "$root/selftests/lib/farm.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"
# shellcheck source=selftests/lib/cost.sh
. "$root/selftests/lib/cost.sh"
need jq nginx openssl

N=${DEFIB_CHECKS:-1000}
ROUNDS=5
ROUND_S=6

TCP='{kind: tcp, port: 80, every: 1s}'
HTTP='{kind: http, path: /, status: 200, body: well, every: 1s}'

# farm_nginx: for all addresses of the farm; its log has the time and the address of each request
farm_nginx()
{
	local dir=$work/nginx
	mkdir -p "$dir"
	cat >"$dir/conf" <<-END
		daemon off;
		master_process off;
		pid $dir/pid;
		events { worker_connections 8192; }
		http {
			log_format times '\$msec \$server_addr';
			access_log $dir/access.log times;
			client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir;
			uwsgi_temp_path $dir; scgi_temp_path $dir;
			server {
				listen 80 backlog=4096; listen [::]:80 backlog=4096;
				location / { return 200 "all is well\n"; }
			}
		}
	END
	in_ns farm nginx -c "$dir/conf" -p "$dir" -e "$dir/error.log" &
	wait_until 10 listens farm tcp 80 || fail "nginx: $(cat "$dir/error.log")"
}

# percent NS US: of one processor
percent()
{
	awk -v ns="$1" -v us="$2" 'BEGIN { printf "%.1f\n", ns / us / 10 }'
}

all_pass()
{
	status_is ".checker.checks == $1 and all(.services[].checks // [] | .[]; .state == \"pass\")"
}

# took KIND: of the last answer of each check, ms
took()
{
	status ".services[].checks // [] | .[] | select(.kind == \"$1\") | .took_us / 1000"
}

# lateness: by which requests of an address came later than a second after the one before, ms
lateness()
{
	awk '$2 in last { late = ($1 - last[$2] - 1) * 1000; print (late > 0 ? late : 0) }
		{ last[$2] = $1 }' "$work/nginx/access.log"
}

# costs ROW CHECKS
costs()
{
	local i begin us checker daemon pid kind
	pid=$(checker_pid)
	rm -f "$work"/cpu.*
	: >"$work/nginx/access.log"
	for ((i = 0; i < ROUNDS; i++)); do
		begin=${EPOCHREALTIME/./}
		checker=$(cpu_ns "$pid") daemon=$(cpu_ns "$daemon_pid")
		wait_until "$ROUND_S" false || true
		us=$((${EPOCHREALTIME/./} - begin))
		percent $(($(cpu_ns "$pid") - checker)) "$us" >>"$work/cpu.checker"
		percent $(($(cpu_ns "$daemon_pid") - daemon)) "$us" >>"$work/cpu.daemon"
		for kind in tcp http; do
			took "$kind" | bench_add_some checks-answers "$1: $kind answered after"
		done
	done
	lateness | bench_add_some checks-answers "$1: http asked late by"
	bench_cells checks "$1" "$2" "$(median <"$work/cpu.checker")" "$(median <"$work/cpu.daemon")" \
		"$(mb_of "$pid")" "$(status .checker.unknown)" "$(event_count '.kind == "check-failed"')"
}

# bench_add_some TABLE ROW: of standard input, which may be empty
bench_add_some()
{
	local first
	read -r first || return 0
	{ echo "$first"; cat; } | bench_add "$@"
}

# size ROW CHECKS CHECK...
size()
{
	local row=$1 n=$2
	shift 2
	farm_config $((N / 2)) --interval 500ms >"$work/defib.yaml"
	[ $# -eq 0 ] || sed -i "s|^\(  - {name: farm[0-9]*, pool: .*\)}\$|\1, checks: [$(printf '%s, ' "$@" | sed 's/, $//')]}|" \
		"$work/defib.yaml"
	daemon_start
	wait_until 120 all_pass "$n" || daemon_fail "not all pass: $(status -c .checker)"
	events_start
	costs "$row" "$n"
	kill "$events_pid"
	daemon_stop
	defib teardown >/dev/null
}

bench_open checks '' 'Checks, each once a second; processor time in percent of one'
bench_columns checks checks defib-check defibd 'MB defib-check' unknown failed
bench_open checks-answers ms 'Answers of checks'
lab_start --servers 1
farm_start $((N / 2))
farm_nginx
size "tcp" "$N" "$TCP"
size "http" "$N" "$HTTP"
size "tcp and http" $((2 * N)) "$TCP" "$HTTP"
bench_print checks
bench_print checks-answers
bench_end
