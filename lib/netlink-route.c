#include "lib/netlink-priv.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

struct route_query {
	int index; /* 0: all */
	uint8_t family;
	struct netlink_routes *routes;
};

/* What a route has for each of its hops. */
struct route_hop {
	int index;
	uint8_t flags; /* RTNH_F_* */
	struct nlattr *gateway;
	struct nlattr *via; /* a gateway of the other family (RFC 8950) */
};

/* --- reading ----------------------------------------------------------- */

static struct inet_addr route_parse_via(const struct nlattr *attr)
{
	struct inet_addr addr = { 0 };
	const struct rtvia *via;
	size_t len;

	if (!attr || (size_t)nla_len(attr) < sizeof(*via))
		return addr;
	via = nla_data(attr);
	len = inet_family_len((uint8_t)via->rtvia_family);
	if ((via->rtvia_family != AF_INET && via->rtvia_family != AF_INET6) ||
	    (size_t)nla_len(attr) < sizeof(*via) + len)
		return addr;
	addr.family = (uint8_t)via->rtvia_family;
	memcpy(addr.bytes, via->rtvia_addr, len);
	return addr;
}

static void route_parse_metrics(struct nlattr *metrics,
				struct netlink_route *ret)
{
	struct nlattr *tb[RTAX_MAX + 1];

	if (!metrics || nla_parse_nested(tb, RTAX_MAX, metrics, NULL) < 0)
		return;
	ret->mtu = netlink_get_u32(tb[RTAX_MTU]);
	ret->advmss = netlink_get_u32(tb[RTAX_ADVMSS]);
}

static void route_set_hop(struct netlink_route *route,
			  const struct route_hop *hop)
{
	route->index = hop->index;
	route->onlink = hop->flags & RTNH_F_ONLINK;
	route->gw = hop->gateway ? netlink_get_addr(hop->gateway)
				 : route_parse_via(hop->via);
}

static bool route_parse(struct nlmsghdr *hdr, struct nlattr *tb[RTA_MAX + 1],
			struct netlink_route *ret)
{
	const struct rtmsg *header = nlmsg_data(hdr);
	struct route_hop hop;

	if (hdr->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_parse(hdr, sizeof(*header), tb, RTA_MAX, NULL) < 0)
		return false;
	*ret = (struct netlink_route){
		.dst = { netlink_get_addr(tb[RTA_DST]), header->rtm_dst_len },
		.src = netlink_get_addr(tb[RTA_PREFSRC]),
		.table = tb[RTA_TABLE] ? netlink_get_u32(tb[RTA_TABLE])
				       : header->rtm_table,
		.priority = netlink_get_u32(tb[RTA_PRIORITY]),
		.protocol = header->rtm_protocol,
		.type = header->rtm_type,
		.scope = header->rtm_scope,
		.has_scope = true,
	};
	ret->dst.addr.family = header->rtm_family;
	hop = (struct route_hop){
		.index = (int)netlink_get_u32(tb[RTA_OIF]),
		.flags = (uint8_t)header->rtm_flags,
		.gateway = tb[RTA_GATEWAY],
		.via = tb[RTA_VIA],
	};
	route_set_hop(ret, &hop);
	route_parse_metrics(tb[RTA_METRICS], ret);
	return true;
}

static int route_append(const struct route_query *query,
			const struct netlink_route *route, struct error *err)
{
	struct netlink_routes *routes = query->routes;
	struct netlink_route *items;

	if (query->index && route->index != query->index)
		return 0;
	items = netlink_grow(routes->items, routes->count, sizeof(*items));
	if (!items)
		return error_oom(err);
	routes->items = items;
	items[routes->count++] = *route;
	return 0;
}

/* One item for each hop: a caller sees what leads over its link. */
static int route_append_hops(const struct route_query *query,
			     const struct nlattr *multipath,
			     struct netlink_route *route, struct error *err)
{
	struct rtnexthop *next = nla_data(multipath);
	int left = nla_len(multipath);
	const int header = (int)sizeof(*next);

	while (left >= header && RTNH_OK(next, left)) {
		struct nlattr *tb[RTA_MAX + 1];
		struct route_hop hop;
		int r;

		if (nla_parse(tb, RTA_MAX, (void *)(next + 1),
			      next->rtnh_len - header, NULL) < 0)
			return 0;
		hop = (struct route_hop){ next->rtnh_ifindex, next->rtnh_flags,
					  tb[RTA_GATEWAY], tb[RTA_VIA] };
		route_set_hop(route, &hop);
		r = route_append(query, route, err);
		if (r < 0)
			return r;
		left -= RTNH_ALIGN(next->rtnh_len);
		next = RTNH_NEXT(next);
	}
	return 0;
}

static int route_collect(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	const struct route_query *query = arg;
	const struct rtmsg *header = nlmsg_data(hdr);
	struct nlattr *tb[RTA_MAX + 1];
	struct netlink_route route;

	if (!route_parse(hdr, tb, &route) ||
	    header->rtm_family != query->family ||
	    header->rtm_flags & RTM_F_CLONED || route.table == RT_TABLE_LOCAL)
		return 0;
	if (tb[RTA_MULTIPATH])
		return route_append_hops(query, tb[RTA_MULTIPATH], &route, err);
	return route_append(query, &route, err);
}

int netlink_route_read(struct nlmsghdr *hdr, int index, uint8_t family,
		       struct netlink_routes *ret, struct error *err)
{
	struct route_query query = { index, family, ret };

	return route_collect(hdr, &query, err);
}

/* One family is asked for at a time: "all" would bring MPLS and multicast. */
static int route_list_family(struct netlink *nl, int index, uint8_t family,
			     struct netlink_routes *routes, struct error *err)
{
	struct route_query query = { index, family, routes };
	struct rtmsg header = { .rtm_family = family };
	cleanup_message struct nl_msg *msg = NULL;

	msg = netlink_message(RTM_GETROUTE, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	if (index)
		netlink_put_u32(msg, RTA_OIF, (uint32_t)index);
	return netlink_dump(nl, msg, route_collect, &query, &routes->count,
			    err);
}

int netlink_route_list(struct netlink *nl, int index, int family,
		       struct netlink_routes *ret, struct error *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	cleanup_netlink_routes struct netlink_routes routes = { 0 };
	char label[NETLINK_LABEL];

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r;

		if (family && family != families[i])
			continue;
		r = route_list_family(nl, index, families[i], &routes, err);
		if (r < 0)
			return error_context(err, "list routes of %s",
					     netlink_link_label(nl, index,
								label));
	}
	*ret = routes;
	routes = (struct netlink_routes){ 0 };
	return 0;
}

void netlink_routes_clear(struct netlink_routes *routes)
{
	free(routes->items);
	*routes = (struct netlink_routes){ 0 };
}

static int route_take(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	struct nlattr *tb[RTA_MAX + 1];

	(void)err;
	(void)route_parse(hdr, tb, arg);
	return 0;
}

int netlink_route_get(struct netlink *nl, const struct inet_addr *dst,
		      struct netlink_route *ret, struct error *err)
{
	return netlink_route_get_from(nl, dst, NULL, ret, err);
}

int netlink_route_get_from(struct netlink *nl, const struct inet_addr *dst,
			   const struct inet_addr *src,
			   struct netlink_route *ret, struct error *err)
{
	/* What the kernel says of no route and of unreachable, prohibit and
	 * blackhole routes. */
	static const struct netlink_outcome outcomes[] = {
		{ ENETUNREACH, NETLINK_ABSENT },
		{ EHOSTUNREACH, NETLINK_ABSENT },
		{ EACCES, NETLINK_ABSENT },
		{ EINVAL, NETLINK_ABSENT },
		{ 0, 0 },
	};
	uint8_t bits = (uint8_t)inet_family_bits(dst->family);
	struct rtmsg header = {
		.rtm_family = dst->family,
		.rtm_dst_len = bits,
		.rtm_src_len = src ? bits : 0,
	};
	cleanup_message struct nl_msg *msg = NULL;
	char text[INET_ADDR_TEXT];
	int r;

	msg = netlink_message(RTM_GETROUTE, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	netlink_put_addr(msg, RTA_DST, dst);
	if (src)
		netlink_put_addr(msg, RTA_SRC, src);
	r = netlink_query(nl, msg, outcomes, route_take, ret, err);
	if (r < 0)
		return error_context(err, "look up the route to %s",
				     inet_addr_format(dst, text));
	/* The kernel does not repeat a source that it was given. */
	if (r == 0 && src && !ret->src.family)
		ret->src = *src;
	return r;
}

/* --- changing ---------------------------------------------------------- */

static void route_put_gateway(struct nl_msg *msg,
			      const struct netlink_route *route)
{
	uint8_t via[sizeof(struct rtvia) + 16] = { 0 };
	uint16_t family = route->gw.family;
	size_t len = inet_family_len(route->gw.family);

	if (route->gw.family == route->dst.addr.family) {
		netlink_put_addr(msg, RTA_GATEWAY, &route->gw);
		return;
	}
	memcpy(via, &family, sizeof(family));
	memcpy(via + sizeof(struct rtvia), route->gw.bytes, len);
	netlink_put(msg, RTA_VIA, via, sizeof(struct rtvia) + len);
}

static void route_put_metrics(struct nl_msg *msg,
			      const struct netlink_route *route)
{
	struct nlattr *metrics;

	if (!route->mtu && !route->advmss)
		return;
	metrics = netlink_nest(msg, RTA_METRICS);
	if (route->mtu)
		netlink_put_u32(msg, RTAX_MTU, route->mtu);
	if (route->advmss)
		netlink_put_u32(msg, RTAX_ADVMSS, route->advmss);
	nla_nest_end(msg, metrics);
}

/* Tables beyond 255 do not fit the header. */
static void route_put(struct nl_msg *msg, const struct netlink_route *route)
{
	struct inet_prefix dst = inet_prefix_network(&route->dst);

	netlink_put_u32(msg, RTA_TABLE,
			route->table ? route->table : RT_TABLE_MAIN);
	if (dst.len)
		netlink_put_addr(msg, RTA_DST, &dst.addr);
	if (route->gw.family)
		route_put_gateway(msg, route);
	if (route->src.family)
		netlink_put_addr(msg, RTA_PREFSRC, &route->src);
	if (route->index)
		netlink_put_u32(msg, RTA_OIF, (uint32_t)route->index);
	if (route->priority)
		netlink_put_u32(msg, RTA_PRIORITY, route->priority);
	route_put_metrics(msg, route);
}

static struct nl_msg *route_message(int type, int flags,
				    const struct rtmsg *defaults,
				    const struct netlink_route *route)
{
	struct rtmsg header = *defaults;
	struct nl_msg *msg;

	header.rtm_family = route->dst.addr.family;
	header.rtm_dst_len = route->dst.len;
	if (route->protocol)
		header.rtm_protocol = route->protocol;
	if (route->type)
		header.rtm_type = route->type;
	if (route->has_scope)
		header.rtm_scope = route->scope;
	if (route->onlink)
		header.rtm_flags = RTNH_F_ONLINK;
	msg = netlink_message(type, flags, &header, sizeof(header));
	if (msg)
		route_put(msg, route);
	return msg;
}

static int route_context(struct netlink *nl, const char *verb,
			 const struct netlink_route *route, struct error *err)
{
	char dst[INET_PREFIX_TEXT];
	char gw[INET_ADDR_TEXT];
	char label[NETLINK_LABEL];

	inet_prefix_format(&route->dst, dst);
	netlink_link_label(nl, route->index, label);
	if (!route->gw.family)
		return error_context(err, "%s route %s dev %s", verb, dst,
				     label);
	return error_context(err, "%s route %s via %s dev %s", verb, dst,
			     inet_addr_format(&route->gw, gw), label);
}

int netlink_route_add(struct netlink *nl, const struct netlink_route *route,
		      struct error *err)
{
	static const struct netlink_outcome outcomes[] = {
		{ EEXIST, NETLINK_EXISTS },
		{ 0, 0 },
	};
	struct rtmsg defaults = {
		.rtm_protocol = RTPROT_STATIC,
		.rtm_type = RTN_UNICAST,
		.rtm_scope = route->gw.family ? RT_SCOPE_UNIVERSE
					      : RT_SCOPE_LINK,
	};
	cleanup_message struct nl_msg *msg = NULL;
	int r;

	msg = route_message(RTM_NEWROUTE, NLM_F_CREATE, &defaults, route);
	if (!msg)
		return error_oom(err);
	r = netlink_change(nl, msg, outcomes, err);
	return r < 0 ? route_context(nl, "add", route, err) : r;
}

int netlink_route_del(struct netlink *nl, const struct netlink_route *route,
		      struct error *err)
{
	static const struct netlink_outcome outcomes[] = {
		{ ESRCH, NETLINK_ABSENT },
		{ ENODEV, NETLINK_ABSENT },
		{ ENOENT, NETLINK_ABSENT }, /* no such table */
		{ 0, 0 },
	};
	/* "Any" to the kernel: a route is named by what the caller gives. */
	struct rtmsg defaults = { .rtm_scope = RT_SCOPE_NOWHERE };
	cleanup_message struct nl_msg *msg = NULL;
	int r;

	msg = route_message(RTM_DELROUTE, 0, &defaults, route);
	if (!msg)
		return error_oom(err);
	r = netlink_change(nl, msg, outcomes, err);
	return r < 0 ? route_context(nl, "delete", route, err) : r;
}
