/* SPDX-License-Identifier: GPL-2.0-only */
/* Text to values and back: addresses, durations, time stamps. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_TEXT_LEN 46 /* INET6_ADDRSTRLEN */
#define TIME_TEXT_LEN 32
#define DURATION_TEXT_LEN 24

/** address_parse() - "10.0.0.1" or "fd00::1" into 16 bytes, IPv4 as ::ffff:a.b.c.d. Return: 0 or -EINVAL. */
int address_parse(const char *text, uint8_t ret_address[16]);

/** address_format() - the usual text; IPv4-mapped addresses as a.b.c.d. Return: @text. */
char *address_format(const uint8_t address[16], char text[ADDRESS_TEXT_LEN]);

/** address_is_ipv4() - is it ::ffff:0:0/96? */
bool address_is_ipv4(const uint8_t address[16]);

/**
 * duration_parse() - "250us", "10ms", "1.5s", "2m", "1h"; the unit is mandatory
 * Return: 0, -EINVAL (no number, no or unknown unit), -ERANGE (does not fit).
 */
int duration_parse(const char *text, uint64_t *ret_ns);

/** duration_format() - the shortest of ns, us, ms, s that is readable, such as "2.31 ms". Return: @text. */
char *duration_format(uint64_t ns, char text[DURATION_TEXT_LEN]);

/** time_format() - a CLOCK_MONOTONIC time as RFC 3339 UTC with microseconds. Return: @text. */
char *time_format(uint64_t mono_ns, char text[TIME_TEXT_LEN]);

/**
 * time_parse() - what time_format() wrote, here or on another machine
 * @ret_mono_ns: by our CLOCK_MONOTONIC; 0 for what was before it began
 * Return: 0 or -EINVAL.
 */
int time_parse(const char *text, uint64_t *ret_mono_ns);

/** text_copy() - strncpy that always terminates. */
void text_copy(char *to, size_t size, const char *from);

/** name_is_valid() - is @name fit for a server, pool or service: [A-Za-z0-9._-], 1 to 31 characters? */
bool name_is_valid(const char *name);

#endif
