/* SPDX-License-Identifier: GPL-2.0-only */
/* What a network driver tells about itself (ethtool(8), SIOCETHTOOL). */
#ifndef SENSE_DRIVER_H
#define SENSE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

/** driver_is() - is the interface's driver of this name? */
bool driver_is(const char *interface, const char *driver);

/** driver_xdp_tx_errors() - sum of its counters of packets that XDP_TX could not send; 0 if it has none */
uint64_t driver_xdp_tx_errors(const char *interface);

#endif
