// SPDX-License-Identifier: GPL-2.0-only
#include "reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/clean.h"
#include "base/log.h"
#include "base/text.h"
#include "change.h"
#include "conf/conf.h"
#include "conf/diff.h"
#include "daemon.h"
#include "load.h"

/** struct candidate - a configuration that may come in force; what was not taken is freed */
struct candidate {
	char *text;
	size_t length;
	struct policy *policy;
	char *problems; /* a line for each, also of warnings */
	struct diff diff;
};

static void candidate_free(struct candidate *c)
{
	free(c->text);
	free(c->problems);
	policy_free(c->policy);
	diff_free(&c->diff);
}

static const char *serving(void *arg, const char *pool, uint32_t index)
{
	const struct daemon *d = arg;

	for (uint32_t i = 0; i < d->policy->n_pools; i++) {
		const struct policy_pool *p = &d->policy->pools[i];
		uint32_t servers[DFB_SLOTS], n = share_list(&d->core.pools[p->id].share, servers);

		if (!strcmp(p->name, pool) && index < n && d->core.servers[servers[index]].policy)
			return d->core.servers[servers[index]].policy->name;
	}
	return "";
}

static int read_candidate(struct daemon *d, struct candidate *c)
{
	size_t size;
	FILE *complain = open_memstream(&c->problems, &size);
	int err;

	if (!complain)
		return -ENOMEM;
	err = load_read(d->in_force.path, complain, &c->text, &c->length);
	if (!err)
		err = load_parse(d->in_force.path, c->text, c->length, complain, &c->policy);
	fclose(complain);
	return err ? err : diff_policies(d->policy, c->policy, serving, d, &c->diff);
}

/* What translates packets is there before the kernel marks them. */
static int configure(struct daemon *d, struct policy *policy, char *why, size_t size)
{
	char ignored[256];
	bool changed;
	int err = kern_assign_ids(d->kern, policy);

	if (err)
		snprintf(why, size, "cannot give ids to servers and pools: %s", strerror(-err));
	if (!err)
		err = translation_sync(d, policy, &changed, why, size);
	if (!err)
		err = kern_configure(d->kern, policy, why, size);
	if (err)
		translation_sync(d, d->policy, &changed, ignored, sizeof(ignored));
	return err;
}

static int put_in_force(struct daemon *d, struct candidate *c, char *why, size_t size)
{
	const char *fixed = diff_restart(&c->diff);
	struct policy *old = d->policy;
	int err;

	if (fixed) {
		/* what is built into loaded programs and installed rules cannot change under them */
		snprintf(why, size, "%s cannot change while it runs: stop, `defib teardown`, start", fixed);
		return -EINVAL;
	}
	daemon_drain(d); /* what was heard before is of the old policy */
	err = configure(d, c->policy, why, size);
	if (err)
		return err;
	d->policy = TAKE_PTR(c->policy);
	daemon_emit_policy(d);
	daemon_attach(d);
	if (link_reload(d->link, d->policy))
		log_error("out of memory: interfaces are watched as before");
	daemon_configure_checks(d);
	kern_adopt(d->kern);
	daemon_drain(d);
	policy_free(old);
	free(d->in_force.text);
	d->in_force.text = TAKE_PTR(c->text);
	d->in_force.length = c->length;
	d->in_force.loaded_ns = clock_now_ns();
	return 0;
}

/* --- what is told ---------------------------------------------------------------------------- */

static void log_problems(const char *problems)
{
	CLEAN_FREE char *lines = strdup(problems);
	char *rest = lines;

	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		if (line[0])
			log_warning("%s", line);
	}
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* Its problems are the reason, and not mere warnings. */
static bool is_faulty(const struct candidate *c)
{
	return !c->policy && c->problems && c->problems[0];
}

static void refuse(struct daemon *d, const struct candidate *c, const char *why)
{
	struct report r = {.kind = REPORT_RELOAD_FAILED, .time_ns = clock_now_ns()};
	int first = is_faulty(c) ? (int)strcspn(c->problems, "\n") : 0;

	snprintf(d->in_force.refused, sizeof(d->in_force.refused), "%s%s%.*s", why, first ? ": " : "", first,
		 first ? c->problems : "");
	snprintf(r.reason, sizeof(r.reason), "%.*s", (int)sizeof(r.reason) - 1, d->in_force.refused);
	daemon_report(d, &r);
}

static json_t *success_json(const struct candidate *c)
{
	json_t *doc = change_json(&c->diff);
	size_t n = c->diff.n_changes;

	json_object_set_new(doc, "text", n ? json_sprintf("the configuration is in force: %zu change%s", n, plural(n)) :
					     json_string("the configuration is in force: nothing changed"));
	return doc;
}

static json_t *failure_json(const struct candidate *c, const char *why)
{
	bool more = is_faulty(c);
	size_t n = more ? strlen(c->problems) : 0;

	while (n && c->problems[n - 1] == '\n')
		n--;
	return json_pack("{s:o}", "error", json_sprintf("%s%s%.*s", why, more ? "\n" : "", (int)n,
							more ? c->problems : ""));
}

int reload_configuration(struct daemon *d, json_t **ret_answer)
{
	struct candidate c = {0};
	char why[256] = "";
	int err;

	sd_notify(0, "RELOADING=1");
	err = read_candidate(d, &c);
	if (c.problems)
		log_problems(c.problems);
	if (err)
		snprintf(why, sizeof(why), "%s is faulty and changes nothing", d->in_force.path);
	else
		err = put_in_force(d, &c, why, sizeof(why));
	if (err)
		refuse(d, &c, why);
	else
		d->in_force.refused[0] = '\0';
	if (ret_answer)
		*ret_answer = err ? failure_json(&c, why) : success_json(&c);
	candidate_free(&c);
	sd_notify(0, "READY=1");
	return err;
}

/* --- what is in force ------------------------------------------------------------------------ */

/* As text: what differs in a comment only is a difference, too, that a reload ends. */
static json_t *differs_json(const struct in_force *in_force)
{
	CLEAN_FREE char *text = NULL, *said = NULL;
	size_t length = 0, size;
	FILE *complain = open_memstream(&said, &size);
	int err = complain ? load_read(in_force->path, complain, &text, &length) : -ENOMEM;

	if (complain)
		fclose(complain);
	if (err)
		return json_null();
	return json_boolean(length != in_force->length || memcmp(text, in_force->text, length));
}

static json_t *path_json(const struct in_force *in_force)
{
	CLEAN_FREE char *path = realpath(in_force->path, NULL);

	return json_string(path ? path : in_force->path);
}

json_t *reload_status(const struct in_force *in_force)
{
	char loaded[TIME_TEXT_LEN];

	return json_pack("{s:o, s:s, s:o, s:o}",
		"file", path_json(in_force),
		"loaded", time_format(in_force->loaded_ns, loaded),
		"differs", differs_json(in_force),
		"refused", in_force->refused[0] ? json_string(in_force->refused) : json_null());
}

json_t *reload_text(const struct in_force *in_force)
{
	return json_pack("{s:o, s:o}", "file", path_json(in_force),
			 "text", json_stringn(in_force->text, in_force->length));
}
