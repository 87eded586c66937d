#include "test/netns/ctl.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* shimctl nad: what it renders, and what it does not. */

TestSuite(ctl_nad, .init = ctl_open, .fini = seed_close, .timeout = 120);

#define HEAD                                                                   \
	"\"cniVersion\": \"1.1.0\", \"name\": \"storage\", "                   \
	"\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "
#define OVERLAY "\"vxlan\": { \"id\": 100, \"mtu\": 8950 }, "
#define NODES                                                                  \
	"\"nodes\": { "                                                        \
	"\"k8s-1\": { \"vtep\": \"10.100.100.1\", "                            \
	"\"address\": \"10.100.1.1/24\" }, "                                   \
	"\"k8s-2\": { \"vtep\": \"10.100.100.2\", "                            \
	"\"address\": \"10.100.1.2/24\" } }, "
#define IPAM                                                                   \
	"\"ipam\": { \"type\": \"hostshim\", \"store\": \"kubernetes\", "      \
	"\"range\": \"10.100.1.0/24\""
#define GOOD HEAD OVERLAY NODES IPAM

/* --- what it renders ------------------------------------------------------------ */

Test(ctl_nad, longhorn)
{
	ctl_write("{ " GOOD ", \"exclude\": [\"10.100.1.1\", "
		  "\"10.100.1.128/25\"] }, \"prevResult\": null, "
		  "\"runtimeConfig\": {} }");
	ctl_prints("$C nad longhorn", 0,
		   "# Longhorn: the setting storage-network is "
		   "\"longhorn-system/storage\".\n"
		   "# It takes effect when no volume is attached. Do not edit "
		   "a definition that is in\n"
		   "# use: make one of another name, and change the setting.\n"
		   "apiVersion: k8s.cni.cncf.io/v1\n"
		   "kind: NetworkAttachmentDefinition\n"
		   "metadata:\n"
		   "  name: storage\n"
		   "  namespace: longhorn-system\n"
		   "spec:\n"
		   "  config: |-\n"
		   "    {\n"
		   "      \"cniVersion\": \"1.1.0\",\n"
		   "      \"name\": \"storage\",\n"
		   "      \"type\": \"hostshim\",\n"
		   "      \"master\": \"vxlan-storage\",\n"
		   "      \"mtu\": 8950,\n"
		   "      \"vxlan\": { \"id\": 100, \"mtu\": 8950 },\n"
		   "      \"nodes\": {\n"
		   "        \"k8s-1\": { \"vtep\": \"10.100.100.1\", "
		   "\"address\": \"10.100.1.1/24\" },\n"
		   "        \"k8s-2\": { \"vtep\": \"10.100.100.2\", "
		   "\"address\": \"10.100.1.2/24\" }\n"
		   "      },\n"
		   "      \"ipam\": {\n"
		   "        \"type\": \"hostshim\",\n"
		   "        \"store\": \"kubernetes\",\n"
		   "        \"range\": \"10.100.1.0/24\",\n"
		   "        \"exclude\": [\"10.100.1.1\", \"10.100.1.128/25\", "
		   "\"10.100.1.2/32\"]\n"
		   "      }\n"
		   "    }\n");
}

Test(ctl_nad, rook_for_programs_with_names_and_a_warning)
{
	ctl_write("{ " GOOD ", \"exclude\": [\"10.100.1.0/28\"] } }");
	ctl_prints(
		"$C nad rook --namespace ceph --name public -o json", 0,
		"{\"command\":\"nad\",\"system\":\"rook\",\"definition\":{"
		"\"apiVersion\":\"k8s.cni.cncf.io/v1\",\"kind\":"
		"\"NetworkAttachmentDefinition\",\"metadata\":{\"name\":"
		"\"public\",\"namespace\":\"ceph\"},\"spec\":{\"config\":\"{"
		"\\\"cniVersion\\\":\\\"1.1.0\\\",\\\"name\\\":\\\"storage\\\","
		"\\\"type\\\":\\\"hostshim\\\",\\\"master\\\":"
		"\\\"vxlan-storage\\\",\\\"mtu\\\":8950,\\\"vxlan\\\":{"
		"\\\"id\\\":100,\\\"mtu\\\":8950},\\\"nodes\\\":{\\\"k8s-1\\\":"
		"{\\\"vtep\\\":\\\"10.100.100.1\\\",\\\"address\\\":"
		"\\\"10.100.1.1/24\\\"},\\\"k8s-2\\\":{\\\"vtep\\\":"
		"\\\"10.100.100.2\\\",\\\"address\\\":\\\"10.100.1.2/24\\\"}},"
		"\\\"ipam\\\":{\\\"type\\\":\\\"hostshim\\\",\\\"store\\\":"
		"\\\"kubernetes\\\",\\\"range\\\":\\\"10.100.1.0/24\\\","
		"\\\"exclude\\\":[\\\"10.100.1.0/28\\\"]}}\"}},\"findings\":[{"
		"\"severity\":\"WARN\",\"subject\":\"ipam.type\",\"finding\":"
		"\"Rook takes any IPAM, OpenShift Data Foundation whereabouts "
		"only\",\"next\":\"for ODF: \\\"type\\\": \\\"whereabouts\\\" "
		"with range\"}]}\n");
	ctl_prints("$C nad rook | head -n 2", 0,
		   "# WARN ipam.type: Rook takes any IPAM, OpenShift Data "
		   "Foundation whereabouts only -> for ODF: \"type\": "
		   "\"whereabouts\" with range\n"
		   "# Rook: in the CephCluster, spec.network is\n");
}

Test(ctl_nad, each_node_with_its_own_part_in_a_file)
{
	ctl_prints(
		"$C nad linstor --per-node", 0,
		"# LINSTOR: pods join the network with the annotation\n"
		"#   k8s.v1.cni.cncf.io/networks: piraeus-datastore/storage\n"
		"# Replication between the nodes' own addresses (their host "
		"shims) needs satellites\n"
		"# on the host's network, and no definition.\n"
		"# Without a config here, Multus takes the file with this "
		"network name from its own\n"
		"# configuration directory on the node: each names its part "
		"of the subnet.\n"
		"apiVersion: k8s.cni.cncf.io/v1\n"
		"kind: NetworkAttachmentDefinition\n"
		"metadata:\n"
		"  name: storage\n"
		"  namespace: piraeus-datastore\n");
	ctl_prints("$C nad linstor --per-node -o json", 0,
		   "{\"command\":\"nad\",\"system\":\"linstor\",\"definition\":"
		   "{\"apiVersion\":\"k8s.cni.cncf.io/v1\",\"kind\":"
		   "\"NetworkAttachmentDefinition\",\"metadata\":{\"name\":"
		   "\"storage\",\"namespace\":\"piraeus-datastore\"}},"
		   "\"findings\":[]}\n");
}

/* What it renders is a configuration again, for it and for the plugin. */
Test(ctl_nad, the_plugin_takes_what_is_rendered)
{
	cleanup_free char *text = NULL;

	ctl_write("{ " HEAD "\"vxlan\": { \"id\": 100, \"mtu\": 1450 }, "
		  "\"nodes\": { \"k8s-1\": { \"vtep\": \"10.100.100.1\", "
		  "\"address\": \"10.100.1.1/24\" } }, " SEED_IPAM " }");
	ctl_prints("$C nad linstor -o json >/run/first && jq -r "
		   ".definition.spec.config /run/first >/run/rendered.conf && "
		   "shimctl -c /run/rendered.conf nad linstor -o json "
		   ">/run/second && cmp /run/first /run/second",
		   0, "");
	cr_expect_eq(ctl_run("-c /run/rendered.conf up", NULL, NULL), 0);
	text = ns_exec(-1, "cat /run/rendered.conf");
	seed_do("ADD", text);
	cr_expect_geq(ns_ping(-1, "10.100.1.16", 3), 2);
	seed_do("DEL", text);
}

/* The examples are what is rendered today. */
Test(ctl_nad, the_examples_are_its_own)
{
	static const char *const systems[] = { "linstor", "rook" };
	const char *source = getenv("HOSTSHIM_SOURCE");
	char args[1024];

	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		snprintf(args, sizeof(args),
			 "-c %1$s/conf/%2$s/storage.conf nad %2$s | diff - "
			 "%1$s/conf/%2$s/nad.yaml",
			 source, systems[i]);
		ctl_prints(args, 0, "");
	}
	ns_do(-1,
	      "sed 's,/etc/cni/net.d/hostshim.d,%1$s/conf/longhorn,' "
	      "%1$s/conf/longhorn/storage.conf >/run/longhorn.conf",
	      source);
	snprintf(args, sizeof(args),
		 "-c /run/longhorn.conf nad longhorn --per-node | diff - "
		 "%s/conf/longhorn/nad.yaml",
		 source);
	ctl_prints(args, 0, "");
}

/* --- what it refuses ---------------------------------------------------------------- */

#define TWICE                                                                  \
	" -> use \"store\": \"kubernetes\", or --per-node with each node's "   \
	"part in its own file\n"

static const struct {
	const char *system;
	const char *config;
	const char *finding;
} traps[] = {
	{ "longhorn", GOOD ", \"routes\": [{ \"dst\": \"0.0.0.0/0\" }] }",
	  "FAIL ipam.routes: a default route on the storage network takes the "
	  "pods off the cluster's network -> route the storage subnets by "
	  "name, or leave routes out\n" },
	{ "rook",
	  HEAD OVERLAY NODES
	  "\"ipam\": { \"type\": \"whereabouts\", \"range\": "
	  "\"10.100.1.0/24\", \"routes\": [{ \"dst\": \"::/0\" }] }",
	  "FAIL ipam.routes: a default route on the storage network takes the "
	  "pods off the cluster's network -> route the storage subnets by "
	  "name, or leave routes out\n" },
	{ "longhorn",
	  HEAD OVERLAY NODES "\"ipam\": { \"type\": \"host-local\", "
			     "\"subnet\": \"10.100.1.0/24\" }",
	  "FAIL ipam.type: \"host-local\" gives the same addresses on every "
	  "node" TWICE },
	{ "linstor",
	  HEAD OVERLAY NODES "\"ipam\": { \"type\": \"hostshim\", \"range\": "
			     "\"10.100.1.0/26\" }",
	  "FAIL ipam.store: \"local\" knows this node only, and every node "
	  "reads this definition: they would give the same addresses" TWICE },
	{ "rook",
	  HEAD OVERLAY "\"hostShim\": { \"address\": \"10.100.1.1/24\" }, "
		       "\"ipam\": { \"type\": \"hostshim\", \"range\": "
		       "\"10.100.1.0/24\" }",
	  "FAIL ipam.store: \"local\" knows this node only, and every node "
	  "reads this definition: they would give the same addresses" TWICE },
	{ "linstor",
	  HEAD OVERLAY NODES
	  "\"ipam\": { \"type\": \"hostshim\", \"store\": \"kubernetes\", "
	  "\"addresses\": [{ \"address\": \"10.100.1.9/24\" }] }",
	  "FAIL ipam.addresses: each pod of the network would have the same "
	  "address -> give a range\n" },
	{ "rook", HEAD OVERLAY NODES "\"ipam\": {}",
	  "FAIL ipam: gives no addresses: nothing can listen on the network "
	  "-> add an ipam section\n" },
	{ "rook", GOOD "}, \"mode\": \"private\"",
	  "FAIL mode: the host shim reaches pods in bridge mode only, and the "
	  "node mounts and maps what pods beside it serve -> \"mode\": "
	  "\"bridge\", with the parent on the host\n" },
	{ "longhorn", GOOD "}, \"hostShim\": { \"mode\": \"never\" }",
	  "FAIL hostShim.mode: \"never\" leaves the node without a way to its "
	  "own pods, and the node is the iSCSI initiator of volumes whose "
	  "target is a pod beside it -> leave it out, or say \"always\"\n" },
	{ "rook",
	  HEAD OVERLAY NODES
	  "\"ipam\": { \"type\": \"hostshim\", \"store\": \"kubernetes\", "
	  "\"range\": \"10.100.2.0/24\" }",
	  "FAIL k8s-1: pods have no way to its address 10.100.1.1: it is in "
	  "no range of theirs, and no route leads to it -> add a route to the "
	  "nodes' range to ipam.routes\n" },
	{ "longhorn",
	  HEAD OVERLAY
	  "\"ipam\": { \"type\": \"hostshim\", \"store\": \"kubernetes\", "
	  "\"range\": \"fd10::/64\", \"hostRange\": \"fd10::/120\" }",
	  "FAIL ipam: 0 IPv4 ranges: Longhorn uses the pod network instead, "
	  "without a word -> give exactly one IPv4 range\n" },
	{ "longhorn",
	  GOOD ", \"ipRanges\": [{ \"range\": \"10.100.2.0/24\" }] }",
	  "FAIL ipam: 2 IPv4 ranges: Longhorn takes whichever address sorts "
	  "first -> give exactly one IPv4 range\n" },
	{ "longhorn",
	  HEAD OVERLAY
	  "\"ipam\": { \"type\": \"hostshim\", \"store\": \"kubernetes\", "
	  "\"hostRange\": \"203.0.113.0/28\", \"ipRanges\": [{ \"range\": "
	  "\"203.0.113.0/24\" }, { \"range\": \"2001:db8::/64\" }] }",
	  "FAIL ipam: Longhorn takes the address that sorts first as text: of "
	  "2001:db8::/64 before that of 203.0.113.0/24 -> leave the IPv6 "
	  "range out\n" },
};

Test(ctl_nad, known_traps_are_refused_for_safety)
{
	for (size_t i = 0; i < ARRAY_SIZE(traps); i++) {
		cleanup_free char *config = NULL;
		char args[64];

		cr_assert(asprintf(&config, "{ %s }", traps[i].config) > 0);
		ctl_write(config);
		snprintf(args, sizeof(args), "$C nad %s", traps[i].system);
		ctl_prints(args, 4, traps[i].finding);
	}
}

Test(ctl_nad, a_refusal_for_programs)
{
	ctl_prints(
		"$C nad longhorn -o json", 4,
		"{\"command\":\"nad\",\"findings\":[{\"severity\":\"FAIL\","
		"\"subject\":\"ipam.store\",\"finding\":\"\\\"local\\\" "
		"knows this node only, and every node reads this "
		"definition: they would give the same addresses\",\"next\":"
		"\"use \\\"store\\\": \\\"kubernetes\\\", or --per-node with "
		"each node's part in its own file\"}]}\n");
}

/* --- what it warns of ------------------------------------------------------------------ */

static const struct {
	const char *system;
	const char *config;
	const char *comment;
} warnings[] = {
	{ "longhorn",
	  HEAD OVERLAY NODES
	  "\"ipam\": { \"type\": \"hostshim\", \"store\": \"kubernetes\", "
	  "\"range\": \"10.100.1.0/29\" }",
	  "# WARN ipam.range: 4 addresses for 2 nodes: count on 4 for each, "
	  "and more for disks and upgrades -> take a wider range\n" },
	{ "longhorn",
	  HEAD OVERLAY NODES
	  "\"ipam\": { \"type\": \"hostshim\", \"store\": \"kubernetes\", "
	  "\"ipRanges\": [{ \"range\": \"10.100.1.0/24\" }, { \"range\": "
	  "\"fd10::/64\" }] }",
	  "# WARN ipam: Longhorn uses one IPv4 address; fd10::/64 is of no use "
	  "to it -> leave the IPv6 range out\n" },
	{ "linstor",
	  HEAD OVERLAY NODES
	  "\"ipam\": { \"type\": \"hostshim\", \"shared\": true, \"range\": "
	  "\"10.100.1.0/24\" }",
	  "# WARN ipam.shared: nodes give addresses without knowing of each "
	  "other; a probe of the segment is all that finds duplicates" TWICE },
	{ "linstor", GOOD "}, \"hostShim\": { \"mode\": \"never\" }",
	  "# WARN hostShim.mode: \"never\": the node has no address on the "
	  "network -> leave it out unless no satellite runs on the host's "
	  "network\n" },
	{ "linstor", HEAD OVERLAY IPAM "}",
	  "# WARN nodes: no node has an address: the shim gets one only where "
	  "the parent has it already -> give each node an address in "
	  "\"nodes\", or name an ipam.hostRange\n" },
};

Test(ctl_nad, what_may_be_meant_is_a_comment_in_front)
{
	for (size_t i = 0; i < ARRAY_SIZE(warnings); i++) {
		cleanup_free char *config = NULL;
		char args[64];

		cr_assert(asprintf(&config, "{ %s }", warnings[i].config) > 0);
		ctl_write(config);
		snprintf(args, sizeof(args), "$C nad %s | head -n 1",
			 warnings[i].system);
		ctl_prints(args, 0, warnings[i].comment);
		snprintf(args, sizeof(args), "$C nad %s", warnings[i].system);
		cr_expect_eq(ctl_run(args, NULL, NULL), 0, "%s", config);
	}
}

/* --- wrong usage ---------------------------------------------------------------------- */

Test(ctl_nad, names_that_no_annotation_takes_are_a_mistake)
{
	ctl_fails("$C nad longhorn --name Storage", 2,
		  "shimctl: \"Storage\" is no name of a definition (lower case "
		  "letters, digits, '-', at most 63): give one with --name -> "
		  "correct the configuration\n");
	ctl_fails("$C nad longhorn --namespace a/b", 2,
		  "shimctl: \"a/b\" is no namespace (lower case letters, "
		  "digits, '-', at most 63) -> correct the configuration\n");
	ctl_fails("$C nad longhorn --per-node --name other", 2,
		  "shimctl: with --per-node Multus looks for a file of the "
		  "definition's name: \"storage\" is the file's, not "
		  "\"other\" -> correct the configuration\n");
	ctl_fails("$C nad", 2,
		  "shimctl: nad needs more: longhorn | linstor | rook "
		  "[--namespace NAME] [--name NAME] [--per-node] -> shimctl "
		  "--help\n");
	ctl_fails("$C nad ceph", 2,
		  "shimctl: nad: \"ceph\" is not \"longhorn\", \"linstor\" or "
		  "\"rook\" -> shimctl --help\n");
	ctl_fails("$C $C nad rook", 2,
		  "shimctl: nad: there are 2 networks; name one with -c -> "
		  "shimctl --help\n");
}
