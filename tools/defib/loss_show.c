// SPDX-License-Identifier: GPL-2.0-only
/* defib loss show: every stream, as JSON and as a table. */
#include <net/if.h>
#include <string.h>

#include <base/clean.h>
#include <defib/wire.h>

#include "loss.h"
#include "table.h"

#define LONG_RUN 100 /* packets */

static const char *const state_names[] = {
	[DFB_STREAM_NEW] = "new",
	[DFB_STREAM_LIVE] = "live",
	[DFB_STREAM_SILENT] = "silent",
};

uint64_t loss_silence_ns(const struct meter_view *view, const struct dfb_stream *s)
{
	return view->now_ns > s->account.last_ns ? view->now_ns - s->account.last_ns : 0;
}

double loss_rate(const struct dfb_stream *s)
{
	const struct dfb_account *a = &s->account;

	if (!a->restarts && a->expected > LONG_RUN) /* the mean is steadier than the present period */
		return 1e9 * (double)(a->expected - 1) / (double)(a->last_ns - a->first_ns);
	return a->period_ns ? 1e9 / (double)a->period_ns : 0;
}

bool loss_is_sum(const struct meter_stream *s)
{
	return s->key.sport == DFB_ECHO_PORT && s->stream.far == DFB_FAR_NOBODY;
}

static void name_end(const uint8_t address[16], uint16_t port, char *text, size_t size)
{
	char plain[ADDRESS_TEXT_LEN];
	bool ipv4 = address_is_ipv4(address);

	snprintf(text, size, ipv4 ? "%s:%u" : "[%s]:%u", address_format(address, plain), port);
}

char *loss_name(const struct dfb_stream_key *key, char text[LOSS_STREAM_TEXT])
{
	char source[ADDRESS_TEXT_LEN + 9], destination[ADDRESS_TEXT_LEN + 9];

	name_end(key->source, key->sport, source, sizeof(source));
	name_end(key->destination, key->dport, destination, sizeof(destination));
	snprintf(text, LOSS_STREAM_TEXT, "%s > %s", source, destination);
	return text;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *us(uint64_t ns)
{
	return json_integer((json_int_t)(ns / 1000));
}

/* Upper bound of the gap that so many of a thousand are at most. */
static json_t *gap_us(const struct dfb_account *a, uint32_t permille)
{
	uint64_t n = 0, below = 0, bound;

	for (uint32_t i = 0; i < DFB_GAP_BUCKETS; i++)
		n += a->gaps[i];
	for (uint32_t i = 0; n && i < DFB_GAP_BUCKETS; i++) {
		below += a->gaps[i];
		bound = dfb_gap_bound_ns(i);
		if (below * 1000 >= n * permille)
			return us(bound < a->longest_gap_ns ? bound : a->longest_gap_ns);
	}
	return json_null();
}

static json_t *blackout_json(const struct dfb_blackout *b)
{
	char began[TIME_TEXT_LEN];

	if (!b->ended_ns)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:I}", "began", time_format(b->began_ns, began), "length_us",
			 us(b->length_ns), "resolution_us", us(b->resolution_ns), "lost",
			 (json_int_t)b->lost);
}

static json_t *counts_json(const struct dfb_account *a)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "received", (json_int_t)a->received, "lost",
			 (json_int_t)a->lost, "late", (json_int_t)a->late, "duplicates",
			 (json_int_t)a->duplicates, "stale", (json_int_t)a->stale, "restarts",
			 (json_int_t)a->restarts, "bytes", (json_int_t)a->bytes);
}

/* Only our responder tells the ways apart. */
static json_t *ways_json(const struct meter_stream *one)
{
	const struct dfb_stream *s = &one->stream;
	bool apart = s->far == DFB_FAR_RESPONDER;
	uint64_t forward = s->forward_lost < s->account.lost ? s->forward_lost : s->account.lost;

	return json_pack("{s:s, s:o, s:o}", "lost_on",
			 apart		  ? "told apart" :
			 loss_is_sum(one) ? "both ways" :
					    "the way here",
			 "forward_lost", apart ? json_integer((json_int_t)forward) : json_null(),
			 "return_lost",
			 apart ? json_integer((json_int_t)(s->account.lost - forward)) : json_null());
}

static json_t *times_json(const struct meter_view *view, const struct dfb_stream *s)
{
	const struct dfb_account *a = &s->account;
	char first[TIME_TEXT_LEN], last[TIME_TEXT_LEN];
	bool stamped = a->stamp_us != 0;

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f}", "first",
			 time_format(a->first_ns, first), "last", time_format(a->last_ns, last),
			 "longest_gap_us", us(a->longest_gap_ns), "silence_us", us(loss_silence_ns(view, s)),
			 "gap_p50_us", gap_us(a, 500), "gap_p99_us", gap_us(a, 990), "period_us",
			 us(a->period_ns), "jitter_us", stamped ? us(a->jitter_16_ns / 16) : json_null(),
			 "variation_max_us", stamped ? us(a->variation_max_ns) : json_null(), "rate_per_s",
			 loss_rate(s));
}

static json_t *blackouts_json(const struct dfb_stream *s)
{
	return json_pack("{s:o, s:I, s:o, s:I, s:o, s:o, s:o}",
		"threshold_us", us(s->threshold_ns),
		"blackouts", (json_int_t)s->blackouts,
		"blackout_us", us(s->blackout_ns),
		"blackout_lost", (json_int_t)s->blackout_lost,
		"last_hole", blackout_json(&s->last_hole),
		"last_blackout", blackout_json(&s->last_blackout),
		"longest_blackout", blackout_json(&s->longest_blackout));
}

static json_t *stream_json(const struct meter_view *view, const struct meter_stream *one)
{
	const struct dfb_stream *s = &one->stream;
	char source[ADDRESS_TEXT_LEN], destination[ADDRESS_TEXT_LEN];
	json_t *doc = json_pack(
		"{s:s, s:s, s:i, s:i, s:s, s:i, s:i, s:s}", "source", address_format(one->key.source, source),
		"destination", address_format(one->key.destination, destination), "sport", one->key.sport,
		"dport", one->key.dport, "interface", s->interface, "vlan", one->key.vlan, "inner_vlan",
		one->key.inner_vlan, "state", state_names[s->state % ARRAY_SIZE(state_names)]);

	json_object_update_new(doc, counts_json(&s->account));
	json_object_update_new(doc, ways_json(one));
	json_object_update_new(doc, times_json(view, s));
	json_object_update_new(doc, blackouts_json(s));
	return doc;
}

static json_t *total_json(const struct loss_list *list)
{
	struct dfb_loss_total sum = {0};

	for (uint32_t i = 0; i < list->n; i++) {
		for (size_t k = 0; k < sizeof(sum) / sizeof(__u64); k++)
			((__u64 *)&sum)[k] += ((const __u64 *)&list->views[i]->total)[k];
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I}", "received",
			 (json_int_t)sum.received, "lost", (json_int_t)sum.lost, "late", (json_int_t)sum.late,
			 "duplicates", (json_int_t)sum.duplicates, "stale", (json_int_t)sum.stale, "restarts",
			 (json_int_t)sum.restarts, "bytes", (json_int_t)sum.bytes, "blackouts",
			 (json_int_t)sum.blackouts, "blackout_us", us(sum.blackout_ns), "streams",
			 (json_int_t)sum.streams, "expired", (json_int_t)sum.expired, "table_full",
			 (json_int_t)sum.table_full);
}

static json_t *refused_json(const struct loss_list *list)
{
	struct dfb_loss_counters sum = {0};

	for (uint32_t i = 0; i < list->n; i++) {
		for (size_t k = 0; k < sizeof(sum) / sizeof(__u64); k++)
			((__u64 *)&sum)[k] += ((const __u64 *)&list->views[i]->counters)[k];
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "fragment", (json_int_t)sum.fragment, "table_full",
			 (json_int_t)sum.table_full, "held", (json_int_t)sum.held, "no_timer",
			 (json_int_t)sum.no_timer, "ring_full", (json_int_t)sum.ring_full);
}

json_t *loss_document(const struct loss_list *list)
{
	json_t *streams = json_array();

	for (uint32_t i = 0; i < list->n; i++) {
		for (uint32_t k = 0; k < list->views[i]->n; k++)
			json_array_append_new(streams,
					      stream_json(list->views[i], &list->views[i]->streams[k]));
	}
	return json_pack("{s:i, s:o, s:o, s:o}", "schema", 1, "streams", streams, "total", total_json(list),
			 "refused", refused_json(list));
}

/* --- text ------------------------------------------------------------------------------------ */

static void silence_cell(struct table *t, const struct meter_view *view, const struct dfb_stream *s)
{
	char text[DURATION_TEXT_LEN];

	table_cell(t, "%s",
		   s->state == DFB_STREAM_LIVE ? "-" : duration_format(loss_silence_ns(view, s), text));
}

static void blackout_cell(struct table *t, const struct dfb_stream *s)
{
	char text[DURATION_TEXT_LEN];

	if (s->blackouts)
		table_cell(t, "%llu, %s", (unsigned long long)s->blackouts,
			   duration_format(s->longest_blackout.length_ns, text));
	else
		table_cell(t, "-");
}

static void add_row(struct table *t, const struct meter_view *view, const struct meter_stream *one)
{
	const struct dfb_stream *s = &one->stream;
	const struct dfb_account *a = &s->account;
	char name[LOSS_STREAM_TEXT];

	table_cell(t, "%s", loss_name(&one->key, name));
	table_cell(t, "%s", s->interface);
	table_cell(t, "%.4g/s", loss_rate(s));
	table_cell(t, "%llu", (unsigned long long)a->received);
	table_cell(t, "%llu%s", (unsigned long long)a->lost, loss_is_sum(one) ? "*" : "");
	if (s->far == DFB_FAR_RESPONDER)
		table_cell(t, "%llu", (unsigned long long)s->forward_lost);
	else
		table_cell(t, "-");
	table_cell(t, "%llu", (unsigned long long)a->late);
	table_cell(t, "%llu", (unsigned long long)a->duplicates);
	blackout_cell(t, s);
	silence_cell(t, view, s);
}

static void say_the_rest(const struct cli *cli, const struct loss_list *list)
{
	bool sum = false;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct meter_view *v = list->views[i];

		for (uint32_t k = 0; k < v->n; k++)
			sum |= loss_is_sum(&v->streams[k]);
		if (v->total.table_full)
			fprintf(cli->out,
				"The table of %u streams is full: %llu packets of further ones were not "
				"counted.\n",
				DFB_STREAMS, (unsigned long long)v->total.table_full);
		if (v->counters.fragment)
			fprintf(cli->out, "%llu fragments were not counted.\n",
				(unsigned long long)v->counters.fragment);
	}
	if (sum)
		fputs("* lost on both ways together: this echo does not tell what it received.\n", cli->out);
}

static void print_table(const struct cli *cli, const struct loss_list *list)
{
	struct table t;
	uint32_t n = 0;

	table_init(&t, "STREAM|ON|>RATE|>RECEIVED|>LOST|>FORWARD|>LATE|>DUP|>BLACKOUTS|>SILENT FOR");
	for (uint32_t i = 0; i < list->n; i++) {
		for (uint32_t k = 0; k < list->views[i]->n; k++, n++)
			add_row(&t, list->views[i], &list->views[i]->streams[k]);
	}
	if (n)
		table_print(&t, cli->out, cli->colour, 0);
	else
		fputs("no stream has come so far: `defib loss send ADDRESS` on another host makes one\n",
		      cli->out);
	say_the_rest(cli, list);
}

int loss_show(struct cli *cli, char **words)
{
	struct loss_list list;
	enum ctl_code code;

	if (words[0])
		return cli_usage("loss show: \"%s\" is too much", words[0]);
	code = loss_read(cli, &list);
	if (code)
		return code;
	if (cli->json)
		code = (enum ctl_code)cli_print_json(cli, loss_document(&list));
	else
		print_table(cli, &list);
	loss_free(&list);
	return code;
}
