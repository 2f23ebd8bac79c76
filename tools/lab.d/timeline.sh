# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash

# timeline_draw: what timeline.awk reads, as a drawing
timeline_draw() {
	awk -F'|' -f "$(dirname "${BASH_SOURCE[0]}")/timeline.awk"
}
