// SPDX-License-Identifier: GPL-2.0-only
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const char *prefix; /* sd-daemon(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", "<3>"},
	[LOG_LEVEL_WARNING] = {"warning", "<4>"},
	[LOG_LEVEL_INFO] = {"info", "<6>"},
	[LOG_LEVEL_DEBUG] = {"debug", "<7>"},
};

_Static_assert(sizeof(levels) / sizeof(levels[0]) == LOG_LEVEL_MAX, "every level has a name");

static enum log_level threshold = LOG_LEVEL_INFO;

int log_set_level(const char *name)
{
	for (int i = 0; i < LOG_LEVEL_MAX; i++) {
		if (!strcmp(levels[i].name, name)) {
			threshold = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;

	if (level > threshold)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "%s%s%s\n", getenv("JOURNAL_STREAM") ? levels[level].prefix : "",
		level <= LOG_LEVEL_WARNING && !getenv("JOURNAL_STREAM") ?
			(level == LOG_LEVEL_ERROR ? "error: " : "warning: ") : "", line);
}
