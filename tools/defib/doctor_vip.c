// SPDX-License-Identifier: GPL-2.0-only
/* What addresses on the clients' own segment need: servers that hold them silently, and are known there. */
#include <inttypes.h>
#include <string.h>

#include <ctl/client.h>

#include "doctor.h"

static bool is_needed(const json_t *status)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(status, "services"), i, one) {
		if (!strcmp(cli_text(one, "redirect"), "vip"))
			return true;
	}
	return false;
}

void doctor_check_vip(struct doctor *d, const json_t *status)
{
	const json_t *count = json_object_get(json_object_get(status, "counters"), "vip");
	int64_t answered = cli_number(count, "answered"), claims = cli_number(count, "claims");
	int64_t unknown = cli_number(count, "no_station");

	if (!is_needed(status))
		return;
	if (claims > 0) {
		doctor_say(d, DOCTOR_WARN, "vip", "others said %" PRId64 " times that a service's address was theirs",
			   claims);
		doctor_advise(d, "`defib event list` has who, as address-claimed; servers hold it on lo, with "
			      "net.ipv4.conf.all.arp_ignore=1 and arp_announce=2");
	}
	if (unknown > 0) {
		doctor_say(d, DOCTOR_WARN, "vip", "%" PRId64 " times nobody knew where the server was on the segment",
			   unknown);
		doctor_advise(d, "ip neigh show on the interface that is both client and server interface");
	}
	if (claims <= 0 && unknown <= 0)
		doctor_say(d, DOCTOR_OK, "vip", "%" PRId64 " questions for services' addresses answered", answered);
}
