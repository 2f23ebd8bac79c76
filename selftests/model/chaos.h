/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MODEL_CHAOS_H
#define MODEL_CHAOS_H

#include <stddef.h>
#include <stdint.h>

/** chaos_script() - the script of a random world; the same seed, the same script */
void chaos_script(uint64_t seed, char *text, size_t size);

#endif
