#ifndef IPAM_SEARCH_H
#define IPAM_SEARCH_H

/*
 * Which address to try next where only the server knows what is taken, and
 * each question costs a request. Pure, as pool.h: what is learned goes in, an
 * address or a wish to know more comes out.
 *
 *	search_init(&search, set, order, hash);
 *	for (;;) {
 *		r = search_next(&search, skip, arg, &value, err);
 *		if (r == 0)	try @value; if it is taken, search_lost()
 *		SEARCH_BLOCKS	list search.blocks, search_listed()
 *		SEARCH_ALL	list the pool, search_listed()
 *		SEARCH_NONE	nothing is free
 *	}
 */

#include "ipam/config.h"
#include "ipam/pool.h"

#define SEARCH_TRIES     4 /* before a list is worth it */
#define SEARCH_BLOCKS_AT 3 /* blocks of one list */

/* Beside those of stores (ipam/store.h): who chooses answers either. */
enum {
	SEARCH_NONE = 64, /* in a list of all, no candidate is free */
	SEARCH_BLOCKS = 65, /* wants to know what is taken in its blocks */
	SEARCH_ALL = 66, /* wants to know all that is taken */
};

enum search_stage {
	SEARCH_STAGE_WALK, /* knows nothing, and tries */
	SEARCH_STAGE_BLOCKS, /* tries what a list of blocks left */
	SEARCH_STAGE_ALL, /* tries what a list of all left */
};

struct search {
	const struct ipam_range_set *set;
	enum ipam_order order;
	uint64_t hash;
	enum search_stage stage;
	struct range_set taken; /* as far as it is known */
	unsigned int lost; /* candidates that were taken */
	bool is_stale; /* one of them since the last list */
	bool has_listed; /* of this stage */

	/* Where the walk is: in which range, and there. */
	size_t range;
	bool is_walking;
	struct pool_walk walk;
	inet_uint from; /* lowest first */
	bool is_over; /* the range's walk has ended */

	struct inet_prefix blocks[SEARCH_BLOCKS_AT];
	size_t n_blocks;
};

/** search_init() - @hash: of who searches; everybody's order is another */
void search_init(struct search *search, const struct ipam_range_set *set,
		 enum ipam_order order, uint64_t hash);
void search_clear(struct search *search);
#define cleanup_search cleanup(search_clear)

/**
 * search_skip - Is a candidate better left alone, as far as the caller knows?
 *
 * Return: 1, 0, or negative
 */
typedef int (*search_skip)(void *arg, inet_uint value, struct error *err);

/** search_next() - The next one to try. 0, an outcome, or negative */
int search_next(struct search *search, search_skip skip, void *arg,
		inet_uint *ret, struct error *err) warn_unused;

/** search_lost() - @value was taken */
int search_lost(struct search *search, inet_uint value, struct error *err);

/** search_listed() - What the list that was wanted says is taken */
int search_listed(struct search *search, const struct range_set *taken,
		  struct error *err);

/** search_block() - The block of addresses, /26 or /122, that @addr is in */
struct inet_prefix search_block(const struct inet_addr *addr);

#endif
