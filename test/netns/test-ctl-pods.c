#include "test/netns/cluster.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pods that verify makes itself, on two nodes that have none, and strangers with
 * addresses of others. */

static struct cluster cluster;

static void open_two(void)
{
	cluster_open(&cluster, CLUSTER_MESH, 2, 0);
	for (size_t i = 1; i <= 2; i++)
		cr_assert_eq(cluster_ctl(&cluster, i, "$N up", NULL, NULL), 0);
}

static void close_two(void)
{
	cluster_close(&cluster);
}

TestSuite(ctl_pods, .init = open_two, .fini = close_two, .timeout = 120);

static bool has_leftovers(void)
{
	cleanup_free char *out = NULL;

	cr_assert_eq(cluster_ctl(&cluster, 1, "$N ipam ls", &out, NULL), 0);
	return strstr(out, "shimctl-verify-");
}

/* One that goes on until it is stopped; answers its pid once it serves. */
static int start(void)
{
	cleanup_free char *out = NULL;

	ns_do(-1, "rm -f /run/serving");
	cr_assert_eq(cluster_ctl(&cluster, 1,
				 "$N verify --serve --probe-pods --timeout 60 "
				 ">/dev/null 2>/run/serving & echo $!",
				 &out, NULL),
		     0);
	for (int i = 0; i < 300; i++) {
		if (ns_has(-1, "serving 3 addresses", "cat /run/serving"))
			return atoi(out);
		ns_sleep_ms(100);
	}
	cr_assert_fail("it does not serve");
	return 0;
}

static void stop(int pid, int signal)
{
	cr_assert_eq(kill(pid, signal), 0);
	for (int i = 0; i < 300 && kill(pid, 0) == 0; i++)
		ns_sleep_ms(100);
	cr_assert_neq(kill(pid, 0), 0, "it does not end");
}

Test(ctl_pods, they_make_legs_where_nobody_is)
{
	cleanup_free char *before = ns_snapshot(-1);
	cleanup_free char *after = NULL;

	cluster_does(&cluster, 1, "$N verify --probe-pods --mtu --tcp", 0,
		     "storage on k8s-1: 0 of 9 legs failed\n");
	cr_expect_not(has_leftovers());
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

Test(ctl_pods, they_are_undone_when_it_is_interrupted)
{
	int pid = start();

	cr_expect(has_leftovers());
	stop(pid, SIGTERM);
	cr_expect_not(has_leftovers());
}

Test(ctl_pods, what_a_killed_one_left_the_next_gives_back)
{
	stop(start(), SIGKILL);
	cr_expect(has_leftovers());
	cluster_does(&cluster, 1, "$N verify --probe-pods", 0,
		     " 0 of 9 legs failed\n");
	cr_expect_not(has_leftovers());
}

Test(ctl_pods, what_a_running_one_has_is_left_alone)
{
	int pid = start();

	cluster_does(&cluster, 1, "$N verify --probe-pods", 0,
		     " 0 of 25 legs failed\n");
	cr_expect(has_leftovers());
	stop(pid, SIGINT);
	cr_expect_not(has_leftovers());
}

/* A pod that no store knows, on the other node. */
static int stranger(const char *address)
{
	int ns = ns_new();
	char path[NS_PATH];

	ns_do(cluster.nodes[1],
	      "ip link add strange link vxlan-storage type macvlan mode bridge;"
	      " ip link set strange netns %s",
	      ns_path(ns, path));
	ns_do(ns, "ip addr add %s dev strange; ip link set strange up",
	      address);
	return ns;
}

Test(ctl_pods, a_stranger_with_a_pods_address_is_named)
{
	int pid = start();
	int ns = stranger("10.100.1.20/24");
	char line[128];

	snprintf(line, sizeof(line),
		 "FAIL 10.100.1.20: pod shimctl-verify-%d-1 has it, and MAC "
		 "behind k8s-2 answers for it too -> ",
		 pid);
	faults_topology("T6");
	cluster_finds(&cluster, "k8s-2",
		      "# a pod that no store knows, with another's address",
		      "$N verify", line);
	stop(pid, SIGTERM);
	close(ns);
}

Test(ctl_pods, a_stranger_with_the_shims_address_is_named)
{
	int ns = stranger("10.100.1.1/24");

	faults_topology("T6");
	cluster_finds(&cluster, "k8s-2",
		      "# a pod that no store knows, with the node's address",
		      "$N verify --dad",
		      "FAIL 10.100.1.1: the shim lhnet1-host has it, and MAC "
		      "behind k8s-2 answers for it too -> stop one of them; "
		      "who was given it: shimctl ipam ls, on both nodes\n");
	close(ns);
}

Test(ctl_pods, who_holds_what_is_listed)
{
	cluster_does(&cluster, 1, "$N verify --dad", 0,
		     "10.100.1.2  MAC  behind k8s-2\n");
}
