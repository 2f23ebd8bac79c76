// SPDX-License-Identifier: GPL-2.0-only
/* Checks of a service: how it is found out whether it works. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/core.h"
#include "draft.h"

#define EVERY_DEFAULT_NS 2000000000ull
#define FAST_DEFAULT_NS 250000000ull
#define TIMEOUT_DEFAULT_NS 1000000000ull
#define PERIOD_MIN_NS 10000000ull
#define PERIOD_MAX_NS 3600000000000ull
#define TIMEOUT_MAX_NS 60000000000ull
#define TEXT_MAX 256
#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

static const uint16_t default_ports[CHECK_KIND_MAX] = {
	[CHECK_HTTP] = 80, [CHECK_HTTPS] = 443, [CHECK_DNS] = 53, [CHECK_SMTP] = 25,
};

static bool has_line_end(const char *text)
{
	return strpbrk(text, "\r\n");
}

/* @field: char *, owned */
static void read_line(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_text(r, key, node);
	char **line = field;

	if (!text)
		return;
	if (strlen(text) > TEXT_MAX || has_line_end(text)) {
		reader_error(r, node, "'%s' must be one line of at most %d characters, write for example %s: %s", key->name,
			     TEXT_MAX, key->name, key->example);
		return;
	}
	free(*line); /* two keys, one field: that is complained about elsewhere */
	*line = strdup(text);
	r->no_memory |= !*line;
}

/* Of a request, of TLS and of EHLO; a port or a user would be taken for part of an address. */
static void read_host(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_scalar(node);

	if (text && text[strspn(text, HOST_CHARACTERS)])
		reader_error(r, node, "%s is no host name, write for example %s: %s", reader_quote(text).text,
			     key->name, key->example);
	else
		read_line(r, key, node, field);
}

/* As defib-check will write those that it finds. */
static void read_answer(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_text(r, key, node);
	char plain[ADDRESS_TEXT_LEN];
	uint8_t address[16];
	char **line = field;

	if (!text)
		return;
	if (address_parse(text, address)) {
		reader_error(r, node, "%s is no address, write for example %s: %s", reader_quote(text).text, key->name,
			     key->example);
		return;
	}
	free(*line);
	*line = strdup(address_format(address, plain));
	r->no_memory |= !*line;
}

static void read_file(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_scalar(node);

	if (text && text[0] != '/')
		reader_error(r, node, "%s is not an absolute path, write for example %s: %s",
			     reader_quote(text).text, key->name, key->example);
	else
		read_line(r, key, node, field);
}

static void read_path(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_scalar(node);

	if (text && text[0] != '/')
		reader_error(r, node, "'path' must begin with a slash, write for example path: %s", key->example);
	else if (text && strpbrk(text, " \t#"))
		reader_error(r, node, "'path' cannot have spaces or '#', write for example path: %s", key->example);
	else
		read_line(r, key, node, field);
}

#define FIELD(name) offsetof(struct policy_check, name)

static const struct reader_key check_keys[] = {
	{"kind", "tcp", reader_word, FIELD(kind), 0, 0, check_kind_names, true},
	{"port", "80", reader_port, FIELD(port), 1, 65535, NULL, false},
	{"every", "1s", reader_duration, FIELD(every_ns), PERIOD_MIN_NS, PERIOD_MAX_NS, NULL, false},
	{"fast", "250ms", reader_duration, FIELD(fast_ns), PERIOD_MIN_NS, PERIOD_MAX_NS, NULL, false},
	{"timeout", "1s", reader_duration, FIELD(timeout_ns), PERIOD_MIN_NS, TIMEOUT_MAX_NS, NULL, false},
	{"rise", "2", reader_number, FIELD(rise), 1, 1000, NULL, false},
	{"fall", "2", reader_number, FIELD(fall), 1, 1000, NULL, false},
	{"host", "www.example.com", read_host, FIELD(text[CHECK_TEXT_NAME]), 0, 0, NULL, false},
	{"name", "www.example.com", read_host, FIELD(text[CHECK_TEXT_NAME]), 0, 0, NULL, false},
	{"path", "/health", read_path, FIELD(text[CHECK_TEXT_PATH]), 0, 0, NULL, false},
	{"status", "200", reader_port, FIELD(status), 100, 599, NULL, false},
	{"header", "\"Server: nginx\"", read_line, FIELD(text[CHECK_TEXT_HEADER]), 0, 0, NULL, false},
	{"body", "\"all is well\"", read_line, FIELD(text[CHECK_TEXT_BODY]), 0, 0, NULL, false},
	{"answer", "192.0.2.80", read_answer, FIELD(text[CHECK_TEXT_BODY]), 0, 0, NULL, false},
	{"verify", "true", reader_bool, FIELD(verify), 0, 0, NULL, false},
	{"ca", "/etc/ssl/ca.pem", read_file, FIELD(text[CHECK_TEXT_CA]), 0, 0, NULL, false},
	{"run", "[/usr/local/bin/check-app]", draft_arguments, FIELD(argv), 1, POLICY_HOOK_ARGS, NULL, false},
};
READER_TABLE(check_table, "a check", check_keys);

#define KIND(k) (1u << CHECK_##k)
#define KINDS_HTTP (KIND(HTTP) | KIND(HTTPS))
#define KINDS_PORT (KIND(TCP) | KINDS_HTTP | KIND(DNS) | KIND(SMTP))

/* Keys that not every kind has. */
static const struct {
	const char *key;
	unsigned int kinds;
} limits[] = {
	{"port", KINDS_PORT},	    {"host", KINDS_HTTP | KIND(SMTP)}, {"name", KIND(DNS)},
	{"path", KINDS_HTTP},	    {"status", KINDS_HTTP},	       {"header", KINDS_HTTP},
	{"body", KINDS_HTTP},	    {"verify", KIND(HTTPS)},	       {"run", KIND(SCRIPT)},
	{"ca", KIND(HTTPS)},
	{"answer", KIND(DNS)},
};

/* Keys that a kind cannot do without. */
static const struct {
	enum check_kind kind;
	const char *key;
	const char *example;
} needs[] = {
	{CHECK_TCP, "port", "80"},
	{CHECK_DNS, "name", "www.example.com"},
	{CHECK_SCRIPT, "run", "[/usr/local/bin/check-app]"},
};

static void check_keys_of_kind(struct reader *r, const yaml_node_t *at, enum check_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const yaml_node_t *value = reader_find(r, at, limits[i].key);

		if (value && !(limits[i].kinds & 1u << kind))
			reader_error(r, value, "a check of kind %s has no '%s', remove it", check_kind_names[kind],
				     limits[i].key);
	}
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		if (needs[i].kind == kind && !reader_find(r, at, needs[i].key))
			reader_error(r, at, "a check of kind %s needs '%s', write for example %s: %s",
				     check_kind_names[kind], needs[i].key, needs[i].key, needs[i].example);
	}
}

static void check_times(struct reader *r, const yaml_node_t *at, struct policy_check *check)
{
	if (!check->fast_ns)
		check->fast_ns = check->every_ns < FAST_DEFAULT_NS ? check->every_ns : FAST_DEFAULT_NS;
	if (check->fast_ns > check->every_ns)
		reader_error(r, reader_find(r, at, "fast"), "'fast' must not be longer than 'every' (%s)",
			     reader_duration_text(check->every_ns).text);
}

static void check_verify(struct reader *r, const yaml_node_t *at, const struct policy_check *check)
{
	if (check->verify && !reader_find(r, at, "host"))
		reader_error(r, at, "a certificate is for a name: 'verify: true' needs 'host', write for example "
			     "host: www.example.com");
	if (check->kind == CHECK_HTTPS && check->text[CHECK_TEXT_CA] && !check->verify)
		reader_error(r, reader_find(r, at, "ca"), "'ca' is for a certificate that is verified, add verify: true");
}

static void check_arguments(struct reader *r, const yaml_node_t *at, const struct policy_check *check)
{
	size_t n = 0;

	for (char *const *arg = check->argv; *arg; arg++)
		n += strlen(*arg) + 1;
	if (n > CHECK_ARGUMENTS_MAX)
		reader_error(r, reader_find(r, at, "run"), "'run' has %zu bytes, at most %u are possible; put them into a "
			     "file that the program reads", n, CHECK_ARGUMENTS_MAX);
}

static void read_check(struct draft_service *service, const yaml_node_t *node)
{
	struct policy_check *check = &service->out.checks[service->out.n_checks++];
	struct reader *r = &service->draft->r;

	*check = (struct policy_check){
		.kind = CHECK_KIND_MAX,
		.every_ns = EVERY_DEFAULT_NS,
		.timeout_ns = TIMEOUT_DEFAULT_NS,
		.rise = 2,
		.fall = 2,
	};
	reader_mapping(r, &check_table, node, check);
	if (check->kind == CHECK_KIND_MAX)
		return;
	check_keys_of_kind(r, node, check->kind);
	check_times(r, node, check);
	check_verify(r, node, check);
	check_arguments(r, node, check);
	if (!check->port)
		check->port = default_ports[check->kind];
}

void draft_service_checks(struct reader *r, const struct reader_key *key, const yaml_node_t *node,
			  void *field)
{
	struct draft_service *service = field;
	uint32_t n = reader_list(r, key, node);

	service->out.checks = draft_calloc(service->draft, n, sizeof(*service->out.checks));
	for (uint32_t i = 0; service->out.checks && i < n; i++)
		read_check(service, reader_item(r, node, i));
}

/* Each check is one for each address of each server of the pool. */
static uint32_t addresses_of(const struct draft *d, const struct draft_pool *pool)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pool->out.n_servers * DFB_FAMILIES; i++) {
		uint32_t family = i % DFB_FAMILIES;

		n += d->servers[pool->out.servers[i / DFB_FAMILIES]].out.has[family] &&
		     (pool->out.families & 1u << family);
	}
	return n;
}

void draft_count_checks(struct draft *d)
{
	const struct draft_service *first = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_services; i++) {
		const struct draft_service *service = &d->services[i];

		if (service->pool && service->out.n_checks)
			n += service->out.n_checks * addresses_of(d, service->pool);
		if (n > CHECK_MAX && !first)
			first = service;
	}
	if (first)
		reader_error(&d->r, reader_find(&d->r, first->at, "checks"),
			     "there are %u checks together, of each service on each address of each server, and at most %u "
			     "can be made; give services fewer checks or smaller pools", n, CHECK_MAX);
}
