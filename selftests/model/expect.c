// SPDX-License-Identifier: GPL-2.0-only
#include "expect.h"

#include <stdio.h>
#include <string.h>

static const char *const states[] = {"unknown", "up", "suspect", "down", "recovering"};

static void expect_server(struct world *w, const struct words *l)
{
	uint32_t id = words_server_id(w, l->word[2]), which = words_families(l->word[4]);

	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		uint32_t target = dfb_target_id(id, family);
		const char *state = states[kernel_detect(target)->state];

		if (which & (1u << family) && kernel_target(target)->server && !words_is(state, l->word[3]))
			world_fail(w, "%s is %s, not %s", l->word[2], state, l->word[3]);
	}
}

/* "s1", or "s1,s2" in the order of their first slots; with "*" and the number of slots where they differ. */
static void name_owners(const struct world *w, uint32_t id, char *text, size_t size)
{
	struct share share = {0};
	uint32_t servers[DFB_SLOTS], n, weight;
	size_t used = 0;

	memcpy(share.slots, kernel_pool(id)->slots, sizeof(share.slots));
	n = share_list(&share, servers);
	text[0] = '\0';
	for (uint32_t i = 0; i < n && used < size; i++) {
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "," : "",
					 world_server_name(w, servers[i]));
		weight = share_weight(&share, servers[i]);
		if (weight != share_weight(&share, servers[0]) && used < size)
			used += (size_t)snprintf(text + used, size - used, "*%u", weight);
	}
}

void expect_command(struct world *w, const struct words *l)
{
	const char *what = l->word[1];
	char owner[128];
	uint32_t id;

	if (words_is(what, "server")) {
		expect_server(w, l);
		return;
	}
	id = words_pool_id(w, l->word[2]);
	name_owners(w, id, owner, sizeof(owner));
	if (words_is(what, "pool") && !words_is(owner, l->word[4]))
		world_fail(w, "pool %s is on %s, not on %s", l->word[2], owner, l->word[4]);
	else if (words_is(what, "epoch") && kernel_pool(id)->epoch != words_number(l->word[3]))
		world_fail(w, "pool %s has epoch %llu, not %s", l->word[2],
			   (unsigned long long)kernel_pool(id)->epoch, l->word[3]);
	else if (words_is(what, "committed") && kernel_pool(id)->committed != kernel_pool(id)->epoch)
		world_fail(w, "pool %s is committed at epoch %llu of %llu", l->word[2],
			   (unsigned long long)kernel_pool(id)->committed,
			   (unsigned long long)kernel_pool(id)->epoch);
	else if ((words_is(what, "held") || words_is(what, "serving")) &&
		 kernel_plan(id)->held != words_is(what, "held"))
		world_fail(w, "pool %s is not %s", l->word[2], what);
}
