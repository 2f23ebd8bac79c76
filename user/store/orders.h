/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What operators ordered for a time, as a file of JSON that outlives the daemon and the machine:
 *
 *   {"schema": 1, "maintenance": [{"name": "s1", "since": TIME, "until": TIME or null, "reason": "disk"}],
 *    "paused": [...], "mode": null, "active" or "passive"}
 */
#ifndef STORE_ORDERS_H
#define STORE_ORDERS_H

#include <stddef.h>

#include "core/core.h"

enum orders_kind {
	ORDERS_MAINTENANCE, /* of a server */
	ORDERS_PAUSED,	    /* a pool */
	ORDERS_KIND_MAX,
};

/** struct orders_entry - @name: of the server or pool; @order: it is on */
struct orders_entry {
	enum orders_kind kind;
	char name[DFB_NAME_LEN];
	struct core_order order;
};

/** struct orders - free with orders_free(); @mode: of the gateway, NULL: as configured, or of mode_names[] */
struct orders {
	const char *mode;
	size_t n;
	struct orders_entry *list;
};

/** orders_add() - Return: 0 or -ENOMEM. */
int orders_add(struct orders *orders, enum orders_kind kind, const char *name,
	       const struct core_order *order);

/**
 * orders_write() - replace the file as a whole; where nothing stands there is none
 *
 * It outlives every process at once, and a power cut when the file system has written it; nobody waits
 * for that.
 * Return: 0 or -errno.
 */
int orders_write(const char *path, const struct orders *orders);

/**
 * orders_read() - times are turned into CLOCK_MONOTONIC of now; a limit that has passed is 1 ns
 * @ret_orders: the caller's
 * Return: 0, -ENOENT (nothing stands), -EBADMSG (it is damaged), or -errno.
 */
int orders_read(const char *path, struct orders *ret_orders);

/** orders_free() - and make it empty. */
void orders_free(struct orders *orders);

#endif
