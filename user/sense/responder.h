/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The echo responder of a server's interface: attached once, no process stays. Its pins are kept by
 * network namespace and ifindex, as bpffs is shared by namespaces and ifindexes repeat across them.
 */
#ifndef SENSE_RESPONDER_H
#define SENSE_RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <defib/echo.h>

#include "xdp.h"

#define RESPONDER_MAX_PREFIXES 64
#define RESPONDER_DEFAULT_RATE 100000

/**
 * struct responder_want - how to attach
 * @interface: name, in the current network namespace
 * @port: UDP port, host byte order
 * @rate: answers per second, 0: no limit
 * @allow: who may ask; nobody else is answered
 */
struct responder_want {
	const char *interface;
	enum xdp_mode mode;
	uint16_t port;
	uint32_t rate;
	uint32_t n_allow;
	struct dfb_prefix allow[RESPONDER_MAX_PREFIXES];
};

enum responder_state {
	RESPONDER_ATTACHED,  /* nothing was asked yet, or nothing that it answers */
	RESPONDER_ANSWERING,
	RESPONDER_FAILING,   /* answers are made, but the driver does not send them */
	RESPONDER_GONE,	     /* its interface is gone */
	RESPONDER_STATE_MAX,
};

extern const char *const responder_state_names[RESPONDER_STATE_MAX];

/** struct responder - as found; @allow and @n_allow as attached */
struct responder {
	struct dfb_echo_conf conf;
	struct dfb_echo_counters count;
	enum responder_state state;
	uint64_t tx_errors;
	uint32_t n_allow;
	struct dfb_prefix allow[RESPONDER_MAX_PREFIXES];
};

/**
 * responder_attach() - attach, or replace the one that is there without losing an answer
 * Return: 0, -ENODEV, -EBUSY (a foreign XDP program), -EPERM, or -errno, with @why for the operator.
 */
int responder_attach(const struct responder_want *want, char *why, size_t size);

/** responder_detach() - Return: 0, -ENOENT: there is none, with @why. */
int responder_detach(const char *interface, char *why, size_t size);

/** responder_fn - called for each responder; return non-zero to stop */
typedef int responder_fn(void *arg, const struct responder *r);

/** responder_list() - those of the current network namespace. Return: 0 or -errno. */
int responder_list(responder_fn *fn, void *arg);

#endif
