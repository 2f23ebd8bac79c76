#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tools/lint passes a clean tree and finds every kind of fault planted into it.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
head='/* SPDX-License-Identifier: GPL-2.0-only */'

# must_find TEXT: of what is in the tree now
must_find()
{
	local said
	if said=$("$root/tools/lint" "$tree"); then
		echo "not found: $1"
		exit 1
	fi
	[[ $said == *"$1"* ]] || { echo "wanted '$1', got: $said"; exit 1; }
}

# function_of LINES
function_of()
{
	printf '%s\nint f(void)\n{\n' "$head"
	for ((i = 0; i < $1; i++)); do printf '\tg();\n'; done
	printf '}\n'
}

function_of 70 >"$tree/a.c"
printf '#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-only\nexit 0\n' >"$tree/script"
"$root/tools/lint" "$tree"

function_of 71 >"$tree/b.c"
must_find 'b.c:3: a function of 71 lines'
printf 'int a;\n' >"$tree/b.c"
must_find 'b.c:1: no SPDX line'
: >"$tree/b.c"
printf '%s\nint a; \n' "$head" >"$tree/b.c"
must_find 'b.c:2: white space'
printf '%s\n/* %s */\n' "$head" TO"DO" >"$tree/b.c"
must_find 'b.c:2: unfinished work'
printf '%s\n#include "vmlinux.h"\n' "$head" >"$tree/b.c"
must_find 'b.c:2: vmlinux.h is of one kernel'
printf '%s\n\t\t%0100d\n' "$head" 0 >"$tree/b.c"
must_find 'b.c:2: 116 columns'
printf '%s\n\t\tsay("%0100d");\n' "$head" 0 >"$tree/b.c"
"$root/tools/lint" "$tree"
{ echo "$head"; for ((i = 0; i < 600; i++)); do echo 'int a;'; done; } >"$tree/b.c"
must_find 'b.c: 601 lines'
rm "$tree/b.c"
if command -v shellcheck >/dev/null; then
	# shellcheck disable=SC2016
	printf '#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-only\nrm $1\n' >"$tree/script"
	must_find 'script:3'
fi
