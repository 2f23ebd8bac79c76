// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table and the kernel. What nft(8) lists after an installation is what must be found later:
 * a difference means that somebody changed it.
 */
#include "nat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nftables/libnftables.h>

#include "base/clean.h"
#include "base/netlink.h"

/**
 * struct nat
 * @text: what was installed last; NULL: nothing yet, or none is there
 * @listed: as it was listed then
 * @known: it is known whether there is a table: as @text says
 */
struct nat {
	struct nft_ctx *nft;
	char table[NAT_TABLE_LEN];
	char *text;
	char *listed;
	bool known;
};

/* The library ends the process where the kernel has no such socket. */
static int open_nft(struct nft_ctx **ret_nft)
{
	struct netlink *probe;
	struct nft_ctx *nft;
	int err = netlink_open(NETLINK_NETFILTER, &probe);

	if (err)
		return err == -EPROTONOSUPPORT ? -EOPNOTSUPP : err;
	netlink_close(probe);
	nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft)
		return -ENOMEM;
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_STATELESS);
	nft_ctx_buffer_output(nft);
	nft_ctx_buffer_error(nft);
	*ret_nft = nft;
	return 0;
}

int nat_new(const char *instance, struct nat **ret_nat)
{
	struct nat *nat = calloc(1, sizeof(*nat));
	int err;

	if (!nat)
		return -ENOMEM;
	nat_table(instance, nat->table);
	err = open_nft(&nat->nft);
	if (err) {
		free(nat);
		return err;
	}
	*ret_nat = nat;
	return 0;
}

static void forget(struct nat *nat)
{
	free(nat->text);
	free(nat->listed);
	nat->text = nat->listed = NULL;
}

void nat_free(struct nat *nat)
{
	if (!nat)
		return;
	forget(nat);
	nft_ctx_free(nat->nft);
	free(nat);
}

/* "internal:1:1-9: Error: Could not process rule: ..."; the lines after it show where. */
static int explain(struct nft_ctx *nft, char why[NAT_WHY_LEN])
{
	const char *text = nft_ctx_get_error_buffer(nft), *at = text ? strstr(text, "Error: ") : NULL;

	at = at ? at + strlen("Error: ") : "nftables gives no reason";
	snprintf(why, NAT_WHY_LEN, "cannot set the table of translations: %.*s", (int)strcspn(at, "\n"), at);
	if (strstr(at, strerror(EPERM)))
		return -EPERM;
	if (strstr(at, strerror(EOPNOTSUPP)) || strstr(at, strerror(EAFNOSUPPORT)))
		return -EOPNOTSUPP;
	return -EIO;
}

static int run(struct nft_ctx *nft, const char *commands, char why[NAT_WHY_LEN])
{
	why[0] = '\0';
	return nft_run_cmd_from_buffer(nft, commands) ? explain(nft, why) : 0;
}

/* Return: owned by the caller; NULL: it is not there. */
static char *list(struct nft_ctx *nft, const char *table)
{
	char command[NAT_TABLE_LEN + 32], why[NAT_WHY_LEN];

	snprintf(command, sizeof(command), "list table inet %s", table);
	return run(nft, command, why) ? NULL : strdup(nft_ctx_get_output_buffer(nft));
}

/* Created first, as what is not there cannot be deleted. */
static int replace(struct nft_ctx *nft, const char *table, const char *text, char why[NAT_WHY_LEN])
{
	CLEAN_FREE char *commands = NULL;

	if (asprintf(&commands, "add table inet %s\ndelete table inet %s\n%s", table, table, text) < 0) {
		commands = NULL;
		snprintf(why, NAT_WHY_LEN, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	return run(nft, commands, why);
}

static bool is_in_place(struct nat *nat, const char *text)
{
	CLEAN_FREE char *listed = NULL;

	if (!nat->text || strcmp(nat->text, text))
		return false;
	listed = list(nat->nft, nat->table);
	return listed && nat->listed && !strcmp(listed, nat->listed);
}

static int put_table(struct nat *nat, const struct policy *policy, bool *ret_changed, char why[NAT_WHY_LEN])
{
	CLEAN_FREE char *text = nat_text(policy, nat->table);
	int err;

	if (!text)
		return -ENOMEM;
	if (is_in_place(nat, text))
		return 0;
	err = replace(nat->nft, nat->table, text, why);
	if (err)
		return err;
	forget(nat);
	nat->listed = list(nat->nft, nat->table);
	nat->text = TAKE_PTR(text);
	nat->known = true;
	*ret_changed = true;
	return 0;
}

/* Looked for once; where there never was one, the kernel need not know nftables. */
static int drop_table(struct nat *nat, bool *ret_changed, char why[NAT_WHY_LEN])
{
	CLEAN_FREE char *listed = NULL;
	int err;

	if (nat->known && !nat->text)
		return 0;
	listed = list(nat->nft, nat->table);
	err = listed ? replace(nat->nft, nat->table, "", why) : 0;
	if (err)
		return err;
	forget(nat);
	nat->known = true;
	*ret_changed = listed;
	return 0;
}

int nat_sync(struct nat *nat, const struct policy *policy, bool *ret_changed, char ret_why[NAT_WHY_LEN])
{
	*ret_changed = false;
	ret_why[0] = '\0';
	return nat_is_used(policy) ? put_table(nat, policy, ret_changed, ret_why) :
				     drop_table(nat, ret_changed, ret_why);
}

bool nat_exists(const char *instance)
{
	CLEAN_FREE char *listed = NULL;
	char table[NAT_TABLE_LEN];
	struct nft_ctx *nft;

	if (open_nft(&nft))
		return false;
	listed = list(nft, nat_table(instance, table));
	nft_ctx_free(nft);
	return listed;
}

int nat_remove(const char *instance, char ret_why[NAT_WHY_LEN])
{
	CLEAN_FREE char *listed = NULL;
	char table[NAT_TABLE_LEN];
	struct nft_ctx *nft;
	int err = open_nft(&nft);

	ret_why[0] = '\0';
	if (err)
		return err == -EOPNOTSUPP ? 0 : err;
	listed = list(nft, nat_table(instance, table));
	err = listed ? replace(nft, table, "", ret_why) : 0;
	nft_ctx_free(nft);
	return err;
}
