/* SPDX-License-Identifier: GPL-2.0-only */
/* A check of the policy, as an order to defib-check. */
#ifndef SENSE_CHECK_ORDER_H
#define SENSE_CHECK_ORDER_H

#include <defib/check.h>

#include "core/policy.h"

/**
 * struct check_subject - which check of which service, on which server, in which family
 * @service, @check, @server: indices into the policy
 */
struct check_subject {
	uint32_t service;
	uint32_t check;
	uint32_t server;
	uint32_t family;
};

/** check_count() - how many checks there are to run. */
uint32_t check_count(const struct policy *policy);

/** check_subjects() - all of them. @ret_subjects: room for check_count() */
void check_subjects(const struct policy *policy, struct check_subject *ret_subjects);

/**
 * check_order_new() - without slot and serial, which are zero
 * @instance: DEFIB_INSTANCE of a script
 * Return: the caller's to free; NULL without memory.
 */
struct check_order *check_order_new(const struct policy *policy, const struct check_subject *subject,
				    const char *instance);

/** check_order_size() - with its texts. */
size_t check_order_size(const struct check_order *order);

/** check_order_compare() - 0: the same is asked of the same; otherwise some order of them, as of memcmp(3) */
int check_order_compare(const struct check_order *a, const struct check_order *b);

#define CHECK_SUBJECT_LEN 96

/** check_order_subject() - "http 192.0.2.11:80", "script /usr/bin/x 192.0.2.11". Return: @text. */
char *check_order_subject(const struct check_order *order, char text[CHECK_SUBJECT_LEN]);

#endif
