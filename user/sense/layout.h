/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values of another ABI version's maps as ours: field by field, found by name. Each set of pinned maps has
 * the BTF of who made it beside it, since the kernel gives a map's BTF only to CAP_SYS_ADMIN.
 */
#ifndef SENSE_LAYOUT_H
#define SENSE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

struct layout;

/** layout_pin() - put our BTF into a folder of pinned maps; one that is there stays. Return: 0 or -errno. */
int layout_pin(const char *maps_dir);

/**
 * layout_open() - compare the BTF in a folder of pinned maps with ours
 * @why: out: one line, which ends a sentence about the maps, when it fails
 * Return: 0; -EPROTO: there is none, or something that must be known is not in it; or another -errno.
 */
int layout_open(const char *maps_dir, struct layout **ret_layout, char *why, size_t size);

/** layout_close() - NULL is fine. */
void layout_close(struct layout *layout);

/**
 * struct layout_move - a run of bytes with the same form in both, or a number of another width
 * @from, @from_size: in theirs
 * @to, @to_size: in ours
 */
struct layout_move {
	uint32_t from, from_size;
	uint32_t to, to_size;
};

/** struct layout_plan - how a structure of theirs becomes one of ours; free @move */
struct layout_plan {
	uint32_t from_size, to_size;
	uint32_t n, room;
	struct layout_move *move;
};

/**
 * layout_make_plan() - for the structure of this name
 *
 * What they do not have is left out; of arrays the shorter length counts.
 * Return: 0, -EPROTO (unknown, or a field has changed its nature), or -ENOMEM.
 */
int layout_make_plan(const struct layout *layout, const char *name, struct layout_plan *ret_plan);

/** layout_apply() - @to: is cleared first. Return: 0, or -ERANGE: a number does not fit. */
int layout_apply(const struct layout_plan *plan, const void *from, void *to);

#endif
