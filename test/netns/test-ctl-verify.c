#include "test/netns/faults.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* shimctl verify on the first of two nodes, with a pod on each. */

static int far_pod;

static void open_up(void)
{
	struct cni_call there = { .verb = "ADD",
				  .config = seed_config2,
				  .node = seed_other,
				  .id = "c2",
				  .env = "NODENAME=k8s-2" };
	cleanup_cni_answer struct cni_answer answer = { 0 };

	faults_topology("T1");
	ctl_open();
	seed_do("ADD", ctl_config);
	far_pod = ns_new();
	there.pod = far_pod;
	there.node = seed_other;
	seed_must(&there, &answer);
}

static void close_down(void)
{
	close(far_pod);
	seed_close();
}

TestSuite(ctl_verify, .init = open_up, .fini = close_down, .timeout = 120);

/* Its exit status, and a line of what it says. */
static void verify(const char *args, int status, const char *line)
{
	char command[128];
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;

	snprintf(command, sizeof(command), "$C verify %s", args);
	cr_expect_eq(ctl_run(command, &out, &err), status, "%s%s", out, err);
	cr_expect(strstr(out, line), "no \"%s\" in:\n%s%s", line, out, err);
}

/* The same after @inject in @ns, for the table. */
static void finds(int ns, const char *inject, const char *args, int status,
		  const char *line)
{
	cleanup_free char *command = NULL;
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;

	ns_do(ns, "%s", inject);
	cr_assert(asprintf(&command, "$C %s", args) > 0);
	cr_expect_eq(ctl_run(command, &out, &err), status, "%s%s", out, err);
	cr_expect(faults_keep(args, inject, out, line), "no \"%s\" in:\n%s%s",
		  line, out, err);
}

Test(ctl_verify, a_healthy_node_has_no_finding)
{
	cleanup_free char *out = NULL;

	verify("", 0, "storage on k8s-1: 0 of 6 legs failed\n");
	verify("--mtu 10.100.1.100", 0,
	       "storage on k8s-1: 0 of 6 legs failed\n");
	cr_expect_eq(ctl_run("$C verify --mtu -o json", &out, NULL), 0);
	cr_expect(
		strstr(out,
		       "{\"from\":\"local host\",\"fromName\":\"k8s-1\","
		       "\"to\":\"local pod\",\"toName\":\"c1\","
		       "\"node\":\"k8s-1\",\"address\":\"10.100.1.16\",\"size\":1450,"
		       "\"sent\":3,\"received\":3,\"minUs\":"),
		"%s", out);
	cr_expect(strstr(out, "\"findings\":[]}"), "%s", out);
}

Test(ctl_verify, a_broken_local_leg_is_told_from_the_tunnel)
{
	finds(seed_pod, "ip link set net1 type macvlan mode private", "verify",
	      1,
	      "FAIL storage: pod c1 is a child in private mode, the shim one "
	      "in bridge mode: they never meet -> set \"mode\" to bridge in "
	      "the network, and restart the pod\n");
	verify("", 1,
	       "storage on k8s-1: 2 of 6 legs failed: the tunnel is fine, this "
	       "node's own are not\n");
}

Test(ctl_verify, a_broken_tunnel_is_told_from_the_local_leg)
{
	ns_do(seed_other, "ip link set under1 down");
	verify("", 1,
	       "storage on k8s-1: 2 of 4 legs failed: this node's own are "
	       "fine, the tunnel is not\n");
	verify("", 1,
	       "FAIL storage: k8s-2 does not answer on the underlay either "
	       "(10.100.100.2 via 172.16.0.2 dev under0) -> bring that node, "
	       "or the way to it, up\n");
}

/* T7: the link on the way is narrower than both ends believe. */
Test(ctl_verify, a_black_hole_is_named_with_its_size)
{
	ns_do(seed_other, "nft add table netdev t;"
			  " nft add chain netdev t in '{ type filter hook "
			  "ingress device under1 priority 0; }';"
			  " nft add rule netdev t in meta length gt 1400 drop");
	verify("", 0, "0 of 6 legs failed\n");
	verify("--mtu", 1,
	       "FAIL storage: packets over 1350 bytes are lost on the way to "
	       "k8s-2 (10.100.100.2 via 172.16.0.2 dev under0): the overlay's "
	       "mtu is 1450 -> raise the MTU on that way to 1500, or set "
	       "vxlan.mtu to 1350\n");
}

/* A parent that shrinks takes the pods' MTU with it, and does not give it back. */
Test(ctl_verify, a_pod_whose_mtu_stayed_small_is_named)
{
	ns_do(-1, "ip link set vxlan-storage mtu 1400");
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
	finds(-1, "# the parent shrank and was raised again, the pod stays",
	      "verify --mtu", 1,
	      "FAIL storage: pod c1: net1 has mtu 1400, vxlan-storage has "
	      "1450 -> restart the pod\n");
}

Test(ctl_verify, a_missing_shim_is_named_and_the_pods_legs_are_asked)
{
	finds(-1, "ip link del lhnet1-host", "verify", 1,
	      "FAIL storage: lhnet1-host does not exist -> shimctl up\n");
	verify("", 1,
	       "4 of 6 legs failed: within this node and between nodes\n");
}

Test(ctl_verify, without_a_parent_it_cannot_be_tested)
{
	finds(-1, "ip link del vxlan-storage", "verify", 3,
	      "FAIL storage: has no parent on this node -> shimctl up\n");
}

Test(ctl_verify, an_address_that_nobody_has_is_not_the_tunnels_fault)
{
	verify("10.100.1.77", 1,
	       "2 of 8 legs failed: this node's own are fine, and the tunnel "
	       "is, but not what is at its other end\n"
	       "FAIL 10.100.1.77: nobody answers for it: no pod has it, or its "
	       "node is not reached -> look for it on its node: shimctl ipam "
	       "ls\n");
}

/* No process, no mount and no record leads to its namespace. */
Test(ctl_verify, a_pod_that_cannot_be_seen_is_counted)
{
	int ns = ns_new();
	char path[NS_PATH];

	ns_do(-1,
	      "ip link add hidden link vxlan-storage type macvlan mode bridge;"
	      " ip link set hidden netns %s",
	      ns_path(ns, path));
	ns_do(ns, "ip addr add 10.100.1.90/24 dev hidden;"
		  " ip link set hidden up");
	verify("", 0,
	       "0 of 8 legs failed\n"
	       "WARN storage: 1 interface is on vxlan-storage in namespaces "
	       "that cannot be seen from here: nothing is asked from there -> "
	       "run it on the node itself, as root\n");
	close(ns);
}

/* Only the other node has an address of that family. */
Test(ctl_verify, an_address_that_cannot_be_asked_is_told)
{
	ns_do(-1,
	      "sed -i 's/\"10.100.1.2.24\"/[&, \"fd10::2\\/64\"]/' " CTL_CONFIG);
	verify("fd10::7", 1,
	       "0 of 6 legs failed\n"
	       "FAIL fd10::7: cannot be asked: neither this host nor a pod of "
	       "it has an address of its family -> give the shim such an "
	       "address, or leave this one out\n");
}

Test(ctl_verify, what_is_no_address_of_the_network_is_wrong_usage)
{
	ctl_fails("$C verify 8.8.8.8", 2,
		  "shimctl: verify: 8.8.8.8 is in no subnet of a network -> "
		  "shimctl --help\n");
	ctl_fails("$C verify fe80::1", 2,
		  "shimctl: verify: fe80::1 is in no subnet of a network -> "
		  "shimctl --help\n");
	ctl_fails("$C verify x", 2,
		  "shimctl: verify: \"x\" is no address -> shimctl --help\n");
}

/* --- IPv6, inside the tunnel and outside ----------------------------------------------- */

#define SIX(first, last, more)                                                  \
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"storage\", "                  \
	"\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "               \
	"\"vxlan\": { \"id\": 100 }, \"nodes\": { "                             \
	"\"k8s-1\": { \"vtep\": \"fd00::1\", \"address\": \"fd10::1/64\" }, "   \
	"\"k8s-2\": { \"vtep\": \"fd00::2\", \"address\": \"fd10::2/64\" } }, " \
	"\"ipam\": { \"type\": \"hostshim\", \"range\": \"fd10::/64\", "        \
	"\"range_start\": \"fd10::" first "\", "                                \
	"\"range_end\": \"fd10::" last "\"" more " } }"

static const char six_here[] = SIX("10", "1f", "");
static const char six_there[] = SIX("100", "10f",
				    ", \"stateDir\": \"/run/node2\", "
				    "\"dataDir\": \"/var/lib/node2\"");

static void six_underlay(int ns, const char *link, int own, int other)
{
	ns_do(ns,
	      "ip addr add fd00:1::%d/64 dev %s nodad;"
	      " ip addr add fd00::%d/128 dev lo nodad;"
	      " ip route add fd00::%d/128 via fd00:1::%d",
	      own, link, own, other, other);
}

static void six_open(void)
{
	struct cni_call there = { .verb = "ADD",
				  .config = six_there,
				  .id = "c2",
				  .env = "NODENAME=k8s-2" };
	cleanup_cni_answer struct cni_answer answer = { 0 };

	faults_topology("T1");
	seed_open();
	six_underlay(-1, "under0", 1, 2);
	six_underlay(seed_other, "under1", 2, 1);
	ctl_write(six_here);
	seed_do("ADD", six_here);
	far_pod = ns_new();
	there.pod = far_pod;
	there.node = seed_other;
	seed_must(&there, &answer);
}

TestSuite(ctl_verify_six, .init = six_open, .fini = close_down, .timeout = 120);

/* Whoever is not known by name cannot be found among so many. */
Test(ctl_verify_six, a_healthy_node_has_no_finding)
{
	verify("--mtu --tcp --dad", 0,
	       "storage on k8s-1: 0 of 4 legs failed\n");
	verify("fd10::100", 0, "storage on k8s-1: 0 of 6 legs failed\n");
}

Test(ctl_verify_six, a_broken_tunnel_is_named)
{
	finds(seed_other, "ip link set vxlan-storage down", "verify", 1,
	      "FAIL storage: k8s-2 refuses UDP port 4789 (fd00::2 via "
	      "fd00:1::2 dev under0): it has no overlay, or its firewall "
	      "rejects it -> shimctl up there\n");
}
