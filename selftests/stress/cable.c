// SPDX-License-Identifier: GPL-2.0-only
#include "cable.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clean.h"
#include "base/text.h"
#include "stress/tap.skel.h"

#define PORTS 16

struct cable {
	struct tap_bpf *tap;
	struct tap_slot *wire;
	char lab[64];
};

static int attach(int ifindex, enum bpf_tc_attach_point point, const struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(prog), .handle = 1, .priority = 1,
		    .flags = BPF_TC_F_REPLACE);
	int err = bpf_tc_hook_create(&hook);

	return err && err != -EEXIST ? err : bpf_tc_attach(&hook, &opts);
}

static int attach_both(const char *port, const struct bpf_program *in, const struct bpf_program *out)
{
	int ifindex = (int)if_nametoindex(port), err;

	if (!ifindex)
		return -ENODEV;
	err = attach(ifindex, BPF_TC_INGRESS, in);
	return err ? err : attach(ifindex, BPF_TC_EGRESS, out);
}

static int enter_switch(const char *lab)
{
	CLEAN_CLOSE int fd = -1;
	char path[256];

	snprintf(path, sizeof(path), "/run/netns/%s-switch", lab);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;
}

static int put_tap(struct cable *c)
{
	size_t size = sizeof(*c->wire) * TAP_TARGETS * TAP_WINDOW;
	char port[16];
	int err;

	c->tap = tap_bpf__open_and_load();
	if (!c->tap)
		return -errno;
	c->wire = mmap(NULL, size, PROT_READ, MAP_SHARED, bpf_map__fd(c->tap->maps.wire), 0);
	if (c->wire == MAP_FAILED)
		return -errno;
	err = attach_both("up0", c->tap->progs.tap_left, c->tap->progs.tap_back);
	for (int i = 1; !err && i < PORTS; i++) {
		snprintf(port, sizeof(port), "p%d", i);
		if (if_nametoindex(port))
			err = attach_both(port, c->tap->progs.tap_replied, c->tap->progs.tap_reached);
	}
	return err;
}

int cable_open(const char *lab, struct cable **ret_cable)
{
	struct cable *c = calloc(1, sizeof(*c));
	int err = c ? enter_switch(lab) : -ENOMEM;

	if (!err) {
		text_copy(c->lab, sizeof(c->lab), lab);
		err = put_tap(c);
	}
	if (err)
		cable_close(c);
	else
		*ret_cable = c;
	return err;
}

void cable_close(struct cable *c)
{
	if (!c)
		return;
	tap_bpf__destroy(c->tap);
	free(c);
}

const struct tap_slot *cable_wire(const struct cable *c, uint32_t target)
{
	return c->wire + tap_index(target, 0);
}

int cable_deafen(struct cable *c, uint32_t target)
{
	uint32_t yes = 1;

	return bpf_map__update_elem(c->tap->maps.deaf, &target, sizeof(target), &yes, sizeof(yes), BPF_ANY);
}

/* The program next to our own folder's: build/selftests/stress, build/lab. */
static int change(struct cable *c, const char *verb, const char *server, uint64_t *ret_ns)
{
	char self[256] = "", command[512], line[128];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *answer;
	int found = 0;

	for (int up = 0; n > 0 && up < 3; up++)
		*strrchr(self, '/') = '\0';
	snprintf(command, sizeof(command), "%s/lab/wire %s %s-switch p%s", self, verb, c->lab, server + 1);
	answer = popen(command, "re");
	if (!answer)
		return -errno;
	if (fgets(line, sizeof(line), answer))
		found = sscanf(line, "{\"mono_ns\":%" SCNu64, ret_ns);
	return pclose(answer) || found != 1 ? -EIO : 0;
}

int cable_cut(struct cable *c, const char *server, uint64_t *ret_ns)
{
	return change(c, "cut", server, ret_ns);
}

int cable_mend(struct cable *c, const char *server, uint64_t *ret_ns)
{
	return change(c, "mend", server, ret_ns);
}
