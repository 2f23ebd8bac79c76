# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh and lab.sh set root, prefix and work
#
# Real servers for tests of service checks: source it after selftests/lib/failover.sh.

# Servers find their programs there; a test names what it needs.
PATH=$PATH:/usr/sbin

# nginx_start SERVER [STATUS]: on tcp/80 and, with TLS, tcp/443; /health says "all is well" with that status,
# /who says "I am SERVER", in a header X-Server too, /moved redirects, /big has 1 GiB, /slow a byte a second
nginx_start()
{
	local dir=$work/nginx.$1
	mkdir -p "$dir"
	truncate -s 1G "$dir/big"
	echo "I am very slow, but in the end I say: all is well" >"$dir/slow"
	[ -e "$work/tls.$1.pem" ] || certify "$1" web.example
	cat >"$dir/conf" <<-END
		daemon off;
		master_process off;
		pid $dir/pid;
		error_log $dir/error.log;
		events { worker_connections 4096; }
		http {
			access_log $dir/access.log;
			client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir;
			uwsgi_temp_path $dir; scgi_temp_path $dir;
			ssl_certificate $work/tls.$1.pem; ssl_certificate_key $work/tls.$1.pem;
			server {
				listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl;
				root $dir;
				location /health { return ${2:-200} "all is well\n"; }
				location /files/ { root $work; limit_rate 8m; }
				location /who { add_header X-Server $1; return 200 "I am $1\n"; }
				location /moved { return 301 /health; }
				location /slow { limit_rate 1; limit_rate_after 100; }
			}
		}
	END
	nsenter --net="/run/netns/$prefix-$1" -- nginx -c "$dir/conf" -p "$dir" -e "$dir/error.log" &
	eval "nginx_$1=$!"
	wait_until 10 nginx_listens "$1" || fail "nginx on $1: $(cat "$dir/error.log")"
}

# certify SERVER NAME [DAYS]: nginx_start's key and certificate, good for so long, by the CA in $work/ca.pem
certify()
{
	local new=(openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
	{
		[ -e "$work/ca.pem" ] ||
			"${new[@]}" -x509 -subj "/CN=CA of a test" -days 2 -keyout "$work/ca.key" \
				-out "$work/ca.pem"
		"${new[@]}" -subj "/CN=$2" -keyout "$work/tls.$1.pem" -out "$work/$1.csr"
		echo "subjectAltName = DNS:$2" >"$work/$1.names"
		openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" \
			-CAcreateserial -days "${3:-2}" -extfile "$work/$1.names" >>"$work/tls.$1.pem"
	} 2>"$work/openssl.log" || fail "no certificate: $(cat "$work/openssl.log")"
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

# --- other servers ------------------------------------------------------------------------------------

# exim_start SERVER [ACL]: a mail server on tcp/25; ACL is what it says to a connection, "accept"
exim_start()
{
	local dir=$work/exim.$1
	mkdir -p "$dir"
	cat >"$dir/conf" <<-END
		exim_user = root
		exim_group = root
		primary_hostname = $1.example
		spool_directory = $dir
		log_file_path = $dir/%slog
		pid_file_path = $dir/pid
		keep_environment =
		local_interfaces = <; 0.0.0.0 ; ::0
		daemon_smtp_ports = 25
		host_lookup =
		rfc1413_query_timeout = 0s
		tls_advertise_hosts =
		log_selector = +smtp_connection +smtp_no_mail
		acl_smtp_connect = connect
		begin acl
		connect:
		  ${2:-accept}
	END
	nsenter --net="/run/netns/$prefix-$1" -- exim4 -bdf -C "$dir/conf" 2>"$dir/err" &
	eval "exim_$1=$!"
	wait_until 10 listens "$1" tcp 25 || fail "exim on $1: $(cat "$dir"/err "$dir"/*log)"
}

# named_start SERVER ADDRESS: a name server of example.org, whose www has that address and 2001:db8::80, or
# none with "-"; alias.example.org is an alias of a name of others; of broken.org it has no data
named_start()
{
	local dir=$work/named.$1
	mkdir -p "$dir"
	cat >"$dir/conf" <<-END
		options {
			directory "$dir"; pid-file none; session-keyfile none; recursion no; notify no;
			dnssec-validation no; listen-on { any; }; listen-on-v6 { any; };
		};
		controls { };
		zone "example.org" { type primary; file "zone"; };
		zone "broken.org" { type primary; file "missing"; };
	END
	cat >"$dir/zone" <<-END
		\$TTL 5
		@ IN SOA ns admin 1 3600 600 86400 5
		@ IN NS ns
		ns IN A 192.0.2.53
		alias IN CNAME www.example.net.
	END
	[ "$2" = - ] || printf 'www IN A %s\nwww IN AAAA 2001:db8::80\n' "$2" >>"$dir/zone"
	nsenter --net="/run/netns/$prefix-$1" -- named -g -n 1 -U 1 -c "$dir/conf" >"$dir/log" 2>&1 &
	eval "named_$1=$!"
	wait_until 20 named_answers "$1" || fail "named on $1: $(tail -n 5 "$dir/log")"
}

named_answers()
{
	[ "$(on "$1" dig -r @127.0.0.1 +short +time=1 +tries=1 ns.example.org)" = 192.0.2.53 ]
}

# signal KIND_SERVER SIGNAL: to what was started so: "signal exim_s1 STOP"
signal()
{
	kill -s "$2" "${!1}"
}

# listens SERVER tcp|udp PORT: for wait_until
listens()
{
	on "$1" ss -Hln "--$2" "sport = :$3" | grep -q .
}

# deaf SERVER PORT: what is sent to it is dropped
deaf()
{
	on "$1" nft "table inet deaf { chain input { type filter hook input priority 0
		tcp dport $2 drop; udp dport $2 drop; }; }"
}

# --- services by name -----------------------------------------------------------------------------------

# name_services NAME...: those of `tools/lab config --services N`, in order
name_services()
{
	local i name
	for ((i = 0; i < $#; i++)); do
		name=${*:i+1:1}
		sed -i "s/^  - name: web${i#0}\$/  - name: $name/" "$work/defib.yaml"
	done
}

# answers SERVICE SERVER STATE REGEX: all checks of the service on the server, both families, have that
# state and said that; for wait_until
answers()
{
	[ "$(status -c "[first(.services[] | select(.name == \"$1\")).checks[] | select(.server == \"$2\")] |
		(map(.address | test(\":\")) | unique == [false, true]) and
		all(.[]; .state == \"$3\" and (.last | test(\"$4\")))")" = true ]
}

# answer SERVICE SERVER STATE REGEX: soon
answer()
{
	wait_until 15 answers "$@" ||
		daemon_fail "line ${BASH_LINENO[0]}: $*: $(check_of "$1" "$2" '[.state, .last]')"
}
