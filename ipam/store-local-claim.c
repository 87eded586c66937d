/*
 * Which address an attachment gets, of each set, in this order: the one that was
 * asked for; the one that its own dead ADD had; the one that rests after the
 * same pod; the next free one in the configured order; the one that has rested
 * longest. All of it in the transaction that keeps it.
 */

#include "ipam/pool.h"
#include "ipam/store-local-priv.h"
#include "lib/file.h"

#define LOCAL_EXPIRE 8 /* per reservation and set: more than it can add */

/* One reservation on its way. */
struct claim {
	struct local *local;
	const struct store_wish *wish;
	const struct table_key *key;
	char *owner;
	/* What a dead ADD of the same attachment had, to be had again. */
	struct inet_addr former[STORE_MAX_ADDRESSES];
	uint64_t now_ms;
};

static void claim_clear(struct claim *claim)
{
	free(claim->owner);
}
#define cleanup_claim cleanup(claim_clear)

static struct occupancy claim_occupancy(const struct claim *claim,
					uint8_t family)
{
	return (struct occupancy){
		.table = claim->local->table,
		.pool = claim->wish->config->pool,
		.family = family,
		.owner = claim->owner,
		.now_ms = claim->now_ms,
	};
}

/* What an earlier ADD left: take it over if that one is dead. */
static int claim_former(struct claim *claim, struct store_record *ret,
			struct error *err)
{
	int r;

	r = local_record_load(claim->local, claim->key, ret, err);
	if (r == STORE_ABSENT)
		return 0;
	if (r < 0)
		return r;
	if (ret->state == STORE_STATE_LIVE)
		return STORE_LIVE;
	r = store_record_is_in_progress(ret, err);
	if (r != 0)
		return r < 0 ? r : STORE_PENDING;

	for (size_t i = 0; i < ret->n_addresses; i++)
		claim->former[i] = ret->addresses[i].address.addr;
	return local_release_addresses(claim->local, ret, 0, err);
}

static int choose_requested(const struct claim *claim,
			    struct occupancy *occupancy,
			    const struct inet_addr *addr,
			    struct store_record *ret_holder, inet_uint *ret,
			    struct error *err)
{
	struct table_key holder;
	int r;

	*ret = inet_addr_to_uint(addr);
	r = occupancy_look(occupancy, *ret, &holder, err);
	if (r < 0)
		return r;
	/* One that only rests is better than none. */
	if (r != OCCUPANCY_USED)
		return 0;
	r = local_record_load(claim->local, &holder, ret_holder, err);
	if (r == STORE_ABSENT)
		return table_damaged(claim->local->table, err,
				     "an address in use has no attachment");
	return r < 0 ? r : STORE_TAKEN;
}

/* POOL_EXHAUSTED if there is nothing to have again. */
static int choose_again(const struct claim *claim, struct occupancy *occupancy,
			size_t index, inet_uint *ret, struct error *err)
{
	const struct ipam_range_set *set = &claim->wish->config->sets[index];
	const struct inet_addr *former = &claim->former[index];
	inet_uint last;
	int r;

	if (former->family == set->family) {
		*ret = inet_addr_to_uint(former);
		r = ipam_range_set_candidate(set, *ret)
			    ? occupancy_taken(occupancy, *ret, &last, err)
			    : 1;
		if (r <= 0)
			return r;
	}
	r = occupancy_own(occupancy, set, ret, err);
	return r == OCCUPANCY_NONE ? POOL_EXHAUSTED : r;
}

static int choose_in_order(const struct claim *claim,
			   struct occupancy *occupancy,
			   const struct ipam_range *range, inet_uint *ret,
			   struct error *err)
{
	struct inet_prefix cover;
	struct pool_walk walk;

	if (claim->wish->config->order == IPAM_ORDER_LOWEST)
		return pool_lowest(&range->candidates, occupancy_taken,
				   occupancy, ret, err);
	cover = range_cover(&range->range);
	pool_walk_init(&walk, &cover,
		       store_hash(claim->wish->config->pool, claim->owner));
	return pool_permuted(&range->candidates, &walk, occupancy_taken,
			     occupancy, ret, err);
}

static int choose_free(const struct claim *claim, struct occupancy *occupancy,
		       size_t index, inet_uint *ret, struct error *err)
{
	const struct ipam_range_set *set = &claim->wish->config->sets[index];
	int r;

	r = choose_again(claim, occupancy, index, ret, err);
	for (size_t i = 0; i < set->count && r == POOL_EXHAUSTED; i++)
		r = choose_in_order(claim, occupancy, &set->ranges[i], ret,
				    err);
	if (r != POOL_EXHAUSTED)
		return r;
	r = occupancy_oldest(occupancy, set, ret, err);
	return r == OCCUPANCY_NONE ? STORE_EXHAUSTED : r;
}

static int claim_set(struct claim *claim, size_t index,
		     struct store_record *record, struct error *err)
{
	const struct ipam_range_set *set = &claim->wish->config->sets[index];
	const struct inet_addr *requested = &claim->wish->requested[index];
	struct occupancy occupancy = claim_occupancy(claim, set->family);
	struct inet_addr addr;
	inet_uint value;
	int r;

	r = occupancy_expire(&occupancy, LOCAL_EXPIRE, err);
	if (r < 0)
		return r;
	if (requested->family)
		r = choose_requested(claim, &occupancy, requested, record,
				     &value, err);
	else
		r = choose_free(claim, &occupancy, index, &value, err);
	if (r != 0)
		return r;
	r = occupancy_take(&occupancy, value, claim->key, err);
	if (r < 0)
		return r;

	addr = inet_addr_from_uint(set->family, value);
	record->addresses[index] = store_address_of(set, &addr);
	return 0;
}

/* What was asked for goes first: no other set may choose it meanwhile. */
static int claim_sets(struct claim *claim, struct store_record *record,
		      size_t *ret_set, struct error *err)
{
	const struct store_wish *wish = claim->wish;
	int r;

	for (int asked = 1; asked >= 0; asked--)
		for (size_t i = 0; i < wish->config->n_sets; i++) {
			if ((wish->requested[i].family != 0) != asked)
				continue;
			*ret_set = i;
			r = claim_set(claim, i, record, err);
			if (r != 0)
				return r;
		}
	record->n_addresses = wish->config->n_sets;
	return 0;
}

static int claim_all(struct claim *claim, struct store_record *ret,
		     size_t *ret_set, struct error *err)
{
	int r;

	r = claim_former(claim, ret, err);
	if (r != 0)
		return r;
	store_record_clear(ret);
	r = claim_sets(claim, ret, ret_set, err);
	if (r != 0)
		return r;
	r = store_record_fill(ret, claim->wish->attachment,
			      claim->wish->config->pool, err);
	if (r < 0)
		return r;
	ret->state = STORE_STATE_PENDING;
	ret->since_ms = claim->now_ms;
	r = local_self(claim->local, &ret->process, err);
	if (r < 0)
		return r;
	return local_record_save(claim->local, claim->key, ret, err);
}

int local_claim(struct local *local, const struct store_wish *wish,
		const struct table_key *key, struct store_record *ret,
		size_t *ret_set, struct error *err)
{
	const struct store_attachment *attachment = wish->attachment;
	cleanup_claim struct claim claim = {
		.local = local,
		.wish = wish,
		.key = key,
		.now_ms = file_boottime_ms(),
	};
	int r;

	r = store_owner(attachment->pod_namespace, attachment->pod_name,
			attachment->container_id, attachment->ifname,
			&claim.owner, err);
	if (r < 0)
		return r;
	return claim_all(&claim, ret, ret_set, err);
}
