#include "plugin/macvlan.h"

#include <linux/rtnetlink.h>
#include <string.h>

/*
 * CHECK sees the result of the whole chain, so what a later plugin may have
 * changed is compared with that result (the MAC, which tuning sets) or not at
 * all: sbr and vrf move routes to other tables, Multus takes default routes
 * away. A false alarm is worse than a missed difference, since a runtime may
 * treat the pod as broken for good (CNI specification, CHECK).
 */

struct check {
	struct netlink *pod;
	const struct config *config;
	const struct netlink_link *parent;
	const char *ifname;
	const char *sandbox;
	struct netlink_link link;
	int prev; /* its index in prevResult's interfaces */
};

static int differs(struct error *err, const char *what, const char *have,
		   const char *want)
{
	return error_set(err, ERROR_LINK, 0, "%s is %s, expected %s", what,
			 have, want);
}

static int find_prev(struct check *check, struct error *err)
{
	const struct result *prev = &check->config->prev;

	for (size_t i = 0; i < prev->n_interfaces; i++) {
		const struct result_interface *each = &prev->interfaces[i];

		if (each->name && strcmp(each->name, check->ifname) == 0 &&
		    each->sandbox &&
		    strcmp(each->sandbox, check->sandbox) == 0) {
			check->prev = (int)i;
			return 0;
		}
	}
	return error_set(err, ERROR_CONFIG, 0,
			 "prevResult.interfaces: none with name \"%s\" and "
			 "sandbox \"%s\"",
			 check->ifname, check->sandbox);
}

static int find_link(struct check *check, struct error *err)
{
	int r = netlink_link_get(check->pod, check->ifname, &check->link, err);

	if (r == NETLINK_ABSENT)
		return error_set(err, ERROR_LINK, 0,
				 "the interface is missing in the pod");
	if (r < 0)
		return r;
	if (!check->link.is_macvlan)
		return differs(err, "kind",
			       check->link.kind[0] ? check->link.kind
						   : "physical",
			       "macvlan");
	return 0;
}

/*
 * The kernel attaches to the real device below when the parent is a macvlan
 * itself. Which namespace the parent lives in is told by the presence of an id.
 */
static bool is_on_parent(const struct check *check)
{
	const struct netlink_link *parent = check->parent;
	int lower = parent->is_macvlan ? parent->parent : parent->index;
	bool is_here = check->link.parent_netns < 0;

	return check->link.parent == lower &&
	       (is_here || !check->config->link_in_container);
}

static int check_parent(const struct check *check, struct error *err)
{
	if (!is_on_parent(check))
		return error_set(err, ERROR_LINK, 0,
				 "its parent is not %s (interface %d, not %d)",
				 check->parent->name, check->link.parent,
				 check->parent->index);
	if (check->link.macvlan.mode != check->config->mode)
		return differs(err, "mode",
			       config_mode_text(check->link.macvlan.mode),
			       config_mode_text(check->config->mode));
	return 0;
}

static int check_mac(const struct check *check, struct error *err)
{
	const char *text = check->config->prev.interfaces[check->prev].mac;
	char have[INET_MAC_TEXT];
	struct inet_mac want;

	if (!text || !text[0])
		return 0;
	if (inet_mac_parse(text, &want) &&
	    inet_mac_equal(&want, &check->link.mac))
		return 0;
	return differs(err, "MAC", inet_mac_format(&check->link.mac, have),
		       text);
}

/*
 * Lowering the parent's MTU shrinks its children. An MTU that differs while the
 * parent has room is somebody's choice (tuning, the pod).
 */
static int check_mtu(const struct check *check, struct error *err)
{
	uint32_t want = check->config->mtu;

	if (!want)
		want = check->config->prev.interfaces[check->prev].mtu;
	if (check->link.mtu >= want || check->parent->mtu >= want)
		return 0;
	return error_set(err, ERROR_LINK, 0,
			 "MTU is %u, expected %u: its parent %s has %u",
			 check->link.mtu, want, check->parent->name,
			 check->parent->mtu);
}

static int check_link(const struct check *check, struct error *err)
{
	int r;

	r = check_parent(check, err);
	if (r < 0)
		return r;
	r = check_mac(check, err);
	if (r < 0)
		return r;
	r = check_mtu(check, err);
	if (r < 0)
		return r;
	if (!(check->link.flags & IFF_UP))
		return error_set(err, ERROR_LINK, 0, "it is not UP");
	return 0;
}

/* --- addresses ---------------------------------------------------------------- */

static bool is_ours(const struct check *check, const struct result_ip *ip)
{
	return ip->interface < 0 ? check->config->prev.n_interfaces == 1
				 : ip->interface == check->prev;
}

static int check_address(const struct result_ip *ip,
			 const struct netlink_addrs *have, struct error *err)
{
	char text[INET_PREFIX_TEXT];

	for (size_t i = 0; i < have->count; i++)
		if (inet_prefix_equal(&have->items[i].address, &ip->address))
			return 0;
	return error_set(err, ERROR_LINK, 0, "address %s is missing",
			 inet_prefix_format(&ip->address, text));
}

static int check_addresses(const struct check *check, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs have = { 0 };
	const struct result *prev = &check->config->prev;
	int r;

	if (prev->n_ips == 0)
		return 0;
	r = netlink_addr_list(check->pod, check->link.index, AF_UNSPEC, &have,
			      err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < prev->n_ips; i++) {
		if (!is_ours(check, &prev->ips[i]))
			continue;
		r = check_address(&prev->ips[i], &have, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- routes ------------------------------------------------------------------- */

static bool has_route(const struct netlink_routes *have,
		      const struct inet_prefix *dst, const struct inet_addr *gw)
{
	for (size_t i = 0; i < have->count; i++) {
		const struct netlink_route *route = &have->items[i];

		if (!inet_prefix_same_network(&route->dst, dst))
			continue;
		if (!gw->family || inet_addr_equal(&route->gw, gw))
			return true;
	}
	return false;
}

static int check_route(const struct netlink_routes *have,
		       const struct inet_prefix *dst,
		       const struct inet_addr *gw, struct error *err)
{
	char text[INET_PREFIX_TEXT];
	char via[INET_ADDR_TEXT];

	if (has_route(have, dst, gw))
		return 0;
	inet_prefix_format(dst, text);
	inet_addr_format(gw, via);
	return error_set(err, ERROR_LINK, 0, "route to %s%s%s is missing", text,
			 via[0] ? " via " : "", via);
}

/* The subnet's own route, in whichever table it is now. */
static int check_subnet(const struct check *check, const struct result_ip *ip,
			const struct netlink_routes *have, struct error *err)
{
	static const struct inet_addr none = { 0 };
	struct inet_prefix network = inet_prefix_network(&ip->address);

	if (!is_ours(check, ip) ||
	    network.len == inet_family_bits(network.addr.family))
		return 0;
	return check_route(have, &network, &none, err);
}

static int check_routes(const struct check *check, struct error *err)
{
	cleanup_netlink_routes struct netlink_routes have = { 0 };
	const struct result *prev = &check->config->prev;
	int r;

	if (prev->n_ips + prev->n_routes == 0)
		return 0;
	r = netlink_route_list(check->pod, 0, AF_UNSPEC, &have, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < prev->n_ips; i++) {
		r = check_subnet(check, &prev->ips[i], &have, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < prev->n_routes; i++) {
		const struct inet_route *route = &prev->routes[i];

		if (inet_prefix_is_default(&route->dst))
			continue;
		r = check_route(&have, &route->dst, &route->gw, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int macvlan_check(struct netlink *pod, const struct config *config,
		  const struct netlink_link *parent, const char *ifname,
		  const char *sandbox, struct error *err)
{
	struct check check = {
		.pod = pod,
		.config = config,
		.parent = parent,
		.ifname = ifname,
		.sandbox = sandbox,
	};
	int r;

	r = find_prev(&check, err);
	if (r < 0)
		return r;
	r = find_link(&check, err);
	if (r < 0)
		return r;
	r = check_link(&check, err);
	if (r < 0)
		return r;
	r = check_addresses(&check, err);
	if (r < 0)
		return r;
	return check_routes(&check, err);
}
