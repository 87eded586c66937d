#include "lib/netns.h"
#include "plugin/macvlan.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * The pod's link on fresh namespaces: the test is the host, with one end of a
 * veth pair as the NIC "eth0" (10.0.0.1/24), the other end is "far".
 */

static int far;
static int pod;
static struct netlink *host_nl;
static struct netlink *pod_nl;
static struct error err;

static void open_site(void)
{
	ns_fresh();
	far = ns_new();
	pod = ns_new();
	ns_veth(-1, "eth0", far, "far0");
	ns_addr(-1, "eth0", "10.0.0.1/24");
	cr_assert_eq(netlink_open(-1, &host_nl, &err), 0);
	cr_assert_eq(netlink_open(pod, &pod_nl, &err), 0);
}

static void close_site(void)
{
	host_nl = netlink_close(host_nl);
	pod_nl = netlink_close(pod_nl);
	close(far);
	close(pod);
}

TestSuite(macvlan, .init = open_site, .fini = close_site, .timeout = 60);

static char eth0_name[] = "eth0";

static struct config bridge_on_eth0(void)
{
	return (struct config){ .master = eth0_name,
				.mode = MACVLAN_MODE_BRIDGE };
}

static int add(const struct config *config, const char *ifname,
	       struct netlink_link *ret)
{
	struct netlink_link parent;
	int r;

	err = (struct error){ 0 };
	r = macvlan_master(host_nl, config, &parent, &err);
	if (r < 0)
		return r;
	r = macvlan_verify(config, &parent, &err);
	if (r < 0)
		return r;
	return macvlan_add(host_nl, pod_nl, pod, config, &parent, ifname, ret,
			   &err);
}

static void must_add(const struct config *config, const char *ifname,
		     struct netlink_link *ret)
{
	cr_assert_eq(add(config, ifname, ret), 0, "%s", err.details);
}

static struct result_ip ip(const char *address)
{
	struct result_ip ip = { 0 };

	cr_assert(inet_prefix_parse(address, &ip.address));
	return ip;
}

static struct inet_route route(const char *dst, const char *gw)
{
	struct inet_route route = { 0 };

	cr_assert(inet_prefix_parse(dst, &route.dst));
	if (gw)
		cr_assert(inet_addr_parse(gw, &route.gw));
	return route;
}

static int configure(const struct config *config, struct netlink_link *link,
		     const struct result_ip *ips, size_t n_ips,
		     const struct inet_route *routes, size_t n_routes)
{
	err = (struct error){ 0 };
	return macvlan_configure(pod_nl, pod, config, link, ips, n_ips, routes,
				 n_routes, &err);
}

static void says(const char *text, unsigned int code)
{
	cr_expect_eq(err.code, code, "code %u: %s", err.code, err.details);
	cr_expect(strstr(err.details, text), "\"%s\" is not in \"%s\"", text,
		  err.details);
}

/* --- the parent ------------------------------------------------------------ */

static void expect_master(const char *name)
{
	struct config config = { 0 };
	struct netlink_link parent;

	err = (struct error){ 0 };
	cr_assert_eq(macvlan_master(host_nl, &config, &parent, &err), 0, "%s",
		     err.details);
	cr_expect_str_eq(parent.name, name);
}

Test(macvlan, without_a_master_there_must_be_a_default_route)
{
	struct config config = { 0 };
	struct netlink_link parent;

	cr_assert_lt(macvlan_master(host_nl, &config, &parent, &err), 0);
	says("default route", ERROR_CONFIG);
}

Test(macvlan, the_default_route_with_the_lowest_metric_gives_the_master)
{
	ns_veth(-1, "eth1", far, "far1");
	ns_addr(-1, "eth1", "10.0.1.1/24");
	ns_do(-1, "ip route add default via 10.0.1.2 metric 200");
	expect_master("eth1");
	ns_do(-1, "ip route add default via 10.0.0.2 metric 100");
	expect_master("eth0");
	ns_do(-1, "ip route add default via 10.0.1.2 table 7 metric 1");
	expect_master("eth0");
}

Test(macvlan, an_unreachable_default_route_gives_no_master)
{
	ns_do(-1, "ip route add unreachable default");
	ns_do(-1, "ip -6 route add default dev eth0");
	expect_master("eth0");
}

Test(macvlan, of_a_default_route_with_hops_the_first_gives_the_master)
{
	ns_veth(-1, "eth1", far, "far1");
	ns_addr(-1, "eth1", "10.0.1.1/24");
	ns_do(-1, "ip route add default nexthop via 10.0.1.2 "
		  "nexthop via 10.0.0.2");
	expect_master("eth1");
}

Test(macvlan, a_missing_master_is_worth_another_try)
{
	struct config config = bridge_on_eth0();
	struct netlink_link link;
	char missing[] = "eth7";

	config.master = missing;
	cr_assert_lt(add(&config, "net1", &link), 0);
	says("\"eth7\"", ERROR_AGAIN);
}

Test(macvlan, an_alternative_name_names_the_master)
{
	struct config config = bridge_on_eth0();
	struct netlink_link link;
	char alternative[] = "storage-network-uplink";

	ns_do(-1, "ip link property add dev eth0 altname %s", alternative);
	config.master = alternative;
	must_add(&config, "net1", &link);
}

Test(macvlan, parents_that_are_not_ethernet_are_refused_by_name)
{
	struct config config = bridge_on_eth0();
	struct netlink_link link;
	char lo[] = "lo";
	char tun[] = "tun0";

	config.master = lo;
	cr_assert_lt(add(&config, "net1", &link), 0);
	says("\"lo\"", ERROR_CONFIG);

	if (ns_try(-1, NULL, "ip tuntap add tun0 mode tun"))
		return;
	config.master = tun;
	cr_assert_lt(add(&config, "net1", &link), 0);
	says("\"tun0\" is no Ethernet interface", ERROR_CONFIG);
}

Test(macvlan, an_mtu_beyond_the_masters_names_both)
{
	struct config config = bridge_on_eth0();
	struct netlink_link link;

	config.mtu = 9000;
	cr_assert_lt(add(&config, "net1", &link), 0);
	says("9000", ERROR_CONFIG);
	says("\"eth0\" has (1500)", ERROR_CONFIG);
}

Test(macvlan, ipv6_needs_an_mtu_of_1280)
{
	struct config config = bridge_on_eth0();
	struct ipam_static address = { .address.addr.family = AF_INET6 };
	struct netlink_link link;

	config.mtu = 1279;
	config.ipam.statics = &address;
	config.ipam.n_statics = 1;
	cr_assert_lt(add(&config, "net1", &link), 0);
	says("1280", ERROR_CONFIG);
}

Test(macvlan, a_parent_that_is_a_bridge_port_names_the_bridge)
{
	struct config config = bridge_on_eth0();
	struct netlink_link link;

	ns_do(-1, "ip link add br0 type bridge");
	ns_do(-1, "ip link set eth0 master br0");
	cr_assert_lt(add(&config, "net1", &link), 0);
	says("port of bridge \"br0\"", ERROR_LINK);
}

Test(macvlan, a_second_child_beside_passthru_is_refused_with_the_reason)
{
	struct config config = bridge_on_eth0();
	struct netlink_link link;

	config.mode = MACVLAN_MODE_PASSTHRU;
	must_add(&config, "net1", &link);
	cr_assert_lt(add(&config, "net2", &link), 0);
	says("passthru", ERROR_LINK);
}

/* --- the link ---------------------------------------------------------------- */

Test(macvlan, every_mode_is_what_was_asked_for)
{
	static const struct {
		uint32_t mode;
		char text[32];
	} cases[] = {
		{ MACVLAN_MODE_BRIDGE, "mode bridge" },
		{ MACVLAN_MODE_PRIVATE, "mode private" },
		{ MACVLAN_MODE_VEPA, "mode vepa" },
		{ MACVLAN_MODE_PASSTHRU, "mode passthru" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config config = bridge_on_eth0();
		struct netlink_link link;

		config.mode = cases[i].mode;
		must_add(&config, "net1", &link);
		cr_expect(ns_has(pod, cases[i].text, "ip -d link show net1"),
			  "%s", cases[i].text);
		cr_assert_eq(macvlan_del(pod_nl, "net1", &err), 0);
	}
}

Test(macvlan, it_is_born_with_its_mac_mtu_and_queue)
{
	struct config config = bridge_on_eth0();
	struct netlink_link link;

	config.mtu = 1400;
	config.bc_queue_len = 5000;
	config.has_mac = true;
	cr_assert(inet_mac_parse("c2:11:22:33:44:55", &config.mac));
	must_add(&config, "net1", &link);
	cr_expect(ns_has(pod, "c2:11:22:33:44:55", "ip link show net1"));
	cr_expect(ns_has(pod, "mtu 1400", "ip link show net1"));
	cr_expect(ns_has(pod, "bcqueuelen 5000", "ip -d link show net1"));
	cr_expect(inet_mac_equal(&link.mac, &config.mac));
	cr_expect_str_eq(link.name, "net1");
}

Test(macvlan, a_mac_that_is_ours_to_choose_is_local_and_unicast)
{
	struct config config = bridge_on_eth0();
	struct netlink_link one;
	struct netlink_link two;

	must_add(&config, "net1", &one);
	must_add(&config, "net2", &two);
	cr_expect_eq(one.mac.bytes[0] & 3, 2);
	cr_expect_not(inet_mac_equal(&one.mac, &two.mac));
}

Test(macvlan, passthru_leaves_the_masters_mac_alone)
{
	struct config config = bridge_on_eth0();
	struct netlink_link parent;
	struct netlink_link after;
	struct netlink_link link;

	config.mode = MACVLAN_MODE_PASSTHRU;
	cr_assert_eq(netlink_link_get(host_nl, "eth0", &parent, &err), 0);
	must_add(&config, "net1", &link);
	cr_assert_eq(configure(&config, &link, NULL, 0, NULL, 0), 0);
	cr_assert_eq(netlink_link_get(host_nl, "eth0", &after, &err), 0);
	cr_expect(inet_mac_equal(&link.mac, &parent.mac));
	cr_expect(inet_mac_equal(&after.mac, &parent.mac));
}

Test(macvlan, a_taken_name_is_told_and_nothing_stays, .description = "LI-1")
{
	struct config config = bridge_on_eth0();
	struct netlink_link link;
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	ns_do(pod, "ip link add net1 type bridge");
	before = ns_snapshot(pod);
	cr_assert_lt(add(&config, "net1", &link), 0);
	says("\"net1\" exists", ERROR_IFNAME_EXISTS);
	after = ns_snapshot(pod);
	cr_expect(ns_same(before, after));
}

Test(macvlan, a_name_taken_on_the_host_is_no_obstacle)
{
	struct config config = bridge_on_eth0();
	struct netlink_link link;

	ns_do(-1, "ip link add net1 type bridge");
	must_add(&config, "net1", &link);
}

/* What an ADD leaves that was killed before it gave the link its name. */
static void leave_unnamed(const char *ifname)
{
	char temporary[IFNAMSIZ];
	char path[NS_PATH];

	macvlan_temporary_name(ifname, temporary);
	ns_do(-1,
	      "ip link add link eth0 name %s netns %s type macvlan "
	      "mode bridge",
	      temporary, ns_path(pod, path));
}

Test(macvlan, a_link_without_its_name_yet_is_deleted_too)
{
	cleanup_free char *before = ns_snapshot(pod);
	cleanup_free char *after = NULL;

	leave_unnamed("net1");
	cr_expect_eq(macvlan_del(pod_nl, "net1", &err), 0);
	after = ns_snapshot(pod);
	cr_expect(ns_same(before, after));
}

Test(macvlan, a_link_without_its_name_yet_is_no_obstacle)
{
	struct config config = bridge_on_eth0();
	struct netlink_link link;

	leave_unnamed("net1");
	must_add(&config, "net1", &link);
	cr_expect_not(ns_has(pod, "veth", "ip link show"));
}

Test(macvlan, deleting_leaves_what_is_no_macvlan)
{
	ns_do(pod, "ip link add net1 type bridge");
	cr_expect_eq(macvlan_del(pod_nl, "net1", &err), 0);
	cr_expect(ns_has(pod, "net1", "ip link show net1"));
}

Test(macvlan, deleting_nothing_is_success, .description = "LI-2")
{
	cr_expect_eq(macvlan_del(pod_nl, "net1", &err), 0);
	cr_expect_eq(macvlan_del(pod_nl, "lo", &err), 0);
}

/* --- configuring ------------------------------------------------------------ */

static void must_configure(struct netlink_link *link,
			   const struct result_ip *ips, size_t n_ips,
			   const struct inet_route *routes, size_t n_routes)
{
	struct config config = bridge_on_eth0();

	must_add(&config, "net1", link);
	cr_assert_eq(configure(&config, link, ips, n_ips, routes, n_routes), 0,
		     "%s", err.details);
}

static void has(const char *text, const char *command)
{
	cr_expect(ns_has(pod, text, "%s", command), "\"%s\" in %s", text,
		  command);
}

Test(macvlan, addresses_have_their_broadcast_and_the_link_is_up,
     .description = "CI-1")
{
	const struct result_ip ips[] = { ip("10.0.0.5/24"), ip("10.9.0.5/31"),
					 ip("10.9.1.5/32") };
	struct netlink_link link;

	must_configure(&link, ips, ARRAY_SIZE(ips), NULL, 0);
	has("inet 10.0.0.5/24 brd 10.0.0.255 scope global net1",
	    "ip -4 addr show net1");
	has("inet 10.9.0.5/31 scope global net1", "ip -4 addr show net1");
	has("inet 10.9.1.5/32 scope global net1", "ip -4 addr show net1");
	has(",UP", "ip link show net1");
	cr_expect_eq(ns_ping(far, "10.0.0.5", 1), 0);
	ns_addr(far, "far0", "10.0.0.2/24");
	cr_expect_eq(ns_ping(far, "10.0.0.5", 1), 1);
}

Test(macvlan, the_notify_switches_are_set_in_the_pod_only)
{
	const struct result_ip ips[] = { ip("10.0.0.5/24"), ip("fd00::5/64") };
	static const char host[] =
		"grep -s . /proc/sys/net/ipv[46]/conf/*/*; true";
	cleanup_free char *before = ns_exec(-1, "%s", host);
	cleanup_free char *after = NULL;
	struct netlink_link link;

	must_configure(&link, ips, ARRAY_SIZE(ips), NULL, 0);
	has("1", "cat /proc/sys/net/ipv4/conf/net1/arp_notify");
	has("1", "cat /proc/sys/net/ipv6/conf/net1/ndisc_notify");
	has("1", "cat /proc/sys/net/ipv6/conf/net1/keep_addr_on_down");
	has("0", "cat /proc/sys/net/ipv4/conf/net1/proxy_arp");
	after = ns_exec(-1, "%s", host);
	cr_expect(ns_same(before, after));
}

Test(macvlan, ipv6_is_switched_on_and_no_longer_tentative)
{
	const struct result_ip ips[] = { ip("fd00::5/64") };
	struct netlink_link link;

	ns_set_sysctl(pod, "net/ipv6/conf/all/disable_ipv6", 1);
	ns_set_sysctl(pod, "net/ipv6/conf/default/disable_ipv6", 1);
	must_configure(&link, ips, ARRAY_SIZE(ips), NULL, 0);
	has("fd00::5/64", "ip -6 addr show dev net1");
	cr_expect_not(ns_has(pod, "tentative", "ip -6 addr show dev net1"));
	ns_addr(far, "far0", "fd00::2/64");
	cr_expect_eq(ns_ping(far, "fd00::5", 1), 1);
}

Test(macvlan, ipv6_survives_the_link_going_down, .description = "CI-3")
{
	const struct result_ip ips[] = { ip("fd00::5/64") };
	struct netlink_link link;

	must_configure(&link, ips, ARRAY_SIZE(ips), NULL, 0);
	ns_do(pod, "ip link set net1 down");
	ns_do(pod, "ip link set net1 up");
	has("fd00::5/64", "ip -6 addr show dev net1");
}

Test(macvlan, an_ipv6_address_of_another_host_fails)
{
	struct config config = bridge_on_eth0();
	const struct result_ip ips[] = { ip("fd00::5/64") };
	struct netlink_link link;

	ns_addr(far, "far0", "fd00::5/64");
	must_add(&config, "net1", &link);
	cr_assert_lt(configure(&config, &link, ips, 1, NULL, 0), 0);
	says("fd00::5/64", ERROR_LINK);
}

/* Waited for, it would be an error: detection does not run. */
Test(macvlan, without_a_carrier_ipv6_is_not_waited_for)
{
	const struct result_ip ips[] = { ip("fd00::5/64") };
	struct netlink_link link;

	ns_do(-1, "ip link set eth0 down");
	must_configure(&link, ips, ARRAY_SIZE(ips), NULL, 0);
}

Test(macvlan, routes_carry_all_that_a_result_can_say, .description = "CI-1")
{
	const struct result_ip ips[] = { ip("10.0.0.5/24") };
	struct inet_route routes[] = {
		route("10.1.0.0/16", "10.0.0.254"),
		route("10.2.0.0/16", NULL),
		route("10.3.0.0/16", "192.168.7.1"),
		route("10.4.0.0/16", "10.0.0.254"),
		route("10.5.0.0/16", NULL),
	};
	struct netlink_link link;

	routes[3].mtu = 1300;
	routes[3].advmss = 1200;
	routes[3].priority = 77;
	routes[3].table = 5000;
	routes[3].has_table = true;
	routes[4].scope = 200;
	routes[4].has_scope = true;
	must_configure(&link, ips, 1, routes, ARRAY_SIZE(routes));
	has("10.1.0.0/16 via 10.0.0.254 dev net1", "ip route");
	has("10.2.0.0/16 dev net1", "ip route");
	has("10.3.0.0/16 via 192.168.7.1 dev net1 onlink", "ip route");
	has("10.4.0.0/16 via 10.0.0.254 dev net1 metric 77 mtu 1300 advmss "
	    "1200",
	    "ip route show table 5000");
	has("10.5.0.0/16 dev net1 scope site", "ip route");
}

Test(macvlan, a_gateway_beyond_the_subnet_is_on_link_in_ipv6_too)
{
	const struct result_ip ips[] = { ip("fd00::5/64") };
	const struct inet_route routes[] = {
		route("fd01::/64", "fd00::1"),
		route("fd02::/64", "fe80::1"),
		route("fd03::/64", "fd77::1"),
	};
	struct netlink_link link;

	must_configure(&link, ips, 1, routes, ARRAY_SIZE(routes));
	has("fd01::/64 via fd00::1 dev net1", "ip -6 route");
	has("fd02::/64 via fe80::1 dev net1", "ip -6 route");
	has("fd03::/64 via fd77::1 dev net1", "ip -6 route");
}

Test(macvlan, a_route_given_twice_is_named)
{
	struct config config = bridge_on_eth0();
	const struct result_ip ips[] = { ip("10.0.0.5/24") };
	const struct inet_route routes[] = {
		route("10.1.0.0/16", "10.0.0.254"),
		route("10.1.0.0/16", "10.0.0.254"),
	};
	struct netlink_link link;

	must_add(&config, "net1", &link);
	cr_assert_lt(configure(&config, &link, ips, 1, routes, 2), 0);
	says("10.1.0.0/16", ERROR_CONFIG);
}

Test(macvlan, a_mac_in_use_is_waited_for_and_named)
{
	struct config config = bridge_on_eth0();
	struct netlink_link one;
	struct netlink_link two;
	char text[INET_MAC_TEXT];

	must_configure(&one, NULL, 0, NULL, 0);
	config.has_mac = true;
	config.mac = one.mac;
	must_add(&config, "net2", &two);
	cr_assert_lt(configure(&config, &two, NULL, 0, NULL, 0), 0);
	says(inet_mac_format(&one.mac, text), ERROR_AGAIN);
}

Test(macvlan, a_mac_of_our_choice_in_use_is_replaced)
{
	struct config config = bridge_on_eth0();
	struct config given = bridge_on_eth0();
	struct netlink_link one;
	struct netlink_link two;
	char text[INET_MAC_TEXT];

	must_configure(&one, NULL, 0, NULL, 0);
	given.has_mac = true;
	given.mac = one.mac;
	must_add(&given, "net2", &two);
	cr_assert_eq(configure(&config, &two, NULL, 0, NULL, 0), 0, "%s",
		     err.details);
	cr_expect_not(inet_mac_equal(&one.mac, &two.mac));
	has(inet_mac_format(&two.mac, text), "ip link show net2");
}

/* --- linkInContainer ------------------------------------------------------------ */

Test(macvlan, the_parent_may_be_in_the_pod)
{
	struct config config = bridge_on_eth0();
	struct netlink_link parent;
	struct netlink_link link;
	char name[] = "eth9";

	ns_veth(pod, "eth9", far, "far9");
	config.master = name;
	config.link_in_container = true;
	cr_assert_eq(macvlan_master(pod_nl, &config, &parent, &err), 0);
	cr_assert_eq(macvlan_add(pod_nl, pod_nl, pod, &config, &parent, "net1",
				 &link, &err),
		     0, "%s", err.details);
	has("net1@eth9", "ip link");
}

/* --- CHECK ------------------------------------------------------------------- */

static char net1_name[] = "net1";
static char sandbox[] = "/run/netns/pod";
static struct result_interface prev_interface;
static struct result_ip prev_ips[2];
static struct inet_route prev_routes[2];

/* An attachment, and the configuration that CHECK gets for it. */
static struct config attached(void)
{
	static char mac[INET_MAC_TEXT];
	struct config config = bridge_on_eth0();
	struct netlink_link link;

	prev_ips[0] = ip("10.0.0.5/24");
	prev_routes[0] = route("10.1.0.0/16", "10.0.0.254");
	must_configure(&link, prev_ips, 1, prev_routes, 1);

	inet_mac_format(&link.mac, mac);
	prev_interface = (struct result_interface){
		.name = net1_name,
		.mac = mac,
		.sandbox = sandbox,
		.mtu = link.mtu,
	};
	config.has_prev = true;
	config.prev = (struct result){
		.interfaces = &prev_interface,
		.n_interfaces = 1,
		.ips = prev_ips,
		.n_ips = 1,
		.routes = prev_routes,
		.n_routes = 1,
	};
	return config;
}

static int check(const struct config *config)
{
	struct netlink_link parent;

	err = (struct error){ 0 };
	cr_assert_eq(macvlan_master(host_nl, config, &parent, &err), 0);
	return macvlan_check(pod_nl, config, &parent, "net1", sandbox, &err);
}

static void check_fails(const struct config *config, const char *text)
{
	cr_expect_lt(check(config), 0, "%s", text);
	cr_expect(strstr(err.details, text), "\"%s\" is not in \"%s\"", text,
		  err.details);
}

Test(macvlan, check_is_content_with_what_add_made)
{
	struct config config = attached();

	cr_expect_eq(check(&config), 0, "%s", err.details);
}

Test(macvlan, check_finds_what_is_not_as_made)
{
	static const struct {
		char change[80];
		char text[40];
	} cases[] = {
		{ "ip link set net1 down", "not UP" },
		{ "ip addr del 10.0.0.5/24 dev net1", "address 10.0.0.5/24" },
		{ "ip route del 10.1.0.0/16", "route to 10.1.0.0/16" },
		{ "ip route del 10.0.0.0/24", "route to 10.0.0.0/24" },
		{ "ip link set net1 address c2:00:00:00:00:01", "MAC is" },
		{ "ip link set net1 type macvlan mode vepa", "mode is vepa" },
		{ "ip link del net1", "missing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config config = attached();

		ns_do(pod, "%s", cases[i].change);
		check_fails(&config, cases[i].text);
		ns_try(pod, NULL, "ip link del net1");
	}
}

Test(macvlan, check_finds_another_parent_and_another_kind)
{
	struct config config = attached();
	char path[NS_PATH];

	ns_veth(-1, "eth1", far, "far1");
	ns_do(pod, "ip link del net1");
	ns_do(-1,
	      "ip link add link eth1 name net1 netns %s type macvlan mode "
	      "bridge",
	      ns_path(pod, path));
	check_fails(&config, "parent is not eth0");
	ns_do(pod, "ip link del net1");
	ns_do(pod, "ip link add net1 type bridge");
	check_fails(&config, "kind is bridge");
}

Test(macvlan, check_finds_an_mtu_that_the_parent_took_away)
{
	struct config config = attached();

	ns_do(-1, "ip link set eth0 mtu 1400");
	check_fails(&config, "MTU is 1400, expected 1500");
}

Test(macvlan, check_needs_the_interface_in_prevresult)
{
	struct config config = attached();
	char other[] = "/run/netns/other";

	prev_interface.sandbox = other;
	check_fails(&config, "prevResult.interfaces");
}

/* tuning, sbr and Multus change what they are there to change. */
Test(macvlan, check_raises_no_alarm_over_what_later_plugins_do)
{
	static const char changes[][96] = {
		"ip route del 10.0.0.0/24; ip route add 10.0.0.0/24 dev net1 "
		"table 100",
		"ip route del 10.1.0.0/16; ip route add 10.1.0.0/16 via "
		"10.0.0.254 dev net1 table 100",
		"ip link set net1 mtu 1400",
		"ip link set net1 promisc on",
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct config config = attached();

		prev_routes[1] = route("0.0.0.0/0", "10.0.0.254");
		config.prev.n_routes = 2;
		ns_do(pod, "%s", changes[i]);
		cr_expect_eq(check(&config), 0, "%s: %s", changes[i],
			     err.details);
		ns_do(pod, "ip link del net1; ip route flush table 100");
	}
}

Test(macvlan, a_parent_that_is_a_macvlan_stands_for_the_link_below)
{
	struct config config;
	struct netlink_link link;
	char upper[] = "upper";

	ns_do(-1, "ip link add link eth0 name upper type macvlan mode bridge");
	config = attached();
	ns_do(pod, "ip link del net1");
	config.master = upper;
	must_add(&config, "net1", &link);
	cr_assert_eq(configure(&config, &link, prev_ips, 1, prev_routes, 1), 0);
	prev_interface.mac = NULL;
	cr_expect_eq(check(&config), 0, "%s", err.details);
}
