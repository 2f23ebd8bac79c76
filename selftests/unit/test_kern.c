// SPDX-License-Identifier: GPL-2.0-only
/* user/sense/kern_config.c: what does not fit into the maps is refused before anything is touched. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sense/kern_private.h"

static void services_that_do_not_fit_are_refused(void **state)
{
	struct policy_service services[3] = {{.n_addresses = 2}, {.n_addresses = 1}, {.n_addresses = 2}};
	struct policy policy = {.n_services = 3, .services = services};
	struct kern kern = {.capacity = 8, .addresses = 4}; /* no maps: it must not even look */
	char why[192] = "";

	(void)state;
	assert_int_equal(kern_configure(&kern, &policy, why, sizeof(why)), -ENOSPC);
	assert_string_equal(why, "services have 5 addresses, but the maps hold 4;"
			    " configure fewer, or, if an older version made the maps,"
			    " `defib teardown --keep-routes` and start again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
