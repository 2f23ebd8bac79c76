// SPDX-License-Identifier: GPL-2.0-only
#include "advice.h"

#include <errno.h>
#include <string.h>

#include "base/paths.h"
#include "base/text.h"
#include "detect.h"

#define SECONDS(n) ((n) * 1e9)
#define DAYS(n) SECONDS((n) * 86400.0)
#define YEARS(n) DAYS((n) * 365.0)

/* --- which --------------------------------------------------------------------------------------- */

/* A target that is this very address; its id is 0 where there is none. */
static uint32_t find_target(const struct snapshot *s, const struct policy_server *server, uint32_t family)
{
	for (uint32_t id = 1; id < s->n_servers; id++) {
		uint32_t target = dfb_target_id(id, family);

		if (!strcmp(s->servers[id].name, server->name) && s->targets[target].server == id &&
		    !memcmp(s->targets[target].address, server->address[family], 16) &&
		    s->state[target].detect.generation == s->targets[target].generation)
			return target;
	}
	return 0;
}

static struct timing_pace pace_of(const struct policy_heartbeat *h, uint64_t measured_ns)
{
	uint64_t timeout = detect_min(detect_max(measured_ns, h->timeout_min_ns), h->timeout_max_ns);

	return (struct timing_pace){
		.interval_ns = h->interval_ns,
		.timeout_ns = h->timeout_ns ? h->timeout_ns : timeout,
		.misses = h->misses,
		.confirm_probes = h->confirm_probes,
		.confirm_spacing_ns = h->confirm_spacing_ns,
	};
}

static void look_at(const struct snapshot *s, uint32_t target, struct advice *a)
{
	const struct dfb_detect *d = &s->state[target].detect;
	uint64_t timeout = detect_timeout(&s->targets[target], d);
	struct timing_pace other;
	struct timing_forecast f;

	timing_counted(&s->targets[target], d, timeout, &a->loss);
	a->pace = pace_of(&a->server->heartbeat, timeout);
	a->known = timing_forecast(&a->loss, &a->pace, &a->forecast);
	a->enough = timing_enough_misses(&a->loss, &a->pace);
	other = a->pace;
	other.misses = a->enough;
	a->enough_ns = a->enough && timing_forecast(&a->loss, &other, &f) ? f.mistakes_ns : 0;
}

bool advice_next(const struct policy *policy, const struct snapshot *s, uint32_t *at,
		 struct advice *ret_advice)
{
	for (; *at < policy->n_servers * DFB_FAMILIES; (*at)++) {
		const struct policy_server *server = &policy->servers[*at / DFB_FAMILIES];
		struct advice a = {.server = server, .family = *at % DFB_FAMILIES};
		uint32_t target = a.server->has[a.family] ? find_target(s, a.server, a.family) : 0;

		if (!target)
			continue;
		look_at(s, target, &a);
		*ret_advice = a;
		(*at)++;
		return true;
	}
	return false;
}

bool advice_is_warning(const struct advice *a)
{
	return a->known && !a->forecast.at_least &&
	       a->forecast.mistakes_ns < (double)TIMING_MISTAKES_BOUND_NS;
}

/* --- words --------------------------------------------------------------------------------------- */

struct words {
	char text[32];
};

/* As a person would say it: no more than two or three figures count. */
static struct words span(double ns)
{
	static const struct {
		double below, unit;
		const char *name;
	} units[] = {
		{SECONDS(2), 1e6, "ms"}, {SECONDS(120), SECONDS(1), "s"}, {SECONDS(7200), SECONDS(60), "min"},
		{DAYS(2), SECONDS(3600), "h"}, {YEARS(2), DAYS(1), "days"}, {YEARS(1000), YEARS(1), "years"},
	};
	struct words w = {"1000 years or more"};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns < units[i].below) {
			snprintf(w.text, sizeof(w.text), "%.0f %s", ns / units[i].unit, units[i].name);
			break;
		}
	}
	return w;
}

/* 4210 as 4,210 */
static struct words number(double n)
{
	char digits[24];
	struct words w;
	size_t length, at = 0;

	snprintf(digits, sizeof(digits), "%.0f", n < 1e15 ? n : 1e15);
	length = strlen(digits);
	for (size_t i = 0; i < length; i++) {
		w.text[at++] = digits[i];
		if (i + 1 < length && (length - i - 1) % 3 == 0)
			w.text[at++] = ',';
	}
	w.text[at] = 0;
	return w;
}

/* As the configuration has it. */
static struct words interval(uint64_t ns)
{
	struct words w;

	if (ns % 1000000)
		snprintf(w.text, sizeof(w.text), "%lluus", (unsigned long long)(ns / 1000));
	else
		snprintf(w.text, sizeof(w.text), "%llums", (unsigned long long)(ns / 1000000));
	return w;
}

/* Return: how much of @text is used. */
static size_t put_loss(const struct advice *a, char text[ADVICE_TEXT])
{
	const struct timing_loss *l = &a->loss;
	double probes = (double)l->probes;
	char address[ADDRESS_TEXT_LEN];
	size_t n = (size_t)snprintf(text, ADVICE_TEXT, "%s %s: ", a->server->name,
				    address_format(a->server->address[a->family], address));

	if (!a->known)
		n += (size_t)snprintf(text + n, ADVICE_TEXT - n, "%s probes so far, too few to tell their loss",
				      number(probes).text);
	else if (!l->rows)
		n += (size_t)snprintf(text + n, ADVICE_TEXT - n, "none of %s probes lost, so less than 1 in %s (95 %%): nothing to expect a false verdict from",
				      number(probes).text, number(probes / TIMING_RULE_OF_THREE).text);
	else if (!l->again)
		n += (size_t)snprintf(text + n, ADVICE_TEXT - n, "1 in %s probes lost, none of %s after a loss",
				      number(1 / timing_lost(l)).text, number((double)l->rows).text);
	else
		n += (size_t)snprintf(text + n, ADVICE_TEXT - n, "1 in %s probes lost, %.2f after a loss",
				      number(1 / timing_lost(l)).text, timing_lost_again(l));
	return n;
}

char *advice_text(const struct advice *a, char text[ADVICE_TEXT])
{
	size_t n = put_loss(a, text);

	if (!a->known || !a->loss.rows)
		return text;
	n += (size_t)snprintf(text + n, ADVICE_TEXT - n, ": at %s x %u expect a false verdict %s %s",
			      interval(a->pace.interval_ns).text, a->pace.misses,
			      a->forecast.at_least ? "at most every" : "every",
			      span(a->forecast.mistakes_ns).text);
	if (!advice_is_warning(a))
		return text;
	if (a->enough)
		snprintf(text + n, ADVICE_TEXT - n, "; %u misses: %s", a->enough, span(a->enough_ns).text);
	else
		snprintf(text + n, ADVICE_TEXT - n, "; more misses do not help, a longer interval may");
	return text;
}

/* --- all of it ------------------------------------------------------------------------------- */

struct snapshot *advice_read(const char *instance, FILE *complain)
{
	struct snapshot *s = NULL;
	struct paths paths;
	int err = paths_init(&paths, instance);

	err = err ? err : snapshot_read(paths.maps_dir, &s);
	if (err && err != -ENOENT)
		fprintf(complain, "the loss that instance %s has measured cannot be read: %s\n", instance,
			strerror(-err));
	return err ? NULL : s;
}

void advice_print(const struct policy *policy, const struct snapshot *s, const char *path, FILE *complain,
		  FILE *out)
{
	char text[ADVICE_TEXT];
	struct advice a;
	uint32_t at = 0;

	while (advice_next(policy, s, &at, &a)) {
		advice_text(&a, text);
		if (advice_is_warning(&a))
			fprintf(complain, "%s:%u:%u: warning: %s\n", path, a.server->pace_line,
				a.server->pace_column, text);
		else if (out)
			fprintf(out, "%s\n", text);
	}
}
