/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket, the command's side; include/defib/ctl.h has the protocol. Blocks. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include <defib/ctl.h>

struct ctl_client;

/**
 * ctl_client_open() - connect
 * Return: 0, -ENOENT or -ECONNREFUSED (no daemon there), -EACCES (not permitted), or -errno.
 */
int ctl_client_open(const char *path, struct ctl_client **ret_client);
void ctl_client_close(struct ctl_client *client);

/** ctl_client_is_answered() - is there a daemon behind the socket? One that stands still counts. */
bool ctl_client_is_answered(const char *path);

/** ctl_client_fd() - for poll(2); stays the client's. */
int ctl_client_fd(const struct ctl_client *client);

/**
 * ctl_client_send() - one request
 * @args: an object, the reference is taken, or NULL
 * Return: 0, -ECONNRESET (the daemon hung up), -EMSGSIZE (longer than CTL_MAX_REQUEST), or -errno.
 */
int ctl_client_send(struct ctl_client *client, const char *cmd, json_t *args);

/**
 * ctl_client_receive() - the next object
 * @timeout_ms: how long to wait for it; -1: for ever
 * @ret_doc: new reference
 * Return: 0, -ETIMEDOUT, -ECONNRESET (the daemon hung up), -EINTR (a signal came), -EPROTO (not
 * JSON, or too long).
 */
int ctl_client_receive(struct ctl_client *client, int timeout_ms, json_t **ret_doc);

/** ctl_client_call() - connect, ask, wait for the one reply. Return: as the three above. */
int ctl_client_call(const char *path, const char *cmd, json_t *args, int timeout_ms, json_t **ret_reply);

#endif
