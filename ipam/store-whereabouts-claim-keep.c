/*
 * What the ledger is told behind a request. Dead before that, there is a line, of
 * a dead process, that whoever comes next settles. Behind it, one of:
 *
 *	ours		the entry has the address, and the line is gone: one
 *			transaction, so that it is never had without being known
 *	a DEL came	it took the line, or the entry: what was given is owed,
 *			under the line's own number
 *	perhaps ours	the line stays, as owed
 *	not ours	the line is gone
 *
 * An address that an earlier container of the pod had leaves that one's entry in
 * the same transaction: it has one holder at any time.
 */

#include "ipam/store-whereabouts-claim-priv.h"

#include <stdio.h>

/* --- ours ------------------------------------------------------------------------- */

static struct store_address claim_address(const struct claim *claim)
{
	const struct ipam_range *range = claim_range(claim);

	return (struct store_address){
		.address = { claim->addr, range->range.network.len },
		.gateway = range->gateway,
	};
}

static int entry_insert(struct claim *claim, const struct whereabouts_got *got,
			struct error *err)
{
	struct store_record *record = &claim->entry.record;
	const size_t at = cluster_entry_place(&claim->entry, claim->set);
	struct ledger_ref *ref = &claim->entry.refs[at];
	const struct inet_addr *former = &record->addresses[at].address.addr;
	int r = 0;

	if (former->family && !inet_addr_equal(former, &claim->addr))
		r = ledger_unhold(claim->cluster->ledger, record->pool, former,
				  err);
	record->addresses[at] = claim_address(claim);
	*ref = (struct ledger_ref){ .set = (uint8_t)claim->set };
	snprintf(ref->uid, sizeof(ref->uid), "%s",
		 *got->uid ? got->uid : POOLS_NO_OVERLAP);
	whereabouts_range(&claim->want.range, ref->attempt);
	return r;
}

static void entry_remove(struct ledger_entry *entry,
			 const struct inet_addr *addr)
{
	struct store_record *record = &entry->record;
	size_t kept = 0;

	for (size_t i = 0; i < record->n_addresses; i++) {
		if (inet_addr_equal(&record->addresses[i].address.addr, addr))
			continue;
		record->addresses[kept] = record->addresses[i];
		entry->refs[kept++] = entry->refs[i];
	}
	record->n_addresses = kept;
}

/* What an earlier container of the pod had is not its any more. */
static int take_over(struct claim *claim, struct error *err)
{
	struct ledger *ledger = claim->cluster->ledger;
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	struct table_key holder;
	int r;

	r = ledger_look(ledger, claim->wish->config->pool, &claim->addr,
			claim->owner, &holder, err);
	if (r != LEDGER_HELD || pools_claim_is_own_key(claim, &holder))
		return r < 0 ? r : 0;
	r = ledger_entry_load(ledger, &holder, &entry, err);
	if (r != 0)
		return r < 0 ? r : 0;
	entry_remove(&entry, &claim->addr);
	return ledger_entry_save(ledger, &holder, &entry, err);
}

static int keep_wanted(struct claim *claim, const struct whereabouts_got *got,
		       struct error *err)
{
	struct ledger *ledger = claim->cluster->ledger;
	int r = take_over(claim, err);

	if (r == 0)
		r = entry_insert(claim, got, err);
	if (r == 0)
		r = ledger_entry_save(ledger, &claim->key, &claim->entry, err);
	if (r == 0)
		r = ledger_line_del(ledger, claim->line.number, err);
	return r;
}

static int keep_owed(struct claim *claim, const struct whereabouts_got *got,
		     struct error *err)
{
	struct ledger_line line = claim->line;

	line.kind = LEDGER_RELEASE;
	snprintf(line.uid, sizeof(line.uid), "%s",
		 *got->uid ? got->uid : POOLS_NO_OVERLAP);
	return ledger_line_save(claim->cluster->ledger, &line, err);
}

int pools_claim_keep(struct claim *claim, const struct whereabouts_got *got,
		     struct error *err)
{
	int r, wanted;

	r = cluster_begin(claim->cluster, true, err);
	if (r != 0)
		return r;
	wanted = cluster_still_wants(claim->cluster, claim->line.number,
				     &claim->key, &claim->self, &claim->entry,
				     err);
	r = wanted;
	if (wanted >= 0)
		r = wanted ? keep_wanted(claim, got, err)
			   : keep_owed(claim, got, err);
	r = cluster_end(claim->cluster, r, err);
	if (r != 0 || wanted)
		return r;
	return error_set(err, ERROR_AGAIN, 0,
			 "%s was released meanwhile, by a DEL",
			 inet_addr_format(&claim->addr,
					  (char[INET_ADDR_TEXT]){ "" }));
}

/* --- not ours --------------------------------------------------------------------- */

int pools_claim_end(struct claim *claim, bool is_held, struct error *err)
{
	struct ledger *ledger = claim->cluster->ledger;
	struct ledger_line line;
	int r = cluster_begin(claim->cluster, true, err);

	if (r != 0)
		return r;
	r = ledger_line_load(ledger, claim->line.number, &line, err);
	if (r == 0 && is_held) {
		line.kind = LEDGER_UNKNOWN;
		r = ledger_line_save(ledger, &line, err);
	} else if (r == 0) {
		r = ledger_line_del(ledger, line.number, err);
	}
	return cluster_end(claim->cluster, r == STORE_ABSENT ? 0 : r, err);
}
