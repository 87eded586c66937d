#include "plugin/shim.h"
#include "test/netns/site-shim.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

/* The shim of a NIC, which in general keeps its address. */

static void start(void)
{
	site_init_plain(&site);
	site_shim_find_parent();
	site.config.shim.present = true;
	site.config.shim.addresses[0] = site_prefix("192.168.7.201/24");
	site.config.shim.n_addresses = 1;
	site_range(&site, "192.168.7.0/24", "192.168.7.64", "192.168.7.127");
}

TestSuite(beside, .init = start, .fini = site_shim_stop);

/* All of the namespace but the shim and what is routed over it. */
static char *without_shim(void)
{
	return ns_exec(-1, "ip -d link show eth1; ip addr show eth1;"
			   " ip route show table all | grep -v hs-eth1;"
			   " grep . 2>/dev/null /proc/sys/net/ipv4/conf/eth1/*"
			   " /proc/sys/net/ipv6/conf/eth1/*"
			   " | grep -v stable_secret");
}

Test(beside, address_stands_alone_and_the_range_is_routed)
{
	cleanup_close int fd = site_shim_pod("bridge", "192.168.7.64/24");
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	ns_settle(-1);
	before = without_shim();
	site_shim_make();
	cr_expect_str_eq(shim.name, "hs-eth1");
	site_expect("inet 192.168.7.201/32 scope global",
		    "ip addr show hs-eth1");
	site_expect("192.168.7.64/26 proto 211 scope link src 192.168.7.201",
		    "ip route show dev hs-eth1");
	after = without_shim();
	cr_expect(ns_same(before, after), "the NIC was touched");
	cr_expect_eq(ns_ping(-1, "192.168.7.64", 3), 3);
	cr_expect_eq(ns_ping(fd, "192.168.7.201", 3), 3);
	site_expect("dev eth1", "ip route get 192.168.7.9");
	site_shim_expect_right("beside");
}

Test(beside, a_range_that_changes_changes_the_routes)
{
	site_shim_make();
	cr_assert_eq(
		range_set_remove(&site.config.ipam.sets[0].ranges[0].candidates,
				 0xc0a8074a, 0xc0a8074a, &site.err),
		0);
	site_shim_make(); /* 192.168.7.74 is a node's now */
	site_expect_not("192.168.7.64/26", "ip route show dev hs-eth1");
	site_expect("192.168.7.75 ", "ip route show dev hs-eth1");
	site_expect_not("192.168.7.74 ", "ip route show dev hs-eth1");
	site_expect("192.168.7.96/27", "ip route show dev hs-eth1");
	site_shim_expect_right("changed");
}

Test(beside, an_address_that_changes_takes_its_routes_along)
{
	site_shim_make();
	site.config.shim.addresses[0] = site_prefix("192.168.7.202/24");
	site_shim_make();
	site_expect("192.168.7.202/32", "ip addr show hs-eth1");
	site_expect_not("192.168.7.201", "ip addr show hs-eth1");
	site_expect_not("192.168.7.201", "ip route show dev hs-eth1");
	site_expect("192.168.7.64/26 proto 211 scope link src 192.168.7.202",
		    "ip route show dev hs-eth1");
	site_shim_expect_right("changed");
}

Test(beside, when_the_nic_gives_its_address_up_the_shim_takes_the_subnet)
{
	site_shim_make();
	ns_do(-1, "ip addr del 192.168.7.1/24 dev eth1");
	site_shim_make();
	site_expect("192.168.7.201/24", "ip addr show hs-eth1");
	site_expect_not("/32", "ip addr show hs-eth1");
	site_expect_not("proto 211", "ip route show dev hs-eth1");
	site_shim_expect_right("alone");

	ns_do(-1, "ip addr add 192.168.7.1/24 dev eth1");
	site_shim_make();
	site_expect("192.168.7.201/32", "ip addr show hs-eth1");
	site_expect_not("192.168.7.201/24", "ip addr show hs-eth1");
	site_expect("proto 211", "ip route show dev hs-eth1");
	site_shim_expect_right("beside again");
}

Test(beside, two_networks_leave_each_others_routes)
{
	struct ipam_config first = site.config.ipam;
	struct ipam_config second = { 0 };

	site_shim_make();
	site.config.ipam = second;
	site_range(&site, "192.168.7.0/24", "192.168.7.128", "192.168.7.159");
	site_shim_make();
	site_expect("192.168.7.64/26", "ip route show dev hs-eth1");
	site_expect("192.168.7.128/27", "ip route show dev hs-eth1");
	site_shim_expect_right("the second network");
	second = site.config.ipam;
	site.config.ipam = first;
	site_shim_expect_right("the first network");
	range_set_clear(&second.sets[0].ranges[0].candidates);
	free(second.sets[0].ranges);
	free(second.sets);
}

Test(beside, a_range_that_would_take_the_subnet_is_refused)
{
	static const struct {
		const char *first, *last, *says;
	} cases[] = {
		{ "192.168.7.1", "192.168.7.200",
		  "could be given 192.168.7.1/24, the address of eth1" },
		{ "192.168.7.2", "192.168.7.254", "no more specific than" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct range_set *set =
			&site.config.ipam.sets[0].ranges[0].candidates;
		struct inet_addr first = site_addr(cases[i].first);
		struct inet_addr last = site_addr(cases[i].last);

		cr_assert_eq(range_set_add(set, inet_addr_to_uint(&first),
					   inet_addr_to_uint(&last), &site.err),
			     0);
		cr_assert_eq(range_set_remove(set, 0xc0a807c9, 0xc0a807c9,
					      &site.err),
			     0);
		site_shim_expect_refused(ERROR_UNSUPPORTED, cases[i].says);
		cr_assert_eq(range_set_remove(set, 0xc0a80700, 0xc0a807ff,
					      &site.err),
			     0);
	}
}

Test(beside, the_nics_own_address_is_refused)
{
	site.config.shim.addresses[0] = site_prefix("192.168.7.1/24");
	site_shim_expect_refused(
		ERROR_SHIM, "192.168.7.1/24 is the address of eth1 itself");
}

Test(beside, ipv6_stands_alone_too)
{
	cleanup_close int fd = site_shim_pod("bridge", "fd00:7::40/64");

	ns_do(-1, "ip addr add fd00:7::1/64 dev eth1 nodad");
	site.config.shim.addresses[0] = site_prefix("fd00:7::201/64");
	site_range(&site, "fd00:7::/64", "fd00:7::40", "fd00:7::7f");
	site_shim_make();
	site_expect("inet6 fd00:7::201/128 scope global",
		    "ip addr show hs-eth1");
	site_expect("fd00:7::40/122", "ip -6 route show dev hs-eth1");
	ns_settle(fd);
	cr_expect_eq(ns_ping(-1, "fd00:7::40", 3), 3);
	cr_expect_eq(ns_ping(fd, "fd00:7::201", 3), 3);
	site_shim_expect_right("beside");

	site.config.shim.addresses[0] = site_prefix("fd00:7::202/64");
	site_shim_make();
	site_expect_not("fd00:7::201", "ip addr show hs-eth1");
	site_expect("src fd00:7::202", "ip -6 route show dev hs-eth1");
	site_shim_expect_right("changed");
}

Test(beside, no_change_that_fails_leaves_a_half_made_one)
{
	cleanup_free char *before = NULL;
	unsigned int nth = 0;

	ns_settle(-1);
	before = ns_snapshot(-1);
	for (;;) {
		cleanup_free char *after = NULL;

		site_fail(++nth);
		site_shim_ensure(NODE_REPAIR);
		if (!site_failed())
			break;
		after = ns_snapshot(-1);
		cr_expect(ns_same(before, after), "after change %u: %s", nth,
			  site.err.details);
	}
	site_shim_expect_right("after all");
}

Test(beside, on_a_macvlan_it_is_the_sibling_of_its_pods)
{
	ns_do(-1, "ip addr flush dev eth1;"
		  " ip link add low link eth1 type macvlan mode bridge;"
		  " ip link set low up");
	strcpy(site.config.master, "low");
	site_shim_find_parent();
	site_shim_make();
	site_expect("hs-low@eth1", "ip link show hs-low");
	site_shim_expect_right("on a macvlan");
}

Test(beside, a_parent_that_is_held_is_diagnosed)
{
	ns_do(-1, "ip link add br0 type bridge; ip link set eth1 master br0");
	site_shim_find_parent();
	cr_expect(site_shim_ensure(NODE_REPAIR) < 0);
	cr_expect_eq(site.err.code, ERROR_SHIM);
	cr_expect(strstr(site.err.details,
			 "eth1 is a port of br0, name br0 as \"master\""),
		  "%s", site.err.details);
	site_expect_not("hs-eth1", "ip link");
}

Test(beside, a_parent_that_is_down_gets_its_shim_all_the_same)
{
	ns_do(-1, "ip addr flush dev eth1; ip link set eth1 down");
	site_shim_find_parent();
	site_shim_make();
	site_expect("192.168.7.201/24", "ip addr show hs-eth1");
	site_shim_expect_right("down");
	site_expect_not(",UP", "ip link show eth1");
}
