/* SPDX-License-Identifier: GPL-2.0-only */
/* The groups of tests, each run with the rig open. Return: number of failed tests. */
#ifndef SELFTESTS_GROUPS_H
#define SELFTESTS_GROUPS_H

int echo_tests(void);
int echo_limit_tests(void);
int root_tests(void);
int steer_tests(void);
int spread_tests(void);
int several_tests(void);
int stamp_tests(void);
int reply_tests(void);
int userland_tests(void);
int order_tests(void);
int verdict_tests(void);
int successor_tests(void);
int wire_tests(void);
int loss_tests(void);
int far_tests(void);
int vip_tests(void);
int flow_tests(void);
int stack_tests(void);

#endif
