/* SPDX-License-Identifier: GPL-2.0-only */
/* `defib loss`: one file for each verb that is more than a page. */
#ifndef LOSS_H
#define LOSS_H

#include <sense/meter_view.h>

#include "cli.h"

#define LOSS_VIEWS 2
#define LOSS_STREAM_TEXT (2 * (ADDRESS_TEXT_LEN + 9) + 4)

/** struct loss_list - all streams that are counted here: by the instance's daemon, and by `loss attach` */
struct loss_list {
	uint32_t n;
	struct meter_view *views[LOSS_VIEWS];
};

/** loss_read() - Return: CTL_OK, or the exit status after a word on what is wrong. loss_free() it. */
enum ctl_code loss_read(const struct cli *cli, struct loss_list *ret_list);
void loss_free(struct loss_list *list);

/** loss_name() - "10.0.0.1:9 > 10.0.0.2:40000", IPv6 addresses in brackets. Return: @text. */
char *loss_name(const struct dfb_stream_key *key, char text[LOSS_STREAM_TEXT]);

/** loss_silence_ns() - for how long nothing came. */
uint64_t loss_silence_ns(const struct meter_view *view, const struct dfb_stream *s);

/** loss_rate() - packets per second that the sender sends; 0: not known */
double loss_rate(const struct dfb_stream *s);

/** loss_is_sum() - is what was lost that of both ways, and nobody can tell them apart? */
bool loss_is_sum(const struct meter_stream *s);

/** loss_document() - Return: the document of `defib -j loss show`, new reference. */
json_t *loss_document(const struct loss_list *list);

/* A verb; @words: what follows it. Return: the exit status. */
int loss_show(struct cli *cli, char **words);
int loss_watch(struct cli *cli, char **words);
int loss_send(struct cli *cli, char **words);
int loss_report(struct cli *cli, char **words);

#endif
