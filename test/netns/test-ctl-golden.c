#include "test/netns/ctl.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>

/*
 * What each command says, in both forms, where the tests of the command itself
 * have it in one. Names and addresses are the site's; MACs, times and what is
 * measured are made comparable in ctl.c.
 */

TestSuite(ctl_golden, .init = ctl_open, .fini = seed_close, .timeout = 120);

static void up(void)
{
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
}

/* --- up and down ---------------------------------------------------------------------- */

#define CHANGE(link, change)                                                   \
	"{\"network\":\"storage\",\"link\":\"" link "\",\"change\":\"" change  \
	"\"}"

Test(ctl_golden, up)
{
	ctl_prints("$C up -o json -n", 0,
		   "{\"command\":\"up\",\"changes\":[" CHANGE(
			   "vxlan-storage",
			   "does not exist: it would be made, and all that is "
			   "on it") "],\"dryRun\":true,\"findings\":[]}\n");
	ctl_prints("$C up -o json", 0,
		   "{\"command\":\"up\",\"changes\":[" CHANGE(
			   "vxlan-storage",
			   "created") "," CHANGE("vxlan-storage",
						 "peer k8s-2 (10.100.100.2) added") "," CHANGE("vxlan-storage", "arp_ignore set to 1") "," CHANGE("vxlan-storage", "set up") "," CHANGE("lhnet1-host", "created on vxlan-storage") "," CHANGE("lhnet1-host", "rp_filter set to 2") "," CHANGE("lhnet1-host", "arp_ignore set to 1") "," CHANGE("lhnet1-host",
																																									       "arp_announce set to 2") "," CHANGE("lhnet1-host", "accept_ra set to 0") "," CHANGE("lhnet1-host",
																																																				   "set up") "," CHANGE("lhnet1-host",
																																																							"address 10.100.1.1/24 added") "],\"dryRun\":false,\"findings\":[]}\n");
}

Test(ctl_golden, down)
{
	up();
	ctl_prints("$C down -n", 0,
		   "lhnet1-host    would be deleted\n"
		   "vxlan-storage  would be deleted\n");
	ctl_prints(
		"$C down -n -o json", 0,
		"{\"command\":\"down\",\"changes\":[" CHANGE(
			"lhnet1-host",
			"would be deleted") "," CHANGE("vxlan-storage",
						       "would be deleted") "],\"dryRun\":true,\"refused\":false,\"findings\":[]}\n");
	ctl_prints(
		"$C down -o json", 0,
		"{\"command\":\"down\",\"changes\":[" CHANGE("lhnet1-host", "deleted") "," CHANGE(
			"vxlan-storage",
			"deleted") "],\"dryRun\":false,\"refused\":false,\"findings\":[]}\n");
}

Test(ctl_golden, down_that_is_refused)
{
	up();
	ctl_prints("$C down --restore-address -o json", 4,
		   "{\"command\":\"down\",\"changes\":[],\"dryRun\":false,"
		   "\"refused\":true,\"findings\":[{\"severity\":\"FAIL\","
		   "\"subject\":\"vxlan-storage\",\"finding\":\"is deleted as "
		   "well: there is no link to move the addresses of "
		   "lhnet1-host to\",\"next\":\"leave --restore-address out\"}"
		   "]}\n");
}

/* --- status ------------------------------------------------------------------------------ */

/* Before the first ADD, and of a pod whose interface is gone. */
Test(ctl_golden, status)
{
	ctl_prints("$C status", 1,
		   "storage  10.100.1.0/24  not ready\n"
		   "FAIL storage: vxlan-storage does not exist -> shimctl "
		   "up\n");
	ctl_prints("$C status -o json", 1,
		   "{\"command\":\"status\",\"networks\":[{\"network\":"
		   "\"storage\",\"node\":\"k8s-1\",\"ranges\":\"10.100.1.0/24\""
		   ",\"ready\":false}],\"findings\":[{\"severity\":\"FAIL\","
		   "\"subject\":\"storage\",\"finding\":\"vxlan-storage does "
		   "not exist\",\"next\":\"shimctl up\"}]}\n");
	ns_do(-1, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
	seed_do("ADD", ctl_config);
	ns_do(seed_pod, "ip link del net1");
	ctl_prints("$C status | tail -n 2", 0,
		   "|-  lhnet1-host  10.100.1.1/24   MAC  host\n"
		   "`-  net1         10.100.1.16/24                     no "
		   "interface: its pod "
		   "is gone, or starts just now\n");
	ctl_prints("$C status --ready -o json", 0,
		   "{\"command\":\"status\",\"networks\":[{\"network\":"
		   "\"storage\",\"node\":\"k8s-1\",\"ranges\":\"10.100.1.0/24\""
		   ",\"ready\":true}],\"findings\":[]}\n");
}

/* --- needs -------------------------------------------------------------------------------- */

Test(ctl_golden, needs)
{
	up();
	ctl_prints("needs vxlan-storage -o json", 0,
		   "{\"command\":\"needs\",\"parent\":\"vxlan-storage\","
		   "\"kind\":\"vxlan\",\"needed\":true,\"reason\":\"it "
		   "encapsulates everything that it sends: a local pod never "
		   "sees it\",\"rule\":true,\"pods\":0,\"hidden\":0,\"shim\":"
		   "\"lhnet1-host\",\"findings\":[]}\n");
	ns_do(-1, "ip link del lhnet1-host");
	ctl_prints(
		"needs vxlan-storage", 1,
		"needed  it encapsulates everything that it sends: a local "
		"pod never sees it\n"
		"rule    \"VXLAN needs it, a flat layer 2 does not\" says: "
		"needed\n"
		"here    0 pods on vxlan-storage, no host shim\n"
		"FAIL vxlan-storage: has no host shim -> shimctl up, with an "
		"address for it\n");
	ctl_prints("needs nix -o json", 3,
		   "{\"command\":\"needs\",\"findings\":[{\"severity\":\"FAIL\""
		   ",\"subject\":\"nix\",\"finding\":\"does not exist\","
		   "\"next\":\"look at: ip link\"}]}\n");
}

/* --- peers and announce --------------------------------------------------------------------- */

Test(ctl_golden, peers)
{
	up();
	ns_do(-1, "for mac in 00:00:00:00:00:00 02:00:00:00:00:09; do"
		  " bridge fdb append $mac dev vxlan-storage dst 172.16.0.9;"
		  " done; bridge fdb del 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.2");
	ctl_prints("$C peers", 1,
		   "PEER   VTEP          ROUTE                      STATE\n"
		   "k8s-2  10.100.100.2  via 172.16.0.2 dev under0  not "
		   "flooded, 0 learned\n"
		   "       172.16.0.9    dev under0                 flooded, 1 "
		   "learned\n"
		   "FAIL k8s-2: is not in the flood list -> shimctl up\n"
		   "FAIL 172.16.0.9: is in the forwarding database, and no row "
		   "of \"nodes\" has it -> shimctl peers prune\n");
	ctl_prints("$C peers -o json", 1,
		   "{\"command\":\"peers\",\"networks\":[{\"network\":"
		   "\"storage\",\"overlay\":\"vxlan-storage\",\"peers\":[{"
		   "\"name\":\"k8s-2\",\"vtep\":\"10.100.100.2\",\"route\":"
		   "\"via 172.16.0.2 dev under0\",\"flooded\":false,"
		   "\"learned\":0},{\"name\":null,\"vtep\":\"172.16.0.9\","
		   "\"route\":\"dev under0\",\"flooded\":true,\"learned\":1}]}]"
		   ",\"findings\":[{\"severity\":\"FAIL\",\"subject\":"
		   "\"k8s-2\",\"finding\":\"is not in the flood list\","
		   "\"next\":\"shimctl up\"},{\"severity\":\"FAIL\","
		   "\"subject\":\"172.16.0.9\",\"finding\":\"is in the "
		   "forwarding database, and no row of \\\"nodes\\\" has it\","
		   "\"next\":\"shimctl peers prune\"}]}\n");
	ctl_prints("$C peers -n prune -o json", 0,
		   "{\"command\":\"peers\",\"networks\":[{\"network\":"
		   "\"storage\",\"overlay\":\"vxlan-storage\",\"removed\":["
		   "\"172.16.0.9\"]}],\"findings\":[]}\n");
}

Test(ctl_golden, announce)
{
	ctl_prints("$C announce -o json", 3,
		   "{\"command\":\"announce\",\"announced\":[],\"findings\":[{"
		   "\"severity\":\"FAIL\",\"subject\":\"host shim\","
		   "\"finding\":\"there is none with an address\",\"next\":"
		   "\"shimctl status\"}]}\n");
	up();
	ctl_prints("$C announce", 0, "lhnet1-host  10.100.1.1  MAC\n");
	ctl_prints("$C announce -o json", 0,
		   "{\"command\":\"announce\",\"announced\":[{\"network\":"
		   "\"storage\",\"link\":\"lhnet1-host\",\"address\":"
		   "\"10.100.1.1\",\"mac\":\"MAC\"}],\"findings\":[]}\n");
}

/* --- ipam ------------------------------------------------------------------------------------ */

Test(ctl_golden, ipam_check_and_release)
{
	seed_do("ADD", ctl_config);
	ctl_prints("$C ipam release 10.100.1.16 -o json", 4,
		   "{\"command\":\"ipam\",\"networks\":[{\"network\":"
		   "\"storage\"}],\"findings\":[{\"severity\":"
		   "\"FAIL\",\"subject\":\"10.100.1.16\",\"finding\":\"is in "
		   "use: net1 of c1 has it\",\"next\":\"delete the pod, or say "
		   "--force\"}]}\n");
	ns_do(seed_pod, "ip link del net1");
	ctl_prints("$C ipam check -o json", 1,
		   "{\"command\":\"ipam\",\"networks\":[{\"network\":"
		   "\"storage\",\"attachments\":1,\"wrong\":1}],\"findings\":[{"
		   "\"severity\":\"FAIL\",\"subject\":\"10.100.1.16\","
		   "\"finding\":\"is reserved for net1 of c1, which is not "
		   "there\",\"next\":\"shimctl ipam gc\"}]}\n");
	ctl_prints("$C ipam release 10.100.1.16 -o json", 0,
		   "{\"command\":\"ipam\",\"networks\":[{\"network\":"
		   "\"storage\",\"released\":\"10.100.1.16\",\"dryRun\":false}]"
		   ",\"findings\":[]}\n");
	ctl_prints("$C ipam gc", 0, "storage  0 released, 0 kept\n");
}
