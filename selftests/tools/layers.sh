#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tools/layers passes a clean tree and finds every kind of violation planted into a copy of it.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

mkdir "$copy/Documentation" "$copy/build"
cp "$root/Documentation/style.rst" "$copy/Documentation/"
# Headers are enough of a tree, and quick to check; make lint checks all of it.
(cd "$root" && find include bpf user -name '*.h' -exec cp --parents -t "$copy" {} +)
mkdir -p "$copy/user/act" "$copy/user/sense" "$copy/user/core"

# core_of TEXT: an archive of the core made of this text
core_of()
{
	rm -f "$copy/build/libcore.a"
	echo "$1" | cc -w -x c -O0 -ffreestanding -fno-stack-protector -c -o "$copy/build/core.o" -
	ar rcs "$copy/build/libcore.a" "$copy/build/core.o"
}

# must_find TEXT: the check fails and says so
must_find()
{
	local said
	if said=$("$root/tools/layers" "$copy"); then
		echo "not found: $1"
		exit 1
	fi
	[[ $said == *"$1"* ]] || { echo "wanted '$1', got: $said"; exit 1; }
}

# plant FILE INCLUDE TEXT: a file with this include must be found
plant()
{
	printf '#include %s\n' "$2" >"$copy/$1"
	must_find "$3"
	rm "$copy/$1"
}

core_of 'int memcmp(); int core_a(void) { return memcmp(); }'
"$root/tools/layers" "$copy"

: >"$copy/user/act/planted_act.h"
: >"$copy/user/sense/planted_sense.h"
plant user/core/planted.c '<time.h>' 'must not include <time.h>'
plant user/core/planted.c '<sys/socket.h>' 'must not include <sys/socket.h>'
plant user/core/planted.c '"base/log.h"' 'must not include user/base/log.h'
plant user/core/planted.c '"../base/log.h"' 'must not include user/base/log.h'
plant user/core/planted.c '<defib/ctl.h>' 'must not include include/defib/ctl.h'
plant user/core/planted.h '"act/planted_act.h"' 'must not include user/act/planted_act.h'
plant user/sense/planted.c '"act/planted_act.h"' 'must not include user/act/planted_act.h'
plant user/act/planted.c '"sense/planted_sense.h"' 'must not include user/sense/planted_sense.h'
plant user/act/planted.c '<bpf/libbpf.h>' 'user/act/planted.c:1: <bpf/libbpf.h> belongs to'
plant user/act/planted.c '"beat.skel.h"' 'must not include'
plant user/act/route_planted.c '<libvirt/libvirt.h>' 'belongs to user/act/vm.c only'
plant user/act/planted.c '  <nftables/libnftables.h> /* why */' 'belongs to user/act/nat.c only'
plant user/core/planted.c '<sqlite3.h>' '<sqlite3.h> belongs to user/store/'
plant bpf/planted.h '"core/event.h"' 'bpf/ must not include'
plant include/defib/planted.h '<stdlib.h>' 'include/defib/ must not include <stdlib.h>'

for call in malloc time clock_gettime write printf getenv; do
	core_of "int $call(); int core_a(void) { return $call(); }"
	must_find "the core must not call $call()"
done

core_of 'int core_a(void) { return 0; }'
sed -i '/layers: folders/,/layers: end/d' "$copy/Documentation/style.rst"
if "$root/tools/layers" "$copy" 2>/dev/null; then
	echo "passed without its tables"
	exit 1
fi
