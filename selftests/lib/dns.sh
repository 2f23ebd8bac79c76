# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for the test; set by net.sh and lab.sh
#
# Name servers (BIND), each in a network namespace of its own beside the gateway: source it after
# selftests/lib/operate.sh. Number N is at 10.80.N.53 and fd80:N::53.

PATH=$PATH:/usr/sbin
need named dig nsupdate tsig-keygen jq
declare -A dns_pid
at_exit dns_stop_all

# dns_add N: a name server of example.org that takes updates signed with $work/key; not started
dns_add()
{
	local n=$1 dir=$work/named$1
	mkdir "$dir"
	[ -e "$work/key" ] || tsig-keygen -a hmac-sha256 defib >"$work/key"
	ns_add "ns$n"
	wire gateway "d$n" "ns$n" eth0
	in_ns gateway ip address add "10.80.$n.1/24" dev "d$n"
	in_ns gateway ip address add "fd80:$n::1/64" dev "d$n" nodad
	in_ns "ns$n" ip address add "10.80.$n.53/24" dev eth0
	in_ns "ns$n" ip address add "fd80:$n::53/64" dev eth0 nodad
	dns_key "$n" "$work/key"
	cat >"$dir/zone" <<-END
		\$TTL 5
		@ IN SOA ns admin 1 3600 600 86400 5
		@ IN NS ns
		ns IN A 10.80.$n.53
	END
}

# dns_key N FILE: the key that it takes, from its next start on
dns_key()
{
	local dir=$work/named$1
	cat "$2" - >"$dir/conf" <<-END
		options {
			directory "$dir"; pid-file none; session-keyfile none; recursion no; notify no;
			dnssec-validation no; listen-on { 10.80.$1.53; }; listen-on-v6 { fd80:$1::53; };
		};
		controls { };
		zone "example.org" { type primary; file "zone"; update-policy { grant defib zonesub ANY; }; };
	END
}

# dns_start N / dns_stop N [SIGNAL]
dns_start()
{
	nsenter --net="/run/netns/$(ns "ns$1")" -- named -g -n 1 -U 1 -c "$work/named$1/conf" \
		>>"$work/named$1.log" 2>&1 &
	dns_pid[$1]=$!
	wait_until 20 dns_answers "$1" || fail "named does not start: $(tail -n 5 "$work/named$1.log")"
}

dns_stop()
{
	kill -s "${2:-TERM}" "${dns_pid[$1]}" 2>/dev/null || return 0
	{ wait "${dns_pid[$1]}" || true; } 2>/dev/null
}

dns_stop_all()
{
	local n
	for n in "${!dns_pid[@]}"; do
		dns_stop "$n" KILL
	done
}

dns_answers()
{
	[ -n "$(lookup "$1" SOA example.org)" ]
}

# lookup N TYPE NAME: what it says, sorted, in one line
lookup()
{
	in_ns gateway dig -r "@10.80.$1.53" +short +norecurse +time=1 +tries=1 "$3" "$2" 2>/dev/null |
		grep -v '^;' | sort | paste -sd ' '
}

# resolves N NAME SERVER: to both addresses of sK; to none with "-"
resolves()
{
	local n=${3#s} want
	want="10.78.0.1$n fd78::1$n"
	[ "$3" != - ] || want=" "
	[ "$(lookup "$1" A "$2") $(lookup "$1" AAAA "$2")" = "$want" ]
}

# record N [NAME]: the record of the decision
record()
{
	lookup "$1" TXT "_defib.${2:-www}.example.org" | tr -d '"'
}

# dns_section SERVER...: a section of the configuration
dns_section()
{
	local list=$*
	cat <<-END
		dns:
		  zone: example.org
		  server: [${list// /, }]
		  key: $work/key
		  ttl: 1s
		  dispute: 2s
	END
}

# dns_service NAME POOL HOST...: a service
dns_service()
{
	local hosts=${*:3}
	cat <<-END
		  - name: $1
		    pool: $2
		    redirect: dns
		    dns: {names: [${hosts// /, }]}
	END
}

