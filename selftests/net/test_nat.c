// SPDX-License-Identifier: GPL-2.0-only
/* The table of translations, in real namespaces: what nft(8) lists is what counts. */
#include "world.h"

#include "act/nat.h"
#include "base/text.h"

#define RULESET "nft list ruleset"

struct fixture {
	struct policy_server servers[200];
	struct policy_pool pool;
	struct policy_service service;
	struct policy policy;
	struct nat *nat;
};

static void name_address(uint8_t to[16], const char *format, unsigned int number)
{
	char text[ADDRESS_TEXT_LEN];

	snprintf(text, sizeof(text), format, number);
	assert_int_equal(address_parse(text, to), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || world_new(state) != 0 || nat_new("main", &f->nat) != 0)
		return -1;
	for (uint32_t i = 0; i < 200; i++) {
		f->servers[i] = (struct policy_server){.id = i + 1, .has = {true, true}};
		name_address(f->servers[i].address[DFB_FAMILY_IPV4], "10.78.0.%u", i + 11);
		name_address(f->servers[i].address[DFB_FAMILY_IPV6], "fd78::%x", i + 11);
	}
	f->pool = (struct policy_pool){.id = 1, .n_servers = 2, .servers = {0, 1}};
	f->service = (struct policy_service){.redirect = DFB_REDIRECT_NAT, .n_addresses = 2};
	name_address(f->service.address[0], "10.79.0.%u", 100);
	name_address(f->service.address[1], "fd79::%u", 100);
	f->policy = (struct policy){
		.gateway = {.mark_mask = POLICY_DEFAULT_MARK_MASK, .zone_base = POLICY_DEFAULT_ZONE_BASE,
			    .max_servers = 256, .n_server_interfaces = 1, .server_interfaces = {"e0"}},
		.n_servers = 2, .servers = f->servers, .n_pools = 1, .pools = &f->pool,
		.n_services = 1, .services = &f->service,
	};
	*state = f;
	return 0;
}

static int cleanup(void **state)
{
	struct fixture *f = *state;

	nat_free(f->nat);
	free(f);
	return 0;
}

static void expect_sync(struct fixture *f, bool change)
{
	char why[NAT_WHY_LEN];
	bool changed = !change;
	int err = nat_sync(f->nat, &f->policy, &changed, why);

	if (err || changed != change)
		fail_msg("%d %s, %s", err, why, changed ? "changed" : "not changed");
}

static void it_is_made_once_and_found_in_place_after_that(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, true);
	shell("nft list table inet defib | grep -q '0x00020000 : 10.78.0.12'");
	expect_sync(f, false);
	expect_sync(f, false);
}

static void every_kind_of_rule_is_accepted(void **state)
{
	struct fixture *f = *state;

	for (int what = 0; what < 6; what++) {
		f->service.n_ports = what & 1;
		f->service.ports[0] = (struct policy_port){.protocol = what & 2 ? 6 : 17, .port = 80};
		f->service.nat = (struct policy_nat){
			.source = (enum policy_source)(what % 3),
			.hairpin = what > 2,
			.port = what == 5 ? 8080 : 0,
		};
		name_address(f->service.nat.address[0], "10.78.0.%u", 1);
		name_address(f->service.nat.address[1], "fd78::%u", 1);
		expect_sync(f, true);
		expect_sync(f, false);
	}
}

static void what_somebody_changed_is_put_back(void **state)
{
	static const char *const changes[] = {
		"delete table inet defib",
		"flush ruleset",
		"add rule inet defib translate accept",
		"insert rule inet defib refuse drop",
		"flush chain inet defib translate",
		"delete element inet defib server4 { 0x00010000 }",
		"delete element inet defib service6 { fd79::100 }",
		"add element inet defib service4 { 10.79.0.101 }",
		"add chain inet defib mine",
		"chain inet defib source { policy drop; }",
	};
	struct fixture *f = *state;
	char *before, *after;

	expect_sync(f, true);
	before = output(RULESET);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		shell("nft '%s'", changes[i]);
		expect_sync(f, true);
		after = output(RULESET);
		assert_string_equal(before, after);
		free(after);
	}
	free(before);
}

static void tables_of_others_stay(void **state)
{
	struct fixture *f = *state;
	char *before, *after, why[NAT_WHY_LEN];

	shell("nft 'add table ip defib; add table inet defib_other; add chain inet defib_other c; "
	      "add table inet nat; add chain inet nat p { type nat hook prerouting priority -100; }; "
	      "add rule inet nat p tcp dport 1 dnat ip to 192.0.2.1'");
	before = output(RULESET);
	expect_sync(f, true);
	assert_true(nat_exists("main"));
	assert_false(nat_exists("none"));
	assert_int_equal(nat_remove("main", why), 0);
	after = output(RULESET);
	assert_string_equal(before, after);
	assert_false(nat_exists("main"));
	assert_int_equal(nat_remove("main", why), 0);
	expect_sync(f, true);
	free(before);
	free(after);
}

static void without_services_there_is_none(void **state)
{
	struct fixture *f = *state;
	char *text;

	shell("nft 'add table inet defib; add chain inet defib old'"); /* an earlier daemon's */
	f->policy.n_services = 0;
	expect_sync(f, true);
	expect_sync(f, false);
	f->policy.n_services = 1;
	expect_sync(f, true);
	f->policy.n_services = 0;
	expect_sync(f, true);
	text = output(RULESET);
	assert_string_equal(text, "");
	free(text);
}

static void many_servers_are_listed_the_same_again(void **state)
{
	struct fixture *f = *state;

	f->policy.n_servers = 200;
	expect_sync(f, true);
	for (int i = 0; i < 5; i++)
		expect_sync(f, false);
	f->policy.n_servers = 199;
	expect_sync(f, true);
	expect_sync(f, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, cleanup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_made_once_and_found_in_place_after_that),
		TEST(every_kind_of_rule_is_accepted),
		TEST(what_somebody_changed_is_put_back),
		TEST(tables_of_others_stay),
		TEST(without_services_there_is_none),
		TEST(many_servers_are_listed_the_same_again),
	};

	if (!world_can())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
