# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tables of measurements: source it after selftests/lib/net.sh (all it needs is $root).
#
# A table has a NAME and is kept in build/bench/NAME.tsv: comments that begin with "# ", then one line for
# each number that was measured, `ROW<TAB>VALUE`, in the table's unit. It is printed as quantiles of each
# row. What is no distribution (a CPU load, a count) goes to a table with columns of its own:
#
#   bench_open outage ms 'Outage that a client notices'      bench_open scale '' 'Size'
#   bench_add outage '1 ms x 3' 2.03 2.41 inf                bench_columns scale 'CPU %' 'MB'
#   bench_target outage '1 ms x 3' p99 6                     bench_cells scale '1,000 targets' 31 12
#   bench_print outage                                       bench_print scale
#   bench_end
#
# What is infinite is shown as never.
#
# `make bench-doc` (selftests/lib/bench-doc) puts what is kept into Documentation/performance: tables
# between `.. bench: NAME` and `.. bench: end`, and selftests/bench/plots/*.gnuplot as SVG. A plot finds in
# build/bench: NAME.tsv, NAME.quantiles (the printed columns) and NAME.cdf (for each row its name, then
# `VALUE<TAB>SHARE` lines; rows are gnuplot's index 0, 1, ...).

BENCH_DIR=${BENCH_DIR:-$root/build/bench}
BENCH_QUANTILES='min p50 p90 p99 max'
bench_missed=0

# bench_file NAME [SUFFIX]
bench_file()
{
	echo "$BENCH_DIR/$1.${2:-tsv}"
}

# bench_machine: date, machine and load
bench_machine()
{
	local release model load
	release=$(uname -r)
	model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	read -r load _ </proc/loadavg
	echo "$(date -u +%F), $(nproc) CPUs (${model:-$(uname -m)}), Linux ${release%%-*}, load $load"
}

# bench_need FILE...: of build/selftests
bench_need()
{
	local name
	for name; do
		[ -f "$root/build/selftests/$name" ] ||
			{ echo "build/selftests/$name is missing; run make tests" >&2; exit 1; }
	done
}

# bench_open NAME UNIT TITLE: an empty table; what was kept before is forgotten
bench_open()
{
	mkdir -p "$BENCH_DIR"
	printf '# %s: %s\n' title "$3" unit "$2" machine "$(bench_machine)" >"$(bench_file "$1")"
}

# bench_add NAME ROW [VALUE]...: numbers; without any: from standard input, one a line
bench_add()
{
	local name=$1 row=$2
	shift 2
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@"
	else
		cat
	fi | awk -v row="$row" '{ print row "\t" $1 }' >>"$(bench_file "$name")"
}

# bench_columns NAME COLUMN...: the table's own columns, instead of quantiles
bench_columns()
{
	local IFS=$'\t'
	echo "# columns: ${*:2}" >>"$(bench_file "$1")"
}

# bench_cells NAME ROW CELL...: a row of a table with columns of its own
bench_cells()
{
	local IFS=$'\t'
	echo "${*:2}" >>"$(bench_file "$1")"
}

# bench_target NAME ROW COLUMN LIMIT: rows whose names begin like that must not exceed it
bench_target()
{
	printf '# target: %s\t%s\t%s\n' "${@:2}" >>"$(bench_file "$1")"
}

# bench_note NAME KEY: what a comment of the table says
bench_note()
{
	sed -n "s/^# $2: //p" "$(bench_file "$1")"
}

# bench_sorted NAME: `ROW<TAB>VALUE`, rows in the order in which they came, values ascending
bench_sorted()
{
	awk -F'\t' -v OFS='\t' '/^# /{ next } !($1 in id) { id[$1] = n++ } { print id[$1], $1, $2 }' \
		"$(bench_file "$1")" | LC_ALL=C sort -t $'\t' -k 1,1n -k 3,3g | cut -f 2-
}

# bench_quantiles NAME: a header, then `ROW n min p50 p90 p99 max` with tabs. A quantile is the smallest
# value that at least so many do not exceed (nearest rank), as in tools/lab.d/outages.c.
bench_quantiles()
{
	bench_sorted "$1" | awk -F'\t' -v columns="$BENCH_QUANTILES" '
		function rank(percent,  r) {
			r = n * percent / 100
			return r > int(r) ? int(r) + 1 : (r < 1 ? 1 : r)
		}
		function shown(value) {
			return value == "inf" ? "never" : sprintf("%.*f", digits, value)
		}
		function flush_row(  i, p) {
			if (!n) return
			rows++
			name[rows] = row
			count[rows] = n
			for (i = 1; i <= C; i++) {
				p = column[i] == "min" ? 0 : column[i] == "max" ? 100 : substr(column[i], 2)
				cell[rows, i] = v[rank(p)]
				if (column[i] == "p50" && cell[rows, i] != "inf" && cell[rows, i] > highest)
					highest = cell[rows, i]
			}
			n = 0
		}
		BEGIN { C = split(columns, column, " "); highest = 0 }
		n && $1 != row { flush_row() }
		{ row = $1; v[++n] = $2 }
		END {
			flush_row()
			digits = highest >= 1000 ? 0 : highest >= 100 ? 1 : 2
			printf "\tn"
			for (i = 1; i <= C; i++) printf "\t%s", column[i]
			print ""
			for (r = 1; r <= rows; r++) {
				printf "%s\t%d", name[r], count[r]
				for (i = 1; i <= C; i++) printf "\t%s", shown(cell[r, i])
				print ""
			}
		}'
}

# bench_cdf NAME: for plots, see above
bench_cdf()
{
	bench_sorted "$1" | awk -F'\t' '
		function flush_row(  i) {
			if (!n) return
			if (rows++) print "\n"
			print row
			for (i = 1; i <= n; i++) print v[i] "\t" i / n
			n = 0
		}
		n && $1 != row { flush_row() }
		{ row = $1; v[++n] = $2 }
		END { flush_row() }'
}

# bench_grid NAME: the cells as they are shown: a header line with an empty first field, then the rows
bench_grid()
{
	local columns
	columns=$(bench_note "$1" columns)
	if [ -z "$columns" ]; then
		bench_quantiles "$1"
		return
	fi
	printf '\t%s\n' "$columns"
	grep -v '^# ' "$(bench_file "$1")" || true
}

# bench_targets NAME: one line for each target: met or missed, and by which row
bench_targets()
{
	bench_note "$1" target | while IFS=$'\t' read -r row column limit; do
		bench_grid "$1" | awk -F'\t' -v row="$row" -v column="$column" -v limit="$limit" '
			NR == 1 { for (i = 2; i <= NF; i++) if ($i == column) at = i; next }
			function number(cell) { return cell == "never" ? 1e99 : cell + 0 }
			!at || index($1, row) != 1 { next }
			!n++ || number($at) > number(worst) { worst = $at; which = $1 }
			END {
				said = n && number(worst) <= limit + 0 ? "met" : "missed"
				which = n ? worst " (" which ")" : "not measured"
				printf "%s of \"%s\" at most %s: %s: %s\n", column, row, limit, said, which
			}'
	done
}

# bench_print NAME: for people
bench_print()
{
	local unit targets
	unit=$(bench_note "$1" unit)
	echo
	echo "$(bench_note "$1" title)${unit:+, $unit}"
	bench_note "$1" machine
	bench_grid "$1" | awk -F'\t' '
		{
			for (i = 1; i <= NF; i++) {
				cell[NR, i] = $i
				if (length($i) > w[i]) w[i] = length($i)
			}
		}
		NF > columns { columns = NF }
		END {
			for (r = 1; r <= NR; r++) {
				printf "%-*s", w[1], cell[r, 1]
				for (i = 2; i <= columns; i++) printf "  %*s", w[i] < 7 ? 7 : w[i], cell[r, i]
				print ""
			}
		}'
	targets=$(bench_targets "$1")
	[ -z "$targets" ] || echo "$targets"
	bench_missed=$((bench_missed + $(grep -c ': missed: ' <<<"$targets" || true)))
}

# bench_rst NAME: the same for Documentation
bench_rst()
{
	local unit
	unit=$(bench_note "$1" unit)
	echo "**$(bench_note "$1" title)${unit:+, $unit}.** $(bench_note "$1" machine)."
	echo
	bench_grid "$1" | awk -F'\t' '
		NR == 1 && $1 == "" { $1 = ".." }
		{
			for (i = 1; i <= NF; i++) {
				cell[NR, i] = $i
				if (length($i) > w[i]) w[i] = length($i)
			}
		}
		NF > columns { columns = NF }
		function rule(  i, j) {
			for (i = 1; i <= columns; i++) {
				for (j = 0; j < w[i]; j++) printf "="
				printf i < columns ? "  " : "\n"
			}
		}
		END {
			rule()
			for (r = 1; r <= NR; r++) {
				line = sprintf("%-*s", w[1], cell[r, 1])
				for (i = 2; i <= columns; i++) {
					text = cell[r, i] == "" ? "-" : cell[r, i]
					line = line "  " sprintf("%*s", w[i], text)
				}
				print line
				if (r == 1) rule()
			}
			rule()
		}'
	bench_targets "$1" | awk 'NR == 1 { print "" } { print "- " $0 }'
}

# bench_end: fails if a target of a printed table was missed
bench_end()
{
	[ "$bench_missed" -eq 0 ] || { echo "$bench_missed targets missed"; return 1; }
}
