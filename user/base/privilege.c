// SPDX-License-Identifier: GPL-2.0-only
#include "privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

int privilege_drop(void)
{
	capng_get_caps_process();
	capng_clear(CAPNG_SELECT_ALL);
	if (!capng_apply(CAPNG_SELECT_ALL))
		return 0;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}
