/* SPDX-License-Identifier: GPL-2.0-only */
/* Expectations of a script: what must hold in the world at that time. */
#ifndef MODEL_EXPECT_H
#define MODEL_EXPECT_H

#include "words.h"

/** expect_command() - "expect ..." of script.c's list; the world fails if it does not hold. */
void expect_command(struct world *w, const struct words *l);

#endif
