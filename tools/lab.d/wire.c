// SPDX-License-Identifier: GPL-2.0-only
/* wire - cut and mend the cables of the lab, and say when to the microsecond; see wire/cable.c */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/loop.h"
#include "cable.h"

static int run(struct cables *cables, const char *verb, char **ports)
{
	uint64_t begin = clock_now_ns(), end;
	int error = 0;

	for (; *ports && !error; ports++)
		error = cable_change(cables, verb, *ports);
	end = clock_now_ns();
	if (error) {
		fprintf(stderr, "wire: %s: %s\n", ports[-1], strerror(-error));
		return error;
	}
	printf("{\"mono_ns\":%" PRIu64 ",\"took_ns\":%" PRIu64 "}\n", begin, end - begin);
	return 0;
}

int main(int argc, char **argv)
{
	struct cables *cables = NULL;
	int error;

	if (argc < 4 || !cable_knows(argv[1])) {
		fprintf(stderr, "usage: wire cut|mend|unplug|plug NAMESPACE PORT...\n");
		return 2;
	}
	error = cable_open(argv[2], &cables);
	if (error) {
		fprintf(stderr, "wire: %s: %s\n", argv[2], strerror(-error));
		return 1;
	}
	error = run(cables, argv[1], argv + 3);
	cable_close(cables);
	return error ? 1 : 0;
}
