#include "lib/netlink.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <linux/if_link.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct netlink *nl;
static struct error err;

static const struct inet_mac mac = { { 2, 0, 0, 0, 0, 1 } };

static void open_session(void)
{
	ns_fresh();
	cr_assert_eq(netlink_open(-1, &nl, &err), 0, "%s", err.details);
}

static void close_session(void)
{
	nl = netlink_close(nl);
}

TestSuite(link, .init = open_session, .fini = close_session);

static struct netlink_link must_get(const char *name)
{
	struct netlink_link link;

	cr_assert_eq(netlink_link_get(nl, name, &link, &err), 0, "%s: %s", name,
		     err.details);
	return link;
}

static int must_index(const char *name)
{
	return must_get(name).index;
}

/* An address in the namespace to encapsulate from. */
static struct inet_addr vtep(const char *text)
{
	struct inet_addr addr;

	cr_assert(inet_addr_parse(text, &addr));
	return addr;
}

static struct netlink_link_new vxlan(const char *name, uint32_t id)
{
	return (struct netlink_link_new){
		.name = name,
		.kind = "vxlan",
		.netns = -1,
		.mtu = 8950,
		.mac = &mac,
		.vxlan = { .id = id,
			   .local = vtep("10.100.100.1"),
			   .port = 4789,
			   .learning = true,
			   .ageing = 300 },
	};
}

static struct netlink_link_new macvlan(const char *name, const char *parent)
{
	return (struct netlink_link_new){
		.name = name,
		.kind = "macvlan",
		.netns = -1,
		.parent = must_index(parent),
		.macvlan = { .mode = MACVLAN_MODE_BRIDGE },
	};
}

Test(link, absence_is_an_outcome)
{
	static const char *const names[] = { "nope", "",
					     "a-name-longer-than-fifteen-bytes",
					     "this/can:be no.name" };
	struct netlink_link link;
	char longest[300];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		cr_expect_eq(netlink_link_get(nl, names[i], &link, &err),
			     NETLINK_ABSENT, "%s", names[i]);
	memset(longest, 'a', sizeof(longest));
	for (size_t len = 120; len < 140; len++) {
		longest[len] = '\0';
		cr_expect_eq(netlink_link_get(nl, longest, &link, &err),
			     NETLINK_ABSENT, "%zu", len);
		longest[len] = 'a';
	}
	cr_expect_eq(netlink_link_get_index(nl, 4711, &link, &err),
		     NETLINK_ABSENT);
	cr_expect_eq(netlink_link_get_index(nl, 0, &link, &err),
		     NETLINK_ABSENT);
	cr_expect_eq(netlink_link_del(nl, 4711, &err), NETLINK_ABSENT);
	cr_expect_not(error_is_set(&err));
}

Test(link, lo_is_found_by_name_and_index)
{
	struct netlink_link lo = must_get("lo");
	struct netlink_link same;

	cr_expect_eq(netlink_link_get_index(nl, lo.index, &same, &err), 0);
	cr_expect_str_eq(same.name, "lo");
	cr_expect_str_eq(same.kind, "");
	cr_expect_eq(same.type, ARPHRD_LOOPBACK);
	cr_expect(same.flags & IFF_UP);
	cr_expect_eq(same.parent, 0);
	cr_expect_eq(same.parent_netns, -1);
	cr_expect(same.has_inet6);
}

Test(link, alternative_names_are_found_whatever_their_length)
{
	const char *name = "enp0s31f6-a-rather-long-predictable-name";

	ns_do(-1, "ip link add name br0 type bridge");
	ns_do(-1, "ip link property add dev br0 altname short");
	ns_do(-1, "ip link property add dev br0 altname %s", name);
	cr_expect_str_eq(must_get(name).name, "br0");
	cr_expect_str_eq(must_get("short").name, "br0");
}

Test(link, a_vxlan_is_created_with_everything_and_read_back)
{
	struct netlink_link_new new = vxlan("vxlan-storage", 100);
	struct netlink_link link;

	cr_assert_eq(netlink_link_add(nl, &new, &err), 0, "%s", err.details);
	link = must_get("vxlan-storage");
	cr_expect(link.is_vxlan);
	cr_expect_not(link.is_macvlan);
	cr_expect_str_eq(link.kind, "vxlan");
	cr_expect_eq(link.vxlan.id, 100);
	cr_expect_eq(link.vxlan.port, 4789);
	cr_expect_eq(link.vxlan.ageing, 300);
	cr_expect_eq(link.vxlan.ttl, 0);
	cr_expect_eq(link.vxlan.device, 0);
	cr_expect_eq(link.vxlan.group.family, 0);
	cr_expect(link.vxlan.learning);
	cr_expect(link.vxlan.udpcsum);
	cr_expect_not(link.vxlan.collect_metadata);
	cr_expect(inet_addr_equal(&link.vxlan.local, &new.vxlan.local));
	cr_expect(inet_mac_equal(&link.mac, &mac));
	cr_expect_eq(link.mtu, 8950);
	cr_expect_not(link.flags & IFF_UP);
	cr_expect_not(
		ns_has(-1, "nolearning", "ip -d link show vxlan-storage"));
}

Test(link, a_vxlan_over_ipv6_without_learning_is_read_back)
{
	struct netlink_link_new new = vxlan("vx6", 7);
	struct netlink_link link;

	new.vxlan.local = vtep("fd00::1");
	new.vxlan.learning = false;
	new.vxlan.ttl = 3;
	cr_assert_eq(netlink_link_add(nl, &new, &err), 0, "%s", err.details);
	link = must_get("vx6");
	cr_expect(inet_addr_equal(&link.vxlan.local, &new.vxlan.local));
	cr_expect_not(link.vxlan.learning);
	cr_expect_eq(link.vxlan.ttl, 3);
}

Test(link, what_can_change_in_a_vxlan_changes_in_place)
{
	struct netlink_link_new new = vxlan("vx0", 100);
	struct netlink_link link;
	struct netlink_vxlan want;
	int index;

	cr_assert_eq(netlink_link_add(nl, &new, &err), 0);
	link = must_get("vx0");
	index = link.index;
	want = link.vxlan;
	want.id = 0; /* the link's own is repeated, whatever is wanted */
	want.local = vtep("10.100.100.2");
	want.learning = false;
	want.ageing = 500;
	want.ttl = 9;
	cr_assert_eq(netlink_vxlan_set(nl, &link, &want, &err), 0, "%s",
		     err.details);
	link = must_get("vx0");
	cr_expect_eq(link.index, index);
	cr_expect_eq(link.vxlan.id, 100);
	cr_expect(inet_addr_equal(&link.vxlan.local, &want.local));
	cr_expect_not(link.vxlan.learning);
	cr_expect_eq(link.vxlan.ageing, 500);
	cr_expect_eq(link.vxlan.ttl, 9);
	cr_expect_eq(link.vxlan.port, 4789);
}

Test(link, a_taken_name_and_a_taken_vxlan_id_are_told_apart)
{
	struct netlink_link_new new = vxlan("vx0", 100);

	cr_assert_eq(netlink_link_add(nl, &new, &err), 0);
	cr_expect_eq(netlink_link_add(nl, &new, &err), NETLINK_EXISTS);
	cr_expect_not(error_is_set(&err));
	new.name = "vx1";
	cr_expect_eq(netlink_link_add(nl, &new, &err), NETLINK_BUSY);
	cr_expect_str_eq(err.details,
			 "create vxlan vx1: File exists (A VXLAN device with "
			 "the specified VNI already exists)");
}

Test(link, a_port_that_is_in_use_is_busy_on_the_way_up)
{
	struct netlink_link_new new = vxlan("vx0", 100);
	struct netlink_link_change up = { .set_up = true, .up = true };

	ns_do(-1, "ip link add name ext0 type vxlan external dstport 4789");
	ns_link_up(-1, "ext0");
	cr_assert_eq(netlink_link_add(nl, &new, &err), 0, "%s", err.details);
	cr_expect_eq(netlink_link_set(nl, must_index("vx0"), &up, &err),
		     NETLINK_BUSY);
	cr_expect_str_eq(err.details, "change vx0: Address already in use");
	cr_expect(must_get("ext0").vxlan.collect_metadata);
}

Test(link, a_macvlan_is_born_in_another_namespace)
{
	cleanup_netlink struct netlink *pod = NULL;
	cleanup_close int netns = ns_new();
	struct netlink_link_new new;
	struct netlink_link link;

	ns_do(-1, "ip link add name br0 mtu 1400 type bridge");
	new = macvlan("tmp0", "br0");
	new.netns = netns;
	new.mac = &mac;
	new.mtu = 1300;
	new.index = 77;
	new.macvlan.bc_queue_len = 5000;
	cr_assert_eq(netlink_link_add(nl, &new, &err), 0, "%s", err.details);
	cr_expect_eq(netlink_link_get(nl, "tmp0", &link, &err), NETLINK_ABSENT);

	cr_assert_eq(netlink_open(netns, &pod, &err), 0);
	cr_assert_eq(netlink_link_get(pod, "tmp0", &link, &err), 0);
	cr_expect(link.is_macvlan);
	cr_expect_eq(link.index, 77);
	cr_expect_eq(link.mtu, 1300);
	cr_expect_eq(link.parent, must_index("br0"));
	cr_expect_geq(link.parent_netns, 0);
	cr_expect(inet_mac_equal(&link.mac, &mac));
	cr_expect_eq(link.macvlan.mode, MACVLAN_MODE_BRIDGE);
	cr_expect_eq(link.macvlan.bc_queue_len, 5000);
	cr_expect_eq(link.macvlan.bc_queue_used, 5000);
}

Test(link, the_largest_broadcast_queue_of_the_children_is_in_force)
{
	struct netlink_macvlan want = { .bc_queue_len = 9000 };
	struct netlink_link_new new;
	struct netlink_link link;

	ns_do(-1, "ip link add name br0 type bridge");
	new = macvlan("one", "br0");
	cr_assert_eq(netlink_link_add(nl, &new, &err), 0);
	new.name = "two";
	cr_assert_eq(netlink_link_add(nl, &new, &err), 0);
	link = must_get("two");
	cr_assert_eq(netlink_macvlan_set(nl, &link, &want, &err), 0, "%s",
		     err.details);
	link = must_get("one");
	cr_expect_eq(link.macvlan.bc_queue_used, 9000);
	cr_expect_eq(link.macvlan.mode, MACVLAN_MODE_BRIDGE);
	cr_expect_eq(must_get("two").macvlan.bc_queue_len, 9000);
}

Test(link, a_macvlan_changes_its_mode_in_place)
{
	struct netlink_macvlan want = { .mode = MACVLAN_MODE_BRIDGE };
	struct netlink_link_new new;
	struct netlink_link link;

	ns_do(-1, "ip link add name br0 type bridge");
	new = macvlan("shim", "br0");
	new.macvlan.mode = MACVLAN_MODE_VEPA;
	cr_assert_eq(netlink_link_add(nl, &new, &err), 0);
	link = must_get("shim");
	cr_expect_eq(link.macvlan.mode, MACVLAN_MODE_VEPA);
	cr_assert_eq(netlink_macvlan_set(nl, &link, &want, &err), 0);
	cr_expect_eq(must_get("shim").macvlan.mode, MACVLAN_MODE_BRIDGE);

	want.mode = MACVLAN_MODE_PASSTHRU;
	cr_expect_lt(netlink_macvlan_set(nl, &link, &want, &err), 0);
	cr_expect_eq(err.code, ERROR_LINK);
	cr_expect_eq(err.sys, EINVAL);
}

Test(link, a_held_parent_is_busy_in_the_kernels_words)
{
	struct netlink_link_new new;

	ns_do(-1, "ip link add name br0 type bridge");
	ns_do(-1, "ip link add name ens4 type veth peer name far4");
	ns_do(-1, "ip link set ens4 master br0");
	new = macvlan("pod0", "ens4");
	cr_expect_eq(netlink_link_add(nl, &new, &err), NETLINK_BUSY);
	cr_expect_eq(err.sys, EBUSY);
	cr_expect_eq(strncmp(err.details,
			     "create macvlan on ens4: Device or resource busy",
			     strlen("create macvlan on ens4: Device or "
				    "resource busy")),
		     0, "%s", err.details);
	cr_expect_eq(must_get("ens4").master, must_index("br0"));
}

Test(link, refusals_carry_errno_class_and_words)
{
	struct netlink_link_new new = { .name = "x0",
					.kind = "nonsense",
					.netns = -1 };

	cr_expect_lt(netlink_link_add(nl, &new, &err), 0);
	cr_expect_eq(err.code, ERROR_LINK);
	cr_expect_eq(err.sys, EOPNOTSUPP);
	cr_expect_str_eq(err.details,
			 "create nonsense x0: Operation not supported "
			 "(Unknown device type)");
}

Test(link, a_parent_that_is_gone_is_an_error_of_creation)
{
	struct netlink_link_new new = { .name = "x0",
					.kind = "macvlan",
					.netns = -1,
					.parent = 4711,
					.macvlan = { .mode = 4 } };

	cr_expect_lt(netlink_link_add(nl, &new, &err), 0);
	cr_expect_eq(err.sys, ENODEV);
	cr_expect(strstr(err.details, "create macvlan on link 4711"), "%s",
		  err.details);
}

Test(link, name_and_alias_and_address_generation_are_one_change)
{
	struct netlink_link_new new = vxlan("tmp0", 100);
	struct netlink_link_change change = { .name = "vxlan-storage",
					      .alias = "hostshim:parent",
					      .addr_gen_none = true };
	struct netlink_link_change up = { .set_up = true, .up = true };
	struct netlink_link link;

	cr_assert_eq(netlink_link_add(nl, &new, &err), 0);
	cr_expect_neq(must_get("tmp0").addr_gen_mode, IN6_ADDR_GEN_MODE_NONE);
	cr_assert_eq(netlink_link_set(nl, must_index("tmp0"), &change, &err), 0,
		     "%s", err.details);
	link = must_get("vxlan-storage");
	cr_expect_str_eq(link.alias, "hostshim:parent");
	cr_expect_eq(link.addr_gen_mode, IN6_ADDR_GEN_MODE_NONE);
	cr_assert_eq(netlink_link_set(nl, link.index, &up, &err), 0);
	cr_expect(must_get("vxlan-storage").flags & IFF_UP);
	cr_expect_not(ns_has(-1, "fe80", "ip -6 addr show vxlan-storage"));
}

/* The kernel tells them by number; the files by name. */
Test(link, switches_come_with_the_link_as_the_files_have_them)
{
	static const struct {
		int family;
		const char *key;
		int values[2];
	} cases[] = {
		{ AF_INET, "arp_announce", { 2, 1 } },
		{ AF_INET, "arp_ignore", { 1, 2 } },
		{ AF_INET, "arp_notify", { 1, 0 } },
		{ AF_INET, "promote_secondaries", { 1, 0 } },
		{ AF_INET, "rp_filter", { 2, 1 } },
		{ AF_INET6, "accept_ra", { 0, 2 } },
		{ AF_INET6, "disable_ipv6", { 1, 0 } },
		{ AF_INET6, "keep_addr_on_down", { 1, -1 } },
		{ AF_INET6, "ndisc_notify", { 1, 0 } },
	};

	ns_do(-1, "ip link add here type veth peer name there");
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const char *key = cases[i / 2].key;
		int family = cases[i / 2].family;
		int want = cases[i / 2].values[i % 2];
		struct netlink_link link;
		int have = -4711;

		ns_do(-1, "echo %d >/proc/sys/net/ipv%d/conf/here/%s", want,
		      family == AF_INET6 ? 6 : 4, key);
		link = must_get("here");
		cr_expect_eq(netlink_link_conf(&link, family, key, &have), 0);
		cr_expect_eq(have, want, "%s: %d, not %d", key, have, want);
	}
}

Test(link, of_a_switch_that_the_kernel_does_not_tell_nothing_is_known)
{
	struct netlink_link link = must_get("lo");
	int have;

	cr_expect_eq(netlink_link_conf(&link, AF_INET, "no_such", &have),
		     NETLINK_ABSENT);
	cr_expect_eq(netlink_link_conf(&link, AF_INET, "accept_ra", &have),
		     NETLINK_ABSENT);
	link.inet6 = (struct netlink_conf){ 0 }; /* IPv6 is off */
	cr_expect_eq(netlink_link_conf(&link, AF_INET6, "accept_ra", &have),
		     NETLINK_ABSENT);
}

Test(link, mtu_mac_and_state_change)
{
	static const struct inet_mac other = { { 2, 0, 0, 0, 0, 2 } };
	struct netlink_link_change change = {
		.mac = &other, .mtu = 1280, .set_up = true, .up = true
	};
	struct netlink_link_change down = { .set_up = true };
	struct netlink_link link;

	ns_do(-1, "ip link add name br0 type bridge");
	cr_assert_eq(netlink_link_set(nl, must_index("br0"), &change, &err), 0);
	link = must_get("br0");
	cr_expect(inet_mac_equal(&link.mac, &other));
	cr_expect_eq(link.mtu, 1280);
	cr_expect(link.flags & IFF_UP);
	cr_assert_eq(netlink_link_set(nl, link.index, &down, &err), 0);
	cr_expect_not(must_get("br0").flags & IFF_UP);
}

Test(link, a_change_has_its_outcomes)
{
	struct netlink_link_change rename = { .name = "br1" };
	struct netlink_link_change bad = { .mac = &(struct inet_mac){
						   { 1, 0, 0, 0, 0, 1 } } };

	ns_do(-1, "ip link add name br0 type bridge");
	ns_do(-1, "ip link add name br1 type bridge");
	cr_expect_eq(netlink_link_set(nl, must_index("br0"), &rename, &err),
		     NETLINK_EXISTS);
	cr_expect_eq(netlink_link_set(nl, 4711, &rename, &err), NETLINK_ABSENT);
	cr_expect_not(error_is_set(&err));
	cr_expect_lt(netlink_link_set(nl, must_index("br0"), &bad, &err), 0);
	cr_expect_eq(err.sys, EADDRNOTAVAIL);
}

Test(link, a_siblings_mac_is_busy_on_the_way_up)
{
	struct netlink_link_change up = { .set_up = true, .up = true };
	struct netlink_link_new new;

	ns_do(-1, "ip link add name br0 type bridge");
	ns_link_up(-1, "br0");
	new = macvlan("one", "br0");
	new.mac = &mac;
	cr_assert_eq(netlink_link_add(nl, &new, &err), 0);
	new.name = "two";
	cr_assert_eq(netlink_link_add(nl, &new, &err), 0);
	cr_expect_eq(netlink_link_set(nl, must_index("one"), &up, &err), 0);
	cr_expect_eq(netlink_link_set(nl, must_index("two"), &up, &err),
		     NETLINK_BUSY);
	cr_expect_eq(err.sys, EADDRINUSE);
}

Test(link, a_deleted_link_is_gone)
{
	int index;

	ns_do(-1, "ip link add name br0 type bridge");
	index = must_index("br0");
	cr_expect_eq(netlink_link_del(nl, index, &err), 0);
	cr_expect_eq(netlink_link_del(nl, index, &err), NETLINK_ABSENT);
	cr_expect_lt(netlink_link_del(nl, must_index("lo"), &err), 0);
	cr_expect(strstr(err.details, "delete lo: "), "%s", err.details);
}

Test(link, a_veth_pair_is_created_across_namespaces)
{
	cleanup_close int other = ns_new();
	struct netlink_link_new new = {
		.name = "there", .kind = "veth", .netns = other, .peer = "here"
	};

	cr_assert_eq(netlink_link_add(nl, &new, &err), 0, "%s", err.details);
	cr_expect_str_eq(must_get("here").kind, "veth");
	cr_expect_geq(must_get("here").parent_netns, 0);
	cr_expect(ns_has(other, "there@", "ip link"));
}

Test(link, hundreds_of_links_are_listed)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	size_t macvlans = 0;

	ns_do(-1, "ip link add name br0 type bridge;"
		  "for i in $(seq 300); do echo link add name m$i link br0"
		  " type macvlan mode bridge; done | ip -batch -");
	cr_assert_eq(netlink_link_list(nl, &links, &err), 0, "%s", err.details);
	cr_expect_eq(links.count, 302);
	for (size_t i = 0; i < links.count; i++)
		macvlans += links.items[i].is_macvlan;
	cr_expect_eq(macvlans, 300);
}

Test(link, a_session_stays_in_its_namespace)
{
	cleanup_netlink struct netlink *there = NULL;
	cleanup_close int other = ns_new();
	struct netlink_link link;

	ns_do(other, "ip link add name only-there type bridge");
	cr_assert_eq(netlink_open(other, &there, &err), 0);
	cr_expect_eq(netlink_link_get(there, "only-there", &link, &err), 0);
	cr_expect_eq(netlink_link_get(nl, "only-there", &link, &err),
		     NETLINK_ABSENT);
}
