/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The XDP program of an interface, shared: `dfb_root` owns it and hands packets to its slots.
 * Whoever uses it pins its link and its slots; with the last pin it goes.
 */
#ifndef SENSE_XDP_H
#define SENSE_XDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <defib/echo.h>

#define XDP_ROOT_NAME "dfb_root"

enum xdp_mode {
	XDP_MODE_AUTO, /* generic on veth, where native answers may vanish; elsewhere native if it can */
	XDP_MODE_NATIVE,
	XDP_MODE_GENERIC,
	XDP_MODE_MAX,
};

extern const char *const xdp_mode_names[XDP_MODE_MAX];

/**
 * struct xdp_use - one user's share in an interface's XDP
 * @ifindex: of the interface, in the current network namespace
 * @mode: used when the root is not there yet
 * @slot: to fill
 * @pin_link: path for the link's pin; no dot in its last part
 * @pin_slots: path for the slots' pin
 * @pin_conf: path for the pin of the slots' configuration
 */
struct xdp_use {
	int ifindex;
	enum xdp_mode mode;
	enum dfb_xdp_slot slot;
	char pin_link[128];
	char pin_slots[128];
	char pin_conf[128];
};

/**
 * xdp_join() - have a program run for its slot's packets; attaches the root if it is not there
 * @prog: program for the slot, replaces the one in it
 * @echo_port: for DFB_XDP_ECHO
 * @why: out: one line for the operator when it fails
 * Return: 0, -EBUSY (a foreign XDP program is there), or -errno. Nothing is left behind on failure.
 */
int xdp_join(const struct xdp_use *use, int prog, uint16_t echo_port, char *why, size_t size);

/** xdp_check() - could xdp_join() have a slot? Return: 0, or -EBUSY, @why as it says. */
int xdp_check(const struct xdp_use *use, char *why, size_t size);

/** xdp_occupant() - Return: id of the program in the slot that the user joined, 0: none. */
uint32_t xdp_occupant(const struct xdp_use *use);

/** xdp_is_joined() - is the root that the user joined on the interface, and the slot filled? */
bool xdp_is_joined(const struct xdp_use *use);

/** xdp_leave() - empty the slot and drop the pins; what is gone already is no error. */
void xdp_leave(const struct xdp_use *use);

/** xdp_is_generic() - does the interface's XDP run in generic mode? */
bool xdp_is_generic(int ifindex);

#endif
