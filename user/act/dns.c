// SPDX-License-Identifier: GPL-2.0-only
#include "dns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "base/text.h"
#include "dns_text.h"
#include "worker.h"

#define DEADLINE_NS 5000000000ull

/**
 * struct name_server - one publication
 * @turn: the last one: what an earlier one brings is of no interest any more
 * @known: the record's text as it was read or written last
 * @writing: the text on its way
 * @record: what that says
 */
struct name_server {
	struct dns *dns;
	uint64_t turn;
	char address[ADDRESS_TEXT_LEN];
	char known[DNS_TEXT_LEN];
	char writing[DNS_TEXT_LEN];
	struct publish_record record;
};

/** struct job - one run; owned by whoever is called at its end */
struct job {
	struct name_server *of;
	uint32_t publication;
	uint64_t turn;
	bool write;
};

struct dns {
	struct worker *worker;
	dns_emit *emit;
	void *arg;
	struct name_server servers[POLICY_MAX_PUBLICATIONS];
};

struct dns *dns_new(struct worker *worker, dns_emit *emit, void *arg)
{
	struct dns *dns = calloc(1, sizeof(*dns));

	if (!dns)
		return NULL;
	dns->worker = worker;
	dns->emit = emit;
	dns->arg = arg;
	for (size_t i = 0; i < POLICY_MAX_PUBLICATIONS; i++)
		dns->servers[i].dns = dns;
	return dns;
}

void dns_free(struct dns *dns)
{
	free(dns);
}

/* --- results --------------------------------------------------------------------------------- */

static struct event event_of(const struct job *job)
{
	return (struct event){
		.time_ns = clock_now_ns(),
		.kind = EVENT_PUBLISHED,
		.published = {.publication = job->publication, .turn = job->turn, .wrote = job->write},
	};
}

static void tell_failure(const struct job *job, int error, const char *why)
{
	struct event ev = event_of(job);

	ev.published.error = error;
	snprintf(ev.published.why, sizeof(ev.published.why), "name server %s: %.100s", job->of->address, why);
	job->of->dns->emit(job->of->dns->arg, &ev);
}

static void tell_record(const struct job *job, const struct publish_record *record)
{
	struct event ev = event_of(job);

	ev.published.record = *record;
	job->of->dns->emit(job->of->dns->arg, &ev);
}

static void on_written(const struct job *job, int error, const char *why, const char *output)
{
	char said[DNS_WHY_LEN] = "";

	if (error) {
		error = dns_text_outcome(output, why, said);
		tell_failure(job, error, said);
		return;
	}
	memcpy(job->of->known, job->of->writing, sizeof(job->of->known));
	tell_record(job, &job->of->record);
}

static void on_read(const struct job *job, const char *output)
{
	char text[DNS_TEXT_LEN], time[TIME_TEXT_LEN], why[DNS_WHY_LEN];
	struct publish_record record = {0};
	int error = dns_text_answer(output, text, why);

	if (!error && text[0] && (dns_text_parse(text, &record, time) || time_parse(time, &record.time_ns))) {
		error = -EEXIST;
		text_copy(why, sizeof(why), "the record beside the first name cannot be understood; remove it");
	}
	if (error) {
		tell_failure(job, error, why);
		return;
	}
	text_copy(job->of->known, sizeof(job->of->known), text);
	tell_record(job, &record);
}

static void on_end(void *arg, int error, const char *why, const char *output)
{
	struct job *job = arg;

	if (job->turn == job->of->turn) {
		if (job->write)
			on_written(job, error, why, output);
		else if (error && !output[0])
			tell_failure(job, error, why);
		else
			on_read(job, output);
	}
	free(job);
}

/* --- orders ---------------------------------------------------------------------------------- */

static const struct policy_server *server_named(const struct policy *policy, const char *name)
{
	for (uint32_t i = 0; i < policy->n_servers; i++) {
		if (!strcmp(policy->servers[i].name, name))
			return &policy->servers[i];
	}
	return NULL;
}

static int say_update(struct name_server *ns, const struct core *core, const struct action *a,
		      char input[DNS_INPUT_LEN])
{
	const struct core_publication *p = &core->publications[a->publish.publication];
	struct dns_update update = {
		.dns = p->service->dns,
		.name_server = publish_address(p),
		.known = ns->known,
		.text = ns->writing,
		.server = server_named(core->policy, a->publish.record.server),
	};
	char time[TIME_TEXT_LEN];

	ns->record = a->publish.record;
	dns_text_record(&ns->record, core->policy->pools[p->service->pool].name,
			time_format(ns->record.time_ns, time), ns->writing);
	return dns_text_update(&update, input);
}

static int run(struct name_server *ns, struct job *job, const char *input)
{
	static char *const nsupdate[] = {"nsupdate", "-t", "3", "-u", "1", "-r", "1", NULL};
	/* Over TCP, which nobody answers in another's place so easily. The key is for standard input only. */
	static char *const dig[] = {"dig", "-r", "+tcp", "+norecurse", "+time=1", "+tries=1", "+noall",
				    "+comments", "+answer", "-f", "-", NULL};
	const struct worker_program program = {
		.argv = job->write ? nsupdate : dig,
		.input = input,
		.deadline_ns = DEADLINE_NS,
	};

	return worker_run(ns->dns->worker, &program, on_end, job);
}

void dns_publish(struct dns *dns, const struct core *core, const struct action *a)
{
	const struct core_publication *p = &core->publications[a->publish.publication];
	struct name_server *ns = &dns->servers[a->publish.publication];
	struct job order = {ns, a->publish.publication, a->publish.turn, a->publish.write};
	struct job *job = malloc(sizeof(*job));
	char input[DNS_INPUT_LEN];
	int error;

	ns->turn = a->publish.turn;
	address_format(publish_address(p), ns->address);
	error = job ? 0 : -ENOMEM;
	if (!error && a->publish.write)
		error = say_update(ns, core, a, input);
	else if (!error)
		error = dns_text_query(p->service->dns, publish_address(p), input);
	if (!error) {
		*job = order;
		error = run(ns, job, input);
	}
	if (error) {
		free(job);
		tell_failure(&order, error, strerror(-error));
	}
}
