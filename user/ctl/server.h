/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket, daemon's side; include/defib/ctl.h has the protocol. Never blocks: what a
 * client does not read waits in a bounded buffer, and who lags too far behind is disconnected.
 */
#ifndef CTL_SERVER_H
#define CTL_SERVER_H

#include <jansson.h>
#include <stdint.h>

#include <base/loop.h>
#include <defib/ctl.h>

/** CTL_JSON - how documents are written */
#define CTL_JSON (JSON_COMPACT | JSON_REAL_PRECISION(12))

struct ctl_server;

/**
 * struct ctl_ops - what the daemon does for clients
 * @status: the status document, a new reference; NULL: it cannot be had just now. Called in a copy of the
 *	daemon: what it changes is lost.
 * @request: every other command except "monitor"; @cmd and @args (an object, perhaps empty) are
 *	borrowed for the call. It must be answered by ctl_answer() once, from within or later; an
 *	unknown @cmd with CTL_USAGE.
 */
struct ctl_ops {
	json_t *(*status)(void *arg);
	void (*request)(void *arg, uint64_t request, const char *cmd, const json_t *args);
};

/**
 * ctl_server_open() - listen
 * @path: of the socket; its directory is made if missing. Mode 0660, group `defib` if there is one.
 * @ops: must outlive the server
 * Return: 0, -EADDRINUSE (another daemon answers there), -EEXIST (not a socket), or -errno.
 */
int ctl_server_open(struct loop *loop, const char *path, const struct ctl_ops *ops, void *arg,
		    struct ctl_server **ret_server);

/** ctl_server_close() - disconnect everybody and remove the socket; NULL is fine. */
void ctl_server_close(struct ctl_server *server);

/**
 * ctl_answer() - the reply to a request; nothing happens if its client has gone
 * @body: an object, the reference is taken; may be NULL. "schema" and "code" are added, and
 *	"error" unless it is there already: null, or what @code means.
 */
void ctl_answer(struct ctl_server *server, uint64_t request, enum ctl_code code, json_t *body);

/** ctl_answer_text() - the same with one line: "text" if @code is CTL_OK, otherwise "error". */
void ctl_answer_text(struct ctl_server *server, uint64_t request, enum ctl_code code, const char *text);

/** ctl_broadcast() - one object to each monitor; takes the reference. */
void ctl_broadcast(struct ctl_server *server, json_t *report);

/** ctl_code_of() - the code for a -errno: permissions, usage, time; otherwise CTL_FAILED. */
enum ctl_code ctl_code_of(int error);

#endif
