/*
 * What is done to records that were looked at before, with no lock held: a DEL
 * and an ADD may have passed meanwhile, so each change compares first. And whose
 * turn it is to look.
 */

#include "ipam/store-local-priv.h"
#include "lib/file.h"

#include <string.h>

int local_record_drop(struct local *local, const struct table_key *key,
		      const struct store_record *record, struct error *err)
{
	uint64_t rest_ms = (uint64_t)local->config->reuse_delay * 1000;
	int r = local_release_addresses(local, record, rest_ms, err);

	return r < 0 ? r : table_del(local->table, key, err);
}

/* A change of the one record that was looked at, if it is still that one. */
struct local_change {
	int (*fn)(struct local *local, const struct table_key *key,
		  struct store_record *have, uint64_t value, struct error *err);
	uint64_t value;
};

static int change_same(struct local *local, const struct table_key *key,
		       const struct store_record *record,
		       const struct local_change *change, struct error *err)
{
	cleanup_store_record struct store_record have = { 0 };
	int r;

	r = local_record_load(local, key, &have, err);
	if (r != 0)
		return r;
	if (!store_record_is_same(&have, record))
		return STORE_ABSENT;
	return change->fn(local, key, &have, change->value, err);
}

static int local_change(struct store *store, const struct store_record *record,
			const struct local_change *change, struct error *err)
{
	struct local *local = local_of(store);
	const struct store_attachment attachment =
		store_record_attachment(record);
	struct table_key key;
	int r;

	r = local_key(&attachment, &key, err);
	if (r < 0)
		return r;
	if (!table_exists(local->table))
		return STORE_ABSENT;
	r = local_begin(local, true, err);
	if (r != 0)
		return r;
	r = change_same(local, &key, record, change, err);
	return local_end(local, r, err);
}

static int reap_record(struct local *local, const struct table_key *key,
		       struct store_record *have, uint64_t unused,
		       struct error *err)
{
	(void)unused;
	return local_record_drop(local, key, have, err);
}

int local_reap(struct store *store, const struct store_record *record,
	       struct error *err)
{
	const struct local_change change = { reap_record, 0 };

	return local_change(store, record, &change, err);
}

static int mark_record(struct local *local, const struct table_key *key,
		       struct store_record *have, uint64_t dead_ms,
		       struct error *err)
{
	have->dead_ms = dead_ms;
	return local_record_save(local, key, have, err);
}

int local_mark(struct store *store, const struct store_record *record,
	       uint64_t dead_ms, struct error *err)
{
	const struct local_change change = { mark_record, dead_ms };

	return local_change(store, record, &change, err);
}

/* STORE_DUE if @task was not done for @period_ms. */
static int is_due(struct local *local, const struct table_key *key,
		  uint64_t period_ms, struct error *err)
{
	struct table_value value;
	uint64_t done_ms;
	int r;

	r = table_get(local->table, key, &value, err);
	if (r < 0)
		return r;
	if (r == TABLE_ABSENT || value.len != sizeof(done_ms))
		return STORE_DUE;
	memcpy(&done_ms, value.data, sizeof(done_ms));
	return file_boottime_ms() - done_ms < period_ms ? 0 : STORE_DUE;
}

static int local_take_turn(struct local *local, const struct table_key *key,
			   uint64_t period_ms, struct error *err)
{
	uint64_t now_ms = file_boottime_ms();
	int r;

	r = local_begin(local, true, err);
	if (r != 0)
		return r;
	r = is_due(local, key, period_ms, err);
	if (r != STORE_DUE)
		return local_end(local, r, err);
	r = table_put(local->table, key, &now_ms, sizeof(now_ms), err);
	r = local_end(local, r, err);
	return r == 0 ? STORE_DUE : r;
}

/* Mostly it is not, and then a look is all: many may look at once. */
int local_due(struct store *store, const char *task, uint64_t period_ms,
	      struct error *err)
{
	struct local *local = local_of(store);
	struct table_key key;
	int r;

	table_key_init(&key, 'D');
	table_key_add_text(&key, task);
	if (!table_exists(local->table))
		return 0;
	r = local_begin(local, false, err);
	if (r != 0)
		return r;
	r = is_due(local, &key, period_ms, err);
	table_abort(local->table);
	return r == STORE_DUE ? local_take_turn(local, &key, period_ms, err)
			      : r;
}
