# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh and lab.sh set root, prefix and work
#
# Real servers for tests of service checks: source it after selftests/lib/failover.sh.

# nginx_start SERVER [STATUS]: on tcp/80 and, with TLS, tcp/443; /health says "all is well" with that status
nginx_start()
{
	local dir=$work/nginx.$1
	mkdir -p "$dir"
	cat >"$dir/conf" <<-END
		daemon off;
		master_process off;
		pid $dir/pid;
		error_log $dir/error.log;
		events { worker_connections 256; }
		http {
			access_log $dir/access.log;
			client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir;
			uwsgi_temp_path $dir; scgi_temp_path $dir;
			ssl_certificate $work/tls.pem; ssl_certificate_key $work/tls.pem;
			server {
				listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl;
				location /health { return ${2:-200} "all is well\n"; }
				location /files/ { root $work; limit_rate 8m; }
			}
		}
	END
	[ -e "$work/tls.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=web.example -days 2 \
		-keyout "$work/tls.pem" -out "$work/tls.crt" 2>/dev/null
	[ ! -e "$work/tls.crt" ] || { cat "$work/tls.crt" >>"$work/tls.pem"; rm "$work/tls.crt"; }
	nsenter --net="/run/netns/$prefix-$1" -- nginx -c "$dir/conf" -p "$dir" -e "$dir/error.log" &
	eval "nginx_$1=$!"
	wait_until 10 nginx_listens "$1" || fail "nginx on $1: $(cat "$dir/error.log")"
}

nginx_listens() # SERVER
{
	on "$1" ss -Hltn sport = :80 | grep -q LISTEN
}

# nginx_signal SERVER SIGNAL
nginx_signal()
{
	local pid=nginx_$1
	kill -s "$2" "${!pid}"
}

nginx_kill() # SERVER
{
	local pid=nginx_$1
	kill -KILL "${!pid}"
	{ wait "${!pid}" || true; } 2>/dev/null
}

# checked SERVICE CHECK...: give a service of $work/defib.yaml checks, as in "{kind: tcp, port: 80}"
checked()
{
	local service=$1 list
	shift
	list=$(printf ', %s' "$@")
	sed -i "s|^  - name: $service\$|&\n    checks: [${list#, }]|" "$work/defib.yaml"
}

# check_of SERVICE SERVER FILTER: what the status says of the checks of a service on a server
check_of()
{
	status -c "first(.services[] | select(.name == \"$1\")).checks[] | select(.server == \"$2\") | $3"
}

# checks_are SERVICE STATE...: "s1=pass s2=fail": for wait_until
checks_are()
{
	local service=$1 one
	shift
	for one; do
		[ "$(check_of "$service" "${one%=*}" .state | sort -u)" = "${one#*=}" ] || return 1
	done
}

checker_pid()
{
	pgrep -P "$daemon_pid" -x defib-check
}

# second_service: servers hold the addresses of `tools/lab config --services 2`, too
second_service()
{
	local host
	for host in $(printf '%s\n' /run/netns/* | sed -n "s,.*/$prefix-\(s[0-9]*\)\$,\1,p"); do
		on "$host" ip addr add 10.79.0.101/32 dev lo
		on "$host" ip addr add fd79::101/128 dev lo nodad
	done
}
