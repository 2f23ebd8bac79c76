/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests over TCP: each is a connection of its own, which hears the server's name and is closed. */
#ifndef LAB_PACE_CONNECT_H
#define LAB_PACE_CONNECT_H

#include <stdbool.h>

#include "../pace.h"

/** PACE_PENDING - connections without an answer; the oldest is given up for the next one */
#define PACE_PENDING 2048u

/**
 * struct pace_connections - those that are under way
 * @epoll: readable when one of them is
 * @fds: by number, modulo PACE_PENDING; -1: none
 */
struct pace_connections {
	int epoll;
	struct sockaddr_storage to;
	socklen_t len;
	int fds[PACE_PENDING];
};

/** pace_connections_init() - to an address. Return: 0 or -errno. */
int pace_connections_init(struct pace_connections *c, const struct sockaddr_storage *to, socklen_t len);

/** pace_connect() - begin the connection of request @seq. Return: 0 or -errno. */
int pace_connect(struct pace_connections *c, uint64_t seq);

/**
 * pace_heard() - one connection that ended, with or without an answer
 * @ret_seq: of its request
 * @ret_name: who answered; empty: nobody, it was refused, reset or closed without a word
 *
 * Return: false when there is none at present.
 */
bool pace_heard(struct pace_connections *c, uint64_t *ret_seq, char ret_name[PACE_NAME_LEN]);

#endif
