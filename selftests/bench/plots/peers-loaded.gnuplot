# SPDX-License-Identifier: GPL-2.0-only
# data: peers-outage
# The odd rows, see peers-outage.gnuplot.
set title 'Outage that a client notices, 8 CPU hogs'
set xlabel 'milliseconds'
set ylabel 'share of the kills'
set logscale x
set yrange [0:1]
set key bottom right
plot for [i = 0:5] 'peers-outage.cdf' index 2 * i + 1 using 1:2 with steps linestyle i + 1 \
	title columnheader(1)
