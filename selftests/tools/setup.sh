#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tools/setup's arguments, and that a dry run installs nothing.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v dpkg-query >/dev/null || { echo "no dpkg-query: not a Debian machine"; exit 77; }

# status_of ARGUMENT…
status_of()
{
	local status=0
	"$root/tools/setup" "$@" >/dev/null 2>&1 || status=$?
	echo "$status"
}

[ "$(status_of)" = 2 ]
[ "$(status_of nonsense)" = 2 ]
[ "$(status_of demo check)" = 2 ]
[ "$(status_of --help)" = 0 ]
for what in demo check bench bench-peers vm build; do
	[ "$(status_of --dry-run "$what")" = 0 ]
	[ "$(status_of "$what" --dry-run)" = 0 ]
done
# Whoever runs this has what building takes.
[ -z "$("$root/tools/setup" --dry-run build)" ]
