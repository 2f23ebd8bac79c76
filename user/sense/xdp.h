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

#define XDP_PIN_LEN 128

/** struct xdp_pins - paths of a user's pins: of the root's link, its slots, and their configuration */
struct xdp_pins {
	char link[XDP_PIN_LEN];
	char slots[XDP_PIN_LEN];
	char conf[XDP_PIN_LEN];
};

/**
 * struct xdp_use - one user's share in an interface's XDP
 * @ifindex: of the interface, in the current network namespace
 * @mode: used when the root is not there yet
 * @slot: to fill
 * @pins: its own
 * @kin: of another use by the same instance, by which the root is found as well; empty: there is none
 */
struct xdp_use {
	int ifindex;
	enum xdp_mode mode;
	enum dfb_xdp_slot slot;
	struct xdp_pins pins;
	struct xdp_pins kin;
};

/** xdp_name_pins() - the pins of one use of an interface, among others in a folder; no dot in @prefix */
void xdp_name_pins(const char *dir, const char *prefix, int ifindex, struct xdp_pins *ret_pins);

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

/**
 * xdp_slot_holder() - who has the slot on the interface, joined or not?
 * @ret_id: of the program; 0: nobody has
 * Return: 0, -EBUSY (a foreign XDP program is there) with @why, or another -errno.
 */
int xdp_slot_holder(const struct xdp_use *use, uint32_t *ret_id, char *why, size_t size);

/** xdp_occupant() - Return: id of the program in the slot that the user joined, 0: none. */
uint32_t xdp_occupant(const struct xdp_use *use);

/** xdp_is_joined() - is the root that the user joined on the interface, and the slot filled? */
bool xdp_is_joined(const struct xdp_use *use);

/** xdp_leave() - empty the slot and drop the pins; what is gone already is no error. */
void xdp_leave(const struct xdp_use *use);

/** xdp_fill() - another slot for who has joined. Return: 0, -E2BIG: the root has no such slot; or -errno. */
int xdp_fill(const struct xdp_use *use, enum dfb_xdp_slot slot, int prog);

/** xdp_vacate() - empty a slot for who stays; an empty one is no error. */
void xdp_vacate(const struct xdp_use *use, enum dfb_xdp_slot slot);

/** xdp_let_go() - drop the pins only: the slot is somebody else's by now. */
void xdp_let_go(const struct xdp_use *use);

/** xdp_mode_parse() - by its name. Return: 0 or -EINVAL. */
int xdp_mode_parse(const char *name, enum xdp_mode *ret_mode);

/** xdp_is_generic() - does the interface's XDP run in generic mode? */
bool xdp_is_generic(int ifindex);

#endif
