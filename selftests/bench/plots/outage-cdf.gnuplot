# SPDX-License-Identifier: GPL-2.0-only
# data: outage
# Rows come as outage.sh measures them: for each interval twelve, the controller changing every four.
set title 'Outage that a client notices, IPv4, controller alive'
set xlabel 'outage (ms)'
set ylabel 'share of the kills (%)'
set logscale x
set xrange [0.5:20]
set xtics (0.5, 1, 2, 3, 4, 6, 8, 10, 15, 20)
set yrange [0:100]
set key outside right center
plot 'outage.cdf' index 0 using 1:($2 * 100) with steps linestyle 1 title '250 us x 3, idle', \
	'' index 2 using 1:($2 * 100) with steps linestyle 6 title '250 us x 3, 8 CPU hogs', \
	'' index 12 using 1:($2 * 100) with steps linestyle 2 title '1 ms x 3, idle', \
	'' index 14 using 1:($2 * 100) with steps linestyle 5 title '1 ms x 3, 8 CPU hogs', \
	'' index 24 using 1:($2 * 100) with steps linestyle 3 title '10 ms x 3, idle', \
	'' index 26 using 1:($2 * 100) with steps linestyle 4 title '10 ms x 3, 8 CPU hogs'
