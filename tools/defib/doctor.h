/* SPDX-License-Identifier: GPL-2.0-only */
/* `defib doctor`: checks in doctor_machine.c, doctor_instance.c, doctor_nat.c; their report in doctor.c. */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <jansson.h>

#include "cli.h"

enum doctor_verdict {
	DOCTOR_OK,
	DOCTOR_WARN,
	DOCTOR_FAIL,
	DOCTOR_VERDICT_MAX,
};

/** struct doctor - @checks: array of {check, verdict, text, advice}; @count: by verdict */
struct doctor {
	struct cli *cli;
	json_t *checks;
	int count[DOCTOR_VERDICT_MAX];
};

/** doctor_say() - the result of one check. */
void doctor_say(struct doctor *d, enum doctor_verdict verdict, const char *check, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** doctor_advise() - what to do about the last result. */
void doctor_advise(struct doctor *d, const char *advice);

/** doctor_read_number() - the number that a file begins with. Return: 0 or -1. */
int doctor_read_number(const char *path, long *ret_number);

void doctor_check_machine(struct doctor *d);
void doctor_check_instance(struct doctor *d);

/** doctor_check_nat() - what translated services need; @status: with or without such. */
void doctor_check_nat(struct doctor *d, const json_t *status);

/** doctor_check_vip() - what addresses on the clients' own segment need; likewise. */
void doctor_check_vip(struct doctor *d, const json_t *status);

#endif
