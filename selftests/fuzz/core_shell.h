/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: Around the core
 *
 * What stands around the core in user/daemon.c and user/dispatch.c, made to be as unpunctual as can be:
 * news of the kernel is told at once, waits in the ring, or is lost; actions work, fail or linger. The
 * kernel's maps and orders are those of the simulator, so bpf/beat.bpf.c; the states of targets are put
 * there by hand.
 */
#ifndef SELFTESTS_CORE_SHELL_H
#define SELFTESTS_CORE_SHELL_H

#include "world.h"

#define SHELL_INBOX 512
#define SHELL_RING 32
#define SHELL_PAST 16
#define SHELL_LATE 16

/** enum shell_manner - what becomes of actions, or of news */
enum shell_manner {
	SHELL_WORKS,	/* told at once */
	SHELL_LINGERS,	/* told later */
	SHELL_FAILS,	/* lost */
	SHELL_MANNER_MAX,
};

/** struct shell_late - an action with its result under way; @server: whom a commit leads to */
struct shell_late {
	struct event ev;
	uint32_t server;
};

/**
 * struct shell - the core's surroundings
 * @inbox: what it will hear next, as the daemon's queue
 * @ring: news of the kernel not yet read; @lost: some found no room
 * @past: news that it was told since the last configuration
 * @bad: of each server of the world: bit 0: not routable, bits 1 and 2: cannot leave, by family
 */
struct shell {
	struct world *w;
	uint32_t n_inbox, taken, n_ring, n_past, n_late;
	bool lost;
	enum shell_manner steers, commits, syncs;
	uint8_t bad[WORLD_SERVERS];
	struct event inbox[SHELL_INBOX];
	struct event ring[SHELL_RING];
	struct event past[SHELL_PAST];
	struct shell_late late[SHELL_LATE];
};

/** shell_hear() - the core hears an event, now, and everything that follows from it at once. */
void shell_hear(struct shell *s, const struct event *ev);

/** shell_tell() - news of the kernel, in its manner */
void shell_tell(struct shell *s, const struct event *ev, enum shell_manner manner);

/** shell_poll() - read the first @n news of the ring; the maps, if some were lost. */
void shell_poll(struct shell *s, uint32_t n);

/** shell_adopt() - everything as it is in the maps */
void shell_adopt(struct shell *s);

/** shell_finish() - the result of the action that lingers at place @i; @works: it does, if it still can */
void shell_finish(struct shell *s, uint32_t i, bool works);

/** shell_routable() - what netlink says of a server of the world, by its index */
void shell_routable(struct shell *s, uint32_t index);

/** shell_start() - a new controller. One that ran before is gone, with all that it waited for. */
void shell_start(struct shell *s);

/** shell_reload() - the world's configuration has changed. */
void shell_reload(struct shell *s);

/** shell_rest() - nothing goes wrong any more: the core must come to rest, and all must be well. */
void shell_rest(struct shell *s);

#endif
