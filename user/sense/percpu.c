// SPDX-License-Identifier: GPL-2.0-only
#include "percpu.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"

/* For all processors that there may be; the caller frees it. */
static uint64_t *make_values(size_t n, int *ret_cpus)
{
	*ret_cpus = libbpf_num_possible_cpus();
	return *ret_cpus > 0 ? calloc((size_t)*ret_cpus * n, sizeof(uint64_t)) : NULL;
}

int percpu_sum(int map, uint64_t *ret_sum, size_t n)
{
	int cpus;
	CLEAN_FREE uint64_t *values = make_values(n, &cpus);

	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(map, &(uint32_t){0}, values))
		return -errno;
	memset(ret_sum, 0, n * sizeof(*ret_sum));
	for (size_t i = 0; i < (size_t)cpus * n; i++)
		ret_sum[i % n] += values[i];
	return 0;
}

int percpu_clear(int map, size_t n)
{
	int cpus;
	CLEAN_FREE uint64_t *values = make_values(n, &cpus);

	if (!values)
		return -ENOMEM;
	return bpf_map_update_elem(map, &(uint32_t){0}, values, BPF_ANY) ? -errno : 0;
}
