// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: Signs of life
 *
 * The agent does as little as a process can: it sleeps, touches a page that the kernel has to find for it,
 * and writes the time. Whatever keeps it from that for long, be it a stop, a starved processor or memory that
 * is reclaimed for ever, keeps others from their work, too. When it is killed it leaves its last time behind,
 * and that ages: only who ends in good order says so. A lock tells whether one is there.
 */
#include "agent.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/lock.h"
#include "base/loop.h"
#include "base/netns.h"
#include "base/paths.h"
#include "base/pins.h"
#include "base/privilege.h"

#define AGENT_PATH 128
#define AGENT_DIR PATHS_BPF "/defib/userland"
#define AGENT_SECOND_NS 1000000000ull

/* --- the map --------------------------------------------------------------------------------- */

static void name_pin(char path[AGENT_PATH], uint64_t netns)
{
	snprintf(path, AGENT_PATH, AGENT_DIR "/%" PRIu64, netns);
}

static void name_lock(char path[AGENT_PATH], uint64_t netns)
{
	snprintf(path, AGENT_PATH, PATHS_RUN "/userland-%" PRIu64 ".lock", netns);
}

static int make_dirs(void)
{
	int err = pins_mount();

	if (err)
		return err;
	mkdir(PATHS_RUN, 0755);
	mkdir(PATHS_BPF "/defib", 0750);
	return mkdir(AGENT_DIR, 0750) && errno != EEXIST ? -errno : 0;
}

static int make_pinned(const char *path)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	CLEAN_CLOSE int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "echo_userland", sizeof(uint32_t),
					    sizeof(struct dfb_agent), 1, &opts);

	if (fd < 0)
		return fd;
	return bpf_obj_pin(fd, path) ? -errno : TAKE_FD(fd);
}

static int open_or_make(void)
{
	char path[AGENT_PATH];
	int err = make_dirs(), fd;

	if (err)
		return err;
	name_pin(path, netns_inode());
	fd = bpf_obj_get(path);
	return fd == -ENOENT ? make_pinned(path) : fd;
}

static pid_t holder(uint64_t netns)
{
	char path[AGENT_PATH];

	name_lock(path, netns);
	return lock_holder(path);
}

int agent_open(void)
{
	const struct dfb_agent none = {};
	int fd = open_or_make();

	if (fd >= 0 && !holder(netns_inode()))
		bpf_map_update_elem(fd, &(uint32_t){0}, &none, BPF_ANY);
	return fd;
}

/* --- sweeping -------------------------------------------------------------------------------- */

static bool has_responder(const char *netns)
{
	DIR *d = opendir(PATHS_BPF "/defib/echo");
	size_t length = strlen(netns);
	struct dirent *entry;
	bool found = false;

	while (d && !found && (entry = readdir(d)))
		found = !strncmp(entry->d_name, netns, length) && entry->d_name[length] == '-';
	if (d)
		closedir(d);
	return found;
}

void agent_sweep(void)
{
	DIR *d = opendir(AGENT_DIR);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		char path[AGENT_PATH];
		uint64_t netns;
		int lock;

		if (sscanf(entry->d_name, "%" SCNu64, &netns) != 1)
			continue;
		name_lock(path, netns);
		lock = lock_take(path);
		if ((lock >= 0 || lock == -ENOENT) && !has_responder(entry->d_name))
			unlinkat(dirfd(d), entry->d_name, 0);
		lock_drop(&lock, path);
	}
	if (!d)
		return;
	closedir(d);
	rmdir(AGENT_DIR);
	rmdir(PATHS_BPF "/defib");
}

/* --- the agent ------------------------------------------------------------------------------- */

/* The programs' clock knows no time namespaces (time_namespaces(7)). */
static int64_t find_offset(void)
{
	FILE *f = fopen("/proc/self/timens_offsets", "re");
	long long sec = 0, nsec = 0;

	if (f && fscanf(f, "monotonic %lld %lld", &sec, &nsec) != 2)
		sec = nsec = 0;
	if (f)
		fclose(f);
	return sec * (int64_t)AGENT_SECOND_NS + nsec;
}

static void sign(struct dfb_agent *agent, int64_t offset_ns)
{
	__atomic_store_n(&agent->alive_ns, clock_now_ns() - (uint64_t)offset_ns, __ATOMIC_RELEASE);
}

/* A page that was given back has to be found anew. */
static void touch(char *page, size_t size)
{
	madvise(page, size, MADV_DONTNEED);
	*(volatile char *)page = 1;
}

/* Return: false: a signal came. */
static bool sleep_until(uint64_t due_ns, const sigset_t *signals)
{
	uint64_t now = clock_now_ns(), left = due_ns > now ? due_ns - now : 0;
	struct timespec rest = {.tv_sec = (time_t)(left / AGENT_SECOND_NS),
				.tv_nsec = (long)(left % AGENT_SECOND_NS)};

	return sigtimedwait(signals, NULL, &rest) < 0;
}

/* A sign that is late is not made up for. */
static void beat(struct dfb_agent *agent, char *page, int64_t offset_ns, const sigset_t *signals)
{
	uint64_t due = clock_now_ns(), now;

	do {
		touch(page, (size_t)sysconf(_SC_PAGESIZE));
		sign(agent, offset_ns);
		now = clock_now_ns();
		due += agent->period_ns;
		due = due > now ? due : now + agent->period_ns;
	} while (sleep_until(due, signals));
}

static void begin(struct dfb_agent *agent, uint64_t period_ns)
{
	agent->pid = (uint32_t)getpid();
	agent->period_ns = period_ns;
	agent->started_ns = clock_now_ns();
}

static int serve(int fd, uint64_t period_ns, const sigset_t *signals, void (*ready)(void))
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	struct dfb_agent *agent = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int64_t offset_ns = find_offset();
	int err;

	if (agent == MAP_FAILED || page == MAP_FAILED)
		return -errno;
	err = privilege_drop();
	if (err)
		return err;
	begin(agent, period_ns);
	sign(agent, offset_ns);
	ready();
	beat(agent, page, offset_ns, signals);
	__atomic_store_n(&agent->alive_ns, 0, __ATOMIC_RELEASE);
	return 0;
}

/* @pins: the lock on all pins is given back when there is a sign that we are here: our lock, and our pin. */
static int run(uint64_t period_ns, int *pins, void (*ready)(void))
{
	CLEAN_CLOSE int fd = open_or_make();
	sigset_t signals;

	if (fd < 0)
		return fd;
	close(TAKE_FD(*pins));
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return serve(fd, period_ns, &signals, ready);
}

int agent_run(uint64_t period_ns, void (*ready)(void), char *why, size_t size)
{
	uint64_t netns = netns_inode();
	char path[AGENT_PATH];
	CLEAN_CLOSE int pins = -1;
	int err = make_dirs(), lock;

	pins = pins_lock();
	name_lock(path, netns);
	lock = err ? err : lock_take(path);
	if (lock == -EALREADY)
		snprintf(why, size, "an agent runs in this network namespace already: process %d", (int)holder(netns));
	else if (lock < 0)
		snprintf(why, size, "cannot lock %s: %s", path, strerror(-lock));
	if (lock < 0)
		return lock;
	err = run(period_ns, &pins, ready);
	if (err)
		snprintf(why, size, "cannot write the time into a pinned map: %s%s", strerror(-err),
			 err == -EPERM ? " (root, or CAP_BPF, is needed)" : "");
	lock_drop(&lock, path);
	pins = pins < 0 ? pins_lock() : pins;
	agent_sweep();
	return err;
}

/* --- showing --------------------------------------------------------------------------------- */

int agent_look(struct agent *ret_agent)
{
	struct agent a = {.now_ns = clock_now_ns() - (uint64_t)find_offset()};
	uint64_t netns = netns_inode();
	char path[AGENT_PATH];
	CLEAN_CLOSE int fd = -1;

	name_pin(path, netns);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, &(uint32_t){0}, &a.agent))
		return -errno;
	a.pid = holder(netns);
	*ret_agent = a;
	return 0;
}
