/* SPDX-License-Identifier: GPL-2.0-only */
/* Text that is no YAML, or not the kind that a person writes. */
#ifndef CONF_SYNTAX_H
#define CONF_SYNTAX_H

#include "reader.h"

/** syntax_complain() - why @parser stopped, with a hint; @text and @length are its whole input. */
void syntax_complain(struct reader *r, const yaml_parser_t *parser, const char *text, size_t length);

/**
 * syntax_is_shallow() - is the nesting as deep as a configuration can need?
 *
 * Asked before the document is built, because libyaml's effort grows with the square of the depth.
 * Errors of syntax are left to who builds it.
 * Return: false after a complaint.
 */
bool syntax_is_shallow(struct reader *r, const char *text, size_t length);

#endif
