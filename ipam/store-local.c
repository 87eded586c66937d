/*
 * The local table: who holds which address on this node, in this boot.
 *
 * An attachment is one record (A), its addresses are marked in use
 * (occupancy.c), and both happen in one transaction: choosing an address and
 * keeping it is one step, for all sets of one ADD together. So at any moment,
 * whoever dies, the file holds the state before a call or the state after it.
 *
 * Nothing is asked of the kernel or of a person inside a transaction, but for
 * one: whether the process of a pending record lives (/proc). Everything else
 * that takes time is done by callers, with the lock released.
 *
 * Uniqueness is per (pool, address). The network's name is part of who holds
 * an address, not of which address it is: two networks over one range, in one
 * pool, never collide.
 */

#include "ipam/store-local-priv.h"

#include "lib/file.h"

#include <stdlib.h>
#include <unistd.h>

#define LOCAL_NAME "attachments"

int local_begin(struct local *local, bool write, struct error *err)
{
	int r = table_begin(local->table, write, local->base.timeout_ms, err);

	return r == TABLE_BUSY ? STORE_BUSY : r;
}

int local_end(struct local *local, int r, struct error *err)
{
	if (r == 0)
		return table_commit(local->table, err);
	table_abort(local->table);
	return r;
}

int local_key(const struct store_attachment *attachment, struct table_key *key,
	      struct error *err)
{
	return table_key_attachment(attachment->network,
				    attachment->container_id,
				    attachment->ifname, key, err);
}

int local_self(struct local *local, struct process *ret, struct error *err)
{
	if (local->self.pid != getpid()) {
		int r = process_self(&local->self, err);

		if (r < 0)
			return r;
	}
	*ret = local->self;
	return 0;
}

/* --- records ---------------------------------------------------------------------- */

int local_record_unreadable(struct local *local, struct error *err)
{
	const struct error inner = *err;

	if (inner.code != ERROR_STORE)
		return error_return(err);
	return table_damaged(local->table, err, "%s", inner.details);
}

int local_record_load(struct local *local, const struct table_key *key,
		      struct store_record *ret, struct error *err)
{
	struct table_value value;
	int r;

	r = table_get(local->table, key, &value, err);
	if (r == TABLE_ABSENT)
		return STORE_ABSENT;
	if (r < 0)
		return r;
	r = store_record_decode(value.data, value.len, ret, err);
	return r < 0 ? local_record_unreadable(local, err) : 0;
}

int local_record_save(struct local *local, const struct table_key *key,
		      const struct store_record *record, struct error *err)
{
	cleanup_free uint8_t *data = NULL;
	size_t len;
	int r;

	r = store_record_encode(record, &data, &len, err);
	if (r < 0)
		return r;
	return table_put(local->table, key, data, len, err);
}

static int record_owner(const struct store_record *record, char **ret,
			struct error *err)
{
	return store_owner(record->pod_namespace, record->pod_name,
			   record->container_id, record->ifname, ret, err);
}

int local_release_addresses(struct local *local,
			    const struct store_record *record, uint64_t rest_ms,
			    struct error *err)
{
	cleanup_free char *owner = NULL;
	int r;

	r = record_owner(record, &owner, err);
	for (size_t i = 0; i < record->n_addresses && r == 0; i++) {
		const struct inet_addr *addr =
			&record->addresses[i].address.addr;
		const struct occupancy occupancy = {
			.table = local->table,
			.pool = record->pool,
			.family = addr->family,
			.owner = owner,
			.now_ms = file_boottime_ms(),
		};

		r = occupancy_release(&occupancy, inet_addr_to_uint(addr),
				      rest_ms, err);
	}
	return r;
}

/* --- the attachment --------------------------------------------------------------- */

static int local_reserve(struct store *store, const struct store_wish *wish,
			 struct store_record *ret, size_t *ret_set,
			 struct error *err)
{
	struct local *local = local_of(store);
	struct table_key key;
	int r;

	r = local_key(wish->attachment, &key, err);
	if (r < 0)
		return r;
	r = local_begin(local, true, err);
	if (r != 0)
		return r;
	r = local_claim(local, wish, &key, ret, ret_set, err);
	return local_end(local, r, err);
}

static int confirm_record(struct local *local, const struct table_key *key,
			  const struct process *self, struct error *err)
{
	cleanup_store_record struct store_record record = { 0 };
	int r;

	r = local_record_load(local, key, &record, err);
	if (r != 0)
		return r;
	if (!process_is_same(&record.process, self))
		return STORE_ABSENT;
	record.state = STORE_STATE_LIVE;
	return local_record_save(local, key, &record, err);
}

static int local_confirm(struct store *store,
			 const struct store_attachment *attachment,
			 struct error *err)
{
	struct local *local = local_of(store);
	struct process self;
	struct table_key key;
	int r;

	r = local_key(attachment, &key, err);
	if (r < 0)
		return r;
	r = local_self(local, &self, err);
	if (r < 0)
		return r;
	r = local_begin(local, true, err);
	if (r != 0)
		return r;
	r = confirm_record(local, &key, &self, err);
	return local_end(local, r, err);
}

static int release_record(struct local *local, const struct table_key *key,
			  struct error *err)
{
	cleanup_store_record struct store_record record = { 0 };
	int r;

	r = local_record_load(local, key, &record, err);
	if (r != 0)
		return r;
	return local_record_drop(local, key, &record, err);
}

static int local_release(struct store *store,
			 const struct store_attachment *attachment,
			 struct error *err)
{
	struct local *local = local_of(store);
	struct table_key key;
	int r;

	r = local_key(attachment, &key, err);
	if (r < 0)
		return r;
	/* Nothing was ever reserved: nothing to write either. */
	if (!table_exists(local->table))
		return STORE_ABSENT;
	r = local_begin(local, true, err);
	if (r != 0)
		return r;
	r = release_record(local, &key, err);
	return local_end(local, r, err);
}

/* --- the store -------------------------------------------------------------------- */

static struct store *local_close(struct store *store)
{
	struct local *local = local_of(store);

	table_close(local->table);
	free(local);
	return NULL;
}

static const struct store_ops local_ops = {
	.name = "local",
	.reserve = local_reserve,
	.confirm = local_confirm,
	.release = local_release,
	.reap = local_reap,
	.mark = local_mark,
	.due = local_due,
	.refuse = local_refuse,
	.find = local_find,
	.list = local_list,
	.usage = local_usage,
	.is_damaged = local_is_damaged,
	.rebuild = local_rebuild,
	.ready = local_ready,
	.close = local_close,
};

int store_local_open(const struct ipam_config *config, bool read_only,
		     unsigned int timeout_ms, struct store **ret,
		     struct error *err)
{
	struct local *local = calloc(1, sizeof(*local));
	int r;

	if (!local)
		return error_oom(err);
	local->base.ops = &local_ops;
	local->base.timeout_ms = timeout_ms;
	local->config = config;
	r = table_open(config->state_dir, LOCAL_NAME,
		       read_only ? TABLE_READ_ONLY : 0, &local->table, err);
	if (r < 0) {
		free(local);
		return r;
	}
	r = table_set_witness(local->table, config->data_dir, err);
	if (r < 0) {
		local_close(&local->base);
		return r;
	}
	*ret = &local->base;
	return 0;
}
