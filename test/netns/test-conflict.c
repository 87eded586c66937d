#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Stations on the segment that no store knows. The far end of nic0 is one. */

static void conflict_open(void)
{
	seed_open();
	ns_veth(-1, "nic0", seed_other, "nic1");
	ns_do(seed_other, "ip link set nic1 address 02:00:00:00:00:99");
}

TestSuite(conflict, .init = conflict_open, .fini = seed_close, .timeout = 60);

#define CONFIG(ipam)                                                            \
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"nic\", "                      \
	"\"type\": \"hostshim\", \"master\": \"nic0\", "                        \
	"\"ipam\": { \"type\": \"hostshim\", \"range\": \"10.9.0.0/24\", "      \
	"\"range_start\": \"10.9.0.10\", \"range_end\": \"10.9.0.19\", "        \
	"\"ipRanges\": [ { \"range\": \"fd09::/64\", "                          \
	"\"range_start\": \"fd09::10\", \"range_end\": \"fd09::19\" } ], " ipam \
	" } }"

static const char probing[] = CONFIG("\"conflictProbe\": true");

static void station(const char *prefix)
{
	ns_do(seed_other, "ip addr add %s dev nic1 nodad", prefix);
}

static void expect_given(const struct cni_answer *answer, const char *v4,
			 const char *v6)
{
	seed_says(answer, "ips.0.address", v4);
	seed_says(answer, "ips.1.address", v6);
}

static void expect_warned(const struct cni_answer *answer, const char *addr)
{
	cr_expect(strstr(answer->err, addr), "%s: %s", addr, answer->err);
	cr_expect(strstr(answer->err, "02:00:00:00:00:99"), "%s", answer->err);
}

Test(conflict, what_is_answered_for_is_passed_over_and_named)
{
	cleanup_cni_answer struct cni_answer answer = { 0 };
	struct cni_call call = seed_call("ADD", probing);

	station("10.9.0.10/24");
	station("10.9.0.11/24");
	station("fd09::10/64");
	seed_must(&call, &answer);
	expect_given(&answer, "10.9.0.12/24", "fd09::11/64");
	expect_warned(&answer, "10.9.0.10 is answered for");
	expect_warned(&answer, "10.9.0.11 is answered for");
	expect_warned(&answer, "fd09::10 is answered for");
	seed_has(seed_pod, "10.9.0.12/24", "ip addr show net1");
	seed_has(seed_pod, "state UP", "ip link show net1");
	seed_do("DEL", probing);
}

/* The next ADD does not ask for them again. */
Test(conflict, what_was_answered_for_rests)
{
	cleanup_cni_answer struct cni_answer first = { 0 };
	cleanup_cni_answer struct cni_answer second = { 0 };
	struct cni_call call = seed_call("ADD", probing);

	station("10.9.0.10/24");
	seed_must(&call, &first);
	expect_given(&first, "10.9.0.11/24", "fd09::10/64");
	call.ifname = "net2";
	seed_must(&call, &second);
	expect_given(&second, "10.9.0.12/24", "fd09::11/64");
	cr_expect_null(strstr(second.err, "answered"), "%s", second.err);
}

Test(conflict, without_the_key_nobody_is_asked)
{
	cleanup_cni_answer struct cni_answer answer = { 0 };
	struct cni_call call = seed_call("ADD",
					 CONFIG("\"order\": \"lowest\""));

	station("10.9.0.10/24");
	seed_must(&call, &answer);
	expect_given(&answer, "10.9.0.10/24", "fd09::10/64");
}

/* It was silent as long as we asked, and we bore the address before it spoke: as
 * a node does that took the address in the same moment. */
Test(conflict, who_answers_only_after_the_probes_is_given_way_to)
{
	cleanup_cni_answer struct cni_answer answer = { 0 };
	struct cni_call call = seed_call("ADD", probing);

	station("10.9.0.10/24");
	ns_do(seed_other,
	      "nft add table arp t;"
	      " nft add chain arp t in '{ type filter hook input priority 0; }';"
	      " nft add rule arp t in arp saddr ip 0.0.0.0"
	      " arp daddr ip 10.9.0.10 numgen inc mod 6 '< 3' drop");
	seed_must(&call, &answer);
	expect_given(&answer, "10.9.0.11/24", "fd09::10/64");
	expect_warned(&answer, "10.9.0.10 is answered for");
	seed_has(seed_pod, "10.9.0.11/24", "ip addr show net1");
	seed_has_not(seed_pod, "10.9.0.10", "ip addr show net1");
	seed_has(seed_pod, "fd09::10", "ip addr show net1");
	seed_has(seed_pod, "state UP", "ip link show net1");
	seed_do("DEL", probing);
}

/* Failed, it leaves nothing: the address is not reserved for anybody. */
Test(conflict, a_requested_address_that_is_answered_for_is_refused)
{
	static const char *const wanted[] = { "IP=10.9.0.15", "IP=fd09::15" };
	char *before = ns_snapshot(seed_pod);
	char *after;

	station("10.9.0.15/24");
	station("fd09::15/64");
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct cni_call call = seed_call("ADD", probing);

		call.args = wanted[i];
		seed_fails(&call, 101, "02:00:00:00:00:99");
	}
	after = ns_snapshot(seed_pod);
	cr_expect(ns_same(before, after));
	ns_do(seed_other, "ip addr flush dev nic1");
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct cni_call call = seed_call("ADD", probing);

		call.args = wanted[i];
		seed_do("DEL", probing);
		cleanup_cni_answer struct cni_answer answer = { 0 };
		seed_must(&call, &answer);
	}
	free(before);
	free(after);
}

Test(conflict, a_range_that_is_all_somebodys_is_exhausted)
{
	struct cni_call call = seed_call("ADD", probing);

	for (int i = 10; i < 20; i++)
		ns_do(seed_other, "ip addr add 10.9.0.%d/24 dev nic1", i);
	seed_fails(&call, 100, "answered for on the segment");
	seed_has_not(seed_pod, "net1", "ip link");
}

Test(conflict, without_a_carrier_nothing_is_kept)
{
	struct cni_call call = seed_call("ADD", probing);

	ns_do(seed_other, "ip link set nic1 down");
	seed_fails(&call, 11, "no carrier");
	seed_has_not(seed_pod, "net1", "ip link");
}

/* A pod of the node that the store does not know: by another plugin. */
Test(conflict, a_sibling_of_the_same_node_answers_too)
{
	cleanup_cni_answer struct cni_answer answer = { 0 };
	struct cni_call call = seed_call("ADD", probing);
	int other = ns_new();
	char path[NS_PATH];

	ns_do(-1,
	      "ip link add mv0 link nic0 type macvlan mode bridge;"
	      "touch /run/other; mount --bind %s /run/other;"
	      "nsenter --net=/run/other true; mkdir -p /run/netns;"
	      "touch /run/netns/other; mount --bind /run/other /run/netns/other;"
	      "ip link set mv0 netns other",
	      ns_path(other, path));
	ns_do(other, "ip link set mv0 up; ip addr add 10.9.0.10/24 dev mv0");
	seed_must(&call, &answer);
	expect_given(&answer, "10.9.0.11/24", "fd09::10/64");
	ns_do(-1, "umount /run/netns/other; umount /run/other");
	close(other);
}

#define SHARED(master, rest)                                                   \
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"nic\", "                     \
	"\"type\": \"hostshim\", \"master\": \"" master "\", "                 \
	"\"ipam\": { \"type\": \"hostshim\", \"shared\": true, "               \
	"\"range\": \"10.9.0.0/24\", \"range_start\": \"10.9.0.10\" " rest     \
	" } }"

/* Two nodes, one range, two stores that know nothing of each other. */
Test(conflict, two_nodes_that_share_a_range_give_each_address_once)
{
	enum {
		COUNT = 4
	};
	static const char near[] = SHARED("nic0", "");
	static const char far[] = SHARED("nic1",
					 ", \"stateDir\": \"/run/node2\", "
					 "\"dataDir\": \"/var/lib/node2\"");
	int pods[2 * COUNT];
	pid_t pids[2 * COUNT];
	char *out;

	for (int i = 0; i < 2 * COUNT; i++) {
		struct cni_call call = seed_call("ADD", i % 2 ? far : near);
		static char ids[2 * COUNT][8];
		char stem[32];

		snprintf(ids[i], sizeof(ids[i]), "c%d", i);
		snprintf(stem, sizeof(stem), "/run/add-%d", i);
		pods[i] = ns_new();
		call.pod = pods[i];
		call.id = ids[i];
		call.node = i % 2 ? seed_other : 0;
		pids[i] = cni_start(&call, stem);
	}
	for (int i = 0; i < 2 * COUNT; i++) {
		int status;

		cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
		cr_expect_eq(status, 0, "ADD %d", i);
		close(pods[i]);
	}
	out = ns_exec(-1, "grep -ho '\"10.9.0.[0-9]*/24\"' /run/add-*.out |"
			  " sort | uniq -d");
	cr_expect_str_empty(out, "given twice: %s", out);
	free(out);
}
