// SPDX-License-Identifier: GPL-2.0-only
#include "flows.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/paths.h"
#include "layout.h"

static int open_flows(const char *maps_dir, struct bpf_map_info *ret_info)
{
	uint32_t length = sizeof(*ret_info);
	char path[PATHS_LEN + BPF_OBJ_NAME_LEN];
	CLEAN_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "%.*s/flows", PATHS_LEN - 1, maps_dir);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_obj_get_info_by_fd(fd, ret_info, &length) ? -errno : TAKE_FD(fd);
}

int flows_open(struct flows *f, const char *maps_dir)
{
	struct bpf_map_info info;
	CLEAN_CLOSE int fd = open_flows(maps_dir, &info);

	if (fd < 0)
		return fd;
	if (info.key_size != sizeof(struct dfb_flow_key) || info.value_size != sizeof(struct dfb_flow))
		return -EPROTO;
	f->fd = TAKE_FD(fd);
	f->at = f->n = 0;
	f->begun = false;
	return 0;
}

/* The kernel goes from bucket to bucket and tells where it stopped; at the end with the last ones. */
int flows_next(struct flows *f)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	uint32_t n = FLOWS_PIECE, next = 0;
	int error;

	f->n = 0;
	if (f->fd < 0)
		return -ENODATA;
	error = bpf_map_lookup_batch(f->fd, f->begun ? &f->at : NULL, &next, f->key, f->flow, &n, &opts);
	if (error && error != -ENOENT)
		return error;
	if (error && !n) {
		flows_close(f);
		return -ENODATA;
	}
	f->n = n;
	f->at = next;
	f->begun = true;
	if (error)
		flows_close(f);
	return 0;
}

void flows_close(struct flows *f)
{
	clean_close(&f->fd);
	f->fd = -1;
}

int flows_count(const char *maps_dir, uint64_t now_ns, uint32_t *ret_count, uint32_t n)
{
	CLEAN_FREE struct flows *f = calloc(1, sizeof(*f));
	int error = f ? flows_open(f, maps_dir) : -ENOMEM;

	if (error)
		return error;
	while (!(error = flows_next(f))) {
		for (uint32_t i = 0; i < f->n; i++) {
			uint32_t server = f->flow[i].server;

			if (server < n && !flows_is_over(&f->flow[i], now_ns))
				ret_count[server]++;
		}
	}
	flows_close(f);
	return error == -ENODATA ? 0 : error;
}

/* --- of another version ---------------------------------------------------------------------- */

/* The former map changes no more: its program is no longer attached. */
static int copy_flows(int from, int to, const struct layout_plan *plan, uint32_t n)
{
	CLEAN_FREE char *theirs = calloc(1, plan->from_size);
	struct dfb_flow_key key, next;
	struct dfb_flow flow;

	if (!theirs)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && !bpf_map_get_next_key(from, i ? &key : NULL, &next); i++) {
		key = next;
		if (!bpf_map_lookup_elem(from, &key, theirs) && !layout_apply(plan, theirs, &flow))
			bpf_map_update_elem(to, &key, &flow, BPF_NOEXIST);
	}
	return 0;
}

int flows_inherit(const char *former_dir, const char *maps_dir)
{
	struct bpf_map_info theirs, ours;
	CLEAN_CLOSE int from = open_flows(former_dir, &theirs);
	CLEAN_CLOSE int to = open_flows(maps_dir, &ours);
	struct layout *layout = NULL;
	struct layout_plan plan = {};
	char why[256];
	int error = from == -ENOENT ? 0 : from < 0 ? from : to < 0 ? to : 0;

	if (error || from < 0 || theirs.key_size != ours.key_size)
		return error;
	error = layout_open(former_dir, &layout, why, sizeof(why));
	if (!error)
		error = layout_make_plan(layout, "dfb_flow", &plan);
	if (!error && plan.from_size == theirs.value_size)
		error = copy_flows(from, to, &plan, theirs.max_entries);
	free(plan.move);
	layout_close(layout);
	return error;
}
