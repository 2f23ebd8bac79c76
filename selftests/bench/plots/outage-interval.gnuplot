# SPDX-License-Identifier: GPL-2.0-only
# data: outage
# Of each row of IPv4: its place, its name without what the colours say, p50, min, p99.
set title 'Outage by interval, load and state of the controller, IPv4'
set xlabel 'interval, load'
set ylabel 'outage (ms): bar p50, whiskers min and p99'
set yrange [0:*]
set xrange [0.2:18.8]
set style fill solid 0.8 border rgb '#444444'
set bars 0.6
set key top left
set grid noxtics
place(state) = "< awk -F'\t' -v OFS='\t' '/IPv4/ && /, ".state.",/ { split($1, w, \", \"); ".\
	"print 3 * n++ + s, w[1] \", \" w[2], $4, $3, $6 }' s=".(state eq 'alive' ? 1 : state eq 'stopped' ? 2 : 3).\
	" outage.quantiles"
set style line 11 linecolor rgb '#0072b2' linewidth 1 dashtype 1
set style line 12 linecolor rgb '#e69f00' linewidth 1 dashtype 1
set style line 13 linecolor rgb '#009e73' linewidth 1 dashtype 1
set xtics font ',12'
plot place('alive') using 1:3:4:5:(0.85) with boxerrorbars linestyle 11 title 'controller alive', \
	place('stopped') using 1:3:4:5:(0.85):xticlabels(2) with boxerrorbars linestyle 12 \
	title 'controller stopped (SIGSTOP)', \
	place('dead') using 1:3:4:5:(0.85) with boxerrorbars linestyle 13 \
	title 'controller dead (SIGKILL)'
