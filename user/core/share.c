// SPDX-License-Identifier: GPL-2.0-only
#include "share.h"

#include "slots.h"

bool share_has(const struct share *share, uint32_t server)
{
	return server && slots_has(share->slots, server);
}

uint32_t share_list(const struct share *share, uint32_t ret_servers[DFB_SLOTS])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < DFB_SLOTS; i++) {
		uint32_t server = share->slots[i], k = 0;

		while (k < n && ret_servers[k] != server)
			k++;
		if (server && k == n)
			ret_servers[n++] = server;
	}
	return n;
}

uint32_t share_weight(const struct share *share, uint32_t server)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		n += share->slots[i] == server;
	return n;
}

static bool is_lent(const struct share *share, uint32_t slot)
{
	return share->lent & 1u << slot;
}

uint32_t share_lent(const struct share *share, uint32_t server)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		n += share->slots[i] == server && is_lent(share, i);
	return n;
}

uint32_t share_owners(const struct share *share)
{
	uint32_t servers[DFB_SLOTS], n = share_list(share, servers), owners = 0;

	for (uint32_t i = 0; i < n; i++)
		owners += share_lent(share, servers[i]) < share_weight(share, servers[i]);
	return owners;
}

void share_replace(struct share *share, uint32_t from, uint32_t to)
{
	uint32_t heirs[DFB_SLOTS] = {to};

	slots_give(share->slots, &share->lent, from, heirs, 1, 0);
}

void share_lend(struct share *share, uint32_t from, const uint32_t *heirs, uint32_t n)
{
	uint32_t room[DFB_SLOTS] = {0};

	for (uint32_t i = 0; i < n && i < DFB_SLOTS; i++)
		room[i] = heirs[i];
	slots_give(share->slots, &share->lent, from, room, n < DFB_SLOTS ? n : DFB_SLOTS, 1);
}

/* --- one more -------------------------------------------------------------------------------- */

static void take_all(struct share *share, uint32_t active, uint32_t to)
{
	share->lent = 0;
	for (uint32_t i = 0; i < DFB_SLOTS; i++) {
		share->slots[i] = to;
		if (i % active)
			share->lent |= 1u << i;
	}
}

/* Lent before owned, then of whoever has most, then the last. Return: DFB_SLOTS: none is fair to take. */
static uint32_t best_slot(const struct share *share, uint32_t to)
{
	uint32_t best = DFB_SLOTS, best_worth = 0, mine = share_weight(share, to);

	for (uint32_t i = 0; i < DFB_SLOTS; i++) {
		uint32_t weight = share_weight(share, share->slots[i]);
		uint32_t worth = weight + (is_lent(share, i) ? DFB_SLOTS : 0);

		if (share->slots[i] == to || weight <= mine + 1)
			continue;
		if (best == DFB_SLOTS || worth >= best_worth) {
			best = i;
			best_worth = worth;
		}
	}
	return best;
}

void share_join(struct share *share, uint32_t active, uint32_t to)
{
	uint32_t least = DFB_SLOTS / active, most = (DFB_SLOTS + active - 1) / active;

	if (!share->slots[0]) {
		take_all(share, active, to);
		return;
	}
	for (uint32_t n = share_weight(share, to); n < most; n++) {
		uint32_t slot = best_slot(share, to);

		if (slot == DFB_SLOTS || (n >= least && !is_lent(share, slot)))
			break;
		share->slots[slot] = to;
		share->lent &= ~(1u << slot);
	}
	if (share_owners(share) >= active)
		share->lent = 0;
}
