#include "ipam/range.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MAX (~(inet_uint)0)

/* "1-3,7" of small numbers. */
static void format_set(const struct range_set *set, char *buf, size_t len)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < set->count && used < len; i++) {
		unsigned long first = (unsigned long)set->items[i].first;
		unsigned long last = (unsigned long)set->items[i].last;

		used += (size_t)snprintf(buf + used, len - used, "%s%lu",
					 i ? "," : "", first);
		if (last != first && used < len)
			used += (size_t)snprintf(buf + used, len - used, "-%lu",
						 last);
	}
}

/* The same with addresses. */
static void format_addresses(const struct range_set *set, uint8_t family,
			     char *buf, size_t len)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < set->count && used < len; i++) {
		struct inet_addr first, last;
		char a[INET_ADDR_TEXT], b[INET_ADDR_TEXT];

		first = inet_addr_from_uint(family, set->items[i].first);
		last = inet_addr_from_uint(family, set->items[i].last);
		used += (size_t)snprintf(buf + used, len - used, "%s%s-%s",
					 i ? "," : "",
					 inet_addr_format(&first, a),
					 inet_addr_format(&last, b));
	}
}

static void cr_expect_set(const struct range_set *set, const char *expected)
{
	char text[256];

	format_set(set, text, sizeof(text));
	cr_expect_str_eq(text, expected, "got %s, expected %s", text, expected);
}

Test(range, neighbours_and_overlaps_become_one_interval)
{
	cleanup_range_set struct range_set set = { 0 };
	struct error err = { 0 };

	range_set_add(&set, 10, 20, &err);
	range_set_add(&set, 30, 40, &err);
	cr_expect_set(&set, "10-20,30-40");
	range_set_add(&set, 21, 29, &err);
	cr_expect_set(&set, "10-40");
	range_set_add(&set, 0, 0, &err);
	range_set_add(&set, 42, 42, &err);
	cr_expect_set(&set, "0,10-40,42");
	range_set_add(&set, 5, 100, &err);
	cr_expect_set(&set, "0,5-100");
}

Test(range, removal_trims_splits_and_drops)
{
	cleanup_range_set struct range_set set = { 0 };
	struct error err = { 0 };

	range_set_add(&set, 10, 20, &err);
	range_set_add(&set, 30, 40, &err);
	range_set_remove(&set, 15, 15, &err);
	cr_expect_set(&set, "10-14,16-20,30-40");
	range_set_remove(&set, 0, 10, &err);
	cr_expect_set(&set, "11-14,16-20,30-40");
	range_set_remove(&set, 13, 33, &err);
	cr_expect_set(&set, "11-12,34-40");
	range_set_remove(&set, 50, 60, &err);
	range_set_remove(&set, 0, 5, &err);
	range_set_remove(&set, 20, 30, &err);
	cr_expect_set(&set, "11-12,34-40");
	range_set_remove(&set, 0, MAX, &err);
	cr_expect_set(&set, "");
}

Test(range, the_ends_of_128_bits_do_not_wrap)
{
	cleanup_range_set struct range_set set = { 0 };
	struct error err = { 0 };
	inet_uint value;

	range_set_add(&set, MAX - 1, MAX, &err);
	range_set_add(&set, 0, 1, &err);
	cr_expect_eq(set.count, 2);
	cr_expect(range_set_contains(&set, MAX));
	cr_expect_not(range_set_contains(&set, 2));
	cr_expect(range_set_next(&set, 2, &value));
	cr_expect(value == MAX - 1);
	range_set_remove(&set, MAX, MAX, &err);
	cr_expect_not(range_set_contains(&set, MAX));
	range_set_add(&set, 0, MAX, &err);
	cr_expect_eq(set.count, 1);
	cr_expect(range_set_size(&set) == MAX);
}

#define MODEL 200

static void compare_with_model(const struct range_set *set, const bool *model,
			       unsigned int seed)
{
	unsigned int size = 0;

	for (unsigned int v = 0; v < MODEL; v++) {
		cr_assert_eq(range_set_contains(set, v), model[v],
			     "seed %u: %u", seed, v);
		size += model[v];
	}
	cr_assert(range_set_size(set) == size, "seed %u", seed);
	for (size_t i = 1; i < set->count; i++)
		cr_assert(set->items[i].first > set->items[i - 1].last + 1,
			  "seed %u: not merged", seed);
}

Test(range, sets_behave_like_a_table_of_flags)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct error err = { 0 };

	for (int round = 0; round < 50; round++, seed++) {
		cleanup_range_set struct range_set set = { 0 };
		bool model[MODEL] = { 0 };
		unsigned int state = seed;

		for (int op = 0; op < 60; op++) {
			unsigned int a = (unsigned int)rand_r(&state) % MODEL;
			unsigned int len = (unsigned int)rand_r(&state) % 30;
			unsigned int b = a + len < MODEL ? a + len : MODEL - 1;
			bool add = rand_r(&state) % 2;

			if (add)
				range_set_add(&set, a, b, &err);
			else
				range_set_remove(&set, a, b, &err);
			for (unsigned int v = a; v <= b; v++)
				model[v] = add;
			compare_with_model(&set, model, seed);
		}
	}
}

Test(range, overlap_is_an_address_in_common, .description = "RG-4")
{
	cleanup_range_set struct range_set a = { 0 };
	cleanup_range_set struct range_set b = { 0 };
	struct error err = { 0 };

	range_set_add(&a, 10, 20, &err);
	range_set_add(&b, 21, 30, &err);
	cr_expect_not(range_set_overlaps(&a, &b));
	cr_expect_not(range_set_overlaps(&b, &a));
	range_set_add(&b, 1, 10, &err);
	cr_expect(range_set_overlaps(&a, &b));
	cr_expect(range_set_overlaps(&b, &a));
}

/* What Whereabouts 0.9.4 allocates from. */
Test(range, the_allocatable_set_is_whereabouts)
{
	static const struct {
		const char *range, *start, *end, *expected;
	} cases[] = {
		{ "10.1.2.0/24", "", "", "10.1.2.1-10.1.2.254" },
		{ "192.168.2.225/28", "", "", "192.168.2.225-192.168.2.238" },
		{ "192.168.2.230/28", "", "", "192.168.2.225-192.168.2.238" },
		{ "192.168.2.225-192.168.2.230/28", "", "",
		  "192.168.2.225-192.168.2.230" },
		{ "10.0.0.5-10.0.0.5/24", "", "", "10.0.0.5-10.0.0.5" },
		{ "010.001.002.000/24", "", "", "10.1.2.1-10.1.2.254" },
		{ "10.0.0.0/8", "", "", "10.0.0.1-10.255.255.254" },
		{ "10.1.2.0/30", "", "", "10.1.2.1-10.1.2.2" },
		{ "10.1.2.0/24", "10.1.2.10", "10.1.2.20",
		  "10.1.2.10-10.1.2.20" },
		{ "10.1.2.0/24", "10.1.2.10", "", "10.1.2.10-10.1.2.254" },
		{ "10.1.2.0/24", "", "10.1.2.20", "10.1.2.1-10.1.2.20" },
		/* Outside: ignored. */
		{ "10.1.2.0/24", "10.1.3.10", "10.1.2.20",
		  "10.1.2.1-10.1.2.20" },
		{ "10.1.2.0/24", "10.1.2.0", "10.1.2.255",
		  "10.1.2.1-10.1.2.254" },
		/* Inverted: from the start to the end of the network. */
		{ "10.1.2.0/24", "10.1.2.20", "10.1.2.10",
		  "10.1.2.20-10.1.2.254" },
		{ "10.1.2.20-10.1.2.10/24", "", "", "10.1.2.20-10.1.2.254" },
		{ "2001:db8::/64", "", "",
		  "2001:db8::1-2001:db8::ffff:ffff:ffff:fffe" },
		{ "2001:db8::5-2001:db8::9/64", "", "",
		  "2001:db8::5-2001:db8::9" },
		{ "::/0", "", "",
		  "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_range_set struct range_set set = { 0 };
		struct error err = { 0 };
		struct range range;
		char text[256];

		cr_assert_eq(range_parse(cases[i].range, &range, &err), 0,
			     "%s: %s", cases[i].range, err.details);
		if (*cases[i].start)
			cr_assert(
				inet_addr_parse(cases[i].start, &range.start));
		if (*cases[i].end)
			cr_assert(inet_addr_parse(cases[i].end, &range.end));
		cr_assert_eq(range_usable(&range, &set, &err), 0);
		format_addresses(&set, range.network.addr.family, text,
				 sizeof(text));
		cr_expect_str_eq(text, cases[i].expected, "%s: %s",
				 cases[i].range, text);
	}
}

Test(range, what_is_no_range_is_quoted)
{
	static const char *const cases[] = {
		"",
		"10.1.2.0",
		"10.1.2.0/33",
		"10.1.2.0/-1",
		"10.1.2/24",
		"10.1.2.256/24",
		"10.1.2.1-10.1.2.9",
		"10.1.2.1-/24",
		"-10.1.2.9/24",
		"10.1.2.1/24-10.1.2.9/24",
		"2001:db8::/129",
		"2001:db8::1-10.1.2.9/24",
		"10.1.2.0/24 ",
		" 10.1.2.0/24",
		"10.1.2.0/24,10.1.3.0/24",
		"10.1.2.1 - 10.1.2.9/24",
		"10.1.3.1-10.1.2.9/24",
		"1111111111111111111111111111111111111111111111111111111-::/1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		struct range range;

		cr_expect_lt(range_parse(cases[i], &range, &err), 0, "%s",
			     cases[i]);
		cr_expect_eq(err.code, ERROR_CONFIG, "%s", cases[i]);
		cr_expect(strstr(err.details, cases[i]), "%s", err.details);
	}
}

Test(range, networks_without_host_addresses_are_refused, .description = "RG-2")
{
	static const char *const cases[] = {
		"10.1.2.0/31",
		"10.1.2.0/32",
		"2001:db8::/127",
		"2001:db8::/128",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_range_set struct range_set set = { 0 };
		struct error err = { 0 };
		struct range range;

		cr_assert_eq(range_parse(cases[i], &range, &err), 0);
		cr_expect_lt(range_usable(&range, &set, &err), 0);
		cr_expect(strstr(err.details, cases[i]), "%s", err.details);
		cr_expect_lt(range_usable_host_local(&range, &set, &err), 0);
		cr_expect_eq(err.code, ERROR_CONFIG);
	}
}

Test(range, a_window_that_makes_no_sense_is_named, .description = "RG-2")
{
	static const struct {
		const char *range, *start, *end, *complaint;
	} cases[] = {
		{ "10.1.2.0/24", "10.1.2.1", "10.1.2.1", NULL },
		{ "10.1.2.0/24", "10.1.2.0", "10.1.2.255", NULL },
		{ "10.1.2.0/24", "10.1.3.1", "", "start 10.1.3.1" },
		{ "10.1.2.0/24", "", "10.1.1.1", "end 10.1.1.1" },
		{ "10.1.2.0/24", "::1", "", "start ::1" },
		{ "10.1.2.0/24", "10.1.2.9", "10.1.2.8",
		  "end 10.1.2.8 is before start 10.1.2.9" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		struct range range;
		int r;

		cr_assert_eq(range_parse(cases[i].range, &range, &err), 0);
		if (*cases[i].start)
			cr_assert(
				inet_addr_parse(cases[i].start, &range.start));
		if (*cases[i].end)
			cr_assert(inet_addr_parse(cases[i].end, &range.end));
		r = range_check(&range, &err);
		cr_expect_eq(r < 0, cases[i].complaint != NULL);
		if (cases[i].complaint)
			cr_expect(strstr(err.details, cases[i].complaint), "%s",
				  err.details);
	}
}

/* As in host-local 1.9.1, less the addresses that no host can bear. */
Test(range, host_local_ranges_are_strict, .description = "RG-1 RG-2 AL-2")
{
	static const struct {
		const char *subnet, *start, *end, *expected, *complaint;
	} cases[] = {
		{ "192.0.2.0/24", "", "", "192.0.2.1-192.0.2.254", NULL },
		{ "192.0.2.0/25", "", "", "192.0.2.1-192.0.2.126", NULL },
		{ "2001:db8:1::/64", "", "",
		  "2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff", NULL },
		{ "192.0.2.0/24", "192.0.2.40", "192.0.2.50",
		  "192.0.2.40-192.0.2.50", NULL },
		{ "192.0.2.0/24", "192.0.2.0", "192.0.2.255",
		  "192.0.2.1-192.0.2.254", NULL },
		{ "192.0.2.12/24", "", "", NULL,
		  "host bits are set: the network is 192.0.2.0/24" },
		{ "192.0.2.0/24", "192.0.3.0", "", NULL, "start 192.0.3.0" },
		{ "192.0.2.0/24", "", "192.0.4.0", NULL, "end 192.0.4.0" },
		{ "192.0.2.0/24", "192.0.2.50", "192.0.2.40", NULL, "before" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_range_set struct range_set set = { 0 };
		struct error err = { 0 };
		struct range range = { 0 };
		char text[256];
		int r;

		cr_assert(inet_prefix_parse(cases[i].subnet, &range.network));
		if (*cases[i].start)
			cr_assert(
				inet_addr_parse(cases[i].start, &range.start));
		if (*cases[i].end)
			cr_assert(inet_addr_parse(cases[i].end, &range.end));
		r = range_usable_host_local(&range, &set, &err);
		cr_expect_eq(r < 0, cases[i].complaint != NULL);
		format_addresses(&set, range.network.addr.family, text,
				 sizeof(text));
		if (cases[i].expected)
			cr_expect_str_eq(text, cases[i].expected);
		else
			cr_expect(strstr(err.details, cases[i].complaint), "%s",
				  err.details);
	}
}

Test(range, membership_holds_at_both_edges, .description = "RG-3")
{
	static const char *const inside[] = { "10.1.2.10", "10.1.2.20" };
	static const char *const outside[] = { "10.1.2.9", "10.1.2.21" };
	cleanup_range_set struct range_set set = { 0 };
	struct error err = { 0 };
	struct inet_addr addr;
	struct range range;

	cr_assert_eq(range_parse("10.1.2.10-10.1.2.20/24", &range, &err), 0);
	cr_assert_eq(range_usable(&range, &set, &err), 0);
	for (size_t i = 0; i < 2; i++) {
		cr_assert(inet_addr_parse(inside[i], &addr));
		cr_expect(range_set_contains(&set, inet_addr_to_uint(&addr)));
		cr_assert(inet_addr_parse(outside[i], &addr));
		cr_expect_not(
			range_set_contains(&set, inet_addr_to_uint(&addr)));
	}
}

Test(range, the_cover_is_the_smallest_network_around_the_window)
{
	static const struct {
		const char *range, *expected;
	} cases[] = {
		{ "10.1.2.0/24", "10.1.2.0/24" },
		{ "10.1.2.16-10.1.2.31/24", "10.1.2.16/28" },
		{ "10.1.2.5-10.1.2.5/24", "10.1.2.5/32" },
		{ "10.1.2.127-10.1.2.128/24", "10.1.2.0/24" },
		{ "fd00::100-fd00::1ff/64", "fd00::100/120" },
		{ "::/0", "::/0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inet_prefix cover;
		struct error err = { 0 };
		struct range range;
		char text[INET_PREFIX_TEXT];

		cr_assert_eq(range_parse(cases[i].range, &range, &err), 0);
		cover = range_cover(&range);
		cr_expect_str_eq(inet_prefix_format(&cover, text),
				 cases[i].expected);
	}
}

Test(range, text_comes_back_as_it_went_in)
{
	static const char *const cases[] = {
		"10.1.2.0/24",
		"10.1.2.5-10.1.2.9/24",
		"fd00::5-fd00::9/64",
		"fd00::/64",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		struct range range;
		char text[RANGE_TEXT];

		cr_assert_eq(range_parse(cases[i], &range, &err), 0);
		cr_expect_str_eq(range_format(&range, text), cases[i]);
	}
}
