// SPDX-License-Identifier: GPL-2.0-only
#include "loss.h"

void loss_add(struct timing_loss *loss, const struct dfb_detect *d)
{
	static const struct dfb_target none;
	struct timing_loss one;

	timing_counted(&none, d, 0, &one);
	loss->probes += one.probes;
	loss->rows += one.rows;
	loss->again += one.again;
}

json_t *loss_json(const struct timing_loss *loss)
{
	return json_pack("{s:o, s:o}",
		"loss_ratio", loss->probes ? json_real(timing_lost(loss)) : json_null(),
		"loss_again_ratio", loss->rows ? json_real(timing_lost_again(loss)) : json_null());
}
