// SPDX-License-Identifier: GPL-2.0-only
/* The accounts of streams: on, unless somebody says off. */
#include <string.h>

#include "draft.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define HOUR (3600 * SECOND)

#define FIELD(name) offsetof(struct policy_loss, name)

void draft_loss_defaults(struct policy_loss *loss)
{
	*loss = (struct policy_loss){.expire_ns = 300 * SECOND};
}

static void read_blackout(struct reader *r, const struct reader_key *key, const yaml_node_t *node,
			  void *field)
{
	struct policy_loss *loss = field;
	const char *text = reader_scalar(node);

	if (text && !strcmp(text, "auto"))
		loss->blackout_ns = 0;
	else
		reader_duration(r, key, node, &loss->blackout_ns);
}

static const struct reader_key loss_keys[] = {
	{"blackout", "auto or 20ms", read_blackout, 0, MS, HOUR, NULL, false},
	{"expire", "5m", reader_duration, FIELD(expire_ns), SECOND, 24 * HOUR, NULL, false},
};
READER_TABLE(loss_table, "loss", loss_keys);

void draft_loss(struct draft *d, const yaml_node_t *node)
{
	const char *text = node->type == YAML_SCALAR_NODE ? reader_scalar(node) : NULL;

	if (text && !strcmp(text, "off"))
		d->loss.off = true;
	else if (node->type != YAML_MAPPING_NODE)
		reader_error(
			&d->r, node,
			"'loss' must be off or a mapping, write for example {blackout: auto, expire: 5m}");
	else
		reader_mapping(&d->r, &loss_table, node, &d->loss);
}
