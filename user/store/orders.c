// SPDX-License-Identifier: GPL-2.0-only
#include "orders.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/paths.h"
#include "base/text.h"
#include "history.h"

#define ORDERS_SCHEMA 1

static const char *const kind_keys[ORDERS_KIND_MAX] = {
	[ORDERS_MAINTENANCE] = "maintenance",
	[ORDERS_PAUSED] = "paused",
};

int orders_add(struct orders *orders, enum orders_kind kind, const char *name, const struct core_order *order)
{
	struct orders_entry *list = realloc(orders->list, (orders->n + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	orders->list = list;
	list[orders->n] = (struct orders_entry){.kind = kind, .order = *order};
	text_copy(list[orders->n++].name, DFB_NAME_LEN, name);
	return 0;
}

void orders_free(struct orders *orders)
{
	free(orders->list);
	*orders = (struct orders){0};
}

/* --- writing --------------------------------------------------------------------------------- */

static json_t *entry_json(const struct orders_entry *e)
{
	char since[TIME_TEXT_LEN], until[TIME_TEXT_LEN];
	json_t *reason = json_string(e->order.reason);

	return json_pack("{s:s, s:s, s:o, s:o}",
		"name", e->name,
		"since", time_format((uint64_t)e->order.since_ns, since),
		"until", e->order.until_ns ? json_string(time_format(e->order.until_ns, until)) : json_null(),
		"reason", reason ? reason : json_string(""));
}

static json_t *orders_json(const struct orders *orders)
{
	json_t *lists[ORDERS_KIND_MAX], *doc = json_pack("{s:i}", "schema", ORDERS_SCHEMA);

	for (int kind = 0; kind < ORDERS_KIND_MAX; kind++) {
		lists[kind] = json_array();
		json_object_set_new(doc, kind_keys[kind], lists[kind]);
	}
	for (size_t i = 0; i < orders->n; i++)
		json_array_append_new(lists[orders->list[i].kind], entry_json(&orders->list[i]));
	json_object_set_new(doc, "mode", orders->mode ? json_string(orders->mode) : json_null());
	return doc;
}

static int write_text(const char *path, const char *text)
{
	CLEAN_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	size_t n = strlen(text);

	if (fd < 0)
		return -errno;
	while (n) {
		ssize_t written = write(fd, text, n);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			text += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

static int replace_file(const char *path, const struct orders *orders)
{
	json_t *doc = orders_json(orders);
	CLEAN_FREE char *text = json_dumps(doc, JSON_INDENT(1));
	char new_path[PATHS_LEN + 8];
	int err;

	json_decref(doc);
	if (!text)
		return -ENOMEM;
	snprintf(new_path, sizeof(new_path), "%s.new", path);
	err = write_text(new_path, text);
	if (!err && rename(new_path, path))
		err = -errno;
	if (err)
		unlink(new_path);
	return err;
}

int orders_write(const char *path, const struct orders *orders)
{
	if (orders->n || orders->mode)
		return replace_file(path, orders);
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

/* --- reading --------------------------------------------------------------------------------- */

static int64_t now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int read_time(const json_t *entry, const char *key, int64_t *ret_mono_ns)
{
	const char *text = json_string_value(json_object_get(entry, key));
	int64_t us;

	if (!text || history_since(text, &us))
		return -EBADMSG;
	*ret_mono_ns = us * 1000 - now_ns(CLOCK_REALTIME) + now_ns(CLOCK_MONOTONIC);
	return 0;
}

static int read_entry(const json_t *entry, enum orders_kind kind, struct orders *orders)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	const char *reason = json_string_value(json_object_get(entry, "reason"));
	struct core_order order = {.on = true};
	int64_t until_ns = 0;

	if (!name || !name_is_valid(name) || read_time(entry, "since", &order.since_ns))
		return -EBADMSG;
	if (json_is_string(json_object_get(entry, "until"))) {
		if (read_time(entry, "until", &until_ns))
			return -EBADMSG;
		order.until_ns = until_ns > 0 ? (uint64_t)until_ns : 1;
	}
	text_copy(order.reason, sizeof(order.reason), reason ? reason : "");
	return orders_add(orders, kind, name, &order);
}

static int read_mode(const json_t *doc, struct orders *orders)
{
	const char *mode = json_string_value(json_object_get(doc, "mode"));

	for (size_t i = 0; mode && mode_names[i]; i++) {
		if (strcmp(mode, mode_names[i]))
			continue;
		orders->mode = mode_names[i];
		return 0;
	}
	return mode ? -EBADMSG : 0;
}

static int read_document(const json_t *doc, struct orders *orders)
{
	json_t *entry;
	int err = 0;
	size_t i;

	if (json_integer_value(json_object_get(doc, "schema")) != ORDERS_SCHEMA)
		return -EBADMSG;
	for (int kind = 0; kind < ORDERS_KIND_MAX; kind++) {
		json_array_foreach(json_object_get(doc, kind_keys[kind]), i, entry) {
			err = err ? err : read_entry(entry, (enum orders_kind)kind, orders);
		}
	}
	return err ? err : read_mode(doc, orders);
}

int orders_read(const char *path, struct orders *ret_orders)
{
	struct orders orders = {0};
	json_t *doc;
	int err;

	if (access(path, R_OK))
		return -errno;
	doc = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	err = read_document(doc, &orders);
	json_decref(doc);
	if (err)
		orders_free(&orders);
	else
		*ret_orders = orders;
	return err;
}
