/* SPDX-License-Identifier: GPL-2.0-only */
/* Small numbers by the time when each is due: a binary heap that knows where everybody is. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdint.h>

#define HEAP_NOWHERE UINT32_MAX

/**
 * struct heap - the earliest is item[0]
 * @n: items in it
 * @item: ids
 * @due_ns: by id
 * @place: by id, its index in @item or HEAP_NOWHERE
 */
struct heap {
	uint32_t n;
	uint32_t *item;
	uint64_t *due_ns;
	uint32_t *place;
};

/** heap_init() - for ids below @capacity. Return: 0 or -ENOMEM. */
int heap_init(struct heap *heap, uint32_t capacity);
void heap_fini(struct heap *heap);

/** heap_set() - add an id, or change its time. */
void heap_set(struct heap *heap, uint32_t id, uint64_t due_ns);

/** heap_remove() - nothing happens if it is not there. */
void heap_remove(struct heap *heap, uint32_t id);

#endif
