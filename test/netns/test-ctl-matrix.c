#include "test/netns/cluster.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* shimctl verify on clusters that are as they should be, from every node. */

static struct cluster cluster;

TestSuite(ctl_matrix, .init = cni_init, .timeout = 300);

static void is_green(size_t node, const char *args, const char *line)
{
	cluster_does(&cluster, node, args, 0, line);
}

/* Does what was written so far end so? */
static bool ends(const char *from, const char *to, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(to - from) >= len && strncmp(to - len, text, len) == 0;
}

/* Round trips, repeated segments and blanks are others each time: "0.07 ms"
 * becomes "T", "minUs":7 "minUs":N; several blanks become two. */
static void level(char *text)
{
	char *to = text;

	for (const char *at = text; *at;) {
		size_t number = strspn(at, "0123456789.");

		if (number &&
		    (ends(text, to, "Us\":") || ends(text, to, "\"us\":") ||
		     ends(text, to, "\"retransmitted\":"))) {
			*to++ = 'N';
			at += number;
		} else if (number && strncmp(at + number, " ms", 3) == 0) {
			*to++ = 'T';
			at += number + 3;
		} else if (strncmp(at, "   ", 3) == 0) {
			at++;
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
}

static void prints(const char *args, const char *text)
{
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;

	cr_expect_eq(cluster_ctl(&cluster, 1, args, &out, &err), 0);
	level(out);
	cr_expect_str_eq(out, text, "%s:\n%s", args, out);
	cr_expect_str_eq(err, "", "%s: %s", args, err);
}

Test(ctl_matrix, what_it_says_of_two_nodes)
{
	cluster_open(&cluster, CLUSTER_MESH, 2, 1);
	prints("$N verify --mtu --tcp",
	       "TO  HOST -> POD  HOST -> HOST  POD -> POD  POD -> HOST  MTU  "
	       "TCP\n"
	       "k8s-1  ok 1/1 T  ok 1/1 T  ok 2/2  ok 2/2 4 MiB\n"
	       "k8s-2  ok 1/1 T  ok 1/1 T  ok 1/1 T  ok 1/1 T  ok 4/4  "
	       "handshake 4/4\n"
	       "handshake: for data, run there: shimctl verify --serve\n"
	       "storage on k8s-1: 0 of 6 legs failed\n");
	cluster_close(&cluster);
}

#define ENDS(from, name, to, other, node, address)                             \
	"{\"from\":\"" from "\",\"fromName\":\"" name "\",\"to\":\"" to        \
	"\",\"toName\":\"" other "\",\"node\":\"" node                         \
	"\",\"address\":\"" address "\","
#define ECHOED                                                                 \
	"\"size\":64,\"sent\":3,\"received\":3,\"minUs\":N,"                   \
	"\"avgUs\":N,\"maxUs\":N}"
#define OK                                                                     \
	"\"result\":\"ok\",\"sent\":1048576,\"received\":1048576,"             \
	"\"us\":N,\"retransmitted\":N}"

Test(ctl_matrix, what_it_says_of_one_node_to_programs)
{
	cluster_open(&cluster, CLUSTER_MESH, 1, 1);
	prints("$N verify --tcp --dad -o json",
	       "{\"command\":\"verify\",\"networks\":[{\"network\":\"storage\","
	       "\"node\":\"k8s-1\",\"legs\":[" ENDS("local host", "k8s-1",
						    "local pod", "a-k8s-1",
						    "k8s-1", "10.100.1.20")
		       ECHOED "," ENDS("local pod", "a-k8s-1", "local host",
				       "k8s-1", "k8s-1", "10.100.1.1") ECHOED
	       "],\"transfers\":[" ENDS("local host", "k8s-1", "local pod",
					"a-k8s-1", "k8s-1", "10.100.1.20") OK
	       "," ENDS("local pod", "a-k8s-1", "local host", "k8s-1", "k8s-1",
			"10.100.1.1") OK
	       "],\"asked\":2,\"failedLocal\":0,"
	       "\"failedRemote\":0,\"holders\":[{\"address\":\"10.100.1.20\","
	       "\"mac\":\"MAC\",\"where\":null}]}],\"findings\":[]}\n");
	cluster_close(&cluster);
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
