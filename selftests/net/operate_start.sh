#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Wrong starts: each is refused with what is wrong and what to do, and leaves nothing behind.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq bpftool tc setpriv clang

PINS=/sys/fs/bpf/defib

defibd()
{
	on gateway timeout 60 "$root/build/defibd" -c "$work/defib.yaml" --instance "$prefix" "$@"
}

# programs: all that is attached in the gateway
programs()
{
	on gateway bpftool net show | sed 's/ id [0-9]*//'
}

# untouched: nothing of ours is there
untouched()
{
	expect "line ${BASH_LINENO[0]}: programs" "$(programs)" "$programs"
	expect "line ${BASH_LINENO[0]}: routes" "$(routing)" "$clean"
	expect "line ${BASH_LINENO[0]}: qdiscs" "$(on gateway tc qdisc show)" "$qdiscs"
	[ -z "$(pgrep -f "defib-probe --instance $prefix\$")" ] || fail "a prober is left"
}

lab up --servers 2
at_exit lab_stop
lab serve
lab respond
daemon_config --interval 2ms
clean=$(routing)
programs=$(programs)
qdiscs=$(on gateway tc qdisc show)

# A faulty configuration, a wrong word.
code 2 defibd --instance 'no such name'
says "$err" "--instance"
code 2 defibd surplus
code 2 defibd --log-level loud
code 2 on gateway "$root/build/defibd" -c "$work/nosuch.yaml" --instance "$prefix"
says "$err" "nosuch.yaml" "No such file"
cp "$work/defib.yaml" "$work/good.yaml"
sed -i 's/pool: app/pool: ap/; s/interval: 2ms/interval: 2/' "$work/defib.yaml"
code 2 defibd
says "$err" "defib.yaml:8:13: " "defib.yaml:23:11: "
code 2 defibd --check
says "$err" "defib.yaml:8:13: " "defib.yaml:23:11: "
cp "$work/good.yaml" "$work/defib.yaml"
code 0 defibd --check
[ ! -e "$PINS/$prefix" ] || fail "pins are left"
untouched

# No privileges: no capabilities, another user, another user namespace.
drop() { on gateway setpriv --bounding-set=-all --inh-caps=-all "$@"; }
code 4 drop timeout 60 "$root/build/defibd" -c "$work/defib.yaml" --instance "$prefix"
says "$err" "CAP_BPF" "root"
chmod 755 "$work"
install -m 755 "$root/build/defibd" "$work/" # the checkout may be closed to others
code 4 on gateway timeout 60 setpriv --reuid=65534 --regid=65534 --clear-groups "$work/defibd" \
	-c "$work/defib.yaml" --instance "$prefix"
says "$err" "root"
if unshare --user true 2>"$work/refused"; then # not allowed in a chroot
	code 4 on gateway unshare --user --map-root-user timeout 60 "$work/defibd" -c "$work/defib.yaml" \
		--instance "$prefix"
fi
untouched
[ ! -e "$PINS/$prefix" ] || fail "pins are left"

# A foreign XDP program on the servers' interface: named, left in place, and nothing of ours stays.
clang -target bpf -O2 -c -x c -o "$work/foreign.o" - <<'END'
__attribute__((section("xdp"), used)) int foreign_xdp(void *ctx) { return 2; }
__attribute__((section("tc"), used)) int foreign_tc(void *ctx) { return -1; }
char _license[] __attribute__((section("license"), used)) = "GPL";
END
on gateway ip link set dev e0 xdpgeneric obj "$work/foreign.o" sec xdp
code 1 defibd
says "$err" "e0: the XDP program foreign_xdp (id" "is there already" "detach it"
expect "XDP" "$(on gateway bpftool net show dev e0 | grep -c 'generic id')" 1
with_foreign=$(programs)
[ "$with_foreign" != "$programs" ] || fail "the foreign program is not there"
programs=$with_foreign
untouched
[ ! -e "$PINS/$prefix" ] || fail "pins are left: $(find "$PINS/$prefix")"
on gateway ip link set dev e0 xdpgeneric off

# Foreign filters stay; one in our own place is refused.
on gateway tc qdisc add dev g0 clsact
on gateway tc filter add dev g0 ingress pref 10 handle 1 bpf da obj "$work/foreign.o" sec tc
on gateway tc filter add dev g0 egress pref 780 handle 0xdf1b bpf da obj "$work/foreign.o" sec tc
programs=$(programs)
qdiscs=$(on gateway tc qdisc show)
daemon_start
must 30 all_well
expect "filters on g0" "$(on gateway tc filter show dev g0 ingress | grep -o 'foreign.o\|dfb_steer' | sort -u | paste -sd' ')" \
	"dfb_steer foreign.o"
expect "lost" "$(traffic --to 10.79.0.100 --count 20 | json .lost)" 0

# A second daemon of the instance; a daemon of another name but the same places.
code 1 defibd
says "$err" "instance $prefix runs already"
must 5 all_well
running=$(programs)
code 1 on gateway timeout 60 "$root/build/defibd" -c "$work/defib.yaml" --instance "$prefix-2"
says "$err" "g0: another program has our place on clsact" "another instance"
expect "programs" "$(programs)" "$running"
[ ! -e "$PINS/$prefix-2" ] || fail "pins of the second instance are left"
must 5 all_well

# Pinned maps of another version that do not say their layout: refused, and nothing is harmed.
daemon_stop
control=$PINS/$prefix/maps/control
mv "$PINS/$prefix/maps/btf" "$PINS/$prefix/btf"
value=$(bpftool -j map dump pinned "$control" | jq -r '.[0].value | map(ltrimstr("0x")) | join(" ")')
# shellcheck disable=SC2086 # bytes
bpftool map update pinned "$control" key hex 00 00 00 00 value hex 63 ${value#* }
code 1 defibd
says "$err" "ABI version 99" "cannot take them over" 'defib teardown --keep-routes'
expect "programs" "$(programs)" "$running"
expect "lost" "$(traffic --to 10.79.0.100 --count 20 | json .lost)" 0
code 1 defib status
says "$err" "of another version"
# shellcheck disable=SC2086
bpftool map update pinned "$control" key hex 00 00 00 00 value hex $value
mv "$PINS/$prefix/btf" "$PINS/$prefix/maps/btf"
daemon_start
must 30 all_well
daemon_stop
code 0 defib teardown
untouched
on gateway tc qdisc del dev g0 clsact

# A foreign filter in our place.
on gateway tc qdisc add dev g0 clsact
on gateway tc filter add dev g0 ingress pref 780 handle 0xdf1b bpf da obj "$work/foreign.o" sec tc
programs=$(programs)
code 1 defibd
says "$err" "g0: another program has our place on clsact (priority 780, handle 0xdf1b)"
untouched
on gateway tc qdisc del dev g0 clsact
programs=$(programs)
qdiscs=$(on gateway tc qdisc show)

# bpffs is not mounted: it is, then. In a mount namespace of its own.
mkfifo "$work/go"
on gateway unshare --mount --propagation private sh -c '
	umount /sys/fs/bpf && ! mountpoint -q /sys/fs/bpf || exit 99
	"$1" -c "$2" --instance "$3" 2>>"$4" &
	read -r line <"$5"
	mountpoint -q /sys/fs/bpf && test -e "/sys/fs/bpf/defib/$3/maps/pools" && echo mounted
	kill $! && wait $!
	"$6" --instance "$3" teardown' sh "$root/build/defibd" \
	"$work/defib.yaml" "$prefix" "$work/defibd.log" \
	"$work/go" "$root/build/defib" >"$work/private" 2>&1 &
private=$!
must 30 all_well
echo >"$work/go"
wait "$private" || fail "in the private mount namespace: $(cat "$work/private")"
expect "in the private mount namespace" "$(cat "$work/private")" "mounted
instance $prefix is gone"
untouched
