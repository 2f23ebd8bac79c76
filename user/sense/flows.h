/* SPDX-License-Identifier: GPL-2.0-only */
/* The pinned map of clients' TCP connections, read a piece at a time: it is large, and changes meanwhile. */
#ifndef SENSE_FLOWS_H
#define SENSE_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <defib/flow.h>

#define FLOWS_PIECE 512

/**
 * struct flows - a walk through the map; {.fd = -1} to begin with
 * @fd: of the map
 * @at: where the next piece begins
 * @begun: a piece has been read
 * @n: connections in the present piece
 */
struct flows {
	int fd;
	uint32_t at;
	bool begun;
	uint32_t n;
	struct dfb_flow_key key[FLOWS_PIECE];
	struct dfb_flow flow[FLOWS_PIECE];
};

/** flows_open() - begin a walk. @maps_dir: paths.maps_dir. Return: 0 or -errno. */
int flows_open(struct flows *f, const char *maps_dir);

/** flows_next() - the next piece, which may be empty. Return: 0; -ENODATA: that was all; another -errno. */
int flows_next(struct flows *f);

/** flows_close() - end it; one that was never begun, too. */
void flows_close(struct flows *f);

/** flows_is_over() - the client said its last byte long ago. @now_ns: CLOCK_MONOTONIC */
static inline bool flows_is_over(const struct dfb_flow *flow, uint64_t now_ns)
{
	return flow->closing && now_ns > flow->seen_ns + DFB_FLOW_CLOSING_NS;
}

/**
 * flows_inherit() - take over the connections that maps of any version know, unless ours know them, too
 * @former_dir: where those are pinned; they may have no such map
 * @maps_dir: where ours are
 * Return: 0 or -errno.
 */
int flows_inherit(const char *former_dir, const char *maps_dir);

/**
 * flows_count() - connections by server
 * @ret_count: @n elements, by server id; those of others are not counted
 * Return: 0 or -errno.
 */
int flows_count(const char *maps_dir, uint64_t now_ns, uint32_t *ret_count, uint32_t n);

#endif
