/* SPDX-License-Identifier: GPL-2.0-only */
/* Ownership in the declaration: a local marked with one of these is released on every way out. */
#ifndef BASE_CLEAN_H
#define BASE_CLEAN_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void clean_free(void *p)
{
	free(*(void **)p);
}

static inline void clean_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void clean_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define CLEAN_FREE __attribute__((cleanup(clean_free)))
#define CLEAN_CLOSE __attribute__((cleanup(clean_close))) /* initialise with -1 */
#define CLEAN_FCLOSE __attribute__((cleanup(clean_fclose)))

/* Hand a pointer or a descriptor on: the local no longer owns it. */
#define TAKE_PTR(p)                    \
	({                             \
		typeof(p) taken = (p); \
		(p) = NULL;            \
		taken;                 \
	})
#define TAKE_FD(fd)               \
	({                        \
		int taken = (fd); \
		(fd) = -1;        \
		taken;            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
