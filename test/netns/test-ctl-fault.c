#include "test/netns/cluster.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/*
 * What breaks a leg between three nodes, and the words in which verify on the
 * first of them names it. Container "a" of k8s-1 has 10.100.1.20, of k8s-2 .30,
 * of k8s-3 .40.
 */

static struct cluster cluster;

static void open_three(void)
{
	cluster_open(&cluster, CLUSTER_MESH, 3, 1);
}

static void close_three(void)
{
	cluster_close(&cluster);
}

TestSuite(ctl_fault, .init = open_three, .fini = close_three, .timeout = 120);

static void node_do(size_t node, const char *command)
{
	ns_do(cluster.nodes[node - 1], "%s", command);
}

static void finds(const char *where, const char *inject, const char *args,
		  const char *line)
{
	cluster_finds(&cluster, where, inject, args, line);
}

Test(ctl_fault, a_shim_is_missing_elsewhere)
{
	finds("k8s-2", "ip link del lhnet1-host", "$N verify",
	      "FAIL storage: the address of k8s-2 does not answer, its pods "
	      "do: it has no host shim -> shimctl up there\n");
}

Test(ctl_fault, the_flood_list_has_a_wrong_peer)
{
	ns_do(cluster.pods[0][0], "ip neigh flush all");
	finds("k8s-1",
	      "bridge fdb del 00:00:00:00:00:00 dev vxlan-storage dst "
	      "10.100.100.2; bridge fdb append 00:00:00:00:00:00 dev "
	      "vxlan-storage dst 10.100.100.9; ip neigh flush all;"
	      " bridge fdb show dev vxlan-storage | grep -v 00:00:00:00 |"
	      " while read -r mac rest; do bridge fdb del $mac dev "
	      "vxlan-storage dst 10.100.100.2 2>/dev/null || :; done",
	      "$N verify",
	      "FAIL storage: vxlan-storage: does not flood to k8s-2 "
	      "(10.100.100.2) -> shimctl up\n");
}

Test(ctl_fault, the_way_is_narrower_than_both_ends_believe)
{
	faults_topology("T7");
	finds("k8s-3",
	      "nft add table netdev t;"
	      " nft add chain netdev t in '{ type filter hook ingress "
	      "device to-1 priority 0; }';"
	      " nft add rule netdev t in meta length gt 1500 drop",
	      "$N verify --mtu",
	      "FAIL storage: packets over 1450 bytes are lost on the way to "
	      "k8s-3 (10.100.100.3 via 10.0.2.1 dev to-3): the overlay's mtu "
	      "is 8950 -> raise the MTU on that way to 9000, or set vxlan.mtu "
	      "to 1450\n");
	cluster_does(&cluster, 1, "$N verify", 0, " 0 of 10 legs failed\n");
}

Test(ctl_fault, a_firewall_drops_the_overlay)
{
	finds("k8s-3",
	      "nft add table inet t; nft add chain inet t in '{ type "
	      "filter hook input priority 0; }'; nft add rule inet t in "
	      "udp dport 4789 drop",
	      "$N verify",
	      "FAIL storage: k8s-3 answers on the underlay (10.100.100.3 via "
	      "10.0.2.1 dev to-3), but not through the tunnel: a firewall "
	      "drops UDP port 4789, or its overlay is another -> let UDP "
	      "through on that port, here and there; then: shimctl status "
	      "there\n");
}

Test(ctl_fault, our_own_firewall_drops_the_overlay)
{
	finds("k8s-1",
	      "nft add table inet t; nft add chain inet t out '{ type "
	      "filter hook output priority 0; }'; nft add rule inet t out "
	      "ip daddr 10.100.100.3 udp dport 4789 drop",
	      "$N verify",
	      "FAIL storage: this node's firewall drops UDP port 4789 to k8s-3 "
	      "(10.100.100.3 via 10.0.2.1 dev to-3) -> let UDP out to the "
	      "other nodes on that port\n");
}

Test(ctl_fault, an_overlay_is_missing_elsewhere)
{
	finds("k8s-2", "ip link del vxlan-storage", "$N verify",
	      "FAIL storage: k8s-2 refuses UDP port 4789 (10.100.100.2 via "
	      "10.0.1.1 dev to-2): it has no overlay, or its firewall rejects "
	      "it -> shimctl up there\n");
}

Test(ctl_fault, a_node_is_down)
{
	node_do(2, "ip link set to-1 down");
	node_do(1,
		"ip route replace 10.100.100.2 via 10.0.1.1 dev to-2 onlink");
	finds("k8s-2", "# the link to k8s-2 is down", "$N verify",
	      "FAIL storage: k8s-2 does not answer on the underlay either "
	      "(10.100.100.2 via 10.0.1.1 dev to-2) -> bring that node, or the "
	      "way to it, up\n");
}

Test(ctl_fault, there_is_no_route)
{
	finds("k8s-1", "ip route del 10.100.100.2", "$N verify",
	      "FAIL storage: there is no route to k8s-2 (10.100.100.2) -> add "
	      "the route, or bring its link up\n");
}

Test(ctl_fault, the_host_sends_elsewhere)
{
	finds("k8s-1", "ip route add 10.100.1.20/32 dev to-2", "$N verify",
	      "FAIL storage: this node sends to 10.100.1.20 over to-2, not "
	      "over lhnet1-host -> look at: ip route get, and remove what "
	      "leads there\n");
}

Test(ctl_fault, rp_filter_drops_what_comes_back_another_way)
{
	ns_set_sysctl(-1, "net/ipv4/conf/lhnet1-host/rp_filter", 1);
	finds("k8s-1", "ip route add 10.100.1.30/32 dev to-2", "$N verify",
	      "FAIL storage: lhnet1-host: rp_filter is not 2 -> shimctl up\n");
}

/* --- data ---------------------------------------------------------------------------- */

Test(ctl_fault, tcp_is_lost_where_a_ping_passes)
{
	static const char inject[] =
		"nft add table inet t; nft add chain inet t in '{ type filter "
		"hook input priority 0; }'; nft add rule inet t in meta "
		"l4proto tcp drop";

	ns_do(cluster.pods[1][0], "%s", inject);
	cluster_does(&cluster, 1, "$N verify", 0, " 0 of 10 legs failed\n");
	finds("a-k8s-2", inject, "$N verify --tcp",
	      "FAIL storage: TCP gets no answer where ping does (2 legs to k8s-2, "
	      "10.100.1.30 first): a firewall, or an offload that spoils "
	      "checksums -> look at firewalls; else, on both ends: ethtool -K "
	      "LINK tx-checksum-ip-generic off\n");
}

/* Contents are spoilt behind the checksum: a macvlan's frames carry none. */
Test(ctl_fault, data_is_spoilt_and_tcp_does_not_notice)
{
	static const char inject[] =
		"nft add table netdev t; nft add chain netdev t in '{ type "
		"filter hook ingress device net1 priority 0; }'; nft add rule "
		"netdev t in meta l4proto tcp meta length gt 2000 @th,1600,32 "
		"set 0xdeadbeef";

	ns_do(cluster.pods[0][0], "%s", inject);
	cluster_does(&cluster, 1, "$N verify --mtu", 0,
		     " 0 of 10 legs failed\n");
	finds("a-k8s-1", inject, "$N verify --tcp",
	      "data is not what was sent, from byte ");
}

Test(ctl_fault, large_segments_are_lost_where_a_ping_passes)
{
	finds("a-k8s-1",
	      "nft add table netdev t; nft add chain netdev t in '{ type filter "
	      "hook ingress device net1 priority 0; }'; nft add rule netdev t "
	      "in meta l4proto tcp meta length gt 400 drop",
	      "$N verify --tcp",
	      "FAIL storage: TCP stops after 0 of 1048576 bytes where ping "
	      "passes (");
}

/* The other end of a transfer, in a process of its own. */
static pid_t serve(size_t node)
{
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		cleanup_free char *out = NULL;
		int status = cluster_ctl(&cluster, node,
					 "$N verify --serve --timeout 60", &out,
					 NULL);

		_exit(status);
	}
	return pid;
}

Test(ctl_fault, who_serves_gets_data)
{
	pid_t pid = serve(2);
	cleanup_free char *out = NULL;

	for (int i = 0; i < 100; i++) {
		if (ns_has(cluster.nodes[1], "24789", "ss -Hltn"))
			break;
		ns_sleep_ms(100);
	}
	cr_expect_eq(cluster_ctl(&cluster, 1, "$N verify --tcp -o json", &out,
				 NULL),
		     0);
	cr_expect(strstr(out, "\"node\":\"k8s-2\",\"address\":\"10.100.1.30\","
			      "\"result\":\"ok\",\"sent\":1048576,"
			      "\"received\":1048576,"),
		  "%s", out);
	cr_expect(strstr(out, "\"node\":\"k8s-3\",\"address\":\"10.100.1.40\","
			      "\"result\":\"refused\","),
		  "%s", out);
	ns_do(cluster.nodes[1], "kill $(ss -Hltnp sport = 24789 |"
				" sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p' |"
				" head -n 1)");
	cr_expect_eq(waitpid(pid, NULL, 0), pid);
}

/* --- T6 ------------------------------------------------------------------------------ */

/* A pod that keeps its MAC when it is started on another node. */
static int pod_with_mac(size_t node)
{
	int ns = ns_new();
	char path[NS_PATH];

	ns_do(cluster.nodes[node - 1],
	      "ip link add moved link vxlan-storage address 02:00:00:00:00:aa"
	      " type macvlan mode bridge; ip link set moved netns %s",
	      ns_path(ns, path));
	ns_do(ns, "ip addr add 10.100.1.77/24 dev moved;"
		  " ip link set moved up");
	return ns;
}

/* The way is kept for each CPU. */
Test(ctl_fault, a_mac_that_moved_between_nodes)
{
	int ns = pod_with_mac(2);

	ns_do(-1, "for i in $(seq 0 $(($(nproc --all) - 1))); do"
		  " taskset -c $i ping -q -c 2 -i 0.2 10.100.1.77 >/dev/null"
		  " || :; done");
	ns_do(ns, "ip link del moved");
	close(ns);
	ns = pod_with_mac(3);
	faults_topology("T6");
	finds("k8s-3", "# a pod and its MAC move from k8s-2 to k8s-3",
	      "$N verify",
	      "FAIL storage: packets to 10.100.1.77 leave via 10.0.1.1 dev "
	      "to-2, though it is behind k8s-3 (10.100.100.3 via 10.0.2.1 dev "
	      "to-3): its MAC was behind another node before, and the overlay "
	      "kept the route to that one -> bridge fdb del MAC dev "
	      "vxlan-storage dst 10.100.100.3\n");
	node_do(1, "bridge fdb del 02:00:00:00:00:aa dev vxlan-storage dst "
		   "10.100.100.3");
	cluster_does(&cluster, 1, "$N verify", 0, " 0 of 12 legs failed\n");
	close(ns);
}
