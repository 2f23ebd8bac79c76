// SPDX-License-Identifier: GPL-2.0-only
/* Programs on interfaces: attached where the policy says, detached elsewhere, gone at teardown. */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/pins.h"
#include "base/text.h"
#include "clsact.h"
#include "kern_private.h"
#include "meter.h"
#include "own.h"
#include "snapshot.h"
#include "xdp.h"

static void name_xdp_use(struct xdp_use *use, const struct paths *paths, int ifindex)
{
	use->ifindex = ifindex;
	use->mode = XDP_MODE_AUTO;
	use->slot = DFB_XDP_BEAT;
	xdp_name_pins(paths->links_dir, "", ifindex, &use->pins);
	xdp_name_pins(paths->links_dir, METER_PREFIX, ifindex, &use->kin);
}

static bool lists(const char names[][POLICY_IFNAME], uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

/* Addresses on the clients' own segment are answered for where clients and servers are. */
static bool has_vips(const struct policy *policy, const char *name)
{
	const struct policy_gateway *gw = &policy->gateway;

	if (!lists(gw->client_interfaces, gw->n_client_interfaces, name) ||
	    !lists(gw->server_interfaces, gw->n_server_interfaces, name))
		return false;
	for (uint32_t i = 0; i < policy->n_pools; i++) {
		if (policy->pools[i].vips)
			return true;
	}
	return false;
}

/* --- detaching ------------------------------------------------------------------------------- */

static void detach_server(const struct paths *paths, int ifindex, const struct dfb_interface *face,
			  bool exists)
{
	struct xdp_use use;

	name_xdp_use(&use, paths, ifindex);
	xdp_vacate(&use, DFB_XDP_VIP);
	xdp_leave(&use);
	if (exists)
		clsact_detach(ifindex, CLSACT_EGRESS, paths->links_dir, face->clsact && !face->client);
}

/* The index may be another interface's by now. */
static bool still_exists(int ifindex, const struct dfb_interface *face)
{
	char name[IF_NAMESIZE];

	return if_indextoname((unsigned int)ifindex, name) && !strcmp(name, face->name);
}

static void detach(const struct paths *paths, int interfaces, uint32_t ifindex, struct dfb_interface *face,
		   const struct policy *keep)
{
	bool exists = still_exists((int)ifindex, face);
	bool client = exists && keep &&
		      lists(keep->gateway.client_interfaces, keep->gateway.n_client_interfaces, face->name);
	bool server = exists && keep &&
		      lists(keep->gateway.server_interfaces, keep->gateway.n_server_interfaces, face->name);

	if (face->server && !server) {
		detach_server(paths, (int)ifindex, face, exists);
		face->server = 0;
	}
	if (face->client && !client) {
		if (exists)
			clsact_detach((int)ifindex, CLSACT_INGRESS, paths->links_dir,
				      face->clsact && !face->server);
		face->client = 0;
	}
	if (client || server)
		bpf_map_update_elem(interfaces, &ifindex, face, BPF_ANY);
	else
		bpf_map_delete_elem(interfaces, &ifindex);
}

static void detach_others(const struct paths *paths, int interfaces, const struct policy *keep)
{
	struct dfb_interface face;
	uint32_t ifindex, next;
	bool more = !bpf_map_get_next_key(interfaces, NULL, &next);

	while (more) {
		ifindex = next;
		more = !bpf_map_get_next_key(interfaces, &ifindex, &next);
		if (!bpf_map_lookup_elem(interfaces, &ifindex, &face))
			detach(paths, interfaces, ifindex, &face, keep);
	}
}

/* --- attaching ------------------------------------------------------------------------------- */

static int claim(struct kern *k)
{
	int err = own_claim(k->paths.links_dir, "", bpf_program__fd(k->steer->progs.dfb_steer));

	return err ? err : own_claim(k->paths.links_dir, "", bpf_program__fd(k->beat->progs.dfb_stamp));
}

static void release_older(struct kern *k)
{
	const int ours[] = {bpf_program__fd(k->steer->progs.dfb_steer),
			    bpf_program__fd(k->beat->progs.dfb_stamp)};

	own_release_others(k->paths.links_dir, "", ours, ARRAY_SIZE(ours));
}

static int attach_client(struct kern *k, int ifindex, bool *made, char *why, size_t size)
{
	return clsact_attach(ifindex, CLSACT_INGRESS, bpf_program__fd(k->steer->progs.dfb_steer),
			     k->paths.links_dir, made, why, size);
}

/* A root that an earlier build made, and others use, has fewer slots. */
static int attach_vip(struct kern *k, const struct xdp_use *use, bool wanted, char *why, size_t size)
{
	char name[IF_NAMESIZE] = "?";
	int err;

	if (!wanted) {
		xdp_vacate(use, DFB_XDP_VIP);
		return 0;
	}
	err = xdp_fill(use, DFB_XDP_VIP, bpf_program__fd(k->vip->progs.dfb_vip));
	if_indextoname((unsigned int)use->ifindex, name);
	if (err)
		snprintf(why, size, "%s: cannot answer for addresses with `redirect: vip`: %s", name, err == -E2BIG ?
			 "the XDP root there is an earlier version's; `defib teardown` and start again" :
			 strerror(-err));
	return err;
}

/* clsact first: it tells whether another instance is here, which shares the XDP root with us. */
static int attach_server(struct kern *k, int ifindex, bool vips, bool *made, char *why, size_t size)
{
	struct xdp_use use;
	int err;

	err = clsact_attach(ifindex, CLSACT_EGRESS, bpf_program__fd(k->beat->progs.dfb_stamp),
			    k->paths.links_dir, made, why, size);
	if (err)
		return err;
	name_xdp_use(&use, &k->paths, ifindex);
	err = xdp_join(&use, bpf_program__fd(k->beat->progs.dfb_reply), 0, why, size);
	if (!err)
		return attach_vip(k, &use, vips, why, size);
	clsact_detach(ifindex, CLSACT_EGRESS, k->paths.links_dir, false);
	return err;
}

/* Noted before it is done, so that a teardown finds all that a crash left half done. */
static int attach_one(struct kern *k, const struct policy *policy, const char *name, bool client, char *why,
		      size_t size)
{
	uint32_t ifindex = if_nametoindex(name);
	int interfaces = bpf_map__fd(k->beat->maps.interfaces), err;
	struct dfb_interface face = {};
	bool made = false;

	if (!ifindex) {
		snprintf(why, size, "interface %s does not exist; it is used as soon as it appears", name);
		return -ENODEV;
	}
	bpf_map_lookup_elem(interfaces, &ifindex, &face);
	text_copy(face.name, sizeof(face.name), name);
	if (client)
		face.client = 1;
	else
		face.server = 1;
	if (bpf_map_update_elem(interfaces, &ifindex, &face, BPF_ANY))
		return -errno;
	err = client ? attach_client(k, (int)ifindex, &made, why, size) :
		       attach_server(k, (int)ifindex, has_vips(policy, name), &made, why, size);
	face.clsact |= made;
	face.generic = xdp_is_generic((int)ifindex);
	bpf_map_update_elem(interfaces, &ifindex, &face, BPF_ANY);
	return err;
}

static bool is_client_complete(const struct kern *k, int ifindex)
{
	return clsact_is_attached(ifindex, CLSACT_INGRESS, k->paths.links_dir);
}

static bool is_server_complete(const struct kern *k, int ifindex, bool vips)
{
	struct xdp_use use;

	name_xdp_use(&use, &k->paths, ifindex);
	if (!clsact_is_attached(ifindex, CLSACT_EGRESS, k->paths.links_dir) || !xdp_is_joined(&use))
		return false;
	use.slot = DFB_XDP_VIP;
	return !vips || xdp_occupant(&use);
}

bool kern_find_missing(const struct kern *k, const struct policy *policy, char *ret_name)
{
	const struct policy_gateway *gw = &policy->gateway;

	for (uint32_t i = 0; i < gw->n_client_interfaces + gw->n_server_interfaces; i++) {
		bool client = i < gw->n_client_interfaces;
		const char *name = client ? gw->client_interfaces[i] :
					    gw->server_interfaces[i - gw->n_client_interfaces];
		int ifindex = (int)if_nametoindex(name);

		if (!ifindex || (client ? is_client_complete(k, ifindex) :
					  is_server_complete(k, ifindex, has_vips(policy, name))))
			continue;
		text_copy(ret_name, POLICY_IFNAME, name);
		return true;
	}
	return false;
}

int kern_check_places(const struct kern *k, const struct policy *policy, char *why, size_t size)
{
	const struct policy_gateway *gw = &policy->gateway;
	struct xdp_use use;
	int err = 0;

	for (uint32_t i = 0; !err && i < gw->n_client_interfaces; i++)
		err = clsact_check((int)if_nametoindex(gw->client_interfaces[i]), CLSACT_INGRESS,
				   k->paths.links_dir, why, size);
	for (uint32_t i = 0; !err && i < gw->n_server_interfaces; i++) {
		int ifindex = (int)if_nametoindex(gw->server_interfaces[i]);

		name_xdp_use(&use, &k->paths, ifindex);
		err = clsact_check(ifindex, CLSACT_EGRESS, k->paths.links_dir, why, size);
		if (!err)
			err = xdp_check(&use, why, size);
	}
	return err;
}

int kern_attach(struct kern *k, const struct policy *policy, char *why, size_t size)
{
	const struct policy_gateway *gw = &policy->gateway;
	int result = claim(k);

	if (result) {
		snprintf(why, size, "cannot pin programs below %s: %s", k->paths.links_dir, strerror(-result));
		return result;
	}
	detach_others(&k->paths, bpf_map__fd(k->beat->maps.interfaces), policy);
	for (uint32_t i = 0; i < gw->n_client_interfaces + gw->n_server_interfaces; i++) {
		bool client = i < gw->n_client_interfaces;
		const char *name = client ? gw->client_interfaces[i] :
					    gw->server_interfaces[i - gw->n_client_interfaces];
		int err = attach_one(k, policy, name, client, why, size);

		if (err && err != -ENODEV)
			return err;
		result = err ? err : result;
		if (i + 1 == gw->n_client_interfaces)
			kern_heir_settle(k);
	}
	release_older(k);
	return result;
}

/* --- teardown -------------------------------------------------------------------------------- */

static void detach_known(const struct paths *paths)
{
	char path[PATHS_LEN + 16];
	CLEAN_CLOSE int interfaces = -1;

	snprintf(path, sizeof(path), "%s/interfaces", paths->maps_dir);
	interfaces = bpf_obj_get(path);
	if (interfaces >= 0)
		detach_others(paths, interfaces, NULL);
}

/* The folders will go with all that is in them, so the map need not change. */
static void detach_foreign(const struct paths *paths)
{
	struct snapshot *s = NULL;
	char why[256];

	if (snapshot_read_any(paths->maps_dir, &s, why, sizeof(why)))
		return;
	for (uint32_t i = 0; i < s->n_interfaces; i++)
		detach(paths, -1, s->interfaces[i].ifindex, &s->interfaces[i].interface, NULL);
	snapshot_free(s);
}

int kern_teardown(const struct paths *paths)
{
	CLEAN_CLOSE int lock = pins_lock();
	uint32_t abi = DFB_ABI_VERSION;
	struct meter_place place;

	if (kern_settle_maps(paths) == -ENOENT)
		return -ENOENT;
	meter_place_instance(paths, &place);
	meter_detach_others(&place, NULL, 0);
	snapshot_version(paths->maps_dir, &abi);
	if (abi == DFB_ABI_VERSION)
		detach_known(paths);
	else
		detach_foreign(paths);
	pins_remove(paths->links_dir);
	pins_remove(paths->former_dir);
	if (!rename(paths->maps_dir, paths->heir_dir))
		pins_remove(paths->heir_dir);
	rmdir(paths->pin_dir);
	rmdir(PATHS_BPF "/defib"); /* fails while another instance or a responder is there */
	return 0;
}
