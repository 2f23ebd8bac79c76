# SPDX-License-Identifier: GPL-2.0-only
# data: timeline-250us timeline-1ms timeline-10ms
# One line for each interval: its name, then the medians (column 4) of the first five stages in ms.
set title 'Stages of a failover, medians'
set xlabel 'interval'
set ylabel 'time since the kill (ms)'
set style data histograms
set style histogram rowstacked
set style fill solid 0.85 border rgb '#444444'
set boxwidth 0.5
set yrange [0:*]
set grid noxtics
set key top left invert
stages = "< for t in 250us 1ms 10ms; do awk -F'\t' -v t=$t 'NR == 1 { printf \"%s\", t } ".\
	"NR >= 2 && NR <= 6 { printf \"\t%s\", $4 / 1000 } END { print \"\" }' timeline-$t.quantiles; done"
do for [n = 1:8] { set style line n linewidth 1 dashtype 1 }
plot stages using 2:xticlabels(1) linestyle 1 title 'killed, until a probe is missed', \
	'' using 3 linestyle 2 title 'until the verdict: probes expire, a witness answered', \
	'' using 4 linestyle 8 title 'until the kernel has switched', \
	'' using 5 linestyle 3 title 'until the client sends its next request', \
	'' using 6 linestyle 5 title 'until it is answered'
