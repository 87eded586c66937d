#include "plugin/ctl/counters.h"

#include <criterion/criterion.h>
#include <inttypes.h>

TestSuite(counters);

Test(counters, a_step_is_the_difference_a_wrap_or_a_new_beginning)
{
	static const struct {
		uint64_t before;
		uint64_t now;
		uint64_t step;
		bool reset;
	} cases[] = {
		{ 0, 0, 0, false },
		{ 10, 15, 5, false },
		{ 0, UINT64_MAX, UINT64_MAX, false },
		/* 32 bits wrapped, just once around the corner */
		{ UINT32_MAX, 0, 1, false },
		{ 0xfffffff0, 0x10, 0x20, false },
		{ 0xc0000000, 0x3fffffff, 0x7fffffff, false },
		/* too far from the corner */
		{ 0xbfffffff, 5, 5, true },
		{ 0xfffffff0, 0x40000000, 0x40000000, true },
		/* made anew */
		{ 1000, 7, 7, true },
		{ UINT64_C(1) << 32, 7, 7, true },
		{ UINT64_MAX, 0, 0, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool reset = false;

		cr_expect_eq(counters_step(cases[i].before, cases[i].now,
					   &reset),
			     cases[i].step, "case %zu", i);
		cr_expect_eq(reset, cases[i].reset, "case %zu", i);
	}
}

Test(counters, a_reset_is_remembered_over_the_steps_that_follow)
{
	struct netlink_stats at[] = { { .tx_bytes = 900, .rx_packets = 5 },
				      { .tx_bytes = 10, .rx_packets = 6 },
				      { .tx_bytes = 30, .rx_packets = 8 } };
	struct netlink_stats sum = { 0 };
	bool reset = false;

	counters_add(&sum, &at[0], &at[1], &reset);
	counters_add(&sum, &at[1], &at[2], &reset);
	cr_expect_eq(sum.tx_bytes, 30);
	cr_expect_eq(sum.rx_packets, 3);
	cr_expect_eq(sum.tx_packets, 0);
	cr_expect(reset);
}

Test(counters, copies_per_frame)
{
	static const struct {
		const char *name;
		struct netlink_stats parent;
		struct netlink_stats children;
		uint64_t multicast;
		struct counters_copies want;
	} cases[] = {
		{ "nothing moves", { 0 }, { 0 }, 0, { 0, 0, 0 } },
		{ "unicast",
		  { .tx_packets = 1000, .rx_packets = 1000 },
		  { .tx_packets = 1000, .rx_packets = 1000 },
		  0,
		  { 0, 1000, 1000 } },
		{ "a hub of four nodes",
		  { .tx_packets = 3000, .rx_packets = 1000 },
		  { .tx_packets = 1000, .rx_packets = 1000 },
		  0,
		  { 0, 1000, 3000 } },
		{ "local frames are not the overlay's",
		  { .tx_packets = 200, .rx_packets = 100 },
		  { .tx_packets = 1100, .rx_packets = 1100 },
		  0,
		  { 1000, 100, 2000 } },
		{ "what came for others is not the children's",
		  { .tx_packets = 200,
		    .rx_packets = 5100,
		    .rx_otherhost = 5000 },
		  { .tx_packets = 1100, .rx_packets = 1100 },
		  0,
		  { 1000, 100, 2000 } },
		{ "broadcasts come once, and to each child",
		  { .tx_packets = 100, .rx_packets = 150 },
		  { .tx_packets = 100, .rx_packets = 250, .rx_multicast = 150 },
		  50,
		  { 0, 100, 1000 } },
		{ "only local ones",
		  { .tx_packets = 0, .rx_packets = 0 },
		  { .tx_packets = 500, .rx_packets = 500 },
		  0,
		  { 500, 0, 0 } },
		{ "receive offload merges: never less than one copy",
		  { .tx_packets = 500, .rx_packets = 9000 },
		  { .tx_packets = 1000, .rx_packets = 700 },
		  0,
		  { 0, 1000, 1000 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct counters_copies got =
			counters_copies(&cases[i].parent, &cases[i].children,
					cases[i].multicast);

		cr_expect_eq(got.local, cases[i].want.local, "%s: %" PRIu64,
			     cases[i].name, got.local);
		cr_expect_eq(got.left, cases[i].want.left, "%s: %" PRIu64,
			     cases[i].name, got.left);
		cr_expect_eq(got.milli, cases[i].want.milli, "%s: %" PRIu64,
			     cases[i].name, got.milli);
	}
}
