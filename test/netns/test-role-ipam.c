#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * As the IPAM of another plugin's network. What that plugin does to the pod is
 * done here by hand; the reference plugins themselves are driven in
 * test/conformance.
 */

TestSuite(role_ipam, .init = seed_open, .fini = seed_close, .timeout = 60);

#define HEAD(version)                                                          \
	"{ \"cniVersion\": \"" version "\", \"name\": \"net\", "               \
	"\"type\": \"bridge\", "
#define IPAM                                                                   \
	"\"ipam\": { \"type\": \"hostshim\", \"range\": \"10.1.2.0/29\", "     \
	"\"gateway\": \"10.1.2.1\", \"reuseDelay\": 0, "                       \
	"\"routes\": [ { \"dst\": \"10.9.0.0/16\" } ], "                       \
	"\"dns\": { \"nameservers\": [ \"10.1.2.3\" ] } } }"

static const char config[] = HEAD("1.1.0") IPAM;

static void expect_no(const struct cni_answer *answer, const char *text)
{
	cr_expect_not(strstr(answer->out, text), "\"%s\" in %s", text,
		      answer->out);
}

Test(role_ipam, the_result_has_addresses_routes_and_dns_and_no_interface)
{
	struct cni_call call = seed_call("ADD", config);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
	seed_says(&answer, "ips.0.address", "10.1.2.2/29");
	seed_says(&answer, "ips.0.gateway", "10.1.2.1");
	seed_says(&answer, "routes.0.dst", "10.9.0.0/16");
	seed_says(&answer, "routes.0.gw", "");
	seed_says(&answer, "dns.nameservers.0", "10.1.2.3");
	expect_no(&answer, "interface");
	seed_has_not(seed_pod, "net1", "ip link");
}

Test(role_ipam, every_version_has_its_shape)
{
	static const struct {
		const char *config;
		const char *path;
		const char *version;
	} cases[] = {
		{ HEAD("0.1.0") IPAM, "ip4.ip", "" },
		{ HEAD("0.2.0") IPAM, "ip4.ip", "" },
		{ HEAD("0.3.0") IPAM, "ips.0.address", "4" },
		{ HEAD("0.3.1") IPAM, "ips.0.address", "4" },
		{ HEAD("0.4.0") IPAM, "ips.0.address", "4" },
		{ HEAD("1.0.0") IPAM, "ips.0.address", "" },
		{ HEAD("1.1.0") IPAM, "ips.0.address", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cni_call call = seed_call("ADD", cases[i].config);
		cleanup_cni_answer struct cni_answer answer = { 0 };

		seed_must(&call, &answer);
		seed_says(&answer, cases[i].path, "10.1.2.2/29");
		seed_says(&answer, "ips.0.version", cases[i].version);
		seed_do("DEL", cases[i].config);
	}
}

Test(role_ipam, the_networks_own_keys_are_the_other_plugins)
{
	static const char foreign[] =
		HEAD("1.1.0") "\"mode\": \"l2\", \"mtu\": \"big\", "
			      "\"master\": 7, \"mac\": \"none\", "
			      "\"vxlan\": [], \"hostShim\": 1, \"nodes\": 5, "
			      "\"dns\": 3, \"bcqueuelen\": -1, "
			      "\"runtimeConfig\": { \"mac\": \"x\", "
			      "\"dns\": 4 }, " IPAM;
	static const char *const verbs[] = { "ADD", "CHECK", "STATUS", "GC",
					     "DEL" };

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		struct cni_call call = seed_call(verbs[i], foreign);
		cleanup_cni_answer struct cni_answer answer = { 0 };

		call.args = "MAC=none";
		seed_must(&call, &answer);
	}
}

Test(role_ipam, requested_addresses_are_given)
{
	struct cni_call call = seed_call("ADD", config);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	call.args = "IP=10.1.2.5";
	seed_must(&call, &answer);
	seed_says(&answer, "ips.0.address", "10.1.2.5/29");
	call.id = "c2";
	seed_fails(&call, 101, "10.1.2.5");
}

Test(role_ipam, its_own_mistakes_are_told)
{
	static const struct {
		const char *config;
		int code;
		const char *text;
	} cases[] = {
		{ HEAD("1.1.0") "\"ipam\": { \"type\": \"hostshim\" } }", 7,
		  "no range" },
		{ HEAD("1.1.0") "\"ipam\": { \"type\": \"hostshim\", "
				"\"range\": \"10.1.2.0/24\", "
				"\"shared\": true } }",
		  2, "ipam.shared" },
		{ HEAD("1.1.0") "\"ipam\": { \"type\": \"hostshim\", "
				"\"range\": \"10.1.2.0/24\", "
				"\"conflictProbe\": true } }",
		  2, "ipam.conflictProbe" },
		{ HEAD("0.2.0") "\"ipam\": { \"type\": \"hostshim\", "
				"\"ipRanges\": [ { \"range\": "
				"\"10.1.2.0/24\" }, { \"range\": "
				"\"10.1.3.0/24\" } ] } }",
		  1, "0.2.0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cni_call call = seed_call("ADD", cases[i].config);

		seed_fails(&call, cases[i].code, cases[i].text);
		seed_do("DEL", cases[i].config);
	}
}

/* Six addresses: what is not released is missed. */
Test(role_ipam, del_releases_and_is_never_in_vain)
{
	for (int i = 0; i < 20; i++) {
		char address[SEED_ADDRESS];
		struct cni_call call = seed_call("ADD", config);

		seed_add(&call, address);
		cr_expect_str_eq(address, "10.1.2.2");
		seed_do("DEL", config);
		seed_do("DEL", config);
	}
}

Test(role_ipam, del_needs_no_namespace_and_no_range)
{
	static const char broken[] =
		HEAD("1.1.0") "\"ipam\": { \"type\": \"hostshim\", "
			      "\"range\": \"nonsense\", "
			      "\"reuseDelay\": 0 } }";
	struct cni_call call = seed_call("ADD", config);
	cleanup_cni_answer struct cni_answer answer = { 0 };
	char address[SEED_ADDRESS];

	seed_add(&call, address);
	call = seed_call("DEL", broken);
	call.pod = 0;
	call.netns = "";
	seed_must(&call, &answer);
	call = seed_call("ADD", config);
	call.id = "c2";
	seed_add(&call, address);
}

Test(role_ipam, a_second_add_is_refused_while_an_interface_of_any_kind_is_there)
{
	struct cni_call call = seed_call("ADD", config);
	char address[SEED_ADDRESS];

	seed_add(&call, address);
	ns_do(seed_pod, "ip link add net1 type veth peer name peer");
	seed_fails(&call, 103, "net1");
	ns_do(seed_pod, "ip link del net1");
	seed_add(&call, address);
	cr_expect_str_eq(address, "10.1.2.2");
}

Test(role_ipam, check_compares_the_reservation_with_prevresult)
{
	static const char lie[] = HEAD(
		"1.1.0") "\"prevResult\": { "
			 "\"cniVersion\": \"1.1.0\", \"ips\": [ { \"address\": "
			 "\"10.1.2.6/29\" } ] }, " IPAM;
	struct cni_call call = seed_call("ADD", config);
	struct cni_call check = seed_call("CHECK", lie);
	cleanup_cni_answer struct cni_answer answer = { 0 };
	cleanup_free char *prev = NULL;

	seed_fails(&check, 108, "no address");
	seed_must(&call, &answer);
	prev = cni_prev(config, &answer);
	seed_do("CHECK", config);
	seed_do("CHECK", prev);
	seed_fails(&check, 108, "10.1.2.2/29");
}

Test(role_ipam, status_says_when_the_pool_is_full)
{
	struct cni_call status = seed_call("STATUS", config);

	seed_do("STATUS", config);
	for (int i = 0; i < 5; i++) {
		struct cni_call call = seed_call("ADD", config);
		char address[SEED_ADDRESS];
		char id[8];

		snprintf(id, sizeof(id), "c%d", i);
		call.id = id;
		seed_add(&call, address);
	}
	seed_fails(&status, 50, "10.1.2.0/29");
}

Test(role_ipam, gc_keeps_what_is_young)
{
	static const char list[] =
		HEAD("1.1.0") "\"cni.dev/valid-attachments\": [], " IPAM;
	struct cni_call call = seed_call("ADD", config);
	char address[SEED_ADDRESS];

	seed_add(&call, address);
	seed_do("GC", list);
	seed_do("CHECK", config);
}

Test(role_ipam, the_nodes_own_namespace_is_no_pod)
{
	struct cni_call call = seed_call("ADD", config);

	call.pod = 0;
	call.netns = "/proc/self/ns/net";
	seed_fails(&call, 8, "runs in");
	call.netns = "/run/absent";
	seed_fails(&call, 8, "/run/absent");
}
