/*
 * The transaction before a request of an ADD: the first finds out what is here
 * of the attachment already, each writes down what became of the request before
 * and what is asked for next.
 */

#include "ipam/store-kube-claim-priv.h"

/* --- the entry -------------------------------------------------------------------- */

/* What is not known by its uid is given back by its labels first. */
static bool has_uids(const struct ledger_entry *former)
{
	for (size_t i = 0; i < former->record.n_addresses; i++)
		if (!*former->refs[i].uid)
			return false;
	return true;
}

static int entry_fill(struct claim *claim, struct error *err)
{
	return cluster_entry_fill(&claim->entry, claim->wish, &claim->self,
				  err);
}

/* The same sandbox, so the objects are right as they are. */
static int former_adopt(struct claim *claim, struct error *err)
{
	struct store_record *record = &claim->entry.record;

	for (size_t i = 0; i < record->n_addresses; i++)
		record->addresses[i] =
			store_address_of(&claim->wish->config->sets[i],
					 &record->addresses[i].address.addr);
	return entry_fill(claim, err);
}

/* What an earlier ADD of the attachment left. */
static int former_look(struct claim *claim, struct error *err)
{
	struct cluster *cluster = claim->cluster;
	int r = cluster_former(cluster, &claim->key, &claim->entry, err);

	if (r == STORE_ABSENT)
		return entry_fill(claim, err);
	if (r != 0)
		return r;
	if (cluster_former_fits(&claim->entry, claim->wish) &&
	    has_uids(&claim->entry))
		return former_adopt(claim, err);
	r = cluster_owe(cluster, &claim->key, &claim->entry, 0, err);
	if (r < 0)
		return r;
	ledger_entry_clear(&claim->entry);
	claim->owes = true;
	return entry_fill(claim, err);
}

static int check_restored(struct cluster *cluster, struct error *err)
{
	uint64_t seen;
	int r = ledger_fact(cluster->ledger, CLUSTER_FACT_RESTORED, &seen, err);

	if (r != 0)
		return r < 0 ? r : 0;
	return error_set(
		err, ERROR_AGAIN, 0,
		"the API server knows less than it did: it was restored from a backup, and may give this node's addresses away; shimctl ipam check --repair");
}

static int entry_begin(struct claim *claim, struct error *err)
{
	struct cluster *cluster = claim->cluster;
	int r;

	r = check_restored(cluster, err);
	if (r < 0)
		return r;
	r = former_look(claim, err);
	if (r != 0)
		return r;
	r = cluster_cancel(cluster, claim->wish->attachment, err);
	if (r < 0)
		return r;
	return ledger_entry_save(cluster->ledger, &claim->key, &claim->entry,
				 err);
}

/* --- the line --------------------------------------------------------------------- */

static int line_begin(struct claim *claim, const struct inet_addr *addr,
		      struct error *err)
{
	struct ledger *ledger = claim->cluster->ledger;
	int r;

	cluster_line_fill(claim->wish, addr, &claim->line);
	r = ledger_attempt(ledger, claim->line.attempt, err);
	if (r == 0)
		r = ledger_line_add(ledger, &claim->line, err);
	if (r < 0)
		return r;
	claim->version = 0;
	r = ledger_fact(ledger, CLUSTER_FACT_VERSION, &claim->version, err);
	return r < 0 ? r : 0;
}

/* What became of the last line is written together with the next. One whose
 * answer was lost stays, as its process is dead soon. */
int claim_end_line(struct claim *claim, struct error *err)
{
	uint64_t number = claim->done;

	claim->done = 0;
	return number ? ledger_line_del(claim->cluster->ledger, number, err)
		      : 0;
}

/* --- both ------------------------------------------------------------------------- */

static bool claim_is_complete(const struct claim *claim)
{
	return claim->entry.record.n_addresses == claim->wish->config->n_sets;
}

static int step_choose(struct claim *claim, struct inet_addr *ret,
		       struct store_record *ret_holder, struct error *err)
{
	int r;

	if (claim_is_complete(claim))
		return CLAIM_DONE;
	if (claim->owes)
		return CLAIM_NEXT;
	r = claim_choose(claim, ret, ret_holder, err);
	return r == 0 ? line_begin(claim, ret, err) : r;
}

static int step_begin(struct claim *claim, struct error *err)
{
	return claim->has_begun ? claim_end_line(claim, err)
				: entry_begin(claim, err);
}

/* Outcomes of choosing are outcomes of a transaction that is committed. */
int claim_begin(struct claim *claim, struct inet_addr *ret,
		struct store_record *ret_holder, struct error *err)
{
	struct cluster *cluster = claim->cluster;
	int r, chosen;

	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = step_begin(claim, err);
	if (r != 0)
		return cluster_end(cluster, r, err);
	chosen = step_choose(claim, ret, ret_holder, err);
	r = cluster_end(cluster, chosen < 0 ? chosen : 0, err);
	if (r < 0)
		return r;
	claim->has_begun = true;
	return chosen;
}
