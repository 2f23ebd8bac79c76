/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What libFuzzer calls (llvm.org/docs/LibFuzzer.html). A target takes any bytes; what must hold of them it
 * asserts, what must not happen the sanitizers find.
 */
#ifndef SELFTESTS_FUZZ_H
#define SELFTESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** LLVMFuzzerTestOneInput() - one input. Return: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** LLVMFuzzerInitialize() - before the first one. Return: 0. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

#endif
