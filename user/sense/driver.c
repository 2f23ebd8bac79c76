// SPDX-License-Identifier: GPL-2.0-only
#include "driver.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clean.h"
#include "base/text.h"

static int ask(const char *interface, void *request)
{
	CLEAN_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_data = request};

	text_copy(ifr.ifr_name, sizeof(ifr.ifr_name), interface);
	return fd < 0 ? -1 : ioctl(fd, SIOCETHTOOL, &ifr);
}

bool driver_is(const char *interface, const char *driver)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	return !ask(interface, &info) && !strcmp(info.driver, driver);
}

uint64_t driver_xdp_tx_errors(const char *interface)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	uint64_t sum = 0;

	if (ask(interface, &info) || !info.n_stats)
		return 0;
	CLEAN_FREE struct ethtool_gstrings *names =
		calloc(1, sizeof(*names) + (size_t)info.n_stats * ETH_GSTRING_LEN);
	CLEAN_FREE struct ethtool_stats *stats =
		calloc(1, sizeof(*stats) + info.n_stats * sizeof(stats->data[0]));

	if (!names || !stats)
		return 0;
	*names = (struct ethtool_gstrings){
		.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = info.n_stats};
	*stats = (struct ethtool_stats){.cmd = ETHTOOL_GSTATS, .n_stats = info.n_stats};
	if (ask(interface, names) || ask(interface, stats))
		return 0;
	for (uint32_t i = 0; i < info.n_stats; i++) {
		const char *name = (const char *)names->data + (size_t)i * ETH_GSTRING_LEN;

		if (memmem(name, strnlen(name, ETH_GSTRING_LEN), "xdp_tx_err", strlen("xdp_tx_err")))
			sum += stats->data[i];
	}
	return sum;
}
