#include "test/netns/ctl.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* shimctl up and status, and what all commands have in common. */

TestSuite(ctl_up, .init = ctl_open, .fini = seed_close, .timeout = 120);

static void up(void)
{
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
}

/* --- up ------------------------------------------------------------------------------- */

Test(ctl_up, up_makes_all_and_says_what)
{
	ctl_prints("$C up", 0,
		   "vxlan-storage  created\n"
		   "vxlan-storage  peer k8s-2 (10.100.100.2) added\n"
		   "vxlan-storage  arp_ignore set to 1\n"
		   "vxlan-storage  set up\n"
		   "lhnet1-host    created on vxlan-storage\n"
		   "lhnet1-host    rp_filter set to 2\n"
		   "lhnet1-host    arp_ignore set to 1\n"
		   "lhnet1-host    arp_announce set to 2\n"
		   "lhnet1-host    accept_ra set to 0\n"
		   "lhnet1-host    set up\n"
		   "lhnet1-host    address 10.100.1.1/24 added\n"
		   "11 changes, T s\n");
	seed_has(-1, "10.100.1.1/24", "ip addr show lhnet1-host");
}

Test(ctl_up, a_second_run_changes_nothing)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	up();
	before = ns_snapshot(-1);
	ctl_prints("$C up", 0, "no change (17 checks)\n");
	ctl_prints("$C -o json up", 0,
		   "{\"command\":\"up\",\"changes\":[],\"dryRun\":false,"
		   "\"checks\":17,\"findings\":[]}\n");
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

Test(ctl_up, a_dry_run_tells_all_differences_and_changes_none)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	ctl_prints("$C up -n", 0,
		   "vxlan-storage  does not exist: it would be made, and all "
		   "that is on it\n"
		   "1 difference, nothing was changed\n");
	seed_has_not(-1, "vxlan", "ip link");

	up();
	ns_do(-1, "ip link set vxlan-storage mtu 1400;"
		  " bridge fdb del 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.2;"
		  " ip addr del 10.100.1.1/24 dev lhnet1-host");
	before = ns_snapshot(-1);
	ctl_prints("$C up --dry-run", 0,
		   "vxlan-storage  mtu is 1400, not 1450\n"
		   "vxlan-storage  does not flood to k8s-2 (10.100.100.2)\n"
		   "lhnet1-host    does not have 10.100.1.1/24\n"
		   "3 differences, nothing was changed\n");
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

Test(ctl_up, up_acts_in_the_namespace_that_is_named)
{
	char args[NS_PATH + 64];
	char path[NS_PATH];

	snprintf(args, sizeof(args), "$C --netns %s --node k8s-2 up",
		 ns_path(seed_other, path));
	cr_expect_eq(ctl_run(args, NULL, NULL), 0);
	seed_has(seed_other, "10.100.1.2/24", "ip addr");
	seed_has_not(-1, "vxlan", "ip link");
}

Test(ctl_up, up_waits_for_the_underlay)
{
	ns_do(-1, "ip addr del 10.100.100.1/32 dev lo;"
		  " (sleep 1; ip addr add 10.100.100.1/32 dev lo)"
		  " >/dev/null 2>&1 &");
	cr_expect_eq(ctl_run("$C up --wait --timeout 20", NULL, NULL), 0);
	seed_has(-1, "10.100.1.1/24", "ip addr");
}

Test(ctl_up, up_gives_up_waiting_at_the_deadline)
{
	cleanup_free char *err = NULL;

	ns_do(-1, "ip addr del 10.100.100.1/32 dev lo");
	cr_expect_eq(ctl_run("$C up --wait --timeout 1", NULL, &err), 1);
	cr_expect(strstr(err, "10.100.100.1"), "%s", err);
	cr_expect(strstr(err, " -> "), "%s", err);
}

/* --- status --------------------------------------------------------------------------- */

#define PARENT                                                                 \
	"vxlan-storage  up  mtu 1450  no address  vni 100 port 4789 "          \
	"local 10.100.100.1  1/1 peers\n"                                      \
	"  peer  k8s-2  10.100.100.2  via 172.16.0.2 dev under0  "             \
	"flooded, 1 learned\n"

/* The other node's links have the same indexes, and are none of ours. */
Test(ctl_up, status_shows_the_tree)
{
	struct cni_call call = seed_call("ADD", ctl_config);
	cleanup_cni_answer struct cni_answer answer = { 0 };
	char args[NS_PATH + 64];
	char path[NS_PATH];

	ns_do(-1, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
	up();
	snprintf(args, sizeof(args), "$C --netns %s --node k8s-2 up",
		 ns_path(seed_other, path));
	cr_assert_eq(ctl_run(args, NULL, NULL), 0);
	ns_do(seed_other, "sleep 5 >/dev/null 2>&1 &");
	call.args = "K8S_POD_NAMESPACE=longhorn;K8S_POD_NAME=im-1";
	seed_must(&call, &answer);
	ctl_prints("$C status", 0,
		   "storage  10.100.1.0/24  ready\n" PARENT
		   "|-  lhnet1-host  10.100.1.1/24   MAC  host\n"
		   "`-  net1         10.100.1.16/24  MAC  longhorn/im-1\n");
	ctl_prints(
		"$C status -o json", 0,
		"{\"command\":\"status\",\"networks\":[{\"network\":"
		"\"storage\",\"node\":\"k8s-1\",\"ranges\":\"10.100.1.0/24\","
		"\"ready\":true,\"parent\":{\"name\":\"vxlan-storage\","
		"\"kind\":\"vxlan\",\"up\":true,\"mtu\":1450,\"addresses\":\"\""
		",\"vni\":100,\"port\":4789,\"local\":\"10.100.100.1\"},"
		"\"peers\":[{\"name\":\"k8s-2\",\"vtep\":\"10.100.100.2\","
		"\"route\":\"via 172.16.0.2 dev under0\",\"flooded\":true,"
		"\"learned\":1}],\"children\":[{\"role\":\"shim\",\"name\":"
		"\"lhnet1-host\",\"pid\":null,\"addresses\":"
		"\"10.100.1.1/24\",\"mac\":\"MAC\",\"owner\":\"host\","
		"\"found\":true},{\"role\":\"pod\",\"name\":\"net1\",\"pid\":"
		"null,\"addresses\":\"10.100.1.16/24\",\"mac\":\"MAC\","
		"\"owner\":\"longhorn/im-1\",\"found\":true}]}],"
		"\"findings\":[]}\n");
}

Test(ctl_up, status_tells_whether_the_node_is_ready)
{
	ctl_prints(
		"$C status --ready", 1,
		"storage  10.100.1.0/24  not ready\n"
		"FAIL storage: vxlan-storage does not exist -> shimctl up\n");
	ctl_prints("$C status --ready -o json", 1,
		   "{\"command\":\"status\",\"networks\":[{\"network\":"
		   "\"storage\",\"node\":\"k8s-1\",\"ranges\":\"10.100.1.0/24\""
		   ",\"ready\":false}],\"findings\":[{\"severity\":\"FAIL\","
		   "\"subject\":\"storage\",\"finding\":\"vxlan-storage does "
		   "not exist\",\"next\":\"shimctl up\"}]}\n");
	up();
	ctl_prints("$C status --ready", 0, "storage  10.100.1.0/24  ready\n");
	ns_do(-1, "ip link set vxlan-storage down");
	ctl_prints("$C status --ready", 1,
		   "storage  10.100.1.0/24  not ready\n"
		   "FAIL storage: vxlan-storage: is down -> shimctl up\n");
}

/* --- all commands ------------------------------------------------------------------------ */

Test(ctl_up, wrong_usage_is_one_line_and_status_2)
{
	ctl_fails("", 2, "shimctl: no command is given -> shimctl --help\n");
	ctl_fails("$C nonsense", 2,
		  "shimctl: there is no command \"nonsense\" -> shimctl "
		  "--help\n");
	ctl_fails("$C up x", 2,
		  "shimctl: up: \"x\" is too much -> shimctl --help\n");
	ctl_fails("$C up --ready", 2,
		  "shimctl: up has no such option; it has: [-n] [--wait "
		  "[--timeout SECONDS]] -> shimctl --help\n");
	ctl_fails("$C up --wait --timeout 0", 2,
		  "shimctl: --timeout 0: seconds, 1 to 86400 -> shimctl "
		  "--help\n");
	ctl_fails("-o xml $C status", 2,
		  "shimctl: -o xml: \"text\" or \"json\" -> shimctl --help\n");
	ctl_fails("--bogus", 2,
		  "shimctl: there is no option \"--bogus\" -> shimctl "
		  "--help\n");
	ctl_fails("up -c", 2, "shimctl: -c needs a value -> shimctl --help\n");
}

Test(ctl_up, a_configuration_that_cannot_be_used_is_status_2)
{
	ctl_fails("-c /run/none status", 2,
		  "shimctl: /run/none does not exist -> correct the "
		  "configuration\n");
	ctl_fails("--netns /run $C status", 2,
		  "shimctl: --netns /run: no network namespace -> give a path "
		  "of a network namespace\n");
	ctl_write("{ \"name\": \"a\", ");
	ctl_fails(
		"$C status", 2,
		"shimctl: " CTL_CONFIG ": line 1, column 16: expected "
		"a key in quotes, got the end of the input -> correct the configuration\n");
	ctl_write("{ \"cniVersion\": \"1.1.0\", \"name\": \"a\","
		  " \"mode\": \"bridges\" }");
	cr_expect_eq(ctl_run("$C up", NULL, NULL), 2);
}

Test(ctl_up, without_privilege_nothing_is_tried_and_the_status_is_3)
{
	cleanup_free char *err = NULL;

	cr_expect_eq(ctl_run("--version >/dev/null; setpriv --bounding-set "
			     "-net_admin --inh-caps -net_admin shimctl $C up",
			     NULL, &err),
		     3, "%s", err);
	cr_expect_str_eq(err, "shimctl: up needs CAP_NET_ADMIN: Operation not "
			      "permitted -> run it as root\n");
}
