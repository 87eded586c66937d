#include "plugin/overlay.h"
#include "plugin/shared.h"
#include "plugin/shim.h"
#include "test/netns/site-shim.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

#define SYSCTL4 "/proc/sys/net/ipv4/conf/"

/* On the overlay, which is there already, under a name of its own. */
static void start(void)
{
	site_init(&site);
	cr_assert_eq(site_overlay_ensure(&site, NODE_REPAIR, &parent),
		     NODE_CHANGED, "%s", site.err.details);
	site.config.shim.present = true;
	site.config.shim.name = strdup("lhnet1-host");
}

TestSuite(shim, .init = start, .fini = site_shim_stop);

/* --- from every start state ------------------------------------------------------ */

Test(shim, from_nothing_it_is_complete)
{
	site_shim_make();
	cr_expect_str_eq(shim.name, "lhnet1-host");
	site_expect("macvlan mode bridge", "ip -d link show lhnet1-host");
	site_expect("alias hostshim:vxlan-storage", "ip link show lhnet1-host");
	site_expect("lhnet1-host@vxlan-storage", "ip link show lhnet1-host");
	site_expect("mtu 8950", "ip link show lhnet1-host");
	site_expect("inet 10.100.1.1/24 brd 10.100.1.255 scope global",
		    "ip addr show lhnet1-host");
	site_expect("2", "cat " SYSCTL4 "lhnet1-host/rp_filter");
	site_expect("1", "cat " SYSCTL4 "lhnet1-host/arp_ignore");
	site_expect("2", "cat " SYSCTL4 "lhnet1-host/arp_announce");
	site_expect("0", "cat /proc/sys/net/ipv6/conf/lhnet1-host/accept_ra");
	site_shim_expect_right("from nothing");
}

Test(shim, the_node_reaches_its_own_pod_only_through_it)
{
	cleanup_close int fd = site_shim_pod("bridge", "10.100.1.16/24");

	ns_do(-1, "ip addr add 10.100.1.1/24 dev vxlan-storage");
	cr_expect_eq(ns_ping(-1, "10.100.1.16", 2), 0);
	ns_do(-1, "ip addr del 10.100.1.1/24 dev vxlan-storage");
	site_shim_make();
	cr_expect_eq(ns_ping(-1, "10.100.1.16", 3), 3);
	cr_expect_eq(ns_ping(fd, "10.100.1.1", 3), 3);
}

Test(shim, a_look_at_nothing_says_so_and_sends_no_write)
{
	site_changes();
	cr_expect_eq(site_shim_ensure(NODE_LOOK), NODE_WRONG);
	cr_expect(strstr(site.err.details, "lhnet1-host does not exist"));
	cr_expect_eq(site.err.code, ERROR_SHIM);
	cr_expect_eq(site_changes(), 0);
}

Test(shim, an_address_of_the_subnet_on_the_parent_is_refused_with_the_way)
{
	ns_do(-1, "ip addr add 10.100.1.77/24 dev vxlan-storage");
	site_shim_expect_refused(
		ERROR_SHIM,
		"\"ip address del 10.100.1.77/24 dev vxlan-storage\"");
	site_shim_expect_refused(ERROR_SHIM,
				 "vxlan-storage carries 10.100.1.77/24");
}

Test(shim, an_address_on_another_link_is_refused_and_the_link_named)
{
	ns_do(-1, "ip addr add 10.100.1.1/32 dev under2");
	site_shim_expect_refused(ERROR_SHIM, "is on under2 already");
}

Test(shim, what_a_killed_creation_left_is_completed_or_replaced)
{
	static const char *const parents[] = { "vxlan-storage", "under2" };
	char name[IFNAMSIZ];

	shared_temporary_name("lhnet1-host", name);
	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		ns_do(-1, "ip link add %s link %s type macvlan mode vepa", name,
		      parents[i]);
		site_shim_make();
		site_expect("alias hostshim:vxlan-storage",
			    "ip link show lhnet1-host");
		site_expect_not(name, "ip link");
		site_shim_expect_right(parents[i]);
		ns_do(-1, "ip link del lhnet1-host");
	}
}

Test(shim, whatever_differs_on_ours_is_repaired_in_place)
{
	static const struct {
		const char *damage;
		const char *says;
	} cases[] = {
		{ "ip link set lhnet1-host type macvlan mode private",
		  "mode is private, not bridge" },
		{ "ip link set lhnet1-host mtu 1400", "mtu is 1400, not 8950" },
		{ "ip link set lhnet1-host down", "is down" },
		{ "ip addr del 10.100.1.1/24 dev lhnet1-host",
		  "does not have 10.100.1.1/24" },
		{ "ip addr add 10.100.1.1/32 dev lhnet1-host",
		  "has 10.100.1.1/32, which is not wanted" },
		{ "ip addr del 10.100.1.1/24 dev lhnet1-host;"
		  " ip addr add 10.100.1.9/24 dev lhnet1-host",
		  "does not have 10.100.1.1/24" },
		{ "echo 0 >" SYSCTL4 "lhnet1-host/rp_filter", "rp_filter" },
		{ "echo 0 >" SYSCTL4 "lhnet1-host/arp_ignore", "arp_ignore" },
		{ "echo 0 >" SYSCTL4 "lhnet1-host/arp_announce",
		  "arp_announce" },
		{ "echo 1 >/proc/sys/net/ipv6/conf/lhnet1-host/accept_ra",
		  "accept_ra" },
	};
	cleanup_free char *right = NULL;
	int index;

	site_shim_make();
	ns_set_sysctl(-1, "net/ipv4/conf/lhnet1-host/promote_secondaries", 1);
	index = shim.index;
	ns_settle(-1);
	right = ns_snapshot(-1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *after = NULL;

		ns_do(-1, "%s", cases[i].damage);
		site_changes();
		cr_expect_eq(site_shim_ensure(NODE_LOOK), NODE_WRONG, "%s",
			     cases[i].damage);
		cr_expect(strstr(site.err.details, cases[i].says), "%s: %s",
			  cases[i].damage, site.err.details);
		cr_expect_eq(site_changes(), 0, "%s", cases[i].damage);
		cr_expect_eq(site_shim_ensure(NODE_REPAIR), NODE_CHANGED,
			     "%s: %s", cases[i].damage, site.err.details);
		cr_expect_eq(shim.index, index);
		ns_settle(-1);
		after = ns_snapshot(-1);
		cr_expect(ns_same(right, after), "%s", cases[i].damage);
		site_shim_expect_right(cases[i].damage);
	}
}

Test(shim, an_address_that_changed_is_added_before_the_old_one_goes)
{
	site_shim_make();
	site.rows[0].addresses[0] = site_prefix("10.100.1.8/24");
	site_fail(2); /* added; the old one cannot be removed */
	cr_expect(site_shim_ensure(NODE_REPAIR) < 0);
	site_expect("10.100.1.8/24", "ip addr show lhnet1-host");
	site_expect("10.100.1.1/24", "ip addr show lhnet1-host");
	site_shim_make();
	site_expect("10.100.1.8/24", "ip addr show lhnet1-host");
	site_expect_not("10.100.1.1/24", "ip addr show lhnet1-host");
	site_shim_expect_right("replaced");
}

Test(shim, an_extra_address_of_an_administrator_stays)
{
	site_shim_make();
	ns_do(-1, "ip addr add 10.100.1.14/32 dev lhnet1-host;"
		  " ip addr add 10.100.1.15/24 dev lhnet1-host;"
		  " ip addr add 172.16.0.1/24 dev lhnet1-host");
	site_shim_expect_right("a virtual IP");
}

Test(shim, no_change_that_fails_leaves_a_half_made_one)
{
	cleanup_free char *before = ns_snapshot(-1);
	unsigned int nth = 0;

	for (;;) {
		cleanup_free char *after = NULL;
		int r;

		site_fail(++nth);
		r = site_shim_ensure(NODE_REPAIR);
		if (!site_failed())
			break;
		cr_expect(r < 0, "change %u failed, the run did not", nth);
		cr_expect_eq(site.err.code, ERROR_SHIM);
		cr_expect(strstr(site.err.details, "host shim lhnet1-host: "));
		cr_expect(strstr(site.err.details, "injected"), "%s",
			  site.err.details);
		after = ns_snapshot(-1);
		cr_expect(ns_same(before, after), "after change %u: %s", nth,
			  site.err.details);
	}
	cr_expect_geq(nth, 4);
	site_shim_expect_right("after all");
}

Test(shim, mac_is_the_same_when_made_again)
{
	struct inet_mac first;

	site_shim_make();
	first = shim.mac;
	ns_do(-1, "ip link del lhnet1-host");
	site_shim_make();
	cr_expect(inet_mac_equal(&shim.mac, &first));
	cr_expect_not(inet_mac_equal(&shim.mac, &parent.mac));
}

Test(shim, bcqueuelen_is_raised_and_never_lowered)
{
	site.config.bc_queue_len = 2000;
	site_shim_make();
	site_expect("bcqueuelen 2000", "ip -d link show lhnet1-host");
	site.config.bc_queue_len = 5000;
	site_shim_make();
	site_expect("bcqueuelen 5000", "ip -d link show lhnet1-host");
	site.config.bc_queue_len = 0;
	site_shim_expect_right("another network asks for less");
	site_expect("bcqueuelen 5000", "ip -d link show lhnet1-host");
}

Test(shim, mtu_is_the_parents_unless_given)
{
	site.config.shim.mtu = 1500;
	site_shim_make();
	cr_expect_eq(shim.mtu, 1500);
	site.config.shim.mtu = 0;
	site_shim_make();
	cr_expect_eq(shim.mtu, 8950);
	site.config.shim.mtu = 9000;
	site_shim_expect_refused(
		ERROR_SHIM,
		"hostShim.mtu 9000 is more than the 8950 of its parent");
}

/* --- another parent, another name -------------------------------------------------- */

Test(shim, on_another_parent_it_is_made_anew_if_it_serves_nobody_else)
{
	site_shim_make();
	ns_do(-1,
	      "ip link add other type veth peer name far; ip link set other up");
	site.config.vxlan.present = false;
	strcpy(site.config.master, "other");
	site_shim_find_parent();
	cr_expect_eq(site_shim_ensure(NODE_LOOK), NODE_WRONG);
	cr_expect(strstr(site.err.details, "lhnet1-host: is not on other"));
	site_shim_make();
	site_expect("lhnet1-host@other", "ip link show lhnet1-host");
	site_expect("alias hostshim:other", "ip link show lhnet1-host");
	site_expect("10.100.1.1/24", "ip addr show lhnet1-host");
	site_shim_expect_right("moved");
}

Test(shim, on_another_parent_it_is_left_alone_if_it_serves_a_network)
{
	site_shim_make();
	ns_do(-1,
	      "ip link add other type veth peer name far; ip link set other up");
	site.config.vxlan.present = false;
	strcpy(site.config.master, "other");
	site_shim_find_parent();
	site.rows[0].addresses[0] = site_prefix("10.200.1.1/24");
	site_shim_expect_refused(ERROR_SHIM,
				 "serves another network with 10.100.1.1/24");
	site_expect("lhnet1-host@vxlan-storage", "ip link show lhnet1-host");
}

Test(shim, two_networks_on_one_parent_share_it)
{
	struct site other = site;
	char name[] = "second";

	site_shim_make();
	site.config.shim.name = name;
	site.rows[0].addresses[0] = site_prefix("10.200.1.1/24");
	site_shim_make();
	cr_expect_str_eq(shim.name, "lhnet1-host");
	site_expect("10.100.1.1/24", "ip addr show lhnet1-host");
	site_expect("10.200.1.1/24", "ip addr show lhnet1-host");
	site_shim_expect_right("the second network");
	cr_expect_eq(shim_find(site.host, &site.config, &parent, &shim,
			       &site.err),
		     0);
	cr_expect_str_eq(shim.name, "lhnet1-host");

	site.config.shim.name = other.config.shim.name;
	site.rows[0].addresses[0] = other.rows[0].addresses[0];
	site_shim_expect_right("the first network");
}

/* --- somebody else's ------------------------------------------------------------------ */

Test(shim, one_that_somebody_made_is_completed_and_not_marked)
{
	ns_do(-1, "ip link add lhnet1-host link vxlan-storage"
		  " address 02:aa:00:00:00:01 type macvlan mode bridge");
	site_shim_make();
	site_expect("02:aa:00:00:00:01", "ip link show lhnet1-host");
	site_expect_not("alias", "ip link show lhnet1-host");
	site_expect("10.100.1.1/24", "ip addr show lhnet1-host");
	site_expect("2", "cat " SYSCTL4 "lhnet1-host/rp_filter");
	site_shim_expect_right("somebody's");
}

Test(shim, one_under_another_name_is_known_by_its_address)
{
	ns_do(-1, "ip link add storage0 link vxlan-storage"
		  " type macvlan mode bridge; ip link set storage0 up;"
		  " ip addr add 10.100.1.1/24 dev storage0");
	site_shim_make();
	cr_expect_str_eq(shim.name, "storage0");
	site_expect_not("alias", "ip link show storage0");
	site_shim_expect_right("somebody's");
}

Test(shim, what_differs_on_somebody_elses_is_refused_key_by_key)
{
	static const struct {
		const char *made;
		const char *says;
	} cases[] = {
		{ "lhnet1-host type bridge", "kind is bridge, not macvlan" },
		{ "lhnet1-host link under2 type macvlan mode bridge",
		  "parent is another link, not vxlan-storage" },
		{ "lhnet1-host link vxlan-storage type macvlan mode private",
		  "mode is private, not bridge" },
		{ "lhnet1-host link vxlan-storage type macvlan mode bridge;"
		  " ip addr add 10.100.1.9/24 dev lhnet1-host",
		  "address is 10.100.1.9/24, not 10.100.1.1/24" },
		{ "storage0 link vxlan-storage type macvlan mode vepa;"
		  " ip addr add 10.100.1.1/24 dev storage0",
		  "host shim storage0: mode is vepa, not bridge" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ns_do(-1, "ip link add %s", cases[i].made);
		site_shim_expect_refused(ERROR_SHIM, cases[i].says);
		ns_do(-1, "ip link del %.*s", (int)strcspn(cases[i].made, " "),
		      cases[i].made);
	}
}

Test(shim, a_failing_repair_of_somebody_elses_does_not_delete_it)
{
	for (unsigned int nth = 1;; nth++) {
		ns_do(-1, "ip link add lhnet1-host link vxlan-storage"
			  " type macvlan mode bridge");
		site_fail(nth);
		site_shim_ensure(NODE_REPAIR);
		ns_do(-1, "ip link del lhnet1-host");
		if (!site_failed())
			break;
	}
}

/* --- with and without ------------------------------------------------------------------ */

Test(shim, without_an_address_auto_goes_without_and_always_fails)
{
	site.node.row = NULL;
	cr_expect_eq(site_shim_ensure(NODE_REPAIR), NODE_OK);
	cr_expect_eq(shim.index, 0);

	site.config.shim.mode = CONFIG_SHIM_ALWAYS;
	site_shim_expect_refused(
		ERROR_SHIM,
		"node \"k8s-1\" (from NODENAME) has no row in \"nodes\"");
}

Test(shim, a_literal_comes_before_the_row_and_the_row_before_what_is_there)
{
	site.node.row = NULL;
	ns_do(-1, "ip link add lhnet1-host link vxlan-storage"
		  " type macvlan mode bridge;"
		  " ip addr add 10.100.1.5/24 dev lhnet1-host");
	site_shim_make();
	site_shim_expect_right("what is there");
	ns_do(-1, "ip link del lhnet1-host");

	site_rows(&site, 3);
	site_shim_make();
	site_expect("10.100.1.1/24", "ip addr show lhnet1-host");

	site.config.shim.addresses[0] = site_prefix("10.100.1.7/24");
	site.config.shim.n_addresses = 1;
	site_shim_make();
	site_expect("10.100.1.7/24", "ip addr show lhnet1-host");
	site_expect_not("10.100.1.1/24", "ip addr show lhnet1-host");
}

Test(shim, where_there_can_be_none_there_is_none)
{
	site.config.shim.mode = CONFIG_SHIM_NEVER;
	cr_expect_eq(site_shim_ensure(NODE_REPAIR), NODE_OK);
	site.config.shim.mode = CONFIG_SHIM_AUTO;
	site.config.mode = MACVLAN_MODE_PASSTHRU;
	cr_expect_eq(site_shim_ensure(NODE_REPAIR), NODE_OK);
	site.config.mode = MACVLAN_MODE_BRIDGE;
	site.config.link_in_container = true;
	cr_expect_eq(site_shim_ensure(NODE_REPAIR), NODE_OK);
	cr_expect_eq(shim.index, 0);
	site_expect_not("lhnet1-host", "ip link");
}

Test(shim, an_address_that_a_pod_could_be_given_is_refused)
{
	site.rows[0].addresses[0] = site_prefix("10.100.1.16/24");
	site_shim_expect_refused(ERROR_CONFIG,
				 "a pod could be given 10.100.1.16");
}

/* --- IPv6 --------------------------------------------------------------------------------- */

Test(shim, dual_stack_it_bears_one_of_each_and_both_reach_the_pod)
{
	cleanup_close int fd = site_shim_pod("bridge", "fd00:1::16/64");

	ns_set_sysctl(-1, "net/ipv6/conf/default/disable_ipv6", 1);
	site.rows[0].addresses[1] = site_prefix("fd00:1::1/64");
	site.rows[0].n_addresses = 2;
	ns_do(fd, "ip addr add 10.100.1.16/24 dev pod0");
	site_shim_make();
	site_expect("inet 10.100.1.1/24", "ip addr show lhnet1-host");
	site_expect("inet6 fd00:1::1/64 scope global",
		    "ip addr show lhnet1-host");
	site_expect_not("tentative", "ip addr show lhnet1-host to fd00:1::1");
	cr_expect_eq(ns_ping(-1, "10.100.1.16", 3), 3);
	ns_settle(fd);
	cr_expect_eq(ns_ping(-1, "fd00:1::16", 3), 3);
	site_shim_expect_right("dual stack");
}

Test(shim, an_ipv6_address_changes_its_prefix_length)
{
	site.rows[0].addresses[0] = site_prefix("fd00:1::1/64");
	site_shim_make();
	site.rows[0].addresses[0] = site_prefix("fd00:1::1/112");
	site_shim_make();
	site_expect("fd00:1::1/112", "ip addr show lhnet1-host");
	site_expect_not("fd00:1::1/64", "ip addr show lhnet1-host");
	site_shim_expect_right("changed");
}
