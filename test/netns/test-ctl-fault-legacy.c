#include "test/netns/faults.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * T3, T4: shimctl verify on a node that is not yet, or only half, what hostshim
 * makes of it. Its pod was attached by another plugin: a child of the overlay
 * with 10.100.1.16. The other node is as it should be.
 */

static int far_pod;

static void legacy_open(void)
{
	struct cni_call there = { .verb = "ADD",
				  .config = seed_config2,
				  .node = seed_other,
				  .id = "c2",
				  .env = "NODENAME=k8s-2" };
	cleanup_cni_answer struct cni_answer answer = { 0 };

	faults_topology("T4");
	ctl_open();
	far_pod = ns_new();
	there.pod = far_pod;
	there.node = seed_other;
	seed_must(&there, &answer);
}

static void legacy_close(void)
{
	close(far_pod);
	seed_close();
	faults_close();
}

TestSuite(ctl_fault_legacy, .init = legacy_open, .fini = legacy_close,
	  .timeout = 240);

static void legacy_parent(void)
{
	char path[NS_PATH];

	ns_do(-1,
	      "ip link add vxlan-storage mtu 1450 type vxlan id 100"
	      " dstport 4789 local 10.100.100.1 nolearning;"
	      " bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
	      " dst 10.100.100.2; ip link set vxlan-storage up;"
	      " ip link add lhnet1 link vxlan-storage type macvlan mode bridge;"
	      " ip link set lhnet1 netns %s",
	      ns_path(seed_pod, path));
	ns_do(seed_pod, "ip addr add 10.100.1.16/24 dev lhnet1;"
			" ip link set lhnet1 up");
	faults_process(seed_pod, "im", "");
}

/* What verify says of a state, and that nothing is left to say after "up". */
static void finds(const char *state, int status, const char *line)
{
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;

	cr_expect_eq(ctl_run("$C verify", &out, &err), status, "%s: %s%s",
		     state, out, err);
	cr_expect(faults_keep("verify", state, out, line),
		  "%s: no \"%s\" in:\n%s%s", state, line, out, err);
}

static void up_cures(const char *verdict)
{
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;

	cr_assert_eq(ctl_run("$C up", NULL, &err), 0, "%s", err);
	cr_expect_eq(ctl_run("$C verify --mtu --tcp", &out, NULL), 0, "%s",
		     out);
	cr_expect(strstr(out, verdict), "no \"%s\" in:\n%s", verdict, out);
	cr_expect_not(strstr(out, "WARN"), "%s", out);
}

Test(ctl_fault_legacy, nothing_is_there)
{
	finds("# no up yet", 3,
	      "FAIL storage: has no parent on this node -> shimctl up\n");
	up_cures("storage on k8s-1: 0 of 2 legs failed\n");
}

Test(ctl_fault_legacy, the_parent_only)
{
	legacy_parent();
	finds("# the seed's overlay and a pod, no address", 1,
	      "FAIL storage: lhnet1-host does not exist -> shimctl up\n");
	up_cures(" 0 of 6 legs failed\n");
}

/* The smoke test that passes, and is the wrong one: with the address on the
 * parent every other node is reached, and no pod of this one. */
Test(ctl_fault_legacy, the_address_is_on_the_parent)
{
	faults_topology("T3");
	legacy_parent();
	ns_do(-1, "ip addr add 10.100.1.1/24 dev vxlan-storage;"
		  " ip addr add 10.100.1.7/24 dev vxlan-storage"
		  " label vxlan-storage:b;"
		  " ip route add 10.55.0.0/16 via 10.100.1.2;"
		  " ip route add 10.56.0.0/16 via 10.100.1.2 src 10.100.1.7");
	finds("# the seed's overlay with address, secondary and routes", 1,
	      "FAIL storage: lhnet1-host does not exist -> shimctl up\n");
	up_cures(" 0 of 7 legs failed\n");
	seed_has(-1, "10.55.0.0/16 via 10.100.1.2 dev lhnet1-host", "ip route");
	seed_has(-1, "dev lhnet1-host src 10.100.1.7", "ip route");
}

Test(ctl_fault_legacy, the_address_is_on_the_parent_and_there_is_no_pod_yet)
{
	legacy_parent();
	ns_do(seed_pod, "ip link del lhnet1");
	ns_do(-1, "ip addr add 10.100.1.1/24 dev vxlan-storage");
	finds("# the seed's overlay with its address, and no pod yet", 1,
	      "FAIL storage: lhnet1-host does not exist -> shimctl up\n");
	up_cures(" 0 of 2 legs failed\n");
}

/* Nothing is lost yet: a warning. */
Test(ctl_fault_legacy, half_migrated)
{
	legacy_parent();
	up_cures(" 0 of 6 legs failed\n");
	ns_do(-1, "ip addr add 10.100.1.1/24 dev vxlan-storage");
	finds("# the address on the shim, and on the parent again", 0,
	      "WARN storage: vxlan-storage: 10.100.1.1/24 has to move to "
	      "lhnet1-host -> shimctl up\n");
	up_cures(" 0 of 6 legs failed\n");
}

Test(ctl_fault_legacy, done_before)
{
	legacy_parent();
	up_cures(" 0 of 6 legs failed\n");
	up_cures(" 0 of 6 legs failed\n");
}
