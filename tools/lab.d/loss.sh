# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # tools/lab sets lab_*
# Loss in bursts on a server's cable: tools/inject at its port of the switch.

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

loss_inject() { # PORT DIRECTION [ARGUMENT...]
	in_host switch "$lab_root/tools/inject" "$@"
}

loss_show() { # PORT
	local direction shown
	for direction in egress ingress; do
		shown=$(loss_inject "$1" "$direction" show 2>/dev/null) || continue
		jq -c '{packets, lost, lost_again, is_bad}' <<<"$shown"
		return
	done
	die "no loss on $1 of $lab_name-switch"
}

# Nothing is held here, and heal is measured: all at once.
loss_end() { # PORT
	in_host switch tc qdisc del dev "$1" clsact 2>/dev/null || true
}

hosts_loss() {
	local port direction=egress options=()
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
		--p | --r | --bad | --good | --step | --seed)
			[ $# -gt 1 ] || misuse "loss $1: its value is missing"
			options+=("$1" "$2")
			shift 2
			;;
		*) misuse "loss: unknown argument $1" ;;
		esac
	done
	case " ${options[*]} " in
	*" --p "*" --r "* | *" --r "*" --p "*) ;;
	*) misuse "loss SERVER --p P --r R" ;;
	esac
	loss_end "$port"
	loss_inject "$port" "$direction" "${options[@]}"
}
