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

/* On k8s-1, where it fails. */
static void finds(const char *args, const char *line)
{
	cluster_does(&cluster, 1, args, 1, line);
}

Test(ctl_fault, a_shim_is_missing_elsewhere)
{
	node_do(2, "ip link del lhnet1-host");
	finds("$N verify",
	      "FAIL storage: the address of k8s-2 does not answer, its pods "
	      "do: it has no host shim -> shimctl up there\n");
}

Test(ctl_fault, the_flood_list_has_a_wrong_peer)
{
	node_do(1, "bridge fdb del 00:00:00:00:00:00 dev vxlan-storage dst "
		   "10.100.100.2; bridge fdb append 00:00:00:00:00:00 dev "
		   "vxlan-storage dst 10.100.100.9; ip neigh flush all;"
		   " bridge fdb show dev vxlan-storage | grep -v 00:00:00:00 |"
		   " while read -r mac rest; do bridge fdb del $mac dev "
		   "vxlan-storage dst 10.100.100.2 2>/dev/null || :; done");
	ns_do(cluster.pods[0][0], "ip neigh flush all");
	finds("$N verify", "FAIL storage: vxlan-storage: does not flood to "
			   "k8s-2 (10.100.100.2) -> shimctl up\n");
}

Test(ctl_fault, the_way_is_narrower_than_both_ends_believe)
{
	node_do(3, "nft add table netdev t;"
		   " nft add chain netdev t in '{ type filter hook ingress "
		   "device to-1 priority 0; }';"
		   " nft add rule netdev t in meta length gt 1500 drop");
	finds("$N verify --mtu",
	      "FAIL storage: packets over 1450 bytes are lost on the way to "
	      "k8s-3 (10.100.100.3 via 10.0.2.1 dev to-3): the overlay's mtu "
	      "is 8950 -> raise the MTU on that way to 9000, or set vxlan.mtu "
	      "to 1450\n");
	cluster_does(&cluster, 1, "$N verify", 0, " 0 of 10 legs failed\n");
}

Test(ctl_fault, a_firewall_drops_the_overlay)
{
	node_do(3, "nft add table inet t; nft add chain inet t in '{ type "
		   "filter hook input priority 0; }'; nft add rule inet t in "
		   "udp dport 4789 drop");
	finds("$N verify",
	      "FAIL storage: k8s-3 answers on the underlay (10.100.100.3 via "
	      "10.0.2.1 dev to-3), but not through the tunnel: a firewall "
	      "drops UDP port 4789, or its overlay is another -> let UDP "
	      "through on that port, here and there; then: shimctl status "
	      "there\n");
}

Test(ctl_fault, our_own_firewall_drops_the_overlay)
{
	node_do(1, "nft add table inet t; nft add chain inet t out '{ type "
		   "filter hook output priority 0; }'; nft add rule inet t out "
		   "ip daddr 10.100.100.3 udp dport 4789 drop");
	finds("$N verify",
	      "FAIL storage: this node's firewall drops UDP port 4789 to k8s-3 "
	      "(10.100.100.3 via 10.0.2.1 dev to-3) -> let UDP out to the "
	      "other nodes on that port\n");
}

Test(ctl_fault, an_overlay_is_missing_elsewhere)
{
	node_do(2, "ip link del vxlan-storage");
	finds("$N verify",
	      "FAIL storage: k8s-2 refuses UDP port 4789 (10.100.100.2 via "
	      "10.0.1.1 dev to-2): it has no overlay, or its firewall rejects "
	      "it -> shimctl up there\n");
}

Test(ctl_fault, a_node_is_down)
{
	node_do(2, "ip link set to-1 down");
	node_do(1,
		"ip route replace 10.100.100.2 via 10.0.1.1 dev to-2 onlink");
	finds("$N verify",
	      "FAIL storage: k8s-2 does not answer on the underlay either "
	      "(10.100.100.2 via 10.0.1.1 dev to-2) -> bring that node, or the "
	      "way to it, up\n");
}

Test(ctl_fault, there_is_no_route)
{
	node_do(1, "ip route del 10.100.100.2");
	finds("$N verify",
	      "FAIL storage: there is no route to k8s-2 (10.100.100.2) -> add "
	      "the route, or bring its link up\n");
}

Test(ctl_fault, the_host_sends_elsewhere)
{
	node_do(1, "ip route add 10.100.1.20/32 dev to-2");
	finds("$N verify",
	      "FAIL storage: this node sends to 10.100.1.20 over to-2, not "
	      "over lhnet1-host -> look at: ip route get, and remove what "
	      "leads there\n");
}

Test(ctl_fault, rp_filter_drops_what_comes_back_another_way)
{
	ns_set_sysctl(-1, "net/ipv4/conf/lhnet1-host/rp_filter", 1);
	node_do(1, "ip route add 10.100.1.30/32 dev to-2");
	finds("$N verify",
	      "FAIL storage: lhnet1-host: rp_filter is not 2 -> shimctl up\n");
}

/* --- data ---------------------------------------------------------------------------- */

Test(ctl_fault, tcp_is_lost_where_a_ping_passes)
{
	ns_do(cluster.pods[1][0],
	      "nft add table inet t; nft add chain inet t in '{ type filter "
	      "hook input priority 0; }'; nft add rule inet t in meta l4proto "
	      "tcp drop");
	cluster_does(&cluster, 1, "$N verify", 0, " 0 of 10 legs failed\n");
	finds("$N verify --tcp",
	      "FAIL storage: TCP gets no answer where ping does (2 legs k8s-2, "
	      "10.100.1.30 first): a firewall, or an offload that spoils "
	      "checksums -> look at firewalls; else, on both ends: ethtool -K "
	      "LINK tx-checksum-ip-generic off\n");
}

/* Contents are spoilt behind the checksum: a macvlan's frames carry none. */
Test(ctl_fault, data_is_spoilt_and_tcp_does_not_notice)
{
	ns_do(cluster.pods[0][0],
	      "nft add table netdev t; nft add chain netdev t in '{ type filter "
	      "hook ingress device net1 priority 0; }'; nft add rule netdev t "
	      "in meta l4proto tcp meta length gt 2000 @th,1600,32 set "
	      "0xdeadbeef");
	cluster_does(&cluster, 1, "$N verify --mtu", 0,
		     " 0 of 10 legs failed\n");
	finds("$N verify --tcp", "data is not what was sent, from byte ");
}

Test(ctl_fault, large_segments_are_lost_where_a_ping_passes)
{
	ns_do(cluster.pods[0][0],
	      "nft add table netdev t; nft add chain netdev t in '{ type filter "
	      "hook ingress device net1 priority 0; }'; nft add rule netdev t "
	      "in meta l4proto tcp meta length gt 400 drop");
	finds("$N verify --tcp",
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
