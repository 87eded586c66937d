/* Which routes of the parent go along: those that depend on an address that moves.
 * Why: see migrate.c. */

#include "plugin/shim-priv.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

/* Connected by hand: nobody makes this route when the address comes. */
static bool migrate_is_connected_by_hand(const struct shim *s,
					 const struct netlink_route *route)
{
	for (size_t i = 0; i < s->move.addrs.count; i++) {
		const struct netlink_addr *addr = &s->move.addrs.items[i];
		struct inet_addr first = inet_prefix_first(&addr->address);

		if (addr->flags & IFA_F_NOPREFIXROUTE &&
		    addr->address.len == route->dst.len &&
		    inet_addr_equal(&first, &route->dst.addr))
			return true;
	}
	return false;
}

static bool migrate_is_cut(const struct shim *s,
			   const struct netlink_route *route)
{
	for (size_t i = 0; i < s->move.addrs.count; i++)
		if (s->move.cut[i] &&
		    inet_prefix_same_network(&s->move.addrs.items[i].address,
					     &route->dst))
			return true;
	return false;
}

/* The subnet of the parent that the route depends on, by the longest prefix. */
static const struct netlink_addr *
migrate_find_subnet(const struct shim *s, const struct inet_addr *addr)
{
	const struct netlink_addr *best = NULL;

	for (size_t i = 0; i < s->on->addrs.count; i++) {
		const struct netlink_addr *have = &s->on->addrs.items[i];

		if (inet_prefix_contains(&have->address, addr) &&
		    (!best || have->address.len > best->address.len))
			best = have;
	}
	return best;
}

static const struct netlink_addr *migrate_oldest(const struct shim *s,
						 uint8_t family)
{
	for (size_t i = 0; i < s->on->addrs.count; i++) {
		const struct netlink_addr *have = &s->on->addrs.items[i];

		if (have->address.addr.family == family &&
		    !migrate_is_link_local(have))
			return have;
	}
	return NULL;
}

/* The address of the parent that a route depends on. */
static const struct netlink_addr *
migrate_address_of(const struct shim *s, const struct netlink_route *route)
{
	const struct inet_addr *const hints[] = { &route->src, &route->gw,
						  &route->dst.addr };

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		const struct netlink_addr *addr =
			hints[i]->family ? migrate_find_subnet(s, hints[i])
					 : NULL;

		if (addr)
			return addr;
	}
	return migrate_oldest(s, route->dst.addr.family);
}

bool migrate_takes_route(const struct netlink_route *route, void *shim)
{
	const struct shim *s = shim;
	const struct netlink_addr *addr;

	if (route->protocol == RTPROT_KERNEL)
		return migrate_is_connected_by_hand(s, route) ||
		       migrate_is_cut(s, route);
	addr = migrate_address_of(s, route);
	return addr && migrate_is_moving(s, addr);
}
