# SPDX-License-Identifier: GPL-2.0-only
# A time line to scale, in text: an axis of 66 columns in milliseconds, one row for each line of
#
#   mark|LABEL|NS           something happened then
#   bar|LABEL|FROM|TO       it lasted from then to then; without FROM: ever since
#   requests|LABEL|FILE|NS  of `pace --record`, NS being zero of the axis: who answered what was sent
#
# Times are nanoseconds from zero. The scale is the finest of 1, 2, 5 x 10^n that shows all marks.

function fit(ns) {
	if (ns + 0 > last) last = ns + 0
	if (ns + 0 < first) first = ns + 0
}
function columns(ns) { return int(ns / step + 0.999) }
function column(ns) { return left + int(ns / step + 1000.5) - 1000 }
function put(text, col,    i, c) {
	for (i = 1; i <= length(text); i++) {
		c = col + i - 1
		if (c >= 0 && c < WIDTH) cell[c] = substr(text, i, 1)
	}
}
function repeat(what, n,    s) { s = ""; while (n-- > 0) s = s what; return s }
function print_row(label,    i, s) {
	s = ""
	for (i = 0; i < WIDTH; i++) s = s (i in cell ? cell[i] : " ")
	sub(/ +$/, "", s)
	printf "  %-10s %s\n", label, s
	split("", cell)
}
function ms(ns) { return sprintf("%.2f ms", ns / 1e6) }
function mark(ns,    text, col) {
	col = column(ns)
	text = ms(ns)
	put("*", col)
	if (col + 2 + length(text) <= WIDTH) put(text, col + 2)
	else put(text, col - 1 - length(text))
}
function bar(from, to,    a, b, text) {
	b = column(to)
	if (from == "") { put(repeat("=", b) "#", 0); return }
	a = column(from)
	text = " " ms(to - from) " "
	put("<" repeat("-", b - a - 1) ">", a)
	if (b - a - 1 >= length(text)) put(text, a + int((b - a + 1 - length(text)) / 2))
	else put(text, b + 1)
}
function requests(file, zero,    line, part, ns) {
	while ((getline line < file) > 0) {
		split(line, part, " ")
		ns = part[2] - zero
		if (column(ns) < 0 || column(ns) >= WIDTH) continue
		put(part[3] > 0 ? substr(part[4], length(part[4])) : "x", column(ns))
	}
	close(file)
}
function axis(    i, labels) {
	for (i = left % 10; i < WIDTH; i += 10)
		put(sprintf("%g", (i - left) * step / 1e6), i)
	print_row("ms")
	put(repeat("-", WIDTH), 0)
	for (i = left % 10; i < WIDTH; i += 10) put("|", i)
	print_row("")
}
{ n++; for (i = 1; i <= 4; i++) field[n, i] = $i }
$1 == "mark" { fit($3) }
$1 == "bar" { fit($3); fit($4) }
END {
	WIDTH = 66
	step = 1000; split("2 2.5 2", factor, " ")
	for (i = 0; columns(-first) + columns(last) > WIDTH - 12; i++) step *= factor[i % 3 + 1]
	left = columns(-first) + 3
	axis()
	for (r = 1; r <= n; r++) {
		if (field[r, 1] == "mark") mark(field[r, 3])
		else if (field[r, 1] == "bar") bar(field[r, 3], field[r, 4])
		else requests(field[r, 3], field[r, 4])
		print_row(field[r, 2])
	}
	printf "  %-10s one column is %g ms\n", "", step / 1e6
}
