/*
 * Which address an ADD asks for next, as far as this node can know: what was
 * asked for, what its pod had before, then the search's; and what rests only
 * when nothing else is free.
 */

#include "ipam/store-kube-claim-priv.h"

#include <stdio.h>

void claim_search(struct claim *claim)
{
	search_clear(&claim->search);
	search_init(&claim->search, claim_ranges(claim),
		    claim->wish->config->order,
		    store_hash(claim->wish->config->pool, claim->owner));
	claim->has_tried_own = false;
	claim->posts = 0;
}

/* --- the next --------------------------------------------------------------------- */

/* Held by this node, or resting: asking for it would be for nothing. */
static int claim_skip(void *arg, inet_uint value, struct error *err)
{
	const struct claim *claim = arg;
	const struct inet_addr addr =
		inet_addr_from_uint(claim_ranges(claim)->family, value);
	int r = ledger_look(claim->cluster->ledger, claim->wish->config->pool,
			    &addr, claim->owner, NULL, err);

	return r < 0 ? r : r != LEDGER_FREE;
}

struct resting {
	const struct claim *claim;
	bool own; /* which only its own pod may have back */
	uint64_t owner;
};

/* A candidate, and was not tried. */
static bool accept_resting(void *arg, const struct ledger_rest *rest)
{
	const struct resting *resting = arg;
	const struct claim *claim = resting->claim;
	const inet_uint value = inet_addr_to_uint(&rest->addr);

	return (!resting->own || rest->owner == resting->owner) &&
	       ipam_range_set_candidate(claim_ranges(claim), value) &&
	       !range_set_contains(&claim->search.taken, value);
}

/* The own one that rests, or the one that has rested longest. Return: 0,
 * STORE_ABSENT, or negative */
static int choose_resting(const struct claim *claim, bool own,
			  struct inet_addr *ret, struct error *err)
{
	struct resting resting = { claim, own, ledger_owner(claim->owner) };

	return ledger_rest_oldest(claim->cluster->ledger,
				  claim->wish->config->pool,
				  claim_ranges(claim)->family, accept_resting,
				  &resting, ret, err);
}

static int choose_requested(struct claim *claim, struct inet_addr *ret,
			    struct store_record *ret_holder, struct error *err)
{
	struct table_key key;
	int r;

	*ret = *claim_requested(claim);
	r = ledger_look(claim->cluster->ledger, claim->wish->config->pool, ret,
			claim->owner, &key, err);
	if (r != LEDGER_HELD)
		return r < 0 ? r : 0;
	r = cluster_entry_holder(claim->cluster, &key, ret_holder, err);
	return r < 0 ? r : STORE_TAKEN;
}

static int choose_free(struct claim *claim, struct inet_addr *ret,
		       struct error *err)
{
	const uint8_t family = claim_ranges(claim)->family;
	inet_uint value;
	int r;

	if (!claim->has_tried_own) {
		claim->has_tried_own = true;
		r = choose_resting(claim, true, ret, err);
		if (r != STORE_ABSENT)
			return r;
	}
	r = search_next(&claim->search, claim_skip, claim, &value, err);
	if (r == 0)
		*ret = inet_addr_from_uint(family, value);
	if (r != SEARCH_NONE)
		return r;
	r = choose_resting(claim, false, ret, err);
	return r == STORE_ABSENT ? STORE_EXHAUSTED : r;
}

int claim_choose(struct claim *claim, struct inet_addr *ret,
		 struct store_record *ret_holder, struct error *err)
{
	if (claim->again.family) {
		*ret = claim->again;
		claim->again.family = 0;
		return 0;
	}
	if (claim_requested(claim)->family)
		return choose_requested(claim, ret, ret_holder, err);
	return choose_free(claim, ret, err);
}

/* --- lists ------------------------------------------------------------------------ */

static void select_blocks(const struct claim *claim, char *ret, size_t size)
{
	const struct search *search = &claim->search;
	size_t len;

	len = (size_t)snprintf(ret, size, "%s=%s,%s in (",
			       RESERVATION_LABEL_POOL,
			       claim->wish->config->pool,
			       RESERVATION_LABEL_BLOCK);
	for (size_t i = 0; i < search->n_blocks; i++) {
		char text[RESERVATION_LABEL];

		reservation_block(&search->blocks[i].addr, text);
		len += (size_t)snprintf(ret + len, size - len, "%s%s",
					i ? "," : "", text);
	}
	snprintf(ret + len, size - len, ")");
}

int claim_list(struct claim *claim, bool all, struct error *err)
{
	cleanup_range_set struct range_set taken = { 0 };
	char selector[512];
	int r;

	if (all)
		snprintf(selector, sizeof(selector), "%s=%s",
			 RESERVATION_LABEL_POOL, claim->wish->config->pool);
	else
		select_blocks(claim, selector, sizeof(selector));
	r = cluster_list_taken(claim->cluster, selector,
			       claim_ranges(claim)->family, &taken, err);
	return r < 0 ? r : search_listed(&claim->search, &taken, err);
}
