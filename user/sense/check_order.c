// SPDX-License-Identifier: GPL-2.0-only
#include "check_order.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/text.h"
#include "core/core.h"

/* --- which there are --------------------------------------------------------------------------- */

static bool is_checked_in(const struct policy *policy, const struct policy_pool *pool, uint32_t server,
			  uint32_t family)
{
	return policy->servers[server].has[family] && (pool->families & 1u << family);
}

static uint32_t list_service(const struct policy *policy, uint32_t index,
			     struct check_subject *ret_subjects)
{
	const struct policy_service *service = &policy->services[index];
	const struct policy_pool *pool = &policy->pools[service->pool];
	uint32_t n = 0;

	for (uint32_t c = 0; c < service->n_checks; c++) {
		for (uint32_t s = 0; s < pool->n_servers * DFB_FAMILIES; s++) {
			struct check_subject one = {.service = index, .check = c,
						    .server = pool->servers[s / DFB_FAMILIES],
						    .family = s % DFB_FAMILIES};

			if (!is_checked_in(policy, pool, one.server, one.family))
				continue;
			if (ret_subjects)
				ret_subjects[n] = one;
			n++;
		}
	}
	return n;
}

uint32_t check_count(const struct policy *policy)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < policy->n_services; i++)
		n += list_service(policy, i, NULL);
	return n;
}

void check_subjects(const struct policy *policy, struct check_subject *ret_subjects)
{
	for (uint32_t i = 0; i < policy->n_services; i++)
		ret_subjects += list_service(policy, i, ret_subjects);
}

/* --- orders ------------------------------------------------------------------------------------ */

/** struct texts - being written */
struct texts {
	uint32_t n;
	uint32_t used;
	char bytes[CHECK_ORDER_MAX - sizeof(struct check_order)];
};

/* What conf/ lets through fits. */
static void __attribute__((format(printf, 2, 3))) add(struct texts *t, const char *format, ...)
{
	size_t left = sizeof(t->bytes) - t->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->bytes + t->used, left, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < left);
	t->used += (uint32_t)n + 1;
	t->n++;
}

static void add_environment(struct texts *t, const struct policy *policy, const struct check_subject *subject,
			    const char *instance)
{
	const struct policy_service *service = &policy->services[subject->service];
	const struct policy_server *server = &policy->servers[subject->server];
	char address[ADDRESS_TEXT_LEN];

	address_format(server->address[subject->family], address);
	add(t, "DEFIB_SERVICE=%s", service->name);
	add(t, "DEFIB_SERVER=%s", server->name);
	add(t, "DEFIB_ADDRESS=%s", address);
	add(t, "DEFIB_FAMILY=%s", subject->family == DFB_FAMILY_IPV4 ? "ipv4" : "ipv6");
	add(t, "DEFIB_POOL=%s", policy->pools[service->pool].name);
	add(t, "DEFIB_INSTANCE=%s", instance);
}

static uint32_t add_arguments(struct texts *t, const struct policy_check *check)
{
	uint32_t n = 0;

	while (check->argv[n])
		add(t, "%s", check->argv[n++]);
	return n;
}

struct check_order *check_order_new(const struct policy *policy, const struct check_subject *subject,
				    const char *instance)
{
	const struct policy_service *service = &policy->services[subject->service];
	const struct policy_check *check = &service->checks[subject->check];
	struct check_order *o = NULL, head = {
		.group = policy->pools[service->pool].id,
		.server = policy->servers[subject->server].id,
		.kind = check->kind,
		.port = check->port,
		.status = check->status,
		.verify = check->verify,
		.rise = check->rise,
		.fall = check->fall,
		.every_ns = check->every_ns,
		.fast_ns = check->fast_ns,
		.timeout_ns = check->timeout_ns,
	};
	CLEAN_FREE struct texts *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	memcpy(head.address, policy->servers[subject->server].address[subject->family], sizeof(head.address));
	if (check->kind == CHECK_SCRIPT) {
		head.argc = add_arguments(t, check);
		add_environment(t, policy, subject, instance);
	} else {
		for (uint32_t i = 0; i < CHECK_TEXT_MAX; i++)
			add(t, "%s", check->text[i] ? check->text[i] : "");
	}
	head.n_texts = t->n;
	head.length = t->used;
	o = malloc(sizeof(*o) + t->used);
	if (!o)
		return NULL;
	*o = head;
	memcpy(o->texts, t->bytes, t->used);
	return o;
}

size_t check_order_size(const struct check_order *order)
{
	return sizeof(*order) + order->length;
}

int check_order_compare(const struct check_order *a, const struct check_order *b)
{
	size_t from = offsetof(struct check_order, group);

	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return memcmp((const char *)a + from, (const char *)b + from, check_order_size(a) - from);
}

char *check_order_subject(const struct check_order *o, char text[CHECK_SUBJECT_LEN])
{
	const char *kind = check_kind_names[o->kind];
	bool v4 = address_is_ipv4(o->address);
	char address[ADDRESS_TEXT_LEN];

	address_format(o->address, address);
	if (o->kind == CHECK_SCRIPT)
		snprintf(text, CHECK_SUBJECT_LEN, "%s %.40s %s", kind, o->texts, address);
	else
		snprintf(text, CHECK_SUBJECT_LEN, v4 ? "%s %s:%u" : "%s [%s]:%u", kind, address, o->port);
	return text;
}
