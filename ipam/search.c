/*
 * Three stages, each of which asks more at a time than the one before:
 *
 *	walk	along the own order, blindly: at half occupancy every second try
 *		succeeds, and no list could be cheaper
 *	blocks	after four that were taken, what is taken in the blocks of the
 *		next three of the order, in one list: of 192 addresses one is
 *		free up to 99 %, nearly always
 *	all	what is taken in the whole pool
 *
 * From a list, too, everybody chooses along an order of his own: the lowest free
 * one would be everybody's.
 *
 * A list is older than the try that follows it. Who loses the last free one of a
 * list of all lists again: "none" is said only of a list that has none, because
 * others release meanwhile what they took before.
 *
 * The order is double hashing over the whole network, or the addresses upwards.
 * In a network whose candidates are few and far between (one address of a /64)
 * a permutation would not come across them: after SEARCH_STEPS it is given up,
 * and a list of all is asked for.
 */

#include "ipam/search.h"

#include "lib/hash.h"

#include <sys/socket.h>

#define SEARCH_STEPS 512
#define SEARCH_SCAN  4096 /* free addresses that are compared one by one */
#define SEARCH_FAR   (1u << 17)

void search_init(struct search *search, const struct ipam_range_set *set,
		 enum ipam_order order, uint64_t hash)
{
	*search = (struct search){
		.set = set,
		.order = order,
		.hash = hash,
	};
}

void search_clear(struct search *search)
{
	range_set_clear(&search->taken);
	*search = (struct search){ 0 };
}

struct inet_prefix search_block(const struct inet_addr *addr)
{
	const struct inet_prefix prefix = {
		*addr,
		(uint8_t)(inet_family_bits(addr->family) - 6),
	};

	return inet_prefix_network(&prefix);
}

static const struct range_set *candidates_of(const struct search *search,
					     size_t range)
{
	return &search->set->ranges[range].candidates;
}

/* The run of taken addresses that @value is in. A pool_taken. */
static int is_taken(void *arg, inet_uint value, inet_uint *ret_last,
		    struct error *err)
{
	const struct range_set *taken = arg;
	size_t low = 0;
	size_t high = taken->count;

	(void)err;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (taken->items[middle].last < value)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == taken->count || taken->items[low].first > value)
		return 0;
	*ret_last = taken->items[low].last;
	return 1;
}

/* --- along the own order ------------------------------------------------------- */

static void walk_begin(struct search *search)
{
	const struct range *range = &search->set->ranges[search->range].range;
	struct inet_prefix cover = range_cover(range);

	pool_walk_init(&search->walk, &cover, search->hash);
	search->is_walking = true;
	search->from = 0;
}

static bool walk_upwards(struct search *search, inet_uint *ret)
{
	const struct range_set *candidates = candidates_of(search,
							   search->range);

	if (search->is_over || !range_set_next(candidates, search->from, ret)) {
		search->is_over = true;
		return false;
	}
	search->from = *ret + 1;
	search->is_over = search->from == 0;
	return true;
}

static bool walk_permuted(struct search *search, inet_uint *ret)
{
	const struct range_set *candidates = candidates_of(search,
							   search->range);

	for (unsigned int i = 0; i < SEARCH_STEPS; i++) {
		if (!pool_walk_next(&search->walk, ret))
			return false;
		if (range_set_contains(candidates, *ret))
			return true;
	}
	return false;
}

/* The next candidate of the range that the walk is in. */
static bool walk_step(struct search *search, inet_uint *ret)
{
	if (!search->is_walking)
		walk_begin(search);
	return search->order == IPAM_ORDER_LOWEST ? walk_upwards(search, ret)
						  : walk_permuted(search, ret);
}

static int walk_next(struct search *search, search_skip skip, void *arg,
		     inet_uint *ret, struct error *err)
{
	for (; search->range < search->set->count; search->range++) {
		while (walk_step(search, ret)) {
			inet_uint last;
			int r;

			if (is_taken(&search->taken, *ret, &last, err))
				continue;
			r = skip(arg, *ret, err);
			if (r <= 0)
				return r;
		}
		search->is_walking = search->is_over = false;
	}
	return SEARCH_NONE;
}

/* --- blocks ---------------------------------------------------------------------- */

static bool has_block(const struct search *search,
		      const struct inet_prefix *block)
{
	for (size_t i = 0; i < search->n_blocks; i++)
		if (inet_prefix_equal(&search->blocks[i], block))
			return true;
	return false;
}

/* Those of the next candidates; of the range that the walk is in, since a set's
 * ranges are used in their order. */
static void blocks_choose(struct search *search)
{
	inet_uint value;

	for (unsigned int i = 0;
	     i < SEARCH_STEPS && search->n_blocks < SEARCH_BLOCKS_AT; i++) {
		struct inet_addr addr;
		struct inet_prefix block;

		if (search->range == search->set->count ||
		    !walk_step(search, &value))
			return;
		addr = inet_addr_from_uint(search->set->family, value);
		block = search_block(&addr);
		if (!has_block(search, &block))
			search->blocks[search->n_blocks++] = block;
	}
}

/* --- out of a list ------------------------------------------------------------------ */

/* The best of what is free, by the own order of single addresses. */
struct best {
	struct search *search;
	search_skip skip;
	void *arg;
	uint64_t key;
	inet_uint value;
	bool found;
};

static uint64_t best_key(const struct search *search, inet_uint value)
{
	if (search->order == IPAM_ORDER_LOWEST)
		return 0; /* they come upwards: the first wins */
	return hash_mix(hash_add(search->hash, &value, sizeof(value)));
}

static int best_offer(struct best *best, inet_uint value, struct error *err)
{
	uint64_t key = best_key(best->search, value);
	int r;

	if (best->found && key >= best->key)
		return 0;
	r = best->skip(best->arg, value, err);
	if (r != 0)
		return r < 0 ? r : 0;
	best->found = true;
	best->key = key;
	best->value = value;
	return 0;
}

static int best_of_block(struct best *best, size_t range,
			 const struct inet_prefix *block, struct error *err)
{
	struct search *search = best->search;
	const struct inet_addr low = inet_prefix_first(block);
	inet_uint first = inet_addr_to_uint(&low);
	int r = 0;

	for (inet_uint i = 0; i < 64 && r == 0; i++) {
		inet_uint last;

		if (!range_set_contains(candidates_of(search, range),
					first + i) ||
		    is_taken(&search->taken, first + i, &last, err))
			continue;
		r = best_offer(best, first + i, err);
	}
	return r;
}

static int blocks_next(struct search *search, search_skip skip, void *arg,
		       inet_uint *ret, struct error *err)
{
	struct best best = { search, skip, arg, 0, 0, false };
	int r = 0;

	for (size_t i = 0; i < search->n_blocks && r == 0; i++)
		r = best_of_block(&best, search->range, &search->blocks[i],
				  err);
	*ret = best.value;
	if (r < 0)
		return r;
	return best.found ? 0 : SEARCH_NONE;
}

/* The next free candidate of a range at @from or later. */
static bool free_next(struct search *search, size_t range, inet_uint from,
		      inet_uint *ret)
{
	const struct range_set *candidates = candidates_of(search, range);
	struct error none = { 0 };
	inet_uint last;

	while (range_set_next(candidates, from, ret)) {
		if (!is_taken(&search->taken, *ret, &last, &none))
			return true;
		from = last + 1;
		if (from == 0)
			break;
	}
	return false;
}

/* Many are free: one of them is near the own order's beginning. */
static int best_far(struct best *best, size_t range, struct error *err)
{
	struct search *search = best->search;
	inet_uint value, last;
	int r;

	search->range = range;
	walk_begin(search);
	for (unsigned int i = 0; i < SEARCH_FAR; i++) {
		if (!pool_walk_next(&search->walk, &value))
			break;
		if (!range_set_contains(candidates_of(search, range), value) ||
		    is_taken(&search->taken, value, &last, err))
			continue;
		r = best_offer(best, value, err);
		if (r < 0 || best->found)
			return r;
	}
	value = search->walk.base + search->walk.start;
	if (free_next(search, range, value, &value))
		return best_offer(best, value, err);
	return 0;
}

static int best_of_range(struct best *best, size_t range, struct error *err)
{
	const bool is_lowest = best->search->order == IPAM_ORDER_LOWEST;
	inet_uint value = 0;
	unsigned int n = 0;
	int r;

	while (free_next(best->search, range, value, &value)) {
		r = best_offer(best, value, err);
		if (r < 0 || (is_lowest && best->found))
			return r;
		if (++n > SEARCH_SCAN && !is_lowest) {
			best->found = false;
			return best_far(best, range, err);
		}
		if (++value == 0)
			break;
	}
	return 0;
}

static int all_next(struct search *search, search_skip skip, void *arg,
		    inet_uint *ret, struct error *err)
{
	struct best best = { search, skip, arg, 0, 0, false };
	int r;

	for (size_t i = 0; i < search->set->count; i++) {
		r = best_of_range(&best, i, err);
		if (r < 0)
			return r;
		if (best.found) {
			*ret = best.value;
			return 0;
		}
	}
	return SEARCH_NONE;
}

/* --- stages ---------------------------------------------------------------------- */

static void stage_begin(struct search *search, enum search_stage stage)
{
	search->stage = stage;
	search->has_listed = false;
}

static int next_walk(struct search *search, search_skip skip, void *arg,
		     inet_uint *ret, struct error *err)
{
	int r;

	if (search->lost < SEARCH_TRIES) {
		r = walk_next(search, skip, arg, ret, err);
		if (r <= 0)
			return r;
	}
	blocks_choose(search);
	stage_begin(search,
		    search->n_blocks ? SEARCH_STAGE_BLOCKS : SEARCH_STAGE_ALL);
	return search->n_blocks ? SEARCH_BLOCKS : SEARCH_ALL;
}

static int next_in_blocks(struct search *search, search_skip skip, void *arg,
			  inet_uint *ret, struct error *err)
{
	int r;

	if (!search->has_listed)
		return SEARCH_BLOCKS;
	r = blocks_next(search, skip, arg, ret, err);
	if (r <= 0)
		return r;
	stage_begin(search, SEARCH_STAGE_ALL);
	return SEARCH_ALL;
}

static int next_in_all(struct search *search, search_skip skip, void *arg,
		       inet_uint *ret, struct error *err)
{
	int r;

	if (!search->has_listed)
		return SEARCH_ALL;
	r = all_next(search, skip, arg, ret, err);
	if (r <= 0 || !search->is_stale)
		return r;
	stage_begin(search, SEARCH_STAGE_ALL);
	return SEARCH_ALL;
}

int search_next(struct search *search, search_skip skip, void *arg,
		inet_uint *ret, struct error *err)
{
	switch (search->stage) {
	case SEARCH_STAGE_WALK:
		return next_walk(search, skip, arg, ret, err);
	case SEARCH_STAGE_BLOCKS:
		return next_in_blocks(search, skip, arg, ret, err);
	case SEARCH_STAGE_ALL:
		break;
	}
	return next_in_all(search, skip, arg, ret, err);
}

int search_lost(struct search *search, inet_uint value, struct error *err)
{
	search->lost++;
	search->is_stale = true;
	return range_set_add(&search->taken, value, value, err);
}

int search_listed(struct search *search, const struct range_set *taken,
		  struct error *err)
{
	int r = 0;

	search->has_listed = true;
	search->is_stale = false;
	/* It says all: also that what was lost before is free again. */
	if (search->stage == SEARCH_STAGE_ALL)
		range_set_clear(&search->taken);
	for (size_t i = 0; i < taken->count && r == 0; i++)
		r = range_set_add(&search->taken, taken->items[i].first,
				  taken->items[i].last, err);
	return r;
}
