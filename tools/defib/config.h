/* SPDX-License-Identifier: GPL-2.0-only */
/* `defib config`: check is in config.c, the rest in config_diff.c. */
#ifndef CONFIG_H
#define CONFIG_H

#include "cli.h"

int config_diff(struct cli *cli, int argc, char **argv);
int config_reload(struct cli *cli, int argc, char **argv);

#endif
