// SPDX-License-Identifier: GPL-2.0-only
/*
 * defib loss watch: a line per stream, with what it lost in the last intervals. On a terminal the picture is
 * drawn anew; elsewhere each interval adds its lines, or with -j a document.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/clean.h>

#include "loss.h"
#include "screen.h"
#include "table.h"

#define PAST 12
#define STREAM_COLUMNS 32 /* so a line has 79: clearing its rest would take the 80th */
#define LOUD 0.5 /* what the highest bar means: half of the packets, or more */

/**
 * struct trail - what is remembered of a stream from look to look
 * @expected: received less duplicates and stale ones plus lost, at the last look
 * @share: lost of what was sent, in each of the last intervals; below 0: nothing came
 */
struct trail {
	struct dfb_stream_key key;
	uint64_t expected, lost;
	double share[PAST];
	uint32_t looks;
};

struct watch {
	struct cli *cli;
	uint64_t period_ms;
	uint64_t rounds; /* 0: without end */
	uint32_t n;
	struct trail *trails;
	bool blocks; /* the terminal knows them */
};

static struct trail *find_trail(struct watch *w, const struct dfb_stream_key *key)
{
	struct trail *list;

	for (uint32_t i = 0; i < w->n; i++) {
		if (!memcmp(&w->trails[i].key, key, sizeof(*key)))
			return &w->trails[i];
	}
	list = reallocarray(w->trails, w->n + 1, sizeof(*list));
	if (!list)
		return NULL;
	w->trails = list;
	list[w->n] = (struct trail){.key = *key};
	return &list[w->n++];
}

/* A late packet takes its loss back: then there is less lost than before, which counts as none. */
static void follow(struct trail *t, const struct dfb_account *a)
{
	uint64_t expected = a->received - a->duplicates - a->stale + a->lost;
	uint64_t more = expected > t->expected ? expected - t->expected : 0;
	uint64_t lost = a->lost > t->lost ? a->lost - t->lost : 0;

	memmove(t->share, t->share + 1, (PAST - 1) * sizeof(t->share[0]));
	t->share[PAST - 1] = !more ? -1 : (double)lost / (double)more;
	t->expected = expected;
	t->lost = a->lost;
	t->looks++;
}

static const char *bar(const struct watch *w, double share)
{
	static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
					     "\u2585", "\u2586", "\u2587", "\u2588"};
	static const char *const plain[] = {".", ":", "-", "=", "+", "*", "%", "#"};
	int height = (int)(share / LOUD * 7) + 1;

	if (share < 0)
		return " ";
	if (share == 0)
		return w->blocks ? "\u00b7" : "_";
	return (w->blocks ? blocks : plain)[height > 7 ? 7 : height];
}

static void sparkline(const struct watch *w, const struct trail *t, char *text, size_t size)
{
	text[0] = 0;
	for (uint32_t i = 0; i < PAST; i++)
		strncat(text, i + t->looks < PAST ? " " : bar(w, t->share[i]), size - strlen(text) - 1);
}

/* What does not fit loses its middle. */
static void fit(char *text, size_t columns)
{
	size_t n = strlen(text), tail = columns / 2;

	if (n <= columns)
		return;
	text[columns - tail - 1] = '~';
	memmove(text + columns - tail, text + n - tail, tail + 1);
}

static void print_stream(struct watch *w, FILE *out, const struct meter_view *view,
			 const struct meter_stream *one)
{
	struct trail *t = find_trail(w, &one->key);
	const struct dfb_stream *s = &one->stream;
	char name[LOSS_STREAM_TEXT], silence[DURATION_TEXT_LEN] = "-", line[PAST * 4 + 1];
	bool silent = s->state == DFB_STREAM_SILENT;
	const char *colour = w->cli->colour && silent ? "\033[31m" : "";

	if (!t)
		return;
	follow(t, &s->account);
	fit(loss_name(&one->key, name), STREAM_COLUMNS);
	sparkline(w, t, line, sizeof(line));
	if (silent)
		duration_format(loss_silence_ns(view, s), silence);
	fprintf(out, "%-*s %-6.6s %7.5g %8llu %s %s%9s%s\n", STREAM_COLUMNS, name, s->interface, loss_rate(s),
		(unsigned long long)s->account.lost, line, colour, silence, *colour ? TABLE_PLAIN : "");
}

static void print_head(const struct watch *w, FILE *out)
{
	const char *bold = w->cli->colour ? TABLE_BOLD : "", *plain = w->cli->colour ? TABLE_PLAIN : "";

	fprintf(out, "%s%-*s %-6s %7s %8s %-*s %9s%s\n", bold, STREAM_COLUMNS, "STREAM", "ON", "RATE/s",
		"LOST", PAST, "LOSS", "SILENCE", plain);
}

static void print_frame(struct watch *w, FILE *out, const struct loss_list *list, size_t rows)
{
	size_t n = 0;

	print_head(w, out);
	for (uint32_t i = 0; i < list->n; i++) {
		for (uint32_t k = 0; k < list->views[i]->n; k++, n++) {
			if (n < rows)
				print_stream(w, out, list->views[i], &list->views[i]->streams[k]);
		}
	}
	if (!n)
		fputs("no stream has come so far\n", out);
	if (n > rows)
		fprintf(out, "... and %zu more\n", n - rows);
}

static void draw(struct watch *w, const struct loss_list *list)
{
	CLEAN_FREE char *frame = NULL;
	size_t size, rows = screen_size().ws_row;
	FILE *out = open_memstream(&frame, &size);

	if (!out)
		return;
	print_frame(w, out, list, rows > 6 ? rows - 4 : 2);
	fprintf(out, "\nEach mark is %.4g s: %s nothing lost, %s half or more; q ends\n",
		(double)w->period_ms / 1000, bar(w, 0), bar(w, 1));
	if (!fclose(out))
		screen_draw(frame);
}

static enum ctl_code look(struct watch *w, bool terminal)
{
	struct loss_list list;
	enum ctl_code code = loss_read(w->cli, &list);

	if (code)
		return code;
	if (w->cli->json)
		code = (enum ctl_code)cli_print_json(w->cli, loss_document(&list));
	else if (terminal)
		draw(w, &list);
	else
		print_frame(w, w->cli->out, &list, SIZE_MAX);
	fflush(w->cli->out);
	loss_free(&list);
	return code;
}

static int parse(struct watch *w, char **words)
{
	for (; *words; words += 2) {
		uint64_t ns = 0;
		char *end;

		if (strcmp(words[0], "--every") && strcmp(words[0], "--count"))
			return cli_usage("loss watch: unknown word %s: use --every T or --count N", words[0]);
		if (!words[1])
			return cli_usage("%s needs a value", words[0]);
		if (!strcmp(words[0], "--every")) {
			if (duration_parse(words[1], &ns) || ns < 100000000 || ns > 3600000000000ull)
				return cli_usage("--every %s: a time from 100ms to 1h", words[1]);
			w->period_ms = ns / 1000000;
			continue;
		}
		w->rounds = strtoull(words[1], &end, 10);
		if (words[1][0] < '1' || words[1][0] > '9' || *end)
			return cli_usage("--count %s: how many times, from 1 on", words[1]);
	}
	return CTL_OK;
}

int loss_watch(struct cli *cli, char **words)
{
	struct watch w = {.cli = cli, .period_ms = 1000};
	bool terminal = !cli->json && isatty(STDOUT_FILENO);
	enum ctl_code code = (enum ctl_code)parse(&w, words);
	struct loss_list list;

	if (!code)
		code = loss_read(cli, &list); /* what is wrong is said before the screen is taken */
	if (code)
		return code;
	loss_free(&list);
	setlocale(LC_CTYPE, "");
	w.blocks = !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (terminal)
		screen_begin();
	else
		screen_catch();
	for (uint64_t round = 1; !(code = look(&w, terminal)) && round != w.rounds; round++) {
		if (screen_wait((int)w.period_ms))
			break;
	}
	if (terminal)
		screen_end();
	free(w.trails);
	return code;
}
