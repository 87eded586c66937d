/*
 * An ADD's entry in the ledger, before its first request and after each: what
 * the stores of a cluster decide alike, whatever their server keeps.
 */
#include "ipam/store-kube-priv.h"

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
