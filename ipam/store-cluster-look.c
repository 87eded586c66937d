/* What the ledger of a server's store knows: attachments, and numbers. */

#include "ipam/store-cluster-priv.h"

int cluster_find(struct store *store, const struct store_attachment *attachment,
		 struct store_record *ret, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	struct cluster *cluster = cluster_of(store);
	struct table_key key;
	int r;

	r = ledger_key(attachment, &key, err);
	if (r < 0)
		return r;
	r = cluster_begin(cluster, false, err);
	if (r != 0)
		return r;
	r = ledger_entry_load(cluster->ledger, &key, &entry, err);
	table_abort(ledger_table(cluster->ledger));
	if (r != 0)
		return r;
	store_record_clear(ret);
	*ret = entry.record;
	entry.record = (struct store_record){ 0 };
	return 0;
}

static int list_inside(struct cluster *cluster, struct store_records *records,
		       struct error *err)
{
	struct table_key key;
	int r = 0;

	ledger_entry_first(&key);
	while (r == 0) {
		cleanup_ledger_entry struct ledger_entry entry = { 0 };

		r = ledger_entry_next(cluster->ledger, &key, &entry, err);
		if (r == 0)
			r = store_records_add(records, &entry.record, err);
	}
	return r < 0 ? r : 0;
}

int cluster_list_records(struct store *store, struct store_records *ret,
			 struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	struct cluster *cluster = cluster_of(store);
	int r;

	r = cluster_begin(cluster, false, err);
	if (r != 0)
		return r;
	r = list_inside(cluster, &records, err);
	table_abort(ledger_table(cluster->ledger));
	if (r < 0)
		return r;
	*ret = records;
	records = (struct store_records){ 0 };
	return 0;
}

static inet_uint count_in(const struct ipam_range_set *set,
			  const struct range_set *taken)
{
	inet_uint count = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct range_set *candidates = &set->ranges[i].candidates;
		inet_uint from = 0;
		inet_uint value;

		while (range_set_next(taken, from, &value)) {
			count += range_set_contains(candidates, value);
			from = value + 1;
			if (from == 0)
				break;
		}
	}
	return count;
}

static int count_resting(struct cluster *cluster,
			 const struct ipam_range_set *set, inet_uint *ret,
			 struct error *err)
{
	inet_uint from = 0;

	for (;;) {
		struct ledger_rest rest;
		int r;

		r = ledger_rest_next(cluster->ledger, cluster->config->pool,
				     set->family, from, &rest, err);
		if (r != 0)
			return r < 0 ? r : 0;
		from = inet_addr_to_uint(&rest.addr);
		for (size_t i = 0; i < set->count; i++)
			*ret += range_set_contains(&set->ranges[i].candidates,
						   from);
		if (++from == 0)
			return 0;
	}
}

int cluster_count(struct cluster *cluster, const struct ipam_range_set *set,
		  const struct range_set *taken, struct store_usage *ret,
		  struct error *err)
{
	int r;

	*ret = (struct store_usage){ 0 };
	for (size_t i = 0; i < set->count; i++)
		ret->candidates += range_set_size(&set->ranges[i].candidates);
	ret->used = count_in(set, taken);
	r = cluster_begin(cluster, false, err);
	if (r != 0)
		return r;
	r = count_resting(cluster, set, &ret->resting, err);
	table_abort(ledger_table(cluster->ledger));
	return r;
}
