# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # tools/lab sets lab_*
# A configuration that fits the lab.

config_usage() {
	cat <<'END'
usage: tools/lab config [OPTION...]     prints a defib.yaml

  --interval 1ms --timeout auto --misses 3 --confirm 2/1ms   the heartbeat
  --recover 10/200ms      good replies, and for how long, before a server is up again
  --damping on|off        (off: stories heal a server more often than real life does)
  --probe echo|icmp       --port 7
  --fast true|false       switch in the kernel, or by the controller
  --when-none keep|withdraw|unreachable
  --servers s1,s2,...     the candidates in order of promotion (all)
  --services N            N services of the one pool: 10.79.0.100, .101, ... (1)
  --redirect route|nat    how clients come to a server (route)
  --nat MAPPING           of the services: how they are translated
  --ports LIST            of the services (every port)
  --family 4|6|both       of servers and services (both)
  --server-interfaces e0,e1,...   where servers are reached (those with the addresses)
  --hook PROGRAM          run it on every event
END
}

config_defaults() {
	declare -gA conf=([interval]=1ms [timeout]=auto [misses]=3 [confirm]=2/1ms [recover]=10/200ms
		[damping]=off [probe]=echo [port]=7 [fast]=true [when-none]=keep [servers]=""
		[services]=1 [redirect]=route [nat]="" [ports]="" [family]=both [hook]=""
		[server-interfaces]="")
	conf[servers]=$(lab_server_names | paste -sd,)
}

config_options() {
	local key
	while [ $# -gt 0 ]; do
		key=${1#--}
		[ "$key" = help ] && config_usage && exit 0
		if [ "$key" = "$1" ] || [ -z "${conf[$key]+set}" ] || [ $# -lt 2 ]; then
			misuse "config: unknown or incomplete option $1"
		fi
		conf[$key]=$2
		shift 2
	done
	if [[ ${conf[confirm]} != */* || ${conf[recover]} != */* ]]; then
		misuse "config: --confirm and --recover are COUNT/DURATION"
	fi
}

config_addresses() { # IPV4 IPV6
	case ${conf[family]} in
	4) echo "[$1]" ;;
	6) echo "[\"$2\"]" ;;
	*) echo "[$1, \"$2\"]" ;;
	esac
}

# The last numbers of services' addresses go on beyond one byte, and beyond four decimal digits.
config_services() {
	awk -v n="${conf[services]}" -v family="${conf[family]}" -v fast="${conf[fast]}" \
		-v redirect="${conf[redirect]}" -v nat="${conf[nat]}" -v ports="${conf[ports]}" 'BEGIN {
		for (i = 0; i < n; i++) {
			at = 100 + i
			v4 = sprintf("10.79.%d.%d", at / 256, at % 256)
			v6 = sprintf("\"fd79::%s%d\"", at < 10000 ? "" : int(at / 10000) ":", at % 10000)
			printf "  - name: web%s\n    pool: app\n", i ? i : ""
			printf "    address: [%s]\n", family == 4 ? v4 : family == 6 ? v6 : v4 ", " v6
			printf "    fast: %s\n    redirect: %s\n", fast, redirect
			if (nat)
				printf "    nat: %s\n", nat
			if (ports)
				printf "    ports: %s\n", ports
		}
	}'
}

config_heartbeat() {
	local damping=off
	[ "${conf[damping]}" = on ] && damping="{half-life: 15s, suppress: 2000, reuse: 750}"
	cat <<END
heartbeat:
  probe: ${conf[probe]}
  port: ${conf[port]}
  interval: ${conf[interval]}
  timeout: ${conf[timeout]}
  misses: ${conf[misses]}
  confirm: {probes: ${conf[confirm]%/*}, spacing: ${conf[confirm]#*/}}
  recover: {replies: ${conf[recover]%/*}, hold: ${conf[recover]#*/}}
  damping: $damping
END
}

config_print() {
	local i interfaces
	config_defaults
	config_options "$@"
	interfaces=${conf[server-interfaces]:-$(lab_device e0)}
	[ -n "${conf[server-interfaces]}" ] || for ((i = 1; i <= lab_direct; i++)); do
		interfaces+=",$(lab_device "e$i")"
	done
	cat <<END
gateway:
  name: $lab_name
  client-interfaces: [g0]
  server-interfaces: [${interfaces//,/, }]
$(config_heartbeat)
servers:
END
	for ((i = 1; i <= lab_servers + lab_direct; i++)); do
		[[ ,${conf[servers]}, == *,s$i,* ]] || continue
		printf '  - {name: s%d, address: %s}\n' "$i" \
			"$(config_addresses "$(lab_address4 "$i")" "$(lab_address6 "$i")")"
	done
	cat <<END
pools:
  - name: app
    servers: [${conf[servers]//,/, }]
    when-none: ${conf[when-none]}
services:
END
	config_services
	[ -z "${conf[hook]}" ] || printf 'hooks:\n  - run: [%s]\n' "${conf[hook]}"
}
