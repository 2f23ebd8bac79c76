#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Web servers on a port of their own behind a translated service: an open connection is reset as soon as its
# server is dead and the client says something, and the next one is answered by the next server.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/nat.sh
. "$(dirname "$0")/../lib/nat.sh"
need jq nft nginx

web() # HOST
{
	mkdir -p "$work/$1"
	cat >"$work/$1/nginx.conf" <<-END
	pid $work/$1/pid;
	daemon off;
	master_process off;
	events {}
	http {
		access_log off;
		keepalive_timeout 300s;
		server {
			listen 8080;
			listen [::]:8080;
			location / { return 200 "I am $1\n"; }
		}
	}
	END
	nsenter --net="/run/netns/$prefix-$1" -- nginx -c "$work/$1/nginx.conf" -e "$work/$1/error" &
}

# The client: asks, prints who answers, waits for the file `again`, asks again on the same connection.
cat >"$work/client" <<'END'
trap '' PIPE
ask()
{
	local line=
	printf 'GET / HTTP/1.1\r\nHost: web\r\n\r\n' >&3
	until [[ $line == "I am "* ]]; do
		read -r -t 5 line <&3 && continue
		line="I am $([ $? -gt 128 ] && echo silent || echo reset)"
	done
	echo "$line"
}
exec 3<>"/dev/tcp/$1/80" || exit 1
ask
until [ -e "$2" ]; do sleep 0.02; done
ask
END

# answered FAMILY: what a new connection hears; for wait_until
answered()
{
	touch "$work/now"
	on client timeout 10 bash "$work/client" "${SERVICE[$1]}" "$work/now" 2>/dev/null | sort -u
}

said() # FAMILY TEXT
{
	[ "$(paste -sd, "$work/open.$1")" = "$2" ]
}

nat_start --ports "[tcp/80]" --nat "{port: 8080}"
for host in s1 s2 s3; do
	web "$host"
done
for family in "${FAMILIES[@]}"; do
	must 10 eval "[ \"\$(answered $family)\" = 'I am s1' ]"
	nsenter --net="/run/netns/$prefix-client" -- bash "$work/client" "${SERVICE[$family]}" "$work/again" \
		>"$work/open.$family" 2>/dev/null &
	must 10 said "$family" "I am s1"
done

lab_cut s1
must 10 committed 2 s2
touch "$work/again"
for family in "${FAMILIES[@]}"; do
	must 10 said "$family" "I am s1,I am reset"
	expect "over IPv$family" "$(answered "$family")" "I am s2"
done
