// SPDX-License-Identifier: GPL-2.0-only
/* Can a server be reached directly, and if not, why not? */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "base/text.h"
#include "link_state.h"

/* What the kernel answers for an address. */
struct answer {
	int error;
	struct netobject route;
};

static void take(void *arg, struct nlmsghdr *message)
{
	struct answer *answer = arg;

	netobject_parse(message, &answer->route);
}

static struct answer ask(struct link *link, const uint8_t address[16])
{
	struct answer answer = { .error = 0 };

	answer.error = netlink_query(link->requests, netobject_lookup_message(address, false), take, &answer);
	return answer;
}

/* The interface that was the way until now is the best explanation; else one that is not in order. */
static const struct link_interface *culprit(const struct link_policy *policy, const struct link_path *path)
{
	const struct link_interface *last = path->last >= 0 ? &policy->interfaces[path->last] : NULL;

	if (last)
		return last->ifindex && last->up ? NULL : last;
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		const struct link_interface *interface = &policy->interfaces[i];

		if (interface->server && (!interface->ifindex || !interface->up))
			return interface;
	}
	return NULL;
}

static bool is_server_interface(const struct link_policy *policy, int ifindex)
{
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		if (policy->interfaces[i].ifindex == ifindex && policy->interfaces[i].server)
			return true;
	}
	return false;
}

/* The longest addresses do not fit into an event; what is cut is the least. */
static void explain(const struct link_policy *policy, const struct link_path *path,
		    const struct answer *answer, char *why, size_t why_size)
{
	const struct link_interface *interface = culprit(policy, path);
	char address[ADDRESS_TEXT_LEN], gateway[ADDRESS_TEXT_LEN], name[IF_NAMESIZE] = "?";
	char text[192];

	address_format(path->address, address);
	if_indextoname((unsigned int)answer->route.ifindex, name);
	if (interface)
		snprintf(text, sizeof(text), "interface %s is %s", interface->name,
			 interface->ifindex ? "down" : "gone");
	else if (answer->error)
		snprintf(text, sizeof(text), "no route to %s: %s", address, strerror(-answer->error));
	else if (answer->route.type == RTN_LOCAL)
		snprintf(text, sizeof(text), "%s is an address of this gateway", address);
	else if (answer->route.has_gateway)
		snprintf(text, sizeof(text), "%s is not on-link: routed via %s dev %s", address,
			 address_format(answer->route.gateway, gateway), name);
	else if (is_server_interface(policy, answer->route.ifindex))
		snprintf(text, sizeof(text), "%s is on-link through %s: no client interface, as vip needs", address,
			 name);
	else
		snprintf(text, sizeof(text), "%s is on-link through %s: %s is not a server interface", address,
			 name, name);
	text_copy(why, why_size, text);
}

/* A route may be gone with the carrier (ignore_routes_with_linkdown); the interface still is the way. */
static struct link_interface *way_of(struct link *link, struct link_path *path, const struct answer *answer)
{
	struct link_policy *policy = &link->policy;
	struct link_interface *interface = link_interface_at(policy, answer->route.ifindex);

	if (!answer->error && !answer->route.has_gateway && answer->route.type == RTN_UNICAST && interface &&
	    interface->server && (interface->client || !path->vip))
		return interface;
	if (path->last < 0 || answer->route.type == RTN_LOCAL)
		return NULL;
	interface = &policy->interfaces[path->last];
	return interface->ifindex && interface->up && !interface->carrier ? interface : NULL;
}

/* Return: can packets leave for it? If not, @why says why. */
static bool judge_path(struct link *link, struct link_path *path, char *why, size_t size)
{
	struct answer answer = ask(link, path->address);
	const struct link_interface *interface = way_of(link, path, &answer);
	char address[ADDRESS_TEXT_LEN];

	path->ifindex = 0;
	if (!interface) {
		explain(&link->policy, path, &answer, why, size);
		return false;
	}
	path->ifindex = interface->ifindex;
	path->last = (int)(interface - link->policy.interfaces);
	if (!interface->carrier)
		snprintf(why, size, "no carrier on %s", interface->name);
	else if (path->silent)
		snprintf(why, size, "neighbour %s does not answer on %s", address_format(path->address, address),
			 interface->name);
	return interface->carrier && !path->silent;
}

static void judge_server(struct link *link, struct link_server *server)
{
	struct event_routable now = { .server = server->id };

	for (int family = 0; family < DFB_FAMILIES; family++) {
		struct link_path *path = &server->path[family];
		char why[sizeof(now.why)] = "";

		if (!path->has)
			continue;
		now.cannot_leave[family] = !judge_path(link, path, why, sizeof(why));
		now.ok |= path->ifindex != 0;
		if (!now.why[0])
			text_copy(now.why, sizeof(now.why), why);
	}
	server->stale = false;
	server->now = now;
}

static bool is_said(const struct link_server *server)
{
	const struct event_routable *now = &server->now;
	const struct event_routable *said = &server->said;

	for (int family = 0; family < DFB_FAMILIES; family++) {
		if (server->path[family].ifindex != server->said_ifindex[family] ||
		    now->cannot_leave[family] != said->cannot_leave[family])
			return false;
	}
	return server->told && now->ok == said->ok && strcmp(now->why, said->why) == 0;
}

static void tell_server(struct link *link, struct link_server *server)
{
	struct event event = { .kind = EVENT_ROUTABLE, .time_ns = clock_now_ns(), .routable = server->now };

	if (is_said(server))
		return;
	event.routable.moved = !server->told;
	server->told = true;
	server->said = server->now;
	for (int family = 0; family < DFB_FAMILIES; family++) {
		event.routable.moved |= server->said_ifindex[family] != server->path[family].ifindex;
		server->said_ifindex[family] = server->path[family].ifindex;
	}
	link->emit(link->arg, &event);
}

/* Of a server that shares a segment with clients, and is known there. */
static void tell_station(struct link *link, struct link_server *server, uint32_t family)
{
	static const struct dfb_station unknown;
	struct link_path *path = &server->path[family];
	const struct link_interface *interface = link_interface_at(&link->policy, path->ifindex);
	struct event event = { .kind = EVENT_STATION, .station = { .server = server->id, .family = family } };
	struct dfb_station *at = &event.station.at;

	if (!interface || !interface->client ||
	    !memcmp(path->station, unknown.address, sizeof(path->station)) ||
	    !memcmp(interface->own, unknown.own, sizeof(interface->own)))
		return;
	at->ifindex = (uint32_t)path->ifindex;
	memcpy(at->address, path->station, sizeof(at->address));
	memcpy(at->own, interface->own, sizeof(at->own));
	if (!memcmp(&path->said, at, sizeof(*at)))
		return;
	path->said = *at;
	event.time_ns = clock_now_ns();
	link->emit(link->arg, &event);
}

static void tell_interfaces(struct link *link)
{
	for (size_t i = 0; i < link->policy.n_interfaces; i++) {
		struct link_interface *interface = &link->policy.interfaces[i];

		if (interface->told == interface->ifindex)
			continue;
		interface->told = interface->ifindex;
		if (link->interfaces_fn)
			link->interfaces_fn(link->interfaces_arg, interface->name, interface->ifindex);
	}
}

static void tell_changes(struct link *link)
{
	struct event event = { .kind = EVENT_TAMPERED };

	if (!link->changes)
		return;
	text_copy(event.text.what, sizeof(event.text.what), link->change);
	if (link->changes > 1) {
		char more[32];
		size_t room = sizeof(event.text.what);
		int n = snprintf(more, sizeof(more), " (and %u more)", link->changes - 1);

		event.text.what[room - (size_t)n - 1] = '\0';
		strcat(event.text.what, more);
	}
	link->changes = 0;
	event.time_ns = clock_now_ns();
	link->emit(link->arg, &event);
}

/* All is known before anything is told: whoever hears of one server may ask for another's interface. */
void link_judge(struct link *link)
{
	for (size_t i = 0; i < link->policy.n_servers; i++) {
		if (link->policy.servers[i].stale)
			judge_server(link, &link->policy.servers[i]);
	}
	tell_interfaces(link);
	for (size_t i = 0; i < link->policy.n_servers; i++)
		tell_server(link, &link->policy.servers[i]);
	for (size_t i = 0; i < link->policy.n_servers; i++) {
		for (uint32_t family = 0; family < DFB_FAMILIES; family++)
			tell_station(link, &link->policy.servers[i], family);
	}
	tell_changes(link);
}
