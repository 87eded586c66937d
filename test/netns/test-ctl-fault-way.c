#include "test/netns/cluster.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * Legs that answer, and go the wrong way: nothing is lost, and verify warns.
 * Container "a" of k8s-1 has 10.100.1.20.
 */

static struct cluster cluster;

static void open_two(void)
{
	cluster_open(&cluster, CLUSTER_MESH, 2, 1);
}

static void close_two(void)
{
	cluster_close(&cluster);
}

TestSuite(ctl_fault_way, .init = open_two, .fini = close_two, .timeout = 120);

/* A warning is no failure. */
static void warns(const char *where, const char *inject, const char *line)
{
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;

	ns_do(cluster_ns(&cluster, where), "%s", inject);
	cr_expect_eq(cluster_ctl(&cluster, 1, "$N verify", &out, &err), 0,
		     "%s%s", out, err);
	cr_expect(strstr(out, "storage on k8s-1: 0 of 6 legs failed\n"), "%s",
		  out);
	cr_expect(faults_keep("verify", inject, out, line),
		  "no \"%s\" in:\n%s%s", line, out, err);
}

Test(ctl_fault_way, a_local_pod_that_is_slower_than_a_remote_one)
{
	ns_do(cluster.pods[0][0],
	      "{ echo 'table inet t {';"
	      " echo 'chain c {'; seq -f 'meta mark %%.0f' 100; echo '}';"
	      " echo 'chain b {'; seq -f 'jump c #%%.0f' 64; echo '}';"
	      " echo 'chain a {'; echo 'type filter hook input priority 0;';"
	      " seq -f 'jump b #%%.0f' 64; echo '}'; echo '}'; } | nft -f -");
	warns("a-k8s-1",
	      "# 400 000 rules in the pod, for each packet that arrives",
	      "WARN storage: the local pod 10.100.1.20 answers in ");
}

/* The other node forwards what it gets, so that nothing is lost. */
Test(ctl_fault_way, a_local_pod_that_is_reached_over_another_node)
{
	ns_ping(-1, "10.100.1.2", 1);
	ns_do(cluster.nodes[1], "sysctl -qw net.ipv4.ip_forward=1"
				" net.ipv4.conf.all.send_redirects=0"
				" net.ipv4.conf.lhnet1-host.send_redirects=0");
	warns("k8s-1",
	      "ip neigh replace 10.100.1.20 dev lhnet1-host nud permanent"
	      " lladdr $(ip neigh show 10.100.1.2 dev lhnet1-host |"
	      " sed 's/.*lladdr \\([0-9a-f:]*\\).*/\\1/')",
	      "WARN storage: packets to the local pod 10.100.1.20 go out over "
	      "vxlan-storage -> shimctl status; look at: ip neigh, of that "
	      "pod\n");
}
