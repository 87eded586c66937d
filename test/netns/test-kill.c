#include "test/netns/crash.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/*
 * SIGKILL at every system call of an ADD and of a DEL, from outside, and then
 * what a runtime may do next: the same ADD again, a DEL, the ADD of another
 * container.
 *
 * To make a node anew takes its time: there, the process is killed before each
 * call that may change something, which are all the states that it can leave;
 * HOSTSHIM_KILL_ALL=1 kills it before the others too. Sanitized builds make many
 * calls more and are struck at a part of them only, another one in each variant.
 */

TestSuite(kill, .init = seed_open, .fini = seed_close, .timeout = 280);

#define KILL_STRIDE 3 /* sanitized */

/* Addresses do not rest: one that is given too early is given at once. */
#define KILL_KEYS "\"type\": \"hostshim\", \"reuseDelay\": 0, "

static const char plain[] =
	"{ " SEED_OVERLAY ", \"ipam\": { " KILL_KEYS
	"\"range\": \"10.100.1.0/24\", "
	"\"range_start\": \"10.100.1.16\", \"range_end\": \"10.100.1.99\" } }";

static const char dual[] =
	"{ " SEED_OVERLAY ", \"mtu\": 1400, \"ipam\": { " KILL_KEYS
	"\"ipRanges\": [ { \"range\": \"10.100.1.16-10.100.1.99/24\" }, "
	"{ \"range\": \"fd10::100-fd10::1ff/64\" } ], "
	"\"routes\": [ { \"dst\": \"10.77.0.0/16\", \"gw\": \"10.100.1.9\" }, "
	"{ \"dst\": \"fd77::/64\", \"gw\": \"fd10::9\" } ] } }";

static const char l2[] = "{ " SEED_OVERLAY " }";

/* The overlay as an admin made it, with the node's own addresses on it, and what
 * depends on them. */
static const char by_hand[] =
	"ip link add vxlan-storage address 02:00:00:00:01:01 type vxlan id 100"
	" dstport 4789 local 10.100.100.1;"
	" ip link set vxlan-storage up;"
	" bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
	" dst 10.100.100.2;"
	" ip addr add 10.100.1.1/24 brd + dev vxlan-storage;"
	" ip addr add 10.100.1.9/24 dev vxlan-storage;"
	" ip addr add fd10::1/64 dev vxlan-storage nodad;"
	" ip route add 10.200.0.0/16 via 10.100.1.2 dev vxlan-storage;"
	" ip route add default via 10.100.1.2 dev vxlan-storage table 100;"
	" ip route add fd20::/32 via fd10::2 dev vxlan-storage";

struct variant {
	const char *name;
	const char *config;
	const char *verb; /* what is killed */
	bool children; /* what it leaves to run in the background */
	bool fresh; /* nothing is there before, no overlay and no shim */
	const char *before; /* but what these commands make */
	void (*expect)(const char *snapshot); /* of the node, undisturbed */
	unsigned int offset; /* first call that is struck when not all are */
};

static unsigned int stride(void)
{
	const char *sanitize = getenv("HOSTSHIM_SANITIZE");

	return sanitize && *sanitize ? KILL_STRIDE : 1;
}

/* Return: was it killed? If not, it had fewer calls, and succeeded. */
static bool kill_at(struct crash *crash, const struct variant *variant,
		    unsigned int nth)
{
	bool all = getenv("HOSTSHIM_KILL_ALL");
	const struct kill_plan plan = { .nth = nth,
					.children = variant->children,
					.changes = variant->fresh && !all };
	const struct cni_call call = crash_call(crash, variant->verb, 0);
	cleanup_kill_answer struct kill_answer answer = { 0 };

	cni_kill(&call, &plan, &answer);
	if (answer.struck)
		crash->injections++;
	else
		cr_assert_eq(answer.status, 0, "%s: %s%s", variant->name,
			     answer.out, answer.err);
	return answer.struck;
}

/* What is there when the call begins that is to die. */
static void prepare_node(struct crash *crash, const struct variant *variant)
{
	if (!variant->fresh)
		return;
	crash_reset_node(crash);
	if (variant->before)
		ns_do(-1, "%s", variant->before);
}

static void prepare(struct crash *crash, const struct variant *variant)
{
	prepare_node(crash, variant);
	if (strcmp(variant->verb, "DEL") == 0)
		crash_must(crash, "ADD", 0);
}

/* "Exists already" is right where the interface does: the ADD was complete but
 * for its answer, or has no record that could tell. The runtime sends DEL. */
static void add_again(struct crash *crash)
{
	int code = crash_run(crash, "ADD", 0);

	if (code == ERROR_IFNAME_EXISTS && crash_links(crash, 0) == 1) {
		crash_must(crash, "DEL", 0);
		crash_must(crash, "ADD", 0);
	} else if (code != 0) {
		crash_leak(crash, "ADD again: code %d", code);
	}
}

/* Two pods need two addresses: with more in use, some are lost. */
static void expect_low(struct crash *crash, size_t pod)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };

	crash_addresses(crash, pod, &addrs);
	for (size_t i = 0; i < addrs.count; i++) {
		const struct inet_addr *addr = &addrs.items[i].address.addr;
		uint8_t last = addr->bytes[inet_family_len(addr->family) - 1];

		if ((last & 0xe) != 0)
			crash_leak(crash, "c%zu has .%u: lower ones are lost",
				   pod, last);
	}
}

static void expect_pods(struct crash *crash)
{
	crash_expect_disjoint(crash);
	for (size_t pod = 0; pod < 2; pod++) {
		crash_expect_attached(crash, pod);
		expect_low(crash, pod);
	}
}

/* Another container comes first, then the same one again. */
static bool kill_then_add(struct crash *crash, const struct variant *variant,
			  unsigned int nth, const char *undisturbed)
{
	bool killed;

	prepare(crash, variant);
	killed = kill_at(crash, variant, nth);
	crash_must(crash, "ADD", 1);
	crash_expect_disjoint(crash);
	add_again(crash);
	expect_pods(crash);
	if (variant->fresh)
		crash_expect_node(crash, undisturbed);
	crash_must(crash, "DEL", 1);
	crash_must(crash, "DEL", 0);
	crash_expect_detached(crash, 0);
	crash_expect_detached(crash, 1);
	return killed;
}

static void kill_then_del(struct crash *crash, const struct variant *variant,
			  unsigned int nth)
{
	prepare(crash, variant);
	kill_at(crash, variant, nth);
	crash_must(crash, "DEL", 0);
	crash_expect_detached(crash, 0);
}

static void kill_everywhere(const struct variant *variant)
{
	cleanup_free char *undisturbed = NULL;
	unsigned int nth = stride() > 1 ? 1 + variant->offset : 1;
	struct crash crash;

	crash_open(&crash, variant->name, variant->config, 2);
	prepare_node(&crash, variant);
	crash_must(&crash, "ADD", 0);
	crash_must(&crash, "DEL", 0);
	undisturbed = ns_snapshot(-1);
	if (variant->expect)
		variant->expect(undisturbed);
	while (kill_then_add(&crash, variant, nth, undisturbed)) {
		kill_then_del(&crash, variant, nth);
		nth += stride();
	}
	crash_must(&crash, "ADD", 0);
	crash_must(&crash, "DEL", 0);
	crash_expect_node(&crash, undisturbed);
	crash_report(&crash);
	crash_close(&crash);
}

Test(kill, an_ADD_on_a_node_that_is_ready)
{
	const struct variant variant = {
		.name = "ADD", .config = plain, .verb = "ADD", .offset = 0
	};

	kill_everywhere(&variant);
}

Test(kill, an_ADD_of_both_families_with_routes)
{
	const struct variant variant = { .name = "ADD, IPv4 and IPv6",
					 .config = dual,
					 .verb = "ADD",
					 .offset = 1 };

	kill_everywhere(&variant);
}

Test(kill, an_ADD_without_addresses)
{
	const struct variant variant = { .name = "ADD, no addresses",
					 .config = l2,
					 .verb = "ADD",
					 .offset = 2 };

	kill_everywhere(&variant);
}

Test(kill, the_process_that_announces_after_an_ADD)
{
	const struct variant variant = { .name = "announcing after an ADD",
					 .config = dual,
					 .verb = "ADD",
					 .children = true,
					 .offset = 0 };

	kill_everywhere(&variant);
}

Test(kill, the_first_ADD_which_makes_overlay_and_shim)
{
	const struct variant variant = { .name = "first ADD, overlay and shim",
					 .config = plain,
					 .verb = "ADD",
					 .fresh = true,
					 .offset = 1 };

	kill_everywhere(&variant);
}

/* In one place each when the next ADD is through, with the routes. */
static void expect_moved(const char *snapshot)
{
	static const char *const addresses[] = { "10.100.1.1/24",
						 "fd10::1/64" };

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		cr_assert_not(
			ns_has(-1, addresses[i], "ip addr show vxlan-storage"));
		cr_assert(strstr(snapshot, addresses[i]));
	}
	cr_assert(strstr(snapshot, "10.200.0.0/16 via 10.100.1.2 dev hs-"));
	cr_assert(strstr(snapshot, "fd20::/32 via fd10::2 dev hs-"));
}

Test(kill, the_first_ADD_which_moves_the_nodes_addresses)
{
	const struct variant variant = { .name = "first ADD, migration",
					 .config = plain,
					 .verb = "ADD",
					 .fresh = true,
					 .before = by_hand,
					 .expect = expect_moved,
					 .offset = 2 };

	kill_everywhere(&variant);
}

Test(kill, a_DEL)
{
	const struct variant variant = {
		.name = "DEL", .config = dual, .verb = "DEL", .offset = 0
	};

	kill_everywhere(&variant);
}
