// SPDX-License-Identifier: GPL-2.0-only
/*
 * The built command, as people call it: words, exit statuses, text and JSON; against a daemon of
 * the test's own, and against pinned maps alone. $DEFIB names another one than build/defib.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <base/clean.h>
#include <base/loop.h>
#include <base/paths.h>
#include <base/text.h>
#include <ctl/client.h>
#include <ctl/server.h>
#include <ctl/status.h>
#include <pins.h>
#include <store/history.h>

#define MAPS "/sys/fs/bpf/defib/main/maps"
#define NOBODY 65534
#define OUT 65536

#define with_daemon(test) cmocka_unit_test_setup_teardown(test, daemon_up, daemon_down)

/* What a command said, standard output and error together, and how it ended. */
struct result {
	int code;
	char text[OUT];
};

static const char *defib(void)
{
	const char *path = getenv("DEFIB");

	return path ? path : "build/defib";
}

static struct result shell(const char *command)
{
	FILE *out = popen(command, "r");
	struct result r = {0};
	int status;

	assert_non_null(out);
	r.text[fread(r.text, 1, sizeof(r.text) - 1, out)] = '\0';
	status = pclose(out);
	assert_true(WIFEXITED(status));
	r.code = WEXITSTATUS(status);
	return r;
}

static struct result run(const char *args)
{
	char command[1024];

	snprintf(command, sizeof(command), "%s %s 2>&1", defib(), args);
	return shell(command);
}

static void expect(const struct result *r, int code, const char *part)
{
	if (r->code != code || !strstr(r->text, part))
		fail_msg("expected %d and \"%s\", got %d and:\n%s", code, part, r->code, r->text);
}

static json_t *document(const struct result *r, int code)
{
	json_t *doc = json_loads(r->text, 0, NULL);

	if (r->code != code || !doc)
		fail_msg("expected %d and JSON, got %d and:\n%s", code, r->code, r->text);
	assert_int_equal(json_integer_value(json_object_get(doc, "schema")), 1);
	return doc;
}

/* --- words ----------------------------------------------------------------------------------- */

static void a_wrong_word_lists_the_right_ones_nearest_first(void **state)
{
	static const struct {
		const char *args;
		const char *text;
	} rows[] = {
		{"servcie list", "there is no \"servcie\"; there is: service, server, "},
		{"statu", "there is: status, "},
		{"server lst", "server has no \"lst\"; it has: list, "},
		{"service", "service needs one of: list, failover, pause, resume, explain"},
		{"status now", "\"now\" is too much"},
		{"server show", "takes one server"},
		{"server maintenance s1 maybe", "or NAME off"},
		{"service failover", "takes one service"},
		{"service failover web --too s2", "[--to SERVER]"},
		{"service explain", "takes one service"},
		{"event list --since yesterday", "--since is a time"},
		{"config check", "takes one file"},
		{"-j top", "top is for people"},
		{"--instance a.b status", "no name for an instance"},
		{"--instance", "needs a name"},
		{"--help nothing", "there is no \"nothing\""},
		{"", "usage: defib"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct result r = run(rows[i].args);

		expect(&r, CTL_USAGE, rows[i].text);
	}
}

static void options_may_stand_anywhere(void **state)
{
	static const char *const rows[] = {"-j version", "version -j", "version --json", "--pretty version",
					   "--instance x version -jp", "version --instance=x -j"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct result r = run(rows[i]);
		json_t *doc = document(&r, CTL_OK);

		assert_string_equal(json_string_value(json_object_get(doc, "version")), DEFIB_VERSION);
		json_decref(doc);
	}
}

static void help_is_made_from_the_table(void **state)
{
	struct result r = run("--help");

	(void)state;
	expect(&r, CTL_OK, "service failover NAME [--from SERVER] [--to SERVER] [--dry-run]");
	expect(&r, CTL_OK, "124 timed out");
	r = run("server --help");
	expect(&r, CTL_OK, "maintenance NAME on|off");
	assert_null(strstr(r.text, "failover"));
}

static struct result complete(const char *words, int at)
{
	char command[1024];

	snprintf(command, sizeof(command), "bash -c 'eval \"$(%s completion bash)\"; COMP_WORDS=(defib %s);"
		 " COMP_CWORD=%d; _defib; echo \"${COMPREPLY[@]}\"' 2>&1", defib(), words, at);
	return shell(command);
}

static void completion_is_a_script_that_works(void **state)
{
	struct result r = complete("serv", 1);

	(void)state;
	expect(&r, 0, "server service\n");
	r = complete("-j --instance x service f", 5);
	expect(&r, 0, "failover\n");
	r = complete("service failover web --d", 4);
	expect(&r, 0, "--dry-run\n");
	r = complete("config check CONTRIB", 3);
	assert_int_equal(r.code, 0);
}

static void the_manual_has_the_synopsis_of_the_table(void **state)
{
	CLEAN_FCLOSE FILE *file = fopen("Documentation/man/defib.8", "r");
	static char manual[OUT];
	struct result r = run("completion man");

	(void)state;
	assert_non_null(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	assert_int_equal(r.code, 0);
	if (!strstr(manual, r.text))
		fail_msg("Documentation/man/defib.8: make SYNOPSIS anew with `defib completion man`");
}

static void a_configuration_is_checked(void **state)
{
	struct result r = run("config check Documentation/examples/defib.yaml");

	(void)state;
	expect(&r, CTL_OK, "ok: ");
	r = run("config check /etc/passwd");
	expect(&r, CTL_USAGE, "/etc/passwd:1:1: ");
	r = run("-j config check /etc/passwd");
	json_decref(document(&r, CTL_USAGE));
	r = run("config check /nowhere");
	expect(&r, CTL_USAGE, "/nowhere");
}

/* --- a machine of our own -------------------------------------------------------------------- */

static void put(const char *map, uint32_t key, const void *value)
{
	assert_int_equal(pins_put(MAPS, map, &key, value), 0);
}

static void put_server(uint32_t id, enum dfb_target_state state)
{
	struct dfb_server server = {.n_pools = 1, .pools = {1}};
	struct dfb_target target = {.server = id, .interval_ns = 10000000, .timeout_ns = 3000000, .misses = 3,
				    .port = 7, .generation = 1};
	struct dfb_target_run now = {.detect = {.state = state, .generation = 1, .since_ns = clock_now_ns(),
						.sent = 100, .answered = 99, .expired = 1}};
	char address[ADDRESS_TEXT_LEN];

	snprintf(server.name, sizeof(server.name), "s%u", id);
	snprintf(address, sizeof(address), "10.78.0.1%u", id);
	assert_int_equal(address_parse(address, target.address), 0);
	put("servers", id, &server);
	put("targets", dfb_target_id(id, 0), &target);
	put("state", dfb_target_id(id, 0), &now);
}

static void put_world(void)
{
	struct dfb_control control = {.abi = DFB_ABI_VERSION};
	struct dfb_plan plan = {.name = "app", .families = 1, .fast = 1, .n_candidates = 3,
				.candidates = {1, 2, 3}};
	struct dfb_pool pool = {.epoch = 2, .committed = 2};
	struct dfb_service service = {.pool = 1, .name = "web"};
	struct dfb_service_key key;
	uint64_t now = clock_now_ns();

	for (int i = 0; i < DFB_SLOTS; i++)
		pool.slots[i] = 2;
	pool.committed_ns = now;
	pool.last = (struct dfb_switch){.from = 1, .to = 2, .reason = DFB_REASON_EXPIRED, .misses = 3,
					.witness = 3, .last_good_ns = now - 3000000,
					.first_missed_ns = now - 2500000,
					.witness_ns = now - 1000000, .verdict_ns = now - 250000,
					.switched_ns = now - 210000};
	put("control", 0, &control);
	put_server(1, DFB_STATE_DOWN);
	put_server(2, DFB_STATE_UP);
	put_server(3, DFB_STATE_UP);
	put("plans", 1, &plan);
	put("pools", 1, &pool);
	assert_int_equal(address_parse("10.79.0.100", key.address), 0);
	assert_int_equal(pins_put(MAPS, "services", &key, &service), 0);
}

static int machine(void **state)
{
	(void)state;
	if (pins_private() || pins_make(MAPS, 16, 4))
		return -1;
	put_world();
	return 0;
}

static void where_nothing_is_it_says_so(void **state)
{
	struct result r = run("--instance other status");

	(void)state;
	expect(&r, CTL_UNREACHABLE, "instance \"other\" is not here");
	r = run("event monitor");
	expect(&r, CTL_UNREACHABLE, "no daemon of instance \"main\"");
	r = run("service failover web");
	expect(&r, CTL_UNREACHABLE, "is defibd running?");
	r = run("event list");
	expect(&r, CTL_OK, "nothing is recorded yet");
}

static void without_the_daemon_the_maps_are_read(void **state)
{
	struct result r = run("-j status");
	json_t *doc = document(&r, CTL_UNREACHABLE);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(doc, "daemon")), "down");
	assert_int_equal(json_array_size(json_object_get(doc, "servers")), 3);
	json_decref(doc);
	r = run("status");
	expect(&r, CTL_UNREACHABLE, "the daemon is DOWN");
	expect(&r, CTL_UNREACHABLE, "s1 -> s2, detect 2.75 ms, switch 40.0 us, commit 210 us");
	assert_null(strchr(r.text, '\033')); /* no colour but on a terminal */
	r = run("top");
	expect(&r, CTL_UNREACHABLE, "LAST EVENTS");
	r = run("service list");
	expect(&r, CTL_UNREACHABLE, "serving");
	r = run("service explain web");
	expect(&r, CTL_UNREACHABLE, "s3 answered a probe");
	r = run("server show s1");
	expect(&r, CTL_UNREACHABLE, "10.78.0.11");
	r = run("server show s9");
	expect(&r, CTL_USAGE, "no server \"s9\"; there is: s1 s2 s3");
	r = run("doctor");
	expect(&r, CTL_FAILED, "fail  daemon");
}

static void maps_of_another_version_are_refused(void **state)
{
	struct dfb_control control = {.abi = DFB_ABI_VERSION + 1};
	struct result r;

	(void)state;
	put("control", 0, &control);
	r = run("status");
	expect(&r, CTL_FAILED, "made by a defib of another version");
	control.abi = DFB_ABI_VERSION;
	put("control", 0, &control);
}

static void only_who_may_can_look(void **state)
{
	char command[512];
	struct result r;

	(void)state;
	snprintf(command, sizeof(command), "cp %s /run/defib-copy && chmod 755 /run/defib-copy && "
		 "setpriv --reuid=%d --clear-groups /run/defib-copy status 2>&1", defib(), NOBODY);
	r = shell(command);
	expect(&r, CTL_DENIED, "root");
}

static int append_event(struct history *history, uint64_t seq, const char *time)
{
	char json[256];

	snprintf(json, sizeof(json), "{\"schema\":1,\"time\":\"%s\",\"kind\":\"failover\",\"pool\":\"app\","
		 "\"from\":\"s1\",\"to\":\"s2\",\"epoch\":%u,\"reason\":\"no answer\"}",
		 time, (unsigned int)seq);
	return history_append(history, 1, seq, json);
}

static void past_events_are_listed(void **state)
{
	char why[HISTORY_WHY_LEN];
	struct history *history;
	struct paths paths;
	struct result r;

	(void)state;
	assert_int_equal(paths_init(&paths, "main"), 0);
	assert_int_equal(history_open(paths.history_db, true, why, &history), 0);
	assert_int_equal(append_event(history, 1, "2026-01-01T10:00:00.000000Z"), 0);
	assert_int_equal(append_event(history, 2, "2026-01-02T10:00:00.000000Z"), 0);
	history_close(history);
	r = run("event list");
	expect(&r, CTL_OK, "2026-01-01T10:00:00.000000Z  failover         pool app  s1 -> s2  epoch 1  no answer\n");
	r = run("-j event list --since 2026-01-02");
	expect(&r, CTL_OK, "\"epoch\":2");
	assert_null(strstr(r.text, "\"epoch\":1"));
	r = run("top");
	expect(&r, CTL_UNREACHABLE, "epoch 2");
}

/* --- a daemon of our own --------------------------------------------------------------------- */

static struct ctl_server *server;

static json_t *daemon_status(void *arg)
{
	const struct status_extra extra = {.gateway = "gw1", .started_ns = 1};
	struct snapshot *s;
	json_t *doc;

	(void)arg;
	if (snapshot_read(MAPS, &s))
		return NULL;
	doc = status_json(s, &extra);
	snapshot_free(s);
	return doc;
}

static void daemon_request(void *arg, uint64_t request, const char *cmd, const json_t *args)
{
	CLEAN_FREE char *text = json_dumps(args, JSON_COMPACT | JSON_SORT_KEYS);
	json_t *report = json_pack("{s:s, s:s, s:s, s:s}", "time", "2026-01-01T10:00:00.000000Z",
				   "kind", "maintenance", "server", "s1", "reason", text);

	(void)arg;
	if (!strcmp(cmd, CTL_MAINTENANCE)) {
		ctl_broadcast(server, report);
		ctl_answer_text(server, request, CTL_OK, text);
		return;
	}
	json_decref(report);
	if (json_object_get(args, "to"))
		ctl_answer_text(server, request, CTL_OK, text);
	else
		ctl_answer_text(server, request, CTL_FAILED, "no other server of pool app is up");
}

static pid_t start_daemon(void)
{
	static const struct ctl_ops ops = {.status = daemon_status, .request = daemon_request};
	struct loop *loop;
	struct paths paths;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	loop = loop_new();
	if (paths_init(&paths, "main") || ctl_server_open(loop, paths.socket, &ops, NULL, &server))
		_exit(1);
	loop_run(loop);
	_exit(0);
}

static int daemon_up(void **state)
{
	pid_t *pid = malloc(sizeof(*pid));
	struct timespec ms = {.tv_nsec = 1000000};

	*pid = start_daemon();
	*state = pid;
	for (int i = 0; i < 10000 && !ctl_client_is_answered("/run/defib/main/ctl.sock"); i++)
		nanosleep(&ms, NULL);
	return ctl_client_is_answered("/run/defib/main/ctl.sock") ? 0 : -1;
}

static int daemon_down(void **state)
{
	pid_t *pid = *state;

	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	free(pid);
	return 0;
}

static void with_the_daemon_all_is_well_or_degraded(void **state)
{
	struct result r = run("-j status");
	json_t *doc = document(&r, CTL_OK);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(doc, "daemon")), "up");
	assert_null(json_object_get(doc, "code"));
	json_decref(doc);
	put_server(3, DFB_STATE_DOWN);
	r = run("status");
	expect(&r, CTL_DEGRADED, "degraded");
	expect(&r, CTL_DEGRADED, "gateway gw1");
	r = run("server list");
	expect(&r, CTL_OK, "app*");
	r = run("-j service explain web");
	json_decref(document(&r, CTL_OK));
	r = run("service explain wub");
	expect(&r, CTL_USAGE, "no service \"wub\"; there is: web");
	put_server(3, DFB_STATE_UP);
}

static void a_daemon_that_stands_still_is_gone_round(void **state)
{
	struct result r;

	kill(*(pid_t *)*state, SIGSTOP);
	r = run("status");
	kill(*(pid_t *)*state, SIGCONT);
	expect(&r, CTL_UNREACHABLE, "the daemon is DOWN");
}

static void orders_reach_the_daemon_and_answers_the_caller(void **state)
{
	struct result r = run("service failover web --to s3 --dry-run");

	(void)state;
	expect(&r, CTL_OK, "{\"dry_run\":true,\"service\":\"web\",\"to\":\"s3\"}");
	r = run("service failover web");
	expect(&r, CTL_FAILED, "defib: no other server of pool app is up");
	r = run("-j server maintenance s1 on");
	json_decref(document(&r, CTL_OK));
	r = run("server maintenance s1 off");
	expect(&r, CTL_OK, "{\"on\":false,\"server\":\"s1\"}");
}

/* Orders until the monitor, which begins some time, has heard of one. */
static void the_monitor_shows_events_until_the_daemon_ends(void **state)
{
	char command[256], line[512] = "";
	FILE *out;
	int status;

	snprintf(command, sizeof(command), "%s -j event monitor 2>/dev/null", defib());
	out = popen(command, "r");
	assert_non_null(out);
	fcntl(fileno(out), F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 500 && !fgets(line, sizeof(line), out); i++) {
		run("server maintenance s1 on");
		clearerr(out);
	}
	assert_non_null(strstr(line, "\"kind\":\"maintenance\""));
	kill(*(pid_t *)*state, SIGKILL);
	fcntl(fileno(out), F_SETFL, 0);
	status = pclose(out);
	assert_int_equal(WEXITSTATUS(status), CTL_UNREACHABLE);
}

int main(void)
{
	const struct CMUnitTest words[] = {
		cmocka_unit_test(a_wrong_word_lists_the_right_ones_nearest_first),
		cmocka_unit_test(options_may_stand_anywhere),
		cmocka_unit_test(help_is_made_from_the_table),
		cmocka_unit_test(completion_is_a_script_that_works),
		cmocka_unit_test(the_manual_has_the_synopsis_of_the_table),
		cmocka_unit_test(a_configuration_is_checked),
	};
	const struct CMUnitTest maps[] = {
		cmocka_unit_test(where_nothing_is_it_says_so),
		cmocka_unit_test(without_the_daemon_the_maps_are_read),
		cmocka_unit_test(maps_of_another_version_are_refused),
		cmocka_unit_test(only_who_may_can_look),
		cmocka_unit_test(past_events_are_listed),
		with_daemon(with_the_daemon_all_is_well_or_degraded),
		with_daemon(a_daemon_that_stands_still_is_gone_round),
		with_daemon(orders_reach_the_daemon_and_answers_the_caller),
		with_daemon(the_monitor_shows_events_until_the_daemon_ends),
	};
	int failed = cmocka_run_group_tests_name("words", words, NULL, NULL);

	if (geteuid()) {
		puts("pinned maps need root: not tested");
		return failed;
	}
	return failed + cmocka_run_group_tests_name("maps and daemon", maps, machine, NULL);
}
