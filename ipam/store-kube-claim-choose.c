/*
 * Which address an ADD asks for next, as far as this node can know: what was
 * asked for, what its pod had before, then the search's; and what rests only
 * when nothing else is free.
 */

#include "ipam/store-kube-claim-priv.h"

#include "lib/hash.h"

#include <stdio.h>
#include <string.h>

/* As in all stores: pool, then who. */
static uint64_t claim_hash(const struct claim *claim)
{
	const char *pool = claim->wish->config->pool;
	uint64_t hash = hash_add(HASH_INIT, pool, strlen(pool) + 1);

	return hash_add(hash, claim->owner, strlen(claim->owner));
}

void claim_search(struct claim *claim)
{
	search_clear(&claim->search);
	search_init(&claim->search, claim_ranges(claim),
		    claim->wish->config->order, claim_hash(claim));
	claim->has_tried_own = false;
	claim->posts = 0;
}

const struct ipam_range *claim_range(const struct ipam_range_set *set,
				     const struct inet_addr *addr)
{
	for (size_t i = 0; i < set->count; i++)
		if (range_set_contains(&set->ranges[i].candidates,
				       inet_addr_to_uint(addr)))
			return &set->ranges[i];
	return NULL;
}

struct store_address claim_address(const struct ipam_range_set *set,
				   const struct inet_addr *addr)
{
	const struct ipam_range *range = claim_range(set, addr);

	if (!range)
		range = ipam_range_set_find(set, addr);
	return (struct store_address){
		.address = { *addr, range->range.network.len },
		.gateway = range->gateway,
	};
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

/* One that rests, a candidate, and was not tried: the own one, or the one that
 * has rested longest. Return: 0, STORE_ABSENT, or negative */
static int choose_resting(const struct claim *claim, bool own,
			  struct inet_addr *ret, struct error *err)
{
	const struct ipam_range_set *set = claim_ranges(claim);
	const uint64_t owner = ledger_owner(claim->owner);
	uint64_t best = UINT64_MAX;
	inet_uint from = 0;

	for (;;) {
		struct ledger_rest rest;
		int r;

		r = ledger_rest_next(claim->cluster->ledger,
				     claim->wish->config->pool, set->family,
				     from, &rest, err);
		if (r < 0)
			return r;
		if (r == STORE_ABSENT)
			return best == UINT64_MAX ? STORE_ABSENT : 0;
		from = inet_addr_to_uint(&rest.addr) + 1;
		if ((own && rest.owner != owner) || rest.until_ms >= best ||
		    !claim_range(set, &rest.addr) ||
		    range_set_contains(&claim->search.taken, from - 1))
			continue;
		best = rest.until_ms;
		*ret = rest.addr;
		if (from == 0)
			return 0;
	}
}

static int choose_requested(struct claim *claim, struct inet_addr *ret,
			    struct store_record *ret_holder, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry holder = { 0 };
	struct table_key key;
	int r;

	*ret = *claim_requested(claim);
	r = ledger_look(claim->cluster->ledger, claim->wish->config->pool, ret,
			claim->owner, &key, err);
	if (r != LEDGER_HELD)
		return r < 0 ? r : 0;
	r = ledger_entry_load(claim->cluster->ledger, &key, &holder, err);
	if (r == STORE_ABSENT)
		return table_damaged(ledger_table(claim->cluster->ledger), err,
				     "an address in use has no attachment");
	if (r < 0)
		return r;
	*ret_holder = holder.record;
	holder.record = (struct store_record){ 0 };
	return STORE_TAKEN;
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
