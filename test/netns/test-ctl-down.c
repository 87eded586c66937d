#include "test/netns/ctl.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* shimctl down, peers, announce and needs. */

static void open_up(void)
{
	ctl_open();
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
}

TestSuite(ctl_down, .init = open_up, .fini = seed_close, .timeout = 120);

static void hostshim(const char *verb)
{
	seed_do(verb, ctl_config);
}

/* --- down ----------------------------------------------------------------------------- */

Test(ctl_down, down_leaves_the_node_as_it_was_before_up)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	cr_assert_eq(ctl_run("$C down", NULL, NULL), 0);
	before = ns_snapshot(-1);
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
	ctl_prints("$C down", 0,
		   "lhnet1-host    deleted\n"
		   "vxlan-storage  deleted\n");
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
	ctl_prints("$C down", 0, "no change\n");
	ctl_prints("$C down -o json", 0,
		   "{\"command\":\"down\",\"changes\":[],\"dryRun\":false,"
		   "\"refused\":false,\"findings\":[]}\n");
}

Test(ctl_down, a_pod_on_the_parent_refuses_it)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	hostshim("ADD");
	before = ns_snapshot(-1);
	ctl_prints("$C down", 4,
		   "FAIL net1: is on vxlan-storage with 10.100.1.16/24 (c1) -> "
		   "move its pod away, or say --force\n");
	ctl_prints("$C down -o json", 4,
		   "{\"command\":\"down\",\"changes\":[],\"dryRun\":false,"
		   "\"refused\":true,\"findings\":[{\"severity\":\"FAIL\","
		   "\"subject\":\"net1\",\"finding\":\"is on vxlan-storage "
		   "with 10.100.1.16/24 (c1)\",\"next\":\"move its pod away, "
		   "or say --force\"}]}\n");
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
	cr_expect_eq(ns_ping(-1, "10.100.1.16", 2), 2);
}

/* No record, no process, no mount leads to it: only the kernel knows. */
Test(ctl_down, a_child_that_cannot_be_seen_is_counted_and_refuses_it)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	hostshim("ADD");
	ns_do(-1, "rm -r /run/hostshim");
	before = ns_snapshot(-1);
	ctl_prints("$C down", 4,
		   "FAIL vxlan-storage: has 1 child in a namespace that cannot "
		   "be seen from here -> drain this node, or say --force\n");
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
	ctl_prints(
		"needs vxlan-storage", 0,
		"needed  it encapsulates everything that it sends: a local "
		"pod never sees it\n"
		"rule    \"VXLAN needs it, a flat layer 2 does not\" says: "
		"needed\n"
		"here    1 pod on vxlan-storage (1 where it cannot be seen), "
		"host shim lhnet1-host\n");
	cr_expect_geq(ns_ping(-1, "10.100.1.16", 3), 2);
}

/* One that is down is not even counted. */
Test(ctl_down, a_child_that_is_not_counted_refuses_it_and_the_shim_is_back)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	hostshim("ADD");
	ns_do(-1, "rm -r /run/hostshim");
	ns_do(seed_pod, "ip link set net1 down");
	before = ns_snapshot(-1);
	ctl_prints("$C down", 4,
		   "lhnet1-host  deleted\n"
		   "lhnet1-host  put back\n"
		   "FAIL vxlan-storage: has 1 child in a namespace that cannot "
		   "be seen from here -> drain this node, or say --force\n");
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
	seed_has(seed_pod, "net1", "ip link");
}

Test(ctl_down, force_deletes_in_spite_of_pods)
{
	hostshim("ADD");
	ctl_prints("$C down -n --force", 0,
		   "lhnet1-host    would be deleted\n"
		   "vxlan-storage  would be deleted\n");
	seed_has(-1, "vxlan-storage", "ip link");
	cr_expect_eq(ctl_run("$C down --force", NULL, NULL), 0);
	seed_has_not(-1, "vxlan-storage", "ip link");
	seed_has_not(seed_pod, "net1", "ip link");
}

Test(ctl_down, what_somebody_else_made_is_left)
{
	ns_do(-1, "ip link set vxlan-storage alias mine;"
		  " ip link set lhnet1-host alias mine");
	ctl_prints("$C down", 0,
		   "vxlan-storage is left: hostshim did not make it\n"
		   "lhnet1-host is left: hostshim did not make it\n"
		   "no change\n");
	seed_has(-1, "lhnet1-host", "ip link");
}

/* --- the address goes back ------------------------------------------------------------- */

/* The seed's user on day one: an overlay made by hand, with the address on it. */
static void foreign_overlay(void)
{
	cr_assert_eq(ctl_run("$C down", NULL, NULL), 0);
	ns_do(-1, "ip link add vxlan-storage mtu 1450 type vxlan id 100"
		  " dstport 4789 local 10.100.100.1;"
		  " bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.2;"
		  " ip link set vxlan-storage addrgenmode none;"
		  " ip link set vxlan-storage up;"
		  " ip addr add 10.100.1.1/24 brd + dev vxlan-storage;"
		  " ip route add 10.200.0.0/16 via 10.100.1.2");
}

Test(ctl_down, the_address_goes_back_to_the_parent_on_request)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	foreign_overlay();
	before = ns_snapshot(-1);
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
	seed_has(-1, "10.200.0.0/16", "ip route show dev lhnet1-host");
	ctl_prints("$C down -n --restore-address", 0,
		   "vxlan-storage is left: hostshim did not make it\n"
		   "lhnet1-host  10.100.1.1/24 would move to vxlan-storage\n"
		   "lhnet1-host  would be deleted\n");
	ctl_prints("$C down --restore-address", 0,
		   "vxlan-storage is left: hostshim did not make it\n"
		   "lhnet1-host  10.100.1.1/24 moved to vxlan-storage\n"
		   "lhnet1-host  deleted\n");
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
	ctl_prints("$C down --restore-address -o json", 0,
		   "{\"command\":\"down\",\"changes\":[],\"dryRun\":false,"
		   "\"refused\":false,\"findings\":[]}\n");
}

Test(ctl_down, without_the_request_it_goes_with_the_shim)
{
	foreign_overlay();
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
	ctl_prints("$C down", 0,
		   "vxlan-storage is left: hostshim did not make it\n"
		   "lhnet1-host  deleted\n");
	seed_has_not(-1, "10.100.1.1/24", "ip addr");
}

Test(ctl_down, an_overlay_that_goes_too_takes_no_address_back)
{
	cleanup_free char *before = ns_snapshot(-1);
	cleanup_free char *after = NULL;

	ctl_prints(
		"$C down --restore-address", 4,
		"FAIL vxlan-storage: is deleted as well: there is no link to "
		"move the addresses of lhnet1-host to -> leave "
		"--restore-address out\n");
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

/* --- peers ------------------------------------------------------------------------------ */

#define PEERS                                                                  \
	"PEER   VTEP          ROUTE                      STATE\n"              \
	"k8s-2  10.100.100.2  via 172.16.0.2 dev under0  flooded, 0 learned\n"

static void foreign_peer(void)
{
	ns_do(-1, "for mac in 00:00:00:00:00:00 02:00:00:00:00:09; do"
		  " bridge fdb append $mac dev vxlan-storage dst 172.16.0.9;"
		  " done");
}

Test(ctl_down, peers_lists_and_prunes_what_no_row_owns)
{
	ctl_prints("$C peers", 0, PEERS);
	foreign_peer();
	ctl_prints("$C peers", 1,
		   PEERS "       172.16.0.9    dev under0                 "
			 "flooded, 1 learned\n"
			 "FAIL 172.16.0.9: is in the forwarding database, and "
			 "no row of \"nodes\" has it -> shimctl peers prune\n");
	ctl_prints("$C peers -n prune", 0,
		   "vxlan-storage  172.16.0.9  would be removed\n");
	ctl_prints("$C peers prune", 0, "vxlan-storage  172.16.0.9  removed\n");
	seed_has_not(-1, "172.16.0.9", "bridge fdb");
	ctl_prints("$C peers prune", 0, "no change\n");
	ctl_prints("$C peers", 0, PEERS);
}

Test(ctl_down, peers_says_it_to_programs)
{
	foreign_peer();
	ctl_prints("$C peers prune -o json", 0,
		   "{\"command\":\"peers\",\"networks\":[{\"network\":"
		   "\"storage\",\"overlay\":\"vxlan-storage\",\"removed\":"
		   "[\"172.16.0.9\"]}],\"findings\":[]}\n");
	ctl_prints("$C peers -o json", 0,
		   "{\"command\":\"peers\",\"networks\":[{\"network\":"
		   "\"storage\",\"overlay\":\"vxlan-storage\",\"peers\":[{"
		   "\"name\":\"k8s-2\",\"vtep\":\"10.100.100.2\",\"route\":"
		   "\"via 172.16.0.2 dev under0\",\"flooded\":true,\"learned\":"
		   "0}]}],\"findings\":[]}\n");
}

Test(ctl_down, a_peer_that_is_missing_or_unreachable_is_named)
{
	ns_do(-1, "bridge fdb del 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.2");
	ctl_prints("$C peers", 1,
		   "PEER   VTEP          ROUTE                      STATE\n"
		   "k8s-2  10.100.100.2  via 172.16.0.2 dev under0  not "
		   "flooded, 0 learned\n"
		   "FAIL k8s-2: is not in the flood list -> shimctl up\n");
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
	ns_do(-1, "ip route del 10.100.100.2");
	ctl_prints("$C peers", 1,
		   "PEER   VTEP          ROUTE  STATE\n"
		   "k8s-2  10.100.100.2         flooded, 0 learned\n"
		   "FAIL k8s-2: no route leads to 10.100.100.2 -> give the "
		   "underlay a route to it\n");
	ctl_fails("$C peers prone", 2,
		  "shimctl: peers: \"prone\" is not \"prune\" -> shimctl "
		  "--help\n");
}

/* --- announce ------------------------------------------------------------------------- */

Test(ctl_down, announce_tells_the_segment)
{
	cr_assert_eq(ctl_run("$C down", NULL, NULL), 0);
	ctl_prints("$C announce", 3,
		   "FAIL host shim: there is none with an address -> shimctl "
		   "status\n");
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
	hostshim("ADD");
	ctl_prints("$C announce", 0, "lhnet1-host  10.100.1.1  MAC\n");
	ctl_prints("$C announce 10.100.1.16", 0, "net1  10.100.1.16  MAC\n");
	ctl_prints("$C announce 10.100.1.16 -o json", 0,
		   "{\"command\":\"announce\",\"announced\":[{\"network\":"
		   "\"storage\",\"link\":\"net1\",\"address\":\"10.100.1.16\","
		   "\"mac\":\"MAC\"}],\"findings\":[]}\n");
	ctl_prints("$C announce 10.100.1.77", 3,
		   "FAIL 10.100.1.77: neither the shim's nor a pod's of this "
		   "node -> shimctl status\n");
	ctl_fails("$C announce x", 2,
		  "shimctl: announce: \"x\" is no address -> shimctl "
		  "--help\n");
}

/* A neighbour that believes an old MAC learns better at once. */
Test(ctl_down, announce_corrects_a_neighbour)
{
	char args[NS_PATH + 64];
	char path[NS_PATH];

	snprintf(args, sizeof(args), "$C --netns %s --node k8s-2 up",
		 ns_path(seed_other, path));
	cr_assert_eq(ctl_run(args, NULL, NULL), 0);
	ns_do(seed_other, "ip neigh replace 10.100.1.1 lladdr "
			  "02:00:00:00:00:01 dev lhnet1-host nud stale");
	cr_assert_eq(ctl_run("$C announce", NULL, NULL), 0);
	ns_sleep_ms(200);
	seed_has_not(seed_other, "02:00:00:00:00:01", "ip neigh");
}

/* --- needs ------------------------------------------------------------------------------ */

Test(ctl_down, needs_says_why_a_vxlan_needs_a_shim)
{
	ctl_prints("needs vxlan-storage", 0,
		   "needed  it encapsulates everything that it sends: a local "
		   "pod never sees it\n"
		   "rule    \"VXLAN needs it, a flat layer 2 does not\" says: "
		   "needed\n"
		   "here    0 pods on vxlan-storage, host shim lhnet1-host\n");
	ns_do(-1, "ip link del lhnet1-host");
	ctl_prints(
		"needs vxlan-storage -o json", 1,
		"{\"command\":\"needs\",\"parent\":\"vxlan-storage\","
		"\"kind\":\"vxlan\",\"needed\":true,\"reason\":\"it "
		"encapsulates everything that it sends: a local pod never "
		"sees it\",\"rule\":true,\"pods\":0,\"hidden\":0,\"shim\":null,"
		"\"findings\":[{\"severity\":\"FAIL\",\"subject\":"
		"\"vxlan-storage\",\"finding\":\"has no host shim\",\"next\""
		":\"shimctl up, with an address for it\"}]}\n");
}

#define FLAT                                                                   \
	"needed  a macvlan parent sends to the wire, never to its own "        \
	"children; a flat layer 2 does not change that, only a switch port "   \
	"that hairpins does\n"
#define RULE                                                                   \
	"rule    \"VXLAN needs it, a flat layer 2 does not\" says: not "       \
	"needed\n"
#define LACKS                                                                  \
	"FAIL eth1: has no host shim -> shimctl up, with an address for it\n"

/* T2: a pod on a NIC at a switch (a bridge in another namespace). */
static int flat_segment(void)
{
	int pod = ns_new();
	char path[NS_PATH];

	ns_veth(-1, "eth1", seed_other, "port1");
	ns_do(-1, "ip addr add 192.168.7.1/24 dev eth1");
	ns_do(seed_other, "ip link add br0 type bridge; ip link set br0 up;"
			  " ip link set port1 master br0");
	ns_do(-1,
	      "ip link add mv0 link eth1 type macvlan mode bridge;"
	      " ip link set mv0 netns %s",
	      ns_path(pod, path));
	ns_do(pod, "ip link set mv0 up; ip addr add 192.168.7.16/24 dev mv0;"
		   " exec sleep 15 >/dev/null 2>&1 &");
	return pod;
}

Test(ctl_down, a_flat_segment_needs_one_too_unless_its_switch_hairpins)
{
	int pod = flat_segment();

	ctl_prints("needs eth1 --probe 192.168.7.16", 1,
		   FLAT "probe   192.168.7.16 does not answer from eth1\n" RULE
			"here    1 pod on eth1, no host shim\n" LACKS);
	cr_expect_eq(ns_ping(-1, "192.168.7.16", 2), 0);

	ns_do(seed_other, "bridge link set dev port1 hairpin on");
	ctl_prints("needs eth1 --probe 192.168.7.16", 0,
		   "not needed  something sends the parent's frames back to it "
		   "(a switch port that hairpins)\n"
		   "probe   192.168.7.16 answers from eth1\n" RULE
		   "here    1 pod on eth1, no host shim\n");
	cr_expect_gt(ns_ping(-1, "192.168.7.16", 3), 0);
	close(pod);
}

Test(ctl_down, what_cannot_be_tested_is_status_3)
{
	ctl_prints("needs nix", 3,
		   "FAIL nix: does not exist -> look at: ip link\n");
	ctl_prints("needs lo", 3,
		   "FAIL lo: is not Ethernet: no pod can be on it -> choose "
		   "another parent\n");
	ctl_prints("needs vxlan-storage --probe 10.100.1.2", 3,
		   "FAIL vxlan-storage: the probed address is no local pod's, "
		   "so its answer would prove nothing -> give the address of a "
		   "pod of this node\n");
	ctl_fails("needs", 2,
		  "shimctl: needs needs more: PARENT [--probe ADDRESS] -> "
		  "shimctl --help\n");
	ctl_fails("needs vxlan-storage --probe x", 2,
		  "shimctl: --probe x: no address -> shimctl --help\n");
}
