# SPDX-License-Identifier: GPL-2.0-only
# data: steer
set title 'What a packet pays, from the client to the server'
set ylabel 'ns per packet: bar p50, whiskers min and max'
set xlabel 'how it is led to the server'
set yrange [0:*]
set style fill solid 0.8 border rgb '#444444'
set grid noxtics
unset key
set xtics font ',12'
set xrange [-0.6:4.6]
plot 'steer.quantiles' every ::1 using 0:4:3:7:(0.6):xticlabels(1) with boxerrorbars linestyle 1 linewidth 1
