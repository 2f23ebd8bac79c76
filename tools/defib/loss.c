// SPDX-License-Identifier: GPL-2.0-only
/* defib loss: the verbs. */
#include "loss.h"

int cmd_loss(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	return loss_send(cli, argv + 1);
}
