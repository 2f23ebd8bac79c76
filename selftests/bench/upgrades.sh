#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Fifty upgrades and downgrades at random under load, see selftests/net/upgrade_between_builds.sh.
# timeout: 3600
export DEFIB_UPGRADES=${DEFIB_UPGRADES:-50}
exec "$(dirname "$0")/../net/upgrade_between_builds.sh"
