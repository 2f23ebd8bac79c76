// SPDX-License-Identifier: GPL-2.0-only
/* defib loss: the verbs, and those that are short. */
#include "loss.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/clean.h>
#include <base/pins.h>

/* --- what is counted here -------------------------------------------------------------------- */

static void remove_unused(void)
{
	CLEAN_CLOSE int lock = pins_lock();

	if (lock >= 0)
		meter_remove_unused();
}

enum ctl_code loss_read(const struct cli *cli, struct loss_list *ret_list)
{
	struct meter_place places[LOSS_VIEWS];
	int worst = -ENOENT;

	*ret_list = (struct loss_list){0};
	remove_unused();
	meter_place_instance(&cli->paths, &places[0]);
	meter_place_here(&places[1]);
	for (size_t i = 0; i < LOSS_VIEWS; i++) {
		int err = meter_view_read(&places[i], &ret_list->views[ret_list->n]);

		ret_list->n += !err;
		worst = err && err != -ENOENT ? err : worst;
	}
	if (ret_list->n)
		return CTL_OK;
	if (worst == -ENOENT)
		return cli_fail(CTL_FAILED,
				"no streams are counted here: start defibd, or `defib loss attach DEV`");
	if (worst == -EPROTO)
		return cli_fail(CTL_FAILED,
				"the streams' maps were made by another version; start its successor");
	return cli_fail(cli_code(worst), "the streams' maps below %s: %s", PATHS_BPF, strerror(-worst));
}

void loss_free(struct loss_list *list)
{
	for (uint32_t i = 0; i < list->n; i++)
		free(list->views[i]);
	list->n = 0;
}

static int reset(struct cli *cli, char **words)
{
	struct meter_place places[LOSS_VIEWS];
	int err, done = 0;

	if (words[0])
		return cli_usage("loss reset: \"%s\" is too much", words[0]);
	meter_place_instance(&cli->paths, &places[0]);
	meter_place_here(&places[1]);
	for (size_t i = 0; i < LOSS_VIEWS; i++) {
		err = meter_view_reset(&places[i]);
		if (err && err != -ENOENT)
			return cli_fail(cli_code(err), "the streams' maps below %s: %s", places[i].maps_dir,
					strerror(-err));
		done += !err;
	}
	if (!done)
		return cli_fail(CTL_FAILED, "no streams are counted here: there is nothing to reset");
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:i}", "schema", 1));
	fputs("all streams begin anew\n", cli->out);
	return CTL_OK;
}

/* --- where they are counted ------------------------------------------------------------------ */

struct place_want {
	const char *interface;
	enum xdp_mode mode;
	uint64_t blackout_ns;
	uint64_t expire_ns;
};

static int parse_duration(const char *option, const char *text, uint64_t min_ns, uint64_t *ret_ns)
{
	if (duration_parse(text, ret_ns) || *ret_ns < min_ns || *ret_ns > 24 * 3600 * 1000000000ull)
		return cli_usage("%s %s: a time such as 20ms or 5m, at least 1ms, at most 24h", option, text);
	return CTL_OK;
}

static int parse_option(struct place_want *want, const char *option, const char *value)
{
	if (!value)
		return cli_usage("%s needs a value", option);
	if (!strcmp(option, "--mode"))
		return xdp_mode_parse(value, &want->mode) ?
			       cli_usage("--mode %s: use auto, native or generic", value) :
			       CTL_OK;
	if (!strcmp(option, "--blackout") && !strcmp(value, "auto"))
		return CTL_OK;
	if (!strcmp(option, "--blackout"))
		return parse_duration(option, value, 1000000, &want->blackout_ns);
	if (!strcmp(option, "--expire"))
		return parse_duration(option, value, 1000000, &want->expire_ns);
	return cli_usage("unknown option %s: use --mode, --blackout or --expire", option);
}

static int parse_attach(struct place_want *want, char **words)
{
	for (; *words; words++) {
		int err = CTL_OK;

		if (words[0][0] == '-') {
			err = parse_option(want, words[0], words[1]);
			words += !err;
		} else if (want->interface) {
			err = cli_usage("one interface at a time: %s or %s?", want->interface, words[0]);
		} else {
			want->interface = words[0];
		}
		if (err)
			return err;
	}
	return want->interface ? CTL_OK : cli_usage("which interface?");
}

static int make_dirs(const struct meter_place *place)
{
	int err = pins_mount();

	if (err)
		return err;
	mkdir(PATHS_BPF "/defib", 0750);
	mkdir(PATHS_BPF "/defib/loss", 0750);
	return mkdir(place->maps_dir, 0750) && errno != EEXIST ? -errno : 0;
}

static int put(const struct meter_place *place, const struct place_want *want, int ifindex, char *why,
	       size_t size)
{
	struct meter *meter;
	int err = meter_open(place, &meter, why, size);

	if (err)
		return err;
	err = meter_configure(meter, want->blackout_ns, want->expire_ns);
	if (!err)
		err = meter_attach(meter, ifindex, want->mode, why, size);
	if (!err)
		meter_release_older(meter);
	meter_close(meter);
	return err;
}

static int attach(struct cli *cli, char **words)
{
	struct place_want want = {.expire_ns = DFB_LOSS_EXPIRE_NS};
	int err = parse_attach(&want, words), ifindex;
	CLEAN_CLOSE int lock = -1;
	struct meter_place place;
	char why[256] = "";

	if (err)
		return err;
	ifindex = (int)if_nametoindex(want.interface);
	if (!ifindex)
		return cli_fail(CTL_FAILED, "there is no interface %s in this network namespace",
				want.interface);
	meter_place_here(&place);
	lock = pins_lock();
	meter_remove_unused();
	err = make_dirs(&place);
	if (err)
		snprintf(why, sizeof(why), "%s: %s", place.maps_dir, strerror(-err));
	else
		err = put(&place, &want, ifindex, why, sizeof(why));
	if (err) {
		meter_remove_unused();
		return cli_fail(err == -EBUSY ? CTL_FAILED : cli_code(err), "%s", why);
	}
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:i, s:s}", "schema", 1, "interface", want.interface));
	fprintf(cli->out, "streams that arrive on %s are counted; `defib loss show` tells\n", want.interface);
	return CTL_OK;
}

static int detach(struct cli *cli, char **words)
{
	CLEAN_CLOSE int lock = -1;
	struct meter_place place;
	int ifindex;

	if (!words[0] || words[1])
		return cli_usage("loss detach takes one interface");
	ifindex = (int)if_nametoindex(words[0]);
	meter_place_here(&place);
	lock = pins_lock();
	if (!ifindex || !meter_has(&place, ifindex))
		return cli_fail(CTL_FAILED, "`defib loss attach` counts no streams on %s%s", words[0],
				ifindex ? "" : ", and there is no such interface");
	meter_detach(&place, ifindex);
	meter_remove_unused();
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:i, s:s}", "schema", 1, "interface", words[0]));
	fprintf(cli->out, "streams that arrive on %s are counted no more\n", words[0]);
	return CTL_OK;
}

int cmd_loss(struct cli *cli, int argc, char **argv)
{
	static const struct {
		const char *verb;
		int (*run)(struct cli *cli, char **words);
	} verbs[] = {
		{"show", loss_show}, {"watch", loss_watch},   {"reset", reset},	   {"attach", attach},
		{"detach", detach},  {"report", loss_report}, {"send", loss_send},
	};

	(void)argc;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!strcmp(argv[0], verbs[i].verb))
			return verbs[i].run(cli, argv + 1);
	}
	return CTL_USAGE; /* main.c lets no other word through */
}
