#include "plugin/shared.h"
#include "plugin/shim-priv.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

/* --- names and marks ---------------------------------------------------------- */

Test(shared, a_temporary_name_is_short_stable_and_its_own)
{
	char a[IFNAMSIZ], b[IFNAMSIZ], again[IFNAMSIZ];

	shared_temporary_name("vxlan-storage", a);
	shared_temporary_name("vxlan-storagf", b);
	shared_temporary_name("vxlan-storage", again);
	cr_expect_eq(strlen(a), 14);
	cr_expect_eq(strncmp(a, "vethhs", 6), 0);
	cr_expect_str_eq(a, again);
	cr_expect_str_neq(a, b);
}

Test(shared, only_our_mark_makes_a_link_ours)
{
	struct netlink_link link = { 0 };
	char mark[NETLINK_ALIAS_TEXT];

	cr_expect_not(shared_is_marked(&link));
	strcpy(link.alias, "uplink of hostshim:eth1");
	cr_expect_not(shared_is_marked(&link));
	strcpy(link.alias, shared_mark("eth1", mark));
	cr_expect(shared_is_marked(&link));
	cr_expect_str_eq(link.alias, "hostshim:eth1");
}

Test(shared, macs_differ_by_node_basis_and_link)
{
	static char name1[] = "k8s-1", name2[] = "k8s-2";
	const struct {
		struct node node;
		const char *basis;
		const char *link;
	} cases[] = {
		{ { .name = name1 }, "1234", "a" },
		{ { .name = name2 }, "1234", "a" },
		{ { .name = name1 }, "1235", "a" },
		{ { .name = name1 }, "1234", "b" },
	};
	struct inet_mac macs[ARRAY_SIZE(cases)], again;
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cr_assert_eq(shared_mac(&cases[i].node, cases[i].basis, 4,
					cases[i].link, &macs[i], &err),
			     0);
		cr_assert_eq(shared_mac(&cases[i].node, cases[i].basis, 4,
					cases[i].link, &again, &err),
			     0);
		cr_expect(inet_mac_equal(&macs[i], &again));
		cr_expect(inet_mac_is_usable(&macs[i]));
		for (size_t j = 0; j < i; j++)
			cr_expect_not(inet_mac_equal(&macs[i], &macs[j]));
	}
}

Test(shared, a_difference_names_each_key_that_differs)
{
	struct shared_diff diff = { 0 };

	shared_diff_u32(&diff, "id", 5, 5);
	cr_expect_eq(diff.len, 0);
	shared_diff_u32(&diff, "id", 5, 100);
	shared_diff_text(&diff, "kind", "bridge", "vxlan");
	cr_expect_str_eq(diff.text,
			 "id is 5, not 100; kind is bridge, not vxlan");
	for (int i = 0; i < 50; i++)
		shared_diff_text(&diff, "key", "something", "another thing");
	cr_expect_eq(strlen(diff.text), diff.len);
	cr_expect_lt(diff.len, sizeof(diff.text));
}

/* --- the fewest prefixes that cover a set ----------------------------------------- */

static struct range_set set_of(const inet_uint (*items)[2], size_t count)
{
	struct range_set set = { 0 };
	struct error err = { 0 };

	for (size_t i = 0; i < count; i++)
		cr_assert_eq(range_set_add(&set, items[i][0], items[i][1],
					   &err),
			     0);
	return set;
}

static void expect_cover(const struct range_set *set, uint8_t family,
			 const char *const *want, size_t n_want)
{
	cleanup_free struct inet_prefix *have = NULL;
	struct error err = { 0 };
	size_t count = 0;

	cr_assert_eq(shim_cover(set, family, &have, &count, &err), 0);
	cr_expect_eq(count, n_want, "%zu prefixes", count);
	for (size_t i = 0; i < count && i < n_want; i++) {
		char text[INET_PREFIX_TEXT];

		cr_expect_str_eq(inet_prefix_format(&have[i], text), want[i]);
	}
}

Test(cover, intervals_become_the_fewest_prefixes)
{
	static const struct {
		inet_uint first, last;
		const char *want[8];
		size_t n_want;
	} cases[] = {
		{ 0x0a000040, 0x0a00007f, { "10.0.0.64/26" }, 1 },
		{ 0x0a000010, 0x0a000010, { "10.0.0.16/32" }, 1 },
		{ 0x0a000001,
		  0x0a000006,
		  { "10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31",
		    "10.0.0.6/32" },
		  4 },
		{ 0x0a0000ff,
		  0x0a000100,
		  { "10.0.0.255/32", "10.0.1.0/32" },
		  2 },
		{ 0xfffffffe, 0xffffffff, { "255.255.255.254/31" }, 1 },
		{ 0, 0xffffffff, { "0.0.0.0/1", "128.0.0.0/1" }, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const inet_uint item[1][2] = { { cases[i].first,
						 cases[i].last } };
		cleanup_range_set struct range_set set = set_of(item, 1);

		expect_cover(&set, AF_INET, cases[i].want, cases[i].n_want);
	}
}

Test(cover, a_hole_is_not_covered)
{
	static const inet_uint items[2][2] = { { 0x0a000040, 0x0a000041 },
					       { 0x0a000043, 0x0a000047 } };
	static const char *const want[] = { "10.0.0.64/31", "10.0.0.67/32",
					    "10.0.0.68/30" };
	cleanup_range_set struct range_set set = set_of(items, 2);

	expect_cover(&set, AF_INET, want, ARRAY_SIZE(want));
}

Test(cover, ipv6_ends_at_the_last_address_of_all)
{
	const inet_uint items[1][2] = { { ~(inet_uint)0 - 3, ~(inet_uint)0 } };
	static const char *const want[] = {
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc/126"
	};
	cleanup_range_set struct range_set set = set_of(items, 1);

	expect_cover(&set, AF_INET6, want, 1);
}

/* Would the two be one shorter prefix? */
static bool are_halves(const struct inet_prefix *a, const struct inet_prefix *b)
{
	struct inet_prefix whole = { a->addr, (uint8_t)(a->len - 1) };
	struct inet_addr first = inet_prefix_first(&whole);

	return a->len == b->len && inet_addr_equal(&first, &a->addr) &&
	       inet_prefix_contains(&whole, &b->addr);
}

/* Any set: the prefixes are disjoint, in order, and together the set; and no two
 * neighbours would make one. */
Test(cover, any_set_is_covered_exactly)
{
	unsigned int seed = 1;

	for (int round = 0; round < 300; round++) {
		cleanup_range_set struct range_set set = { 0 };
		cleanup_range_set struct range_set sum = { 0 };
		cleanup_free struct inet_prefix *have = NULL;
		struct error err = { 0 };
		size_t count = 0;

		for (int i = 0; i < 5; i++) {
			inet_uint first = (unsigned int)rand_r(&seed) % 2000;
			inet_uint len = (unsigned int)rand_r(&seed) % 300;
			inet_uint last = first + len;

			cr_assert_eq(range_set_add(&set, first, last, &err), 0);
		}
		cr_assert_eq(shim_cover(&set, AF_INET, &have, &count, &err), 0);
		for (size_t i = 0; i < count; i++) {
			struct inet_addr a = inet_prefix_first(&have[i]);
			struct inet_addr b = inet_prefix_last(&have[i]);

			cr_expect(inet_addr_equal(&a, &have[i].addr));
			cr_expect_not(
				range_set_contains(&sum,
						   inet_addr_to_uint(&a)));
			cr_assert_eq(range_set_add(&sum, inet_addr_to_uint(&a),
						   inet_addr_to_uint(&b), &err),
				     0);
			cr_expect_not(i > 0 &&
				      are_halves(&have[i - 1], &have[i]));
		}
		cr_expect_eq(sum.count, set.count);
		cr_expect_eq(memcmp(sum.items, set.items,
				    set.count * sizeof(*set.items)),
			     0);
	}
}
