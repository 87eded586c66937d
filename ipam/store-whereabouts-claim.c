/*
 * One address of each set, all or none. Before anything, a transaction writes
 * the entry, pending, of this process. Then for each address:
 *
 *	GET pool	what is taken in it, and this node's turn to change it
 *	transaction	which one, and a line that says that it is on its way
 *	PATCH, POST	whereabouts-take.c
 *	transaction	the entry has it, and the line is gone
 *
 * Which one: what the pool says is this pod's interface's already, whatever
 * container had it (Whereabouts' way of giving a pod its address again); else the
 * lowest that is free in the pool, and does not rest. Where others were faster
 * several times, one of the lowest few, since all look for the same.
 *
 * Dead behind the first transaction of an address, there is a line that whoever
 * comes next settles; the pool has the container's id, and a release of it that
 * finds nothing is none. Dead behind the second, the entry has it, pending, of a
 * dead process: a repeated ADD of the same attachment looks if the pool still says
 * so. A DEL in between takes the line from us, and the second transaction finds
 * that out.
 */

#include "ipam/store-whereabouts-claim-priv.h"

#include "lib/log.h"

#define CLAIM_TRIES 48 /* of one set */

static void claim_clear(struct claim *claim)
{
	ledger_entry_clear(&claim->entry);
	whereabouts_view_clear(&claim->view);
	range_set_clear(&claim->elsewhere);
	free(claim->owner);
}
#define cleanup_claim cleanup(claim_clear)

/* --- the entry -------------------------------------------------------------------- */

/* What an earlier ADD of the attachment left. Where it fits it stays, until the
 * pool has been asked. */
static int former_look(struct claim *claim, struct error *err)
{
	struct cluster *cluster = claim->cluster;
	int r = cluster_former(cluster, &claim->key, &claim->entry, err);

	if (r == STORE_ABSENT)
		return cluster_entry_fill(&claim->entry, claim->wish,
					  &claim->self, err);
	if (r != 0)
		return r;
	if (cluster_former_fits(&claim->entry, claim->wish))
		return cluster_entry_fill(&claim->entry, claim->wish,
					  &claim->self, err);
	r = cluster_owe(cluster, &claim->key, &claim->entry, 0, err);
	if (r < 0)
		return r;
	ledger_entry_clear(&claim->entry);
	claim->owes = true;
	return cluster_entry_fill(&claim->entry, claim->wish, &claim->self,
				  err);
}

static int begin_inside(struct claim *claim, struct error *err)
{
	int r = former_look(claim, err);

	if (r != 0)
		return r;
	r = cluster_cancel(claim->cluster, claim->wish->attachment, err);
	if (r < 0)
		return r;
	claim->owes = claim->owes || r > 0;
	return ledger_entry_save(claim->cluster->ledger, &claim->key,
				 &claim->entry, err);
}

/* Return: 0, STORE_LIVE, STORE_PENDING, STORE_BUSY, or negative */
static int claim_begin(struct claim *claim, struct error *err)
{
	struct pools *pools = claim->pools;
	int r = cluster_begin(claim->cluster, true, err);

	if (r != 0)
		return r;
	r = cluster_end(claim->cluster, begin_inside(claim, err), err);
	if (r != 0)
		return r;
	claim->has_begun = true;
	if (claim->owes)
		cluster_settle(claim->cluster, claim->wish->attachment);
	if (claim->owes || table_exists(ledger_table(pools->journal)))
		r = pools_owed(pools, claim->wish->attachment, &claim->owed,
			       err);
	return r;
}

/* --- the sets --------------------------------------------------------------------- */

/* Ranges are alternatives in order; what rests is used when none has any. */
static int try_set(struct claim *claim, struct store_record *ret_holder,
		   struct error *err)
{
	const struct inet_addr *want = claim_requested(claim);

	for (int pass = PASS_FREE; pass < PASSES; pass++)
		for (claim->range = 0; claim->range < claim_set(claim)->count;
		     claim->range++) {
			int r;

			if (want->family &&
			    claim_range(claim) !=
				    ipam_range_set_find(claim_set(claim), want))
				continue;
			r = pools_claim_try(claim, (enum pass)pass, ret_holder,
					    err);
			if (r != STORE_ABSENT)
				return r;
		}
	return STORE_EXHAUSTED;
}

static int claim_one(struct claim *claim, struct store_record *ret_holder,
		     struct error *err)
{
	range_set_clear(&claim->elsewhere);
	claim->has_listed = false;
	claim->conflicts = 0;
	for (unsigned int i = 0; i < CLAIM_TRIES; i++) {
		int r = try_set(claim, ret_holder, err);

		if (r != CLAIM_NEXT)
			return r;
	}
	return error_set(err, ERROR_AGAIN, 0,
			 "range %s: %d addresses in turn were taken by others "
			 "in that moment",
			 whereabouts_range(&claim->want.range,
					   (char[INET_PREFIX_TEXT]){ "" }),
			 CLAIM_TRIES);
}

/* What was asked for goes first: no other set may choose it meanwhile. */
static int claim_sets(struct claim *claim, struct store_record *ret_holder,
		      struct error *err)
{
	const struct store_wish *wish = claim->wish;

	for (int asked = 1; asked >= 0; asked--)
		for (size_t i = 0; i < wish->config->n_sets; i++) {
			int r;

			if ((wish->requested[i].family != 0) != asked)
				continue;
			claim->set = i;
			r = claim_one(claim, ret_holder, err);
			if (r != 0)
				return r;
		}
	return 0;
}

/* --- all or none ------------------------------------------------------------------ */

/* All or none. What cannot be given back now is owed. */
static void claim_undo(struct claim *claim)
{
	struct error err = { 0 };
	int r = cluster_begin(claim->cluster, true, &err);

	if (r == 0)
		r = cluster_end(claim->cluster,
				cluster_entry_undo(claim->cluster, &claim->key,
						   claim->wish, &claim->self,
						   &claim->entry, &err),
				&err);
	if (r < 0)
		log_warning("undo a reservation: %s", err.details);
	pools_settle(claim->pools, claim->wish->attachment);
}

static int claim_all(struct claim *claim, struct store_record *ret,
		     size_t *ret_set, struct error *err)
{
	int r = claim_begin(claim, err);

	if (r == 0)
		r = claim_sets(claim, ret, err);
	*ret_set = claim->set;
	if (r != 0 && claim->has_begun) {
		claim_undo(claim);
		return r;
	}
	if (r != 0 && r != STORE_LIVE && r != STORE_PENDING)
		return r;
	store_record_clear(ret);
	*ret = claim->entry.record;
	claim->entry.record = (struct store_record){ 0 };
	return r;
}

/* A container that is no pod's has an empty one: Whereabouts takes it for used,
 * and its reconciler leaves it alone. */
static int claim_podref(struct claim *claim, struct error *err)
{
	const struct store_attachment *who = claim->wish->attachment;

	if (!who->pod_name || !*who->pod_name)
		return 0;
	if (whereabouts_podref(who->pod_namespace ? who->pod_namespace : "",
			       who->pod_name, claim->podref) == 0)
		return 0;
	return error_set(err, ERROR_CONFIG, 0,
			 "K8S_POD_NAMESPACE and K8S_POD_NAME: \"%.64s/%.64s\" "
			 "is no pod",
			 who->pod_namespace ? who->pod_namespace : "",
			 who->pod_name);
}

int pools_reserve(struct store *store, const struct store_wish *wish,
		  struct store_record *ret, size_t *ret_set, struct error *err)
{
	const struct store_attachment *who = wish->attachment;
	cleanup_claim struct claim claim = {
		.pools = pools_of(store),
		.cluster = cluster_of(store),
		.wish = wish,
		.view = WHEREABOUTS_VIEW_INIT,
	};
	int r;

	r = ledger_key(who, &claim.key, err);
	if (r == 0)
		r = process_self(&claim.self, err);
	if (r == 0)
		r = claim_podref(&claim, err);
	if (r == 0)
		r = store_owner(who->pod_namespace, who->pod_name,
				who->container_id, who->ifname, &claim.owner,
				err);
	return r < 0 ? r : claim_all(&claim, ret, ret_set, err);
}
