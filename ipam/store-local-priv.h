#ifndef IPAM_STORE_LOCAL_PRIV_H
#define IPAM_STORE_LOCAL_PRIV_H

/*
 * Shared by ipam/store-local*.c only.
 */

#include "ipam/occupancy.h"
#include "ipam/store.h"

struct local {
	struct store base;
	struct table *table;
	const struct ipam_config *config;
	struct process self; /* pid 0: not read yet */
};

static inline struct local *local_of(struct store *store)
{
	return (struct local *)store;
}

/** local_begin() - Return: 0, STORE_BUSY, or negative */
int local_begin(struct local *local, bool write, struct error *err) warn_unused;

/** local_end() - Commits what succeeded; an outcome or a failure @r changes
 * nothing. Return: @r, or negative */
int local_end(struct local *local, int r, struct error *err);

/** local_self() - This process, for its records; read once */
int local_self(struct local *local, struct process *ret, struct error *err);

/* store_ops, in store-local-change.c */
int local_reap(struct store *store, const struct store_record *record,
	       struct error *err);
int local_mark(struct store *store, const struct store_record *record,
	       uint64_t dead_ms, struct error *err);
int local_due(struct store *store, const char *task, uint64_t period_ms,
	      struct error *err);

/* store_ops, in store-local-look.c */
int local_find(struct store *store, const struct store_attachment *attachment,
	       struct store_record *ret, struct error *err);
int local_list(struct store *store, struct store_records *ret,
	       struct error *err);
int local_usage(struct store *store, size_t set, struct store_usage *ret,
		struct error *err);
int local_ready(struct store *store, struct error *err);
bool local_is_damaged(const struct store *store);

/** local_rebuild() - store_ops.rebuild (store-local-rebuild.c) */
int local_rebuild(struct store *store, const struct store_records *known,
		  struct error *err);

/* --- inside a transaction ---------------------------------------------- */

/** local_claim() - Choose and keep; outcomes as store_ops.reserve has them */
int local_claim(struct local *local, const struct store_wish *wish,
		const struct table_key *key, struct store_record *ret,
		size_t *ret_set, struct error *err) warn_unused;

/** local_record_unreadable() - @err is why a record could not be read: what is
 * written is the table's fault */
int local_record_unreadable(struct local *local, struct error *err);

/** local_record_load() - 0, STORE_ABSENT, or negative */
int local_record_load(struct local *local, const struct table_key *key,
		      struct store_record *ret, struct error *err) warn_unused;

int local_record_save(struct local *local, const struct table_key *key,
		      const struct store_record *record, struct error *err);

/** local_record_drop() - Delete it; its addresses rest */
int local_record_drop(struct local *local, const struct table_key *key,
		      const struct store_record *record, struct error *err);

/** local_release_addresses() - Of @record; they rest for @rest_ms */
int local_release_addresses(struct local *local,
			    const struct store_record *record, uint64_t rest_ms,
			    struct error *err);

/** local_key() - Of an attachment's record */
int local_key(const struct store_attachment *attachment, struct table_key *key,
	      struct error *err);

/** local_refuse() - store_ops.refuse (store-local-refuse.c) */
int local_refuse(struct store *store, const struct store_attachment *attachment,
		 const struct inet_addr *addr, const char *whose,
		 struct error *err);

#endif
