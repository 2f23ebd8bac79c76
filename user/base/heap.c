// SPDX-License-Identifier: GPL-2.0-only
#include "heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int heap_init(struct heap *heap, uint32_t capacity)
{
	heap->n = 0;
	heap->item = calloc(capacity, sizeof(*heap->item));
	heap->due_ns = calloc(capacity, sizeof(*heap->due_ns));
	heap->place = calloc(capacity, sizeof(*heap->place));
	if (!heap->item || !heap->due_ns || !heap->place) {
		heap_fini(heap);
		return -ENOMEM;
	}
	memset(heap->place, 0xff, capacity * sizeof(*heap->place));
	return 0;
}

void heap_fini(struct heap *heap)
{
	free(heap->item);
	free(heap->due_ns);
	free(heap->place);
	memset(heap, 0, sizeof(*heap));
}

static uint64_t due_at(const struct heap *heap, uint32_t index)
{
	return heap->due_ns[heap->item[index]];
}

static void put(struct heap *heap, uint32_t index, uint32_t id)
{
	heap->item[index] = id;
	heap->place[id] = index;
}

static void rise(struct heap *heap, uint32_t index)
{
	uint32_t id = heap->item[index];

	while (index && due_at(heap, (index - 1) / 2) > heap->due_ns[id]) {
		put(heap, index, heap->item[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	put(heap, index, id);
}

static void sink(struct heap *heap, uint32_t index)
{
	uint32_t id = heap->item[index], child;

	while ((child = 2 * index + 1) < heap->n) {
		if (child + 1 < heap->n && due_at(heap, child + 1) < due_at(heap, child))
			child++;
		if (due_at(heap, child) >= heap->due_ns[id])
			break;
		put(heap, index, heap->item[child]);
		index = child;
	}
	put(heap, index, id);
}

void heap_set(struct heap *heap, uint32_t id, uint64_t due_ns)
{
	heap->due_ns[id] = due_ns;
	if (heap->place[id] == HEAP_NOWHERE)
		put(heap, heap->n++, id);
	rise(heap, heap->place[id]);
	sink(heap, heap->place[id]);
}

void heap_remove(struct heap *heap, uint32_t id)
{
	uint32_t index = heap->place[id], last;

	if (index == HEAP_NOWHERE)
		return;
	heap->place[id] = HEAP_NOWHERE;
	last = heap->item[--heap->n];
	if (last == id)
		return;
	put(heap, index, last);
	rise(heap, index);
	sink(heap, heap->place[last]);
}
