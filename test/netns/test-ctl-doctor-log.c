#include "test/netns/faults.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* shimctl doctor --log: which leg is it that a log complains of? */

TestSuite(doctor_leg, .init = faults_mesh, .fini = faults_close,
	  .timeout = 240);

/* What it says of one line of Longhorn's. */
static void leg(const char *addr, const char *reason, const char *says)
{
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;
	char line[256], inject[300];

	snprintf(line, sizeof(line),
		 "iscsiadm: cannot make connection to %s: %s", addr, reason);
	ns_do(-1, "echo '%s' >/run/log.txt", line);
	cr_expect_eq(ctl_run("$C doctor --log - </run/log.txt", &out, &err), 1);
	snprintf(inject, sizeof(inject), "# log: %s", line);
	cr_expect(faults_keep("doctor --log -", inject, out, says),
		  "no \"%s\" in:\n%s%s", says, out, err);
}

Test(doctor_leg, a_local_pod)
{
	leg("10.100.1.16", "Host is unreachable",
	    "FAIL log: 10.100.1.16 is net1 of longhorn/im-1, on this node: the "
	    "local leg, from host to pod, is broken: nobody answers ARP for it "
	    "(\"Host is unreachable\", 1 time); it answers pings now -> "
	    "shimctl up, then: shimctl verify --mtu\n");
	leg("10.100.1.16", "Connection timed out",
	    "the local leg, from host to pod, loses packets");
	leg("10.100.1.16", "Connection refused",
	    "the network is fine, and no iSCSI target listens there (\"Connection "
	    "refused\", 1 time); it answers pings now -> look at the log of the "
	    "pod that has 10.100.1.16\n");
}

/* The shim is gone: packets take the default route, or none. */
Test(doctor_leg, a_local_pod_that_is_looked_for_elsewhere)
{
	ns_do(-1, "ip route add default via 10.0.01.1;"
		  " ip addr del 10.100.1.1/24 dev lhnet1-host");
	leg("10.100.1.16", "No route to host",
	    "(\"No route to host\", 1 time); packets to it leave by under2, not "
	    "by lhnet1-host -> shimctl up");
	ns_do(-1, "ip route del default");
	leg("10.100.1.16", "Network is unreachable",
	    "this node has no route to it (\"Network is unreachable\", 1 time); "
	    "there is no route to it -> shimctl up\n");
}

Test(doctor_leg, a_pod_of_another_node)
{
	leg("10.100.1.56", "Connection timed out",
	    "FAIL log: 10.100.1.56 is no pod of this node: the leg between "
	    "nodes loses packets (\"Connection timed out\", 1 time); it answers "
	    "pings now -> shimctl verify --mtu 10.100.1.56, here and on its "
	    "node\n");
	ns_do(faults_node[1], "ip link set vxlan-storage down");
	leg("10.100.1.56", "No route to host",
	    "FAIL log: 10.100.1.56 is no pod of this node: the leg between "
	    "nodes is broken, or it is nobody's any more: nobody answers ARP "
	    "for it (\"No route to host\", 1 time) -> shimctl verify --mtu "
	    "10.100.1.56, here and on its node\n");
}

Test(doctor_leg, a_pod_that_is_gone)
{
	ns_do(faults_pod[0], "ip link del net1");
	leg("10.100.1.16", "No route to host",
	    "FAIL log: 10.100.1.16 is longhorn/im-1, whose interface is gone: "
	    "a session to a pod that is gone (\"No route to host\", 1 time) -> "
	    "iscsiadm -m node -p 10.100.1.16 --logout\n");
}

Test(doctor_leg, addresses_of_nodes_and_of_other_networks)
{
	leg("10.100.1.1", "Connection refused",
	    "10.100.1.1 is this node's own address: no target listens on a "
	    "node's address");
	leg("10.100.1.3", "Connection refused",
	    "10.100.1.3 is node k8s-3 itself: no target listens on a node's "
	    "address");
	leg("10.42.3.7", "No route to host",
	    "FAIL log: 10.42.3.7 is in no range of a storage network: the "
	    "target listens on the pod's cluster address (\"No route to host\", "
	    "1 time) -> look for the storage network in the pod's "
	    "network-status annotation\n");
}

Test(doctor_leg, a_log_that_complains_of_nothing)
{
	ns_do(-1, "echo hello >/run/log.txt");
	ctl_prints("$C doctor --log /run/log.txt", 0,
		   "storage: no finding\n"
		   "log: 1 line, none of which tells of a failed iSCSI "
		   "connection\n");
	ctl_prints("$C -o json doctor --log /run/log.txt", 0,
		   "{\"command\":\"doctor\",\"networks\":[{\"network\":"
		   "\"storage\",\"skipped\":[]}],\"log\":{\"lines\":1,"
		   "\"complaints\":0},\"findings\":[]}\n");
	ctl_fails("$C doctor --log /run", 2,
		  "shimctl: --log /run: Is a directory -> shimctl --help\n");
	ctl_fails("$C doctor --log /run/nothing", 2,
		  "shimctl: --log /run/nothing: No such file or directory -> "
		  "shimctl --help\n");
}
