#include "lib/netlink.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct netlink *nl;
static struct error err;
static int vx0;

static void open_session(void)
{
	struct netlink_link link;

	ns_fresh();
	ns_do(-1, "ip link add name vx0 type vxlan id 5 dstport 4789"
		  " local 10.0.0.1; ip link add name other type vxlan id 6"
		  " dstport 4789; bridge fdb append to 00:00:00:00:00:00"
		  " dst 10.0.0.66 dev other");
	cr_assert_eq(netlink_open(-1, &nl, &err), 0, "%s", err.details);
	cr_assert_eq(netlink_link_get(nl, "vx0", &link, &err), 0);
	vx0 = link.index;
}

static void close_session(void)
{
	nl = netlink_close(nl);
}

TestSuite(fdb, .init = open_session, .fini = close_session);

static struct netlink_fdb_entry entry(const char *mac, const char *dst)
{
	struct netlink_fdb_entry ret = { 0 };

	cr_assert(inet_mac_parse(mac, &ret.mac));
	cr_assert(inet_addr_parse(dst, &ret.dst));
	return ret;
}

static struct netlink_fdb_entry flood(const char *dst)
{
	return entry("00:00:00:00:00:00", dst);
}

static struct netlink_fdb list(void)
{
	struct netlink_fdb fdb = { 0 };

	cr_assert_eq(netlink_fdb_list(nl, vx0, &fdb, &err), 0, "%s",
		     err.details);
	return fdb;
}

static bool holds(const struct netlink_fdb *fdb,
		  const struct netlink_fdb_entry *want)
{
	for (size_t i = 0; i < fdb->count; i++)
		if (inet_mac_equal(&fdb->items[i].mac, &want->mac) &&
		    inet_addr_equal(&fdb->items[i].dst, &want->dst))
			return true;
	return false;
}

Test(fdb, a_new_vxlan_floods_to_nobody)
{
	cleanup_netlink_fdb struct netlink_fdb fdb = list();

	cr_expect_eq(fdb.count, 0);
}

Test(fdb, the_flood_list_holds_each_destination_once)
{
	static const char *const peers[] = { "10.0.0.2", "10.0.0.3", "10.0.0.4",
					     "10.0.0.2" };
	cleanup_netlink_fdb struct netlink_fdb fdb = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		struct netlink_fdb_entry peer = flood(peers[i]);

		cr_expect_eq(netlink_fdb_append(nl, vx0, &peer, &err), 0, "%s",
			     err.details);
	}
	fdb = list();
	cr_expect_eq(fdb.count, 3);
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		struct netlink_fdb_entry peer = flood(peers[i]);

		cr_expect(holds(&fdb, &peer), "%s", peers[i]);
	}
	for (size_t i = 0; i < fdb.count; i++) {
		cr_expect(fdb.items[i].state & NUD_PERMANENT);
		cr_expect(fdb.items[i].flags & NTF_SELF);
	}
}

Test(fdb, one_destination_is_deleted_and_the_others_stay)
{
	struct netlink_fdb_entry first = flood("10.0.0.2");
	struct netlink_fdb_entry second = flood("10.0.0.3");
	struct netlink_fdb_entry never = flood("10.0.0.9");
	cleanup_netlink_fdb struct netlink_fdb one = { 0 };
	cleanup_netlink_fdb struct netlink_fdb none = { 0 };

	cr_expect_eq(netlink_fdb_del(nl, vx0, &never, &err), NETLINK_ABSENT);
	cr_assert_eq(netlink_fdb_append(nl, vx0, &first, &err), 0);
	cr_assert_eq(netlink_fdb_append(nl, vx0, &second, &err), 0);
	cr_expect_eq(netlink_fdb_del(nl, vx0, &first, &err), 0);
	/* Of a MAC that has others, the kernel does not tell. */
	cr_expect_eq(netlink_fdb_del(nl, vx0, &first, &err), 0);
	cr_expect_eq(netlink_fdb_del(nl, vx0, &never, &err), 0);
	one = list();
	cr_assert_eq(one.count, 1);
	cr_expect(holds(&one, &second));
	cr_expect_eq(netlink_fdb_del(nl, vx0, &second, &err), 0);
	cr_expect_eq(netlink_fdb_del(nl, vx0, &second, &err), NETLINK_ABSENT);
	none = list();
	cr_expect_eq(none.count, 0);
	cr_expect_not(error_is_set(&err));
}

Test(fdb, learned_entries_are_listed_and_deleted_by_destination)
{
	struct netlink_fdb_entry learned = entry("02:00:00:00:00:07",
						 "10.0.0.2");
	cleanup_netlink_fdb struct netlink_fdb fdb = { 0 };

	ns_do(-1, "bridge fdb add 02:00:00:00:00:07 dst 10.0.0.2 dev vx0"
		  " dynamic");
	fdb = list();
	cr_assert_eq(fdb.count, 1);
	cr_expect(holds(&fdb, &learned));
	cr_expect_not(fdb.items[0].state & NUD_PERMANENT);
	cr_expect_eq(netlink_fdb_del(nl, vx0, &learned, &err), 0, "%s",
		     err.details);
	cr_expect(!ns_has(-1, "02:00", "bridge fdb show dev vx0"));
}

Test(fdb, peers_may_have_ipv6_vteps)
{
	struct netlink_fdb_entry peer = flood("fd00::2");
	cleanup_netlink_fdb struct netlink_fdb fdb = { 0 };

	ns_do(-1,
	      "ip link del vx0; ip link add name vx0 index %d type vxlan"
	      " id 5 dstport 4789 local fd00::1",
	      vx0);
	cr_assert_eq(netlink_fdb_append(nl, vx0, &peer, &err), 0, "%s",
		     err.details);
	fdb = list();
	cr_assert_eq(fdb.count, 1);
	cr_expect(holds(&fdb, &peer));
	cr_expect_eq(netlink_fdb_del(nl, vx0, &peer, &err), 0);
}

Test(fdb, a_destination_of_the_other_family_is_refused_in_words)
{
	struct netlink_fdb_entry peer = flood("fd00::2");

	cr_expect_lt(netlink_fdb_append(nl, vx0, &peer, &err), 0);
	cr_expect_eq(err.code, ERROR_LINK);
	cr_expect(strstr(err.details, "append 00:00:00:00:00:00 dst fd00::2 on"
				      " vx0: "),
		  "%s", err.details);
}

Test(fdb, a_thousand_peers_and_stations_are_listed)
{
	cleanup_netlink_fdb struct netlink_fdb fdb = { 0 };

	ns_do(-1,
	      "for i in $(seq 0 4); do for j in $(seq 0 199); do"
	      " echo fdb append to 00:00:00:00:00:00 dst 10.1.$i.$j dev vx0;"
	      " printf 'fdb add 02:00:00:00:%%02x:%%02x dst 10.1.%%d.%%d"
	      " dev vx0\\n' $i $j $i $j; done; done | bridge -batch -");
	fdb = list();
	cr_expect_eq(fdb.count, 2000);
}

Test(fdb, a_link_that_is_gone_has_nothing_to_delete)
{
	struct netlink_fdb_entry peer = flood("10.0.0.2");

	cr_expect_eq(netlink_fdb_del(nl, 4711, &peer, &err), NETLINK_ABSENT);
	cr_expect_lt(netlink_fdb_append(nl, 4711, &peer, &err), 0);
	cr_expect_eq(err.sys, ENODEV);
}

/* --- neighbours of any link ------------------------------------------------------- */

/* The one permanent entry of a link; multicast ones come and go. */
static void expect_neigh(int index, const char *addr, const char *mac)
{
	cleanup_netlink_neighs struct netlink_neighs neighs = { 0 };
	char mac_text[INET_MAC_TEXT], addr_text[INET_ADDR_TEXT];
	size_t count = 0;

	cr_assert_eq(netlink_neigh_list(nl, index, &neighs, &err), 0, "%s",
		     err.details);
	for (size_t i = 0; i < neighs.count; i++) {
		const struct netlink_neigh *neigh = &neighs.items[i];

		if (neigh->state != NUD_PERMANENT)
			continue;
		count++;
		inet_addr_format(&neigh->addr, addr_text);
		inet_mac_format(&neigh->mac, mac_text);
		cr_expect_str_eq(addr_text, addr);
		cr_expect_str_eq(mac_text, mac);
	}
	cr_expect_eq(count, 1);
}

Test(fdb, neighbours_of_both_families_are_listed_link_by_link)
{
	ns_do(-1, "ip addr add 10.0.5.1/24 dev vx0;"
		  " ip link set vx0 up; ip link set other up;"
		  " ip neigh add 10.0.5.2 lladdr 02:00:00:00:00:02 dev vx0"
		  " nud permanent;"
		  " ip neigh add fd00::2 lladdr 02:00:00:00:00:03 dev other"
		  " nud permanent");
	expect_neigh(vx0, "10.0.5.2", "02:00:00:00:00:02");
	expect_neigh(ns_index(-1, "other"), "fd00::2", "02:00:00:00:00:03");
}
