/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: table `inet defib`: how packets of services with `redirect: nat` reach a server
 *
 * The kernel program that steers has marked a client's packet with its server. The mark picks the
 * conntrack zone and the new destination; nothing here says who serves, so a failover changes nothing
 * here. See Documentation/design/nat.rst.
 *
 * The table is named after the instance: `defib` for main, else `defib_NAME`. It is replaced as a
 * whole, in one transaction, and is ours alone; other tables are not looked at.
 */
#ifndef ACT_NAT_H
#define ACT_NAT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/policy.h"

#define NAT_TABLE_LEN 40
#define NAT_WHY_LEN 192

/** nat_table() - the name of an instance's table. Return: @name. */
char *nat_table(const char *instance, char name[NAT_TABLE_LEN]);

/** nat_is_used() - is a service translated? */
bool nat_is_used(const struct policy *policy);

/**
 * nat_text() - the whole table as nft(8) reads it; pure
 * @policy: with ids assigned
 * Return: owned by the caller; NULL without memory. Without translated services the table is empty.
 */
char *nat_text(const struct policy *policy, const char *table);

struct nat;

/** nat_new() - Return: 0 or -errno; nat_free() it. It is about the network namespace the process is in. */
int nat_new(const char *instance, struct nat **ret_nat);

/** nat_free() - forgets, but removes nothing. NULL is fine. */
void nat_free(struct nat *nat);

/**
 * nat_sync() - make the table what the policy says; without translated services there is none
 *
 * The first time it is replaced whatever it holds, later only if it was changed or is to be.
 * @ret_changed: it was
 * @ret_why: one line, empty on success
 * Return: 0 or -errno: -EOPNOTSUPP: this kernel cannot translate; -EIO: see @ret_why.
 */
int nat_sync(struct nat *nat, const struct policy *policy, bool *ret_changed, char ret_why[NAT_WHY_LEN]);

/** nat_exists() - is the instance's table there? */
bool nat_exists(const char *instance);

/** nat_remove() - the table, if it is there. Return: 0, -errno with @ret_why. */
int nat_remove(const char *instance, char ret_why[NAT_WHY_LEN]);

#endif
