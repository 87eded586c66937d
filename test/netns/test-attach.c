#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* ADD from outside, on a node with the seed's overlay (test/netns/seed.h). */

TestSuite(attach, .init = seed_open, .fini = seed_close, .timeout = 120);

/* --- the whole path --------------------------------------------------------------- */

Test(attach, the_result_names_the_interface_and_its_address)
{
	struct cni_call call = seed_call("ADD", seed_config);
	cleanup_cni_answer struct cni_answer answer = { 0 };
	char path[NS_PATH];

	seed_must(&call, &answer);
	seed_says(&answer, "cniVersion", "1.1.0");
	seed_says(&answer, "interfaces", "1");
	seed_says(&answer, "interfaces.0.name", "net1");
	seed_says(&answer, "interfaces.0.sandbox", ns_path(seed_pod, path));
	seed_says(&answer, "interfaces.0.mtu", "1450");
	seed_says(&answer, "ips", "1");
	seed_says(&answer, "ips.0.address", "10.100.1.16/24");
	seed_says(&answer, "ips.0.interface", "0");
	seed_has(seed_pod, "10.100.1.16/24 brd 10.100.1.255",
		 "ip addr show net1");
	cr_expect_str_eq(answer.err, "");
}

Test(attach, the_node_reaches_its_own_pod_over_the_shim)
{
	seed_do("ADD", seed_config);
	cr_expect_eq(ns_ping(-1, "10.100.1.16", 3), 3);
	cr_expect_eq(ns_ping(seed_pod, "10.100.1.1", 3), 3);
}

Test(attach, pods_and_nodes_reach_each_other_across_nodes)
{
	int pod2 = ns_new();
	struct cni_call call = {
		.verb = "ADD",
		.config = seed_config2,
		.pod = pod2,
		.node = seed_other,
		.id = "c2",
		.env = "NODENAME=k8s-2",
	};
	char address[64];

	seed_do("ADD", seed_config);
	seed_add(&call, address);
	cr_expect_str_eq(address, "10.100.1.100");
	cr_expect_geq(ns_ping(seed_pod, "10.100.1.100", 3), 2);
	cr_expect_eq(ns_ping(pod2, "10.100.1.16", 3), 3);
	cr_expect_geq(ns_ping(-1, "10.100.1.100", 3), 2);
	cr_expect_geq(ns_ping(seed_other, "10.100.1.16", 3), 2);
	cr_expect_geq(ns_ping(-1, "10.100.1.2", 3), 2);
	close(pod2);
}

Test(attach, add_and_del_leave_the_namespaces_as_they_were)
{
	cleanup_free char *host = NULL;
	cleanup_free char *host_after = NULL;
	cleanup_free char *inside = NULL;
	cleanup_free char *inside_after = NULL;

	/* The first attachment makes the node's leg, which stays. */
	seed_do("ADD", seed_config);
	seed_do("DEL", seed_config);
	host = ns_snapshot(-1);
	inside = ns_snapshot(seed_pod);
	seed_do("ADD", seed_config);
	seed_do("DEL", seed_config);
	host_after = ns_snapshot(-1);
	inside_after = ns_snapshot(seed_pod);
	cr_expect(ns_same(host, host_after));
	cr_expect(ns_same(inside, inside_after));
}

Test(attach, del_gives_the_address_back)
{
	char address[64];
	struct cni_call call = seed_call("ADD", seed_config);

	seed_add(&call, address);
	seed_do("DEL", seed_config);
	/* It rests: the next seed_pod gets the next one. */
	call.id = "c2";
	seed_add(&call, address);
	cr_expect_str_eq(address, "10.100.1.17");
}

/* --- several ------------------------------------------------------------------------ */

Test(attach, a_pod_has_two_interfaces_of_one_network)
{
	struct cni_call one = seed_call("ADD", seed_config);
	struct cni_call two = one;
	char address[2][64];

	two.ifname = "net2";
	seed_add(&one, address[0]);
	seed_add(&two, address[1]);
	cr_expect_str_neq(address[0], address[1]);
	seed_has(seed_pod, "net1", "ip link");
	seed_has(seed_pod, "net2", "ip link");

	one.verb = "DEL";
	one.ifname = "net1";
	{
		cleanup_cni_answer struct cni_answer answer = { 0 };

		seed_must(&one, &answer);
	}
	seed_has_not(seed_pod, "net1", "ip link");
	seed_has(seed_pod, address[1], "ip addr show net2");
}

Test(attach, two_networks_on_one_parent_share_the_shim)
{
	static const char second[] =
		"{ \"cniVersion\": \"1.1.0\", \"name\": \"backup\", "
		"\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "
		"\"hostShim\": { \"address\": \"10.200.0.1/24\" }, "
		"\"ipam\": { \"type\": \"hostshim\", "
		"\"range\": \"10.200.0.0/24\" } }";
	struct cni_call call = seed_call("ADD", second);
	char address[64];
	cleanup_free char *links = NULL;

	seed_do("ADD", seed_config);
	call.ifname = "net2";
	seed_add(&call, address);
	cr_expect_eq(ns_ping(-1, "10.100.1.16", 2), 2);
	cr_expect_eq(ns_ping(-1, address, 2), 2);
	links = ns_exec(-1, "ip -br link show type macvlan | wc -l");
	cr_expect_str_eq(links, "1\n");
}

/* 50 at once on a node where nothing is there yet. */
#define MANY 50

Test(attach, fifty_pods_at_once_have_fifty_addresses_and_one_shim)
{
	int pods[MANY];
	int pids[MANY];
	char id[MANY][16];
	char stem[MANY][32];
	cleanup_free char *addresses = NULL;
	cleanup_free char *shims = NULL;

	for (int i = 0; i < MANY; i++)
		pods[i] = ns_new();
	for (int i = 0; i < MANY; i++) {
		struct cni_call call = seed_call("ADD", seed_config);

		snprintf(id[i], sizeof(id[i]), "pod%d", i);
		snprintf(stem[i], sizeof(stem[i]), "/run/pod%d", i);
		call.pod = pods[i];
		call.id = id[i];
		pids[i] = cni_start(&call, stem[i]);
	}
	for (int i = 0; i < MANY; i++) {
		int status = -1;

		waitpid(pids[i], &status, 0);
		cr_expect_eq(status, 0, "pod%d: %d", i, status);
	}
	ns_do(-1, "cat /run/pod*.out | grep '\"code\"' >&2 || true");
	addresses = ns_exec(-1, "cat /run/pod*.out | grep -o "
				"'10.100.1.[0-9]*/24' | sort -u | wc -l");
	cr_expect_str_eq(addresses, "50\n");
	shims = ns_exec(-1, "ip -br link show type macvlan | wc -l");
	cr_expect_str_eq(shims, "1\n");
	for (int i = 0; i < MANY; i++)
		close(pods[i]);
}

/* --- families, addresses, none -------------------------------------------------------- */

static const char dual[] =
	"{ " SEED_OVERLAY
	", \"ipam\": { \"type\": \"hostshim\", \"ipRanges\": [ "
	"{ \"range\": \"10.100.1.16-10.100.1.99/24\" }, "
	"{ \"range\": \"fd10::100-fd10::1ff/64\" } ], "
	"\"routes\": [ { \"dst\": \"10.77.0.0/16\", \"gw\": \"10.100.1.9\" }, "
	"{ \"dst\": \"fd77::/64\", \"gw\": \"fd10::9\" } ] } }";

Test(attach, dual_stack_reaches_the_node_in_both_families)
{
	struct cni_call call = seed_call("ADD", dual);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
	seed_says(&answer, "ips", "2");
	seed_says(&answer, "ips.0.address", "10.100.1.16/24");
	seed_says(&answer, "ips.1.address", "fd10::100/64");
	seed_says(&answer, "routes.0.gw", "10.100.1.9");
	seed_says(&answer, "routes.1.gw", "fd10::9");
	cr_expect_eq(ns_ping(-1, "10.100.1.16", 2), 2);
	cr_expect_eq(ns_ping(-1, "fd10::100", 2), 2);
	cr_expect_eq(ns_ping(seed_pod, "fd10::1", 2), 2);
	seed_has(seed_pod, "10.77.0.0/16 via 10.100.1.9 dev net1", "ip route");
	seed_has(seed_pod, "fd77::/64 via fd10::9 dev net1", "ip -6 route");
}

Test(attach, without_ipam_the_link_is_up_and_bare)
{
	static const char l2[] = "{ " SEED_OVERLAY ", \"ipam\": {} }";
	struct cni_call call = seed_call("ADD", l2);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
	seed_says(&answer, "ips", "");
	seed_has(seed_pod, ",UP", "ip link show net1");
	seed_has_not(seed_pod, "inet ", "ip addr show net1");
	seed_do("DEL", l2);
	seed_has_not(seed_pod, "net1", "ip link");
}

Test(attach,
     without_an_address_old_versions_are_refused_before_anything_is_made)
{
	static const char *const versions[] = { "0.1.0", "0.2.0" };
	cleanup_free char *before = ns_snapshot(-1);
	cleanup_free char *after = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		cleanup_free char *l2 = NULL;
		struct cni_call call;

		cr_assert_gt(asprintf(&l2,
				      "{ \"cniVersion\": \"%s\", \"name\": "
				      "\"n\", \"type\": \"hostshim\", "
				      "\"master\": \"under0\" }",
				      versions[i]),
			     0);
		call = seed_call("ADD", l2);
		seed_fails(&call, 1, "");
		seed_has_not(seed_pod, "net1", "ip link");
	}
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

Test(attach, the_runtimes_mac_wins_over_args_and_configuration)
{
	static const char mac[] = "{ " SEED_OVERLAY
				  ", \"mac\": \"c2:00:00:00:00:01\" }";
	static const char runtime[] =
		"{ " SEED_OVERLAY ", \"mac\": \"c2:00:00:00:00:01\", "
		"\"RuntimeConfig\": { \"mac\": \"C2-00-00-00-00-03\" } }";
	struct cni_call call = seed_call("ADD", mac);
	static const struct {
		bool args;
		bool runtime;
		char mac[20];
	} cases[] = {
		{ false, false, "c2:00:00:00:00:01" },
		{ true, false, "c2:00:00:00:00:02" },
		{ true, true, "c2:00:00:00:00:03" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_cni_answer struct cni_answer answer = { 0 };
		cleanup_cni_answer struct cni_answer gone = { 0 };

		call.verb = "ADD";
		call.config = cases[i].runtime ? runtime : mac;
		call.args = cases[i].args ? "IgnoreUnknown=1;MAC=c2:00:00:00:"
					    "00:02"
					  : NULL;
		seed_must(&call, &answer);
		seed_says(&answer, "interfaces.0.mac", cases[i].mac);
		seed_has(seed_pod, cases[i].mac, "ip link show net1");
		call.verb = "DEL";
		seed_must(&call, &gone);
	}
}

Test(attach, a_requested_address_is_given_or_refused)
{
	struct cni_call call = seed_call("ADD", seed_config);
	char address[64];

	call.args = "IP=10.100.1.50";
	seed_add(&call, address);
	cr_expect_str_eq(address, "10.100.1.50");

	call.id = "c2";
	call.ifname = "net2";
	seed_fails(&call, 101, "10.100.1.50");
	call.args = "IP=10.100.1.1";
	seed_fails(&call, 102, "10.100.1.1");
	seed_has_not(seed_pod, "net2", "ip link");
}

/* --- a plain macvlan NAD, only its type changed ------------------------------------------ */

Test(attach, a_nic_keeps_its_addresses_routes_and_switches)
{
	static const char nad[] =
		"{ \"cniVersion\": \"0.3.1\", \"name\": \"macvlan-conf\", "
		"\"type\": \"hostshim\", \"master\": \"eth0\", "
		"\"mode\": \"bridge\", \"ipam\": { \"type\": \"hostshim\", "
		"\"subnet\": \"192.168.1.0/24\", "
		"\"rangeStart\": \"192.168.1.200\", "
		"\"rangeEnd\": \"192.168.1.216\", "
		"\"routes\": [ { \"dst\": \"0.0.0.0/0\" } ], "
		"\"gateway\": \"192.168.1.254\" } }";
	static const char look[] =
		"ip addr show eth0 | sed 's/ qlen.*//'; ip route show table "
		"all; ip -6 route show table all; "
		"grep -s . /proc/sys/net/ipv[46]/conf/eth0/*; true";
	struct cni_call call = seed_call("ADD", nad);
	cleanup_cni_answer struct cni_answer answer = { 0 };
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	ns_veth(-1, "eth0", seed_other, "far0");
	ns_addr(-1, "eth0", "192.168.1.5/24");
	ns_addr(-1, "eth0", "fd05::5/64");
	ns_do(-1, "ip route add default via 192.168.1.254");
	ns_settle(-1);
	before = ns_exec(-1, "%s", look);
	seed_must(&call, &answer);
	after = ns_exec(-1, "%s", look);
	cr_expect(ns_same(before, after));
	cr_expect(strstr(answer.err, "default route"), "%s", answer.err);
	seed_has(seed_pod, "default via 192.168.1.254 dev net1", "ip route");
}

Test(attach, without_a_master_the_default_routes_nic_is_the_parent)
{
	static const char nad[] = "{ \"cniVersion\": \"1.0.0\", \"name\": "
				  "\"n\", \"type\": \"hostshim\" }";

	ns_do(-1, "ip route add default via 172.16.0.2");
	seed_do("ADD", nad);
	seed_has(-1, "under0", "ip -br link");
	seed_has(seed_pod, "net1@", "ip -br link");
	seed_do("DEL", nad);
}

Test(attach, private_mode_has_no_siblings)
{
	static const char nad[] =
		"{ \"cniVersion\": \"1.0.0\", \"name\": \"n\", "
		"\"type\": \"hostshim\", \"master\": \"under0\", "
		"\"mode\": \"private\", \"ipam\": { \"type\": \"hostshim\", "
		"\"addresses\": [ { \"address\": \"172.16.0.%d/24\" } ] } }";
	char text[2][512];
	struct cni_call call;

	for (int i = 0; i < 2; i++) {
		cleanup_cni_answer struct cni_answer answer = { 0 };

		snprintf(text[i], sizeof(text[i]), nad, 11 + i);
		call = seed_call("ADD", text[i]);
		call.id = i ? "c2" : "c1";
		call.pod = i ? ns_new() : seed_pod;
		seed_must(&call, &answer);
	}
	seed_has(seed_pod, "mode private", "ip -d link show net1");
	cr_expect_eq(ns_ping(seed_pod, "172.16.0.2", 2), 2);
	cr_expect_eq(ns_ping(seed_pod, "172.16.0.12", 2), 0);
	close(call.pod);
}

Test(attach, the_parent_may_be_inside_the_pod)
{
	static const char nad[] =
		"{ \"cniVersion\": \"1.0.0\", \"name\": \"n\", "
		"\"type\": \"hostshim\", \"master\": \"eth1\", "
		"\"linkInContainer\": true, \"ipam\": { "
		"\"type\": \"hostshim\", \"subnet\": \"10.1.2.0/24\" } }";
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	ns_veth(seed_pod, "eth1", seed_other, "far1");
	before = ns_snapshot(-1);
	seed_do("ADD", nad);
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
	seed_has(seed_pod, "net1@eth1", "ip link");
	seed_has(seed_pod, "10.1.2.", "ip addr show net1");
	seed_do("DEL", nad);
	seed_has_not(seed_pod, "net1", "ip link");
}

Test(attach, a_shim_is_listed_on_request_behind_the_pods_interface)
{
	static const char with[] = "{ " SEED_OVERLAY
				   ", \"resultShim\": true, " SEED_IPAM " }";
	struct cni_call call = seed_call("ADD", with);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
	seed_says(&answer, "interfaces", "2");
	seed_says(&answer, "interfaces.0.name", "net1");
	cr_expect(strstr(answer.out, "\"hs-"), "%s", answer.out);
	seed_says(&answer, "interfaces.1.sandbox", "");
	seed_says(&answer, "ips.0.interface", "0");
}

Test(attach, what_the_chain_brought_comes_first)
{
	static const char chained[] =
		"{ " SEED_OVERLAY ", " SEED_IPAM ", \"prevResult\": { "
		"\"cniVersion\": \"1.1.0\", \"interfaces\": [ { \"name\": "
		"\"eth0\", \"sandbox\": \"/x\" } ], \"ips\": [ { \"address\": "
		"\"10.9.9.9/24\", \"interface\": 0 } ] } }";
	struct cni_call call = seed_call("ADD", chained);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
	seed_says(&answer, "interfaces.0.name", "eth0");
	seed_says(&answer, "interfaces.1.name", "net1");
	seed_says(&answer, "ips.0.address", "10.9.9.9/24");
	seed_says(&answer, "ips.1.interface", "1");
	seed_has_not(seed_pod, "10.9.9.9", "ip addr");
}

/* --- refusals ------------------------------------------------------------------------- */

Test(attach, a_name_that_exists_in_the_pod_is_refused_and_left)
{
	struct cni_call call = seed_call("ADD", seed_config);

	ns_do(seed_pod, "ip link add net1 type bridge");
	seed_fails(&call, 103, "net1");
	seed_do("DEL", seed_config);
	seed_has(seed_pod, "net1", "ip link show net1");
}

Test(attach, a_second_add_of_a_live_attachment_is_refused_and_changes_nothing)
{
	struct cni_call call = seed_call("ADD", seed_config);

	seed_do("ADD", seed_config);
	seed_fails(&call, 103, "net1");
	cr_expect_eq(ns_ping(-1, "10.100.1.16", 2), 2);
}

Test(attach, an_attachment_whose_interface_is_gone_can_be_made_anew)
{
	struct cni_call call = seed_call("ADD", seed_config);
	char address[64];

	seed_do("ADD", seed_config);
	ns_do(seed_pod, "ip link del net1");
	seed_add(&call, address);
	cr_expect(ns_has(seed_pod, address, "ip addr show net1"));
}

Test(attach, an_attachment_that_lives_in_another_namespace_is_refused)
{
	struct cni_call call = seed_call("ADD", seed_config);

	seed_do("ADD", seed_config);
	call.pod = ns_new();
	seed_fails(&call, 103, "c1");
	close(call.pod);
}

Test(attach, bad_namespaces_are_refused_before_anything_is_made)
{
	static const char *const paths[] = {
		"/run/netns/missing", "/etc/passwd",       "/",
		"/dev/null",          "/proc/self/ns/mnt",
	};
	cleanup_free char *before = ns_snapshot(-1);
	cleanup_free char *after = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct cni_call call = seed_call("ADD", seed_config);

		call.pod = 0;
		call.netns = paths[i];
		seed_fails(&call, 8, paths[i]);
	}
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

Test(attach, the_nodes_own_namespace_is_no_pod)
{
	cleanup_free char *before = ns_snapshot(-1);
	cleanup_free char *after = NULL;
	struct cni_call call = seed_call("ADD", seed_config);
	cleanup_cni_answer struct cni_answer gone = { 0 };

	call.pod = 0;
	call.netns = "/proc/thread-self/ns/net";
	seed_fails(&call, 8, "itself runs in");
	ns_do(-1, "ip link add net1 link under0 type macvlan");
	call.verb = "DEL";
	seed_must(&call, &gone);
	seed_has(-1, "net1@under0", "ip link");
	ns_do(-1, "ip link del net1");
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

Test(attach, a_missing_parent_is_worth_another_try)
{
	static const char nad[] =
		"{ \"cniVersion\": \"1.0.0\", \"name\": \"n\", "
		"\"type\": \"hostshim\", \"master\": \"eth7\" }";
	struct cni_call call = seed_call("ADD", nad);

	seed_fails(&call, 11, "eth7");
}

Test(attach, an_mtu_beyond_the_parents_is_refused_before_an_address_is_taken)
{
	static const char nad[] =
		"{ \"cniVersion\": \"1.0.0\", \"name\": \"n\", "
		"\"type\": \"hostshim\", \"master\": \"under0\", "
		"\"mtu\": 9000, \"ipam\": { \"type\": \"hostshim\", "
		"\"subnet\": \"10.1.2.0/24\" } }";
	struct cni_call call = seed_call("ADD", nad);

	seed_fails(&call, 7, "9000");
	cr_expect_eq(ns_try(-1, NULL, "test -e /run/hostshim/data.mdb"), 1);
}

Test(attach, a_parent_in_a_bridge_names_the_bridge)
{
	static const char nad[] =
		"{ \"cniVersion\": \"1.0.0\", \"name\": \"n\", "
		"\"type\": \"hostshim\", \"master\": \"under0\", "
		"\"ipam\": { \"type\": \"hostshim\", "
		"\"subnet\": \"10.1.2.0/24\" } }";
	struct cni_call call = seed_call("ADD", nad);

	ns_do(-1, "ip link add br0 type bridge; ip link set under0 master br0");
	seed_fails(&call, 104, "br0");
}

Test(attach, a_parent_that_is_down_is_no_error)
{
	static const char nad[] =
		"{ \"cniVersion\": \"1.0.0\", \"name\": \"n\", "
		"\"type\": \"hostshim\", \"master\": \"under0\", "
		"\"ipam\": { \"type\": \"hostshim\", \"ipRanges\": [ "
		"{ \"range\": \"10.1.2.0/24\" }, "
		"{ \"range\": \"fd12::/64\" } ] } }";

	ns_do(-1, "ip link set under0 down");
	seed_do("ADD", nad);
	seed_do("DEL", nad);
}
