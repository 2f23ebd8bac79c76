#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Tables of measurements: quantiles, targets, and their way into Documentation.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
export BENCH_DIR=$tree/bench BENCH_DOC=$tree/doc BENCH_PLOTS=$tree/plots
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"

# same WHAT GOT WANTED
same()
{
	[ "$2" = "$3" ] || { printf '%s: got\n%s\nwanted\n%s\n' "$1" "$2" "$3"; exit 1; }
}

# row NAME ROW: its cells, with blanks
row()
{
	bench_grid "$1" | sed -n "s/^$2\t//p" | tr '\t' ' '
}

bench_open t ms 'A title'
seq 100 -1 1 | bench_add t hundred
bench_add t one 7
bench_add t 'ten, and text' 10 9 8 7 6 5 4 3 2 1.5e0
seq 1 101 | bench_add t 'one more'
bench_add t 'below one' 0.25 0.75
same header "$(bench_grid t | head -n 1)" $'\tn\tmin\tp50\tp90\tp99\tmax'
same hundred "$(row t hundred)" '100 1.00 50.00 90.00 99.00 100.00'
same one "$(row t one)" '1 7.00 7.00 7.00 7.00 7.00'
same ten "$(row t 'ten, and text')" '10 1.50 5.00 9.00 10.00 10.00'
same 'one more' "$(row t 'one more')" '101 1.00 51.00 91.00 100.00 101.00'
same 'below one' "$(row t 'below one')" '2 0.25 0.25 0.75 0.75 0.75'
same order "$(bench_grid t | cut -f 1 | paste -sd ,)" ',hundred,one,ten, and text,one more,below one'
same cdf "$(bench_cdf t | tail -n 3 | paste -sd ' ' | tr '\t' ' ')" 'below one 0.25 0.5 0.75 1'

bench_open big ns 'Large numbers'
bench_add big x 1234.56 1235
same 'no digits' "$(row big x)" '2 1235 1235 1235 1235 1235'
bench_open late ms 'Some never'
bench_add late x inf 3 inf 10 2
bench_target late x p50 20
bench_target late x p90 20
same never "$(row late x)" '5 2.00 10.00 never never never'
same 'targets of never' "$(bench_targets late)" 'p50 of "x" at most 20: met: 10.00 (x)
p90 of "x" at most 20: missed: never (x)'
rm "$(bench_file late)"

# targets: of all rows that begin so, by the worst
bench_target t one p50 50
[ "$(bench_targets t)" = 'p50 of "one" at most 50: missed: 51.00 (one more)' ] || { bench_targets t; exit 1; }
bench_print t >/dev/null
same missed "$bench_missed" 1
! bench_end >/dev/null || { echo "a missed target passes"; exit 1; }
bench_missed=0
bench_open t ms 'A title'
bench_add t one 49
bench_target t one p50 50
bench_target t nobody p50 50
same targets "$(bench_targets t)" 'p50 of "one" at most 50: met: 49.00 (one)
p50 of "nobody" at most 50: missed: not measured'

bench_open own '' 'Own columns'
bench_columns own 'CPU %' state
bench_cells own 'a row' 12.5 'as it is'
same cells "$(row own 'a row')" '12.5 as it is'

# into a page: what stands around it stays, what was there goes
mkdir -p "$BENCH_DOC" "$BENCH_PLOTS"
printf '%s\n' before '.. bench: own' old '.. bench: end' after '.. bench: none' kept '.. bench: end' \
	>"$BENCH_DOC/page.rst"
cat >"$BENCH_PLOTS/drawn.gnuplot" <<'END'
# SPDX-License-Identifier: GPL-2.0-only
# data: t
set title 'A plot, of | this'
plot 't.cdf' using 1:2 with lines linestyle 1
END
said=$("$root/selftests/lib/bench-doc" 2>&1) || [[ $said == *'gnuplot is missing'* ]] || { echo "$said"; exit 1; }
same page "$(sed 's/^\*\*Own columns\.\*\* 20.*/**/' "$BENCH_DOC/page.rst")" 'before
.. bench: own

**

=====  =====  ========
..     CPU %     state
=====  =====  ========
a row   12.5  as it is
=====  =====  ========

.. bench: end
after
.. bench: none
kept
.. bench: end'
cp "$BENCH_DOC/page.rst" "$tree/once"
"$root/selftests/lib/bench-doc" own >/dev/null 2>&1 || [[ $said == *'gnuplot is missing'* ]]
cmp "$tree/once" "$BENCH_DOC/page.rst"
if command -v gnuplot >/dev/null; then
	grep -q 'SPDX-License-Identifier' "$BENCH_DOC/drawn.svg"
	grep -q '<title>A plot, of   this</title>' "$BENCH_DOC/drawn.svg"
fi
