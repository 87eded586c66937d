/*
 * One address of each set, all or none. For each address:
 *
 *	transaction	the attempt is named, and a line says that it is on its
 *			way, by this process
 *	POST		the server decides who has the address
 *	transaction	the entry has it, by uid, and the line is gone
 *
 * Dead behind the first, there is a line that nobody settles but by asking the
 * server for that attempt; behind the POST the same; behind the second an entry
 * that is pending and whose process is dead. A DEL that comes in between takes
 * the line away from us: the second transaction then finds none, and gives the
 * object back.
 *
 * An answer that is lost is asked for: the object is there with our attempt, or
 * with another one. That it is not there proves nothing, since the server may
 * still be about to make it: the line stays, as owed, and we go on elsewhere.
 */

#include "ipam/store-kube-claim-priv.h"

#include "lib/log.h"

#define CLAIM_POSTS 96 /* of one set */

static void claim_clear(struct claim *claim)
{
	ledger_entry_clear(&claim->entry);
	search_clear(&claim->search);
	free(claim->owner);
}
#define cleanup_claim cleanup(claim_clear)

/* --- one set ---------------------------------------------------------------------- */

/* Before anything is chosen, what the former ADD had is given back. */
static int claim_settle(struct claim *claim)
{
	claim->owes = false;
	cluster_settle(claim->cluster, claim->wish->attachment);
	return CLAIM_NEXT;
}

static int claim_next(struct claim *claim, struct store_record *ret_holder,
		      struct error *err)
{
	struct inet_addr addr;
	int r = claim_begin(claim, &addr, ret_holder, err);

	switch (r) {
	case 0:
		return claim_post(claim, &addr, ret_holder, err);
	case SEARCH_BLOCKS:
	case SEARCH_ALL:
		r = claim_list(claim, r == SEARCH_ALL, err);
		return r < 0 ? r : CLAIM_NEXT;
	case CLAIM_NEXT:
		return claim_settle(claim);
	default:
		return r;
	}
}

static int claim_set(struct claim *claim, struct store_record *ret_holder,
		     struct error *err)
{
	int r;

	claim_search(claim);
	while (claim->posts < CLAIM_POSTS) {
		r = claim_next(claim, ret_holder, err);
		if (r != CLAIM_NEXT)
			return r;
	}
	return error_set(err, ERROR_AGAIN, 0,
			 "%u addresses in turn were taken by others in that "
			 "moment",
			 claim->posts);
}

/* What was asked for goes first: no other set may choose it meanwhile. */
static int claim_sets(struct claim *claim, struct store_record *ret_holder,
		      struct error *err)
{
	const struct store_wish *wish = claim->wish;
	int r = 0;

	for (int asked = 1; asked >= 0; asked--)
		for (size_t i = 0; i < wish->config->n_sets; i++) {
			if ((wish->requested[i].family != 0) != asked)
				continue;
			claim->set = i;
			r = claim_set(claim, ret_holder, err);
			if (r != 0)
				return r;
		}
	return 0;
}

/* There is always a first step, which finds out who is here already. */
static int claim_none(struct claim *claim, struct store_record *ret_holder,
		      struct error *err)
{
	struct inet_addr none;

	return claim_begin(claim, &none, ret_holder, err);
}

static int undo_inside(struct claim *claim, struct error *err)
{
	int r = claim_end_line(claim, err);

	return r < 0 ? r
		     : cluster_entry_undo(claim->cluster, &claim->key,
					  claim->wish, &claim->self,
					  &claim->entry, err);
}

/* All or none. What cannot be given back now is owed. */
static void claim_undo(struct claim *claim)
{
	struct cluster *cluster = claim->cluster;
	struct error err = { 0 };
	int r;

	if (!claim->has_begun)
		return;
	r = cluster_begin(cluster, true, &err);
	if (r == 0)
		r = cluster_end(cluster, undo_inside(claim, &err), &err);
	if (r < 0)
		log_warning("undo a reservation: %s", err.details);
	cluster_settle(cluster, claim->wish->attachment);
}

static int claim_all(struct claim *claim, struct store_record *ret,
		     size_t *ret_set, struct error *err)
{
	int r;

	r = claim->wish->config->n_sets ? claim_sets(claim, ret, err)
					: claim_none(claim, ret, err);
	*ret_set = claim->set;
	if (r == STORE_LIVE || r == STORE_PENDING) {
		store_record_clear(ret);
		*ret = claim->entry.record;
		claim->entry.record = (struct store_record){ 0 };
		return r;
	}
	if (r != 0 && r != CLAIM_DONE) {
		claim_undo(claim);
		return r;
	}
	*ret = claim->entry.record;
	claim->entry.record = (struct store_record){ 0 };
	return 0;
}

static int claim_run(struct cluster *cluster, const struct store_wish *wish,
		     struct store_record *ret, size_t *ret_set,
		     struct error *err)
{
	const struct store_attachment *attachment = wish->attachment;
	cleanup_claim struct claim claim = {
		.cluster = cluster,
		.wish = wish,
	};
	int r;

	r = ledger_key(attachment, &claim.key, err);
	if (r == 0)
		r = process_self(&claim.self, err);
	if (r == 0)
		r = store_owner(attachment->pod_namespace, attachment->pod_name,
				attachment->container_id, attachment->ifname,
				&claim.owner, err);
	return r < 0 ? r : claim_all(&claim, ret, ret_set, err);
}

/* What a former boot left makes room, once in a boot. */
static int reserve_or_sweep(struct cluster *cluster,
			    const struct store_wish *wish,
			    struct store_record *ret, size_t *ret_set,
			    struct error *err)
{
	int r, swept;

	r = cluster_introduce(cluster, err);
	if (r < 0)
		return r;
	r = claim_run(cluster, wish, ret, ret_set, err);
	if (r != STORE_EXHAUSTED && r != STORE_TAKEN)
		return r;
	swept = cluster_sweep(cluster, err);
	if (swept <= 0)
		return swept < 0 ? swept : r;
	store_record_clear(ret);
	return claim_run(cluster, wish, ret, ret_set, err);
}

int cluster_reserve(struct store *store, const struct store_wish *wish,
		    struct store_record *ret, size_t *ret_set,
		    struct error *err)
{
	struct cluster *cluster = cluster_of(store);
	int r;

	cluster->is_patient = true;
	r = reserve_or_sweep(cluster, wish, ret, ret_set, err);
	cluster->is_patient = false;
	return r;
}
