/* SPDX-License-Identifier: GPL-2.0-only */
/* What a service's last failover cost its clients, as far as the daemon knows. */
#ifndef CTL_COST_H
#define CTL_COST_H

#include <jansson.h>

#include "status.h"

/** cost_add() - to the service's document, which has a "last_failover". Pool ids must be assigned. */
void cost_add(const struct snapshot *s, const struct status_extra *extra,
	      const struct policy_service *service, json_t *doc);

#endif
