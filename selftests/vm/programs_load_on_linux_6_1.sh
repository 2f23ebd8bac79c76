#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# In check.
# The verifier of Debian 12's own kernel accepts each of the kernel programs.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}

programs=("$root"/build/*.bpf.o)
[ -e "${programs[0]}" ] || { echo "build/*.bpf.o are missing; run make" >&2; exit 1; }

# shellcheck disable=SC2016 # for the guest
exec "$root/tools/vm/run" -c 1 bash -c '
	[ "$(uname -r | cut -d . -f 1,2)" = 6.1 ] || exit 1
	status=0 pins=/sys/fs/bpf/programs # the maps, which may have the name of a file, are beside it
	mkdir "$pins"
	for program in build/*.bpf.o build/lab/*.bpf.o; do
		bpftool prog loadall "$program" "$pins/$(basename "$program" .bpf.o)" >/tmp/log 2>&1 ||
			{ status=1; echo "$program:"; tail -n 40 /tmp/log; }
	done
	[ "$(bpftool prog show | grep -c " name dfb_")" -ge 8 ] || status=1
	bpftool prog show | grep " name dfb_"
	exit $status'
