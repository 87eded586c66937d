#include "lib/log.h"
#include "plugin/shim-priv.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What moves, and from which parent it may: see migrate.c. */

/* --- from which parent --------------------------------------------------------- */

bool migrate_encapsulates(const struct netlink_link *parent)
{
	static const char *const kinds[] = { "vxlan", "geneve", "gretap",
					     "ip6gretap" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(parent->kind, kinds[i]) == 0)
			return true;
	return false;
}

bool migrate_is_ours(const struct shim *s)
{
	return s->config->vxlan.present;
}

/* May an address leave this parent at all? */
static bool migrate_is_for(const struct shim *s)
{
	return migrate_encapsulates(s->parent) || s->config->shim.migrate;
}

/* Each link has its own, and so has the shim. */
static bool migrate_is_link_local(const struct netlink_addr *addr)
{
	return addr->address.addr.family == AF_INET6 &&
	       addr->scope == RT_SCOPE_LINK;
}

/* Policy tables may have a default route of their own: it moves as any other. */
static bool migrate_is_default(const struct netlink_route *route)
{
	return route->dst.len == 0 && route->type == RTN_UNICAST &&
	       (route->table == RT_TABLE_MAIN ||
		route->table == RT_TABLE_DEFAULT);
}

static int migrate_check_default(const struct shim *s, const char *address,
				 struct error *err)
{
	cleanup_netlink_routes struct netlink_routes routes = { 0 };
	const char *parent = s->parent->name;
	int r;

	r = netlink_route_list(s->host, s->parent->index, AF_UNSPEC, &routes,
			       err);
	if (r < 0)
		return error_context(err, "routes over %s", parent);
	for (size_t i = 0; i < routes.count; i++)
		if (migrate_is_default(&routes.items[i]))
			return error_set(
				err, ERROR_SHIM, 0,
				"%s stays on %s, which has the default route: without it the node would be off its network; give the shim another address",
				address, parent);
	return 0;
}

static int migrate_check_lifetime(const struct shim *s,
				  const struct netlink_addr *addr,
				  const char *address, struct error *err)
{
	if (!addr->has_lifetime)
		return 0;
	return error_set(
		err, ERROR_SHIM, 0,
		"%s stays on %s: it has a lifetime, so a DHCP client or router advertisements own it; make it a static address, or give the shim another",
		address, s->parent->name);
}

/* May this address leave the parent? */
static int migrate_check(const struct shim *s, const struct netlink_addr *addr,
			 struct error *err)
{
	char address[INET_PREFIX_TEXT];
	int r;

	inet_prefix_format(&addr->address, address);
	if (!migrate_is_for(s))
		return error_set(
			err, ERROR_SHIM, 0,
			"%s is the address of %s itself: give the shim another address of that subnet, or let it move with \"hostShim\": {\"migrate\": true}",
			address, s->parent->name);
	r = migrate_check_lifetime(s, addr, address, err);
	if (r < 0)
		return r;
	return migrate_check_default(s, address, err);
}

/* --- a source of addresses --------------------------------------------------------- */

static bool migrate_is_candidate(const struct shim *s,
				 const struct netlink_addr *addr)
{
	if (addr->scope != RT_SCOPE_UNIVERSE ||
	    addr->flags & (IFA_F_DEPRECATED | IFA_F_SECONDARY) ||
	    !shim_is_in_ranges(s, &addr->address.addr))
		return false;
	for (size_t i = 0; i < s->n_want; i++)
		if (s->want[i].subnet.addr.family == addr->address.addr.family)
			return false;
	return true;
}

/* Now that this network has an address it uses the parent's shim, whoever made
 * it: shim_look_up() did not ask for one. */
static int migrate_want(struct shim *s, const struct inet_prefix *address,
			struct error *err)
{
	int r;

	shim_want(s, address);
	if (s->link.index != 0)
		return 0;
	r = shim_find(s->host, s->config, s->parent, &s->link, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT)
		s->link = (struct netlink_link){ 0 };
	return shim_load(s, err);
}

static int migrate_consider(struct shim *s, const struct netlink_addr *addr,
			    struct error *err)
{
	struct error why = { 0 };

	if (!migrate_is_candidate(s, addr))
		return 0;
	if (migrate_check(s, addr, &why) == 0)
		return migrate_want(s, &addr->address, err);
	if (s->config->shim.present || why.code != ERROR_SHIM) {
		*err = why;
		return error_return(err);
	}
	if (s->how == NODE_REPAIR)
		log_warning("no host shim: %s", why.details);
	return 0;
}

int migrate_from_parent(struct shim *s, struct error *err)
{
	int r;

	if (!migrate_is_for(s) ||
	    (!s->config->shim.migrate && !migrate_is_ours(s) &&
	     s->config->ipam.n_sets == 0))
		return 0;
	r = node_parent_list(s->host, s->parent, s->on, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->on->addrs.count; i++) {
		r = migrate_consider(s, &s->on->addrs.items[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- what moves ------------------------------------------------------------------------ */

bool migrate_has(const struct netlink_addrs *addrs,
		 const struct inet_prefix *address)
{
	for (size_t i = 0; i < addrs->count; i++)
		if (inet_prefix_equal(&addrs->items[i].address, address))
			return true;
	return false;
}

bool migrate_is_wanted(const struct shim *s, const struct inet_addr *addr)
{
	for (size_t i = 0; i < s->n_want; i++)
		if (inet_addr_equal(&s->want[i].subnet.addr, addr))
			return true;
	return false;
}

/* In the subnet of an address of the node that is on the parent? */
static bool migrate_accompanies(const struct shim *s,
				const struct inet_addr *addr)
{
	for (size_t i = 0; i < s->n_want; i++)
		if (inet_prefix_contains(&s->want[i].subnet, addr) &&
		    migrate_has(&s->on->addrs, &s->want[i].subnet))
			return true;
	return false;
}

static bool migrate_has_to_move(const struct shim *s,
				const struct netlink_addr *addr)
{
	const struct inet_addr *own = &addr->address.addr;

	if (migrate_is_link_local(addr))
		return false;
	if (migrate_is_wanted(s, own) || migrate_accompanies(s, own))
		return true;
	return migrate_is_for(s) &&
	       (migrate_has(&s->addrs, &addr->address) || migrate_is_ours(s));
}

bool migrate_is_moving(const struct shim *s, const struct netlink_addr *addr)
{
	return migrate_has(&s->move.addrs, &addr->address);
}

static const struct shim_address *
migrate_subnet_of(const struct shim *s, const struct inet_prefix *address)
{
	for (size_t i = 0; i < s->n_want; i++)
		if (inet_prefix_contains(&s->want[i].subnet, &address->addr))
			return &s->want[i];
	return NULL;
}

/* The node's own, with another length than it is configured with: one of the
 * two is a mistake, and the subnet's other hosts hang on it. */
static int migrate_check_length(const struct shim *s,
				const struct inet_prefix *have,
				const struct inet_prefix *want,
				struct error *err)
{
	char have_text[INET_PREFIX_TEXT], want_text[INET_PREFIX_TEXT];

	if (have->len == want->len)
		return 0;
	return error_set(
		err, ERROR_SHIM, 0,
		"%s has %s, and the shim is to have %s: make the prefix lengths agree",
		s->parent->name, inet_prefix_format(have, have_text),
		inet_prefix_format(want, want_text));
}

/* Our overlay carries one of the node's subnet, and not the node's own. */
static int migrate_check_company(const struct shim *s,
				 const struct netlink_addr *addr,
				 const struct inet_prefix *want,
				 struct error *err)
{
	char have_text[INET_PREFIX_TEXT], want_text[INET_PREFIX_TEXT];

	if (migrate_accompanies(s, &addr->address.addr) ||
	    migrate_has(&s->addrs, &addr->address))
		return 0;
	inet_prefix_format(&addr->address, have_text);
	return error_set(
		err, ERROR_SHIM, 0,
		"%s carries %s, of the subnet of %s, which belongs on the shim: \"ip address del %s dev %s\", or make it this node's address",
		s->parent->name, have_text, inet_prefix_format(want, want_text),
		have_text, s->parent->name);
}

/* Linux 5.18 and later know whose an address is, lo's first of all. Before that,
 * one of the node's subnet beside the node's own would look like one that we
 * gave the shim and should take away (shim_is_stale()). */
static int migrate_check_owner(const struct shim *s,
			       const struct netlink_addr *addr,
			       struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs lo = { 0 };
	char text[INET_PREFIX_TEXT];
	int r;

	r = netlink_addr_list(s->host, 1, AF_UNSPEC, &lo, err);
	if (r < 0)
		return error_context(err, "addresses of lo");
	for (size_t i = 0; i < lo.count; i++)
		if (lo.items[i].protocol)
			return 0;
	return error_set(
		err, ERROR_SHIM, 0,
		"%s of %s cannot be told from an address of the shim by this kernel (before 5.18, or lo is down): give it the length of a host, or take it off",
		inet_prefix_format(&addr->address, text), s->parent->name);
}

static int migrate_check_relation(const struct shim *s,
				  const struct netlink_addr *addr,
				  struct error *err)
{
	const struct shim_address *want = migrate_subnet_of(s, &addr->address);
	int r;

	if (!want)
		return 0;
	if (inet_addr_equal(&want->subnet.addr, &addr->address.addr))
		return migrate_check_length(s, &addr->address, &want->subnet,
					    err);
	r = migrate_check_company(s, addr, &want->subnet, err);
	if (r < 0 || addr->address.len != want->subnet.len)
		return r;
	return migrate_check_owner(s, addr, err);
}

static int migrate_plan_one(struct shim *s, const struct netlink_addr *addr,
			    struct error *err)
{
	int r;

	if (!migrate_has_to_move(s, addr))
		return 0;
	r = migrate_check_relation(s, addr, err);
	if (r == 0)
		r = migrate_check(s, addr, err);
	if (r < 0)
		return r;
	s->move.addrs.items[s->move.addrs.count++] = *addr;
	return 0;
}

int migrate_plan(struct shim *s, struct error *err)
{
	size_t count = s->on->addrs.count;
	struct migration *move = &s->move;
	int r;

	if (count == 0)
		return 0;
	move->addrs.items = calloc(count, sizeof(*move->addrs.items));
	move->added = calloc(count, sizeof(*move->added));
	move->cut = calloc(count, sizeof(*move->cut));
	if (!move->addrs.items || !move->added || !move->cut)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		r = migrate_plan_one(s, &s->on->addrs.items[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- which routes go along ------------------------------------------------------ */

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
