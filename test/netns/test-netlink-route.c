#include "lib/netlink.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct netlink *nl;
static struct error err;
static int br0;
static int br1;

static int index_of(const char *name)
{
	struct netlink_link link;

	cr_assert_eq(netlink_link_get(nl, name, &link, &err), 0);
	return link.index;
}

/* Two links that are up, each with a subnet of both families. */
static void open_session(void)
{
	ns_fresh();
	ns_do(-1, "for i in 0 1; do"
		  " ip link add name br$i type bridge;"
		  " ip link set br$i addrgenmode none;"
		  " ip link set br$i up;"
		  " ip addr add 10.0.$i.1/24 dev br$i;"
		  " ip addr add fd00:$i::1/64 dev br$i nodad; done");
	cr_assert_eq(netlink_open(-1, &nl, &err), 0, "%s", err.details);
	br0 = index_of("br0");
	br1 = index_of("br1");
}

static void close_session(void)
{
	nl = netlink_close(nl);
}

TestSuite(route, .init = open_session, .fini = close_session);

static struct inet_addr addr(const char *text)
{
	struct inet_addr ret;

	cr_assert(inet_addr_parse(text, &ret), "%s", text);
	return ret;
}

static struct netlink_route route(const char *dst, const char *gw)
{
	struct netlink_route ret = { .index = br0 };

	cr_assert(inet_prefix_parse(dst, &ret.dst), "%s", dst);
	if (gw)
		ret.gw = addr(gw);
	return ret;
}

/* The routes to @dst over @index; returns how many, and the last. */
static size_t find(int index, const char *dst, struct netlink_route *ret)
{
	cleanup_netlink_routes struct netlink_routes routes = { 0 };
	struct inet_prefix want;
	size_t found = 0;

	cr_assert(inet_prefix_parse(dst, &want));
	cr_assert_eq(netlink_route_list(nl, index, AF_UNSPEC, &routes, &err), 0,
		     "%s", err.details);
	for (size_t i = 0; i < routes.count; i++) {
		if (!inet_prefix_equal(&routes.items[i].dst, &want))
			continue;
		*ret = routes.items[i];
		found++;
	}
	return found;
}

Test(route, a_route_is_added_once_listed_and_deleted_once)
{
	static const struct {
		const char *dst;
		const char *gw;
	} cases[] = {
		{ "10.5.0.0/16", "10.0.0.254" },
		{ "10.5.0.0/16", NULL },
		{ "0.0.0.0/0", "10.0.0.254" },
		{ "10.5.5.5/32", NULL },
		{ "fd05::/48", "fd00:0::fe" },
		{ "fd05::/48", NULL },
		{ "::/0", "fd00:0::fe" },
		/* IPv4 over an IPv6 next hop */
		{ "10.6.0.0/16", "fd00:0::fe" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct netlink_route want = route(cases[i].dst, cases[i].gw);
		struct netlink_route have = { 0 };

		cr_expect_eq(netlink_route_add(nl, &want, &err), 0, "%s",
			     err.details);
		cr_expect_eq(netlink_route_add(nl, &want, &err),
			     NETLINK_EXISTS);
		cr_expect_eq(find(br0, cases[i].dst, &have), 1, "%s",
			     cases[i].dst);
		cr_expect(inet_addr_equal(&have.gw, &want.gw));
		cr_expect_eq(have.table, RT_TABLE_MAIN);
		cr_expect_eq(have.protocol, RTPROT_STATIC);
		cr_expect_eq(have.type, RTN_UNICAST);
		cr_expect_eq(have.index, br0);
		cr_expect_eq(netlink_route_del(nl, &want, &err), 0, "%s",
			     err.details);
		cr_expect_eq(netlink_route_del(nl, &want, &err),
			     NETLINK_ABSENT);
	}
	cr_expect_not(error_is_set(&err));
}

Test(route, everything_that_a_route_can_say_is_carried)
{
	struct netlink_route want = route("10.5.0.0/16", "10.0.0.254");
	struct netlink_route have = { 0 };

	want.src = addr("10.0.1.1");
	want.table = 4711;
	want.priority = 77;
	want.protocol = 99;
	want.mtu = 1400;
	want.advmss = 1300;
	cr_assert_eq(netlink_route_add(nl, &want, &err), 0, "%s", err.details);
	cr_assert_eq(find(br0, "10.5.0.0/16", &have), 1);
	cr_expect(inet_addr_equal(&have.src, &want.src));
	cr_expect_eq(have.table, 4711);
	cr_expect_eq(have.priority, 77);
	cr_expect_eq(have.protocol, 99);
	cr_expect_eq(have.mtu, 1400);
	cr_expect_eq(have.advmss, 1300);
	cr_expect_eq(have.scope, RT_SCOPE_UNIVERSE);
	cr_expect_not(have.onlink);
	cr_expect_eq(netlink_route_del(nl, &have, &err), 0);
}

Test(route, a_gateway_outside_every_subnet_needs_onlink)
{
	static const struct {
		const char *dst;
		const char *gw;
	} cases[] = { { "10.5.0.0/16", "192.0.2.1" },
		      { "fd05::/48", "2001:db8::1" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct netlink_route want = route(cases[i].dst, cases[i].gw);
		struct netlink_route have = { 0 };
		char text[128];

		cr_expect_lt(netlink_route_add(nl, &want, &err), 0);
		snprintf(text, sizeof(text),
			 "add route %s via %s dev br0: ", cases[i].dst,
			 cases[i].gw);
		cr_expect_eq(strncmp(err.details, text, strlen(text)), 0, "%s",
			     err.details);
		want.onlink = true;
		cr_expect_eq(netlink_route_add(nl, &want, &err), 0, "%s",
			     err.details);
		cr_expect_eq(find(br0, cases[i].dst, &have), 1);
		cr_expect(have.onlink);
	}
}

Test(route, the_scope_is_ips_unless_given)
{
	struct netlink_route want = route("10.5.0.0/16", NULL);
	struct netlink_route have = { 0 };

	cr_assert_eq(netlink_route_add(nl, &want, &err), 0);
	cr_assert_eq(find(br0, "10.5.0.0/16", &have), 1);
	cr_expect_eq(have.scope, RT_SCOPE_LINK);
	cr_assert_eq(netlink_route_del(nl, &want, &err), 0);
	want.has_scope = true;
	want.scope = RT_SCOPE_UNIVERSE;
	cr_assert_eq(netlink_route_add(nl, &want, &err), 0, "%s", err.details);
	cr_assert_eq(find(br0, "10.5.0.0/16", &have), 1);
	cr_expect_eq(have.scope, RT_SCOPE_UNIVERSE);
}

Test(route, host_bits_of_a_destination_are_cleared)
{
	struct netlink_route want = route("10.5.1.2/16", NULL);
	struct netlink_route have = { 0 };

	cr_expect_eq(netlink_route_add(nl, &want, &err), 0, "%s", err.details);
	cr_expect_eq(find(br0, "10.5.0.0/16", &have), 1);
}

Test(route, each_hop_of_a_multipath_route_is_an_item)
{
	struct netlink_route have = { 0 };

	ns_do(-1, "ip route add 10.5.0.0/16"
		  " nexthop via 10.0.0.254 dev br0"
		  " nexthop via 10.0.1.253 dev br1"
		  " nexthop via 10.0.1.254 dev br1");
	ns_do(-1, "ip route add fd05::/48"
		  " nexthop via fd00:0::fe dev br0"
		  " nexthop via fd00:1::fe dev br1");
	cr_expect_eq(find(0, "10.5.0.0/16", &have), 3);
	cr_expect_eq(find(br1, "10.5.0.0/16", &have), 2);
	cr_expect_eq(find(br0, "10.5.0.0/16", &have), 1);
	cr_expect_eq(have.index, br0);
	cr_expect_eq(have.gw.bytes[3], 254);
	cr_expect_eq(find(br1, "fd05::/48", &have), 1);
	cr_expect_eq(have.index, br1);
}

Test(route, lists_are_of_one_link_all_tables_and_without_local_routes)
{
	cleanup_netlink_routes struct netlink_routes routes = { 0 };
	struct netlink_route have = { 0 };

	ns_do(-1, "ip route add 10.5.0.0/16 dev br0 table 5000");
	ns_do(-1, "ip route add 10.5.0.0/16 dev br1");
	ns_do(-1, "ip route add unreachable 10.6.0.0/16");
	cr_assert_eq(netlink_route_list(nl, br0, AF_INET, &routes, &err), 0);
	cr_expect_eq(routes.count, 2); /* the subnet's and table 5000's */
	for (size_t i = 0; i < routes.count; i++) {
		cr_expect_eq(routes.items[i].index, br0);
		cr_expect_neq(routes.items[i].table, RT_TABLE_LOCAL);
	}
	cr_expect_eq(find(0, "10.5.0.0/16", &have), 2);
	cr_expect_eq(find(0, "10.6.0.0/16", &have), 1);
	cr_expect_eq(have.type, RTN_UNREACHABLE);
}

Test(route, thousands_of_routes_are_listed)
{
	cleanup_netlink_routes struct netlink_routes routes = { 0 };

	ns_do(-1, "for i in $(seq 0 9); do for j in $(seq 0 199); do"
		  " echo route add 10.1$i.$j.0/24 dev br0; done; done |"
		  " ip -batch -");
	cr_assert_eq(netlink_route_list(nl, br0, AF_INET, &routes, &err), 0);
	cr_expect_eq(routes.count, 2001);
}

Test(route, the_kernels_choice_is_told_with_source_and_mtu)
{
	struct inet_addr near4 = addr("10.0.0.7");
	struct inet_addr far4 = addr("10.5.0.7");
	struct inet_addr far6 = addr("fd05::7");
	struct netlink_route have = { 0 };

	ns_do(-1, "ip route add 10.5.0.0/16 via 10.0.1.254 mtu 1400");
	ns_do(-1, "ip route add fd05::/48 via fd00:1::fe mtu 1500");
	cr_assert_eq(netlink_route_get(nl, &near4, &have, &err), 0);
	cr_expect_eq(have.index, br0);
	cr_expect_eq(have.gw.family, 0);
	cr_expect_eq(have.mtu, 0);
	cr_expect_eq(have.src.bytes[2], 0);

	cr_assert_eq(netlink_route_get(nl, &far4, &have, &err), 0);
	cr_expect_eq(have.index, br1);
	cr_expect_eq(have.mtu, 1400);
	cr_expect_eq(have.src.bytes[2], 1);
	cr_expect_eq(have.gw.bytes[3], 254);

	cr_assert_eq(netlink_route_get(nl, &far6, &have, &err), 0);
	cr_expect_eq(have.index, br1);
	cr_expect_eq(have.mtu, 1500);
	cr_expect_eq(have.gw.family, AF_INET6);
}

Test(route, a_source_can_change_the_kernels_choice)
{
	struct inet_addr dst = addr("10.0.1.7");
	struct inet_addr src = addr("10.0.0.1");
	struct inet_addr foreign = addr("192.0.2.1");
	struct netlink_route have = { 0 };

	ns_do(-1, "ip rule add from 10.0.0.1 lookup 5000;"
		  "ip route add default via 10.0.0.254 mtu 1234 table 5000");
	cr_assert_eq(netlink_route_get(nl, &dst, &have, &err), 0);
	cr_expect_eq(have.index, br1);
	cr_assert_eq(netlink_route_get_from(nl, &dst, &src, &have, &err), 0);
	cr_expect_eq(have.index, br0);
	cr_expect_eq(have.mtu, 1234);
	cr_expect(inet_addr_equal(&have.src, &src));
	cr_expect_eq(netlink_route_get_from(nl, &dst, &foreign, &have, &err),
		     NETLINK_ABSENT);
}

Test(route, no_route_is_an_outcome_in_all_its_forms)
{
	static const char *const addrs[] = { "192.0.2.1",   "10.6.0.1",
					     "10.7.0.1",    "10.8.0.1",
					     "2001:db8::1", "fd06::1" };
	struct netlink_route have;

	ns_do(-1, "ip route add unreachable 10.6.0.0/16;"
		  "ip route add blackhole 10.7.0.0/16;"
		  "ip route add prohibit 10.8.0.0/16;"
		  "ip route add unreachable fd06::/48");
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct inet_addr dst = addr(addrs[i]);

		cr_expect_eq(netlink_route_get(nl, &dst, &have, &err),
			     NETLINK_ABSENT, "%s: %s", addrs[i], err.details);
	}
	cr_expect_not(error_is_set(&err));
}

Test(route, deleting_over_a_missing_link_or_table_finds_nothing)
{
	struct netlink_route gone = route("10.5.0.0/16", NULL);

	gone.table = 999;
	cr_expect_eq(netlink_route_del(nl, &gone, &err), NETLINK_ABSENT, "%s",
		     err.details);
	gone.table = 0;
	gone.index = 4711;
	cr_expect_eq(netlink_route_del(nl, &gone, &err), NETLINK_ABSENT, "%s",
		     err.details);
}
