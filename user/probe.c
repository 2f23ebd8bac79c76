// SPDX-License-Identifier: GPL-2.0-only
/*
 * defib-probe: composition root of the prober. One per instance: the one that holds the lock. Real
 * time, locked in memory, without privileges once its sockets are open.
 */
#include <cap-ng.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "sense/beat.h"

#define PROBE_PRIORITY 50

static void become_timely(void)
{
	struct sched_param param = {.sched_priority = PROBE_PRIORITY};

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		log_warning("prober: no real-time priority (%s): under load probes will be late and detection slow",
			    strerror(errno));
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		log_warning("prober: cannot lock memory: %s", strerror(errno));
	prctl(PR_SET_TIMERSLACK, 1);
}

static int drop_privileges(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	return capng_apply(CAPNG_SELECT_BOTH) ? -EPERM : 0;
}

int main(int argc, char **argv)
{
	struct beat *beat = NULL;
	struct paths paths;
	char why[256];
	int lock, err;

	if (argc != 3 || strcmp(argv[1], "--instance") || paths_init(&paths, argv[2])) {
		fprintf(stderr, "usage: defib-probe --instance NAME\ndefibd starts it; there is no need to.\n");
		return 2;
	}
	lock = lock_take(paths.probe_lock); /* for as long as we live; the controller finds us by it */
	if (lock == -EALREADY)
		return 0;
	if (lock < 0) {
		log_error("prober: cannot lock %s: %s", paths.probe_lock, strerror(-lock));
		return 1;
	}
	if (beat_open(&paths, &beat, why, sizeof(why))) {
		log_error("prober: %s", why);
		return 1;
	}
	become_timely();
	err = drop_privileges();
	if (err)
		log_error("prober: cannot drop capabilities");
	else if ((err = beat_run(beat)))
		log_error("prober: %s", strerror(-err));
	beat_close(beat);
	close(lock);
	return err ? 1 : 0;
}
