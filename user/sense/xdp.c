// SPDX-License-Identifier: GPL-2.0-only
#include "xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "driver.h"
#include "root.skel.h"

#define ROOT_MAPS 8

const char *const xdp_mode_names[XDP_MODE_MAX] = {
	[XDP_MODE_AUTO] = "auto",
	[XDP_MODE_NATIVE] = "native",
	[XDP_MODE_GENERIC] = "generic",
};

/* The root on an interface, seen through its descriptors. */
struct root {
	int link;
	int slots;
	int conf;
};

static void root_close(struct root *r)
{
	clean_close(&r->link);
	clean_close(&r->slots);
	clean_close(&r->conf);
}

#define CLEAN_ROOT __attribute__((cleanup(root_close)))
#define ROOT_NONE {.link = -1, .slots = -1, .conf = -1}

static int query(int ifindex, uint32_t *ret_id, uint8_t *ret_attached)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int err = bpf_xdp_query(ifindex, 0, &opts);

	if (err)
		return err;
	*ret_id = opts.prog_id;
	*ret_attached = opts.attach_mode;
	return 0;
}

bool xdp_is_generic(int ifindex)
{
	uint8_t attached;
	uint32_t id;

	return !query(ifindex, &id, &attached) && attached == XDP_ATTACHED_SKB;
}

static int program_info(uint32_t id, struct bpf_prog_info *info)
{
	CLEAN_CLOSE int fd = bpf_prog_get_fd_by_id(id);
	uint32_t length = sizeof(*info);

	if (fd < 0)
		return fd;
	return bpf_obj_get_info_by_fd(fd, info, &length) ? -errno : 0;
}

int xdp_program(int ifindex, char *ret_name, size_t size)
{
	struct bpf_prog_info info = {};
	uint8_t attached;
	uint32_t id;
	int err = query(ifindex, &id, &attached);

	if (err || !id)
		return err;
	err = program_info(id, &info);
	if (err)
		return err;
	snprintf(ret_name, size, "%s", info.name);
	return (int)id;
}

/* The link that holds a program: the kernel lists links, not a program's link. */
static int find_link(uint32_t prog_id)
{
	uint32_t id = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		struct bpf_link_info info = {};
		uint32_t length = sizeof(info);
		CLEAN_CLOSE int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length))
			continue;
		if (info.type == BPF_LINK_TYPE_XDP && info.prog_id == prog_id)
			return TAKE_FD(fd);
	}
	return -ENOENT;
}

static int find_maps(uint32_t prog_id, struct root *root)
{
	uint32_t ids[ROOT_MAPS];
	struct bpf_prog_info info = {.nr_map_ids = ROOT_MAPS, .map_ids = (uintptr_t)ids};
	int err = program_info(prog_id, &info);

	for (uint32_t i = 0; !err && i < info.nr_map_ids && i < ROOT_MAPS; i++) {
		struct bpf_map_info map = {};
		uint32_t length = sizeof(map);
		CLEAN_CLOSE int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &map, &length))
			continue;
		if (!strcmp(map.name, "xdp_slots") && root->slots < 0)
			root->slots = TAKE_FD(fd);
		else if (!strcmp(map.name, "xdp_conf") && root->conf < 0)
			root->conf = TAKE_FD(fd);
	}
	return err ? err : root->slots < 0 || root->conf < 0 ? -ENOENT : 0;
}

static int find_root(uint32_t prog_id, struct root *root)
{
	root->link = find_link(prog_id);
	return root->link < 0 ? root->link : find_maps(prog_id, root);
}

static bool is_veth(int ifindex)
{
	char name[IF_NAMESIZE];

	return if_indextoname((unsigned int)ifindex, name) && driver_is(name, "veth");
}

static int attach_as(int prog, int ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);

	return bpf_link_create(prog, ifindex, BPF_XDP, &opts);
}

static int attach(int prog, int ifindex, enum xdp_mode mode)
{
	int fd;

	if (mode == XDP_MODE_AUTO && is_veth(ifindex))
		mode = XDP_MODE_GENERIC;
	if (mode == XDP_MODE_GENERIC)
		return attach_as(prog, ifindex, XDP_FLAGS_SKB_MODE);
	fd = attach_as(prog, ifindex, XDP_FLAGS_DRV_MODE);
	if (fd == -EOPNOTSUPP && mode == XDP_MODE_AUTO)
		fd = attach_as(prog, ifindex, XDP_FLAGS_SKB_MODE);
	return fd;
}

static int make_root(const struct xdp_use *use, struct root *root)
{
	struct root_bpf *skel = root_bpf__open_and_load();
	int err = -errno;

	if (!skel)
		return err;
	root->link = attach(bpf_program__fd(skel->progs.dfb_root), use->ifindex, use->mode);
	root->slots = dup(bpf_map__fd(skel->maps.xdp_slots));
	root->conf = dup(bpf_map__fd(skel->maps.xdp_conf));
	root_bpf__destroy(skel);
	return root->link < 0 ? root->link : root->slots < 0 || root->conf < 0 ? -EMFILE : 0;
}

static int pin(int fd, const char *path)
{
	unlink(path); /* of an interface that had this index before, or of ourselves */
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

static int fill(const struct xdp_use *use, const struct root *root, int prog, uint16_t echo_port)
{
	struct dfb_xdp_conf conf = {.echo_port = echo_port};
	uint32_t slot = use->slot;

	if (bpf_map_update_elem(root->slots, &slot, &prog, BPF_ANY))
		return -errno;
	if (use->slot != DFB_XDP_ECHO)
		return 0;
	return bpf_map_update_elem(root->conf, &(uint32_t){0}, &conf, BPF_ANY) ? -errno : 0;
}

static int open_root(const struct xdp_use *use, struct root *root, char *why, size_t size)
{
	char interface[IF_NAMESIZE] = "?", name[BPF_OBJ_NAME_LEN] = "";
	int id = xdp_program(use->ifindex, name, sizeof(name));
	int err;

	if_indextoname((unsigned int)use->ifindex, interface);
	if (id > 0 && strcmp(name, XDP_ROOT_NAME)) {
		snprintf(why, size, "%s: the XDP program %s (id %d) is there already and an interface has only one;"
			 " detach it or choose another interface", interface, name, id);
		return -EBUSY;
	}
	err = id < 0 ? id : id ? find_root((uint32_t)id, root) : make_root(use, root);
	if (err)
		snprintf(why, size, "%s: cannot attach XDP in mode %s: %s", interface, xdp_mode_names[use->mode],
			 strerror(-err));
	return err;
}

int xdp_join(const struct xdp_use *use, int prog, uint16_t echo_port, char *why, size_t size)
{
	CLEAN_ROOT struct root root = ROOT_NONE;
	int err = open_root(use, &root, why, size);

	if (err)
		return err;
	err = pin(root.link, use->pin_link);
	if (!err)
		err = pin(root.slots, use->pin_slots);
	if (!err)
		err = fill(use, &root, prog, echo_port);
	if (err) {
		snprintf(why, size, "cannot pin or fill the XDP slots below %s: %s", use->pin_link, strerror(-err));
		xdp_leave(use);
	}
	return err;
}

void xdp_leave(const struct xdp_use *use)
{
	CLEAN_CLOSE int slots = bpf_obj_get(use->pin_slots);
	uint32_t slot = use->slot;

	if (slots >= 0)
		bpf_map_delete_elem(slots, &slot);
	unlink(use->pin_slots);
	unlink(use->pin_link);
}
