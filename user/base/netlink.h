/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two kinds of netlink socket: one asks and waits for the answer (the kernel answers from within
 * the request, so waiting is short), one listens to notifications, or takes a long answer in portions,
 * and never blocks. Messages are built and taken apart with libnl (struct nl_msg, nla_*), see netobject.h.
 */
#ifndef BASE_NETLINK_H
#define BASE_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>
#include <netlink/msg.h>

struct netlink;

/** netlink_fn - called with each message of an answer; @message is valid during the call only */
typedef void netlink_fn(void *arg, struct nlmsghdr *message);

/**
 * netlink_open() - a socket for requests, in the network namespace the process is in
 * @protocol: NETLINK_ROUTE or NETLINK_NETFILTER
 * Return: 0 or -errno; close with netlink_close().
 */
int netlink_open(int protocol, struct netlink **ret_netlink);

/**
 * netlink_listen() - a non-blocking socket that hears notifications
 * @protocol: NETLINK_ROUTE or NETLINK_NETFILTER
 * @groups: RTNLGRP_* or NFNLGRP_*, @n_groups of them; none: for netlink_send()
 * Return: 0 or -errno; close with netlink_close().
 */
int netlink_listen(int protocol, const int *groups, size_t n_groups, struct netlink **ret_netlink);

/** netlink_close() - NULL is fine. */
void netlink_close(struct netlink *netlink);

/** netlink_port() - the port id that notifications of our own requests carry as nlmsg_pid. */
uint32_t netlink_port(const struct netlink *netlink);

/** netlink_fd() - for loop_add(); stays the socket's. */
int netlink_fd(const struct netlink *netlink);

/**
 * netlink_request() - send a message, wait until the kernel has done it or refused
 * @message: freed here; NULL: -ENOMEM
 * Return: 0 or -errno of the kernel; its words are in netlink_error().
 */
int netlink_request(struct netlink *netlink, struct nl_msg *message);

/**
 * netlink_query() - as netlink_request(), for questions (RTM_GET*), with or without NLM_F_DUMP
 * @fn: called with each message of the answer
 * Return: 0; -EAGAIN: what was dumped changed meanwhile, so ask again; or -errno of the kernel.
 */
int netlink_query(struct netlink *netlink, struct nl_msg *message, netlink_fn *fn, void *arg);

/** netlink_error() - why the last request failed: the kernel's words, or those of the errno. */
const char *netlink_error(const struct netlink *netlink);

/**
 * netlink_send() - ask, and do not wait: netlink_read() takes the answer, datagram by datagram
 * @message: freed here; NULL: -ENOMEM
 * Return: 0 or -errno.
 */
int netlink_send(struct netlink *netlink, struct nl_msg *message);

#define NETLINK_DONE 2

/**
 * netlink_read() - take one datagram off a listening socket
 * Return: 1: there may be more; 0: nothing is left; NETLINK_DONE: it ends a dump; -ENOBUFS: notifications
 * were lost; -errno, also of a dump that the kernel refuses or breaks off.
 */
int netlink_read(struct netlink *netlink, netlink_fn *fn, void *arg);

#endif
