/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The prober: sends probes at their time, and nothing else. Its own process, for nothing in the
 * kernel can send one, and it must neither wait for the controller nor die with it.
 */
#ifndef SENSE_BEAT_H
#define SENSE_BEAT_H

#include <stddef.h>

#include "base/paths.h"

struct beat;

/**
 * beat_open() - open the pinned maps and the sockets; needs CAP_NET_RAW and CAP_BPF, later calls do not
 * Return: 0 or -errno, with @why for the operator.
 */
int beat_open(const struct paths *paths, struct beat **ret_beat, char *why, size_t size);

/** beat_run() - until SIGTERM, or until the control map says stop. Return: 0 or -errno. */
int beat_run(struct beat *beat);

void beat_close(struct beat *beat);

#endif
