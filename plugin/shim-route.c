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

/* --- prefixes of a set ------------------------------------------------------- */

struct shim_prefixes {
	struct inet_prefix *items;
	size_t count;
};

/* The shortest prefix that starts at @first and ends by @last. */
static uint8_t shim_block(uint8_t family, inet_uint first, inet_uint last,
			  inet_uint *ret_last)
{
	unsigned int bits = inet_family_bits(family);
	unsigned int len = bits;

	*ret_last = first;
	while (len > 1) {
		inet_uint size = (inet_uint)1 << (bits - len + 1);

		if ((first & (size - 1)) != 0 || last - first < size - 1)
			break;
		*ret_last = first + (size - 1);
		len--;
	}
	return (uint8_t)len;
}

static int shim_prefixes_add(struct shim_prefixes *list,
			     const struct inet_prefix *prefix,
			     struct error *err)
{
	struct inet_prefix *grown;

	grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	grown[list->count++] = *prefix;
	list->items = grown;
	return 0;
}

static int shim_cover_interval(struct shim_prefixes *list, uint8_t family,
			       const struct range_interval *interval,
			       struct error *err)
{
	inet_uint first = interval->first;
	inet_uint last;

	for (;; first = last + 1) {
		struct inet_prefix prefix = {
			.addr = inet_addr_from_uint(family, first),
			.len = shim_block(family, first, interval->last, &last),
		};

		if (shim_prefixes_add(list, &prefix, err) < 0)
			return error_return(err);
		if (last == interval->last)
			return 0;
	}
}

int shim_cover(const struct range_set *set, uint8_t family,
	       struct inet_prefix **ret, size_t *ret_count, struct error *err)
{
	struct shim_prefixes list = { 0 };

	for (size_t i = 0; i < set->count; i++) {
		if (shim_cover_interval(&list, family, &set->items[i], err) <
		    0) {
			free(list.items);
			return error_return(err);
		}
	}
	*ret = list.items;
	*ret_count = list.count;
	return 0;
}

/* --- what pods may have, in one family ----------------------------------------- */

static int shim_add_interval(struct range_set *set,
			     const struct inet_addr *addr, struct error *err)
{
	inet_uint value = inet_addr_to_uint(addr);

	return range_set_add(set, value, value, err);
}

/* All that this network may give to pods; static addresses too. */
static int shim_pods(const struct shim *s, uint8_t family,
		     struct range_set *ret, struct error *err)
{
	const struct ipam_config *ipam = &s->config->ipam;
	int r = 0;

	for (size_t i = 0; i < ipam->n_sets && r == 0; i++) {
		const struct ipam_range_set *set = &ipam->sets[i];

		for (size_t j = 0; set->family == family && j < set->count; j++)
			for (size_t k = 0;
			     r == 0 && k < set->ranges[j].candidates.count;
			     k++) {
				const struct range_interval *item =
					&set->ranges[j].candidates.items[k];

				r = range_set_add(ret, item->first, item->last,
						  err);
			}
	}
	for (size_t i = 0; i < ipam->n_statics && r == 0; i++)
		if (ipam->statics[i].address.addr.family == family)
			r = shim_add_interval(ret,
					      &ipam->statics[i].address.addr,
					      err);
	return r;
}

static int shim_remove(struct range_set *set, const struct inet_addr *addr,
		       uint8_t family, struct error *err)
{
	inet_uint value = inet_addr_to_uint(addr);

	if (addr->family != family)
		return 0;
	return range_set_remove(set, value, value, err);
}

/* Take out what is spoken for in any subnet: gateways and nodes. */
static int shim_remove_known(const struct shim *s, struct range_set *set,
			     uint8_t family, struct error *err)
{
	const struct config *config = s->config;
	int r = 0;

	for (size_t i = 0; i < config->n_nodes && r == 0; i++)
		for (size_t j = 0; j < config->nodes[i].n_addresses && r == 0;
		     j++)
			r = shim_remove(set,
					&config->nodes[i].addresses[j].addr,
					family, err);
	for (size_t i = 0; i < config->ipam.n_sets && r == 0; i++)
		for (size_t j = 0; j < config->ipam.sets[i].count && r == 0;
		     j++)
			r = shim_remove(set,
					&config->ipam.sets[i].ranges[j].gateway,
					family, err);
	return r;
}

/* Of the NIC's subnet, what no pod and no node of this network may have. */
static int shim_others(const struct shim *s, const struct shim_address *want,
		       const struct range_set *pods, struct range_set *ret,
		       struct error *err)
{
	uint8_t family = want->nic.addr.family;
	struct inet_addr first = inet_prefix_first(&want->nic);
	struct inet_addr last = inet_prefix_last(&want->nic);
	int r;

	r = range_set_add(ret, inet_addr_to_uint(&first),
			  inet_addr_to_uint(&last), err);
	if (r == 0)
		r = shim_remove(ret, &first, family, err);
	if (r == 0)
		r = shim_remove(ret, &last, family, err);
	if (r == 0)
		r = shim_remove(ret, &want->nic.addr, family, err);
	if (r == 0)
		r = shim_remove(ret, &want->address.addr, family, err);
	if (r == 0)
		r = shim_remove_known(s, ret, family, err);
	for (size_t i = 0; i < pods->count && r == 0; i++)
		r = range_set_remove(ret, pods->items[i].first,
				     pods->items[i].last, err);
	return r;
}

static int shim_check_share(const struct shim *s,
			    const struct shim_address *want,
			    const struct range_set *pods, struct error *err)
{
	cleanup_range_set struct range_set others = { 0 };
	char text[INET_PREFIX_TEXT];
	int r;

	inet_prefix_format(&want->nic, text);
	if (range_set_contains(pods, inet_addr_to_uint(&want->nic.addr)))
		return error_set(
			err, ERROR_UNSUPPORTED, 0,
			"ipam: a pod could be given %s, the address of %s: exclude it, or give the pods a part of the subnet",
			text, s->parent->name);
	r = shim_others(s, want, pods, &others, err);
	if (r < 0)
		return r;
	if (others.count > 0)
		return 0;
	return error_set(
		err, ERROR_UNSUPPORTED, 0,
		"ipam: the range is no more specific than %s of %s, which keeps its address: it would route the whole subnet to the shim; give the pods a part of it (range_start and range_end, or exclude)",
		text, s->parent->name);
}

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
		.protocol = SHIM_ROUTE_PROTOCOL,
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
	return route->protocol == SHIM_ROUTE_PROTOCOL;
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
