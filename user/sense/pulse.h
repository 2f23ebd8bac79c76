/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pulse of each CPU, taken while somebody is suspect: proof that it has handled packets since.
 *
 * Replies to one target arrive on one CPU (receive side scaling), its witness's on another. If that
 * CPU stands still - its hypervisor took it away, or its softirqs wait behind other work - the target
 * looks dead although its answers are here. So a real-time thread on each CPU sends itself a packet
 * over loopback, which queues behind whatever waits there, and notes when it had sent it.
 */
#ifndef SENSE_PULSE_H
#define SENSE_PULSE_H

#include <stddef.h>
#include <stdint.h>

#include <defib/abi.h>

struct pulse;

/**
 * pulse_open() - start the threads, of the caller's scheduling class
 * @table: the mapped `pulses`, by CPU
 * @entries: its length
 * Return: 0 or -errno.
 */
int pulse_open(struct dfb_pulse *table, uint32_t entries, struct pulse **ret_pulse);

/** pulse_close() - NULL is fine. */
void pulse_close(struct pulse *pulse);

/** pulse_take() - of all CPUs; does not wait for them. */
void pulse_take(struct pulse *pulse);

#endif
