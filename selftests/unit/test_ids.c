// SPDX-License-Identifier: GPL-2.0-only
/* user/core/ids.h: what had an id keeps it, whatever else changes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/text.h"
#include "core/ids.h"

#define ROOM 8

/* The names in force, and a policy to be given ids. */
struct fixture {
	char server_names[ROOM][DFB_NAME_LEN];
	char pool_names[ROOM][DFB_NAME_LEN];
	struct ids_taken servers, pools;
	struct policy_server policy_servers[ROOM];
	struct policy_pool policy_pools[ROOM];
	struct policy policy;
};

static void prepare(struct fixture *f, uint32_t n_ids)
{
	memset(f, 0, sizeof(*f));
	f->servers = (struct ids_taken){.n = n_ids, .name = f->server_names};
	f->pools = (struct ids_taken){.n = n_ids, .name = f->pool_names};
	f->policy.servers = f->policy_servers;
	f->policy.pools = f->policy_pools;
}

static void want_servers(struct fixture *f, const char *const *names, uint32_t n)
{
	f->policy.n_servers = n;
	for (uint32_t i = 0; i < n; i++)
		text_copy(f->policy_servers[i].name, DFB_NAME_LEN, names[i]);
}

static int assign(struct fixture *f)
{
	return ids_assign(&f->policy, &f->servers, &f->pools);
}

static void new_names_get_the_first_ids(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f, ROOM);
	want_servers(&f, (const char *const[]){"s1", "s2", "s3"}, 3);
	assert_int_equal(assign(&f), 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(f.policy_servers[i].id, i + 1);
		assert_string_equal(f.server_names[i + 1], f.policy_servers[i].name);
	}
	assert_string_equal(f.server_names[0], ""); /* 0 means none */
}

static void another_order_changes_nothing(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f, ROOM);
	want_servers(&f, (const char *const[]){"s1", "s2", "s3"}, 3);
	assert_int_equal(assign(&f), 0);
	want_servers(&f, (const char *const[]){"s3", "s1", "s2"}, 3);
	assert_int_equal(assign(&f), 0);
	assert_int_equal(f.policy_servers[0].id, 3);
	assert_int_equal(f.policy_servers[1].id, 1);
	assert_int_equal(f.policy_servers[2].id, 2);
}

static void a_new_name_takes_no_id_that_is_in_use(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f, ROOM);
	want_servers(&f, (const char *const[]){"s1", "s2", "s3"}, 3);
	assert_int_equal(assign(&f), 0);
	want_servers(&f, (const char *const[]){"new", "s3"}, 2); /* s1, s2 are still in the maps */
	assert_int_equal(assign(&f), 0);
	assert_int_equal(f.policy_servers[0].id, 4);
	assert_int_equal(f.policy_servers[1].id, 3);
	memset(f.server_names[2], 0, DFB_NAME_LEN); /* and when s2 is gone, its id is free */
	want_servers(&f, (const char *const[]){"newer"}, 1);
	assert_int_equal(assign(&f), 0);
	assert_int_equal(f.policy_servers[0].id, 2);
}

static void servers_and_pools_are_counted_apart(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f, ROOM);
	want_servers(&f, (const char *const[]){"app", "web"}, 2);
	f.policy.n_pools = 1;
	text_copy(f.policy_pools[0].name, DFB_NAME_LEN, "web");
	assert_int_equal(assign(&f), 0);
	assert_int_equal(f.policy_servers[1].id, 2);
	assert_int_equal(f.policy_pools[0].id, 1);
}

static void names_of_full_length_are_told_apart(void **state)
{
	char one[DFB_NAME_LEN], two[DFB_NAME_LEN];
	struct fixture f;

	(void)state;
	memset(one, 'x', sizeof(one) - 1);
	one[sizeof(one) - 1] = '\0';
	memcpy(two, one, sizeof(two));
	two[sizeof(two) - 2] = 'y';
	prepare(&f, ROOM);
	want_servers(&f, (const char *const[]){one, two}, 2);
	assert_int_equal(assign(&f), 0);
	assert_int_equal(assign(&f), 0);
	assert_int_equal(f.policy_servers[0].id, 1);
	assert_int_equal(f.policy_servers[1].id, 2);
}

static void too_many_names_are_refused(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	struct fixture f;

	(void)state;
	prepare(&f, 4); /* ids 1 to 3 */
	want_servers(&f, names, 3);
	assert_int_equal(assign(&f), 0);
	want_servers(&f, names, 4);
	assert_int_equal(assign(&f), -ENOSPC);
	prepare(&f, 4);
	f.policy.n_pools = 4;
	for (uint32_t i = 0; i < 4; i++)
		text_copy(f.policy_pools[i].name, DFB_NAME_LEN, names[i]);
	assert_int_equal(assign(&f), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_names_get_the_first_ids),
		cmocka_unit_test(another_order_changes_nothing),
		cmocka_unit_test(a_new_name_takes_no_id_that_is_in_use),
		cmocka_unit_test(servers_and_pools_are_counted_apart),
		cmocka_unit_test(names_of_full_length_are_told_apart),
		cmocka_unit_test(too_many_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
