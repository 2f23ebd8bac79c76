/* SPDX-License-Identifier: GPL-2.0-only */
/* Every bound that is derived from the configuration, in one place. Times in nanoseconds. */
#ifndef CORE_TIMING_H
#define CORE_TIMING_H

#include "policy.h"

/** timing_detection() - a dead server is declared within this, if timers are on time and a witness answers */
uint64_t timing_detection(const struct policy_heartbeat *h);

/** timing_fresh() - a target that is still up has answered a probe sent this long ago or later */
uint64_t timing_fresh(const struct policy_heartbeat *h);

/** timing_initial() - how long a pool without a server waits for the first of its candidates */
uint64_t timing_initial(const struct policy *policy, const struct policy_pool *pool);

/** timing_retry() - pause before the n-th retry of a failed action: doubles from 100 ms to 5 s */
uint64_t timing_retry(uint32_t n);

/** timing_earlier() - of two moments; 0 is none */
uint64_t timing_earlier(uint64_t a, uint64_t b);

/* How often the connections with a server that drains are counted, and how long they may stay at most. */
#define TIMING_DRAIN_COUNT_NS 1000000000ull
#define TIMING_DRAIN_LONGEST_NS (24 * 3600 * 1000000000ull)

/* How often a name server is asked what stands there. */
#define TIMING_PUBLISHED_NS (10 * 1000000000ull)

/* --- how often a living server is declared dead ---------------------------------------------- */

/* A living server that is declared dead more often than this is worth a warning: 30 days. */
#define TIMING_MISTAKES_BOUND_NS (30 * 86400 * 1000000000ull)

/**
 * struct timing_pace - how the probes of a target follow one another
 * @timeout_ns: in effect: the fixed one, or what the automatic one has settled on
 */
struct timing_pace {
	uint64_t interval_ns;
	uint64_t timeout_ns;
	uint32_t misses;
	uint32_t confirm_probes;
	uint64_t confirm_spacing_ns;
};

/**
 * struct timing_loss - what was counted on one path; outages are not in it
 * @probes: judged
 * @rows: of probes lost in succession
 * @again: lost probes but for the first of each row
 * @pace: at which it was measured
 */
struct timing_loss {
	uint64_t probes;
	uint64_t rows;
	uint64_t again;
	struct timing_pace pace;
};

/** timing_counted() - what a detector has counted, at the pace of its configuration */
void timing_counted(const struct dfb_target *target, const struct dfb_detect *d, uint64_t timeout_ns,
		    struct timing_loss *ret_loss);

/** timing_lost() - p: the share of probes that were lost, 0 to 1. 0 without probes. */
double timing_lost(const struct timing_loss *loss);

/** timing_lost_again() - r: of those after a lost one. 0 without losses. */
double timing_lost_again(const struct timing_loss *loss);

/**
 * timing_row_offset() - when the probes leave that follow a lost one without a reply
 * @n: 1: the next one; at most DFB_WINDOW
 * Return: since the lost one. Regular probes come each interval, confirm probes when it has expired.
 */
uint64_t timing_row_offset(const struct timing_pace *pace, uint32_t n);

/**
 * timing_mistakes() - how long it takes, on average, until loss alone makes a verdict
 * @p: share of probes lost in the long run, below 1
 * @r: of those sent @gap_ns after a lost one
 * Return: nanoseconds; INFINITY where it never does.
 *
 * Loss is taken for a Gilbert process (Gilbert, "Capacity of a burst-noise channel", 1960): good and
 * bad times of random length, all is lost in bad ones, so
 *
 *   r(gap) = p + (1 - p) k^gap
 *
 * A row begins with each regular probe that is lost after one that was not, and is a mistake if the
 * next misses - 1 are lost, too, wherever they are sent:
 *
 *   interval / (p (1 - r(interval)) r(gap 1) r(gap 2) ...)
 *
 * With equal gaps this is interval / (p r^(misses - 1)) per *probe* at which `misses` are missing
 * (Chen, Toueg, Aguilera 2002), times 1 / (1 - r), as a longer row is still one mistake.
 */
double timing_mistakes(const struct timing_pace *pace, double p, double r, uint64_t gap_ns);

/** struct timing_forecast - @mistakes_ns: see timing_mistakes(); @at_least: it is a lower bound of that */
struct timing_forecast {
	double mistakes_ns;
	bool at_least;
};

/** TIMING_FORGOTTEN_NS - after so long an operator's order is reminded of, and again each time */
#define TIMING_FORGOTTEN_NS (24 * 3600 * 1000000000ull)

/* What is not seen in n trials happens in less than 3 of n, with 95 % confidence (rule of three). */
#define TIMING_RULE_OF_THREE 3
#define TIMING_MIN_PROBES 1000

/**
 * timing_forecast() - from what was counted to another pace, or the same
 * Return: false: too few probes to say anything.
 *
 * Where no probe was lost, or none after a lost one, the rule of three gives the worst that this may
 * be without being seen, and the forecast is a lower bound.
 */
bool timing_forecast(const struct timing_loss *loss, const struct timing_pace *pace,
		     struct timing_forecast *ret_forecast);

/**
 * timing_enough_misses() - the least number of misses with which mistakes are rarer than the bound
 * Return: 0: not even the greatest number that can be configured is enough.
 */
uint32_t timing_enough_misses(const struct timing_loss *loss, const struct timing_pace *pace);

#endif
