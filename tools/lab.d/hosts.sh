# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # tools/lab sets lab_*
# What can be done to the hosts of a lab that is up.

lab_tool() { # NAME: a program of the lab's, as built
	local path=$lab_root/build/lab/$1
	[ -x "$path" ] || die "$path is missing: run make first"
	echo "$path"
}

defib_cli() {
	[ -x "$lab_root/build/defib" ] || die "$lab_root/build/defib is missing: run make first"
	"$lab_root/build/defib" "$@"
}

# --- cables ---------------------------------------------------------------------------------------

# The switch's port for a host: where its cable is cut. A direct server's carrier ends at both ends.
cut_ports() { # HOST CARRIER
	local segment
	case $1 in
	uplink) echo up0 ;;
	s[0-9]*)
		[ -e "/run/netns/$lab_name-$1" ] || die "no server $1 in lab $lab_name"
		segment=$(lab_segment "${1#s}")
		echo "p${1#s}"
		if [ "$2" = yes ] && [ "$segment" -gt 0 ]; then
			echo "up$segment"
		fi
		;;
	*) die "cannot cut $1: name a server or uplink" ;;
	esac
}

hosts_cut() {
	local host carrier=no verb=cut targets=() ports=()
	for host in "$@"; do
		case $host in
		--carrier) carrier=yes verb=unplug ;;
		*) targets+=("$host") ;;
		esac
	done
	[ ${#targets[@]} -gt 0 ] || misuse "cut SERVER...|uplink [--carrier]"
	for host in "${targets[@]}"; do
		# shellcheck disable=SC2207
		ports+=($(cut_ports "$host" "$carrier"))
	done
	"$(lab_tool wire)" "$verb" "$lab_name-switch" "${ports[@]}"
}

hosts_heal() {
	local host ports=() wire
	[ $# -gt 0 ] || misuse "heal SERVER...|uplink|all"
	wire=$(lab_tool wire)
	if [ "$*" = all ]; then
		# shellcheck disable=SC2046 # names without blanks
		set -- uplink $(lab_server_names)
	fi
	for host in "$@"; do
		# shellcheck disable=SC2207
		ports+=($(cut_ports "$host" yes))
	done
	for host in "${ports[@]}"; do
		loss_end "$host"
	done
	"$wire" plug "$lab_name-switch" "${ports[@]}" >/dev/null
	"$wire" mend "$lab_name-switch" "${ports[@]}"
}

# --- receive packet steering ----------------------------------------------------------------------

# sysfs shows the interfaces of the namespace it was mounted in: mount one for a moment.
set_rps() { # HOST MASK DEVICE...
	local host=$1
	shift
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_host "$host" unshare --mount sh -c '
		mount -t sysfs sysfs /sys && mask=$1 && shift
		for dev; do
			for queue in /sys/class/net/"$dev"/queues/rx-*; do
				echo "$mask" >"$queue/rps_cpus"
			done
		done' sh "$@"
}

hosts_rps() {
	local mask host cpus
	cpus=$(getconf _NPROCESSORS_ONLN)
	case ${1-} in
	on) mask=$(printf '%x' $((1 << (cpus > 31 ? 31 : cpus) - 1))) ;;
	off) mask=0 ;;
	*) misuse "rps on|off" ;;
	esac
	# shellcheck disable=SC2046 # names without blanks
	set_rps gateway "$mask" $(in_host gateway ls /proc/sys/net/ipv4/conf | grep '^e[0-9]*$')
	for host in $(lab_server_names); do
		set_rps "$host" "$mask" eth0
	done
}

# --- what runs on the servers ---------------------------------------------------------------------

# Starts a program on a server, and waits until it says that it is ready. `down` ends it.
start_on() { # HOST CMD...
	local host=$1 out ready
	shift
	exec {out}< <(in_host "$host" setsid "$@" 2>&1 </dev/null)
	read -r -t 5 -u "$out" ready || ready="it said nothing"
	exec {out}<&-
	[ "$ready" = ready ] || die "$host: $* does not start: $ready"
}

hosts_serve() {
	local host port=9000 pace
	[ "${1-}" = --port ] && port=${2-}
	pace=$(lab_tool pace)
	for host in $(lab_server_names); do
		start_on "$host" "$pace" serve --name "$host" --port "$port"
	done
}

hosts_respond() {
	local host pace device
	if [ "${1-}" = --userland ]; then
		pace=$(lab_tool pace)
		for host in $(lab_server_names); do
			start_on "$host" "$pace" echo
		done
		return
	fi
	device=$(lab_device eth0)
	for host in $(lab_server_names); do
		in_host "$host" "$lab_root/build/defib" echo attach "$device" --allow 10.78.0.0/16 fd78::/16 \
			"$@" >/dev/null
		echo "$host $device" >>"$(lab_state)/responders"
	done
}

# The responder is pinned outside of the namespace and would outlive it.
hosts_unrespond() {
	local host device
	[ -r "$(lab_state)/responders" ] || return 0
	while read -r host device; do
		in_host "$host" "$lab_root/build/defib" echo detach "$device" >/dev/null 2>&1 || true
	done <"$(lab_state)/responders"
}

# --- list -----------------------------------------------------------------------------------------

cable_state() { # PORT
	local port
	port=$(bridge -n "$lab_name-switch" link show dev "$1" 2>/dev/null) || port=
	case $port in
	"") echo "gone" ;;
	*"state forwarding"*) echo "up" ;;
	*) case $port in *,UP*) echo "cut" ;; *) echo "cut, no carrier" ;; esac ;;
	esac
}

hosts_list() {
	local i
	printf '  %-8s %-14s %-12s %s\n' client 10.77.0.2 fd77::2 "" gateway 10.77.0.1 fd77::1 ""
	printf '  %-8s %-14s %-12s %s\n' uplink 10.78.0.1 fd78::1 "e0, $(cable_state up0)"
	for ((i = 1; i <= lab_servers + lab_direct; i++)); do
		printf '  %-8s %-14s %-12s %s\n' "s$i" "$(lab_address4 "$i")" "$(lab_address6 "$i")" \
			"e$(lab_segment "$i"), $(cable_state "p$i")"
	done
}
