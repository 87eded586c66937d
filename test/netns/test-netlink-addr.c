#include "lib/netlink.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <linux/if_addr.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct netlink *nl;
static struct error err;
static int br0;

static void open_session(void)
{
	struct netlink_link link;

	ns_fresh();
	ns_do(-1, "ip link add name br0 type bridge");
	cr_assert_eq(netlink_open(-1, &nl, &err), 0, "%s", err.details);
	cr_assert_eq(netlink_link_get(nl, "br0", &link, &err), 0);
	br0 = link.index;
}

static void close_session(void)
{
	nl = netlink_close(nl);
}

TestSuite(addr, .init = open_session, .fini = close_session);

static struct netlink_addr address(const char *prefix)
{
	struct netlink_addr addr = { .index = br0 };

	cr_assert(inet_prefix_parse(prefix, &addr.address), "%s", prefix);
	return addr;
}

static struct netlink_addrs list(int index, int family)
{
	struct netlink_addrs addrs = { 0 };

	cr_assert_eq(netlink_addr_list(nl, index, family, &addrs, &err), 0,
		     "%s", err.details);
	return addrs;
}

Test(addr, an_address_is_added_once_listed_and_deleted_once)
{
	static const char *const prefixes[] = { "10.1.2.3/24", "10.1.2.4/32",
						"fd00::3/64", "fd00::4/128" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		struct netlink_addr addr = address(prefixes[i]);
		int family = addr.address.addr.family;
		cleanup_netlink_addrs struct netlink_addrs some = { 0 };
		cleanup_netlink_addrs struct netlink_addrs none = { 0 };

		cr_expect_eq(netlink_addr_add(nl, &addr, &err), 0, "%s",
			     err.details);
		cr_expect_eq(netlink_addr_add(nl, &addr, &err), NETLINK_EXISTS);
		some = list(br0, family);
		cr_assert_eq(some.count, 1, "%s", prefixes[i]);
		cr_expect_eq(some.items[0].index, br0);
		cr_expect(inet_prefix_equal(&some.items[0].address,
					    &addr.address));
		cr_expect_not(some.items[0].has_lifetime);
		cr_expect_eq(netlink_addr_del(nl, &addr, &err), 0);
		cr_expect_eq(netlink_addr_del(nl, &addr, &err), NETLINK_ABSENT);
		none = list(br0, family);
		cr_expect_eq(none.count, 0, "%s", prefixes[i]);
	}
	cr_expect_not(error_is_set(&err));
}

Test(addr, short_ipv4_prefixes_get_their_broadcast_address)
{
	struct netlink_addr net = address("10.1.2.3/20");
	struct netlink_addr pair = address("10.9.0.0/31");

	cr_assert_eq(netlink_addr_add(nl, &net, &err), 0);
	cr_assert_eq(netlink_addr_add(nl, &pair, &err), 0);
	cr_expect(ns_has(-1, "10.1.2.3/20 brd 10.1.15.255", "ip addr"));
	cr_expect_not(ns_has(-1, "10.9.0.0/31 brd", "ip addr"));
}

Test(addr, label_metric_scope_and_flags_are_carried)
{
	struct netlink_addr addr = address("10.1.2.3/24");
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };

	addr.metric = 77;
	addr.scope = 253; /* RT_SCOPE_LINK */
	addr.flags = IFA_F_NOPREFIXROUTE; /* beyond the header's eight bits */
	snprintf(addr.label, sizeof(addr.label), "br0:san");
	cr_assert_eq(netlink_addr_add(nl, &addr, &err), 0, "%s", err.details);
	addrs = list(br0, AF_INET);
	cr_assert_eq(addrs.count, 1);
	cr_expect_eq(addrs.items[0].metric, 77);
	cr_expect_eq(addrs.items[0].scope, 253);
	cr_expect(addrs.items[0].flags & IFA_F_NOPREFIXROUTE);
	cr_expect_str_eq(addrs.items[0].label, "br0:san");
}

Test(addr, nodad_makes_an_ipv6_address_usable_at_once)
{
	struct netlink_addr addr = address("fd00::3/64");
	struct netlink_addr slow = address("fd00::4/64");
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };

	ns_do(-1, "ip link set br0 addrgenmode none; ip link set br0 up");
	addr.flags = IFA_F_NODAD;
	cr_assert_eq(netlink_addr_add(nl, &addr, &err), 0);
	cr_assert_eq(netlink_addr_add(nl, &slow, &err), 0);
	addrs = list(br0, AF_INET6);
	cr_assert_eq(addrs.count, 2);
	for (size_t i = 0; i < addrs.count; i++) {
		const struct netlink_addr *a = &addrs.items[i];
		bool nodad = inet_prefix_equal(&a->address, &addr.address);

		cr_expect_eq(!!(a->flags & IFA_F_TENTATIVE), !nodad);
	}
}

Test(addr, lists_hold_one_link_and_one_family_only)
{
	cleanup_netlink_addrs struct netlink_addrs four = { 0 };
	cleanup_netlink_addrs struct netlink_addrs both = { 0 };
	cleanup_netlink_addrs struct netlink_addrs all = { 0 };

	ns_addr(-1, "br0", "10.1.2.3/24");
	ns_addr(-1, "br0", "fd00::1/64");
	four = list(br0, AF_INET);
	both = list(br0, AF_UNSPEC);
	all = list(0, AF_UNSPEC); /* with 127.0.0.1 and ::1 */
	cr_expect_eq(four.count, 1);
	cr_expect_eq(both.count, 2);
	cr_expect_eq(all.count, 4);
}

Test(addr, a_finite_lifetime_is_seen)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };

	ns_do(-1, "ip addr add 10.1.2.3/24 dev br0 valid_lft 600"
		  " preferred_lft 300");
	addrs = list(br0, AF_INET);
	cr_assert_eq(addrs.count, 1);
	cr_expect(addrs.items[0].has_lifetime);
}

Test(addr, of_an_address_with_a_peer_ours_is_listed)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	struct netlink_addr ours = address("10.0.0.1/32");

	ns_do(-1, "ip addr add 10.0.0.1 peer 10.0.0.2 dev br0");
	addrs = list(br0, AF_INET);
	cr_assert_eq(addrs.count, 1);
	cr_expect(inet_prefix_equal(&addrs.items[0].address, &ours.address));
}

Test(addr, hundreds_of_addresses_are_listed)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };

	ns_do(-1, "for i in $(seq 250); do echo addr add 10.1.$i.1/24 dev br0;"
		  " echo addr add fd00:$i::1/64 dev br0; done | ip -batch -");
	addrs = list(br0, AF_UNSPEC);
	cr_expect_eq(addrs.count, 500);
}

Test(addr, a_settled_one_is_delivered_to)
{
	for (int i = 1; i <= 50; i++) {
		struct netlink_addr addr;
		char text[INET_PREFIX_TEXT];

		snprintf(text, sizeof(text), "fd00::%d/64", i);
		addr = address(text);
		addr.flags = IFA_F_NODAD;
		cr_assert_eq(netlink_addr_add(nl, &addr, &err), 0);
		cr_assert_eq(netlink_addr_settle(nl, &addr, &err), 0, "%s",
			     err.details);
		text[strcspn(text, "/")] = '\0';
		cr_expect(ns_has(-1, "local",
				 "ip -6 route show table local"
				 " dev br0 %s",
				 text));
	}
}

Test(addr, one_that_is_not_there_does_not_settle)
{
	struct netlink_addr addr = address("fd00::1/64");

	cr_expect_lt(netlink_addr_settle(nl, &addr, &err), 0);
	cr_expect(strstr(err.details, "settle fd00::1/64 on br0: "), "%s",
		  err.details);
}

/* What is listed says all that adding it elsewhere needs. */
Test(addr, a_listed_one_is_the_same_on_another_link)
{
	static const char *const cases[] = {
		"10.1.2.3/24",
		"10.1.2.3/24 brd +",
		"10.1.2.3/24 brd 10.1.2.0",
		"10.1.2.3 peer 10.1.2.4/32",
		"10.1.2.3/24 scope link metric 7 noprefixroute",
		"10.1.2.3/24 preferred_lft 0",
		"fd00::3/64 nodad metric 7",
		"fd00::3/64 nodad preferred_lft 0 noprefixroute",
		"fd00::3/64 nodad home mngtmpaddr",
	};

	ns_do(-1, "ip link add br1 type bridge; ip link set br1 up");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
		cleanup_free char *before = NULL;
		cleanup_free char *after = NULL;

		ns_do(-1, "ip addr add %s dev br0", cases[i]);
		before = ns_exec(-1, "ip -o addr show dev br0 scope global;"
				     " ip -o addr show dev br0 scope link |"
				     " grep -v fe80:; true");
		addrs = list(br0, AF_UNSPEC);
		for (size_t j = 0; j < addrs.count; j++) {
			struct netlink_addr *addr = &addrs.items[j];

			if (addr->address.addr.family == AF_INET6 &&
			    addr->scope == 253)
				continue;
			cr_expect_not(addr->has_lifetime);
			cr_expect_eq(netlink_addr_del(nl, addr, &err), 0);
			addr->index = ns_index(-1, "br1");
			addr->label[0] = '\0';
			cr_expect_eq(netlink_addr_add(nl, addr, &err), 0,
				     "%s: %s", cases[i], err.details);
			cr_expect_eq(netlink_addr_del(nl, addr, &err), 0);
			addr->index = br0;
			cr_expect_eq(netlink_addr_add(nl, addr, &err), 0);
		}
		after = ns_exec(-1, "ip -o addr show dev br0 scope global;"
				    " ip -o addr show dev br0 scope link |"
				    " grep -v fe80:; true");
		cr_expect(ns_same(before, after), "%s", cases[i]);
		ns_do(-1, "ip addr flush dev br0 scope global;"
			  " ip -4 addr flush dev br0");
	}
}

Test(addr, what_a_dhcp_client_owns_has_a_lifetime)
{
	static const char *const cases[] = {
		"10.1.2.3/24 valid_lft 60 preferred_lft 60",
		"fd00::3/64 nodad preferred_lft 60",
		"fd00::3/64 nodad valid_lft 60 preferred_lft 0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
		bool some = false;

		ns_do(-1, "ip addr add %s dev br0", cases[i]);
		addrs = list(br0, AF_UNSPEC);
		for (size_t j = 0; j < addrs.count; j++)
			some = some || addrs.items[j].has_lifetime;
		cr_expect(some, "%s", cases[i]);
		ns_do(-1, "ip addr flush dev br0");
	}
}

Test(addr, refusals_say_what_and_where)
{
	struct netlink_addr addr = address("fd00::1/64");
	struct netlink_addr gone = address("10.1.2.3/24");

	ns_set_sysctl(-1, "net/ipv6/conf/br0/disable_ipv6", 1);
	cr_expect_lt(netlink_addr_add(nl, &addr, &err), 0);
	cr_expect_eq(err.code, ERROR_LINK);
	cr_expect(strstr(err.details, "add fd00::1/64 on br0: "), "%s",
		  err.details);
	gone.index = 4711;
	cr_expect_lt(netlink_addr_add(nl, &gone, &err), 0);
	cr_expect_eq(err.sys, ENODEV);
	cr_expect_eq(netlink_addr_del(nl, &gone, &err), NETLINK_ABSENT);
}

Test(addr, the_list_of_a_missing_link_is_an_error)
{
	struct netlink_addrs addrs = { 0 };

	cr_expect_lt(netlink_addr_list(nl, 4711, AF_UNSPEC, &addrs, &err), 0);
	cr_expect_eq(err.sys, ENODEV);
	cr_expect_eq(addrs.count, 0);
}
