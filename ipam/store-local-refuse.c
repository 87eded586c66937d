#include "ipam/store-local-priv.h"
#include "lib/file.h"

#include <stdio.h>

/*
 * What a station on the segment answers for is not free, and nobody's that a DEL
 * could come for: it rests, under an owner that no attachment has, so that no one
 * has it back early. Ten minutes later it is asked for again.
 */

#define REFUSED_REST_MS 600000

static int refuse_address(struct local *local, const char *pool,
			  const struct inet_addr *have,
			  const struct inet_addr *refused, const char *owner,
			  struct error *err)
{
	const struct occupancy occupancy = {
		.table = local->table,
		.pool = pool,
		.family = have->family,
		.owner = owner,
		.now_ms = file_boottime_ms(),
	};

	return occupancy_release(&occupancy, inet_addr_to_uint(have),
				 inet_addr_equal(have, refused)
					 ? REFUSED_REST_MS
					 : 0,
				 err);
}

static int refuse_record(struct local *local, const struct table_key *key,
			 const struct inet_addr *addr, const char *whose,
			 struct error *err)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_free char *owner = NULL;
	int r;

	r = local_record_load(local, key, &record, err);
	if (r != 0)
		return r;
	if (asprintf(&owner, "taken by MAC %s", whose) < 0) {
		owner = NULL;
		return error_oom(err);
	}
	for (size_t i = 0; i < record.n_addresses && r == 0; i++)
		r = refuse_address(local, record.pool,
				   &record.addresses[i].address.addr, addr,
				   owner, err);
	return r < 0 ? r : table_del(local->table, key, err);
}

int local_refuse(struct store *store, const struct store_attachment *attachment,
		 const struct inet_addr *addr, const char *whose,
		 struct error *err)
{
	struct local *local = (struct local *)store;
	struct table_key key;
	int r;

	r = local_key(attachment, &key, err);
	if (r < 0)
		return r;
	r = local_begin(local, true, err);
	if (r != 0)
		return r;
	r = refuse_record(local, &key, addr, whose, err);
	return local_end(local, r, err);
}
