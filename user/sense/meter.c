// SPDX-License-Identifier: GPL-2.0-only
#include "meter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/netns.h"
#include "base/pins.h"
#include "base/text.h"
#include "loss.skel.h"
#include "own.h"

#define METER_DIR PATHS_BPF "/defib/loss"
#define METER_LINK METER_PREFIX "xdp-"

static const char *const map_names[] = {"loss",	     "loss_counters",	"loss_total",
					"loss_conf", "loss_interfaces", "loss_events"};

struct meter {
	struct meter_place place;
	struct loss_bpf *skel;
	struct ring_buffer *ring;
	meter_fn *fn;
	void *arg;
};

/* --- places ---------------------------------------------------------------------------------- */

void meter_place_instance(const struct paths *paths, struct meter_place *ret_place)
{
	text_copy(ret_place->maps_dir, sizeof(ret_place->maps_dir), paths->maps_dir);
	text_copy(ret_place->links_dir, sizeof(ret_place->links_dir), paths->links_dir);
}

void meter_place_here(struct meter_place *ret_place)
{
	snprintf(ret_place->maps_dir, sizeof(ret_place->maps_dir), METER_DIR "/%llu",
		 (unsigned long long)netns_inode());
	text_copy(ret_place->links_dir, sizeof(ret_place->links_dir), ret_place->maps_dir);
}

static void name_use(struct xdp_use *use, const struct meter_place *place, int ifindex, enum xdp_mode mode)
{
	use->ifindex = ifindex;
	use->mode = mode;
	use->slot = DFB_XDP_LOSS;
	xdp_name_pins(place->links_dir, METER_PREFIX, ifindex, &use->pins);
	xdp_name_pins(place->links_dir, "", ifindex, &use->kin);
}

/* --- opening --------------------------------------------------------------------------------- */

static void name_map(char path[PATHS_LEN + 32], const struct meter_place *place, const char *name)
{
	snprintf(path, PATHS_LEN + 32, "%s/%s", place->maps_dir, name);
}

/* Maps of another version are nobody's any more. */
static void drop_foreign_maps(const struct meter_place *place)
{
	struct dfb_loss_conf conf = {};
	char path[PATHS_LEN + 32];
	CLEAN_CLOSE int fd = -1;

	name_map(path, place, "loss_conf");
	fd = bpf_obj_get(path);
	if (fd >= 0 && !bpf_map_lookup_elem(fd, &(uint32_t){0}, &conf) && conf.abi == DFB_LOSS_ABI)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(map_names); i++) {
		name_map(path, place, map_names[i]);
		unlink(path);
	}
}

static int load(struct meter *m)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = m->place.maps_dir);
	int err;

	drop_foreign_maps(&m->place);
	m->skel = loss_bpf__open_opts(&opts);
	if (!m->skel)
		return -errno;
	err = loss_bpf__load(m->skel);
	if (!err)
		err = meter_configure(m, 0, DFB_LOSS_EXPIRE_NS);
	if (err)
		return err;
	return own_claim(m->place.links_dir, METER_PREFIX, bpf_program__fd(m->skel->progs.dfb_loss));
}

int meter_open(const struct meter_place *place, struct meter **ret_meter, char *why, size_t size)
{
	struct meter *m = calloc(1, sizeof(*m));
	int err = m ? 0 : -ENOMEM;

	if (m) {
		m->place = *place;
		err = load(m);
	}
	if (err) {
		snprintf(why, size, "cannot load the accounts of streams: %s%s", strerror(-err),
			 err == -EPERM ? " (root, or CAP_BPF and CAP_NET_ADMIN, is needed)" : "");
		meter_close(m);
		return err;
	}
	*ret_meter = m;
	return 0;
}

void meter_close(struct meter *m)
{
	if (!m)
		return;
	ring_buffer__free(m->ring);
	loss_bpf__destroy(m->skel);
	free(m);
}

int meter_configure(struct meter *m, uint64_t threshold_ns, uint64_t expire_ns)
{
	const struct dfb_loss_conf conf = {
		.abi = DFB_LOSS_ABI,
		.threshold_ns = threshold_ns,
		.floor_ns = DFB_LOSS_FLOOR_NS,
		.expire_ns = expire_ns,
	};

	return bpf_map_update_elem(bpf_map__fd(m->skel->maps.loss_conf), &(uint32_t){0}, &conf, BPF_ANY) ?
		       -errno :
		       0;
}

/* --- interfaces ------------------------------------------------------------------------------ */

static int refuse(int ifindex, char *why, size_t size)
{
	char name[IF_NAMESIZE] = "?";

	if_indextoname((unsigned int)ifindex, name);
	snprintf(why, size, "%s: its streams are counted already, by a daemon or by `defib loss attach`",
		 name);
	return -EBUSY;
}

static int put_name(struct meter *m, int ifindex)
{
	struct dfb_loss_name name = {};

	if (!if_indextoname((unsigned int)ifindex, name.name))
		return -errno;
	return bpf_map_update_elem(bpf_map__fd(m->skel->maps.loss_interfaces), &ifindex, &name, BPF_ANY) ?
		       -errno :
		       0;
}

int meter_attach(struct meter *m, int ifindex, enum xdp_mode mode, char *why, size_t size)
{
	struct xdp_use use;
	uint32_t occupant;
	int err;

	name_use(&use, &m->place, ifindex, mode);
	err = xdp_slot_holder(&use, &occupant, why, size);
	if (err)
		return err;
	if (occupant && !own_has(m->place.links_dir, METER_PREFIX, occupant))
		return refuse(ifindex, why, size);
	err = put_name(m, ifindex);
	if (err) {
		snprintf(why, size, "interface %d: %s", ifindex, strerror(-err));
		return err;
	}
	return xdp_join(&use, bpf_program__fd(m->skel->progs.dfb_loss), 0, why, size);
}

bool meter_is_attached(const struct meter *m, int ifindex)
{
	uint32_t occupant = 0;
	struct xdp_use use;
	char why[8];

	name_use(&use, &m->place, ifindex, XDP_MODE_AUTO);
	return xdp_slot_holder(&use, &occupant, why, sizeof(why)) || occupant;
}

void meter_release_older(struct meter *m)
{
	int ours = bpf_program__fd(m->skel->progs.dfb_loss);

	own_release_others(m->place.links_dir, METER_PREFIX, &ours, 1);
}

static void forget_name(const struct meter_place *place, int ifindex)
{
	char path[PATHS_LEN + 32];
	CLEAN_CLOSE int fd = -1;

	name_map(path, place, "loss_interfaces");
	fd = bpf_obj_get(path);
	if (fd >= 0)
		bpf_map_delete_elem(fd, &ifindex);
}

void meter_detach(const struct meter_place *place, int ifindex)
{
	struct xdp_use use;
	uint32_t occupant;

	name_use(&use, place, ifindex, XDP_MODE_AUTO);
	occupant = xdp_occupant(&use);
	if (occupant && !own_has(place->links_dir, METER_PREFIX, occupant))
		xdp_let_go(&use);
	else
		xdp_leave(&use);
	forget_name(place, ifindex);
}

static bool lists(const int *list, size_t n, int ifindex)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] == ifindex)
			return true;
	}
	return false;
}

bool meter_has(const struct meter_place *place, int ifindex)
{
	struct xdp_use use;

	name_use(&use, place, ifindex, XDP_MODE_AUTO);
	return !access(use.pins.link, F_OK);
}

/* The link of an interface that is gone, alone or with its network namespace, is empty. */
static bool is_alive(const char *dir, const char *name)
{
	char path[2 * PATHS_LEN + 64];
	struct bpf_link_info info = {};
	uint32_t length = sizeof(info);
	CLEAN_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = bpf_obj_get(path);
	return fd >= 0 && (bpf_obj_get_info_by_fd(fd, &info, &length) || info.xdp.ifindex);
}

bool meter_is_used(const struct meter_place *place)
{
	DIR *d = opendir(place->links_dir);
	struct dirent *entry;
	bool used = false;
	int ifindex;

	while (d && (entry = readdir(d))) {
		if (sscanf(entry->d_name, METER_LINK "%d", &ifindex) != 1)
			continue;
		if (is_alive(place->links_dir, entry->d_name))
			used = true;
		else
			meter_detach(place, ifindex);
	}
	if (d)
		closedir(d);
	return used;
}

void meter_remove_unused(void)
{
	DIR *d = opendir(METER_DIR);
	struct meter_place place;
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(place.maps_dir, sizeof(place.maps_dir), METER_DIR "/%.64s", entry->d_name);
		text_copy(place.links_dir, sizeof(place.links_dir), place.maps_dir);
		if (!meter_is_used(&place))
			pins_remove(place.maps_dir);
	}
	if (d)
		closedir(d);
	rmdir(METER_DIR);
	rmdir(PATHS_BPF "/defib"); /* fails while an instance or a responder is there */
}

void meter_detach_others(const struct meter_place *place, const int *keep, size_t n)
{
	DIR *d = opendir(place->links_dir);
	struct dirent *entry;
	int ifindex;

	while (d && (entry = readdir(d))) {
		if (sscanf(entry->d_name, METER_LINK "%d", &ifindex) == 1 && !lists(keep, n, ifindex))
			meter_detach(place, ifindex);
	}
	if (d)
		closedir(d);
}

/* --- silence --------------------------------------------------------------------------------- */

static int on_record(void *arg, void *data, size_t size)
{
	struct meter *m = arg;

	if (size >= sizeof(struct dfb_silence))
		m->fn(m->arg, data);
	return 0;
}

int meter_listen(struct meter *m, meter_fn *fn, void *arg)
{
	m->fn = fn;
	m->arg = arg;
	m->ring = ring_buffer__new(bpf_map__fd(m->skel->maps.loss_events), on_record, m, NULL);
	return m->ring ? 0 : -errno;
}

int meter_fd(const struct meter *m)
{
	return ring_buffer__epoll_fd(m->ring);
}

void meter_poll(struct meter *m)
{
	ring_buffer__consume(m->ring);
}
