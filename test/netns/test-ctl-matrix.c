#include "test/netns/cluster.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* shimctl verify on clusters that are as they should be, from every node. */

static struct cluster cluster;

TestSuite(ctl_matrix, .init = cni_init, .timeout = 300);

static void is_green(size_t node, const char *args, const char *line)
{
	cluster_does(&cluster, node, args, 0, line);
}

Test(ctl_matrix, three_nodes_with_six_pods)
{
	cluster_open(&cluster, CLUSTER_MESH, 3, 2);
	for (size_t i = 1; i <= 3; i++) {
		char line[64];

		snprintf(line, sizeof(line),
			 "storage on k8s-%zu: 0 of 24 legs failed\n", i);
		is_green(i, "$N verify --mtu --tcp", line);
	}
	cluster_close(&cluster);
}

Test(ctl_matrix, eight_nodes_on_one_segment)
{
	cluster_open(&cluster, CLUSTER_SWITCH, 8, 1);
	is_green(1, "$N verify --mtu --tcp",
		 "storage on k8s-1: 0 of 30 legs failed\n");
	is_green(8, "$N verify --mtu",
		 "storage on k8s-8: 0 of 30 legs failed\n");
	cluster_close(&cluster);
}
