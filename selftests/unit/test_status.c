// SPDX-License-Identifier: GPL-2.0-only
/* The status document from worlds made by hand, and from real maps; what `explain` makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <base/loop.h>
#include <base/text.h>
#include <ctl/explain.h>
#include <ctl/status.h>
#include <pins.h>
#include <sense/snapshot.h>

#define MS 1000000ull
#define SECOND 1000000000ull
#define MANY 5000

/* --- a world: three servers, one pool, one service ------------------------------------------- */

static void set_target(struct snapshot *s, uint32_t server, uint32_t family, const char *address,
		       enum dfb_target_state state)
{
	uint32_t id = dfb_target_id(server, family);
	struct dfb_target *cfg = &s->targets[id];
	struct dfb_detect *d = &s->state[id].detect;

	*cfg = (struct dfb_target){.server = server, .port = 7, .interval_ns = 10 * MS, .misses = 3,
				   .timeout_ns = 3 * MS, .generation = 1};
	assert_int_equal(address_parse(address, cfg->address), 0);
	d->state = state;
	d->generation = 1;
	d->since_ns = s->now_ns - 3200 * MS;
	d->sent = 1000;
	d->answered = 990;
	d->expired = 10;
	d->last_good_ns = s->now_ns - 5 * MS;
}

static void set_server(struct snapshot *s, uint32_t id, const char *name)
{
	text_copy(s->servers[id].name, DFB_NAME_LEN, name);
	s->servers[id].n_pools = 1;
	s->servers[id].pools[0] = 1;
}

static void set_pool(struct snapshot *s, uint32_t active)
{
	struct dfb_plan *plan = &s->plans[1];
	struct dfb_pool *pool = &s->pools[1];

	*plan = (struct dfb_plan){.name = "app", .families = 1, .fast = 1, .n_candidates = 3,
				  .candidates = {1, 2, 3}};
	for (int i = 0; i < DFB_SLOTS; i++)
		pool->slots[i] = active;
	pool->epoch = pool->committed = 4;
}

static void set_service(struct snapshot *s, const char *const *addresses, uint32_t n)
{
	s->n_services = n;
	s->services = calloc(n, sizeof(*s->services));
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(address_parse(addresses[i], s->services[i].key.address), 0);
		s->services[i].service = (struct dfb_service){.pool = 1, .name = "web"};
	}
}

static struct snapshot *world(void)
{
	struct snapshot *s = snapshot_new(4, 2);

	assert_non_null(s);
	s->now_ns = clock_now_ns() + 1000 * SECOND;
	for (uint32_t id = 1; id <= 3; id++) {
		char name[8], address[16];

		snprintf(name, sizeof(name), "s%u", id);
		snprintf(address, sizeof(address), "10.78.0.1%u", id);
		set_server(s, id, name);
		set_target(s, id, DFB_FAMILY_IPV4, address, DFB_STATE_UP);
	}
	set_pool(s, 1);
	set_service(s, (const char *const[]){"10.79.0.100"}, 1);
	s->prober = (struct dfb_prober){.pid = 42, .started_ns = 1, .late = 2};
	s->prober.alive_ns = s->now_ns - 3 * MS;
	return s;
}

static void set_state(struct snapshot *s, uint32_t server, enum dfb_target_state state)
{
	s->state[dfb_target_id(server, DFB_FAMILY_IPV4)].detect.state = state;
}

/* Pool 1 moved from s1 to s2 because of expired probes, with s3 as the witness. */
static void set_failover(struct snapshot *s)
{
	uint64_t at = s->now_ns - SECOND;
	struct dfb_pool *pool = &s->pools[1];

	set_pool(s, 2);
	set_state(s, 1, DFB_STATE_DOWN);
	s->state[dfb_target_id(1, 0)].detect.reason = DFB_REASON_EXPIRED;
	pool->committed_ns = at + 210000;
	pool->last = (struct dfb_switch){.from = 1, .to = 2, .reason = DFB_REASON_EXPIRED, .misses = 3,
					 .witness = 3, .lateness_ns = 60000, .last_good_ns = at - 2341000,
					 .first_missed_ns = at - 1900000, .witness_ns = at - 900000,
					 .verdict_ns = at - 31000, .switched_ns = at};
}

/* --- reading the document -------------------------------------------------------------------- */

static json_t *first(const json_t *doc, const char *list)
{
	json_t *one = json_array_get(json_object_get(doc, list), 0);

	assert_non_null(one);
	return one;
}

static const char *text(const json_t *doc, const char *key)
{
	json_t *value = json_object_get(doc, key);

	if (!value)
		fail_msg("no %s", key);
	return json_is_null(value) ? "null" : json_string_value(value);
}

static long long number(const json_t *doc, const char *key)
{
	assert_true(json_is_integer(json_object_get(doc, key)));
	return json_integer_value(json_object_get(doc, key));
}

static json_t *take(struct snapshot *s, const struct status_extra *extra)
{
	json_t *doc = status_json(s, extra);

	assert_non_null(doc);
	snapshot_free(s);
	return doc;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void servers_have_what_the_contract_says(void **state)
{
	struct snapshot *s = world();
	json_t *doc, *server, *address;

	(void)state;
	s->rtt[dfb_target_id(1, 0)].count[dfb_rtt_bucket(41000)] = 99;
	s->rtt[dfb_target_id(1, 0)].count[dfb_rtt_bucket(88000)] = 1;
	doc = take(s, NULL);
	assert_int_equal(number(doc, "schema"), 1);
	server = first(doc, "servers");
	assert_string_equal(text(server, "name"), "s1");
	assert_string_equal(text(server, "state"), "up");
	assert_float_equal(json_real_value(json_object_get(server, "since_s")), 3.2, 0.001);
	assert_in_range(number(server, "rtt_p50_us"), 41, 52);
	assert_in_range(number(server, "rtt_p99_us"), 41, 52);
	assert_int_equal(number(server, "probes_sent"), 1000);
	assert_int_equal(number(server, "replies"), 990);
	assert_int_equal(number(server, "expired"), 10);
	address = first(server, "addresses");
	assert_string_equal(text(address, "address"), "10.78.0.11");
	assert_string_equal(text(address, "family"), "ipv4");
	assert_int_equal(number(address, "timeout_us"), 3000);
	assert_int_equal(number(address, "interval_us"), 10000);
	server = json_array_get(json_object_get(doc, "servers"), 1);
	assert_true(json_is_null(json_object_get(server, "rtt_p50_us")));
	json_decref(doc);
}

static void percentiles_are_bounds_of_buckets(void **state)
{
	struct dfb_rtt rtt = {0};

	(void)state;
	assert_int_equal(status_rtt_ns(&rtt, 500), 0);
	rtt.count[10] = 500;
	rtt.count[20] = 490;
	rtt.count[63] = 10;
	assert_int_equal(status_rtt_ns(&rtt, 500), dfb_rtt_bound_ns(10));
	assert_int_equal(status_rtt_ns(&rtt, 501), dfb_rtt_bound_ns(20));
	assert_int_equal(status_rtt_ns(&rtt, 990), dfb_rtt_bound_ns(20));
	assert_int_equal(status_rtt_ns(&rtt, 991), dfb_rtt_bound_ns(63));
	assert_int_equal(status_rtt_ns(&rtt, 1000), dfb_rtt_bound_ns(63));
	assert_int_equal(status_rtt_ns(&rtt, 1), dfb_rtt_bound_ns(10));
}

static void a_server_is_as_bad_as_its_worst_address_in_use(void **state)
{
	struct snapshot *s = world();
	json_t *doc;

	(void)state;
	set_target(s, 1, DFB_FAMILY_IPV6, "fd78::11", DFB_STATE_DOWN);
	s->plans[1].families = 1; /* IPv6 is used by no service */
	doc = status_json(s, NULL);
	assert_string_equal(text(first(doc, "servers"), "state"), "up");
	assert_int_equal(json_array_size(json_object_get(first(doc, "servers"), "addresses")), 2);
	assert_int_equal(number(first(doc, "servers"), "probes_sent"), 2000);
	json_decref(doc);

	s->plans[1].families = 3;
	doc = status_json(s, NULL);
	assert_string_equal(text(first(doc, "servers"), "state"), "down");
	json_decref(doc);

	s->servers[1].flags = DFB_SERVER_MAINTENANCE;
	doc = take(s, NULL);
	assert_string_equal(text(first(doc, "servers"), "state"), "maintenance");
	json_decref(doc);
}

static void a_detector_of_the_former_address_says_nothing(void **state)
{
	struct snapshot *s = world();
	json_t *doc, *server;

	(void)state;
	s->targets[dfb_target_id(1, 0)].generation = 2;
	doc = take(s, NULL);
	server = first(doc, "servers");
	assert_string_equal(text(server, "state"), "unknown");
	assert_int_equal(number(server, "probes_sent"), 0);
	assert_true(json_is_null(json_object_get(server, "since_s")));
	json_decref(doc);
}

static void the_next_one_is_chosen_round_robin_and_by_state(void **state)
{
	static const struct {
		uint32_t active;
		enum dfb_target_state s2, s3;
		const char *next;
	} rows[] = {
		{1, DFB_STATE_UP, DFB_STATE_UP, "s2"},
		{2, DFB_STATE_UP, DFB_STATE_UP, "s3"},
		{3, DFB_STATE_UP, DFB_STATE_UP, "s1"},
		{1, DFB_STATE_DOWN, DFB_STATE_UP, "s3"},
		{1, DFB_STATE_RECOVERING, DFB_STATE_UP, "s3"},
		{1, DFB_STATE_RECOVERING, DFB_STATE_DOWN, "s2"},
		{1, DFB_STATE_SUSPECT, DFB_STATE_UNKNOWN, "null"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snapshot *s = world();
		json_t *doc;

		set_pool(s, rows[i].active);
		set_state(s, 2, rows[i].s2);
		set_state(s, 3, rows[i].s3);
		doc = take(s, NULL);
		assert_string_equal(text(first(doc, "pools"), "next"), rows[i].next);
		json_decref(doc);
	}
}

static void services_serve_are_degraded_or_down(void **state)
{
	static const struct {
		uint32_t active;
		enum dfb_target_state s1, others;
		bool held;
		const char *state;
		enum ctl_code code;
	} rows[] = {
		{1, DFB_STATE_UP, DFB_STATE_UP, false, "serving", CTL_OK},
		{1, DFB_STATE_SUSPECT, DFB_STATE_UP, false, "serving", CTL_OK},
		{1, DFB_STATE_UP, DFB_STATE_DOWN, false, "degraded", CTL_DEGRADED},
		{1, DFB_STATE_UP, DFB_STATE_RECOVERING, false, "degraded", CTL_DEGRADED},
		{1, DFB_STATE_DOWN, DFB_STATE_UP, false, "down", CTL_DEGRADED},
		{1, DFB_STATE_UNKNOWN, DFB_STATE_UNKNOWN, false, "down", CTL_DEGRADED},
		{0, DFB_STATE_UP, DFB_STATE_UP, false, "down", CTL_DEGRADED},
		{1, DFB_STATE_UP, DFB_STATE_UP, true, "down", CTL_DEGRADED},
	};
	const struct status_extra up = {.gateway = "gw1"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snapshot *s = world();
		json_t *doc;

		set_pool(s, rows[i].active);
		set_state(s, 1, rows[i].s1);
		set_state(s, 2, rows[i].others);
		set_state(s, 3, rows[i].others);
		s->plans[1].held = rows[i].held;
		doc = take(s, &up);
		assert_string_equal(text(first(doc, "services"), "state"), rows[i].state);
		assert_int_equal(status_code(doc), rows[i].code);
		json_decref(doc);
	}
}

static void the_last_failover_has_its_times(void **state)
{
	struct snapshot *s = world();
	json_t *doc, *last;

	(void)state;
	doc = status_json(s, NULL);
	assert_true(json_is_null(json_object_get(first(doc, "services"), "last_failover")));
	json_decref(doc);
	set_failover(s);
	doc = status_json(s, NULL);
	last = json_object_get(first(doc, "services"), "last_failover");
	assert_string_equal(text(last, "from"), "s1");
	assert_string_equal(text(last, "to"), "s2");
	assert_string_equal(text(last, "reason"), "expired");
	assert_int_equal(number(last, "detect_us"), 2310);
	assert_int_equal(number(last, "switch_us"), 31);
	assert_int_equal(number(last, "commit_us"), 210);
	assert_int_equal(strlen(text(last, "at")), strlen("2026-01-01T00:00:00.000000Z"));
	json_decref(doc);

	s->pools[1].committed = 3; /* not yet: the time belongs to the commit before */
	s->pools[1].last.verdict_ns = 0;
	doc = take(s, NULL);
	last = json_object_get(first(doc, "services"), "last_failover");
	assert_true(json_is_null(json_object_get(last, "commit_us")));
	assert_true(json_is_null(json_object_get(last, "detect_us")));
	json_decref(doc);
}

static void the_daemon_knows_more_than_the_maps(void **state)
{
	struct policy_pool pool = {.name = "app", .id = 1};
	struct policy_service service = {.name = "web", .pool = 0, .n_addresses = 1, .n_ports = 2,
					 .ports = {{IPPROTO_TCP, 80}, {IPPROTO_UDP, 9000}}};
	struct policy policy = {.n_pools = 1, .pools = &pool, .n_services = 1, .services = &service};
	struct snapshot *s = world();
	struct status_extra extra = {.gateway = "gw1", .policy = &policy};
	json_t *doc, *ports;

	(void)state;
	assert_int_equal(address_parse("10.79.0.100", service.address[0]), 0);
	extra.started_ns = s->now_ns - 12300 * MS;
	doc = take(s, &extra);
	assert_string_equal(text(doc, "daemon"), "up");
	assert_string_equal(text(doc, "gateway"), "gw1");
	assert_float_equal(json_real_value(json_object_get(doc, "uptime_s")), 12.3, 0.001);
	ports = json_object_get(first(doc, "services"), "ports");
	assert_string_equal(json_string_value(json_array_get(ports, 1)), "udp/9000");
	assert_int_equal(status_code(doc), CTL_OK);
	json_decref(doc);
}

static void without_the_daemon_addresses_make_services(void **state)
{
	static const char *const addresses[] = {"fd79::100", "10.79.0.100"};
	struct snapshot *s = world();
	json_t *doc, *service;

	(void)state;
	free(s->services);
	set_service(s, addresses, 2);
	doc = take(s, NULL);
	assert_string_equal(text(doc, "daemon"), "down");
	assert_int_equal(json_array_size(json_object_get(doc, "services")), 1);
	service = first(doc, "services");
	assert_string_equal(text(service, "name"), "web");
	assert_string_equal(text(service, "server"), "s1");
	assert_int_equal(json_array_size(json_object_get(service, "addresses")), 2);
	assert_int_equal(status_code(doc), CTL_UNREACHABLE);
	json_decref(doc);
}

static void nonsense_in_the_maps_is_survived(void **state)
{
	struct snapshot *s = world();
	json_t *doc;

	(void)state;
	s->servers[1].n_pools = 4000000000u;
	s->servers[1].pools[3] = 60000;
	s->plans[1].n_candidates = 4000000000u;
	s->plans[1].candidates[5] = 60000;
	s->pools[1].slots[0] = 77777;
	s->pools[1].last = (struct dfb_switch){.from = 99999, .to = 99999, .reason = 99, .witness = 99999};
	s->state[dfb_target_id(2, 0)].detect.state = 77;
	s->state[dfb_target_id(3, 0)].detect.reason = 77;
	s->targets[dfb_target_id(3, 0)].probe = 77;
	s->services[0].service.pool = 4000000000u;
	doc = take(s, NULL);
	assert_string_equal(text(first(doc, "services"), "state"), "down");
	json_decref(doc);
}

/* --- explain --------------------------------------------------------------------------------- */

static bool found(const json_t *answer, const char *topic, const char *part)
{
	size_t i;
	json_t *finding;

	json_array_foreach(json_object_get(answer, "findings"), i, finding) {
		if (!strcmp(text(finding, "topic"), topic) && strstr(text(finding, "text"), part))
			return true;
	}
	json_dumpf(answer, stderr, JSON_INDENT(1));
	return false;
}

static json_t *explained(struct snapshot *s, const struct status_extra *extra)
{
	json_t *doc = take(s, extra);
	json_t *answer = explain_json(doc, "web");

	assert_null(explain_json(doc, "wub"));
	assert_non_null(answer);
	json_decref(doc);
	return answer;
}

static void explain_tells_the_evidence_of_a_failover(void **state)
{
	const struct status_extra up = {.gateway = "gw1"};
	struct snapshot *s = world();
	json_t *answer;

	(void)state;
	set_failover(s);
	answer = explained(s, &up);
	assert_true(found(answer, "failover", "from s1 to s2: its probes were not answered"));
	assert_true(found(answer, "failover", "3 probes to s1 in a row"));
	assert_true(found(answer, "failover", "s3 answered a probe"));
	assert_true(found(answer, "commit", "210 us after"));
	assert_true(found(answer, "candidate", "s1 (10.78.0.11) is down for 3.2 s"));
	assert_true(found(answer, "next", "if s2 died now, s3 would take over"));
	assert_true(found(answer, "timing", "the prober is alive"));
	assert_int_equal(json_array_size(json_object_get(answer, "suspects")), 1);
	json_decref(answer);
}

static void explain_tells_why_nothing_moved(void **state)
{
	struct snapshot *s = world();
	json_t *answer;

	(void)state;
	for (uint32_t id = 1; id <= 3; id++) {
		set_state(s, id, DFB_STATE_UNKNOWN);
		s->state[dfb_target_id(id, 0)].detect.reason = DFB_REASON_NO_WITNESS;
	}
	s->plans[1].fast = 0;
	s->prober.alive_ns = s->now_ns - 5 * SECOND;
	s->pools[1].committed = 3;
	answer = explained(s, NULL);
	assert_true(found(answer, "failover", "has not moved"));
	assert_true(found(answer, "candidate", "nobody else answers either"));
	assert_true(found(answer, "next", "nobody could take over"));
	assert_true(found(answer, "state", "cannot switch without the controller"));
	assert_true(found(answer, "timing", "last alive 5000 ms ago"));
	assert_true(found(answer, "commit", "epoch 3 of 4"));
	json_decref(answer);
}

/* --- real maps ------------------------------------------------------------------------------- */

#define MAPS "/sys/fs/bpf/defib/test/maps"

static void put(const char *map, uint32_t key, const void *value)
{
	assert_int_equal(pins_put(MAPS, map, &key, value), 0);
}

static void put_many_servers(void)
{
	for (uint32_t id = 1; id <= MANY; id++) {
		struct dfb_server server = {0};
		struct dfb_target target = {.server = id, .interval_ns = 10 * MS, .misses = 3};

		snprintf(server.name, sizeof(server.name), "s%u", id);
		put("servers", id, &server);
		put("targets", dfb_target_id(id, 0), &target);
		put("targets", dfb_target_id(id, 1), &target);
	}
}

static void snapshot_reads_what_is_pinned(void **state)
{
	struct dfb_control control = {.generation = 7};
	struct dfb_plan plan = {.name = "app", .families = 1, .n_candidates = 2, .candidates = {1, MANY}};
	struct dfb_pool pool = {.epoch = 9, .slots = {MANY}};
	struct dfb_service_key key = {.address = {1}};
	struct dfb_service service = {.pool = 1, .name = "web"};
	struct dfb_interface interface = {.name = "e0", .server = 1};
	struct dfb_rtt rtt = {.count = {5}};
	uint32_t ifindex = 3;
	struct snapshot *s;

	(void)state;
	assert_int_equal(snapshot_read(MAPS, &s), -ENOENT);
	assert_int_equal(pins_make(MAPS, MANY + 1, 4), 0);
	assert_int_equal(snapshot_read(MAPS, &s), -EPROTO);
	control.abi = DFB_ABI_VERSION + 1;
	put("control", 0, &control);
	assert_int_equal(snapshot_read(MAPS, &s), -EPROTO);
	control.abi = DFB_ABI_VERSION;
	put("control", 0, &control);
	put_many_servers();
	put("plans", 1, &plan);
	put("pools", 1, &pool);
	put("rtt", dfb_target_id(MANY, 1), &rtt);
	assert_int_equal(pins_put(MAPS, "services", &key, &service), 0);
	assert_int_equal(pins_put(MAPS, "interfaces", &ifindex, &interface), 0);

	assert_int_equal(snapshot_read(MAPS, &s), 0);
	assert_int_equal(s->control.generation, 7);
	assert_int_equal(s->n_servers, MANY + 1);
	assert_null(snapshot_server(s, 0));
	assert_null(snapshot_server(s, MANY + 1));
	assert_string_equal(snapshot_name(s, MANY), "s5000");
	assert_int_equal(s->targets[dfb_target_id(MANY, 1)].server, MANY);
	assert_int_equal(s->rtt[dfb_target_id(MANY, 1)].count[0], 5);
	assert_int_equal(s->pools[1].epoch, 9);
	assert_int_equal(s->pools[1].slots[0], MANY);
	assert_int_equal(s->n_services, 1);
	assert_string_equal(s->services[0].service.name, "web");
	assert_int_equal(s->n_interfaces, 1);
	assert_int_equal(s->interfaces[0].ifindex, 3);
	snapshot_free(s);
}

static void many_servers_are_read_in_a_moment(void **state)
{
	uint64_t begin = clock_now_ns(), read, made;
	struct snapshot *s;
	json_t *doc;

	(void)state;
	assert_int_equal(snapshot_read(MAPS, &s), 0);
	read = clock_now_ns();
	doc = status_json(s, NULL);
	made = clock_now_ns();
	assert_int_equal(json_array_size(json_object_get(doc, "servers")), MANY);
	print_message("%d targets: read in %u ms, document in %u ms\n", 2 * MANY,
		      (unsigned int)((read - begin) / MS), (unsigned int)((made - read) / MS));
	assert_in_range(read - begin, 0, 2 * SECOND);
	json_decref(doc);
	snapshot_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_have_what_the_contract_says),
		cmocka_unit_test(percentiles_are_bounds_of_buckets),
		cmocka_unit_test(a_server_is_as_bad_as_its_worst_address_in_use),
		cmocka_unit_test(a_detector_of_the_former_address_says_nothing),
		cmocka_unit_test(the_next_one_is_chosen_round_robin_and_by_state),
		cmocka_unit_test(services_serve_are_degraded_or_down),
		cmocka_unit_test(the_last_failover_has_its_times),
		cmocka_unit_test(the_daemon_knows_more_than_the_maps),
		cmocka_unit_test(without_the_daemon_addresses_make_services),
		cmocka_unit_test(nonsense_in_the_maps_is_survived),
		cmocka_unit_test(explain_tells_the_evidence_of_a_failover),
		cmocka_unit_test(explain_tells_why_nothing_moved),
	};
	const struct CMUnitTest with_maps[] = {
		cmocka_unit_test(snapshot_reads_what_is_pinned),
		cmocka_unit_test(many_servers_are_read_in_a_moment),
	};
	int failed = cmocka_run_group_tests_name("status", tests, NULL, NULL);

	if (geteuid() || pins_private()) {
		puts("real maps need root: not tested");
		return failed;
	}
	return failed + cmocka_run_group_tests_name("snapshot", with_maps, NULL, NULL);
}
