// SPDX-License-Identifier: GPL-2.0-only
#include "translation.h"

#include <stdio.h>
#include <string.h>

#include "act/conntrack.h"
#include "act/nat.h"
#include "act/nat_stale.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon.h"
#include "sense/ruleset.h"

#define SWEEP_AFTER_NS 1000000000ull
#define SYNC_TRIES 3

static bool is_stale(void *arg, const struct conntrack_entry *entry)
{
	const struct daemon *d = arg;

	return nat_is_stale(d->policy, &d->core, entry);
}

/* Listening comes first: what changes from then on is heard. */
static int open_all(struct daemon *d, const struct policy *policy)
{
	struct translation *t = &d->translation;
	char table[NAT_TABLE_LEN];
	int err = t->nat ? 0 : nat_new(d->instance, &t->nat);

	if (err || !nat_is_used(policy))
		return err;
	if (!t->ruleset)
		err = ruleset_new(d->loop, nat_table(d->instance, table), daemon_emit, d, &t->ruleset);
	if (!err && !t->conntrack)
		err = conntrack_new(d->loop, is_stale, d, &t->conntrack);
	return err;
}

/* What is heard between our change and the look that finds it in place is our own doing. */
static int put_table(struct translation *t, const struct policy *policy, bool *ret_changed,
		     char why[NAT_WHY_LEN])
{
	bool changed = true;
	int err = 0;

	*ret_changed = false;
	for (int i = 0; !err && changed && i < SYNC_TRIES; i++) {
		err = nat_sync(t->nat, policy, &changed, why);
		if (changed)
			ruleset_forget(t->ruleset);
		*ret_changed |= changed;
	}
	return err;
}

int translation_sync(struct daemon *d, const struct policy *policy, bool *ret_changed, char *why,
		     size_t size)
{
	static const struct policy nothing;
	char reason[NAT_WHY_LEN] = "";
	int err;

	if (daemon_is_passive(d))
		policy = &nothing;
	err = open_all(d, policy);
	*ret_changed = false;
	if (!err)
		err = put_table(&d->translation, policy, ret_changed, reason);
	else if (!nat_is_used(policy))
		err = 0; /* a kernel that cannot translate, and need not */
	if (*ret_changed)
		translation_moved(d);
	if (err && !reason[0])
		snprintf(reason, sizeof(reason), "packets cannot be translated: %s", strerror(-err));
	text_copy(why, size, reason);
	return err;
}

void translation_moved(struct daemon *d)
{
	if (d->translation.conntrack)
		d->translation.sweep_ns = clock_now_ns() + SWEEP_AFTER_NS;
}

void translation_tick(struct daemon *d)
{
	struct translation *t = &d->translation;
	int err;

	if (!t->sweep_ns || clock_now_ns() < t->sweep_ns)
		return;
	t->sweep_ns = 0;
	err = conntrack_sweep(t->conntrack);
	if (err)
		log_warning("old entries of connection tracking stay: %s", strerror(-err));
}

void translation_close(struct daemon *d)
{
	conntrack_free(d->translation.conntrack);
	ruleset_free(d->translation.ruleset);
	nat_free(d->translation.nat);
}
