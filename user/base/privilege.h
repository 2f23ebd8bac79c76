/* SPDX-License-Identifier: GPL-2.0-only */
/* To be root and still be able to do little. */
#ifndef BASE_PRIVILEGE_H
#define BASE_PRIVILEGE_H

/**
 * privilege_drop() - all capabilities go, the bounding set too, or a program run by root would get them back
 *
 * Where the bounding set cannot be changed, no_new_privs does it; elsewhere it is not set, because
 * setgid programs (a mailer's) are what hooks and checks are for.
 * Return: 0 or -EPERM.
 */
int privilege_drop(void);

#endif
