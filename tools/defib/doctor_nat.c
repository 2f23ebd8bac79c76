// SPDX-License-Identifier: GPL-2.0-only
/* What services that are translated need besides: connection tracking, and our table. */
#include <string.h>

#include <act/nat.h>
#include <ctl/client.h>

#include "doctor.h"

#define NETFILTER "/proc/sys/net/netfilter/"
#define FULL_PERCENT 80

static bool is_needed(const json_t *status)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(status, "services"), i, one) {
		if (!strcmp(cli_text(one, "redirect"), "nat"))
			return true;
	}
	return false;
}

static void check_room(struct doctor *d)
{
	long count, most;

	if (doctor_read_number(NETFILTER "nf_conntrack_count", &count) ||
	    doctor_read_number(NETFILTER "nf_conntrack_max", &most)) {
		doctor_say(d, DOCTOR_FAIL, "conntrack", "this kernel tracks no connections: nothing is translated");
		doctor_advise(d, "modprobe nf_conntrack nft_ct nft_nat nft_reject_inet, then restart defibd");
		return;
	}
	if (count * 100 < most * FULL_PERCENT) {
		doctor_say(d, DOCTOR_OK, "conntrack", "%ld of %ld entries", count, most);
		return;
	}
	doctor_say(d, DOCTOR_WARN, "conntrack", "%ld of %ld entries: when it is full, new connections are dropped",
		   count, most);
	doctor_advise(d, "sysctl -w net.netfilter.nf_conntrack_max=NUMBER (in the first network namespace)");
}

static void check_loose(struct doctor *d)
{
	long loose;

	if (doctor_read_number(NETFILTER "nf_conntrack_tcp_loose", &loose) || loose)
		return;
	doctor_say(d, DOCTOR_WARN, "tcp loose", "is off: after a failover TCP clients hang, as no reset reaches them");
	doctor_advise(d, "sysctl -w net.netfilter.nf_conntrack_tcp_loose=1");
}

static void check_table(struct doctor *d)
{
	char table[NAT_TABLE_LEN];

	nat_table(d->cli->instance, table);
	if (nat_exists(d->cli->instance)) {
		doctor_say(d, DOCTOR_OK, "nftables", "table inet %s is in place", table);
		return;
	}
	doctor_say(d, DOCTOR_FAIL, "nftables", "there is no table inet %s here: nothing is translated", table);
	doctor_advise(d, "defibd puts it back within a moment; see its log, or start it");
}

void doctor_check_nat(struct doctor *d, const json_t *status)
{
	if (!is_needed(status))
		return;
	check_room(d);
	check_loose(d);
	check_table(d);
}
