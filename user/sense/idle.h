/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which targets may be probed more slowly (`idle-interval`): those that are up, and to none of whose pools a
 * client has sent a packet for a while. Looked at once a second; a suspicion wakes at once.
 */
#ifndef SENSE_IDLE_H
#define SENSE_IDLE_H

#include <stdbool.h>
#include <stdint.h>

#include <defib/abi.h>

#include "base/paths.h"

#define IDLE_AFTER_NS 10000000000ull /* without a packet */
#define IDLE_LOOK_NS 1000000000ull

struct idle;

/**
 * idle_open() - nobody is idle at first
 * @targets: the mapped array of that name, @n elements; borrowed
 * Return: 0 or -errno.
 */
int idle_open(const struct paths *paths, const struct dfb_target *targets, uint32_t n,
	      struct idle **ret_idle);

/** idle_close() - NULL is nothing. */
void idle_close(struct idle *idle);

/** idle_look() - at clients' packets and targets' states, if it is time. Return: whether it was. */
bool idle_look(struct idle *idle, uint64_t now_ns);

/** idle_wake() - this target is not idle for a while. */
void idle_wake(struct idle *idle, uint32_t target, uint64_t now_ns);

/** idle_interval() - between two probes of a target now, in nanoseconds; 0: it was removed */
uint64_t idle_interval(const struct idle *idle, uint32_t target, uint64_t now_ns);

#endif
