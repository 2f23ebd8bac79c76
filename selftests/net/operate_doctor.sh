#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The doctor finds what is wrong with a gateway, and nothing with a good one; who is not permitted is
# told so.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq setpriv

# diagnosis [FILTER of a check]: lines of "verdict check text"
diagnosis()
{
	{ defib -j doctor || true; } | json ".checks[] | select(${1:-true}) | \"\(.verdict) \(.check) \(.text)\""
}

setting() # NAME=VALUE: of the gateway
{
	on gateway sysctl -qw "$1"
}

nobody() # COMMAND...: as somebody without privileges
{
	on gateway setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

lab_start --servers 2 --direct 1
daemon_config --interval 2ms

# Nothing runs here: no failure of the machine.
code 0 defib doctor
says "$out" "warn  instance" "start defibd" "forwarding 4   on" "0 failures"

# A good gateway.
daemon_ready
code 0 defib doctor
says "$out" "ok    daemon" "ok    prober" "ok    e0" "ok    e1" "ok    g0" "0 failures"
expect "failures" "$(diagnosis '.verdict == "fail"')" ""
expect "warnings but of a busy machine" \
	"$(diagnosis '.verdict == "warn" and (.check | test("lateness|deadlines|bpf jit") | not)')" ""
code 0 defib -j doctor
expect "as JSON" "$(json '"\(.schema) \(.ok)"' <<<"$out")" "1 true"
code 2 defib doctor who

# What is wrong, and what to do.
setting net.ipv4.ip_forward=0
code 1 defib doctor
says "$out" "fail  forwarding 4   off" "sysctl -w net.ipv4.ip_forward=1"
setting net.ipv4.ip_forward=1
setting net.ipv6.conf.all.forwarding=0
says "$(diagnosis '.verdict != "ok"')" "forwarding 6 off"
setting net.ipv6.conf.all.forwarding=1
setting net.ipv4.conf.e1.rp_filter=1
says "$(diagnosis '.check == "e1" and .verdict == "warn"')" "rp_filter is strict"
setting net.ipv4.conf.e1.rp_filter=2
expect "loose rp_filter" "$(diagnosis '.check == "e1" and .verdict == "warn"')" ""
setting net.ipv4.conf.g0.send_redirects=1
says "$(diagnosis '.check == "g0" and .verdict == "warn"')" "ICMP redirects are sent"
setting net.ipv4.conf.g0.send_redirects=0
lab_cut s3 --carrier
must 5 eval 'diagnosis ".check == \"e1\"" | grep -q "warn e1 no carrier"'
lab_heal all
prober=$(status .prober.pid)
kill -STOP "$prober"
must 10 eval 'diagnosis ".check == \"prober\"" | grep -q "^fail prober .*nobody can be found dead"'
kill -CONT "$prober"
must 10 eval 'diagnosis ".check == \"prober\"" | grep -q "^ok"'
code 0 defib doctor
on gateway ip link del e1
must 5 eval 'diagnosis ".verdict == \"fail\"" | grep -q . || ! map interfaces | grep -q e1'

# Somebody without privileges: exit status 4, and why.
chmod 755 "$work"
nobody_defib() { nobody "$root/build/defib" --instance "$prefix" "$@"; }
for command in "status" "service list" "server maintenance s1 on" "service failover web" "event monitor" "teardown" \
	"event list"; do
	# shellcheck disable=SC2086 # words
	code 4 nobody_defib $command
	says "$err" "root"
done
code 4 nobody_defib echo attach g0 --allow 10.77.0.0/24
code 1 nobody_defib doctor
says "$out" "fail  capabilities   not here: CAP_BPF"
code 0 nobody_defib version
code 2 nobody_defib status now
cp "$work/defib.yaml" "$work/secret.yaml"
chmod 600 "$work/secret.yaml"
code 4 nobody_defib config check "$work/secret.yaml"
chmod 644 "$work/secret.yaml"
code 0 nobody_defib config check "$work/secret.yaml"
says "$out" "ok: 3 servers, 1 pools, 1 services"
expect "mode of the socket" "$(stat -c %a "/run/defib/$prefix/ctl.sock")" 660
expect "mode of the pins" "$(stat -c %a "/sys/fs/bpf/defib/$prefix/maps")" 750
daemon_stop
for command in status "service explain web" teardown; do
	# shellcheck disable=SC2086
	code 4 nobody_defib $command
done

# Words.
code 0 defib --help
says "$out" "service failover NAME" "teardown"
code 0 defib service --help
says "$out" "service explain"
code 2 defib
code 2 defib servics list
says "$err" "service"
code 2 defib service lst
says "$err" "list" "failover" "explain"
code 2 defib --instance
code 2 defib --instance 'no/such' status
code 0 defib version
says "$out" "defib "
code 0 defib -j version
expect "version" "$(json '.schema' <<<"$out")" 1
code 0 defib completion bash
bash -n <<<"$out" || fail "the completion is no script"
says "$out" "failover"
