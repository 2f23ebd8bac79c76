// SPDX-License-Identifier: GPL-2.0-only
#include "diff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/text.h"
#include "diff_fields.h"

const char *const diff_how_names[DIFF_HOW_MAX] = {
	[DIFF_ADDED] = "added",
	[DIFF_REMOVED] = "removed",
	[DIFF_EDITED] = "edited",
};

const char *const diff_meaning_names[DIFF_MEANING_MAX] = {
	[DIFF_ENDS] = "ends",
	[DIFF_MOVES] = "moves",
	[DIFF_INTERRUPTED] = "interrupted",
};

/* --- lists of objects, by name --------------------------------------------------------------- */

/* An object begins with its name. */
struct list {
	const void *objects;
	size_t n;
	size_t size;
	const char **sorted;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const void *list_at(const struct list *l, size_t i)
{
	return (const char *)l->objects + i * l->size;
}

static int list_sort(struct list *l)
{
	l->sorted = malloc((l->n + 1) * sizeof(*l->sorted));
	if (!l->sorted)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++)
		l->sorted[i] = list_at(l, i);
	qsort(l->sorted, l->n, sizeof(*l->sorted), by_name);
	return 0;
}

static const void *list_find(const struct list *l, const char *name)
{
	const char **found = bsearch(&name, l->sorted, l->n, sizeof(*l->sorted), by_name);

	return found ? *found : NULL;
}

/* --- changes --------------------------------------------------------------------------------- */

/** struct work - a comparison under way */
struct work {
	const struct policy *old;
	const struct policy *new;
	struct list servers[2]; /* of the old, of the new */
	struct list pools[2];
	struct list services[2];
	diff_serving_fn *serving;
	void *arg;
	struct diff out;
	bool no_memory;
};

/* One more of an array that grows by doubling. */
static void *grow(struct work *w, void *array, size_t n, size_t size)
{
	void *more = n & (n - 1) ? array : realloc(array, (n ? 2 * n : 1) * size);

	w->no_memory |= !more;
	return more;
}

static struct diff_change *add_change(struct work *w, const char *section, const char *name,
				      enum diff_how how)
{
	struct diff_change *list = grow(w, w->out.changes, w->out.n_changes, sizeof(*list));
	struct diff_change *c;

	if (!list)
		return NULL;
	w->out.changes = list;
	c = &list[w->out.n_changes++];
	*c = (struct diff_change){.section = section, .how = how, .field = ""};
	text_copy(c->name, sizeof(c->name), name);
	return c;
}

static void add_edit(struct work *w, const char *section, const char *name, const struct diff_field *field,
		     const struct diff_text values[2])
{
	struct diff_change *c = add_change(w, section, name, DIFF_EDITED);

	if (!c)
		return;
	c->field = field->name;
	c->restart = field->restart;
	c->from = strdup(values[0].text);
	c->to = strdup(values[1].text);
	w->no_memory |= !c->from || !c->to;
}

static void compare_fields(struct work *w, const char *section, const char *name,
			   const struct diff_field *fields, const void *const objects[2])
{
	struct diff_text values[2];

	for (const struct diff_field *field = fields; field->name && !w->no_memory; field++) {
		for (int i = 0; i < 2; i++) {
			values[i].n = 0;
			values[i].text[0] = '\0';
			field->print(&values[i], i ? w->new : w->old, objects[i]);
		}
		if (strcmp(values[0].text, values[1].text))
			add_edit(w, section, name, field, values);
	}
}

static void compare_list(struct work *w, const char *section, const struct diff_field *fields,
			 const struct list lists[2])
{
	for (size_t i = 0; i < lists[0].n && !w->no_memory; i++) {
		const void *objects[2] = {list_at(&lists[0], i), list_find(&lists[1], list_at(&lists[0], i))};

		if (objects[1])
			compare_fields(w, section, objects[0], fields, objects);
		else
			add_change(w, section, objects[0], DIFF_REMOVED);
	}
	for (size_t i = 0; i < lists[1].n && !w->no_memory; i++) {
		if (!list_find(&lists[0], list_at(&lists[1], i)))
			add_change(w, section, list_at(&lists[1], i), DIFF_ADDED);
	}
}

static void compare_all(struct work *w)
{
	compare_fields(w, "gateway", "", diff_gateway_fields,
		       (const void *[]){&w->old->gateway, &w->new->gateway});
	compare_fields(w, "loss", "", diff_loss_fields, (const void *[]){&w->old->loss, &w->new->loss});
	compare_list(w, "server", diff_server_fields, w->servers);
	compare_list(w, "pool", diff_pool_fields, w->pools);
	compare_list(w, "service", diff_service_fields, w->services);
	compare_fields(w, "hooks", "", diff_hooks_fields, (const void *[]){w->old, w->new});
}

/* --- what they mean -------------------------------------------------------------------------- */

#define SERVING_LEN 80

static void add_effect(struct work *w, const struct policy_service *s, enum diff_meaning meaning,
		       const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add_effect(struct work *w, const struct policy_service *s, enum diff_meaning meaning,
		       const char *format, ...)
{
	struct diff_effect *list = grow(w, w->out.effects, w->out.n_effects, sizeof(*list));
	struct diff_effect *e;
	va_list args;

	if (!list)
		return;
	w->out.effects = list;
	e = &list[w->out.n_effects++];
	text_copy(e->service, sizeof(e->service), s->name);
	e->meaning = meaning;
	va_start(args, format);
	vsnprintf(e->why, sizeof(e->why), format, args);
	va_end(args);
}

static bool has_address(const struct policy_service *s, const uint8_t address[16])
{
	for (uint32_t i = 0; i < s->n_addresses; i++) {
		if (!memcmp(s->address[i], address, 16))
			return true;
	}
	return false;
}

static bool has_server(const struct policy *policy, const struct policy_pool *pool, const char *name)
{
	for (uint32_t i = 0; i < pool->n_servers; i++) {
		if (!strcmp(policy->servers[pool->servers[i]].name, name))
			return true;
	}
	return false;
}

static bool same_addresses(const struct policy_server *a, const struct policy_server *b)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (a->has[family] && (!b->has[family] || memcmp(a->address[family], b->address[family], 16)))
			return false;
	}
	return true;
}

static void mean_addresses(struct work *w, const struct policy_service *old, const struct policy_service *new)
{
	char text[ADDRESS_TEXT_LEN];

	for (uint32_t i = 0; i < old->n_addresses; i++) {
		if (!has_address(new, old->address[i]))
			add_effect(w, old, DIFF_ENDS, "its address %s is served no more",
				   address_format(old->address[i], text));
	}
	if (old->redirect != new->redirect)
		add_effect(w, old, DIFF_INTERRUPTED, "clients come to its server in another way");
}

/* It stays in its pool: does its server? */
static void mean_server(struct work *w, const struct policy_service *old, const struct policy_pool *pool,
			const char *server)
{
	const struct policy_server *was = list_find(&w->servers[0], server);
	const struct policy_server *is = list_find(&w->servers[1], server);

	if (!is || !has_server(w->new, pool, server))
		add_effect(w, old, DIFF_MOVES, "%s, which serves it, leaves pool %s", server, pool->name);
	else if (was && !same_addresses(was, is))
		add_effect(w, old, DIFF_INTERRUPTED, "%s, which serves it, has another address", server);
}

/* The pool of the running configuration whose server this one will have; a pool that is split off begins
 * where its origin is. Return: its name, NULL: it is new. */
static const char *former_pool(const struct work *w, const struct policy_pool *pool)
{
	const char *name = pool->name;

	if (!list_find(&w->pools[0], name) && pool->origin)
		name = w->new->pools[pool->origin - 1].name;
	return list_find(&w->pools[0], name) ? name : NULL;
}

/* Who serves a pool now, one after another; "": nobody, or it is not known. */
static const char *name_serving(const struct work *w, const char *pool, char text[SERVING_LEN])
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; w->serving && pool && used < SERVING_LEN; i++) {
		const char *name = w->serving(w->arg, pool, i);

		if (!name[0])
			break;
		used += (size_t)snprintf(text + used, SERVING_LEN - used, "%s%s", i ? ", " : "", name);
	}
	return text;
}

/* Who stays keeps its clients but for the share that others take, or leave. */
static void mean_shares(struct work *w, const struct policy_service *old, const struct policy_pool *was,
			const struct policy_pool *is)
{
	if (is->active > was->active)
		add_effect(w, old, DIFF_MOVES, "some of its clients, as %u servers of pool %s will serve at once",
			   is->active, is->name);
	else if (is->active < was->active)
		add_effect(w, old, DIFF_MOVES, "some of its clients, as only %u of pool %s will serve at once",
			   is->active, is->name);
	if (is->spread != was->spread && is->active > 1 && was->active > 1)
		add_effect(w, old, DIFF_MOVES, "most of its clients, as they are spread in another way");
}

static void mean_pool(struct work *w, const struct policy_service *old, const struct policy_service *new)
{
	const struct policy_pool *was = &w->old->pools[old->pool], *is = &w->new->pools[new->pool];
	char now[SERVING_LEN], next[SERVING_LEN];

	name_serving(w, was->name, now);
	if (!strcmp(was->name, is->name)) {
		for (uint32_t i = 0; w->serving && w->serving(w->arg, was->name, i)[0]; i++)
			mean_server(w, old, is, w->serving(w->arg, was->name, i));
		mean_shares(w, old, was, is);
		return;
	}
	name_serving(w, former_pool(w, is), next);
	if (!next[0])
		add_effect(w, old, DIFF_MOVES, "to the server that pool %s will have", is->name);
	else if (strcmp(next, now))
		add_effect(w, old, DIFF_MOVES, "from %s to %s, which has pool %s", now[0] ? now : "nobody", next,
			   is->name);
}

static void find_effects(struct work *w)
{
	for (uint32_t i = 0; i < w->old->n_services && !w->no_memory; i++) {
		const struct policy_service *old = &w->old->services[i];
		const struct policy_service *new = list_find(&w->services[1], old->name);

		if (!new) {
			add_effect(w, old, DIFF_ENDS, "it is configured no more");
			continue;
		}
		mean_addresses(w, old, new);
		mean_pool(w, old, new);
	}
}

/* --- the whole ------------------------------------------------------------------------------- */

static int sort_all(struct work *w)
{
	for (int i = 0; i < 2; i++) {
		const struct policy *p = i ? w->new : w->old;

		w->servers[i] = (struct list){p->servers, p->n_servers, sizeof(*p->servers), NULL};
		w->pools[i] = (struct list){p->pools, p->n_pools, sizeof(*p->pools), NULL};
		w->services[i] = (struct list){p->services, p->n_services, sizeof(*p->services), NULL};
	}
	for (int i = 0; i < 2; i++) {
		if (list_sort(&w->servers[i]) || list_sort(&w->pools[i]) || list_sort(&w->services[i]))
			return -ENOMEM;
	}
	return 0;
}

static void free_lists(struct work *w)
{
	for (int i = 0; i < 2; i++) {
		free(w->servers[i].sorted);
		free(w->pools[i].sorted);
		free(w->services[i].sorted);
	}
}

int diff_policies(const struct policy *old, const struct policy *new, diff_serving_fn *serving, void *arg,
		  struct diff *ret_diff)
{
	struct work w = {.old = old, .new = new, .serving = serving, .arg = arg};

	w.no_memory = sort_all(&w);
	if (!w.no_memory) {
		compare_all(&w);
		find_effects(&w);
	}
	free_lists(&w);
	if (w.no_memory) {
		diff_free(&w.out);
		return -ENOMEM;
	}
	*ret_diff = w.out;
	return 0;
}

const char *diff_restart(const struct diff *diff)
{
	for (size_t i = 0; i < diff->n_changes; i++) {
		if (diff->changes[i].restart)
			return diff->changes[i].field;
	}
	return NULL;
}

void diff_free(struct diff *diff)
{
	for (size_t i = 0; i < diff->n_changes; i++) {
		free(diff->changes[i].from);
		free(diff->changes[i].to);
	}
	free(diff->changes);
	free(diff->effects);
	*diff = (struct diff){0};
}
