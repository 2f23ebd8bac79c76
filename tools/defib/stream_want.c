// SPDX-License-Identifier: GPL-2.0-only
/* The words of `defib loss send`, and the arithmetic of its pace. */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <defib/wire.h>

#include "cli.h"

#define NS_PER_S 1000000000u
#define GRACE_NS 200000000u /* after its time, a run may send what is overdue */
#define SLOW_NS 10000000u   /* a run that is behind by less was held up, and is not slow */
#define KEPT 0.98

const char *const stream_sender_names[STREAM_SENDER_MAX] = {"auto", "kernel", "socket"};

/* --- words ----------------------------------------------------------------------------------- */

static int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	unsigned long long n;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || n < min || n > max)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int parse_rates(const char *text, struct stream_want *want)
{
	size_t n = 0;
	char one[16];

	for (const char *from = text;; n++) {
		size_t length = strcspn(from, ",");
		uint64_t rate;

		if (n == STREAM_MAX_RATES)
			return cli_usage("--rate %s: at most %d rates", text, STREAM_MAX_RATES);
		text_copy(one, length + 1 < sizeof(one) ? length + 1 : sizeof(one), from);
		if (length >= sizeof(one) || parse_number(one, 1, STREAM_MAX_RATE, &rate))
			return cli_usage("--rate %s: packets per second, 1 to %u; several: 10,100,1000", text,
					 STREAM_MAX_RATE);
		want->rates[n] = (uint32_t)rate;
		if (!from[length])
			break;
		from += length + 1;
	}
	want->n_rates = n + 1;
	return CTL_OK;
}

static int parse_port(const char *option, const char *text, uint16_t *ret_port)
{
	uint64_t n;

	if (parse_number(text, 1, UINT16_MAX, &n))
		return cli_usage("%s %s: use 1 to 65535", option, text);
	*ret_port = (uint16_t)n;
	return CTL_OK;
}

static int parse_size(const char *text, uint32_t *ret_size)
{
	uint64_t n;

	if (parse_number(text, 1, STREAM_MAX_SIZE, &n))
		return cli_usage("--size %s: of a frame in bytes, at most %d", text, STREAM_MAX_SIZE);
	*ret_size = (uint32_t)n;
	return CTL_OK;
}

static int parse_sender(const char *text, enum stream_sender *ret_sender)
{
	for (int i = 0; i < STREAM_SENDER_MAX; i++) {
		if (!strcmp(text, stream_sender_names[i])) {
			*ret_sender = (enum stream_sender)i;
			return CTL_OK;
		}
	}
	return cli_usage("--sender %s: use auto, kernel or socket", text);
}

static int parse_option(const char *option, const char *value, struct stream_want *want)
{
	if (!value)
		return cli_usage("%s needs a value", option);
	if (!strcmp(option, "--rate"))
		return parse_rates(value, want);
	if (!strcmp(option, "--port"))
		return parse_port(option, value, &want->port);
	if (!strcmp(option, "--sport"))
		return parse_port(option, value, &want->sport);
	if (!strcmp(option, "--size"))
		return parse_size(value, &want->size);
	if (!strcmp(option, "--sender"))
		return parse_sender(value, &want->sender);
	if (!strcmp(option, "--count")) {
		if (parse_number(value, 1, UINT32_MAX, &want->count))
			return cli_usage("--count %s: packets, 1 to %u", value, UINT32_MAX);
		return CTL_OK;
	}
	if (!strcmp(option, "--duration")) {
		if (duration_parse(value, &want->duration_ns) || !want->duration_ns)
			return cli_usage("--duration %s: a time with its unit, such as 10s, 500ms or 2m", value);
		return CTL_OK;
	}
	return cli_usage("unknown option %s: use --rate, --count, --duration, --size, --port, --sport or --sender",
			 option);
}

static int parse_address(const char *device, const char *address, struct stream_want *want)
{
	if (!address)
		return cli_usage("where to? loss send [DEV] ADDRESS");
	if (address_parse(address, want->address))
		return cli_usage("%s is no address such as 10.79.0.100 or fd79::100%s", address,
				 device ? "" : "; a device comes before the address: loss send DEV ADDRESS");
	if (!device && want->address[0] == 0xfe && (want->address[1] & 0xc0) == 0x80)
		return cli_usage("%s is on every link: say which, loss send DEV %s", address, address);
	want->device = device;
	return CTL_OK;
}

/* What only all the words together tell. */
static int check(struct stream_want *want)
{
	uint32_t least = stream_min_size(want->address);

	if (want->count && want->duration_ns)
		return cli_usage("--count or --duration, not both");
	if (!want->count && !want->duration_ns)
		want->duration_ns = 10ull * NS_PER_S;
	if (want->size < least)
		return cli_usage("--size %u: at least %u, for Ethernet, IP, UDP and 16 bytes", want->size, least);
	if (want->sport + want->n_rates - 1 > UINT16_MAX)
		return cli_usage("--sport %u: each of %zu rates has a port of its own, up to 65535: use %zu or less",
				 want->sport, want->n_rates, UINT16_MAX + 1 - want->n_rates);
	for (size_t i = 0; i < want->n_rates && !want->count; i++) {
		if (want->duration_ns / NS_PER_S > UINT32_MAX / want->rates[i])
			return cli_usage("--duration: at %u/s that is more than %u packets", want->rates[i],
					 UINT32_MAX);
	}
	return CTL_OK;
}

int stream_want_parse(char **words, struct stream_want *ret_want)
{
	struct stream_want want = {.rates = {1000}, .n_rates = 1, .size = 128, .port = 9, .sport = 40000};
	const char *names[2] = {NULL};
	size_t n = 0;
	int err;

	while (*words) {
		if (words[0][0] != '-') {
			if (n == 2)
				return cli_usage("loss send: \"%s\" is too much; a device and an address it takes",
						 words[0]);
			names[n++] = *words++;
			continue;
		}
		err = parse_option(words[0], words[1], &want);
		if (err)
			return err;
		words += 2;
	}
	err = parse_address(n == 2 ? names[0] : NULL, n == 2 ? names[1] : names[0], &want);
	if (!err)
		err = check(&want);
	if (!err)
		*ret_want = want;
	return err;
}

uint32_t stream_min_size(const uint8_t address[16])
{
	size_t ip = address_is_ipv4(address) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	return (uint32_t)(ETH_HLEN + ip + sizeof(struct udphdr) + sizeof(struct dfb_pktgen));
}

void stream_want_run(const struct stream_want *want, size_t i, struct stream_run *ret_run)
{
	*ret_run = (struct stream_run){
		.rate = want->rates[i],
		.sport = (uint16_t)(want->sport + i),
		.count = want->count,
		.late_max_ns = UINT64_MAX,
	};
	if (want->count)
		return;
	ret_run->count = stream_due_count(ret_run->rate, want->duration_ns - 1);
	ret_run->limit_ns = want->duration_ns + GRACE_NS;
}

/* --- pace ------------------------------------------------------------------------------------ */

uint64_t stream_due_ns(uint32_t rate, uint64_t n)
{
	return n / rate * NS_PER_S + (n % rate * NS_PER_S + rate - 1) / rate;
}

uint64_t stream_due_count(uint32_t rate, uint64_t elapsed_ns)
{
	return elapsed_ns / NS_PER_S * rate + elapsed_ns % NS_PER_S * rate / NS_PER_S + 1;
}

uint64_t stream_wake_ns(uint32_t rate, uint64_t n, uint64_t count)
{
	uint64_t last = n;

	if (rate > STREAM_TICKS_ABOVE)
		last += (uint64_t)rate * STREAM_TICK_NS / NS_PER_S - 1;
	return stream_due_ns(rate, last < count ? last : count - 1);
}

double stream_kept_rate(const struct stream_run *run)
{
	uint64_t turns = run->sent + run->refused;

	if (turns < 2 || run->last_ns <= run->first_ns)
		return 0;
	return (double)(turns - 1) * 1e9 / (double)(run->last_ns - run->first_ns);
}

bool stream_is_slow(const struct stream_run *run)
{
	uint64_t turns = run->sent + run->refused;
	double kept = stream_kept_rate(run);

	return kept > 0 && kept < KEPT * run->rate &&
	       run->last_ns - run->first_ns > stream_due_ns(run->rate, turns - 1) + SLOW_NS;
}
