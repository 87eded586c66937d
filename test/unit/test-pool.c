#include "ipam/pool.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* A store as naive as can be: one flag per address. */
#define MODEL 4096

struct model {
	bool taken[MODEL];
	unsigned int asked;
};

static int model_taken(void *arg, inet_uint value, inet_uint *ret_last,
		       struct error *err)
{
	struct model *model = arg;

	(void)err;
	model->asked++;
	if (value >= MODEL || !model->taken[(size_t)value])
		return 0;
	for (*ret_last = value; *ret_last + 1 < MODEL; (*ret_last)++)
		if (!model->taken[(size_t)*ret_last + 1])
			break;
	return 1;
}

static int model_fails(void *arg, inet_uint value, inet_uint *ret_last,
		       struct error *err)
{
	(void)arg;
	(void)value;
	(void)ret_last;
	return error_set(err, ERROR_STORE, 0, "damaged");
}

static void random_set(struct range_set *set, unsigned int *state)
{
	struct error err = { 0 };

	for (int i = 0; i < 8; i++) {
		unsigned int first = (unsigned int)rand_r(state) % MODEL;
		unsigned int last = first +
				    (unsigned int)rand_r(state) % (MODEL / 8);

		if (last >= MODEL)
			last = MODEL - 1;
		if (rand_r(state) % 3)
			range_set_add(set, first, last, &err);
		else
			range_set_remove(set, first, last, &err);
	}
}

static bool naive_from(const struct range_set *set, const struct model *model,
		       unsigned int from, unsigned int *ret)
{
	for (unsigned int i = 0; i < MODEL; i++) {
		unsigned int value = (from + i) % MODEL;

		if (range_set_contains(set, value) && !model->taken[value]) {
			*ret = value;
			return true;
		}
	}
	return false;
}

Test(pool, lowest_agrees_with_a_naive_search, .description = "AL-1")
{
	unsigned int seed = (unsigned int)time(NULL);

	for (int round = 0; round < 60; round++, seed++) {
		cleanup_range_set struct range_set set = { 0 };
		struct model model = { 0 };
		unsigned int state = seed;

		random_set(&set, &state);
		for (int op = 0; op < 400; op++) {
			unsigned int from = (unsigned int)rand_r(&state);
			unsigned int expected = 0;
			struct error err = { 0 };
			inet_uint got = 0;
			bool any;
			int r;

			from = op % 2 ? from % MODEL : 0;
			any = naive_from(&set, &model, from, &expected);
			r = pool_lowest_from(&set, from, model_taken, &model,
					     &got, &err);
			cr_assert_eq(r, any ? 0 : POOL_EXHAUSTED, "seed %u",
				     seed);
			cr_assert(!any || got == expected,
				  "seed %u: got %u, expected %u", seed,
				  (unsigned int)got, expected);
			if (any)
				model.taken[(size_t)got] = true;
			model.taken[(unsigned int)rand_r(&state) % MODEL] =
				false;
		}
	}
}

Test(pool, questions_are_bounded_by_the_intervals_not_by_what_is_taken)
{
	cleanup_range_set struct range_set set = { 0 };
	struct error err = { 0 };
	struct model model = { 0 };
	inet_uint got;

	range_set_add(&set, 1, MODEL - 2, &err);
	range_set_remove(&set, 1000, 1010, &err);
	memset(model.taken, true, MODEL - 2);
	cr_expect_eq(pool_lowest(&set, model_taken, &model, &got, &err), 0);
	cr_expect(got == MODEL - 2);
	cr_expect_leq(model.asked, set.count + 1);
}

Test(pool, exhausted_is_an_outcome_and_a_failure_is_passed_on)
{
	cleanup_range_set struct range_set set = { 0 };
	struct error err = { 0 };
	struct model model = { 0 };
	inet_uint got;

	cr_expect_eq(pool_lowest(&set, model_taken, &model, &got, &err),
		     POOL_EXHAUSTED);
	range_set_add(&set, 1, 10, &err);
	memset(model.taken, true, 11);
	cr_expect_eq(pool_lowest(&set, model_taken, &model, &got, &err),
		     POOL_EXHAUSTED);
	cr_expect_not(error_is_set(&err));
	cr_expect_lt(pool_lowest(&set, model_fails, NULL, &got, &err), 0);
	cr_expect_eq(err.code, ERROR_STORE);
}

static int taken_to_the_end(void *arg, inet_uint value, inet_uint *ret_last,
			    struct error *err)
{
	(void)arg;
	(void)value;
	(void)err;
	*ret_last = ~(inet_uint)0;
	return 1;
}

Test(pool, the_last_address_of_all_does_not_wrap)
{
	cleanup_range_set struct range_set set = { 0 };
	struct error err = { 0 };
	inet_uint got;

	range_set_add(&set, 5, ~(inet_uint)0, &err);
	cr_expect_eq(pool_lowest(&set, taken_to_the_end, NULL, &got, &err),
		     POOL_EXHAUSTED);
}

Test(pool, a_walk_meets_every_address_once, .description = "AL-6")
{
	static const char *const networks[] = {
		"10.0.0.0/20",
		"10.0.0.16/28",
		"10.0.0.7/32",
		"fd00::/118",
	};

	for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
		bool seen[MODEL] = { 0 };
		struct inet_prefix network;
		struct pool_walk walk;
		inet_uint value;
		unsigned int n = 0;

		cr_assert(inet_prefix_parse(networks[i], &network));
		pool_walk_init(&walk, &network, 0x1234567890abcdef * (i + 1));
		while (pool_walk_next(&walk, &value)) {
			size_t offset = (size_t)(value - walk.base);

			cr_assert_lt(offset, MODEL);
			cr_assert_not(seen[offset]);
			seen[offset] = true;
			n++;
		}
		cr_expect(n == walk.size);
	}
}

Test(pool, a_walk_over_all_of_ipv6_begins_and_goes_on)
{
	struct inet_prefix all;
	struct pool_walk walk;
	inet_uint a, b;

	cr_assert(inet_prefix_parse("::/0", &all));
	pool_walk_init(&walk, &all, 42);
	cr_expect(pool_walk_next(&walk, &a));
	cr_expect(pool_walk_next(&walk, &b));
	cr_expect(a != b);
	cr_expect(a >> 64 != 0);
}

Test(pool, walks_of_different_pods_begin_at_different_places,
     .description = "AL-6")
{
	unsigned int buckets[16] = { 0 };
	struct inet_prefix network;

	cr_assert(inet_prefix_parse("10.0.0.0/24", &network));
	for (uint64_t hash = 0; hash < 1600; hash++) {
		struct pool_walk walk;

		pool_walk_init(&walk, &network, hash);
		buckets[(size_t)walk.start / 16]++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(buckets); i++)
		cr_expect(buckets[i] > 50 && buckets[i] < 150, "%u",
			  buckets[i]);
}

Test(pool, a_permutation_finds_the_last_free_address_within_a_bound,
     .description = "AL-1")
{
	struct inet_prefix network;

	cr_assert(inet_prefix_parse("0.0.0.0/20", &network));
	for (uint64_t hash = 0; hash < 100; hash++) {
		cleanup_range_set struct range_set set = { 0 };
		struct error err = { 0 };
		struct model model = { 0 };
		struct pool_walk walk;
		size_t only = 1 + (size_t)hash * 40;
		inet_uint got;

		range_set_add(&set, 1, MODEL - 2, &err);
		memset(model.taken, true, sizeof(model.taken));
		model.taken[only] = false;
		pool_walk_init(&walk, &network, hash);
		cr_expect_eq(pool_permuted(&set, &walk, model_taken, &model,
					   &got, &err),
			     0);
		cr_expect(got == only);
		cr_expect_leq(model.asked, 40);
		model.taken[only] = true;
		pool_walk_init(&walk, &network, hash);
		cr_expect_eq(pool_permuted(&set, &walk, model_taken, &model,
					   &got, &err),
			     POOL_EXHAUSTED);
	}
}

Test(pool, what_is_excluded_later_moves_nobody_else)
{
	cleanup_range_set struct range_set all = { 0 };
	cleanup_range_set struct range_set fewer = { 0 };
	struct inet_prefix network;
	struct error err = { 0 };
	unsigned int moved = 0;

	cr_assert(inet_prefix_parse("0.0.0.0/20", &network));
	range_set_add(&all, 1, MODEL - 2, &err);
	range_set_add(&fewer, 1, MODEL - 2, &err);
	range_set_remove(&fewer, 0, 15, &err);
	for (uint64_t hash = 0; hash < 1000; hash++) {
		struct model model = { 0 };
		struct pool_walk walk;
		inet_uint before, after;

		pool_walk_init(&walk, &network, hash);
		cr_assert_eq(pool_permuted(&all, &walk, model_taken, &model,
					   &before, &err),
			     0);
		pool_walk_init(&walk, &network, hash);
		cr_assert_eq(pool_permuted(&fewer, &walk, model_taken, &model,
					   &after, &err),
			     0);
		moved += before != after;
		cr_expect(before == after || before < 16);
	}
	cr_expect_lt(moved, 20);
}
