// SPDX-License-Identifier: GPL-2.0-only
#include "timing.h"

#define MS 1000000ull
#define INITIAL_MIN (200 * MS)
#define INITIAL_MAX (3000 * MS)
#define RETRY_FIRST (100 * MS)
#define RETRY_LAST (5000 * MS)

static uint64_t longest_timeout(const struct policy_heartbeat *h)
{
	return h->timeout_ns ? h->timeout_ns : h->timeout_max_ns;
}

/* A target that is idle is asked so late, and from its first missed probe on as often as any. */
static uint64_t idle(const struct policy_heartbeat *h)
{
	return h->idle_interval_ns ? h->idle_interval_ns + longest_timeout(h) : 0;
}

/* NFD-S (Chen et al. 2002): the last of `misses` probes leaves at most that many intervals after
 * the death, and expires one timeout later. Confirm probes only make it earlier; without any a
 * witness may need some more, see detect_room(), and with `misses: 1` a second one in any case. */
uint64_t timing_detection(const struct policy_heartbeat *h)
{
	uint64_t intervals = h->misses + (h->misses == 1);

	if (!h->confirm_probes)
		intervals += 1 + longest_timeout(h) / h->interval_ns;
	return intervals * h->interval_ns + longest_timeout(h) + idle(h);
}

uint64_t timing_fresh(const struct policy_heartbeat *h)
{
	return 2 * h->interval_ns + 2 * longest_timeout(h) + (h->idle_interval_ns ? longest_timeout(h) : 0);
}

uint64_t timing_initial(const struct policy *policy, const struct policy_pool *pool)
{
	uint64_t wait = INITIAL_MIN;

	for (uint32_t i = 0; i < pool->n_servers; i++) {
		uint64_t one = 2 * timing_detection(&policy->servers[pool->servers[i]].heartbeat);

		wait = one > wait ? one : wait;
	}
	return wait < INITIAL_MAX ? wait : INITIAL_MAX;
}

uint64_t timing_retry(uint32_t n)
{
	uint64_t pause = RETRY_FIRST;

	while (n-- && pause < RETRY_LAST)
		pause *= 2;
	return pause < RETRY_LAST ? pause : RETRY_LAST;
}

uint64_t timing_earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* --- how often a living server is declared dead ---------------------------------------------- */

void timing_counted(const struct dfb_target *target, const struct dfb_detect *d, uint64_t timeout_ns,
		    struct timing_loss *ret_loss)
{
	*ret_loss = (struct timing_loss){
		.probes = d->answered + d->rows + d->expired_again,
		.rows = d->rows,
		.again = d->expired_again,
		.pace = {
			.interval_ns = target->interval_ns,
			.timeout_ns = timeout_ns,
			.misses = target->misses,
			.confirm_probes = target->confirm_probes,
			.confirm_spacing_ns = target->confirm_spacing_ns,
		},
	};
}

double timing_lost(const struct timing_loss *loss)
{
	return loss->probes ? (double)(loss->rows + loss->again) / (double)loss->probes : 0;
}

double timing_lost_again(const struct timing_loss *loss)
{
	return loss->rows ? (double)loss->again / (double)(loss->rows + loss->again) : 0;
}

/* Of two series, regular and confirm probes, the n-th that leaves. */
uint64_t timing_row_offset(const struct timing_pace *pace, uint32_t n)
{
	uint64_t regular = pace->interval_ns, confirm = pace->timeout_ns, at = 0;
	uint32_t left = pace->confirm_probes;

	while (n--) {
		if (left && confirm < regular) {
			at = confirm;
			confirm += pace->confirm_spacing_ns;
			left--;
		} else {
			at = regular;
			regular += pace->interval_ns;
		}
	}
	return at;
}

/* Newton's method; @v: 0 to 1 */
static double square_root(double v)
{
	double x = 1;

	for (int i = 0; v > 0 && i < 64; i++)
		x = (x + v / x) / 2;
	return v > 0 ? x : 0;
}

/* @base: 0 to 1; @exponent: its bits, above and below the point, choose squares and roots */
static double power(double base, double exponent)
{
	uint64_t whole = exponent < 1e9 ? (uint64_t)exponent : 1000000000;
	double result = 1, rest = exponent - (double)whole, square = base;

	for (; whole; whole >>= 1, square *= square)
		result *= whole & 1 ? square : 1;
	for (int bit = 0; bit < 24 && rest > 0 && rest < 1; bit++) {
		base = square_root(base);
		rest *= 2;
		if (rest >= 1) {
			result *= base;
			rest -= 1;
		}
	}
	return result;
}

/* Chance of loss @gap_ns after a loss, if it is @r after @measured_ns. */
static double lost_after(double p, double r, uint64_t measured_ns, uint64_t gap_ns)
{
	double kept = r > p ? (r - p) / (1 - p) : 0;

	return p + (1 - p) * power(kept, (double)gap_ns / (double)measured_ns);
}

double timing_mistakes(const struct timing_pace *pace, double p, double r, uint64_t gap_ns)
{
	double chance = p * (1 - lost_after(p, r, gap_ns, pace->interval_ns));
	uint64_t before = 0;

	for (uint32_t n = 1; n < pace->misses; n++) {
		uint64_t at = timing_row_offset(pace, n);

		chance *= lost_after(p, r, gap_ns, at > before ? at - before : 1);
		before = at;
	}
	return chance > 0 ? (double)pace->interval_ns / chance : __builtin_inf();
}

/* Between two probes of a row, on average: what r was measured at. */
static uint64_t mean_gap(const struct timing_pace *pace)
{
	uint32_t n = pace->misses > 1 ? pace->misses - 1 : 1;
	uint64_t gap = timing_row_offset(pace, n) / n;

	return gap ? gap : 1;
}

/* A regular probe begins a row where the one before was answered: p from that, for any interval. */
static double share_lost(const struct timing_loss *loss, double begins, double r)
{
	double alone = 1 - lost_after(begins, r, mean_gap(&loss->pace), loss->pace.interval_ns);
	double p = alone > begins ? begins / alone : 1;

	return p < 0.5 ? p : 0.5;
}

bool timing_forecast(const struct timing_loss *loss, const struct timing_pace *pace,
		     struct timing_forecast *ret_forecast)
{
	double begins, r;

	if (loss->probes < TIMING_MIN_PROBES)
		return false;
	ret_forecast->at_least = !loss->rows || (!loss->again && pace->misses > 1);
	begins = (double)(loss->rows ? loss->rows : TIMING_RULE_OF_THREE) / (double)loss->probes;
	r = timing_lost_again(loss);
	if (!loss->again)
		r = loss->rows > TIMING_RULE_OF_THREE ? (double)TIMING_RULE_OF_THREE / (double)loss->rows : 1;
	if (ret_forecast->at_least && r == 1) /* no telling how long a loss lasts */
		ret_forecast->mistakes_ns = (double)loss->pace.interval_ns / begins;
	else
		ret_forecast->mistakes_ns = timing_mistakes(pace, share_lost(loss, begins, r), r,
							    mean_gap(&loss->pace));
	return true;
}

uint32_t timing_enough_misses(const struct timing_loss *loss, const struct timing_pace *pace)
{
	struct timing_pace other = *pace;
	struct timing_forecast f;

	for (other.misses = 1; other.misses <= DFB_WINDOW / 2; other.misses++) {
		if (timing_forecast(loss, &other, &f) && f.mistakes_ns >= (double)TIMING_MISTAKES_BOUND_NS)
			return other.misses;
	}
	return 0;
}
