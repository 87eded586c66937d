#include "lib/inet.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Left: what is written; right: what Go's net.ParseIP(...).String() prints, or
 * NULL where it refuses. */
static const struct {
	const char *text;
	const char *expected;
} addr_cases[] = {
	{ "10.1.2.3", "10.1.2.3" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "256.1.1.1", NULL },
	{ "1.2.3", NULL },
	{ "1.2.3.4.5", NULL },
	{ "1.2.3.04", NULL },
	{ " 1.2.3.4", NULL },
	{ "1.2.3.4 ", NULL },
	{ "", NULL },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "2001:DB8::1", "2001:db8::1" },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
	{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
	{ "::102:304", "::102:304" },
	{ "::1.2.3.4", "::102:304" },
	{ "::ffff:1.2.3.4", "1.2.3.4" },
	{ "64:ff9b::1.2.3.4", "64:ff9b::102:304" },
	{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1:2:3:4:5:6:7:8::", NULL },
	{ "::1::", NULL },
	{ ":::", NULL },
	{ ":1::2", NULL },
	{ "1:", NULL },
	{ "12345::", NULL },
	{ "fe80::1%eth0", NULL },
	{ "::1.2.3", NULL },
	{ "1:2:3:4:5:6:7:1.2.3.4", NULL },
};

Test(inet, addresses_read_and_print_as_go_does)
{
	for (size_t i = 0; i < ARRAY_SIZE(addr_cases); i++) {
		struct inet_addr addr;
		char buf[INET_ADDR_TEXT];
		bool ok = inet_addr_parse(addr_cases[i].text, &addr);

		cr_expect_eq(ok, addr_cases[i].expected != NULL, "\"%s\"",
			     addr_cases[i].text);
		if (ok && addr_cases[i].expected)
			cr_expect_str_eq(inet_addr_format(&addr, buf),
					 addr_cases[i].expected, "\"%s\": %s",
					 addr_cases[i].text, buf);
	}
}

Test(inet, leading_zeros_only_where_whereabouts_takes_them)
{
	struct inet_addr addr;
	char buf[INET_ADDR_TEXT];

	cr_expect_not(inet_addr_parse("010.000.000.008", &addr));
	cr_assert(inet_addr_parse_lenient("010.000.000.008", &addr));
	cr_expect_str_eq(inet_addr_format(&addr, buf), "10.0.0.8");
}

static const struct {
	const char *text;
	const char *expected;
	const char *first;
	const char *last;
} prefix_cases[] = {
	{ "10.1.2.3/24", "10.1.2.3/24", "10.1.2.0", "10.1.2.255" },
	{ "10.1.2.3/32", "10.1.2.3/32", "10.1.2.3", "10.1.2.3" },
	{ "0.0.0.0/0", "0.0.0.0/0", "0.0.0.0", "255.255.255.255" },
	{ "10.1.2.3/33", NULL, NULL, NULL },
	{ "10.1.2.3", NULL, NULL, NULL },
	{ "10.1.2.3/", NULL, NULL, NULL },
	{ "10.1.2.3/024", NULL, NULL, NULL },
	{ "10.1.2.3/24x", NULL, NULL, NULL },
	{ "10.1.2.3/-1", NULL, NULL, NULL },
	{ "fd00::5/64", "fd00::5/64", "fd00::", "fd00::ffff:ffff:ffff:ffff" },
	{ "::/0", "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "fd00::/129", NULL, NULL, NULL },
	{ "::ffff:10.0.0.1/120", "10.0.0.1/24", "10.0.0.0", "10.0.0.255" },
	{ "::ffff:10.0.0.1/24", NULL, NULL, NULL },
};

Test(inet, prefixes_keep_host_bits_and_know_their_edges)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefix_cases); i++) {
		const char *text = prefix_cases[i].text;
		struct inet_prefix prefix;
		struct inet_addr edge;
		char buf[INET_PREFIX_TEXT];
		bool ok = inet_prefix_parse(text, &prefix);

		cr_expect_eq(ok, prefix_cases[i].expected != NULL, "\"%s\"",
			     text);
		if (!ok || !prefix_cases[i].expected)
			continue;
		cr_expect_str_eq(inet_prefix_format(&prefix, buf),
				 prefix_cases[i].expected);
		edge = inet_prefix_first(&prefix);
		cr_expect_str_eq(inet_addr_format(&edge, buf),
				 prefix_cases[i].first, "\"%s\"", text);
		cr_expect(inet_prefix_contains(&prefix, &edge));
		edge = inet_prefix_last(&prefix);
		cr_expect_str_eq(inet_addr_format(&edge, buf),
				 prefix_cases[i].last, "\"%s\"", text);
		cr_expect(inet_prefix_contains(&prefix, &edge));
	}
}

Test(inet, a_prefix_contains_its_network_only)
{
	struct inet_prefix prefix;
	struct inet_addr addr;

	cr_assert(inet_prefix_parse("10.100.1.16/28", &prefix));
	cr_assert(inet_addr_parse("10.100.1.15", &addr));
	cr_expect_not(inet_prefix_contains(&prefix, &addr));
	cr_assert(inet_addr_parse("10.100.1.32", &addr));
	cr_expect_not(inet_prefix_contains(&prefix, &addr));
	cr_assert(inet_addr_parse("::10.100.1.17", &addr));
	cr_expect_not(inet_prefix_contains(&prefix, &addr));
}

Test(inet, values_survive_the_way_through_128_bits)
{
	struct inet_addr addr, back;

	cr_assert(inet_addr_parse("fd00:1:2:3:4:5:6:7", &addr));
	back = inet_addr_from_uint(AF_INET6, inet_addr_to_uint(&addr));
	cr_expect(inet_addr_equal(&addr, &back));
	back = inet_addr_from_uint(AF_INET6, inet_addr_to_uint(&addr) + 1);
	cr_expect_gt(inet_addr_compare(&back, &addr), 0);
}

static const struct {
	const char *text;
	const char *expected;
} mac_cases[] = {
	{ "c2:11:22:33:44:55", "c2:11:22:33:44:55" },
	{ "C2-11-22-33-44-5f", "c2:11:22:33:44:5f" },
	{ "c211.2233.4455", "c2:11:22:33:44:55" },
	{ "c2:11:22:33:44", NULL },
	{ "c2:11:22:33:44:55:66:77", NULL },
	{ "c2:11-22:33:44:55", NULL },
	{ "c2112233.4455", NULL },
	{ "c2:11:22:33:44:5g", NULL },
	{ "", NULL },
};

Test(inet, macs_in_the_forms_that_go_takes)
{
	for (size_t i = 0; i < ARRAY_SIZE(mac_cases); i++) {
		struct inet_mac mac;
		char buf[INET_MAC_TEXT];
		bool ok = inet_mac_parse(mac_cases[i].text, &mac);

		cr_expect_eq(ok, mac_cases[i].expected != NULL, "\"%s\"",
			     mac_cases[i].text);
		if (ok && mac_cases[i].expected)
			cr_expect_str_eq(inet_mac_format(&mac, buf),
					 mac_cases[i].expected);
	}
}

Test(inet, a_hashed_mac_is_local_unicast)
{
	struct inet_mac mac = inet_mac_from_hash(UINT64_MAX);

	cr_expect_eq(mac.bytes[0] & 3, 2);
	cr_expect(inet_mac_is_usable(&mac));
	cr_expect_not(inet_mac_is_usable(&(struct inet_mac){ { 1 } }));
	cr_expect_not(inet_mac_is_usable(&(struct inet_mac){ { 0 } }));
}

Test(inet, only_what_a_host_can_bear_is_unicast)
{
	static const struct {
		const char *text;
		bool unicast;
	} cases[] = {
		{ "10.0.0.1", true },
		{ "0.0.0.0", false },
		{ "127.0.0.1", false },
		{ "224.0.0.1", false },
		{ "255.255.255.255", false },
		{ "fd00::1", true },
		{ "fe80::1", true },
		{ "ff02::1", false },
		{ "::1", false },
		{ "::", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inet_addr addr;

		cr_assert(inet_addr_parse(cases[i].text, &addr));
		cr_expect_eq(inet_addr_is_unicast(&addr), cases[i].unicast,
			     "%s", cases[i].text);
	}
}
