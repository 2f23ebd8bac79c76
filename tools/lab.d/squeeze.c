// SPDX-License-Identifier: GPL-2.0-only
/*
 * squeeze FILE SIZE - touch page after page of a file of SIZE MiB, and again from its beginning
 *
 * Meant for a memory cgroup with a limit below SIZE: then each page that is read makes the kernel
 * reclaim another, of whoever is in the group. The file has holes only: no disk is read. Pages that
 * have no file come and go, too, within an eighth of SIZE, as they cannot be reclaimed without swap.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clean.h"

#define MIB (1ul << 20)
#define PAGE 4096ul

static unsigned long touch(const volatile char *at, size_t size)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < size; i += PAGE)
		sum += (unsigned char)at[i];
	return sum;
}

static int fill(size_t size)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < size; i += PAGE)
		at[i] = 1;
	return munmap(at, size);
}

int main(int argc, char **argv)
{
	size_t size = argc == 3 ? strtoul(argv[2], NULL, 10) * MIB : 0;
	CLEAN_CLOSE int fd = -1;
	const char *at;

	if (!size) {
		fprintf(stderr, "usage: squeeze FILE MIB\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size)) {
		fprintf(stderr, "squeeze: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	while (at != MAP_FAILED && !fill(size / 8))
		touch(at, size);
	fprintf(stderr, "squeeze: %s\n", strerror(errno));
	return 1;
}
