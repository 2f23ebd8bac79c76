// SPDX-License-Identifier: GPL-2.0-only
#include "trace.h"

const char *const report_kind_names[] = {
	[REPORT_SERVER_STATE] = "server-state",
	[REPORT_FAILOVER] = "failover",
	[REPORT_COMMIT] = "commit",
	[REPORT_COMMIT_FAILED] = "commit-failed",
	[REPORT_SERVICE_STATE] = "service-state",
	[REPORT_NO_SWITCH] = "no-switch",
	[REPORT_RESTORED] = "restored",
	[REPORT_TAMPERED] = "tampered",
	[REPORT_UNROUTABLE] = "unroutable",
	[REPORT_SYNC_FAILED] = "sync-failed",
	[REPORT_MAINTENANCE] = "maintenance",
	[REPORT_RELOAD] = "reload",
	[REPORT_PROBER] = "prober",
	[REPORT_HOOK_FAILED] = "hook-failed",
};

_Static_assert(sizeof(report_kind_names) / sizeof(report_kind_names[0]) == REPORT_KIND_MAX,
	       "every kind of report has a name");
