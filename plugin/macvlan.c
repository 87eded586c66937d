#include "plugin/macvlan.h"

#include "lib/hash.h"
#include "lib/log.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/*
 * The link is born in the pod's namespace under a temporary name and renamed
 * there. Kernels before 6.15 look for the requested name in the namespace of
 * the sender, where "net1" may well exist; and without NLM_F_EXCL they would
 * change, even move, the link that bears it.
 *
 * The temporary name follows from the final one, so that DEL finds what a
 * killed ADD left by one lookup. "veth" because NetworkManager leaves such names
 * alone, should one ever show up on the host (as the reference plugins do).
 */
void macvlan_temporary_name(const char *ifname, char ret[static IFNAMSIZ])
{
	uint64_t hash = hash_add(HASH_INIT, ifname, strlen(ifname));

	snprintf(ret, IFNAMSIZ, "veth%08x", (unsigned int)(hash ^ hash >> 32));
}

/* --- the parent ----------------------------------------------------------- */

/* Smaller is preferred. */
static uint64_t route_rank(const struct netlink_route *route)
{
	uint64_t is_ipv6 = route->dst.addr.family == AF_INET6;

	return is_ipv6 << 32 | route->priority;
}

static bool route_is_default(const struct netlink_route *route)
{
	return route->table == RT_TABLE_MAIN && route->type == RTN_UNICAST &&
	       route->index != 0 && inet_prefix_is_default(&route->dst);
}

static int macvlan_default_master(struct netlink *where,
				  struct netlink_link *ret, struct error *err)
{
	cleanup_netlink_routes struct netlink_routes routes = { 0 };
	const struct netlink_route *best = NULL;
	int r;

	r = netlink_route_list(where, 0, AF_UNSPEC, &routes, err);
	if (r < 0)
		return error_context(err, "find the default route");

	for (size_t i = 0; i < routes.count; i++) {
		const struct netlink_route *route = &routes.items[i];

		if (route_is_default(route) &&
		    (!best || route_rank(route) < route_rank(best)))
			best = route;
	}
	if (!best)
		return error_set(err, ERROR_CONFIG, 0,
				 "master: not given, and there is no default "
				 "route to take it from");

	r = netlink_link_get_index(where, best->index, ret, err);
	if (r == NETLINK_ABSENT)
		return error_set(err, ERROR_AGAIN, 0,
				 "master: the default route's interface is "
				 "gone");
	return r;
}

int macvlan_master(struct netlink *where, const struct config *config,
		   struct netlink_link *ret, struct error *err)
{
	int r;

	if (!config->master)
		return macvlan_default_master(where, ret, err);

	r = netlink_link_get(where, config->master, ret, err);
	if (r == NETLINK_ABSENT)
		return error_set(err, ERROR_AGAIN, 0,
				 "master: there is no interface \"%s\"%s",
				 config->master,
				 config->link_in_container
					 ? " in the pod (linkInContainer)"
					 : "");
	if (r < 0)
		return error_context(err, "master");
	return 0;
}

static bool config_has_ipv6(const struct config *config)
{
	const struct ipam_config *ipam = &config->ipam;

	for (size_t i = 0; i < ipam->n_sets; i++)
		if (ipam->sets[i].family == AF_INET6)
			return true;
	for (size_t i = 0; i < ipam->n_statics; i++)
		if (ipam->statics[i].address.addr.family == AF_INET6)
			return true;
	return false;
}

int macvlan_verify(const struct config *config,
		   const struct netlink_link *parent, struct error *err)
{
	uint32_t mtu = config->mtu ? config->mtu : parent->mtu;

	if (parent->flags & IFF_LOOPBACK || parent->type != ARPHRD_ETHER)
		return error_set(err, ERROR_CONFIG, 0,
				 "master: \"%s\" is no Ethernet interface, "
				 "macvlan needs one",
				 parent->name);
	if (mtu > parent->mtu)
		return error_set(err, ERROR_CONFIG, 0,
				 "mtu: %u is more than master \"%s\" has (%u)",
				 mtu, parent->name, parent->mtu);
	/* Below it the kernel switches IPv6 off on the link (RFC 8200, 5). */
	if (mtu < 1280 && config_has_ipv6(config))
		return error_set(err, ERROR_CONFIG, 0,
				 "mtu: %u, but IPv6 needs 1280", mtu);
	return 0;
}

/* --- delete ---------------------------------------------------------------- */

static int delete_one(struct netlink *pod, const char *name, struct error *err)
{
	struct netlink_link link;
	int r;

	r = netlink_link_get(pod, name, &link, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!link.is_macvlan || strcmp(link.name, name) != 0) {
		log_warning("%s in the pod is not ours (kind \"%s\"): left",
			    name, link.kind);
		return 0;
	}
	r = netlink_link_del(pod, link.index, err);
	return r < 0 ? r : 0;
}

/*
 * The reference deletes whatever bears the name, so that the DEL after an ADD
 * that failed with "eth0 exists" takes the pod's eth0. The kind tells enough: a
 * mark in the link could be changed by the pod, and a link that stays behind
 * while its address is given away is the worse mistake.
 */
int macvlan_del(struct netlink *pod, const char *ifname, struct error *err)
{
	char temporary[IFNAMSIZ];
	struct error next = { 0 };

	macvlan_temporary_name(ifname, temporary);
	delete_one(pod, ifname, err);
	delete_one(pod, temporary, &next);
	error_keep_first(err, &next);
	return error_return(err);
}

/* --- create ---------------------------------------------------------------- */

bool macvlan_chooses_mac(const struct config *config)
{
	return !config->has_mac && config->mode != MACVLAN_MODE_PASSTHRU;
}

int macvlan_random_mac(struct inet_mac *ret, struct error *err)
{
	size_t have = 0;

	while (have < sizeof(ret->bytes)) {
		ssize_t n = getrandom(ret->bytes + have,
				      sizeof(ret->bytes) - have, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_INTERNAL, errno,
					 "random MAC");
		have += (size_t)n;
	}
	ret->bytes[0] = (uint8_t)((ret->bytes[0] & 0xfc) | 0x02);
	return 0;
}

/* Which ipvlan below @parent: it and macvlan exclude each other. */
static int find_ipvlan(struct netlink *where, const struct netlink_link *parent,
		       char ret[static IFNAMSIZ], struct error *err)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	int r = netlink_link_list(where, &links, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < links.count; i++) {
		const struct netlink_link *link = &links.items[i];

		if (link->parent == parent->index && link->parent_netns < 0 &&
		    strncmp(link->kind, "ipv", 3) == 0)
			memcpy(ret, link->name, IFNAMSIZ);
	}
	return 0;
}

/*
 * EBUSY says that another driver receives the parent's frames. A bridge or a
 * bond is the right parent then, so it is named.
 */
static int explain_busy(struct netlink *where,
			const struct netlink_link *parent, struct error *err)
{
	struct error ignored = { 0 };
	struct netlink_link master;
	char ipvlan[IFNAMSIZ] = "";

	if (parent->master && netlink_link_get_index(where, parent->master,
						     &master, &ignored) == 0)
		return error_set(err, ERROR_LINK, EBUSY,
				 "master \"%s\" is a port of %s \"%s\"; name "
				 "\"%s\" as master instead",
				 parent->name,
				 master.kind[0] ? master.kind : "link",
				 master.name, master.name);

	if (find_ipvlan(where, parent, ipvlan, &ignored) == 0 && ipvlan[0])
		return error_set(
			err, ERROR_LINK, EBUSY,
			"master \"%s\" is the parent of ipvlan \"%s\", "
			"which excludes macvlan",
			parent->name, ipvlan);

	return error_set(err, ERROR_LINK, EBUSY,
			 "master \"%s\" is held by another driver (an ipvlan "
			 "in some namespace, Open vSwitch, team)",
			 parent->name);
}

static int create(struct netlink *where, struct netlink *pod,
		  const struct config *config,
		  const struct netlink_link *parent,
		  const struct netlink_link_new *want, struct error *err)
{
	int r = netlink_link_add(where, want, err);

	if (r == NETLINK_EXISTS) {
		/* A killed ADD left it: the name is ours by its hash. */
		r = delete_one(pod, want->name, err);
		if (r < 0)
			return r;
		r = netlink_link_add(where, want, err);
	}
	if (r == NETLINK_BUSY)
		return explain_busy(where, parent, err);
	if (r == NETLINK_EXISTS)
		return error_set(err, ERROR_IFNAME_EXISTS, 0,
				 "interface \"%s\" is in the way in the pod",
				 want->name);
	if (r < 0 && config->mode == MACVLAN_MODE_PASSTHRU)
		return error_context(err, "mode passthru admits one child of "
					  "its master and nothing beside it");
	return r;
}

/* Give the new link its final name, and look what it became. */
static int settle_name(struct netlink *pod, const char *temporary,
		       const char *ifname, struct netlink_link *ret,
		       struct error *err)
{
	const struct netlink_link_change rename = { .name = ifname };
	int r;

	r = netlink_link_get(pod, temporary, ret, err);
	if (r == NETLINK_ABSENT)
		return error_set(
			err, ERROR_LINK, 0,
			"the new link went away before it had its name");
	if (r < 0)
		return r;

	r = netlink_link_set(pod, ret->index, &rename, err);
	if (r == NETLINK_EXISTS)
		return error_set(err, ERROR_IFNAME_EXISTS, 0,
				 "interface \"%s\" exists in the pod", ifname);
	if (r > 0)
		return error_set(err, ERROR_LINK, 0,
				 "the new link cannot be named %s", ifname);
	if (r < 0)
		return error_context(err, "name the new link %s", ifname);

	snprintf(ret->name, sizeof(ret->name), "%s", ifname);
	return 0;
}

static void drop_unnamed(struct netlink *pod, const char *temporary)
{
	struct error err = { 0 };

	if (delete_one(pod, temporary, &err) < 0)
		log_warning("undo: delete %s: %s", temporary, err.details);
}

int macvlan_add(struct netlink *where, struct netlink *pod, int pod_netns,
		const struct config *config, const struct netlink_link *parent,
		const char *ifname, struct netlink_link *ret, struct error *err)
{
	char temporary[IFNAMSIZ];
	struct inet_mac mac = config->mac;
	const struct netlink_link_new want = {
		.name = temporary,
		.kind = "macvlan",
		.parent = parent->index,
		.netns = pod_netns,
		.mtu = config->mtu,
		.mac = config->has_mac || macvlan_chooses_mac(config) ? &mac
								      : NULL,
		.macvlan = { .mode = config->mode,
			     .bc_queue_len = config->bc_queue_len },
	};
	int r;

	macvlan_temporary_name(ifname, temporary);
	if (macvlan_chooses_mac(config)) {
		r = macvlan_random_mac(&mac, err);
		if (r < 0)
			return r;
	}
	r = create(where, pod, config, parent, &want, err);
	if (r < 0)
		return r;

	r = settle_name(pod, temporary, ifname, ret, err);
	if (r < 0)
		drop_unnamed(pod, temporary);
	return r;
}
