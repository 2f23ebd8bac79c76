# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # the colours are for who sources this
# How the demo prints: 80 columns, colour only on a terminal that wants it and never alone.

show_colours() {
	bold='' dim='' red='' green='' yellow='' blue='' plain=''
	[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ] || return 0
	bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
	red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' blue=$'\e[36m'
}

show_step() { # NUMBER TEXT
	printf '\n%s%s%s %s%s%s\n' "$blue" "$1" "$plain" "$bold" "$2" "$plain"
}

show() { # TEXT...
	printf '  %s\n' "$*"
}

show_ok() { # TEXT...
	printf '  %sok%s  %s\n' "$green" "$plain" "$*"
}

# NANOSECONDS -> "+1.23", milliseconds
in_ms() {
	awk -v ns="$1" 'BEGIN { printf "%.2f", ns / 1e6 }'
}

# show_moments: lines of "NANOSECONDS|WHO|TEXT" in any order, as a table in the order of time
show_moments() {
	sort -t'|' -k1,1n | while IFS='|' read -r when who text; do
		case $text in
		*cut | *dead) colour=$red ;;
		*suspect) colour=$yellow ;;
		*'answered by'*) colour=$green ;;
		*) colour='' ;;
		esac
		printf '  %9s ms  %s%-10s%s  %s%s%s\n' "$(in_ms "$when")" "$dim" "$who" "$plain" "$colour" \
			"$text" "$plain"
	done
}
