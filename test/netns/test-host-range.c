#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The node's address out of ipam.hostRange, with the local store. */

TestSuite(host_range, .init = seed_open, .fini = seed_close, .timeout = 60);

#define SHIM "$(ip -o link show type macvlan | cut -d: -f2 | cut -d@ -f1)"

#define CONFIG(rows, ipam)                                                        \
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"storage\", "                    \
	"\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "                 \
	"\"vxlan\": { \"id\": 100 }, \"nodes\": { "                               \
	"\"k8s-1\": { \"vtep\": \"10.100.100.1\"" rows " }, "                     \
	"\"k8s-2\": { \"vtep\": \"10.100.100.2\", "                               \
	"\"address\": \"10.100.1.9/24\" } }, "                                    \
	"\"ipam\": { \"type\": \"hostshim\", \"range\": \"10.100.1.0/24\", "      \
	"\"range_start\": \"10.100.1.16\", \"range_end\": \"10.100.1.99\", " ipam \
	" } }"

#define RANGE  "\"hostRange\": \"10.100.1.0/28\""
#define INDEX3 RANGE ", \"hostIndex\": 3"

/* ADD for a pod of its own, and whether the node reaches it. */
static void add(const char *config, const char *id)
{
	struct cni_call call = seed_call("ADD", config);
	char address[SEED_ADDRESS];

	close(seed_pod);
	seed_pod = ns_new();
	call.pod = seed_pod;
	call.id = id;
	seed_add(&call, address);
	cr_expect_eq(ns_ping(-1, address, 1), 1, "%s does not answer", address);
}

static void expect_address(const char *address)
{
	seed_has(-1, address, "ip addr show type macvlan");
}

static void reboot(void)
{
	ns_do(-1, "ip link del vxlan-storage; rm -rf /run/hostshim");
	ns_do(-1, "cat /proc/sys/kernel/random/uuid > /run/boot;"
		  "mount --bind /run/boot /proc/sys/kernel/random/boot_id");
}

Test(host_range, the_index_gives_the_shim_its_address)
{
	add(CONFIG("", INDEX3), "c1");
	expect_address("inet 10.100.1.4/24");
	add(CONFIG("", INDEX3), "c2");
}

Test(host_range, it_is_had_again_after_a_reboot_without_the_index)
{
	add(CONFIG("", INDEX3), "c1");
	reboot();
	add(CONFIG("", RANGE), "c2");
	expect_address("inet 10.100.1.4/24");
}

/* The running node keeps what its shim bears; nothing is asked for. */
Test(host_range, without_the_index_a_running_node_goes_on)
{
	add(CONFIG("", INDEX3), "c1");
	ns_do(-1, "rm -rf /var/lib/cni/hostshim");
	add(CONFIG("", RANGE), "c2");
	expect_address("inet 10.100.1.4/24");
}

Test(host_range, a_changed_index_moves_the_node_and_is_said)
{
	cleanup_cni_answer struct cni_answer answer = { 0 };
	struct cni_call call = seed_call("ADD", CONFIG("", RANGE ", \"hostIndex"
								 "\": 5"));

	add(CONFIG("", INDEX3), "c1");
	call.id = "c2";
	call.pod = seed_pod;
	call.ifname = "net2";
	seed_must(&call, &answer);
	cr_expect(strstr(answer.err, "10.100.1.6/24"), "%s", answer.err);
	cr_expect(strstr(answer.err, "was 10.100.1.4/24"), "%s", answer.err);
	expect_address("inet 10.100.1.6/24");
	seed_has_not(-1, "10.100.1.4/24", "ip addr");
	reboot();
	add(CONFIG("", RANGE), "c3");
	expect_address("inet 10.100.1.6/24");
}

Test(host_range, a_row_wins)
{
	add(CONFIG(", \"address\": \"10.100.1.7/24\"", INDEX3), "c1");
	expect_address("inet 10.100.1.7/24");
	seed_has_not(-1, "10.100.1.4/24", "ip addr");
}

static void refused(const char *config, const char *text)
{
	struct cni_call call = seed_call("ADD", config);

	seed_fails(&call, 7, text);
	seed_has_not(-1, "macvlan", "ip -d link show type macvlan");
}

Test(host_range, what_cannot_be_an_address_is_refused_before_anything_is_made)
{
	refused(CONFIG("", RANGE), "\\\"hostIndex\\\"");
	refused(CONFIG("", RANGE ", \"hostIndex\": 15"), "0 to 14");
	refused(CONFIG("", RANGE ", \"hostIndex\": 8"),
		"10.100.1.9 would be this node's, but");
}

Test(host_range, two_families_and_a_shim_that_was_left_with_one)
{
	static const char both[] =
		CONFIG("", "\"ipRanges\": [ { \"range\": \"fd10::/64\", "
			   "\"range_start\": \"fd10::100\" } ], "
			   "\"hostRange\": [ \"10.100.1.0/28\", \"fd10::/120\" "
			   "], \"hostIndex\": 3");

	add(both, "c1");
	expect_address("inet 10.100.1.4/24");
	expect_address("inet6 fd10::4/64");
	ns_do(-1, "ip addr del fd10::4/64 dev " SHIM);
	add(both, "c2");
	expect_address("inet6 fd10::4/64");
	ns_do(-1, "ip addr del 10.100.1.4/24 dev " SHIM);
	add(both, "c3");
	expect_address("inet 10.100.1.4/24");
}

/* Configured, it needs no memory; remembered, it needs no writing. */
Test(host_range, a_read_only_var_is_a_warning)
{
	cleanup_cni_answer struct cni_answer answer = { 0 };
	struct cni_call call = seed_call("ADD", CONFIG("", INDEX3));

	ns_do(-1, "mount -o remount,ro /var/lib");
	seed_must(&call, &answer);
	cr_expect(strstr(answer.err, "is not remembered"), "%s", answer.err);
	expect_address("inet 10.100.1.4/24");
	ns_do(-1, "mount -o remount,rw /var/lib");
	reboot();
	add(CONFIG("", INDEX3), "c2");
	reboot();
	ns_do(-1, "mount -o remount,ro /var/lib");
	add(CONFIG("", RANGE), "c3");
	expect_address("inet 10.100.1.4/24");
}

#define BESIDE                                                                 \
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"nic\", "                     \
	"\"type\": \"hostshim\", \"master\": \"nic0\", \"hostShim\": {}, "     \
	"\"ipam\": { \"type\": \"hostshim\", \"range\": \"10.9.0.0/24\", "     \
	"\"range_start\": \"10.9.0.128\", \"range_end\": \"10.9.0.191\", "     \
	"\"hostRange\": \"10.9.0.200-10.9.0.210/24\", \"hostIndex\": 1 } }"

Test(host_range, beside_a_nic_that_keeps_its_address)
{
	ns_veth(-1, "nic0", seed_other, "nic1");
	ns_addr(-1, "nic0", "10.9.0.1/24");
	ns_addr(seed_other, "nic1", "10.9.0.2/24");
	add(BESIDE, "c1");
	expect_address("inet 10.9.0.201/32");
	seed_has(-1, "10.9.0.128/26 dev hs-nic0", "ip route");
	seed_has(-1, "src 10.9.0.201", "ip route");
	seed_has(-1, "inet 10.9.0.1/24", "ip addr show nic0");
	cr_expect_eq(ns_ping(-1, "10.9.0.2", 1), 1);
	cr_expect_eq(ns_ping(seed_pod, "10.9.0.201", 1), 1);
	/* Again, from what is there. */
	add(BESIDE, "c2");
	ns_do(-1, "ip link del hs-nic0");
	add(BESIDE, "c3");
	expect_address("inet 10.9.0.201/32");
}
