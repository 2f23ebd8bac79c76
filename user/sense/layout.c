// SPDX-License-Identifier: GPL-2.0-only
#include "layout.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/paths.h"
#include "beat.skel.h"

#define LAYOUT_PIN "btf"
#define LAYOUT_DEPTH 8 /* of structures and arrays in each other */

struct layout {
	struct beat_bpf *skel; /* has our BTF; nothing is loaded */
	const struct btf *ours;
	struct btf *theirs;
};

/* Without these no service could be served on, and nothing be removed. The rest may be missing. */
static const struct {
	const char *structure;
	const char *field;
} needed[] = {
	{"dfb_control", "mark_mask"},	   {"dfb_control", "mark_shift"}, {"dfb_control", "table_base"},
	{"dfb_control", "rule_priority"},  {"dfb_control", "netns"},	  {"dfb_server", "name"},
	{"dfb_server", "flags"},	   {"dfb_plan", "name"},	  {"dfb_plan", "held"},
	{"dfb_pool", "epoch"},		   {"dfb_pool", "committed"},	  {"dfb_pool", "slots"},
	{"dfb_service", "pool"},	   {"dfb_interface", "name"},	  {"dfb_interface", "client"},
	{"dfb_interface", "server"},	   {"dfb_interface", "clsact"},	  {"dfb_target", "address"},
	{"dfb_target", "server"},	   {"dfb_target_run", "detect"},  {"dfb_detect", "state"},
	{"dfb_attempts", "seq"},
};

/* --- pinned BTF ------------------------------------------------------------------------------ */

static void name_pin(char path[PATHS_LEN + 8], const char *maps_dir)
{
	snprintf(path, PATHS_LEN + 8, "%.*s/" LAYOUT_PIN, PATHS_LEN - 1, maps_dir);
}

static int pin_bytes(const void *bytes, uint32_t size, const char *path)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	CLEAN_CLOSE int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, LAYOUT_PIN, sizeof(uint32_t), size, 1, &opts);

	if (fd < 0)
		return fd;
	if (bpf_map_update_elem(fd, &(uint32_t){0}, bytes, BPF_ANY))
		return -errno;
	return bpf_obj_pin(fd, path) && errno != EEXIST ? -errno : 0;
}

int layout_pin(const char *maps_dir)
{
	char path[PATHS_LEN + 8];
	struct beat_bpf *skel;
	const void *bytes;
	uint32_t size;
	int err;

	name_pin(path, maps_dir);
	if (!access(path, F_OK))
		return 0;
	skel = beat_bpf__open();
	if (!skel)
		return -errno;
	bytes = btf__raw_data(bpf_object__btf(skel->obj), &size);
	err = bytes ? pin_bytes(bytes, size, path) : -ENOMEM;
	beat_bpf__destroy(skel);
	return err;
}

static int read_pin(const char *maps_dir, struct btf **ret_btf)
{
	char path[PATHS_LEN + 8];
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	CLEAN_FREE void *bytes = NULL;
	CLEAN_CLOSE int fd = -1;
	struct btf *btf;

	name_pin(path, maps_dir);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	bytes = malloc(info.value_size);
	if (!bytes)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &(uint32_t){0}, bytes))
		return -errno;
	btf = btf__new(bytes, info.value_size);
	if (!btf)
		return -errno;
	*ret_btf = btf;
	return 0;
}

/* --- fields by name -------------------------------------------------------------------------- */

static const struct btf_type *find_struct(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);

	return id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);
}

/* Without names of its own, `const` and the like. Return: NULL at the end of a broken chain. */
static const struct btf_type *strip(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	for (int i = 0; t && (btf_is_mod(t) || btf_is_typedef(t)); i++)
		t = i < LAYOUT_DEPTH ? btf__type_by_id(btf, t->type) : NULL;
	return t;
}

static const struct btf_member *find_member(const struct btf *btf, const struct btf_type *t, const char *name)
{
	const struct btf_member *m = btf_members(t);

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		if (!strcmp(btf__name_by_offset(btf, m[i].name_off), name))
			return &m[i];
	}
	return NULL;
}

static int add_move(struct layout_plan *p, struct layout_move new)
{
	struct layout_move *last = p->n ? &p->move[p->n - 1] : NULL;

	if (last && new.from_size == new.to_size && last->from_size == last->to_size &&
	    last->from + last->from_size == new.from && last->to + last->to_size == new.to) {
		last->from_size = last->to_size += new.to_size;
		return 0;
	}
	if (p->n == p->room) {
		uint32_t room = p->room ? 2 * p->room : 16;
		struct layout_move *move = reallocarray(p->move, room, sizeof(*move));

		if (!move)
			return -ENOMEM;
		p->move = move;
		p->room = room;
	}
	p->move[p->n++] = new;
	return 0;
}

/**
 * struct place - a value in a structure
 * @type: stripped
 * @at: bytes from the structure's begin
 */
struct place {
	const struct btf *btf;
	const struct btf_type *type;
	uint32_t at;
};

static bool is_number(const struct btf_type *t)
{
	return (btf_is_int(t) || btf_is_any_enum(t)) && t->size && t->size <= sizeof(uint64_t) &&
	       !(t->size & (t->size - 1));
}

static int plan_value(struct layout_plan *p, struct place from, struct place to, int depth);

static int plan_array(struct layout_plan *p, struct place from, struct place to, int depth)
{
	const struct btf_array *theirs = btf_array(from.type), *ours = btf_array(to.type);
	uint32_t n = theirs->nelems < ours->nelems ? theirs->nelems : ours->nelems;
	int64_t from_size = btf__resolve_size(from.btf, theirs->type);
	int64_t to_size = btf__resolve_size(to.btf, ours->type);
	int err = from_size <= 0 || to_size <= 0 ? -EPROTO : 0;

	from.type = strip(from.btf, theirs->type);
	to.type = strip(to.btf, ours->type);
	for (uint32_t i = 0; !err && i < n; i++) {
		err = plan_value(p, from, to, depth);
		from.at += (uint32_t)from_size;
		to.at += (uint32_t)to_size;
	}
	return err;
}

/* The kernel's own fields, timers and locks, have no names in it that could be met here, or hold 0. */
static int plan_struct(struct layout_plan *p, struct place from, struct place to, int depth)
{
	const struct btf_member *ours = btf_members(to.type);
	int err = 0;

	for (uint32_t i = 0; !err && i < btf_vlen(to.type); i++) {
		const char *name = btf__name_by_offset(to.btf, ours[i].name_off);
		const struct btf_member *theirs = *name ? find_member(from.btf, from.type, name) : NULL;
		struct place a = from, b = to;

		if (!theirs)
			continue;
		a.type = strip(from.btf, theirs->type);
		a.at += theirs->offset / 8;
		b.type = strip(to.btf, ours[i].type);
		b.at += ours[i].offset / 8;
		err = plan_value(p, a, b, depth);
	}
	return err;
}

static int plan_value(struct layout_plan *p, struct place from, struct place to, int depth)
{
	if (!from.type || !to.type || depth > LAYOUT_DEPTH)
		return -EPROTO;
	if (is_number(from.type) && is_number(to.type))
		return add_move(p, (struct layout_move){from.at, from.type->size, to.at, to.type->size});
	if (btf_is_array(from.type) && btf_is_array(to.type))
		return plan_array(p, from, to, depth + 1);
	if (btf_is_struct(from.type) && btf_is_struct(to.type))
		return plan_struct(p, from, to, depth + 1);
	return -EPROTO;
}

int layout_make_plan(const struct layout *l, const char *name, struct layout_plan *ret_plan)
{
	struct place from = {.btf = l->theirs, .type = find_struct(l->theirs, name)};
	struct place to = {.btf = l->ours, .type = find_struct(l->ours, name)};
	struct layout_plan p = {};
	int err = from.type && to.type ? plan_value(&p, from, to, 0) : -EPROTO;

	if (err) {
		free(p.move);
		return err;
	}
	p.from_size = from.type->size;
	p.to_size = to.type->size;
	*ret_plan = p;
	return 0;
}

/* --- values ---------------------------------------------------------------------------------- */

static uint64_t get(const unsigned char *at, uint32_t size)
{
	switch (size) {
	case 1:
		return *at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

static int put(unsigned char *at, uint32_t size, uint64_t value)
{
	if (size < sizeof(value) && value >> (8 * size))
		return -ERANGE;
	if (size == 1)
		*at = (unsigned char)value;
	else if (size == 2)
		*(uint16_t *)at = (uint16_t)value;
	else if (size == 4)
		*(uint32_t *)at = (uint32_t)value;
	else
		*(uint64_t *)at = value;
	return 0;
}

int layout_apply(const struct layout_plan *p, const void *from, void *to)
{
	int err = 0;

	memset(to, 0, p->to_size);
	for (uint32_t i = 0; !err && i < p->n; i++) {
		const struct layout_move *m = &p->move[i];
		const unsigned char *a = (const unsigned char *)from + m->from;
		unsigned char *b = (unsigned char *)to + m->to;

		if (m->from_size == m->to_size)
			memcpy(b, a, m->to_size);
		else
			err = put(b, m->to_size, get(a, m->from_size));
	}
	return err;
}

/* --- life ------------------------------------------------------------------------------------ */

static int check_needed(const struct layout *l, char *why, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		const struct btf_type *t = find_struct(l->theirs, needed[i].structure);

		if (t && find_member(l->theirs, t, needed[i].field))
			continue;
		snprintf(why, size, "they have no %s.%s", needed[i].structure, needed[i].field);
		return -EPROTO;
	}
	return 0;
}

int layout_open(const char *maps_dir, struct layout **ret_layout, char *why, size_t size)
{
	struct layout *l = calloc(1, sizeof(*l));
	int err = -ENOMEM;

	if (l) {
		l->skel = beat_bpf__open();
		l->ours = l->skel ? bpf_object__btf(l->skel->obj) : NULL;
		err = l->ours ? read_pin(maps_dir, &l->theirs) : -EINVAL;
	}
	if (err)
		snprintf(why, size, "their description cannot be read (%s)", strerror(-err));
	else
		err = check_needed(l, why, size);
	if (err) {
		layout_close(l);
		return err == -ENOENT ? -EPROTO : err;
	}
	*ret_layout = l;
	return 0;
}

void layout_close(struct layout *l)
{
	if (!l)
		return;
	btf__free(l->theirs);
	if (l->skel)
		beat_bpf__destroy(l->skel);
	free(l);
}
