/* SPDX-License-Identifier: GPL-2.0-only */
/* `defib loss`: one file for each verb that is more than a page. */
#ifndef LOSS_H
#define LOSS_H

#include "cli.h"

/** loss_send() - send streams; @words: what follows the verb. Return: the exit status. */
int loss_send(struct cli *cli, char **words);

#endif
