#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

/* STATUS from outside: would the next ADD succeed? What it says of the dead is
 * in test-witness.c. */

TestSuite(status, .init = seed_open, .fini = seed_close, .timeout = 60);

#define PLAIN(master)                                                          \
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"n\", "                       \
	"\"type\": \"hostshim\", \"master\": \"" master "\" }"

#define WITH_SHIM(shim)                                                        \
	"{ " SEED_OVERLAY ", \"hostShim\": " shim ", " SEED_IPAM " }"

/* Finds the shim: its name is cut. */
#define SHIM "S=$(ip -br link | grep -o '^hs-[^@ ]*'); "

static const struct {
	const char *name;
	const char *config; /* NULL: the seed's */
	const char *before; /* commands on a node that has served an ADD */
	int code;
	const char *text;
} cases[] = {
	{ "at work", NULL, ":", 0, "" },
	{ "overlay down", NULL, "ip link set vxlan-storage down", 0, "" },
	{ "shim down", NULL, "ip link set $S down", 0, "" },
	{ "shim gone", NULL, "ip link del $S", 0, "" },
	{ "all links gone", NULL, "ip link del vxlan-storage", 0, "" },
	{ "shim's address gone", NULL, "ip addr flush dev $S", 0, "" },
	{ "state directory gone", NULL, "rm -r /run/hostshim", 0, "" },
	{ "foreign parent down", PLAIN("under0"), "ip link set under0 down", 0,
	  "" },
	{ "foreign parent missing", PLAIN("eth7"), ":", 50, "eth7" },
	{ "no default route and no master",
	  "{ \"cniVersion\": \"1.1.0\", \"name\": \"n\", "
	  "\"type\": \"hostshim\" }",
	  ":", 50, "master" },
	{ "the VTEP is not on this node", NULL,
	  "ip link del $S; ip link del vxlan-storage;"
	  " ip addr del 10.100.100.1/32 dev lo",
	  50, "10.100.100.1" },
	{ "an overlay that differs", NULL,
	  "ip link del vxlan-storage; ip link add vxlan-storage type vxlan"
	  " id 5 dstport 4789 local 10.100.100.1",
	  50, "id" },
	{ "the shim's name is somebody's", NULL,
	  "ip link del $S;"
	  " ip link add $S type veth peer name x",
	  51, "hs-" },
	{ "the same, and no overlay yet", NULL,
	  "ip link del vxlan-storage; ip link add $S type veth peer name x", 51,
	  "hs-" },
	{ "the same, and the overlay down", NULL,
	  "ip link set vxlan-storage down; ip link del $S;"
	  " ip link add $S type veth peer name x",
	  51, "hs-" },
	{ "no overlay yet, and the node's address is elsewhere", NULL,
	  "ip link del vxlan-storage; ip addr add 10.100.1.1/24 dev under0", 51,
	  "under0" },
	{ "no overlay yet, and no address for a shim that must be",
	  "{ \"cniVersion\": \"1.1.0\", \"name\": \"storage\", "
	  "\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "
	  "\"vxlan\": { \"id\": 100 }, "
	  "\"hostShim\": { \"mode\": \"always\" }, "
	  "\"nodes\": { \"k8s-1\": { \"vtep\": \"10.100.100.1\" } } }",
	  "ip link del vxlan-storage", 51, "always" },
	{ "an overlay too small for the shim, until it is repaired",
	  WITH_SHIM("{ \"mtu\": 1400 }"),
	  "ip link del $S; ip link set vxlan-storage mtu 1000", 0, "" },
	{ "a state directory that is a file", NULL,
	  "rm -r /run/hostshim; touch /run/hostshim", 50, "/run/hostshim" },
	{ "a state directory that is not writable", NULL,
	  "mount -t tmpfs -o ro tmpfs /run/hostshim", 50, "/run/hostshim" },
	{ "a damaged table, which is made anew", NULL,
	  "truncate -s 100 /run/hostshim/attachments.mdb", 0, "" },
	{ "a delegate that is missing",
	  "{ \"cniVersion\": \"1.1.0\", \"name\": \"n\", "
	  "\"type\": \"hostshim\", \"master\": \"under0\", "
	  "\"ipam\": { \"type\": \"no-such-ipam\" } }",
	  ":", 50, "no-such-ipam" },
};

Test(status, is_what_the_next_add_would_meet)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cni_call call = seed_call("STATUS", seed_config);
		cleanup_cni_answer struct cni_answer answer = { 0 };

		seed_close();
		seed_open();
		seed_do("ADD", seed_config);
		ns_do(-1, SHIM "%s", cases[i].before);
		if (cases[i].config)
			call.config = cases[i].config;
		cni_call(&call, &answer);
		cr_expect_eq(cni_code(&answer), cases[i].code, "%s: %s%s",
			     cases[i].name, answer.out, answer.err);
		cr_expect(strstr(answer.out, cases[i].text),
			  "%s: \"%s\" is not in %s", cases[i].name,
			  cases[i].text, answer.out);
	}
}

/* Nothing is written: not a file, not a time of one, not a link. */
static char *files(void)
{
	return ns_exec(-1, "find /run /var/lib /etc/cni -printf "
			   "'%%p %%i %%s %%T@ %%C@\\n' 2>/dev/null | sort");
}

Test(status, changes_nothing)
{
	static const char *const before[] = {
		":",
		"ip link set vxlan-storage down",
		"ip link del $S",
	};

	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		cleanup_free char *links = NULL;
		cleanup_free char *links_after = NULL;
		cleanup_free char *tree = NULL;
		cleanup_free char *tree_after = NULL;

		seed_close();
		seed_open();
		seed_do("ADD", seed_config);
		ns_do(-1, SHIM "%s", before[i]);
		links = ns_snapshot(-1);
		tree = files();
		ns_sleep_ms(20);
		seed_do("STATUS", seed_config);
		links_after = ns_snapshot(-1);
		tree_after = files();
		cr_expect(ns_same(links, links_after), "%s", before[i]);
		cr_expect_str_eq(tree, tree_after);
	}
}

/* An ADD would wait for five seconds. */
Test(status, of_a_busy_store_is_good_and_does_not_wait_for_it)
{
	struct cni_call call = seed_call("STATUS", seed_config);
	cleanup_close int lock = -1;
	struct timespec from, to;

	seed_do("ADD", seed_config);
	lock = open("/run/hostshim/attachments.lock", O_RDWR | O_CLOEXEC);
	cr_assert_geq(lock, 0);
	cr_assert_eq(flock(lock, LOCK_EX), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	{
		cleanup_cni_answer struct cni_answer answer = { 0 };

		seed_must(&call, &answer);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	cr_expect_lt((to.tv_sec - from.tv_sec) * 1000 +
			     (to.tv_nsec - from.tv_nsec) / 1000000,
		     4500);
}

Test(status, of_a_node_just_rebooted_is_good)
{
	cleanup_free char *before = ns_snapshot(-1);
	cleanup_free char *after = NULL;

	seed_do("STATUS", seed_config);
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
	cr_expect_eq(ns_try(-1, NULL, "test -e /run/hostshim"), 1);
}

Test(status, of_a_full_pool_is_50)
{
	static const char small[] = "{ " SEED_OVERLAY
				    ", \"ipam\": { \"type\": \"hostshim\", "
				    "\"range\": \"10.100.1.0/24\", "
				    "\"range_start\": \"10.100.1.20\", "
				    "\"range_end\": \"10.100.1.20\" } }";
	struct cni_call call = seed_call("STATUS", small);

	seed_do("ADD", small);
	seed_fails(&call, 50, "");
	call.verb = "ADD";
	call.id = "c2";
	call.ifname = "net2";
	seed_fails(&call, 100, "");
	seed_has_not(seed_pod, "net2", "ip link");
}
