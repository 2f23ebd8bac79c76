// SPDX-License-Identifier: GPL-2.0-only
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/trace.h"

#define REPORT_SCHEMA 1

static const char *kind_name(const struct report *r)
{
	return (unsigned int)r->kind < REPORT_KIND_MAX ? report_kind_names[r->kind] : "unknown";
}

/* Reasons may quote the outside world, or be cut in the middle of a character. */
static json_t *json_text(const char *text)
{
	json_t *value = json_string(text);
	char ascii[256];

	if (value)
		return value;
	text_copy(ascii, sizeof(ascii), text);
	for (char *c = ascii; *c; c++)
		*c = (unsigned char)*c < 0x80 ? *c : '?';
	return json_string(ascii);
}

static int set_text(json_t *object, const char *key, const char *text)
{
	return *text ? json_object_set_new(object, key, json_text(text)) : 0;
}

static int set_us(json_t *object, const char *key, uint64_t ns)
{
	return ns ? json_object_set_new(object, key, json_integer((json_int_t)((ns + 500) / 1000))) : 0;
}

const char *report_budget(const struct report_blackout *b)
{
	return b->length_ns <= b->budget_ns ? "kept" : "broken";
}

json_t *report_blackout_json(const struct report_blackout *b)
{
	json_t *doc = json_pack("{s:I, s:I, s:I, s:i}",
		"blackout_us", (json_int_t)(b->length_ns / 1000),
		"resolution_us", (json_int_t)(b->resolution_ns / 1000),
		"lost", (json_int_t)b->lost,
		"streams", (int)b->streams);

	if (doc && b->budget_ns)
		json_object_update_new(doc, json_pack("{s:I, s:s}",
			"budget_us", (json_int_t)(b->budget_ns / 1000),
			"budget", report_budget(b)));
	return doc;
}

static int set_blackout(json_t *object, const struct report_blackout *b)
{
	return b->known ? json_object_update_new(object, report_blackout_json(b)) : 0;
}

json_t *report_json(const struct report *r)
{
	char time[TIME_TEXT_LEN];
	json_t *o = json_pack("{s:i, s:s, s:I, s:s}", "schema", REPORT_SCHEMA, "time",
			      time_format(r->time_ns, time), "mono_ns", (json_int_t)r->time_ns, "kind",
			      kind_name(r));
	int failed;

	if (!o)
		return NULL;
	failed = set_text(o, "server", r->server) || set_text(o, "pool", r->pool) ||
		 set_text(o, "service", r->service) || set_text(o, "from", r->from) ||
		 set_text(o, "to", r->to) ||
		 (r->epoch && json_object_set_new(o, "epoch", json_integer((json_int_t)r->epoch))) ||
		 set_text(o, "reason", r->reason) || set_us(o, "detect_us", r->detect_ns) ||
		 set_us(o, "switch_us", r->switch_ns) || set_us(o, "commit_us", r->commit_ns) ||
		 (r->connections && json_object_set_new(o, "connections", json_integer(r->connections))) ||
		 set_blackout(o, &r->blackout);
	if (failed) {
		json_decref(o);
		return NULL;
	}
	return o;
}

struct line {
	char *text;
	size_t size;
	size_t used;
};

static void __attribute__((format(printf, 2, 3))) add(struct line *l, const char *format, ...)
{
	va_list args;
	int n;

	if (l->used + 1 >= l->size)
		return;
	va_start(args, format);
	n = vsnprintf(l->text + l->used, l->size - l->used, format, args);
	va_end(args);
	if (n < 0)
		return;
	l->used += (size_t)n < l->size - l->used ? (size_t)n : l->size - l->used - 1;
}

static void add_time(struct line *l, const char **separator, const char *what, uint64_t ns)
{
	char duration[DURATION_TEXT_LEN];

	if (!ns)
		return;
	add(l, "%s%s in %s", *separator, what, duration_format(ns, duration));
	*separator = ", ";
}

static void add_blackout(struct line *l, const struct report_blackout *b)
{
	char length[DURATION_TEXT_LEN], resolution[DURATION_TEXT_LEN], budget[DURATION_TEXT_LEN];

	if (!b->known)
		return;
	add(l, ": %s +- %s, %llu lost", duration_format(b->length_ns, length),
	    duration_format(b->resolution_ns, resolution), (unsigned long long)b->lost);
	if (b->budget_ns)
		add(l, ", budget of %s %s", duration_format(b->budget_ns, budget), report_budget(b));
}

static void add_subject(struct line *l, const struct report *r)
{
	const char *separator = ": ";
	const char *named[][2] = {{"service", r->service}, {"pool", r->pool}, {"server", r->server}};

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (!*named[i][1])
			continue;
		add(l, "%s%s %s", separator, named[i][0], named[i][1]);
		separator = ", ";
	}
}

int report_line(const struct report *r, char *text, size_t size)
{
	struct line l = {.text = text, .size = size};
	const char *separator = " (";

	if (size)
		*text = '\0';
	add(&l, "%s", kind_name(r));
	add_subject(&l, r);
	if (*r->from || *r->to)
		add(&l, ": %s -> %s", *r->from ? r->from : "none", *r->to ? r->to : "none");
	if (r->epoch)
		add(&l, ", epoch %llu", (unsigned long long)r->epoch);
	if (r->connections)
		add(&l, ", %u connections", r->connections);
	add_blackout(&l, &r->blackout);
	if (*r->reason)
		add(&l, ": %s", r->reason);
	add_time(&l, &separator, "detected", r->detect_ns);
	add_time(&l, &separator, "switched", r->switch_ns);
	add_time(&l, &separator, "committed", r->commit_ns);
	if (*separator == ',')
		add(&l, ")");
	return (int)l.used;
}
