/* SPDX-License-Identifier: GPL-2.0-only */
/* clsact filters at a fixed priority and handle of ours (tc-bpf(8)); they outlive the process. */
#ifndef SENSE_HOOK_H
#define SENSE_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hook_point {
	HOOK_INGRESS, /* dfb_steer */
	HOOK_EGRESS,  /* dfb_stamp */
};

/**
 * hook_attach() - attach a program, or put it in the place of an older one of ours, atomically
 * @owner_map: id of a map that our programs of this instance use: tells ours from another instance's
 * @ret_made_clsact: set to true if the qdisc was not there; untouched otherwise
 * Return: 0, -EBUSY (a foreign filter has our place), or -errno; @why: one line for the operator.
 */
int hook_attach(int ifindex, enum hook_point point, int prog, uint32_t owner_map, bool *ret_made_clsact,
		char *why, size_t size);

/** hook_detach() - what is gone already is no error. @remove_clsact: also the qdisc, if it is empty. */
void hook_detach(int ifindex, enum hook_point point, bool remove_clsact);

#endif
