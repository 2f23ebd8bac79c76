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

int xdp_mode_parse(const char *name, enum xdp_mode *ret_mode)
{
	for (int i = 0; i < XDP_MODE_MAX; i++) {
		if (strcmp(name, xdp_mode_names[i]) != 0)
			continue;
		*ret_mode = (enum xdp_mode)i;
		return 0;
	}
	return -EINVAL;
}

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

static bool is_link_of(int link, uint32_t prog_id)
{
	struct bpf_link_info info = {};
	uint32_t length = sizeof(info);

	return link >= 0 && !bpf_obj_get_info_by_fd(link, &info, &length) && info.prog_id == prog_id;
}

static bool open_pins(const struct xdp_pins *pins, uint32_t prog_id, struct root *root)
{
	CLEAN_ROOT struct root pinned = {
		.link = bpf_obj_get(pins->link),
		.slots = bpf_obj_get(pins->slots),
		.conf = bpf_obj_get(pins->conf),
	};

	if (!is_link_of(pinned.link, prog_id) || pinned.slots < 0 || pinned.conf < 0)
		return false;
	root->link = TAKE_FD(pinned.link);
	root->slots = TAKE_FD(pinned.slots);
	root->conf = TAKE_FD(pinned.conf);
	return true;
}

/* Needs no capability, as long as we have joined it before. */
static bool find_pinned(const struct xdp_use *use, uint32_t prog_id, struct root *root)
{
	return open_pins(&use->pins, prog_id, root) ||
	       (use->kin.link[0] && open_pins(&use->kin, prog_id, root));
}

/* Somebody else's, another instance's or a responder's: the kernel shows it to CAP_SYS_ADMIN only. */
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

void xdp_name_pins(const char *dir, const char *prefix, int ifindex, struct xdp_pins *ret_pins)
{
	snprintf(ret_pins->link, sizeof(ret_pins->link), "%s/%sxdp-%d", dir, prefix, ifindex);
	snprintf(ret_pins->slots, sizeof(ret_pins->slots), "%s/%sslots-%d", dir, prefix, ifindex);
	snprintf(ret_pins->conf, sizeof(ret_pins->conf), "%s/%sconf-%d", dir, prefix, ifindex);
}

static void name_fresh(const char *path, char fresh[XDP_PIN_LEN + 8])
{
	snprintf(fresh, XDP_PIN_LEN + 8, "%s-new", path);
}

/* The path may have a pin, of an interface that had this index before, or of ourselves: then the link
 * lives by it. So it is replaced, not removed and made. */
static int pin(int fd, const char *path)
{
	char fresh[XDP_PIN_LEN + 8];

	name_fresh(path, fresh);
	unlink(fresh);
	if (bpf_obj_pin(fd, fresh))
		return -errno;
	return rename(fresh, path) ? -errno : 0;
}

/* One that was killed in pin() has left the other name. */
static void unpin(const char *path)
{
	char fresh[XDP_PIN_LEN + 8];

	name_fresh(path, fresh);
	unlink(path);
	unlink(fresh);
}


/* The digest of a link's instructions: its program's id is of no use without CAP_SYS_ADMIN. */
static bool has_tag(int link, const unsigned char tag[BPF_TAG_SIZE])
{
	char path[64], line[128], text[2 * BPF_TAG_SIZE + 1], found[2 * BPF_TAG_SIZE + 1] = "";

	for (size_t i = 0; i < BPF_TAG_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", tag[i]);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", link);
	CLEAN_FCLOSE FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "prog_tag: %16s", found) == 1)
			break;
	}
	return !strcmp(found, text);
}

/* A root of another build gets our program over the same slots, with no packet in between. One whose
 * slots are of another shape goes on as it is. */
static void renew(struct root *root)
{
	struct root_bpf *skel = root_bpf__open();
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);
	int prog;

	if (!skel)
		return;
	if (!bpf_map__reuse_fd(skel->maps.xdp_slots, root->slots) &&
	    !bpf_map__reuse_fd(skel->maps.xdp_conf, root->conf) && !root_bpf__load(skel)) {
		prog = bpf_program__fd(skel->progs.dfb_root);
		if (!bpf_obj_get_info_by_fd(prog, &info, &length) && !has_tag(root->link, info.tag))
			bpf_link_update(root->link, prog, NULL);
	}
	root_bpf__destroy(skel);
}

/* The link last, and first when they go: whoever is killed in between leaves no root on the interface whose
 * slots only CAP_SYS_ADMIN could find. */
static int pin_all(const struct xdp_use *use, const struct root *root)
{
	int err = pin(root->slots, use->pins.slots);

	if (!err)
		err = pin(root->conf, use->pins.conf);
	return err ? err : pin(root->link, use->pins.link);
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

/* Which program is it? Without CAP_SYS_ADMIN its name is not to be had. */
static int open_other(uint32_t id, const char *interface, struct root *root, char *why, size_t size)
{
	struct bpf_prog_info info = {};
	int err = program_info(id, &info);

	if (!err && !strcmp(info.name, XDP_ROOT_NAME))
		return find_root(id, root);
	snprintf(why, size, "%s: the XDP program %s (id %u) is there already and an interface has only one;"
		 " detach it or choose another interface%s", interface, info.name, id,
		 err == -EPERM ? ", or allow CAP_SYS_ADMIN if it is one of defib" : "");
	return -EBUSY;
}

static const char *explain(int err)
{
	/* The kernel refuses a program below one, and takes one above. */
	return err == -EEXIST ? "an interface above it, such as a VLAN, has an XDP program already; name only one"
				" of them, or this one first" : strerror(-err);
}

static int open_root(const struct xdp_use *use, struct root *root, char *why, size_t size)
{
	char interface[IF_NAMESIZE] = "?";
	uint8_t attached;
	uint32_t id;
	int err = query(use->ifindex, &id, &attached);

	if_indextoname((unsigned int)use->ifindex, interface);
	why[0] = 0;
	if (!err && !id)
		err = make_root(use, root);
	else if (!err && find_pinned(use, id, root))
		renew(root);
	else if (!err)
		err = open_other(id, interface, root, why, size);
	if (err && !why[0])
		snprintf(why, size, "%s: cannot attach XDP in mode %s: %s", interface, xdp_mode_names[use->mode],
			 explain(err));
	return err;
}

int xdp_check(const struct xdp_use *use, char *why, size_t size)
{
	CLEAN_ROOT struct root root = ROOT_NONE;
	char interface[IF_NAMESIZE] = "?";
	uint8_t attached;
	uint32_t id;

	if (query(use->ifindex, &id, &attached) || !id || find_pinned(use, id, &root))
		return 0;
	if_indextoname((unsigned int)use->ifindex, interface);
	return open_other(id, interface, &root, why, size);
}

int xdp_join(const struct xdp_use *use, int prog, uint16_t echo_port, char *why, size_t size)
{
	CLEAN_ROOT struct root root = ROOT_NONE;
	int err = open_root(use, &root, why, size);

	if (err)
		return err;
	err = pin_all(use, &root);
	if (!err)
		err = fill(use, &root, prog, echo_port);
	if (err) {
		snprintf(why, size, "cannot pin or fill the XDP slots below %s: %s", use->pins.link, strerror(-err));
		xdp_leave(use);
	}
	return err;
}

uint32_t xdp_occupant(const struct xdp_use *use)
{
	CLEAN_CLOSE int slots = bpf_obj_get(use->pins.slots);
	uint32_t slot = use->slot, id;

	return slots < 0 || bpf_map_lookup_elem(slots, &slot, &id) ? 0 : id;
}

bool xdp_is_joined(const struct xdp_use *use)
{
	CLEAN_CLOSE int link = bpf_obj_get(use->pins.link);
	uint32_t id;
	uint8_t attached;

	return !query(use->ifindex, &id, &attached) && id && is_link_of(link, id) && xdp_occupant(use);
}

int xdp_slot_holder(const struct xdp_use *use, uint32_t *ret_id, char *why, size_t size)
{
	CLEAN_ROOT struct root root = ROOT_NONE;
	char interface[IF_NAMESIZE] = "?";
	uint32_t id = 0, slot = use->slot;
	uint8_t attached;
	int err = query(use->ifindex, &id, &attached);

	*ret_id = 0;
	if_indextoname((unsigned int)use->ifindex, interface);
	why[0] = 0;
	if (!err && id && !find_pinned(use, id, &root))
		err = open_other(id, interface, &root, why, size);
	if (err && !why[0])
		snprintf(why, size, "%s: %s", interface, strerror(-err));
	if (!err && id && bpf_map_lookup_elem(root.slots, &slot, ret_id))
		*ret_id = 0;
	return err;
}

void xdp_let_go(const struct xdp_use *use)
{
	unpin(use->pins.link);
	unpin(use->pins.slots);
	unpin(use->pins.conf);
}

int xdp_fill(const struct xdp_use *use, enum dfb_xdp_slot slot, int prog)
{
	CLEAN_CLOSE int slots = bpf_obj_get(use->pins.slots);
	uint32_t key = slot;

	if (slots < 0)
		return slots;
	return bpf_map_update_elem(slots, &key, &prog, BPF_ANY) ? -errno : 0;
}

void xdp_vacate(const struct xdp_use *use, enum dfb_xdp_slot slot)
{
	CLEAN_CLOSE int slots = bpf_obj_get(use->pins.slots);
	uint32_t key = slot;

	if (slots >= 0)
		bpf_map_delete_elem(slots, &key);
}

void xdp_leave(const struct xdp_use *use)
{
	xdp_vacate(use, use->slot);
	xdp_let_go(use);
}
