// SPDX-License-Identifier: GPL-2.0-only
/* Keys, what is said to nsupdate and dig, and what they say: as BIND 9.18 does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "act/dns_text.h"
#include "base/clean.h"
#include "base/loop.h"
#include "base/text.h"
#include "conf/tsig.h"

#define SECRET "2MOq3zpzE7CHjJbviEb95erbKVVIUjXA/mjLvWUprCM="

static struct policy_dns names(void)
{
	struct policy_dns dns = {
		.zone = "example.org.",
		.n_names = 2,
		.names = {"www.example.org.", "ftp.example.org."},
		.n_servers = 1,
		.port = 5353,
		.key = {.name = "gw", .algorithm = "hmac-sha256", .secret = SECRET},
		.ttl_s = 7,
	};

	address_parse("192.0.2.53", dns.servers[0]);
	return dns;
}

static struct policy_server server(const char *ipv4, const char *ipv6)
{
	struct policy_server s = {.name = "s2"};

	s.has[DFB_FAMILY_IPV4] = ipv4 && !address_parse(ipv4, s.address[DFB_FAMILY_IPV4]);
	s.has[DFB_FAMILY_IPV6] = ipv6 && !address_parse(ipv6, s.address[DFB_FAMILY_IPV6]);
	return s;
}

/* --- updates --------------------------------------------------------------------------------- */

static void all_names_get_the_servers_addresses_in_place_of_the_known_record(void **state)
{
	const struct policy_dns dns = names();
	const struct policy_server s = server("10.78.0.12", "fd78::12");
	const struct dns_update u = {&dns, dns.servers[0], "old", "new", &s};
	char input[DNS_INPUT_LEN];

	(void)state;
	assert_int_equal(dns_text_update(&u, input), 0);
	assert_string_equal(input, "key hmac-sha256:gw " SECRET "\n"
				   "server 192.0.2.53 5353\n"
				   "zone example.org.\n"
				   "prereq yxrrset _defib.www.example.org. TXT \"old\"\n"
				   "update delete www.example.org. A\n"
				   "update add www.example.org. 7 A 10.78.0.12\n"
				   "update delete www.example.org. AAAA\n"
				   "update add www.example.org. 7 AAAA fd78::12\n"
				   "update delete ftp.example.org. A\n"
				   "update add ftp.example.org. 7 A 10.78.0.12\n"
				   "update delete ftp.example.org. AAAA\n"
				   "update add ftp.example.org. 7 AAAA fd78::12\n"
				   "update delete _defib.www.example.org. TXT\n"
				   "update add _defib.www.example.org. 7 TXT \"new\"\n"
				   "send");
}

static void without_a_record_there_must_be_none_and_a_missing_family_goes(void **state)
{
	const struct policy_dns dns = names();
	const struct policy_server s = server(NULL, "fd78::12");
	const struct dns_update one = {&dns, dns.servers[0], "", "new", &s};
	const struct dns_update none = {&dns, dns.servers[0], "", "new", NULL};
	char input[DNS_INPUT_LEN];

	(void)state;
	assert_int_equal(dns_text_update(&one, input), 0);
	assert_non_null(strstr(input, "\nprereq nxrrset _defib.www.example.org. TXT\n"));
	assert_non_null(strstr(input, "\nupdate delete www.example.org. A\n"));
	assert_null(strstr(input, " 7 A "));
	assert_non_null(strstr(input, " 7 AAAA fd78::12\n"));
	assert_int_equal(dns_text_update(&none, input), 0);
	assert_non_null(strstr(input, "\nupdate delete ftp.example.org. AAAA\n"));
	assert_null(strstr(input, " 7 A"));
}

static void the_longest_names_fit(void **state)
{
	struct policy_dns dns = names();
	const struct policy_server s = server("10.78.0.12", "fd78::12");
	char text[DNS_TEXT_LEN], input[DNS_INPUT_LEN];
	const struct dns_update u = {&dns, dns.servers[0], text, text, &s};

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (dns.n_names = 0; dns.n_names < POLICY_DNS_NAMES; dns.n_names++) {
		memset(dns.names[dns.n_names], 'a', POLICY_DNS_NAME_LEN - 9);
		dns.names[dns.n_names][POLICY_DNS_NAME_LEN - 9] = '\0';
	}
	assert_int_equal(dns_text_update(&u, input), 0);
}

/* --- records --------------------------------------------------------------------------------- */

static void a_record_is_read_as_it_was_written(void **state)
{
	const struct publish_record r = {true, "s2", "gw-1.a", UINT64_MAX, 0};
	char text[DNS_TEXT_LEN], time[TIME_TEXT_LEN];
	struct publish_record back;
	uint64_t now = clock_now_ns(), then;

	(void)state;
	dns_text_record(&r, "app", time_format(now, time), text);
	assert_int_equal(dns_text_parse(text, &back, time), 0);
	assert_true(back.there);
	assert_string_equal(back.server, "s2");
	assert_string_equal(back.gateway, "gw-1.a");
	assert_true(back.epoch == r.epoch);
	assert_int_equal(time_parse(time, &then), 0);
	assert_true(then <= now + 2000000 && then + 2000000 >= now);
}

static void nobody_is_a_server_too(void **state)
{
	struct publish_record back;
	char time[TIME_TEXT_LEN];

	(void)state;
	assert_int_equal(dns_text_parse("v=defib1 server= gateway=g pool=app epoch=3 time=x", &back, time), 0);
	assert_string_equal(back.server, "");
	assert_string_equal(time, "x");
}

static void what_is_no_record_is_refused(void **state)
{
	static const char *const rows[] = {
		"", "v=spf1 -all", "v=defib2 server=s gateway=g pool=p epoch=1 time=x",
		"v=defib1 server=s gateway=g pool=p epoch= time=x", "v=defib1 server=s gateway=g pool=p epoch=1x time=x",
		"v=defib1 server=s gateway= pool=p epoch=1 time=x", "v=defib1 gateway=g pool=p epoch=1 time=x",
		"v=defib1 server=s;x gateway=g pool=p epoch=1 time=x",
		"v=defib1 server=sssssssssssssssssssssssssssssssss gateway=g pool=p epoch=1 time=x",
	};
	struct publish_record back;
	char time[TIME_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(dns_text_parse(rows[i], &back, time), -EINVAL);
}

static void times_are_exact_or_refused(void **state)
{
	static const char *const rows[] = {"", "2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.00000Z",
					   "2026-01-01T00:00:00.000000", "2026-13-01T00:00:00.000000Z"};
	uint64_t ns = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(time_parse(rows[i], &ns), -EINVAL);
	assert_int_equal(time_parse("1971-01-01T00:00:00.000000Z", &ns), 0);
	assert_int_equal(ns, 0); /* before we began */
}

/* --- what the programs say ------------------------------------------------------------------- */

#define HEAD(status, flags) ";; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: " status ", id: 912\n" \
			    ";; flags: " flags "; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 2\n\n"
#define LINE(text) "_defib.www.example.org.\t0\tIN\tTXT\t" text "\n"

static void answers_are_taken_or_refused(void **state)
{
	static const struct {
		const char *output;
		int error;
		const char *said; /* the record, or why */
	} rows[] = {
		{HEAD("NOERROR", "qr aa rd") ";; ANSWER SECTION:\n" LINE("\"v=defib1 x\"") "\n", 0, "v=defib1 x"},
		{HEAD("NOERROR", "qr aa"), 0, ""},
		{HEAD("NXDOMAIN", "qr aa"), 0, ""},
		{HEAD("REFUSED", "qr rd"), -EIO, "REFUSED"},
		{HEAD("SERVFAIL", "qr rd"), -EIO, "SERVFAIL"},
		{HEAD("NOERROR", "qr rd ra") LINE("\"v=defib1 x\""), -EIO, "it is no name server of the zone"},
		{";; Couldn't verify signature: tsig indicates error\n" HEAD("NOTAUTH", "qr rd"), -EIO, "tsig indicates error"},
		{";; Couldn't verify signature: expected a TSIG or SIG(0)\n" HEAD("NOERROR", "qr aa") LINE("\"v=defib1 x\""),
		 -EIO, "expected a TSIG or SIG(0)"},
		{";; communications error to 10.80.1.53#53: timed out\n;; no servers could be reached\n", -EIO,
		 "10.80.1.53#53: timed out"},
		{"", -EIO, "no answer"},
		{HEAD("NOERROR", "qr aa") LINE("\"one\"") LINE("\"two\""), -EEXIST, NULL},
		{HEAD("NOERROR", "qr aa") LINE("\"one\" \"two\""), -EEXIST, NULL},
		{HEAD("NOERROR", "qr aa") LINE("\"a\\\"b\""), -EEXIST, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[DNS_TEXT_LEN] = "?", why[DNS_WHY_LEN] = "?";

		assert_int_equal(dns_text_answer(rows[i].output, text, why), rows[i].error);
		if (rows[i].said)
			assert_string_equal(rows[i].error ? why : text, rows[i].said);
	}
}

static void failures_are_named(void **state)
{
	static const struct {
		const char *output;
		int error;
		const char *why;
	} rows[] = {
		{"update failed: NXRRSET\n", -ESTALE, ""},
		{"update failed: YXRRSET\n", -ESTALE, ""},
		{"update failed: REFUSED\n", -EIO, "REFUSED"},
		{"; TSIG error with server: tsig indicates error\nupdate failed: NOTAUTH(BADKEY)\n", -EIO, "NOTAUTH(BADKEY)"},
		{"; Communication with 10.80.1.53#53 failed: timed out\n", -EIO, "10.80.1.53#53 failed: timed out"},
		{"", -EIO, "exit status 127"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char why[DNS_WHY_LEN] = "";

		assert_int_equal(dns_text_outcome(rows[i].output, "exit status 127", why), rows[i].error);
		assert_string_equal(why, rows[i].why);
	}
}

/* --- keys ------------------------------------------------------------------------------------ */

static void a_key_is_read_as_tsig_keygen_writes_it(void **state)
{
	struct policy_tsig key;
	char why[96];

	(void)state;
	assert_int_equal(tsig_parse("key \"gw\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET "\";\n};\n", &key, why,
				    sizeof(why)), 0);
	assert_string_equal(key.name, "gw");
	assert_string_equal(key.algorithm, "hmac-sha256");
	assert_string_equal(key.secret, SECRET);
	assert_int_equal(tsig_parse("# ours\nkey gw.example.org. { secret " SECRET "; algorithm hmac-sha512; }; // end", &key,
				    why, sizeof(why)), 0);
}

static void half_a_key_is_none(void **state)
{
	static const char *const rows[] = {
		"", "key", "key gw", "key gw {", "key gw {};", "key gw { algorithm hmac-sha256; };",
		"key gw { secret \"" SECRET "\"; };", "key gw { algorithm hmac-md5; secret \"" SECRET "\"; };",
		"key gw { algorithm hmac-sha256; secret \"\"; };", "key gw { algorithm hmac-sha256; secret \"AAAA\"; };",
		"key gw { algorithm hmac-sha256; secret \"" SECRET "!\"; };",
		"key gw { algorithm hmac-sha256; secret \"" SECRET "\"; }",
		"key gw { algorithm hmac-sha256; secret \"" SECRET "\n\"; };",
		"key gw { algorithm hmac-sha256; secret \"" SECRET "\"; }; key b { };",
		"key \"g w\" { algorithm hmac-sha256; secret \"" SECRET "\"; };", "zone gw { };",
	};
	struct policy_tsig key = {.name = "kept"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char why[96] = "";

		assert_int_equal(tsig_parse(rows[i], &key, why, sizeof(why)), -EINVAL);
		assert_true(why[0]);
		assert_string_equal(key.name, "kept");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_names_get_the_servers_addresses_in_place_of_the_known_record),
		cmocka_unit_test(without_a_record_there_must_be_none_and_a_missing_family_goes),
		cmocka_unit_test(the_longest_names_fit),
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(nobody_is_a_server_too),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(times_are_exact_or_refused),
		cmocka_unit_test(answers_are_taken_or_refused),
		cmocka_unit_test(failures_are_named),
		cmocka_unit_test(a_key_is_read_as_tsig_keygen_writes_it),
		cmocka_unit_test(half_a_key_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
