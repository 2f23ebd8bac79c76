// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a stream's packets go, asked of the kernel with all that its rules may look at. A device that is
 * asked for must have a route: an IPv4 socket bound to one without believes every address in the world to be
 * at the other end of the cable, and nobody would hear it.
 */
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include <base/clean.h>
#include <base/loop.h>
#include <base/netlink.h>
#include <base/netobject.h>
#include <base/text.h>

#define DISCARD_PORT 9 /* RFC 863 */
#define PATIENCE_NS 2000000000u

static void clean_netlink(struct netlink **netlink)
{
	netlink_close(*netlink);
}

#define CLEAN_NETLINK __attribute__((cleanup(clean_netlink)))

/* An IPv4 address or an IPv6 one, to 16 bytes. */
static bool take_address(const struct nlattr *attribute, uint8_t ret_address[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	int size = attribute ? nla_len(attribute) : 0;

	if (size != 4 && size != 16)
		return false;
	memcpy(ret_address, mapped, sizeof(mapped));
	memcpy(ret_address + 16 - size, nla_data(attribute), (size_t)size);
	return true;
}

/* --- route ----------------------------------------------------------------------------------- */

struct route {
	struct netobject object;
	bool found;
	uint8_t source[16];
};

static void take_route(void *arg, struct nlmsghdr *message)
{
	struct nlattr *attributes[RTA_MAX + 1] = {0};
	struct route *route = arg;

	if (message->nlmsg_type != RTM_NEWROUTE || netobject_parse(message, &route->object) ||
	    nlmsg_parse(message, sizeof(struct rtmsg), attributes, RTA_MAX, NULL) < 0)
		return;
	route->found = take_address(attributes[RTA_PREFSRC], route->source);
}

static struct nl_msg *route_question(const struct stream_want *want, const struct stream_run *run,
				     int ifindex)
{
	struct nl_msg *message = netobject_lookup_message(want->address, false);
	int err = 0;

	if (!message)
		return NULL;
	if (address_is_ipv4(want->address)) /* the table tells a route from an assumption */
		((struct rtmsg *)nlmsg_data(nlmsg_hdr(message)))->rtm_flags |= RTM_F_LOOKUP_TABLE;
	if (ifindex)
		err = nla_put_u32(message, RTA_OIF, (uint32_t)ifindex);
	err |= nla_put_u8(message, RTA_IP_PROTO, IPPROTO_UDP);
	err |= nla_put_u16(message, RTA_SPORT, htons(run->sport));
	err |= nla_put_u16(message, RTA_DPORT, htons(want->port));
	if (!err)
		return message;
	nlmsg_free(message);
	return NULL;
}

static int say_no_route(const struct stream_want *want, const char *error, char ret_why[STREAM_WHY_LEN])
{
	const char *inet6 = address_is_ipv4(want->address) ? "" : "-6 ";
	char to[ADDRESS_TEXT_LEN];

	address_format(want->address, to);
	if (want->device)
		snprintf(ret_why, STREAM_WHY_LEN, "no route to %s through %s (%s): give it one, "
			 "`ip %sroute add %s ... dev %s`, or leave the device away", to, want->device, error,
			 inet6, to, want->device);
	else
		snprintf(ret_why, STREAM_WHY_LEN, "no route to %s (%s): `ip %sroute get %s` shows what is known",
			 to, error, inet6, to);
	return -EHOSTUNREACH;
}

static bool resolves(const char *interface)
{
	CLEAN_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_ifindex = 0};

	if (fd < 0)
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	text_copy(request.ifr_name, sizeof(request.ifr_name), interface);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) || request.ifr_flags & IFF_NOARP)
		return false;
	return !ioctl(fd, SIOCGIFHWADDR, &request) && request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
}

static bool is_assumed(const struct stream_want *want, const struct netobject *route)
{
	return address_is_ipv4(want->address) && route->type == RTN_UNICAST && !route->table;
}

int stream_way_find(const struct stream_want *want, struct stream_run *run, char ret_why[STREAM_WHY_LEN])
{
	CLEAN_NETLINK struct netlink *netlink = NULL;
	int err, ifindex = want->device ? (int)if_nametoindex(want->device) : 0;
	struct stream_way *way = &run->way;
	struct route route = {.found = false};
	char to[ADDRESS_TEXT_LEN];

	if (want->device && !ifindex) {
		snprintf(ret_why, STREAM_WHY_LEN, "no interface %s here: `ip link` lists them", want->device);
		return -ENODEV;
	}
	err = netlink_open(NETLINK_ROUTE, &netlink);
	if (err) {
		snprintf(ret_why, STREAM_WHY_LEN, "netlink: %s", strerror(-err));
		return err;
	}
	err = netlink_query(netlink, route_question(want, run, ifindex), take_route, &route);
	if (err)
		return say_no_route(want, strerror(-err), ret_why);
	if (!route.found || is_assumed(want, &route.object))
		return say_no_route(want, route.found ? "no table has one" : "no source address", ret_why);
	if (route.object.type != RTN_UNICAST && route.object.type != RTN_LOCAL) {
		snprintf(ret_why, STREAM_WHY_LEN, "%s is not the address of one host",
			 address_format(want->address, to));
		return -EHOSTUNREACH;
	}
	way->local = route.object.type == RTN_LOCAL;
	way->ifindex = ifindex ? ifindex : route.object.ifindex;
	if (!if_indextoname((unsigned int)way->ifindex, way->interface))
		return say_no_route(want, "its interface is gone", ret_why);
	way->resolves = !way->local && resolves(way->interface);
	memcpy(way->source, route.source, 16);
	memcpy(way->next_hop, route.object.has_gateway ? route.object.gateway : want->address, 16);
	return 0;
}

/* --- neighbour ------------------------------------------------------------------------------- */

struct neighbour {
	bool valid;
	uint8_t mac[6];
};

static void take_neighbour(void *arg, struct nlmsghdr *message)
{
	static const int valid = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT |
				 NUD_NOARP;
	struct nlattr *attributes[NDA_MAX + 1] = {0};
	const struct ndmsg *header = nlmsg_data(message);
	struct neighbour *n = arg;

	if (message->nlmsg_type != RTM_NEWNEIGH ||
	    nlmsg_parse(message, sizeof(*header), attributes, NDA_MAX, NULL) < 0)
		return;
	if (!(header->ndm_state & valid) || !attributes[NDA_LLADDR] || nla_len(attributes[NDA_LLADDR]) != 6)
		return;
	memcpy(n->mac, nla_data(attributes[NDA_LLADDR]), 6);
	n->valid = true;
}

static struct nl_msg *neighbour_question(const struct stream_way *way)
{
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETNEIGH, 0);
	bool ipv4 = address_is_ipv4(way->next_hop);
	struct ndmsg header = {.ndm_family = ipv4 ? AF_INET : AF_INET6, .ndm_ifindex = way->ifindex};
	int err;

	if (!message)
		return NULL;
	err = nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
	err |= nla_put(message, NDA_DST, ipv4 ? 4 : 16, way->next_hop + (ipv4 ? 12 : 0));
	if (!err)
		return message;
	nlmsg_free(message);
	return NULL;
}

/* The kernel asks for a neighbour's address when there is a packet for it. */
static void wake(const struct stream_way *way)
{
	struct sockaddr_storage to;
	socklen_t length = stream_sockaddr(way->next_hop, DISCARD_PORT, way->ifindex, &to);
	CLEAN_CLOSE int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, way->interface, (socklen_t)strlen(way->interface));
	sendto(fd, "", 0, MSG_DONTWAIT, (struct sockaddr *)&to, length);
}

int stream_way_neighbour(const struct stream_way *way, uint8_t ret_mac[6])
{
	static const struct timespec moment = {.tv_nsec = 20000000};
	uint64_t until = clock_now_ns() + PATIENCE_NS;
	CLEAN_NETLINK struct netlink *netlink = NULL;
	struct neighbour n = {.valid = false};
	int err = way->resolves ? netlink_open(NETLINK_ROUTE, &netlink) : -EOPNOTSUPP;

	for (bool woken = false; !err; woken = true) {
		err = netlink_query(netlink, neighbour_question(way), take_neighbour, &n);
		if (err && err != -ENOENT)
			return err;
		if (n.valid) {
			memcpy(ret_mac, n.mac, 6);
			return 0;
		}
		if (stream_stopped || clock_now_ns() > until)
			return -EHOSTUNREACH;
		if (!woken)
			wake(way);
		nanosleep(&moment, NULL);
		err = 0;
	}
	return err;
}
