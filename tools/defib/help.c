// SPDX-License-Identifier: GPL-2.0-only
/* Everything that is made from the table of commands. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/clean.h>

#define MAX_WORDS 64
#define MAX_WORD 32
#define HELP_COLUMN 35

struct word {
	const char *text;
	unsigned int distance;
};

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters must be changed, added or removed (Wagner, Fischer 1974). */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[MAX_WORD + 1], n = (unsigned int)strlen(b);

	if (n > MAX_WORD)
		return n;
	for (unsigned int k = 0; k <= n; k++)
		row[k] = k;
	for (unsigned int i = 1; *a; i++, a++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (unsigned int k = 1; k <= n; k++) {
			unsigned int above = row[k];

			row[k] = least(above + 1, row[k - 1] + 1, diagonal + (*a != b[k - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

static int nearest_first(const void *a, const void *b)
{
	const struct word *x = a, *y = b;

	return x->distance < y->distance ? -1 : x->distance > y->distance ? 1 : strcmp(x->text, y->text);
}

/* The objects, or the verbs of one, each once. */
static size_t collect(const char *object, struct word words[MAX_WORDS])
{
	size_t n = 0;

	for (const struct command *c = commands; c->object && n < MAX_WORDS; c++) {
		const char *text = object ? c->verb : c->object;

		if (object && strcmp(c->object, object))
			continue;
		if (!n || strcmp(words[n - 1].text, text))
			words[n++].text = text;
	}
	return n;
}

int help_wrong_word(const char *object, const char *word)
{
	struct word words[MAX_WORDS];
	size_t n = collect(object, words);

	for (size_t i = 0; i < n; i++)
		words[i].distance = word ? distance(word, words[i].text) : 0;
	if (word)
		qsort(words, n, sizeof(words[0]), nearest_first);
	if (!word)
		fprintf(stderr, "defib: %s needs one of:", object);
	else if (object)
		fprintf(stderr, "defib: %s has no \"%s\"; it has:", object, word);
	else
		fprintf(stderr, "defib: there is no \"%s\"; there is:", word);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "%s %s", i ? "," : "", words[i].text);
	fputc('\n', stderr);
	return CTL_USAGE;
}

int help_print(const char *object)
{
	struct word words[MAX_WORDS];

	if (object && !collect(object, words)) {
		help_wrong_word(NULL, object);
		return CTL_USAGE;
	}
	puts("usage: defib [-j|--json] [-p|--pretty] [--instance NAME] OBJECT [VERB] [ARG...]\n");
	for (const struct command *c = commands; c->object; c++) {
		int n;

		if (object && strcmp(c->object, object))
			continue;
		n = printf("  %s%s%s%s%s", c->object, c->verb[0] ? " " : "", c->verb, c->args[0] ? " " : "",
			   c->args);
		if (n >= HELP_COLUMN)
			n = !putchar('\n');
		printf("%*s%s\n", HELP_COLUMN - n, "", c->help);
	}
	puts("\nExit status: 0 ok, 1 failed, 2 usage or configuration, 3 daemon unreachable, 4 not permitted,\n"
	     "5 degraded, 6 no quorum, 124 timed out. defib(8) has more.");
	return CTL_OK;
}

static void print_words(const char *object)
{
	struct word words[MAX_WORDS];
	size_t n = collect(object, words);

	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? " " : "", words[i].text);
}

/* The options that a command's arguments name, or files where they want one. */
static void print_bash_args(const struct command *c)
{
	const char *option = strstr(c->args, "--");

	if (!strcmp(c->args, "FILE") || !strcmp(c->args, "[FILE]"))
		printf("\t%s:%s) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n", c->object, c->verb);
	if (!option)
		return;
	printf("\t%s:%s) words+='", c->object, c->verb);
	for (const char *last = ""; option; last = option, option = strstr(option + 2, "--")) {
		int n = (int)strcspn(option, " ]");

		if (strncmp(option, last, (size_t)n)) /* one that may be repeated is listed once */
			printf(" %.*s", n, option);
	}
	puts("' ;;");
}

static void print_bash(void)
{
	const char *last = "";

	puts("# bash completion for defib, made by `defib completion bash`\n"
	     "_defib()\n"
	     "{\n"
	     "\tlocal word=${COMP_WORDS[COMP_CWORD]} object= verb= i\n"
	     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	     "\t\tcase ${COMP_WORDS[i]} in\n"
	     "\t\t--instance) ((i++)) ;;\n"
	     "\t\t-*) ;;\n"
	     "\t\t*) if [ -z \"$object\" ]; then object=${COMP_WORDS[i]}; "
	     "elif [ -z \"$verb\" ]; then verb=${COMP_WORDS[i]}; fi ;;\n"
	     "\t\tesac\n"
	     "\tdone\n"
	     "\tlocal words='-j --json -p --pretty --instance --help'\n"
	     "\tcase $object:$verb in");
	fputs("\t:) words+=' ", stdout);
	print_words(NULL);
	puts("' ;;");
	for (const struct command *c = commands; c->object; c++) {
		if (c->verb[0] && strcmp(c->object, last)) {
			printf("\t%s:) words+=' ", c->object);
			print_words(c->object);
			puts("' ;;");
		}
		last = c->object;
	}
	for (const struct command *c = commands; c->object; c++)
		print_bash_args(c);
	puts("\tesac\n"
	     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
	     "}\n"
	     "complete -F _defib defib");
}

/* In man(7): what stands for something else in italics. A line of source for each alternative. */
static void print_man_args(const char *args)
{
	while (*args) {
		size_t n = strspn(args, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		if (n) {
			printf("\\fI%.*s\\fR", (int)n, args);
		} else {
			n = 1;
			printf(*args == '-' ? "\\-" : !strncmp(args, " [", 2) ? "\n" : "%c", *args);
		}
		args += n;
	}
}

static void print_man(void)
{
	for (const struct command *c = commands; c->object; c++) {
		if (c != commands)
			puts(".br");
		printf("\\fBdefib\\fR [\\fIOPTION\\fR...] \\fB%s%s%s\\fR%s", c->object, c->verb[0] ? " " : "",
		       c->verb, c->args[0] ? " " : "");
		print_man_args(c->args);
		putchar('\n');
	}
}

int cmd_completion(struct cli *cli, int argc, char **argv)
{
	if (argc > 1)
		return cli_usage("completion %s: \"%s\" is too much", argv[0], argv[1]);
	if (cli->json)
		return cli_usage("completion has no JSON");
	if (strcmp(argv[0], "bash"))
		print_man();
	else
		print_bash();
	return CTL_OK;
}
