#include "plugin/shim-priv.h"

#include "lib/log.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

/*
 * Beside a NIC that keeps an address in the subnet, the NIC's connected route
 * comes first and no pod of this node can be reached, whatever the shim bears.
 * So the shim's address stands alone (/32, /128) and the addresses that pods may
 * have are routed to it, as the fewest prefixes that cover exactly them: other
 * hosts of the subnet stay with the NIC.
 *
 * Two networks may share the shim, and each knows only its own ranges. A route
 * of ours is stale if it is not wanted and touches what lies between the first
 * and the last candidate of this network; others are the other network's.
 */

/* --- the routes ------------------------------------------------------------------ */

static int shim_want_route(struct shim *s, const struct shim_address *want,
			   const struct inet_prefix *dst, struct error *err)
{
	struct shim_routes *routes = &s->want_routes;
	struct netlink_route *grown;

	grown = reallocarray(routes->items, routes->count + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	routes->items = grown;
	grown[routes->count++] = (struct netlink_route){
		.dst = *dst,
		.src = want->address.addr,
		.table = RT_TABLE_MAIN,
		.protocol = SHIM_PROTOCOL,
		.scope = RT_SCOPE_LINK,
		.has_scope = dst->addr.family == AF_INET,
	};
	return 0;
}

static int shim_plan_family(struct shim *s, const struct shim_address *want,
			    struct error *err)
{
	uint8_t family = want->address.addr.family;
	cleanup_range_set struct range_set pods = { 0 };
	cleanup_free struct inet_prefix *prefixes = NULL;
	size_t count = 0;
	int r;

	r = shim_pods(s, family, &pods, err);
	if (r < 0)
		return r;
	if (pods.count == 0 && s->how == NODE_REPAIR)
		log_warning(
			"host shim on %s: ipam names no range that we know: add routes to the pods over the shim, %s keeps the subnet's",
			s->parent->name, s->parent->name);
	r = shim_check_share(s, want, &pods, err);
	if (r == 0)
		r = shim_cover(&pods, family, &prefixes, &count, err);
	for (size_t i = 0; i < count && r == 0; i++)
		r = shim_want_route(s, want, &prefixes[i], err);
	return r;
}

int shim_plan_routes(struct shim *s, struct error *err)
{
	for (size_t i = 0; i < s->n_want; i++) {
		int r;

		if (!s->want[i].beside)
			continue;
		r = shim_plan_family(s, &s->want[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool shim_is_ours(const struct netlink_route *route)
{
	return route->protocol == SHIM_PROTOCOL;
}

int shim_load_routes(struct shim *s, struct error *err)
{
	int r;

	if (s->link.index == 0 ||
	    (s->how == NODE_LOOK && s->want_routes.count == 0))
		return 0;
	r = netlink_route_list(s->host, s->link.index, AF_UNSPEC, &s->routes,
			       err);
	if (r < 0)
		return error_context(err, "routes over %s", s->link.name);
	return 0;
}

bool shim_is_source(const struct shim *s, const struct inet_addr *addr)
{
	for (size_t i = 0; i < s->routes.count; i++)
		if (shim_is_ours(&s->routes.items[i]) &&
		    inet_addr_equal(&s->routes.items[i].src, addr))
			return true;
	return false;
}

static bool shim_route_equal(const struct netlink_route *a,
			     const struct netlink_route *b)
{
	return a->protocol == b->protocol &&
	       inet_prefix_equal(&a->dst, &b->dst) &&
	       inet_addr_equal(&a->src, &b->src);
}

static bool shim_has_route(const struct shim *s,
			   const struct netlink_route *want)
{
	for (size_t i = 0; i < s->routes.count; i++)
		if (shim_route_equal(&s->routes.items[i], want))
			return true;
	return false;
}

static int shim_del_route(const struct shim *s,
			  const struct netlink_route *route, struct error *err)
{
	char text[INET_PREFIX_TEXT];

	inet_prefix_format(&route->dst, text);
	if (netlink_route_del(s->host, route, err) < 0)
		return error_context(err, "remove route %s", text);
	return shared_changed(&s->link, "route %s removed", text);
}

/* IPv6 keeps one route per destination and hop: one that prefers an older
 * address has to go first. */
static int shim_readd_route(const struct shim *s,
			    const struct netlink_route *route,
			    struct error *err)
{
	for (size_t i = 0; i < s->routes.count; i++) {
		const struct netlink_route *have = &s->routes.items[i];

		if (!shim_is_ours(have) ||
		    !inet_prefix_equal(&have->dst, &route->dst))
			continue;
		if (shim_del_route(s, have, err) < 0)
			return error_return(err);
		return shared_must(netlink_route_add(s->host, route, err), err);
	}
	return 0;
}

static int shim_add_route(struct shim *s, const struct netlink_route *want,
			  struct error *err)
{
	struct netlink_route route = *want;
	char text[INET_PREFIX_TEXT];
	int r;

	inet_prefix_format(&route.dst, text);
	if (s->how == NODE_LOOK)
		return shared_wrong(err, &s->link, "has no route to %s", text);
	route.index = s->link.index;
	r = netlink_route_add(s->host, &route, err);
	if (r == NETLINK_EXISTS)
		r = shim_readd_route(s, &route, err);
	if (shared_must(r, err) < 0)
		return error_context(err, "add route %s", text);
	return shared_changed(&s->link, "route %s added", text);
}

int shim_fix_routes(struct shim *s, struct error *err)
{
	int outcome = NODE_OK;

	for (size_t i = 0; i < s->want_routes.count; i++) {
		int r;

		if (shim_has_route(s, &s->want_routes.items[i]))
			continue;
		r = shim_add_route(s, &s->want_routes.items[i], err);
		if (r < 0 || r == NODE_WRONG)
			return r;
		outcome = r;
	}
	return outcome;
}

/* --- stale ones -------------------------------------------------------------------- */

static bool shim_is_wanted_route(const struct shim *s,
				 const struct netlink_route *have)
{
	for (size_t i = 0; i < s->want_routes.count; i++)
		if (shim_route_equal(have, &s->want_routes.items[i]))
			return true;
	return false;
}

/* IPv6 does not tell two by the address that they prefer: deleting the older
 * would delete its successor (see shim_readd_route()). */
static bool shim_is_replaced(const struct shim *s,
			     const struct netlink_route *have)
{
	if (have->dst.addr.family != AF_INET6)
		return false;
	for (size_t i = 0; i < s->want_routes.count; i++)
		if (inet_prefix_equal(&have->dst, &s->want_routes.items[i].dst))
			return true;
	return false;
}

static int shim_touches_pods(const struct shim *s,
			     const struct inet_prefix *dst, bool *ret,
			     struct error *err)
{
	cleanup_range_set struct range_set pods = { 0 };
	struct inet_addr first = inet_prefix_first(dst);
	struct inet_addr last = inet_prefix_last(dst);
	int r;

	r = shim_pods(s, dst->addr.family, &pods, err);
	if (r < 0)
		return r;
	*ret = pods.count > 0 &&
	       inet_addr_to_uint(&last) >= pods.items[0].first &&
	       inet_addr_to_uint(&first) <= pods.items[pods.count - 1].last;
	return 0;
}

static int shim_fix_stale_route(struct shim *s,
				const struct netlink_route *have,
				struct error *err)
{
	char text[INET_PREFIX_TEXT];
	bool stale;

	if (!shim_is_ours(have) || shim_is_wanted_route(s, have) ||
	    shim_is_replaced(s, have))
		return NODE_OK;
	if (shim_touches_pods(s, &have->dst, &stale, err) < 0)
		return error_return(err);
	if (!stale)
		return NODE_OK;
	if (s->how == NODE_LOOK)
		return shared_wrong(err, &s->link,
				    "has a route to %s, which is not wanted",
				    inet_prefix_format(&have->dst, text));
	return shim_del_route(s, have, err);
}

int shim_fix_stale_routes(struct shim *s, struct error *err)
{
	int outcome = NODE_OK;

	for (size_t i = 0; i < s->routes.count; i++) {
		int r = shim_fix_stale_route(s, &s->routes.items[i], err);

		if (r < 0 || r == NODE_WRONG)
			return r;
		if (r == NODE_CHANGED)
			outcome = r;
	}
	return outcome;
}
