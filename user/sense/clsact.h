/* SPDX-License-Identifier: GPL-2.0-only */
/* clsact filters at a fixed priority and handle of ours (tc-bpf(8)); they outlive the process. */
#ifndef SENSE_CLSACT_H
#define SENSE_CLSACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum clsact_point {
	CLSACT_INGRESS, /* dfb_steer */
	CLSACT_EGRESS,  /* dfb_stamp */
};

/**
 * clsact_attach() - attach a program, or put it in the place of an older one of ours, atomically
 * @pins: folder in which our programs of this instance are claimed (own.h), this one too
 * @ret_made_clsact: set to true if the qdisc was not there; untouched otherwise
 * Return: 0, -EBUSY (a foreign filter has our place), or -errno; @why: one line for the operator.
 */
int clsact_attach(int ifindex, enum clsact_point point, int prog, const char *pins, bool *ret_made_clsact,
		char *why, size_t size);

/** clsact_check() - could clsact_attach() have the place? Return: 0, or -EBUSY, @why as it says. */
int clsact_check(int ifindex, enum clsact_point point, const char *pins, char *why, size_t size);

/** clsact_is_attached() - is a program of ours in its place? */
bool clsact_is_attached(int ifindex, enum clsact_point point, const char *pins);

/**
 * clsact_detach() - what is gone already is no error, and what is not ours stays
 * @pins: as for clsact_attach()
 * @remove_clsact: also the qdisc, if it is empty
 */
void clsact_detach(int ifindex, enum clsact_point point, const char *pins, bool remove_clsact);

#endif
