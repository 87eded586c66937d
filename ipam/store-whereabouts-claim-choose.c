/*
 * Which address of a range an ADD asks for next: what is this pod's already, what
 * was asked for, the lowest that is free in the pool and does not rest; and what
 * rests only when nothing else is free. Where others were faster several times,
 * one of the lowest few, since all look for the same.
 */

#include "ipam/store-whereabouts-claim-priv.h"

#include <sys/random.h>

#define CLAIM_SPREAD 6 /* doublings of how many of the lowest, squared */

/* --- what is free ----------------------------------------------------------------- */

/* Held by this node, resting, owed, or left to others. */
static int claim_skip(void *arg, inet_uint value, struct error *err)
{
	struct claim *claim = arg;
	const struct inet_addr addr =
		inet_addr_from_uint(claim_set(claim)->family, value);
	int r = ledger_look(claim->cluster->ledger, claim->wish->config->pool,
			    &addr, claim->owner, NULL, err);

	if (r != LEDGER_FREE)
		return r < 0 ? r : 1;
	if (pools_claim_is_owed(claim, &addr))
		return 1;
	if (claim->spread == 0)
		return 0;
	claim->spread--;
	return 1;
}

static int search_fill(const struct claim *claim, struct search *search,
		       struct error *err)
{
	const struct range_set *sets[] = { &claim->view.pool.taken,
					   &claim->elsewhere };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		for (size_t j = 0; j < sets[i]->count && r == 0; j++)
			r = range_set_add(&search->taken,
					  sets[i]->items[j].first,
					  sets[i]->items[j].last, err);
	/* All that is taken is known: there is nothing to ask for. */
	search->stage = SEARCH_STAGE_ALL;
	search->has_listed = true;
	return r;
}

static int search_free(struct claim *claim, struct error *err)
{
	const struct ipam_range_set one = {
		.family = claim_set(claim)->family,
		.ranges = &claim_set(claim)->ranges[claim->range],
		.count = 1,
	};
	cleanup_search struct search search;
	inet_uint value;
	int r;

	search_init(&search, &one, claim->wish->config->order,
		    store_hash(claim->wish->config->pool, claim->owner));
	r = search_fill(claim, &search, err);
	if (r == 0)
		r = search_next(&search, claim_skip, claim, &value, err);
	if (r == 0)
		claim->addr = inet_addr_from_uint(one.family, value);
	return r > 0 ? STORE_ABSENT : r;
}

/* Everybody looks for the lowest: who has lost looks further. */
static unsigned int spread_of(unsigned int conflicts)
{
	unsigned int doublings = conflicts < CLAIM_SPREAD ? conflicts
							  : CLAIM_SPREAD;
	uint32_t random = 0;

	if (conflicts == 0 ||
	    getrandom(&random, sizeof(random), 0) != sizeof(random))
		return 0;
	return random % (1u << doublings);
}

static int choose_free(struct claim *claim, struct error *err)
{
	int r;

	claim->spread = spread_of(claim->conflicts);
	r = search_free(claim, err);
	if (r != STORE_ABSENT)
		return r;
	claim->spread = 0;
	return search_free(claim, err);
}

/* --- what rests ------------------------------------------------------------------- */

static bool accept_resting(void *arg, const struct ledger_rest *rest)
{
	const struct claim *claim = arg;
	const inet_uint value = inet_addr_to_uint(&rest->addr);

	return !range_set_contains(&claim->view.pool.taken, value) &&
	       !range_set_contains(&claim->elsewhere, value) &&
	       range_set_contains(&claim_range(claim)->candidates, value) &&
	       !pools_claim_is_owed(claim, &rest->addr);
}

static int choose_resting(struct claim *claim, struct error *err)
{
	return ledger_rest_oldest(claim->cluster->ledger,
				  claim->wish->config->pool,
				  claim_set(claim)->family, accept_resting,
				  claim, &claim->addr, err);
}

/* --- what is asked for ------------------------------------------------------------ */

static int choose_requested(struct claim *claim,
			    struct store_record *ret_holder, struct error *err)
{
	struct table_key key;
	int r;

	claim->addr = *claim_requested(claim);
	if (pools_claim_is_owed(claim, &claim->addr))
		return error_set(err, ERROR_AGAIN, 0,
				 "the requested address %s is still being "
				 "released",
				 inet_addr_format(&claim->addr,
						  (char[INET_ADDR_TEXT]){
							  "" }));
	r = ledger_look(claim->cluster->ledger, claim->wish->config->pool,
			&claim->addr, claim->owner, &key, err);
	if (r != LEDGER_HELD || pools_claim_is_own_key(claim, &key))
		return r < 0 ? r : 0;
	r = cluster_entry_holder(claim->cluster, &key, ret_holder, err);
	return r < 0 ? r : STORE_TAKEN;
}

int pools_claim_choose(struct claim *claim, enum pass pass,
		       struct store_record *ret_holder, struct error *err)
{
	int r = pools_claim_choose_own(claim, err);

	if (r != STORE_ABSENT)
		return r;
	if (claim_requested(claim)->family)
		return choose_requested(claim, ret_holder, err);
	return pass == PASS_FREE ? choose_free(claim, err)
				 : choose_resting(claim, err);
}
