#include "test/netns/ctl.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* shimctl ipam: the local table for people. */

static void open_up(void)
{
	ctl_open();
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
}

TestSuite(ctl_ipam, .init = open_up, .fini = seed_close, .timeout = 120);

static void add(void)
{
	struct cni_call call = seed_call("ADD", ctl_config);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	call.args = "K8S_POD_NAMESPACE=longhorn;K8S_POD_NAME=im-1";
	seed_must(&call, &answer);
}

#define HEAD                                                                   \
	"ADDRESS         OWNER          INTERFACE  STATE  AGE\n"               \
	"10.100.1.1/24   node k8s-1                node\n"                     \
	"10.100.1.2/24   node k8s-2                node\n"

Test(ctl_ipam, ls_shows_pools_and_who_has_what)
{
	add();
	ctl_prints(
		"$C ipam ls", 0,
		"storage  10.100.1.0/24  84 allocatable  1 used  0 resting\n" HEAD
		"10.100.1.16/24  longhorn/im-1  net1       live   <1 min\n");
	ctl_prints("$C ipam ls -o json", 0,
		   "{\"command\":\"ipam\",\"networks\":[{\"network\":"
		   "\"storage\",\"pools\":[{\"range\":\"10.100.1.0/24\","
		   "\"allocatable\":84,\"used\":1,\"resting\":0}],"
		   "\"addresses\":[{\"address\":\"10.100.1.1/24\",\"owner\":"
		   "\"node k8s-1\",\"interface\":null,\"state\":\"node\","
		   "\"ageMinutes\":null,\"container\":null},{\"address\":"
		   "\"10.100.1.2/24\",\"owner\":\"node k8s-2\",\"interface\":"
		   "null,\"state\":\"node\",\"ageMinutes\":null,\"container\":"
		   "null},{\"address\":\"10.100.1.16/24\",\"owner\":"
		   "\"longhorn/im-1\",\"interface\":\"net1\",\"state\":\"live\""
		   ",\"ageMinutes\":0,\"container\":\"c1\"}]}],"
		   "\"findings\":[]}\n");
	seed_do("DEL", ctl_config);
	ctl_prints("$C ipam ls", 0,
		   "storage  10.100.1.0/24  84 allocatable  0 used  1 resting\n"
		   "ADDRESS        OWNER       INTERFACE  STATE  AGE\n"
		   "10.100.1.1/24  node k8s-1             node\n"
		   "10.100.1.2/24  node k8s-2             node\n");
}

Test(ctl_ipam, ls_of_a_node_without_a_table_makes_none)
{
	ctl_prints("$C ipam ls", 0,
		   "storage  10.100.1.0/24  84 allocatable  0 used  0 resting\n"
		   "ADDRESS        OWNER       INTERFACE  STATE  AGE\n"
		   "10.100.1.1/24  node k8s-1             node\n"
		   "10.100.1.2/24  node k8s-2             node\n");
	seed_has_not(-1, "mdb", "ls /run/hostshim");
}

Test(ctl_ipam, check_finds_nothing_on_a_healthy_node)
{
	add();
	ctl_prints("$C ipam check", 0, "storage: 1 attachment, 0 wrong\n");
	ctl_prints("$C ipam check -o json", 0,
		   "{\"command\":\"ipam\",\"networks\":[{\"network\":"
		   "\"storage\",\"attachments\":1,\"wrong\":0}],"
		   "\"findings\":[]}\n");
}

Test(ctl_ipam, check_names_an_interface_that_lost_its_address)
{
	add();
	ns_do(seed_pod, "ip addr flush dev net1");
	ctl_prints("$C ipam check", 1,
		   "storage: 1 attachment, 1 wrong\n"
		   "FAIL 10.100.1.16: is reserved for net1 of longhorn/im-1, "
		   "which does not bear it -> restart the pod\n");
}

Test(ctl_ipam, check_names_an_attachment_whose_interface_is_gone)
{
	add();
	ns_do(seed_pod, "ip link del net1");
	ctl_prints("$C ipam check", 1,
		   "storage: 1 attachment, 1 wrong\n"
		   "FAIL 10.100.1.16: is reserved for net1 of longhorn/im-1, "
		   "which is not there -> shimctl ipam gc\n");
}

Test(ctl_ipam, check_names_an_address_that_nobody_reserved)
{
	add();
	ns_do(-1, "ip link add mv0 link vxlan-storage type macvlan mode bridge;"
		  " ip addr add 10.100.1.40/32 dev mv0");
	ctl_prints("$C ipam check", 1,
		   "storage: 1 attachment, 1 wrong\n"
		   "FAIL 10.100.1.40: is on mv0, and nobody reserved it -> add "
		   "it to \"exclude\", or give its pod another\n");
}

Test(ctl_ipam, release_refuses_what_is_in_use)
{
	add();
	ctl_prints("$C ipam release 10.100.1.16", 4,
		   "FAIL 10.100.1.16: is in use: net1 of longhorn/im-1 has it "
		   "-> delete the pod, or say --force\n");
	ctl_prints("$C ipam check", 0, "storage: 1 attachment, 0 wrong\n");
	ctl_prints("$C ipam release 10.100.1.77", 1,
		   "FAIL 10.100.1.77: is nobody's on this node in network "
		   "storage -> shimctl ipam ls\n");
	ctl_fails("$C ipam release", 2,
		  "shimctl: ipam release needs an address -> shimctl --help\n");
	ctl_fails("$C ipam list", 2,
		  "shimctl: ipam: ls, check, release ADDRESS, gc or adopt -> "
		  "shimctl "
		  "--help\n");
}

Test(ctl_ipam, release_gives_back_what_is_not)
{
	add();
	ns_do(seed_pod, "ip link del net1");
	ctl_prints("$C ipam -n release 10.100.1.16", 0,
		   "net1 of longhorn/im-1  would be released\n");
	ctl_prints("$C ipam release 10.100.1.16", 0,
		   "net1 of longhorn/im-1  released\n");
	ctl_prints("$C ipam check", 0, "storage: 0 attachments, 0 wrong\n");
}

/* Young attachments are never reclaimed: plugin/reclaim.c. */
Test(ctl_ipam, gc_leaves_what_it_cannot_prove)
{
	add();
	ctl_prints("$C ipam gc", 0, "storage  0 released, 1 kept\n");
	ns_do(seed_pod, "ip link del net1");
	ctl_prints("$C ipam gc -o json", 0,
		   "{\"command\":\"ipam\",\"networks\":[{\"network\":"
		   "\"storage\",\"released\":0,\"kept\":1,\"seenDead\":0}],"
		   "\"findings\":[]}\n");
}

Test(ctl_ipam, adopt_says_from_where_or_to_where)
{
	static const char *const wrong[] = {
		"adopt",
		"adopt --from kubernetes",
		"adopt --to local",
		"adopt --from local --to whereabouts",
	};

	add();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char line[96];

		snprintf(line, sizeof(line), "$C ipam %s", wrong[i]);
		ctl_fails(
			line, 2,
			"shimctl: ipam adopt needs --from local, --from "
			"whereabouts or --to whereabouts -> shimctl --help\n");
	}
	ctl_fails("$C ipam ls --from local", 2,
		  "shimctl: ipam: --from and --to are of adopt -> shimctl "
		  "--help\n");
}

Test(ctl_ipam, addresses_of_another_plugin_are_not_ours)
{
	ctl_write("{ " SEED_OVERLAY ", \"ipam\": { \"type\": \"static\" } }");
	ctl_prints("$C ipam ls", 3,
		   "FAIL storage: its addresses are not hostshim's to give -> "
		   "ask the plugin that \"ipam.type\" names\n");
}
