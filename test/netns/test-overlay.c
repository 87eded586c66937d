#include "plugin/overlay.h"
#include "plugin/shared.h"
#include "test/netns/site.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct site site;
static struct netlink_link overlay;

static void start(void)
{
	site_init(&site);
}

static void stop(void)
{
	site_clear(&site);
}

TestSuite(overlay, .init = start, .fini = stop);

static int ensure(enum node_ensure how)
{
	site.err = (struct error){ 0 };
	return site_overlay_ensure(&site, how, &overlay);
}

static void make(void)
{
	cr_assert_eq(ensure(NODE_REPAIR), NODE_CHANGED, "%s", site.err.details);
}

#define OVERLAY "ip -d link show vxlan-storage"
#define FLOOD   "bridge fdb show dev vxlan-storage"

static void expect_refused(const char *text)
{
	int r = ensure(NODE_LOOK);

	cr_expect(r < 0, "\"%s\": a look answers %d", text, r);
	site_changes();
	cr_expect(ensure(NODE_REPAIR) < 0, "\"%s\"", text);
	cr_expect_eq(site.err.code, ERROR_OVERLAY);
	cr_expect(strstr(site.err.details, text), "no \"%s\" in: %s", text,
		  site.err.details);
	cr_expect_eq(site_changes(), 0, "\"%s\" was refused after a change",
		     text);
}

/* --- from nothing ------------------------------------------------------------- */

Test(overlay, from_nothing_it_is_complete)
{
	make();
	cr_expect_str_eq(overlay.name, "vxlan-storage");
	cr_expect(overlay.flags & IFF_UP);
	cr_expect_eq(overlay.mtu, 8950);
	site_expect("vxlan id 100 local 10.100.100.1", OVERLAY);
	site_expect("dstport 4789", OVERLAY);
	site_expect_not("nolearning", OVERLAY);
	site_expect("ageing 300", OVERLAY);
	site_expect("addrgenmode none", OVERLAY);
	site_expect("alias hostshim:vxlan-storage", OVERLAY);
	site_expect("00:00:00:00:00:00 dst 10.100.100.2 self permanent", FLOOD);
	site_expect("00:00:00:00:00:00 dst 10.100.100.3 self permanent", FLOOD);
	site_expect("1",
		    "cat /proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore");
	site_expect_not("inet", "ip addr show vxlan-storage");
}

Test(overlay, a_second_run_sends_no_write)
{
	make();
	site_changes();
	cr_expect_eq(ensure(NODE_LOOK), NODE_OK, "%s", site.err.details);
	cr_expect_eq(ensure(NODE_REPAIR), NODE_OK, "%s", site.err.details);
	cr_expect_eq(site_changes(), 0);
}

Test(overlay, a_look_at_nothing_says_so_and_sends_no_write)
{
	cr_expect_eq(ensure(NODE_LOOK), NODE_WRONG);
	cr_expect(strstr(site.err.details, "does not exist"));
	cr_expect_eq(site.err.code, ERROR_OVERLAY);
	cr_expect_eq(site_changes(), 0);
}

Test(overlay, mac_is_the_same_when_made_again_and_differs_by_node)
{
	struct inet_mac first;

	make();
	first = overlay.mac;
	cr_expect_eq(first.bytes[0] & 3, 2, "locally administered unicast");
	ns_do(-1, "ip link del vxlan-storage");
	make();
	cr_expect(inet_mac_equal(&overlay.mac, &first));

	ns_do(-1, "ip link del vxlan-storage");
	site.node.name[4] = '9';
	make();
	cr_expect_not(inet_mac_equal(&overlay.mac, &first));
}

Test(overlay, no_change_that_fails_leaves_a_half_made_one)
{
	unsigned int nth = 0;
	cleanup_free char *before = ns_snapshot(-1);

	for (;;) {
		cleanup_free char *after = NULL;
		int r;

		site_fail(++nth);
		r = ensure(NODE_REPAIR);
		if (!site_failed())
			break;
		cr_expect(r < 0, "change %u failed, the run did not", nth);
		cr_expect_eq(site.err.code, ERROR_OVERLAY);
		cr_expect(strstr(site.err.details, "overlay vxlan-storage: "));
		cr_expect(strstr(site.err.details, "injected"), "%s",
			  site.err.details);
		after = ns_snapshot(-1);
		cr_expect(ns_same(before, after), "after change %u: %s", nth,
			  site.err.details);
	}
	cr_expect_eq(ensure(NODE_LOOK), NODE_OK, "%s", site.err.details);
	cr_expect_geq(nth, 6);
}

Test(overlay, what_a_killed_creation_left_is_completed)
{
	char name[IFNAMSIZ];
	struct netlink_link left;

	shared_temporary_name("vxlan-storage", name);
	ns_do(-1,
	      "ip link add %s type vxlan id 100 dstport 4789"
	      " local 10.100.100.1",
	      name);
	cr_assert_eq(netlink_link_get(site.host, name, &left, &site.err), 0);
	make();
	cr_expect_eq(overlay.index, left.index);
	site_expect("alias hostshim:vxlan-storage", OVERLAY);
	cr_expect_eq(ensure(NODE_LOOK), NODE_OK, "%s", site.err.details);
}

Test(overlay, what_a_killed_creation_of_another_id_left_is_replaced)
{
	char name[IFNAMSIZ];

	shared_temporary_name("vxlan-storage", name);
	ns_do(-1, "ip link add %s type vxlan id 7 dstport 4789", name);
	make();
	site_expect("vxlan id 100", OVERLAY);
	site_expect_not(name, "ip link");
}

/* --- repair -------------------------------------------------------------------- */

Test(overlay, everything_that_can_be_repaired_in_place_is)
{
	static const struct {
		const char *damage;
		const char *says;
	} cases[] = {
		{ "ip link set vxlan-storage type vxlan id 100 nolearning",
		  "learning is off" },
		{ "ip link set vxlan-storage type vxlan id 100 ageing 77",
		  "ageing is 77, not 300" },
		{ "ip link set vxlan-storage type vxlan id 100 ttl 5",
		  "ttl is 5" },
		{ "ip link set vxlan-storage type vxlan id 100 local 10.0.2.0",
		  "local is 10.0.2.0, not 10.100.100.1" },
		{ "ip link set vxlan-storage mtu 1400",
		  "mtu is 1400, not 8950" },
		{ "ip link set vxlan-storage mtu 9000",
		  "mtu is 9000, not 8950" },
		{ "ip link set vxlan-storage down", "is down" },
		{ "ip link set vxlan-storage addrgenmode eui64;"
		  " ip link set vxlan-storage down;"
		  " ip link set vxlan-storage up",
		  "IPv6 link-local" },
		{ "ip -6 addr add fe80::1/64 dev vxlan-storage",
		  "IPv6 link-local" },
		{ "echo 0 >/proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore",
		  "arp_ignore is not 1" },
		{ "bridge fdb del 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.2",
		  "does not flood to k8s-2 (10.100.100.2)" },
		{ "bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.77",
		  "floods to 10.100.100.77, which is no peer" },
		{ "bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.1",
		  "floods to 10.100.100.1, which is this node" },
	};
	struct netlink_link first;
	cleanup_free char *right = NULL;

	make();
	first = overlay;
	right = ns_snapshot(-1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *after = NULL;

		ns_do(-1, "%s", cases[i].damage);
		site_changes();
		cr_expect_eq(ensure(NODE_LOOK), NODE_WRONG, "%s",
			     cases[i].damage);
		cr_expect(strstr(site.err.details, cases[i].says), "%s: %s",
			  cases[i].damage, site.err.details);
		cr_expect_eq(site_changes(), 0, "%s", cases[i].damage);
		cr_expect_eq(ensure(NODE_REPAIR), NODE_CHANGED, "%s: %s",
			     cases[i].damage, site.err.details);
		cr_expect_eq(overlay.index, first.index, "never made anew");
		after = ns_snapshot(-1);
		cr_expect(ns_same(right, after), "%s", cases[i].damage);
		cr_expect_eq(ensure(NODE_LOOK), NODE_OK, "%s: %s",
			     cases[i].damage, site.err.details);
	}
}

Test(overlay, a_peer_that_joins_and_leaves_is_one_flood_entry)
{
	make();
	ns_do(-1, "bridge fdb add 02:00:00:00:00:03 dev vxlan-storage"
		  " dst 10.100.100.3 dynamic;"
		  " bridge fdb add 02:00:00:00:00:02 dev vxlan-storage"
		  " dst 10.100.100.2 dynamic");

	site_rows(&site, 4);
	site_changes();
	make();
	cr_expect_eq(site_changes(), 1, "by difference");
	site_expect("00:00:00:00:00:00 dst 10.100.100.4", FLOOD);

	site_rows(&site, 2);
	make();
	site_expect_not("10.100.100.4", FLOOD);
	site_expect_not("10.100.100.3", FLOOD);
	site_expect("02:00:00:00:00:02 dst 10.100.100.2", FLOOD);
	site_expect("00:00:00:00:00:00 dst 10.100.100.2", FLOOD);
}

Test(overlay, a_removal_that_is_killed_half_way_is_completed)
{
	make();
	ns_do(-1, "bridge fdb add 02:00:00:00:00:03 dev vxlan-storage"
		  " dst 10.100.100.3 dynamic");
	site_rows(&site, 2);
	site_fail(2); /* what was learned is gone, the peer is not */
	cr_expect(ensure(NODE_REPAIR) < 0);
	cr_expect(strstr(site.err.details, "remove peer 10.100.100.3"));
	site_expect_not("02:00:00:00:00:03", FLOOD);
	make();
	site_expect_not("10.100.100.3", FLOOD);
}

Test(overlay, own_vtep_is_never_in_the_flood_list)
{
	site.rows[1].vtep = site.rows[0].vtep; /* even if the table says so */
	make();
	site_expect_not("dst 10.100.100.1 ", FLOOD);
	site_expect("dst 10.100.100.3 ", FLOOD);
}

Test(overlay, without_a_table_the_flood_list_is_left_alone)
{
	char device[] = "lo"; /* its mtu says nothing */

	make();
	site_rows(&site, 0);
	site.config.vxlan.device = device;
	cr_expect_eq(ensure(NODE_REPAIR), NODE_OK, "%s", site.err.details);
	site_expect("dst 10.100.100.3 ", FLOOD);
}

/* --- somebody else's ------------------------------------------------------------- */

Test(overlay, one_that_somebody_made_is_used_repaired_and_not_marked)
{
	ns_do(-1, "ip link add vxlan-storage address 02:aa:00:00:00:01"
		  " type vxlan id 100 dstport 4789 local 10.100.100.1"
		  " nolearning; bridge fdb append 00:00:00:00:00:00"
		  " dev vxlan-storage dst 10.100.100.2");
	make();
	site_expect("02:aa:00:00:00:01", OVERLAY);
	site_expect_not("alias", OVERLAY);
	site_expect_not("nolearning", OVERLAY);
	cr_expect_eq(overlay.mtu, 8950);
	site_expect("dst 10.100.100.3 ", FLOOD);
	cr_expect_eq(ensure(NODE_LOOK), NODE_OK, "%s", site.err.details);
}

Test(overlay, a_failing_repair_of_somebody_elses_does_not_delete_it)
{
	for (unsigned int nth = 1;; nth++) {
		ns_do(-1, "ip link add vxlan-storage type vxlan id 100"
			  " dstport 4789 local 10.100.100.1 nolearning");
		site_fail(nth);
		ensure(NODE_REPAIR);
		ns_do(-1, "ip link del vxlan-storage");
		if (!site_failed())
			break;
	}
}

Test(overlay, what_cannot_be_repaired_is_refused_key_by_key)
{
	static const struct {
		const char *made;
		const char *says;
	} cases[] = {
		{ "vxlan-storage type bridge", "kind is bridge, not vxlan" },
		{ "vxlan-storage type vxlan id 5 dstport 4789",
		  "vxlan.id is 5, not 100" },
		{ "vxlan-storage type vxlan id 5 dstport 8472",
		  "vxlan.id is 5, not 100; vxlan.port is 8472, not 4789" },
		{ "vxlan-storage type vxlan id 100 dstport 4789 noudpcsum",
		  "udpcsum is off, not on" },
		{ "vxlan-storage type vxlan id 100 dstport 4789 dev under2"
		  " group 239.1.1.1",
		  "group is 239.1.1.1, not none" },
		{ "vxlan-storage type vxlan id 100 dstport 4789 dev under2",
		  "vxlan.device is link" },
		{ "vxlan-storage type vxlan external dstport 4789",
		  "metadata (external)" },
		{ "vxlan-storage master br0 type vxlan id 100 dstport 4789",
		  "it is a port of br0" },
	};

	ns_do(-1, "ip link add br0 type bridge");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ns_do(-1, "ip link add %s", cases[i].made);
		expect_refused(cases[i].says);
		ns_do(-1, "ip link del vxlan-storage");
	}
}

Test(overlay, ours_that_cannot_change_is_refused_with_the_plan)
{
	make();
	site.config.vxlan.id = 101;
	expect_refused("vxlan.id is 100, not 101");
	cr_expect(strstr(site.err.details, "shimctl down"));
	site_expect("vxlan id 100", OVERLAY);
}

Test(overlay, a_port_that_another_device_holds_is_found_and_named)
{
	static const struct {
		const char *made;
		const char *says;
	} cases[] = {
		{ "cilium_vxlan type vxlan external dstport 4789",
		  "cilium_vxlan, a metadata VXLAN device, holds UDP port 4789" },
		{ "other type vxlan id 100 dstport 4789 local 10.0.2.0",
		  "other, a VXLAN device with id 100, holds UDP port 4789" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *before = NULL;
		cleanup_free char *after = NULL;

		ns_do(-1, "ip link add %s; ip link set dev %.*s up",
		      cases[i].made, (int)strcspn(cases[i].made, " "),
		      cases[i].made);
		before = ns_snapshot(-1);
		cr_expect(ensure(NODE_REPAIR) < 0);
		cr_expect_eq(site.err.code, ERROR_OVERLAY);
		cr_expect(strstr(site.err.details, cases[i].says), "%s",
			  site.err.details);
		after = ns_snapshot(-1);
		cr_expect(ns_same(before, after), "%s", cases[i].made);
		ns_do(-1, "ip link del %.*s", (int)strcspn(cases[i].made, " "),
		      cases[i].made);
	}
}

/* --- VTEP -------------------------------------------------------------------------- */

Test(overlay, a_vtep_that_is_not_on_the_node_is_refused)
{
	site.rows[0].vtep = site_addr("10.100.100.99");
	expect_refused("VTEP 10.100.100.99 of node \"k8s-1\" (from NODENAME)");
}

/* As that of a link in a VRF, whose table a look at the routes passes by. */
Test(overlay, a_vtep_without_a_local_route_is_on_the_node)
{
	ns_do(-1, "ip addr add 10.100.100.9/32 dev lo;"
		  " ip route del table local local 10.100.100.9 dev lo");
	site.rows[0].vtep = site_addr("10.100.100.9");
	make();
}

Test(overlay, without_row_and_device_there_is_no_vtep)
{
	site.node.row = NULL;
	expect_refused(
		"no VTEP for node \"k8s-1\" (from NODENAME): it has no row");
}

Test(overlay, device_gives_the_vtep_and_nothing_else)
{
	char device[] = "under2";

	site.rows[0].vtep.family = 0;
	site.config.vxlan.device = device;
	make();
	site_expect("local 10.0.2.0", OVERLAY);
	site_expect_not(" dev under2 ", OVERLAY);

	snprintf(device, sizeof(device), "none");
	expect_refused("there is no link none");
	snprintf(device, sizeof(device), "far2");
	expect_refused("far2 has no address");
}

/* --- MTU --------------------------------------------------------------------------- */

Test(overlay, mtu_is_that_of_the_smallest_path)
{
	ns_do(-1, "ip link set under3 mtu 4000");
	make();
	cr_expect_eq(overlay.mtu, 3950);

	ns_do(-1, "ip route change 10.100.100.2 via 10.0.2.1 mtu 2000");
	make();
	cr_expect_eq(overlay.mtu, 1950, "a route may say less than its link");

	ns_do(-1, "ip route change 10.100.100.2 via 10.0.2.1;"
		  " ip link set under3 mtu 9000");
	make();
	cr_expect_eq(overlay.mtu, 8950, "and it grows again");
}

Test(overlay, a_given_mtu_is_taken_even_where_it_does_not_fit)
{
	site.config.vxlan.mtu = 8950;
	ns_do(-1, "ip link set under3 mtu 1500");
	make();
	cr_expect_eq(overlay.mtu, 8950);
	cr_expect_eq(ensure(NODE_LOOK), NODE_OK, "%s", site.err.details);
}

Test(overlay, a_peer_behind_the_default_route_does_not_shrink_it)
{
	make();
	ns_do(-1, "ip link add mgmt type veth peer name far0;"
		  " ip link set mgmt up; ip link set far0 up;"
		  " ip addr add 10.9.0.1/24 dev mgmt;"
		  " ip route add default via 10.9.0.2;"
		  " ip link set under3 down");
	cr_expect_eq(ensure(NODE_REPAIR), NODE_OK, "%s", site.err.details);
	cr_expect_eq(overlay.mtu, 8950);

	ns_do(-1, "ip link del vxlan-storage");
	make();
	cr_expect_eq(overlay.mtu, 1450, "a new one takes it for what it is");
}

Test(overlay, without_paths_device_or_1500_decide_and_later_nothing_changes)
{
	char device[] = "under2";

	ns_do(-1, "ip route del 10.100.100.2; ip route del 10.100.100.3");
	make();
	cr_expect_eq(overlay.mtu, 1450);
	ns_do(-1, "ip link set vxlan-storage mtu 3000");
	cr_expect_eq(ensure(NODE_LOOK), NODE_OK, "%s", site.err.details);

	site.config.vxlan.device = device;
	make();
	cr_expect_eq(overlay.mtu, 8950);
	site.config.vxlan.device = NULL;
}

/* --- IPv6 -------------------------------------------------------------------------- */

Test(overlay, over_ipv6_it_leaves_70_bytes)
{
	ns_do(-1, "ip addr add fd00:100::1/128 dev lo nodad;"
		  " for i in 2 3; do"
		  " ip addr add fd00:$i::1/64 dev under$i nodad;"
		  " ip route add fd00:100::$i via fd00:$i::2 dev under$i;"
		  " done");
	site.rows[0].vtep = site_addr("fd00:100::1");
	site.rows[1].vtep = site_addr("fd00:100::2");
	site.rows[2].vtep = site_addr("fd00:100::3");
	make();
	cr_expect_eq(overlay.mtu, 8930);
	site_expect("local fd00:100::1", OVERLAY);
	site_expect("00:00:00:00:00:00 dst fd00:100::2 self permanent", FLOOD);
	site_changes();
	cr_expect_eq(ensure(NODE_REPAIR), NODE_OK, "%s", site.err.details);
	cr_expect_eq(site_changes(), 0);

	site.rows[2].vtep = site_addr("10.100.100.3");
	cr_expect(ensure(NODE_REPAIR) < 0);
	cr_expect(strstr(site.err.details, "nodes.k8s-3.vtep 10.100.100.3"),
		  "%s", site.err.details);
}

Test(overlay, without_ipv6_it_works)
{
	ns_set_sysctl(-1, "net/ipv6/conf/default/disable_ipv6", 1);
	ns_set_sysctl(-1, "net/ipv6/conf/all/disable_ipv6", 1);
	make();
	cr_expect_eq(ensure(NODE_LOOK), NODE_OK, "%s", site.err.details);
}
