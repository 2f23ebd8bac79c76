# SPDX-License-Identifier: GPL-2.0-only
# data: commit
# Rows: 1, 100, 10000 prefixes, each with compat mode 1 and then 0.
set title 'Commit by number of service prefixes'
set xlabel 'service prefixes'
set ylabel 'switch until committed (us): p50, min, p99'
set logscale xy
set xrange [0.6:20000]
set yrange [50:*]
set xtics (1, 10, 100, '1,000' 1000, '10,000' 10000)
rows(mode) = "< awk -F'\t' -v OFS='\t' '/compat mode ".mode."/ { print $1 + 0, $4, $3, $6 }' commit.quantiles"
plot rows('1') using 1:2:3:4 with yerrorlines linestyle 2 title 'nexthop_compat_mode 1, the default', \
	rows('0') using 1:2:3:4 with yerrorlines linestyle 1 title 'nexthop_compat_mode 0'
