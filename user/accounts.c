// SPDX-License-Identifier: GPL-2.0-only
#include "accounts.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/text.h"
#include "blackout.h"
#include "daemon.h"

#define ACCOUNTS_PATIENCE_NS 60000000000ull /* and a stream that is still silent is waited for */
#define ACCOUNTS_SILENT_NS 1000000000ull    /* silence that is told before it ends */
#define ACCOUNTS_TOLD_MAX 100		    /* silences per second; the streams have them all */

/* --- interfaces ------------------------------------------------------------------------------ */

static size_t list_interfaces(const struct policy_gateway *gw, int list[2 * POLICY_MAX_INTERFACES])
{
	size_t n = 0;

	for (uint32_t i = 0; i < gw->n_client_interfaces + gw->n_server_interfaces; i++) {
		const char *name = i < gw->n_client_interfaces ?
					   gw->client_interfaces[i] :
					   gw->server_interfaces[i - gw->n_client_interfaces];
		int ifindex = (int)if_nametoindex(name);

		if (ifindex)
			list[n++] = ifindex;
	}
	return n;
}

static void on_silence(void *arg, const struct dfb_silence *silence);

static void on_ring(void *arg, uint32_t events)
{
	struct daemon *d = arg;

	(void)events;
	meter_poll(d->accounts.meter);
}

static int open_meter(struct daemon *d)
{
	struct meter_place place;
	char why[256];
	int err;

	meter_place_instance(&d->paths, &place);
	err = meter_open(&place, &d->accounts.meter, why, sizeof(why));
	if (err) {
		log_warning("%s; streams are not counted", why);
		return err;
	}
	err = meter_listen(d->accounts.meter, on_silence, d);
	if (!err)
		err = loop_add(d->loop, meter_fd(d->accounts.meter), EPOLLIN, on_ring, d);
	if (err)
		log_warning("silence of streams goes unnoticed: %s", strerror(-err));
	return 0;
}

static void detach_all(struct daemon *d)
{
	struct meter_place place;

	meter_place_instance(&d->paths, &place);
	meter_detach_others(&place, NULL, 0);
}

/* Said once: the reason seldom goes away by itself. */
static void attach_one(struct daemon *d, int ifindex)
{
	char why[256];

	if (!meter_attach(d->accounts.meter, ifindex, XDP_MODE_AUTO, why, sizeof(why)))
		return;
	log_line(d->accounts.refused ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
		 "%s; its streams are not counted here", why);
	d->accounts.refused = true;
}

void accounts_attach(struct daemon *d)
{
	const struct policy_loss *loss = &d->policy->loss;
	int list[2 * POLICY_MAX_INTERFACES];
	size_t n = list_interfaces(&d->policy->gateway, list);
	struct meter_place place;

	if (loss->off) {
		detach_all(d);
		return;
	}
	if (!d->accounts.meter && open_meter(d))
		return;
	meter_place_instance(&d->paths, &place);
	meter_configure(d->accounts.meter, loss->blackout_ns, loss->expire_ns);
	meter_detach_others(&place, list, n);
	for (size_t i = 0; i < n; i++)
		attach_one(d, list[i]);
	meter_release_older(d->accounts.meter);
}

bool accounts_are_complete(const struct daemon *d)
{
	int list[2 * POLICY_MAX_INTERFACES];
	size_t n = list_interfaces(&d->policy->gateway, list);

	for (size_t i = 0; d->accounts.meter && !d->policy->loss.off && i < n; i++) {
		if (!meter_is_attached(d->accounts.meter, list[i]))
			return false;
	}
	return true;
}

/* --- silence --------------------------------------------------------------------------------- */

static bool may_tell(struct accounts *a)
{
	uint64_t now = clock_now_ns();

	if (now - a->told_ns > 1000000000ull) {
		if (a->told > ACCOUNTS_TOLD_MAX)
			log_info("%u more streams fell silent or went on: see `defib loss show`",
				 a->told - ACCOUNTS_TOLD_MAX);
		a->told = 0;
		a->told_ns = now;
	}
	return a->told++ < ACCOUNTS_TOLD_MAX;
}

static void name_stream(const struct dfb_stream_key *key, char *text, size_t size)
{
	char source[ADDRESS_TEXT_LEN], destination[ADDRESS_TEXT_LEN], interface[IF_NAMESIZE] = "?";

	if_indextoname(key->interface, interface);
	snprintf(text, size, "%s %u > %s %u on %s", address_format(key->source, source), key->sport,
		 address_format(key->destination, destination), key->dport, interface);
}

static struct report report_of(enum report_kind kind, const struct dfb_stream_key *key, uint64_t time_ns)
{
	struct report r = {.kind = kind, .time_ns = time_ns};

	name_stream(key, r.reason, sizeof(r.reason));
	return r;
}

static void tell_blackout(struct daemon *d, const struct dfb_silence *silence)
{
	const struct dfb_blackout *b = &silence->blackout;
	struct report r = report_of(REPORT_STREAM_BLACKOUT, &silence->key, b->began_ns);

	r.blackout = (struct report_blackout){
		.known = true,
		.length_ns = b->length_ns,
		.resolution_ns = b->resolution_ns,
		.lost = b->lost,
		.streams = 1,
	};
	if (may_tell(&d->accounts))
		daemon_report(d, &r);
}

/* Most silence ends at once: what lasts is told by tell_lasting(). More than there is room for is not. */
static void note_silence(struct accounts *a, const struct dfb_silence *silence)
{
	uint32_t i = 0;

	while (i < a->n_silent && memcmp(&a->silent[i].key, &silence->key, sizeof(silence->key)) != 0)
		i++;
	if (silence->kind == DFB_SILENCE_BEGAN && i < ACCOUNTS_SILENT) {
		a->silent[i].key = silence->key;
		a->silent[i].began_ns = silence->blackout.began_ns;
		a->n_silent += i == a->n_silent;
	} else if (silence->kind != DFB_SILENCE_BEGAN && i < a->n_silent) {
		a->silent[i] = a->silent[--a->n_silent];
	}
}

static void on_silence(void *arg, const struct dfb_silence *silence)
{
	struct daemon *d = arg;

	note_silence(&d->accounts, silence);
	if (silence->kind == DFB_SILENCE_ENDED)
		tell_blackout(d, silence);
}

static void tell_lasting(struct daemon *d, uint64_t now)
{
	struct accounts *a = &d->accounts;

	for (uint32_t i = 0; i < a->n_silent;) {
		struct report r = report_of(REPORT_STREAM_SILENT, &a->silent[i].key, a->silent[i].began_ns);

		if (now - a->silent[i].began_ns < ACCOUNTS_SILENT_NS) {
			i++;
			continue;
		}
		if (may_tell(a))
			daemon_report(d, &r);
		a->silent[i] = a->silent[--a->n_silent];
	}
}

/* --- what a failover cost -------------------------------------------------------------------- */

void accounts_failover(struct daemon *d, const struct report *failover)
{
	struct accounts *a = &d->accounts;
	uint32_t i = 0;

	while (i < a->n_cases && strcmp(a->cases[i].report.pool, failover->pool) != 0)
		i++;
	if (!a->meter || i == DFB_MAX_POOLS || !*failover->from)
		return;
	a->n_cases += i == a->n_cases;
	a->cases[i] = (struct accounts_case){
		.report = *failover,
		.due_ns = failover->time_ns + BLACKOUT_SETTLE_NS,
	};
}

static void keep_result(struct accounts *a, const char *service, uint64_t epoch,
			const struct report_blackout *b)
{
	struct accounts_result *list;
	uint32_t i = 0;

	while (i < a->n_results && strcmp(a->results[i].service, service) != 0)
		i++;
	if (i == a->n_results) {
		list = reallocarray(a->results, i + 1, sizeof(*list));
		if (!list)
			return;
		a->results = list;
		a->n_results++;
	}
	text_copy(a->results[i].service, sizeof(a->results[i].service), service);
	a->results[i].epoch = epoch;
	a->results[i].blackout = *b;
}

static void judge_service(struct daemon *d, const struct accounts_case *c, const struct meter_view *v,
			  const struct policy_service *service)
{
	struct report r = c->report;

	if (!blackout_measure(v, service, &c->report, &r.blackout))
		return;
	r.kind = REPORT_BLACKOUT;
	r.detect_ns = r.switch_ns = r.commit_ns = 0;
	r.reason[0] = 0;
	text_copy(r.service, sizeof(r.service), service->name);
	keep_result(&d->accounts, service->name, r.epoch, &r.blackout);
	daemon_report(d, &r);
}

static bool is_pools(const struct policy *policy, const struct policy_service *service, const char *pool)
{
	return !strcmp(policy->pools[service->pool].name, pool);
}

/* Clients may hear nothing yet. */
static bool goes_on(const struct policy *policy, const struct accounts_case *c, const struct meter_view *v)
{
	if (v->now_ns > c->report.time_ns + ACCOUNTS_PATIENCE_NS)
		return false;
	for (uint32_t k = 0; k < policy->n_services; k++) {
		if (is_pools(policy, &policy->services[k], c->report.pool) &&
		    blackout_goes_on(v, &policy->services[k], &c->report))
			return true;
	}
	return false;
}

static void judge(struct daemon *d, const struct accounts_case *c, const struct meter_view *v)
{
	for (uint32_t k = 0; k < d->policy->n_services; k++) {
		if (is_pools(d->policy, &d->policy->services[k], c->report.pool))
			judge_service(d, c, v, &d->policy->services[k]);
	}
}

static bool any_due(const struct accounts *a, uint64_t now)
{
	for (uint32_t i = 0; i < a->n_cases; i++) {
		if (a->cases[i].due_ns <= now)
			return true;
	}
	return false;
}

void accounts_tick(struct daemon *d)
{
	struct accounts *a = &d->accounts;
	struct meter_view *v = NULL;
	struct meter_place place;

	tell_lasting(d, clock_now_ns());
	if (!any_due(a, clock_now_ns()))
		return;
	meter_place_instance(&d->paths, &place);
	if (meter_view_read(&place, &v))
		return;
	for (uint32_t i = 0; i < a->n_cases;) {
		if (a->cases[i].due_ns > v->now_ns || goes_on(d->policy, &a->cases[i], v)) {
			i++;
			continue;
		}
		judge(d, &a->cases[i], v);
		a->cases[i] = a->cases[--a->n_cases];
	}
	free(v);
}

const struct report_blackout *accounts_result(const struct accounts *a, const char *service, uint64_t epoch)
{
	for (uint32_t i = 0; i < a->n_results; i++) {
		if (a->results[i].epoch == epoch && !strcmp(a->results[i].service, service))
			return &a->results[i].blackout;
	}
	return NULL;
}

void accounts_close(struct daemon *d)
{
	meter_close(d->accounts.meter);
	free(d->accounts.results);
}
