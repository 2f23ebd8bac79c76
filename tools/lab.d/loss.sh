# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # tools/lab sets lab_*
# Loss in bursts on a server's cable, without netem: see loss.bpf.c.

loss_usage() {
	cat <<'END'
usage: tools/lab loss SERVER --p P --r R [OPTION...]   begin, or begin anew
       tools/lab loss SERVER [off]                     what it did so far, as JSON; end

  --p 0.01 --r 0.3   the share of packets lost in the long run, and of those after a lost one
  --step 1ms         r holds for packets this far apart (default: for neighbours, however far)
  --bad 1 --good 0   the chance of loss while the cable is bad, and while it is good
  --from             what the server sends, instead of what is sent to it
  --seed 1

p and r are those of the cable being bad. It becomes bad with a chance of p (1 - r) / (1 - p) per step
and good again with 1 - r.
END
}

loss_option() { # KEY VALUE
	case $1 in
	p | r | bad | good)
		[[ $2 =~ ^(0(\.[0-9]{1,9})?|1(\.0{1,9})?)$ ]] || misuse "loss --$1: a number from 0 to 1"
		;;
	step)
		[[ $2 =~ ^([0-9]{1,6})(us|ms)$ ]] || misuse "loss --step: such as 500us or 2ms"
		loss[step]=$((10#${BASH_REMATCH[1]} * 1000))
		[ "${BASH_REMATCH[2]}" = us ] || loss[step]=$((loss[step] * 1000))
		return
		;;
	seed) [[ $2 =~ ^[0-9]{1,15}$ ]] || misuse "loss --seed: a number" ;;
	*) misuse "loss: unknown option --$1" ;;
	esac
	loss[$1]=$2
}

# The values of struct loss that are set, as bpftool takes them: chances are fractions of 2^32.
loss_bytes() {
	awk -v p="${loss[p]}" -v r="${loss[r]}" -v bad="${loss[bad]}" -v good="${loss[good]}" \
		-v step="${loss[step]}" -v seed="${loss[seed]}" '
	function put(v,    i) {
		v = int(v + 0.5)
		for (i = 0; i < 8; i++) { printf "%d ", v % 256; v = int(v / 256) }
	}
	BEGIN {
		one = 2 ^ 32
		put(p < 1 ? p * (1 - r) / (1 - p) * one : one)
		put((1 - r) * (p < 1) * one)
		put(good * one); put(bad * one); put(step); put(seed)
		for (i = 0; i < 6; i++) put(0)
	}'
}

# The number of the map of what is attached to a server's port; fails if nothing is.
loss_map() { # PORT
	local direction program
	for direction in egress ingress; do
		program=$(in_host switch tc -j filter show dev "$1" "$direction" |
			jq -r '[.[].options.prog.id // empty][0] // empty')
		[ -z "$program" ] || bpftool -j prog show id "$program" | jq -e '.map_ids[0]'
		[ -z "$program" ] || return 0
	done
	return 1
}

loss_show() { # PORT
	local map
	map=$(loss_map "$1") || die "no loss on $1 of $lab_name-switch"
	bpftool -j map dump id "$map" | jq -c '.[0].formatted.value | {packets, lost, lost_again, is_bad}'
}

loss_end() { # PORT
	in_host switch tc qdisc del dev "$1" clsact 2>/dev/null || true
}

hosts_loss() {
	local -A loss=([p]='' [r]='' [bad]=1 [good]=0 [step]=0 [seed]=1)
	local port direction=egress object=$lab_root/build/lab/loss.bpf.o
	[[ ${1-} =~ ^s[0-9]+$ ]] || { loss_usage >&2; exit 2; }
	port=$(cut_ports "$1" no)
	shift
	case ${1-} in
	'') loss_show "$port"; return ;;
	off) loss_end "$port"; return ;;
	esac
	while [ $# -gt 0 ]; do
		case $1 in
		--from) direction=ingress; shift ;;
		--?*) loss_option "${1#--}" "${2-}"; shift 2 ;;
		*) misuse "loss: unknown argument $1" ;;
		esac
	done
	[ -n "${loss[p]}" ] && [ -n "${loss[r]}" ] || misuse "loss SERVER --p P --r R"
	awk -v p="${loss[p]}" -v r="${loss[r]}" 'BEGIN { exit !(p <= r) }' ||
		misuse "loss: r is at least p: without bursts they are equal"
	[ -r "$object" ] || die "$object is missing: run make first"
	loss_end "$port"
	in_host switch tc qdisc add dev "$port" clsact
	in_host switch tc filter add dev "$port" "$direction" bpf da obj "$object" sec tc
	# shellcheck disable=SC2046 # bytes
	bpftool map update id "$(loss_map "$port")" key 0 0 0 0 value $(loss_bytes)
}
