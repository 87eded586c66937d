/*
 * Two orders, one bound.
 *
 * Lowest first needs one question per run of taken addresses that stands
 * before the free one. Runs are as long as they can be (neighbours merge in the
 * store's index), so behind a run the next address is free, unless it is no
 * candidate: there are at most as many questions as the candidates have
 * intervals, whatever is taken.
 *
 * A permutation meets taken addresses at random, 1/(1 - occupancy) of them on
 * average, and all but one at the end. It is given up after POOL_TRIES of them
 * for the lowest from its start on, which is one or two questions more.
 */

#include "ipam/pool.h"

#include "lib/hash.h"

#define POOL_TRIES 32
#define POOL_STEPS 512

int pool_lowest(const struct range_set *candidates, pool_taken taken, void *arg,
		inet_uint *ret, struct error *err)
{
	inet_uint value = 0;
	inet_uint last;
	int r;

	while (range_set_next(candidates, value, &value)) {
		r = taken(arg, value, &last, err);
		if (r < 0)
			return r;
		if (r == 0) {
			*ret = value;
			return 0;
		}
		value = last + 1;
		if (value == 0)
			break;
	}
	return POOL_EXHAUSTED;
}

struct pool_from {
	inet_uint from;
	pool_taken taken;
	void *arg;
};

/* What stands before @from counts as one taken run. */
static int pool_taken_before(void *arg, inet_uint value, inet_uint *ret_last,
			     struct error *err)
{
	struct pool_from *from = arg;

	if (value < from->from) {
		*ret_last = from->from - 1;
		return 1;
	}
	return from->taken(from->arg, value, ret_last, err);
}

int pool_lowest_from(const struct range_set *candidates, inet_uint from,
		     pool_taken taken, void *arg, inet_uint *ret,
		     struct error *err)
{
	struct pool_from second = { from, taken, arg };
	int r;

	r = pool_lowest(candidates, pool_taken_before, &second, ret, err);
	if (r != POOL_EXHAUSTED)
		return r;
	return pool_lowest(candidates, taken, arg, ret, err);
}

static inet_uint pool_mix_wide(uint64_t hash)
{
	return (inet_uint)hash_mix(hash) << 64 | hash_mix(~hash);
}

void pool_walk_init(struct pool_walk *walk, const struct inet_prefix *network,
		    uint64_t hash)
{
	struct inet_addr base = inet_prefix_first(network);
	unsigned int bits;

	bits = inet_family_bits(base.family) - network->len;
	*walk = (struct pool_walk){
		.base = inet_addr_to_uint(&base),
		.size = bits < 128 ? (inet_uint)1 << bits : 0,
	};
	/* The size is a power of two: every odd stride is coprime to it. */
	walk->start = pool_mix_wide(hash) & (walk->size - 1);
	walk->stride = (pool_mix_wide(hash_mix(hash)) & (walk->size - 1)) | 1;
}

bool pool_walk_next(struct pool_walk *walk, inet_uint *ret)
{
	inet_uint offset;

	if (walk->size > 0 && walk->step == walk->size)
		return false;
	offset = walk->start + walk->step++ * walk->stride;
	*ret = walk->base + (offset & (walk->size - 1));
	return true;
}

int pool_permuted(const struct range_set *candidates, struct pool_walk *walk,
		  pool_taken taken, void *arg, inet_uint *ret,
		  struct error *err)
{
	unsigned int tries = 0;
	inet_uint value, last;
	int r;

	for (unsigned int i = 0; i < POOL_STEPS && tries < POOL_TRIES; i++) {
		if (!pool_walk_next(walk, &value))
			return POOL_EXHAUSTED;
		if (!range_set_contains(candidates, value))
			continue;
		r = taken(arg, value, &last, err);
		if (r < 0)
			return r;
		if (r == 0) {
			*ret = value;
			return 0;
		}
		tries++;
	}
	return pool_lowest_from(candidates, walk->base + walk->start, taken,
				arg, ret, err);
}
