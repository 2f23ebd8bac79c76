/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters that each processor has its own of. */
#ifndef SENSE_PERCPU_H
#define SENSE_PERCPU_H

#include <stddef.h>
#include <stdint.h>

/** percpu_sum() - add up the only element of a map, @n counters of 64 bits. Return: 0 or -errno. */
int percpu_sum(int map, uint64_t *ret_sum, size_t n);

/** percpu_clear() - set them to 0. Return: 0 or -errno. */
int percpu_clear(int map, size_t n);

#endif
