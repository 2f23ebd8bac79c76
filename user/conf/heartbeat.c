// SPDX-License-Identifier: GPL-2.0-only
/*
 * How servers are probed: the defaults, and what a server says otherwise. A server starts from the
 * defaults as they were read, so that it may override single keys.
 *
 * The detector has a window of DFB_WINDOW probes; no timeout may outlast half of it, nor what a row of
 * misses and the confirm probes leave of it, or the first missed probe is forgotten before the last. A fixed
 * timeout that does is an error. The ceiling of the automatic one is an error where the same
 * section wrote it, and is lowered where it is the default or inherited: who shortens the interval
 * of one server does not want to hear of a number that he never wrote.
 */
#include <stdio.h>
#include <string.h>

#include "draft.h"

#define US 1000ull
#define MS (1000 * US)
#define SECOND (1000 * MS)
#define HOUR (3600 * SECOND)

#define TIMEOUT_INTERVALS (DFB_WINDOW / 2)
#define USERLAND_MIN_NS (200 * MS) /* an agent runs every 100 ms, or less often */
#define USERLAND_MAX_NS (60 * SECOND) /* a reply can tell of 68 s at most */
#define RISKY_NS (2 * MS)
#define RISKY_MISSES 2

#define FIELD(name) offsetof(struct policy_heartbeat, name)

const char *const draft_probe_names[] = {"echo", "icmp", NULL};

_Static_assert(ARRAY_SIZE(draft_probe_names) == DFB_PROBE_KIND_MAX + 1, "every kind of probe has a name");

static const struct reader_key timeout_keys[] = {
	{"min", "300us", reader_duration, FIELD(timeout_min_ns), 1 * US, 3600 * SECOND, NULL, false},
	{"max", "50ms", reader_duration, FIELD(timeout_max_ns), 1 * US, 3600 * SECOND, NULL, false},
};
READER_TABLE(timeout_table, "timeout", timeout_keys);

static const struct reader_key confirm_keys[] = {
	{"probes", "2", reader_number, FIELD(confirm_probes), 0, 8, NULL, false},
	{"spacing", "1ms", reader_duration, FIELD(confirm_spacing_ns), 100 * US, 60 * SECOND, NULL, false},
};
READER_TABLE(confirm_table, "confirm", confirm_keys);

static const struct reader_key recover_keys[] = {
	{"replies", "10", reader_number, FIELD(recover_replies), 1, 1000, NULL, false},
	{"hold", "1s", reader_duration, FIELD(recover_hold_ns), 0, HOUR, NULL, false},
};
READER_TABLE(recover_table, "recover", recover_keys);

static const struct reader_key damping_keys[] = {
	{"half-life", "15s", reader_duration, FIELD(half_life_ns), SECOND, HOUR, NULL, false},
	{"suppress", "2000", reader_number, FIELD(suppress), 1, 1000000, NULL, false},
	{"reuse", "750", reader_number, FIELD(reuse), 1, 1000000, NULL, false},
};
READER_TABLE(damping_table, "damping", damping_keys);

void draft_heartbeat_defaults(struct policy_heartbeat *heartbeat)
{
	*heartbeat = (struct policy_heartbeat){
		.probe = DFB_PROBE_ECHO,
		.port = 7,
		.interval_ns = 10 * MS,
		.timeout_min_ns = 300 * US,
		.timeout_max_ns = 50 * MS,
		.misses = 3,
		.confirm_probes = 2,
		.confirm_spacing_ns = 1 * MS,
		.recover_replies = 10,
		.recover_hold_ns = SECOND,
		.half_life_ns = 15 * SECOND,
		.suppress = 2000,
		.reuse = 750,
		.userland_ns = SECOND,
	};
}

static bool is_word(const yaml_node_t *node, const char *word)
{
	return node->type == YAML_SCALAR_NODE && !strcmp((char *)node->data.scalar.value, word);
}

static void read_timeout(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	struct policy_heartbeat *hb = field;

	if (node->type == YAML_SCALAR_NODE && !is_word(node, "auto")) {
		reader_duration(r, key, node, &hb->timeout_ns);
		return;
	}
	hb->timeout_ns = 0;
	if (node->type != YAML_SCALAR_NODE)
		reader_mapping(r, &timeout_table, node, hb);
}

static void read_confirm(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	(void)key;
	reader_mapping(r, &confirm_table, node, field);
}

static void read_recover(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	(void)key;
	reader_mapping(r, &recover_table, node, field);
}

static void read_damping(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	struct policy_heartbeat *hb = field;
	struct policy_heartbeat defaults;

	if (is_word(node, "off")) {
		hb->half_life_ns = 0;
		return;
	}
	if (node->type != YAML_MAPPING_NODE) {
		reader_error(r, node, "'%s' must be off or a mapping, write for example %s", key->name, key->example);
		return;
	}
	draft_heartbeat_defaults(&defaults);
	if (!hb->half_life_ns) /* the defaults of all servers say off, this one wants it */
		hb->half_life_ns = defaults.half_life_ns;
	reader_mapping(r, &damping_table, node, hb);
}

static void read_userland(struct reader *r, const struct reader_key *key, const yaml_node_t *node,
			  void *field)
{
	struct policy_heartbeat *hb = field;

	if (is_word(node, "off"))
		hb->userland_ns = 0;
	else
		reader_duration(r, key, node, &hb->userland_ns);
}

static const struct reader_key heartbeat_keys[] = {
	{"interval", "10ms", reader_duration, FIELD(interval_ns), 100 * US, 60 * SECOND, NULL, false},
	{"idle-interval", "1s", reader_duration, FIELD(idle_interval_ns), 100 * US, 60 * SECOND, NULL, false},
	{"probe", "echo", reader_word, FIELD(probe), 0, 0, draft_probe_names, false},
	{"port", "7", reader_port, FIELD(port), 1, 65535, NULL, false},
	{"timeout", "auto, 3ms or {min: 300us, max: 50ms}", read_timeout, 0, 1 * US, 3600 * SECOND, NULL, false},
	{"misses", "3", reader_number, FIELD(misses), 1, TIMEOUT_INTERVALS, NULL, false},
	{"confirm", "{probes: 2, spacing: 1ms}", read_confirm, 0, 0, 0, NULL, false},
	{"recover", "{replies: 10, hold: 1s}", read_recover, 0, 0, 0, NULL, false},
	{"damping", "{half-life: 15s, suppress: 2000, reuse: 750}", read_damping, 0, 0, 0, NULL, false},
	{"userland", "1s, or off", read_userland, 0, USERLAND_MIN_NS, USERLAND_MAX_NS, NULL, false},
};
READER_TABLE(heartbeat_table, "heartbeat", heartbeat_keys);

/* --- keys that must fit each other ------------------------------------------------------------ */

/* Where to complain about a key: there, or where an inherited value became wrong. */
static const yaml_node_t *place(struct reader *r, const yaml_node_t *node, const char *first,
				const char *second)
{
	const yaml_node_t *at = reader_find(r, node, first);

	if (!at)
		at = reader_find(r, node, second);
	return at ? at : node;
}

/* In intervals; the greatest numbers of misses and confirm probes leave some. */
static uint32_t longest_timeout(const struct policy_heartbeat *hb)
{
	uint32_t left = DFB_WINDOW - hb->misses - hb->confirm_probes;

	return left < TIMEOUT_INTERVALS ? left : TIMEOUT_INTERVALS;
}

static void complain_long(struct reader *r, const yaml_node_t *at, const struct policy_heartbeat *hb,
			  const char *what, uint64_t timeout_ns)
{
	uint32_t limit = longest_timeout(hb);
	char why[96] = "";

	if (limit < TIMEOUT_INTERVALS)
		snprintf(why, sizeof(why), ", which %u misses and %u confirm probes leave of %d", hb->misses,
			 hb->confirm_probes, DFB_WINDOW);
	reader_error(r, at, "%s %s is longer than %u intervals (%s)%s, lower it or raise 'interval'", what,
		     reader_duration_text(timeout_ns).text, limit,
		     reader_duration_text(limit * hb->interval_ns).text, why);
}

static void check_timeout(struct reader *r, const yaml_node_t *node, const struct policy_heartbeat *hb)
{
	const yaml_node_t *at = place(r, node, "timeout", "interval");
	const yaml_node_t *max_at = reader_find(r, reader_find(r, node, "timeout"), "max");
	uint64_t limit = longest_timeout(hb) * hb->interval_ns;
	uint64_t max = hb->timeout_max_ns < limit ? hb->timeout_max_ns : limit;

	if (hb->timeout_ns > limit)
		complain_long(r, at, hb, "timeout", hb->timeout_ns);
	if (max_at && hb->timeout_max_ns > limit)
		complain_long(r, max_at, hb, "timeout max", hb->timeout_max_ns);
	else if (!hb->timeout_ns && hb->timeout_min_ns > max)
		reader_error(r, at, "timeout min %s is above its max %s, lower min or raise %s",
			     reader_duration_text(hb->timeout_min_ns).text, reader_duration_text(max).text,
			     max < limit ? "max" : "'interval'");
}

void draft_heartbeat_fit(struct policy_heartbeat *hb)
{
	uint64_t limit = longest_timeout(hb) * hb->interval_ns;

	if (hb->timeout_max_ns > limit)
		hb->timeout_max_ns = limit;
	if (hb->timeout_min_ns > hb->timeout_max_ns)
		hb->timeout_min_ns = hb->timeout_max_ns;
}

static void check_damping(struct reader *r, const yaml_node_t *node, const struct policy_heartbeat *hb)
{
	const yaml_node_t *at = reader_find(r, node, "damping");

	if (!at || !hb->half_life_ns || hb->reuse < hb->suppress)
		return;
	reader_error(r, at, "damping reuse %u must be below suppress %u, lower reuse or raise suppress",
		     hb->reuse, hb->suppress);
}

/* Allowed, for who knows his network: a burst of lost packets lasts as long. */
static void check_risk(struct reader *r, const yaml_node_t *node, const struct policy_heartbeat *hb)
{
	if (hb->misses > RISKY_MISSES || hb->misses * hb->interval_ns >= RISKY_NS)
		return;
	if (!reader_find(r, node, "misses") && !reader_find(r, node, "interval"))
		return;
	reader_warn(r, place(r, node, "misses", "interval"),
		    "%u missed probe%s every %s: %s of packet loss looks like a dead server; 3 misses are safer",
		    hb->misses, hb->misses == 1 ? "" : "s", reader_duration_text(hb->interval_ns).text,
		    reader_duration_text(hb->misses * hb->interval_ns).text);
}

/* What is asked seldom must be asked often as soon as there is a doubt. */
static void check_idle(struct reader *r, const yaml_node_t *node, const struct policy_heartbeat *hb)
{
	const yaml_node_t *at = place(r, node, "idle-interval", "interval");

	if (!hb->idle_interval_ns)
		return;
	if (hb->idle_interval_ns < hb->interval_ns)
		reader_error(r, at, "idle-interval %s is shorter than interval %s, raise it or leave it out",
			     reader_duration_text(hb->idle_interval_ns).text,
			     reader_duration_text(hb->interval_ns).text);
	if (!hb->confirm_probes)
		reader_error(r, at, "idle-interval needs confirm probes, give 'confirm' some or leave it out");
}

static const yaml_node_t *find_pace(struct reader *r, const yaml_node_t *node)
{
	const yaml_node_t *at = reader_find(r, node, "misses");

	return at ? at : reader_find(r, node, "interval");
}

static void check(struct reader *r, const yaml_node_t *node, const struct policy_heartbeat *hb)
{
	check_timeout(r, node, hb);
	check_damping(r, node, hb);
	check_risk(r, node, hb);
	check_idle(r, node, hb);
}

void draft_heartbeat(struct draft *d, const yaml_node_t *node)
{
	size_t errors = d->r.errors;

	reader_mapping(&d->r, &heartbeat_table, node, &d->heartbeat);
	if (d->r.errors == errors)
		check(&d->r, node, &d->heartbeat);
	d->pace_at = find_pace(&d->r, node);
	d->heartbeat_ok = d->r.errors == errors;
}

const yaml_node_t *draft_pace(struct draft_server *server)
{
	struct draft *d = server->draft;
	const yaml_node_t *own = server->heartbeat_at ? find_pace(&d->r, server->heartbeat_at) : NULL;

	if (own)
		return own;
	return d->pace_at ? d->pace_at : server->at;
}

void draft_server_heartbeat(struct draft_server *server)
{
	struct draft *d = server->draft;
	const yaml_node_t *at = server->heartbeat_at;
	size_t errors = d->r.errors;
	/* one complaint about a wrong default is enough */
	bool own = d->heartbeat_ok ||
		   (reader_find(&d->r, at, "interval") && reader_find(&d->r, at, "timeout"));

	reader_mapping(&d->r, &heartbeat_table, at, &server->out.heartbeat);
	if (d->r.errors == errors && own)
		check(&d->r, at, &server->out.heartbeat);
}
