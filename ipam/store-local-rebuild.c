/*
 * A new table in place of a damaged one, which is kept aside. What it holds from
 * the beginning is written in the transaction that makes it: a process that comes
 * in between waits, and one that dies leaves the old one.
 */

#include "ipam/store-local-priv.h"

/* What two of them claim to have, the first has. */
static int rebuild_address(struct local *local, const struct table_key *key,
			   const char *pool,
			   const struct store_address *address,
			   struct store_record *ret, struct error *err)
{
	inet_uint value = inet_addr_to_uint(&address->address.addr);
	const struct occupancy occupancy = {
		.table = local->table,
		.pool = pool,
		.family = address->address.addr.family,
	};
	struct table_key holder;
	int r;

	r = occupancy_look(&occupancy, value, &holder, err);
	if (r < 0)
		return r;
	if (r == OCCUPANCY_USED)
		return 0;
	ret->addresses[ret->n_addresses++] = *address;
	return occupancy_take(&occupancy, value, key, err);
}

static int rebuild_record(struct local *local, const struct store_record *known,
			  struct error *err)
{
	struct store_record record = *known; /* borrows its strings */
	struct table_value none;
	struct table_key key;
	int r;

	r = table_key_attachment(known->network, known->container_id,
				 known->ifname, &key, err);
	if (r < 0)
		return r;
	r = table_get(local->table, &key, &none, err);
	if (r != TABLE_ABSENT)
		return r;
	record.n_addresses = 0;
	for (size_t i = 0; i < known->n_addresses && r >= 0; i++)
		r = rebuild_address(local, &key, known->pool,
				    &known->addresses[i], &record, err);
	return r < 0 ? r : local_record_save(local, &key, &record, err);
}

int local_rebuild(struct store *store, const struct store_records *known,
		  struct error *err)
{
	struct local *local = local_of(store);
	int r;

	r = table_renew(local->table, store->timeout_ms, err);
	if (r == TABLE_RENEWED)
		return 0;
	if (r != 0)
		return r == TABLE_BUSY ? STORE_BUSY : r;
	for (size_t i = 0; i < known->count && r == 0; i++)
		r = rebuild_record(local, &known->items[i], err);
	return local_end(local, r, err);
}
