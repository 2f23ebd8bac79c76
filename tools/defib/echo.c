// SPDX-License-Identifier: GPL-2.0-only
/* defib echo: the responder on a server. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include <defib/wire.h>
#include <sense/agent.h>
#include <sense/responder.h>

#include "cli.h"

#define SHORTEST_PERIOD_NS 10000000ull
#define LONGEST_PERIOD_NS 10000000000ull
#define IPV4_OFFSET 96 /* of an IPv4 prefix in ::ffff:0:0/96 */

/* --- arguments ------------------------------------------------------------------------------- */

static int parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || n > max)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int parse_prefix(const char *text, struct dfb_prefix *ret_prefix)
{
	char address[ADDRESS_TEXT_LEN + 1];
	const char *slash = strchr(text, '/');
	unsigned long length, max;
	struct dfb_prefix p;

	text_copy(address, sizeof(address), text);
	if (slash && (size_t)(slash - text) < sizeof(address))
		address[slash - text] = 0;
	if (address_parse(address, p.address))
		return -EINVAL;
	max = address_is_ipv4(p.address) ? 32 : 128;
	length = max;
	if (slash && parse_number(slash + 1, max, &length))
		return -EINVAL;
	p.length = (uint32_t)length + (max == 32 ? IPV4_OFFSET : 0);
	*ret_prefix = p;
	return 0;
}

/* --allow takes all words up to the next option. Return: how many it took, or -1. */
static int parse_allow(struct responder_want *want, char **words)
{
	int n = 0;

	for (; words[n] && words[n][0] != '-'; n++) {
		if (want->n_allow == RESPONDER_MAX_PREFIXES) {
			cli_usage("--allow: at most %d prefixes", RESPONDER_MAX_PREFIXES);
			return -1;
		}
		if (parse_prefix(words[n], &want->allow[want->n_allow++])) {
			cli_usage("--allow %s: not an address or prefix such as 10.78.0.0/24 or fd78::1", words[n]);
			return -1;
		}
	}
	if (!n)
		cli_usage("--allow needs at least one address or prefix");
	return n ? n : -1;
}

static int parse_value(struct responder_want *want, const char *option, const char *value)
{
	unsigned long n;

	if (!value)
		return cli_usage("%s needs a value", option);
	if (!strcmp(option, "--mode"))
		return xdp_mode_parse(value, &want->mode) ?
			       cli_usage("--mode %s: use auto, native or generic", value) :
			       CTL_OK;
	if (!strcmp(option, "--port")) {
		if (parse_number(value, 65535, &n) || !n)
			return cli_usage("--port %s: use 1 to 65535", value);
		want->port = (uint16_t)n;
		return CTL_OK;
	}
	if (!strcmp(option, "--rate")) {
		if (parse_number(value, 100000000, &n))
			return cli_usage("--rate %s: answers per second, 0 for no limit", value);
		want->rate = (uint32_t)n;
		return CTL_OK;
	}
	return cli_usage("unknown option %s: use --allow, --port, --mode or --rate", option);
}

static int parse_attach(struct responder_want *want, char **words)
{
	while (*words) {
		int taken = 2, err = CTL_OK;

		if (words[0][0] != '-') {
			if (want->interface)
				return cli_usage("one interface at a time: %s or %s?", want->interface, words[0]);
			want->interface = words[0];
			taken = 1;
		} else if (!strcmp(words[0], "--allow")) {
			taken = parse_allow(want, words + 1) + 1;
			err = taken > 0 ? CTL_OK : CTL_USAGE;
		} else {
			err = parse_value(want, words[0], words[1]);
		}
		if (err)
			return err;
		words += taken;
	}
	if (!want->interface)
		return cli_usage("which interface?");
	if (!want->n_allow)
		return cli_usage("--allow is missing: whose probes are to be answered?");
	return CTL_OK;
}

/* --- verbs ----------------------------------------------------------------------------------- */

static int attach(struct cli *cli, char **words)
{
	struct responder_want want = {.port = DFB_ECHO_PORT, .rate = RESPONDER_DEFAULT_RATE};
	char why[256];
	int err = parse_attach(&want, words);

	if (err)
		return err;
	err = responder_attach(&want, why, sizeof(why));
	if (err)
		return cli_fail(cli_code(err), "%s", why);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:i,s:s,s:i}", "schema", 1, "interface",
						     want.interface, "port", want.port));
	fprintf(cli->out, "%s answers UDP port %d; `defib echo show` tells what it does\n", want.interface, want.port);
	return CTL_OK;
}

static int detach(struct cli *cli, char **words)
{
	char why[256];
	int err;

	if (!words[0] || words[1])
		return cli_usage("echo detach takes one interface");
	err = responder_detach(words[0], why, sizeof(why));
	if (err)
		return cli_fail(err == -ENOENT ? CTL_FAILED : cli_code(err), "%s", why);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:i,s:s}", "schema", 1, "interface", words[0]));
	fprintf(cli->out, "%s answers no more\n", words[0]);
	return CTL_OK;
}

static const struct {
	const char *name;
	size_t offset;
} counters[] = {
#define COUNTER(name) {#name, offsetof(struct dfb_echo_counters, name)}
	COUNTER(answered),   COUNTER(echoed),	    COUNTER(fragment),	     COUNTER(options),
	COUNTER(truncated),  COUNTER(not_unicast),  COUNTER(not_for_us),     COUNTER(not_allowed),
	COUNTER(own_source), COUNTER(low_port),	    COUNTER(reflector_port), COUNTER(too_long),
	COUNTER(reply_bit),  COUNTER(rate_limited),
#undef COUNTER
};

_Static_assert(sizeof(counters) / sizeof(counters[0]) == sizeof(struct dfb_echo_counters) / sizeof(__u64),
	       "every counter has a name");

static uint64_t counter(const struct responder *r, size_t i)
{
	return *(const __u64 *)((const char *)&r->count + counters[i].offset);
}

static void format_prefix(const struct dfb_prefix *p, char *text, size_t size)
{
	char address[ADDRESS_TEXT_LEN];

	snprintf(text, size, "%s/%u", address_format(p->address, address),
		 p->length - (address_is_ipv4(p->address) && p->length >= IPV4_OFFSET ? IPV4_OFFSET : 0));
}

static json_t *responder_json(const struct responder *r)
{
	json_t *count = json_object(), *allow = json_array();
	char text[ADDRESS_TEXT_LEN + 8];

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		json_object_set_new(count, counters[i].name, json_integer((json_int_t)counter(r, i)));
	for (uint32_t i = 0; i < r->n_allow; i++) {
		format_prefix(&r->allow[i], text, sizeof(text));
		json_array_append_new(allow, json_string(text));
	}
	return json_pack("{s:s,s:s,s:i,s:s,s:I,s:I,s:o,s:o}", "interface", r->conf.interface, "state",
			 responder_state_names[r->state], "port", r->conf.port, "mode",
			 r->conf.generic ? "generic" : "native", "rate_per_s", (json_int_t)r->conf.rate_per_s,
			 "tx_errors", (json_int_t)r->tx_errors, "allow", allow, "counters", count);
}

static int add_json(void *list, const struct responder *r)
{
	return json_array_append_new(list, responder_json(r)) ? -ENOMEM : 0;
}

static const char *explain(enum responder_state state)
{
	switch (state) {
	case RESPONDER_ATTACHED:
		return "attached; nothing answered so far";
	case RESPONDER_FAILING:
		return "attached, but its answers are not sent: attach it again with --mode generic";
	case RESPONDER_GONE:
		return "its interface is gone";
	default:
		return "answering";
	}
}

static int print_text(void *out, const struct responder *r)
{
	char text[ADDRESS_TEXT_LEN + 8];

	fprintf(out, "%s: UDP port %u, %s mode: %s\n  allow", r->conf.interface, r->conf.port,
		r->conf.generic ? "generic" : "native", explain(r->state));
	for (uint32_t i = 0; i < r->n_allow; i++) {
		format_prefix(&r->allow[i], text, sizeof(text));
		fprintf(out, " %s", text);
	}
	fprintf(out, "; at most %llu answers a second\n", (unsigned long long)r->conf.rate_per_s);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (counter(r, i))
			fprintf(out, "  %-15s %llu\n", counters[i].name, (unsigned long long)counter(r, i));
	}
	return 0;
}

/* --- the agent ------------------------------------------------------------------------------- */

static void say_ready(void)
{
	sd_notify(0, "READY=1");
}

static int agent(char **words)
{
	uint64_t period_ns = AGENT_PERIOD_NS;
	char why[256];
	int err;

	if (words[0] && (strcmp(words[0], "--every") || !words[1] || words[2]))
		return cli_usage("echo agent takes only --every TIME");
	if (words[0] && (duration_parse(words[1], &period_ns) || period_ns < SHORTEST_PERIOD_NS ||
			 period_ns > LONGEST_PERIOD_NS))
		return cli_usage("--every %s: use a time from 10ms to 10s, for example 100ms", words[1]);
	err = agent_run(period_ns, say_ready, why, sizeof(why));
	return err ? cli_fail(err == -EALREADY ? CTL_FAILED : cli_code(err), "%s", why) : CTL_OK;
}

static const char *agent_state(const struct agent *a)
{
	return !a->agent.alive_ns ? "none" : a->pid ? "running" : "killed";
}

static uint64_t agent_age(const struct agent *a)
{
	return a->now_ns > a->agent.alive_ns ? a->now_ns - a->agent.alive_ns : 0;
}

static json_t *agent_json(const struct agent *a)
{
	if (!a->agent.alive_ns)
		return json_pack("{s:s}", "state", agent_state(a));
	return json_pack("{s:s,s:i,s:I,s:I}", "state", agent_state(a), "pid", a->pid,
			 "every_ms", (json_int_t)(a->agent.period_ns / 1000000),
			 "age_ms", (json_int_t)(agent_age(a) / 1000000));
}

static void print_agent(FILE *out, const struct agent *a)
{
	char age[DURATION_TEXT_LEN], period[DURATION_TEXT_LEN];

	duration_format(agent_age(a), age);
	duration_format(a->agent.period_ns, period);
	if (!a->agent.alive_ns)
		fputs("no agent runs: answers tell nothing of this host's userland\n", out);
	else if (a->pid)
		fprintf(out, "the agent runs (process %d): a sign of life every %s, the last one %s ago\n", a->pid, period,
			age);
	else
		fprintf(out, "the agent was killed: its last sign of life was %s ago, and answers say so\n", age);
}

/* --- what there is --------------------------------------------------------------------------- */

static int show(struct cli *cli, char **words)
{
	struct agent found = {};
	json_t *list = NULL;
	int err;

	if (words[0])
		return cli_usage("echo show takes no argument");
	if (cli->json)
		list = json_array();
	err = cli->json ? responder_list(add_json, list) : responder_list(print_text, cli->out);
	if (err) {
		json_decref(list);
		return cli_fail(cli_code(err), "cannot read the responders' pins: %s", strerror(-err));
	}
	agent_look(&found);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:i,s:o,s:o}", "schema", 1, "responders", list,
						     "userland", agent_json(&found)));
	print_agent(cli->out, &found);
	return CTL_OK;
}

int cmd_echo(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	if (!strcmp(argv[0], "attach"))
		return attach(cli, argv + 1);
	if (!strcmp(argv[0], "agent"))
		return agent(argv + 1);
	return !strcmp(argv[0], "detach") ? detach(cli, argv + 1) : show(cli, argv + 1);
}
