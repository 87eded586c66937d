#include "ipam/whereabouts.h"

#include <criterion/criterion.h>
#include <string.h>

/* The real one's answers: test/kube/whereabouts compares them with a server's. */

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix ret;

	cr_assert(inet_prefix_parse(text, &ret), "%s", text);
	return ret;
}

static struct inet_addr addr(const char *text)
{
	struct inet_addr ret;

	cr_assert(inet_addr_parse(text, &ret), "%s", text);
	return ret;
}

Test(whereabouts, a_pool_is_named_after_network_and_range)
{
	static const struct {
		const char *network, *range, *name, *text;
	} cases[] = {
		{ "", "10.0.0.0/8", "10.0.0.0-8", "10.0.0.0/8" },
		{ "", "192.168.2.225/28", "192.168.2.224-28",
		  "192.168.2.224/28" },
		{ "storage", "10.100.1.0/24", "storage-10.100.1.0-24",
		  "10.100.1.0/24" },
		{ "", "2001:db8::/64", "2001-db8---64", "2001:db8::/64" },
		{ "", "2001:DB8:0:0:1:0:0:1/128", "2001-db8--1-0-0-1-128",
		  "2001:db8::1:0:0:1/128" },
		{ "n", "fd00:1:2:3:4:5:6:0/112", "n-fd00-1-2-3-4-5-6-0-112",
		  "fd00:1:2:3:4:5:6:0/112" },
		{ "n", "::/64", "n----64", "::/64" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inet_prefix range = prefix(cases[i].range);
		char name[WHEREABOUTS_NAME];
		char text[INET_PREFIX_TEXT];

		cr_expect_eq(whereabouts_pool_name(cases[i].network, &range,
						   name),
			     0, "%s", cases[i].range);
		cr_expect_str_eq(name, cases[i].name);
		cr_expect_str_eq(whereabouts_range(&range, text),
				 cases[i].text);
	}
}

Test(whereabouts, an_address_that_ends_with_a_colon_gets_a_zero)
{
	static const struct {
		const char *network, *addr, *name;
	} cases[] = {
		{ "", "10.0.0.5", "10.0.0.5" },
		{ "n", "10.0.0.5", "n-10.0.0.5" },
		{ "", "fd00::1", "fd00--1" },
		{ "", "2001:db8::", "2001-db8--0" },
		{ "n", "2001:db8:1:2:3:4::", "n-2001-db8-1-2-3-4--0" },
		{ "", "fd00:0:0:1:0:0:0:1", "fd00-0-0-1--1" },
		{ "", "fd00:0:1:1:1:1:1:1", "fd00-0-1-1-1-1-1-1" },
		{ "n", "::102:304", "n---102-304" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inet_addr a = addr(cases[i].addr);
		struct inet_addr back;
		char name[WHEREABOUTS_NAME];

		cr_expect_eq(whereabouts_overlap_name(cases[i].network, &a,
						      name),
			     0, "%s", cases[i].addr);
		cr_expect_str_eq(name, cases[i].name);
		cr_expect_eq(whereabouts_overlap_addr(cases[i].network, name,
						      &back),
			     0, "%s", name);
		cr_expect(inet_addr_equal(&a, &back), "%s", name);
	}
}

Test(whereabouts, a_name_that_no_address_has_is_another_networks)
{
	static const struct {
		const char *network, *name;
	} cases[] = {
		{ "", "storage-10.0.0.5" },   { "storage", "10.0.0.5" },
		{ "storage", "storage" },     { "storage", "storage-" },
		{ "storage", "storage-one" }, { "", "fd00-0-0-0-0-0-0-1" },
		{ "", "10.0.0.05" },          { "", "" },
	};
	struct inet_addr none;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_expect_eq(whereabouts_overlap_addr(cases[i].network,
						      cases[i].name, &none),
			     WHEREABOUTS_NO_NAME, "%s", cases[i].name);
}

Test(whereabouts, what_the_server_would_refuse_is_no_name)
{
	static const char *const networks[] = { "Storage", "-a", "a_b",
						"a b",     ".a", "a..b" };
	struct inet_prefix range = prefix("10.0.0.0/8");
	struct inet_prefix unspecified = prefix("::/64");
	struct inet_prefix mapped = {
		.addr = inet_addr_from_uint(10, (inet_uint)0xffff << 32),
		.len = 120
	};
	struct inet_addr low = addr("::1");
	char name[WHEREABOUTS_NAME];
	char text[WHEREABOUTS_NAME];

	for (size_t i = 0; i < ARRAY_SIZE(networks); i++)
		cr_expect_eq(whereabouts_pool_name(networks[i], &range, name),
			     WHEREABOUTS_NO_NAME, "%s", networks[i]);
	cr_expect_eq(whereabouts_pool_name("", &unspecified, name),
		     WHEREABOUTS_NO_NAME);
	cr_expect_eq(whereabouts_pool_name("", &mapped, name),
		     WHEREABOUTS_NO_NAME);
	cr_expect_eq(whereabouts_overlap_name("", &low, name),
		     WHEREABOUTS_NO_NAME);

	/* 242 and "-10.0.0.0-8" are the 253 that there may be. */
	memset(text, 'a', sizeof(text));
	text[242] = '\0';
	cr_expect_eq(whereabouts_pool_name(text, &range, name), 0);
	text[242] = 'a';
	text[243] = '\0';
	cr_expect_eq(whereabouts_pool_name(text, &range, name),
		     WHEREABOUTS_NO_NAME);
}

Test(whereabouts, a_key_is_the_distance_to_the_base_as_it_is_written)
{
	static const struct {
		const char *range, *addr, *key;
	} cases[] = {
		{ "10.0.0.0/8", "10.0.0.1", "1" },
		{ "10.0.0.0/8", "10.255.255.254", "16777214" },
		{ "0.0.0.0/0", "255.255.255.254", "4294967294" },
		{ "10.0.1.10/24", "10.0.1.12", "2" },
		{ "fd00::/64", "fd00::1", "1" },
		{ "fd00::/64", "fd00::7fff:ffff:ffff:ffff",
		  "9223372036854775807" },
		{ "fd00::/32", "fd00::1:2", "65538" },
		{ "fd00::8000:0:0:0/64", "fd00::8000:0:0:5", "5" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inet_addr a = addr(cases[i].addr);
		struct inet_prefix base;
		struct inet_addr back;
		char key[WHEREABOUTS_KEY];

		cr_assert_eq(whereabouts_base(cases[i].range, &base), 0);
		cr_expect_eq(whereabouts_key(&base.addr, &a, key), 0);
		cr_expect_str_eq(key, cases[i].key);
		cr_expect_eq(whereabouts_addr(&base.addr, key, &back), 0);
		cr_expect(inet_addr_equal(&a, &back), "%s", cases[i].addr);
	}
}

Test(whereabouts, what_whereabouts_does_not_count_has_no_key)
{
	static const struct {
		const char *range, *addr;
	} cases[] = {
		{ "10.0.1.0/24", "10.0.0.255" },
		{ "10.0.0.0/8", "fd00::1" },
		{ "0.0.0.0/0", "255.255.255.255" },
		{ "fd00::/64", "fd00::8000:0:0:0" },
		{ "fd00::/48", "fd00:0:0:1::" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inet_prefix base = prefix(cases[i].range);
		struct inet_addr a = addr(cases[i].addr);
		char key[WHEREABOUTS_KEY];

		cr_expect_eq(whereabouts_key(&base.addr, &a, key),
			     WHEREABOUTS_NO_KEY, "%s", cases[i].addr);
	}
}

Test(whereabouts, keys_are_read_as_go_reads_numbers)
{
	static const struct {
		const char *range, *key, *addr; /* NULL: none */
	} cases[] = {
		{ "10.0.0.0/24", "7", "10.0.0.7" },
		{ "10.0.0.0/24", "007", "10.0.0.7" },
		{ "10.0.0.0/24", "+7", "10.0.0.7" },
		{ "10.0.0.0/24", "-0", "10.0.0.0" },
		{ "10.0.0.0/24", "300", "10.0.1.44" },
		{ "10.0.0.0/24", "-1", NULL },
		{ "10.0.0.0/24", "", NULL },
		{ "10.0.0.0/24", "+", NULL },
		{ "10.0.0.0/24", "+-1", NULL },
		{ "10.0.0.0/24", " 1", NULL },
		{ "10.0.0.0/24", "1 ", NULL },
		{ "10.0.0.0/24", "0x1", NULL },
		{ "10.0.0.0/24", "1_0", NULL },
		{ "10.0.0.0/24", "one", NULL },
		{ "10.0.0.0/24", "4294967295", NULL },
		{ "255.255.255.0/24", "256", NULL },
		{ "fd00::/64", "9223372036854775807",
		  "fd00::7fff:ffff:ffff:ffff" },
		{ "fd00::/64", "9223372036854775808", NULL },
		{ "fd00::/64", "18446744073709551616", NULL },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:0/112", "65536", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inet_prefix base = prefix(cases[i].range);
		struct inet_addr have;
		char text[INET_ADDR_TEXT];
		int r = whereabouts_addr(&base.addr, cases[i].key, &have);

		if (!cases[i].addr) {
			cr_expect_eq(r, WHEREABOUTS_NO_KEY, "\"%s\"",
				     cases[i].key);
			continue;
		}
		cr_expect_eq(r, 0, "\"%s\"", cases[i].key);
		cr_expect_str_eq(inet_addr_format(&have, text), cases[i].addr);
	}
}

Test(whereabouts, a_range_that_is_none_is_an_outcome)
{
	static const char *const texts[] = {
		"",           "10.0.0.0",    "10.0.0.0/33", "010.0.0.0/8",
		"fd00::/129", "10.0.0.0/24 "
	};
	struct inet_prefix base;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		cr_expect_eq(whereabouts_base(texts[i], &base),
			     WHEREABOUTS_NO_RANGE, "\"%s\"", texts[i]);
}

Test(whereabouts, a_pod_is_its_namespace_and_its_name)
{
	char ref[WHEREABOUTS_PODREF];
	char name[400];

	cr_expect_eq(whereabouts_podref("default", "web-0", ref), 0);
	cr_expect_str_eq(ref, "default/web-0");
	cr_expect_eq(whereabouts_podref("", "web-0", ref), WHEREABOUTS_NO_NAME);
	cr_expect_eq(whereabouts_podref("default", "", ref),
		     WHEREABOUTS_NO_NAME);
	memset(name, 'a', sizeof(name));
	name[399] = '\0';
	cr_expect_eq(whereabouts_podref("default", name, ref),
		     WHEREABOUTS_NO_NAME);
}

Test(whereabouts, a_node_is_told_from_a_pod)
{
	char id[WHEREABOUTS_NAME + 4];

	cr_expect_eq(whereabouts_host_id("k8s-1.example", id), 0);
	cr_expect_str_eq(id, "hsh/k8s-1.example");
	cr_expect_str_eq(whereabouts_host("", id), "k8s-1.example");
	cr_expect_null(whereabouts_host("default/web-0", id));
	cr_expect_null(whereabouts_host("", "4711"));
	cr_expect_eq(whereabouts_host_id("K8S", id), WHEREABOUTS_NO_NAME);
	cr_expect_eq(whereabouts_host_id("", id), WHEREABOUTS_NO_NAME);
}
