#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * DEL in all the cases in which it must succeed (CNI specification, DEL; a pod
 * that cannot be deleted hangs in Terminating), and what it must leave alone.
 */

TestSuite(detach, .init = seed_open, .fini = seed_close, .timeout = 60);

/* DEL succeeds, and silently: nothing on stderr that an operator would act on. */
static void del(const struct cni_call *call)
{
	struct cni_call gone = *call;
	cleanup_cni_answer struct cni_answer answer = { 0 };

	gone.verb = "DEL";
	seed_must(&gone, &answer);
	cr_expect_str_eq(answer.out, "");
}

/* Is the address free again? Asked by name, since a freed one rests. */
static void expect_free(const char *address)
{
	struct cni_call call = seed_call("ADD", seed_config);
	char args[64];
	char got[SEED_ADDRESS];

	snprintf(args, sizeof(args), "IP=%s", address);
	call.id = "another";
	call.ifname = "another0";
	call.args = args;
	seed_add(&call, got);
	cr_expect_str_eq(got, address);
	del(&call);
}

Test(detach, before_any_add)
{
	struct cni_call call = seed_call("DEL", seed_config);
	cleanup_free char *before = ns_snapshot(-1);
	cleanup_free char *after = NULL;

	del(&call);
	call.pod = 0;
	del(&call);
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

Test(detach, twice)
{
	struct cni_call call = seed_call("DEL", seed_config);

	seed_do("ADD", seed_config);
	del(&call);
	del(&call);
	seed_has_not(seed_pod, "net1", "ip link");
	expect_free("10.100.1.16");
}

Test(detach, with_namespaces_that_are_none)
{
	static const char *const paths[] = {
		"",  "/run/netns/gone", "/run/leftover",
		"/", "/dev/null",       "/proc/self/ns/mnt",
	};

	/* What a lazily unmounted namespace leaves at its path. */
	ns_do(-1, "touch /run/leftover");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct cni_call call = seed_call("ADD", seed_config);
		char address[SEED_ADDRESS];

		seed_add(&call, address);
		call.pod = 0;
		call.netns = paths[i];
		del(&call);
		expect_free(address);
		ns_do(seed_pod, "ip link del net1");
	}
}

Test(detach, when_the_namespace_is_gone)
{
	struct cni_call call = seed_call("ADD", seed_config);
	char address[SEED_ADDRESS];
	char path[NS_PATH];

	call.pod = ns_new();
	seed_add(&call, address);
	ns_path(call.pod, path);
	close(call.pod);
	call.pod = 0;
	call.netns = path;
	del(&call);
	expect_free(address);
}

Test(detach, when_the_interface_is_gone)
{
	struct cni_call call = seed_call("DEL", seed_config);

	seed_do("ADD", seed_config);
	ns_do(seed_pod, "ip link del net1");
	del(&call);
	expect_free("10.100.1.16");
}

Test(detach, when_the_reservation_is_gone)
{
	struct cni_call call = seed_call("DEL", seed_config);

	seed_do("ADD", seed_config);
	ns_do(-1, "rm -rf /run/hostshim /var/lib/cni/hostshim");
	del(&call);
	seed_has_not(seed_pod, "net1", "ip link");
}

Test(detach, when_the_master_is_gone)
{
	static const char nad[] =
		"{ \"cniVersion\": \"1.0.0\", \"name\": \"n\", "
		"\"type\": \"hostshim\", \"master\": \"eth0\", \"ipam\": { "
		"\"type\": \"hostshim\", \"subnet\": \"10.1.2.0/24\" } }";
	struct cni_call call = seed_call("DEL", nad);

	ns_veth(-1, "eth0", seed_other, "far0");
	seed_do("ADD", nad);
	ns_do(-1, "ip link del eth0");
	del(&call);
}

/* What the configuration was at ADD no longer counts: name, id and interface do. */
Test(detach, with_a_configuration_that_ADD_would_refuse)
{
	static const char *const broken[] = {
		/* the range was moved, */
		"{ " SEED_OVERLAY ", \"ipam\": { \"type\": \"hostshim\", "
		"\"range\": \"10.9.0.0/24\" } }",
		/* is none, */
		"{ " SEED_OVERLAY ", \"ipam\": { \"type\": \"hostshim\", "
		"\"range\": \"10.9.0.0/99\" } }",
		/* is missing; */
		"{ " SEED_OVERLAY ", \"ipam\": { \"type\": \"hostshim\" } }",
		/* keys are wrong throughout */
		"{ \"cniVersion\": \"1.1.0\", \"name\": \"storage\", "
		"\"type\": \"hostshim\", \"mode\": \"sideways\", \"mtu\": -5, "
		"\"vxlan\": { \"idd\": 3 }, \"nodes\": 7, \"hostShim\": [], "
		"\"prevResult\": \"?\", "
		"\"ipam\": { \"type\": \"hostshim\", \"range\": 8 } }",
	};

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct cni_call call = seed_call("ADD", seed_config);
		char address[SEED_ADDRESS];

		seed_add(&call, address);
		call.config = broken[i];
		del(&call);
		seed_has_not(seed_pod, "net1", "ip link");
		expect_free(address);
	}
}

Test(detach, with_an_old_version_and_without_one)
{
	static const char *const versions[] = { "\"cniVersion\": \"0.3.1\",",
						"" };

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		cleanup_free char *text = NULL;
		struct cni_call call = seed_call("DEL", NULL);

		cr_assert_gt(asprintf(&text,
				      "{ %s \"name\": \"n\", \"type\": "
				      "\"hostshim\", \"master\": \"under0\", "
				      "\"ipam\": { \"type\": \"hostshim\", "
				      "\"subnet\": \"10.1.2.0/24\" } }",
				      versions[i]),
			     0);
		call.config = text;
		seed_do("ADD", text);
		del(&call);
		seed_has_not(seed_pod, "net1", "ip link");
	}
}

Test(detach, in_the_nodes_own_namespace_frees_the_address_and_no_link)
{
	struct cni_call call = seed_call("ADD", seed_config);
	char address[SEED_ADDRESS];

	seed_add(&call, address);
	ns_do(-1, "ip link add net1 link under0 type macvlan");
	call.pod = 0;
	call.netns = "/proc/thread-self/ns/net";
	del(&call);
	seed_has(-1, "net1@under0", "ip link");
	expect_free(address);
}

Test(detach, leaves_the_other_interface_of_the_pod)
{
	struct cni_call one = seed_call("ADD", seed_config);
	struct cni_call two = one;
	char address[2][SEED_ADDRESS];

	two.ifname = "net2";
	seed_add(&one, address[0]);
	seed_add(&two, address[1]);
	del(&one);
	seed_has(seed_pod, address[1], "ip addr show net2");
	cr_expect_eq(ns_ping(-1, address[1], 1), 1);
}

Test(detach, leaves_what_is_not_a_macvlan)
{
	struct cni_call call = seed_call("DEL", seed_config);

	call.ifname = "eth0";
	ns_veth(seed_pod, "eth0", seed_other, "far0");
	del(&call);
	seed_has(seed_pod, "eth0", "ip link show eth0");
}

Test(detach, leaves_the_nodes_leg)
{
	struct cni_call call = seed_call("DEL", seed_config);

	seed_do("ADD", seed_config);
	del(&call);
	seed_has(-1, "vxlan-storage", "ip link");
	seed_has(-1, "10.100.1.1/24", "ip addr show type macvlan");
}
