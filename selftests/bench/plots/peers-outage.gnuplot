# SPDX-License-Identifier: GPL-2.0-only
# data: peers-outage
# Rows come in the order in which they are measured, each idle (even) and loaded (odd): at 10 ms defib,
# bird, frr and keepalived, at 1 ms defib and bird.
set title 'Outage that a client notices, machine idle'
set xlabel 'milliseconds'
set ylabel 'share of the kills'
set logscale x
set yrange [0:1]
set key bottom right
plot for [i = 0:5] 'peers-outage.cdf' index 2 * i using 1:2 with steps linestyle i + 1 \
	title columnheader(1)
