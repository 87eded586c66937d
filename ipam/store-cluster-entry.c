/*
 * An ADD's entry in the ledger, before its first request and after each: what
 * the stores of a cluster decide alike, whatever their server keeps.
 */
#include "ipam/store-cluster-priv.h"

#include <string.h>

int cluster_former(struct cluster *cluster, const struct table_key *key,
		   struct ledger_entry *ret, struct error *err)
{
	int r = ledger_entry_load(cluster->ledger, key, ret, err);

	if (r != 0)
		return r;
	if (ret->record.state == STORE_STATE_LIVE)
		return STORE_LIVE;
	r = store_record_is_in_progress(&ret->record, err);
	return r > 0 ? STORE_PENDING : r;
}

bool cluster_former_fits(const struct ledger_entry *former,
			 const struct store_wish *wish)
{
	const struct store_record *record = &former->record;

	if (record->n_addresses != wish->config->n_sets ||
	    strcmp(record->pool, wish->config->pool) != 0)
		return false;
	for (size_t i = 0; i < record->n_addresses; i++) {
		const struct inet_addr *have =
			&record->addresses[i].address.addr;
		const struct inet_addr *want = &wish->requested[i];
		const struct ipam_range_set *set = &wish->config->sets[i];

		if (former->refs[i].set != i || have->family != set->family ||
		    (want->family ? !inet_addr_equal(have, want)
				  : !ipam_range_set_candidate(
					    set, inet_addr_to_uint(have))))
			return false;
	}
	return true;
}

int cluster_entry_fill(struct ledger_entry *entry,
		       const struct store_wish *wish,
		       const struct process *self, struct error *err)
{
	struct store_record *record = &entry->record;
	int r;

	r = store_record_fill(record, wish->attachment, wish->config->pool,
			      err);
	if (r < 0)
		return r;
	record->state = STORE_STATE_PENDING;
	record->since_ms = file_boottime_ms();
	record->dead_ms = 0;
	record->process = *self;
	return 0;
}

size_t cluster_entry_place(struct ledger_entry *entry, size_t set)
{
	struct store_record *record = &entry->record;
	struct ledger_ref *refs = entry->refs;
	size_t at;

	for (at = 0; at < record->n_addresses; at++)
		if (refs[at].set == set)
			return at;
	record->n_addresses++;
	for (; at > 0 && refs[at - 1].set > set; at--) {
		refs[at] = refs[at - 1];
		record->addresses[at] = record->addresses[at - 1];
	}
	record->addresses[at] = (struct store_address){ 0 };
	refs[at] = (struct ledger_ref){ .set = (uint8_t)set };
	return at;
}

int cluster_entry_holder(struct cluster *cluster, const struct table_key *key,
			 struct store_record *ret, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry holder = { 0 };
	int r = ledger_entry_load(cluster->ledger, key, &holder, err);

	if (r == STORE_ABSENT)
		return table_damaged(ledger_table(cluster->ledger), err,
				     "an address in use has no attachment");
	if (r < 0)
		return r;
	store_record_clear(ret);
	*ret = holder.record;
	holder.record = (struct store_record){ 0 };
	return 0;
}

int cluster_entry_undo(struct cluster *cluster, const struct table_key *key,
		       const struct store_wish *wish,
		       const struct process *self, struct ledger_entry *entry,
		       struct error *err)
{
	int r;

	ledger_entry_clear(entry);
	r = ledger_entry_load(cluster->ledger, key, entry, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!process_is_same(&entry->record.process, self))
		return 0;
	r = cluster_owe(cluster, key, entry, 0, err);
	if (r == 0)
		r = cluster_cancel(cluster, wish->attachment, err);
	return r < 0 ? r : 0;
}

void cluster_line_fill(const struct store_wish *wish,
		       const struct inet_addr *addr, struct ledger_line *ret)
{
	*ret = (struct ledger_line){ .kind = LEDGER_POST, .addr = *addr };
	ledger_line_fill(ret, wish->config->pool, wish->attachment);
}

int cluster_still_wants(struct cluster *cluster, uint64_t number,
			const struct table_key *key, const struct process *self,
			struct ledger_entry *entry, struct error *err)
{
	struct ledger_line line;
	int r;

	r = ledger_line_load(cluster->ledger, number, &line, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (line.kind != LEDGER_POST)
		return 0;
	ledger_entry_clear(entry);
	r = ledger_entry_load(cluster->ledger, key, entry, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return entry->record.state == STORE_STATE_PENDING &&
	       process_is_same(&entry->record.process, self);
}
