// SPDX-License-Identifier: GPL-2.0-only
#include "program.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

int program_find(const char *name, char path[PROGRAM_PATH])
{
	char self[PROGRAM_PATH / 2] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -errno;
	dirname(self);
	snprintf(path, PROGRAM_PATH, "%s/%.64s", self, name);
	if (!access(path, X_OK))
		return 0;
	snprintf(path, PROGRAM_PATH, "%s/../libexec/defib/%.64s", self, name);
	return access(path, X_OK) ? -errno : 0;
}
