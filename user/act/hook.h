/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of an event hook: a program of the operator, in a process group of its own.
 *
 * Between the worker and the hook stands a warden, a small process that leads the group, keeps the
 * deadline and reads what the hook says. Because the leader lives to the end, its group's number
 * names nobody else; because it holds the deadline itself, nothing that stops or kills the worker
 * lets a hook run on: it sees the worker's end of the socket close and ends the group.
 *
 * A hook has ended when its first process has. What it leaves in its group is killed then; who must
 * stay takes a session of its own (setsid). At the deadline the group gets SIGTERM, and SIGKILL
 * HOOK_TERM_NS later or when the first process is gone.
 *
 * The caller must have one thread only.
 */
#ifndef ACT_HOOK_H
#define ACT_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOOK_OUTPUT_LEN 2048 /* the first that is kept of what a program says */
#define HOOK_TERM_NS 500000000ull   /* between SIGTERM and SIGKILL */
#define HOOK_STUCK_NS 2000000000ull /* after the deadline: the warden itself was stopped */

/**
 * struct hook_order - what to run; all borrowed for the call
 * @argv: the program, looked up in PATH if it has no slash, and its arguments; NULL-terminated
 * @env: "NAME=value", added to the caller's environment without what a service manager gave it
 *	(NOTIFY_SOCKET, LISTEN_*, WATCHDOG_*); NULL-terminated
 * @input: becomes standard input, followed by a newline
 * @deadline_ns: how long it may run, from now on
 * @output: what it says is wanted: hook.output
 */
struct hook_order {
	char *const *argv;
	char *const *env;
	const char *input;
	uint64_t deadline_ns;
	bool output;
};

/**
 * struct hook - a running hook
 * @pidfd: readable when all is over: then hook_finish()
 * @due_ns: CLOCK_MONOTONIC time at which hook_kill() is called for, since the warden did not do it
 * @sock: to the warden
 * @pid: of the warden, and number of the process group
 * @output: from hook_finish() on, if asked for: what it said on standard output and standard error, printable
 *	characters, tabs and line ends; the caller frees it; NULL: nobody heard it
 */
struct hook {
	int pidfd;
	int sock;
	pid_t pid;
	uint64_t due_ns;
	char *output;
};

/** hook_start() - Return: 0 or -errno; a program that cannot be run shows in hook_finish() only. */
int hook_start(const struct hook_order *order, struct hook *ret_hook);

/** hook_kill() - the whole group, at once; hook_finish() is still needed, when @pidfd is readable. */
void hook_kill(const struct hook *hook);

/**
 * hook_finish() - after @pidfd was readable: clean up, say how it ended; does not block
 * @hook: no longer valid
 * @size, @ret_text: "exit status 3: last line of standard error"; empty when it succeeded
 * Return: 0 (exit status 0), -ETIMEDOUT (killed at its deadline), -ECANCELED (anything else).
 */
int hook_finish(struct hook *hook, size_t size, char *ret_text);

#endif
