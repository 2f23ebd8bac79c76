/* SPDX-License-Identifier: GPL-2.0-only */
/* Keys for signed messages to name servers, RFC 8945. */
#ifndef CONF_TSIG_H
#define CONF_TSIG_H

#include <stddef.h>

#include "core/policy.h"

/**
 * tsig_parse() - a key as tsig-keygen(8) and ddns-confgen(8) of BIND write it
 * @text: one statement: key "NAME" { algorithm hmac-sha256; secret "BASE64"; };
 * @why: out: what is wrong, in case of an error
 * Return: 0 or -EINVAL.
 *
 * It must be whole: who is given half a key must not go on without one.
 */
int tsig_parse(const char *text, struct policy_tsig *ret_key, char *why, size_t size);

#endif
