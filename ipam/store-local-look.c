/* What is in the local table, for DEL, GC, STATUS and for people; nothing is
 * written. */

#include "ipam/store-local-priv.h"

int local_find(struct store *store, const struct store_attachment *attachment,
	       struct store_record *ret, struct error *err)
{
	struct local *local = local_of(store);
	struct table_key key;
	int r;

	r = local_key(attachment, &key, err);
	if (r < 0)
		return r;
	r = local_begin(local, false, err);
	if (r != 0)
		return r;
	r = local_record_load(local, &key, ret, err);
	table_abort(local->table);
	return r;
}

static int list_add(struct local *local, const struct table_value *value,
		    struct store_records *records, struct error *err)
{
	cleanup_store_record struct store_record record = { 0 };
	int r = store_record_decode(value->data, value->len, &record, err);

	return r < 0 ? local_record_unreadable(local, err)
		     : store_records_add(records, &record, err);
}

static int list_all(struct local *local, struct store_records *records,
		    struct error *err)
{
	struct table_key from, found;
	struct table_value value;
	int r;

	table_key_init(&from, 'A');
	for (;;) {
		r = table_seek(local->table, &from, 1, &found, &value, err);
		if (r != 0)
			return r < 0 ? r : 0;
		r = list_add(local, &value, records, err);
		if (r < 0)
			return r;
		from = found;
		table_key_after(&from);
	}
}

int local_list(struct store *store, struct store_records *ret,
	       struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	struct local *local = local_of(store);
	int r;

	r = local_begin(local, false, err);
	if (r != 0)
		return r;
	r = list_all(local, &records, err);
	table_abort(local->table);
	if (r < 0)
		return r;
	*ret = records;
	records = (struct store_records){ 0 };
	return 0;
}

int local_usage(struct store *store, size_t set, struct store_usage *ret,
		struct error *err)
{
	struct local *local = local_of(store);
	const struct ipam_range_set *ranges = &local->config->sets[set];
	const struct occupancy occupancy = {
		.table = local->table,
		.pool = local->config->pool,
		.family = ranges->family,
	};
	int r;

	*ret = (struct store_usage){ 0 };
	for (size_t i = 0; i < ranges->count; i++)
		ret->candidates +=
			range_set_size(&ranges->ranges[i].candidates);
	r = local_begin(local, false, err);
	if (r != 0)
		return r;
	r = occupancy_count(&occupancy, ranges, &ret->used, &ret->resting, err);
	table_abort(local->table);
	return r;
}

int local_ready(struct store *store, struct error *err)
{
	struct local *local = local_of(store);
	int r;

	r = table_ready(local->table, err);
	if (r < 0)
		return r;
	/* A damaged one is found by looking at it. */
	r = local_begin(local, false, err);
	table_abort(local->table);
	return r;
}

bool local_is_damaged(const struct store *store)
{
	const struct local *local = (const struct local *)store;

	return table_is_damaged(local->table);
}
