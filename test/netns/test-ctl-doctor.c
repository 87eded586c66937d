#include "test/netns/faults.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* shimctl doctor on the first of three nodes: each fault is found, and named. */

TestSuite(doctor, .init = faults_mesh, .fini = faults_close, .timeout = 240);

Test(doctor, three_healthy_nodes_have_no_finding)
{
	char args[2 * NS_PATH];
	char path[NS_PATH];

	faults_none("storage");
	ctl_prints("$C doctor -o json", 0,
		   "{\"command\":\"doctor\",\"networks\":[{\"network\":"
		   "\"storage\",\"skipped\":[]}],"
		   "\"findings\":[]}\n");
	for (int i = 1; i < FAULTS_NODES; i++) {
		snprintf(args, sizeof(args),
			 "$C --netns %s --node k8s-%d doctor",
			 ns_path(faults_node[i], path), i + 1);
		ctl_prints(args, 0, "storage: no finding\n");
	}
}

/* --- drift: T4, T5 ----------------------------------------------------------------- */

Test(doctor, a_parent_that_is_down)
{
	faults_find("ip link set vxlan-storage down",
		    "FAIL down: vxlan-storage is down: nothing passes, though "
		    "the interfaces of its pods look up -> shimctl up\n");
}

Test(doctor, a_parent_without_learning_and_with_short_ageing)
{
	faults_find("ip link set vxlan-storage type vxlan id 100 nolearning"
		    " ageing 10",
		    "FAIL flood: vxlan-storage learning is off, not on; ageing "
		    "is 10, not 300: without learning every frame goes to "
		    "every peer -> shimctl up\n");
}

Test(doctor, mtu_of_the_parent_and_then_of_the_pods)
{
	faults_find("ip link set vxlan-storage mtu 1400",
		    "FAIL mtu: vxlan-storage mtu is 1400, not 8950: too large "
		    "ones travel as fragments or not at all -> shimctl up\n");
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
	faults_find("# the parent is raised again, the pod stays",
		    "WARN mtu: net1 of longhorn/im-1 has mtu 1400, its parent "
		    "vxlan-storage 8950: larger packets do not reach it -> "
		    "restart the pod\n");
}

Test(doctor, a_shim_in_another_mode)
{
	faults_find("ip link set lhnet1-host type macvlan mode private",
		    "FAIL mode: lhnet1-host mode is private, not bridge: it "
		    "does not reach its siblings, the pods -> shimctl up\n");
}

Test(doctor, a_shim_that_is_down)
{
	faults_find("ip link set lhnet1-host down",
		    "FAIL down: lhnet1-host is down: nothing passes, though "
		    "the interfaces of its pods look up -> shimctl up\n");
}

Test(doctor, arp_flux_on_parent_and_shim)
{
	faults_find("sysctl -qw net.ipv4.conf.vxlan-storage.arp_ignore=0"
		    " net.ipv4.conf.lhnet1-host.arp_ignore=0",
		    "FAIL arp: vxlan-storage arp_ignore is not 1: it answers "
		    "ARP for addresses that are not its own: two MACs for one "
		    "address -> shimctl up\n"
		    "FAIL arp: lhnet1-host arp_ignore is not 1: it answers ARP "
		    "for addresses that are not its own: two MACs for one "
		    "address -> shimctl up\n");
}

Test(doctor, a_strict_reverse_path_filter)
{
	faults_find("sysctl -qw net.ipv4.conf.lhnet1-host.rp_filter=1",
		    "FAIL rp_filter: lhnet1-host rp_filter is not 2: strict "
		    "filtering drops what arrives while an address moves -> "
		    "shimctl up\n");
}

Test(doctor, a_peer_that_is_not_flooded_to)
{
	faults_find("bridge fdb del 00:00:00:00:00:00 dev vxlan-storage"
		    " dst 10.100.100.3",
		    "FAIL peers: vxlan-storage does not flood to k8s-3 "
		    "(10.100.100.3): that node gets no ARP request from here "
		    "-> shimctl up\n");
}

Test(doctor, its_own_tunnel_address_and_a_strangers_in_the_flood_list)
{
	faults_find("bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		    " dst 10.100.100.1;"
		    " bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		    " dst 10.100.100.9",
		    "FAIL peers: vxlan-storage floods to 10.100.100.1, which "
		    "is this node: its broadcasts come back, and look like "
		    "duplicate addresses -> shimctl up\n"
		    "FAIL peers: vxlan-storage floods to 10.100.100.9, which "
		    "is no peer: every broadcast is sent there too -> shimctl "
		    "up\n");
}

Test(doctor, an_address_on_both)
{
	faults_has("ip addr add 10.100.1.1/24 dev vxlan-storage",
		   "FAIL address: vxlan-storage 10.100.1.1/24 has to move to "
		   "lhnet1-host: as long as the parent bears it, no pod of "
		   "this node is reached -> shimctl up\n");
}

Test(doctor, a_shim_without_its_address)
{
	faults_find("ip addr del 10.100.1.1/24 dev lhnet1-host",
		    "FAIL address: lhnet1-host does not have 10.100.1.1/24: "
		    "the pods of this network do not reach this node -> "
		    "shimctl up\n");
}

Test(doctor, no_shim)
{
	faults_find("ip link del lhnet1-host",
		    "FAIL missing: lhnet1-host does not exist -> shimctl up\n");
}

Test(doctor, no_parent)
{
	faults_find(
		"ip link del vxlan-storage",
		"FAIL missing: vxlan-storage does not exist -> shimctl up\n");
}

Test(doctor, a_parent_of_another_kind)
{
	faults_find("ip link del vxlan-storage;"
		    " ip link add vxlan-storage type bridge",
		    "FAIL overlay: overlay vxlan-storage: kind is bridge, not "
		    "vxlan: give the overlay another name in \"master\", or "
		    "leave \"vxlan\" out to use that link -> correct what it "
		    "names, then: shimctl up\n");
}

Test(doctor, a_parent_with_another_id)
{
	faults_find("ip link del vxlan-storage;"
		    " ip link add vxlan-storage type vxlan id 101 dstport 4789"
		    " local 10.100.100.1; ip link set vxlan-storage up",
		    "FAIL overlay: overlay vxlan-storage: vxlan.id is 101, not "
		    "100: hostshim did not make it: adapt the configuration to "
		    "it, or delete it once no pod of this network runs on the "
		    "node -> correct what it names, then: shimctl up\n");
}

Test(doctor, a_foreign_shim_that_differs)
{
	faults_find("ip link del lhnet1-host;"
		    " ip link add lhnet1-host link vxlan-storage type macvlan"
		    " mode vepa",
		    "FAIL shim: host shim lhnet1-host: mode is vepa, not "
		    "bridge; hostshim did not make it: correct it, delete it, "
		    "or choose another hostShim.name -> correct what it names, "
		    "then: shimctl up\n");
}

Test(doctor, a_shim_on_another_parent)
{
	faults_find("ip link set lhnet1-host alias '';"
		    " ip link del lhnet1-host;"
		    " ip link add lhnet1-host link under2 type macvlan"
		    " mode bridge;"
		    " ip link set lhnet1-host alias hostshim:vxlan-storage",
		    "FAIL parent: lhnet1-host is not on vxlan-storage: it "
		    "reaches none of the pods -> shimctl up\n");
}

Test(doctor, a_node_without_a_row)
{
	ctl_prints("$C --node k8s-9 doctor", 1,
		   "storage: 1 finding\n"
		   "FAIL overlay: overlay vxlan-storage: no VTEP for node "
		   "\"k8s-9\" (from NODENAME): it has no row in \"nodes\", "
		   "and vxlan.device is not given -> correct what it names, "
		   "then: shimctl up\n");
}

/* --- links ------------------------------------------------------------------------ */

Test(doctor, a_pod_in_another_mode)
{
	faults_find_in(faults_pod[0], "ip link set net1 type macvlan mode vepa",
		       "FAIL mode: net1 of longhorn/im-1 is in mode vepa: this "
		       "node's lhnet1-host and its other pods do not reach it "
		       "-> correct \"mode\" in the pod's network, then restart "
		       "the pod\n");
}

Test(doctor, a_pod_whose_interface_is_down)
{
	faults_find_in(faults_pod[0], "ip link set net1 down",
		       "FAIL down: net1 of longhorn/im-1 is down: the pod is "
		       "not reached -> restart the pod\n");
}

Test(doctor, a_node_without_an_address)
{
	ns_do(-1, "ip link del lhnet1-host;"
		  " sed -i 's/, \"address\": \"10.100.1.1.24\"//' " CTL_CONFIG);
	faults_find("# no address in this node's row",
		    "FAIL missing: vxlan-storage has no host shim, because "
		    "node \"k8s-1\" (from NODENAME) has no address in "
		    "\"nodes\": this node does not reach its pods -> add "
		    "k8s-1 with its address to \"nodes\", then: shimctl up\n");
}

Test(doctor, macs_that_udev_changed)
{
	faults_find("ip link set lhnet1-host address 02:00:00:00:00:01",
		    "WARN mac: lhnet1-host has MAC MAC, and was made with MAC: "
		    "udev, or somebody, changed it, and peers that know the "
		    "old one do not reach it -> give it MACAddressPolicy=none "
		    "in a systemd.link file, then: ip link set lhnet1-host "
		    "address MAC\n");
}

Test(doctor, one_mac_on_two_nodes)
{
	faults_find(
		"mac=$(ip -o link show lhnet1-host |"
		" sed 's/.*ether \\([0-9a-f:]*\\).*/\\1/');"
		" bridge fdb add $mac dev vxlan-storage dst 10.100.100.2",
		"FAIL mac: the MAC of lhnet1-host, MAC, was also seen at "
		"k8s-2 (10.100.100.2): its frames go to either -> give one "
		"of the two another MAC: ip link set lhnet1-host address\n");
}

Test(doctor, entries_that_lead_to_nobody)
{
	faults_find("bridge fdb add 02:00:00:00:00:07 dev vxlan-storage"
		    " dst 10.100.100.9",
		    "WARN peers: vxlan-storage sends frames for 1 MAC to "
		    "10.100.100.9, which is no node's -> shimctl peers "
		    "prune\n");
}

/* --- the way to peers ---------------------------------------------------------------- */

Test(doctor, no_route_to_a_peer)
{
	faults_find("ip route del 10.100.100.3",
		    "FAIL path: there is no route to k8s-3 (10.100.100.3) -> "
		    "set the link to it up, or add the route\n");
}

Test(doctor, no_carrier_to_a_peer)
{
	ns_do(faults_node[2], "ip link set under1 down");
	faults_find("# the far end of under3 goes down",
		    "FAIL path: under3, the way to k8s-3 (10.100.100.3), has "
		    "no carrier -> look at the cable, and at the other end of "
		    "under3\n");
}

Test(doctor, a_route_to_a_peer_that_leads_over_the_overlay)
{
	faults_has("ip route replace 10.100.100.3 via 10.100.1.3",
		   "FAIL path: the route to k8s-3 (10.100.100.3) leads over "
		   "lhnet1-host, which is on the overlay itself -> ip route "
		   "del the one over lhnet1-host\n");
}

Test(doctor, another_device_has_the_port)
{
	faults_has("ip link set vxlan-storage down;"
		   " ip link add cilium_vxlan type vxlan external"
		   " dstport 4789; ip link set cilium_vxlan up",
		   "FAIL port: Cilium's cilium_vxlan, a metadata VXLAN device "
		   "with id 0, holds UDP port 4789, and vxlan-storage is not "
		   "up -> choose another vxlan.port, on all nodes\n");
}

Test(doctor, flannel_has_port_and_id)
{
	faults_has(
		"ip link del vxlan-storage;"
		" ip link add flannel.1 type vxlan id 100 dstport 4789"
		" local 10.100.100.1 nolearning;"
		" ip link set flannel.1 up",
		"FAIL port: flannel's flannel.1, a VXLAN device with id 100, "
		"holds UDP port 4789, and vxlan-storage is not up -> choose "
		"another vxlan.port, on all nodes\n");
}

Test(doctor, another_overlay_on_the_port_is_no_clash)
{
	faults_find("ip link del vxlan-storage;"
		    " ip link add other type vxlan id 101 dstport 4789"
		    " local 10.100.100.1; ip link set other up",
		    "FAIL missing: vxlan-storage does not exist -> shimctl "
		    "up\n");
}

Test(doctor, a_program_has_the_port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_port = htons(4789) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ns_do(-1, "ip link set vxlan-storage down");
	cr_assert_eq(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	faults_has(
		"# bind() of UDP port 4789, while the overlay is down",
		"FAIL port: a program of this node holds UDP port 4789, and "
		"vxlan-storage is not up -> ss -ulpn sport = :4789, and move "
		"it, or choose another vxlan.port on all nodes\n");
	close(fd);
}

/* --- for programs -------------------------------------------------------------------- */

Test(doctor, json_has_each_finding_with_its_step)
{
	ns_do(-1, "ip link set lhnet1-host down;"
		  " ip route del 10.100.100.3");
	ctl_prints(
		"$C doctor -o json", 1,
		"{\"command\":\"doctor\",\"networks\":[{\"network\":"
		"\"storage\",\"skipped\":[]}],\"findings\":["
		"{\"severity\":\"FAIL\",\"subject\":\"down\",\"finding\":"
		"\"lhnet1-host is down: nothing passes, though the interfaces "
		"of its pods look up\",\"next\":\"shimctl up\"},"
		"{\"severity\":\"FAIL\",\"subject\":\"path\",\"finding\":"
		"\"there is no route to k8s-3 (10.100.100.3)\",\"next\":"
		"\"set the link to it up, or add the route\"}]}\n");
}

Test(doctor, wrong_usage_and_configuration)
{
	ctl_fails("$C doctor now", 2,
		  "shimctl: doctor: \"now\" is too much -> shimctl --help\n");
	ctl_fails("$C doctor --log", 2,
		  "shimctl: --log needs a value -> shimctl --help\n");
	ctl_fails("-c /run/none doctor", 2,
		  "shimctl: /run/none does not exist -> correct the "
		  "configuration\n");
	ctl_write("{ \"name\": 5 }");
	cr_expect_eq(ctl_run("$C doctor", NULL, NULL), 2);
}

/* Two networks on one parent have its faults in common. */
Test(doctor, what_networks_share_is_told_once)
{
	ns_do(-1,
	      "sed 's/\"name\": \"storage\"/\"name\": \"second\"/' " CTL_CONFIG
	      " >/run/second.conf");
	ns_do(-1, "ip route del 10.100.100.3");
	ctl_prints(
		"$C -c /run/second.conf doctor", 1,
		"storage: 1 finding\n"
		"second: no finding\n"
		"FAIL path: there is no route to k8s-3 (10.100.100.3) -> set "
		"the link to it up, or add the route\n");
}
