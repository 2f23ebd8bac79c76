/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the kernel programs declare themselves and their maps, for compiling them as a part of an ordinary
 * program: what both stand-ins for libbpf's bpf_helpers.h share (selftests/model/shim, selftests/fuzz/shim).
 */
#ifndef SELFTESTS_BPF_DECLARE_H
#define SELFTESTS_BPF_DECLARE_H

#include <stddef.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/types.h>

#define SEC(name)
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline static __attribute__((noinline)) /* global there, for the verifier */

enum libbpf_pin_type {
	LIBBPF_PIN_NONE,
	LIBBPF_PIN_BY_NAME,
};

#endif
