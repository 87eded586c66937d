#include "lib/netlink.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

static struct netlink *nl;
static struct error err;

/* Two links with the same subnets, "old" first, and a third beside them. */
static void open_session(void)
{
	ns_fresh();
	ns_do(-1, "for i in old new side; do ip link add name $i type bridge;"
		  " ip link set $i addrgenmode none; ip link set $i up; done;"
		  " for i in old new; do ip addr add 10.0.0.1/24 dev $i;"
		  " ip addr add fd00::1/64 dev $i nodad; done;"
		  " ip addr add 10.9.0.1/24 dev side;"
		  " ip addr add fd09::1/64 dev side nodad");
	cr_assert_eq(netlink_open(-1, &nl, &err), 0, "%s", err.details);
}

static void close_session(void)
{
	nl = netlink_close(nl);
}

TestSuite(replay, .init = open_session, .fini = close_session);

static char *routes_of(const char *link)
{
	return ns_exec(
		-1,
		"for f in 4 6; do ip -$f -d route show table all dev %s |"
		" grep -v -e 'proto kernel' -e 'table local' |"
		" sed -e 's/ linkdown//' -e 's/ *$//' | sort; done",
		link);
}

static void save(int family, struct netlink_saved *ret)
{
	cr_assert_eq(netlink_routes_save(nl, ns_index(-1, "old"), family, ret,
					 &err),
		     0, "%s", err.details);
}

static void drop(const struct netlink_saved *saved)
{
	cr_assert_eq(netlink_routes_drop(nl, saved, &err), 0, "%s",
		     err.details);
}

static void replay(const struct netlink_saved *saved)
{
	cr_assert_eq(netlink_routes_replay(nl, saved, ns_index(-1, "new"),
					   &err),
		     0, "%s", err.details);
}

Test(replay, routes_are_carried_with_all_that_they_say)
{
	cleanup_netlink_saved struct netlink_saved saved = { 0 };
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	ns_do(-1, "ip route add 10.1.0.0/16 via 10.0.0.254 dev old mtu lock"
		  " 1400 advmss 1300 rtt 20ms initcwnd 30 src 10.9.0.1;"
		  " ip route add 10.2.0.0/16 dev old table 5000 metric 77"
		  " proto 99;"
		  " ip route add 10.3.0.0/16 via 192.0.2.1 dev old onlink;"
		  " ip route add 10.4.0.0/16 dev old scope link tos 0x10;"
		  " ip route add 10.5.0.0/16 via inet6 fd00::fe dev old;"
		  " ip route add fd01::/48 via fd00::fe dev old mtu 1400"
		  " metric 7 pref high proto 99 table 6000;"
		  " ip route add fd02::/48 dev old");
	before = routes_of("old");
	save(AF_UNSPEC, &saved);
	cr_expect_eq(saved.count, 7);
	replay(&saved);
	drop(&saved);
	after = routes_of("new");
	cr_expect(ns_same(before, after));
}

Test(replay, the_rest_of_the_way_is_an_address_moved_without_a_trace)
{
	cleanup_netlink_saved struct netlink_saved saved = { 0 };
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	cleanup_free char *left = NULL;

	ns_do(-1, "ip route add 10.1.0.0/16 via 10.0.0.254 dev old;"
		  " ip route add fd01::/48 via fd00::fe dev old");
	before = routes_of("old");
	save(AF_UNSPEC, &saved);
	replay(&saved);
	ns_do(-1, "ip addr del 10.0.0.1/24 dev old;"
		  " ip addr del fd00::1/64 dev old");
	cr_expect(ns_has(-1, "dev old", "ip -6 route show fd01::/48"),
		  "the kernel keeps IPv6 routes");
	drop(&saved);
	left = routes_of("old");
	cr_expect_str_eq(left, "");
	after = routes_of("new");
	cr_expect(ns_same(before, after));
	drop(&saved);
}

Test(replay, a_second_replay_changes_nothing)
{
	cleanup_netlink_saved struct netlink_saved saved = { 0 };
	cleanup_free char *once = NULL;
	cleanup_free char *twice = NULL;

	ns_do(-1, "ip route add 10.1.0.0/16 via 10.0.0.254 dev old;"
		  " ip route add fd01::/48 via fd00::fe dev old");
	save(AF_UNSPEC, &saved);
	replay(&saved);
	once = ns_snapshot(-1);
	replay(&saved);
	twice = ns_snapshot(-1);
	cr_expect(ns_same(once, twice));
}

Test(replay, routes_that_need_each_other_may_come_in_any_order)
{
	cleanup_netlink_saved struct netlink_saved saved = { 0 };
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	/* Listed by prefix: each gateway is behind the route that follows. */
	ns_do(-1, "ip route add 192.0.2.0/24 dev old scope link;"
		  " ip route add 172.16.0.0/16 dev old scope link;"
		  " ip route add 10.1.0.0/16 via 192.0.2.1 dev old;"
		  " ip route add 10.2.0.0/16 via 172.16.0.1 dev old");
	before = routes_of("old");
	save(AF_INET, &saved);
	replay(&saved);
	after = routes_of("new");
	cr_expect(ns_same(before, after));
}

Test(replay, hops_over_other_links_stay_what_they_are)
{
	cleanup_netlink_saved struct netlink_saved saved = { 0 };

	ns_do(-1, "ip route add 10.1.0.0/16 nexthop via 10.0.0.254 dev old"
		  " weight 3 nexthop via 10.9.0.254 dev side;"
		  " ip route add fd01::/48 nexthop via fd00::fe dev old"
		  " nexthop via fd09::fe dev side");
	save(AF_UNSPEC, &saved);
	cr_expect_eq(saved.count, 2);
	replay(&saved);
	ns_do(-1, "ip addr del 10.0.0.1/24 dev old;"
		  " ip addr del fd00::1/64 dev old");
	drop(&saved);
	cr_expect(ns_has(-1, "via 10.0.0.254 dev new weight 3",
			 "ip route show 10.1.0.0/16"));
	cr_expect(ns_has(-1, "via 10.9.0.254 dev side",
			 "ip route show 10.1.0.0/16"));
	cr_expect(ns_has(-1, "via fd00::fe dev new",
			 "ip -6 route show fd01::/48"));
	cr_expect(ns_has(-1, "via fd09::fe dev side",
			 "ip -6 route show fd01::/48"));
	cr_expect_not(ns_has(-1, "dev old", "ip route; ip -6 route"));
}

Test(replay, a_nexthop_object_is_spelled_out)
{
	cleanup_netlink_saved struct netlink_saved saved = { 0 };

	ns_do(-1, "ip nexthop add id 5 via 10.0.0.254 dev old;"
		  " ip route add 10.1.0.0/16 nhid 5");
	save(AF_INET, &saved);
	cr_expect_eq(saved.count, 1);
	replay(&saved);
	cr_expect(ns_has(-1, "10.1.0.0/16 via 10.0.0.254 dev new",
			 "ip route show"));
}

Test(replay, what_the_kernel_or_a_router_makes_is_not_saved)
{
	cleanup_netlink_saved struct netlink_saved saved = { 0 };

	ns_do(-1, "ip route add fd01::/48 dev old expires 600;"
		  " ip route add fd02::/48 dev side;"
		  " ip route add unreachable 10.8.0.0/16");
	save(AF_UNSPEC, &saved);
	cr_expect_eq(saved.count, 0);
	replay(&saved);
}

Test(replay, a_gateway_without_a_way_is_an_error_in_words)
{
	cleanup_netlink_saved struct netlink_saved saved = { 0 };

	ns_do(-1, "ip route add 10.1.0.0/16 via 10.0.0.254 dev old;"
		  " ip addr del 10.0.0.1/24 dev new");
	save(AF_INET, &saved);
	cr_expect_lt(netlink_routes_replay(nl, &saved, ns_index(-1, "new"),
					   &err),
		     0);
	cr_expect(strstr(err.details, "carry routes over to new: Network is "
				      "unreachable"),
		  "%s", err.details);
}

Test(replay, hundreds_of_routes_are_carried)
{
	cleanup_netlink_saved struct netlink_saved saved = { 0 };
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	ns_do(-1,
	      "for i in $(seq 0 1); do for j in $(seq 0 199); do"
	      " echo route add 10.1$i.$j.0/24 via 10.0.0.$j dev old;"
	      " echo route add fd0$i:$j::/48 via fd00::$j dev old;"
	      " done; done | grep -v -e 'via 10.0.0.[01] ' -e 'fd00::[01] ' |"
	      " ip -batch -");
	before = routes_of("old");
	save(AF_UNSPEC, &saved);
	cr_expect_gt(saved.count, 700);
	replay(&saved);
	drop(&saved);
	after = routes_of("new");
	cr_expect(ns_same(before, after));
}
