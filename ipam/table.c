/*
 * Transactions.
 *
 * LMDB makes each of them all or nothing, but its own locks are robust mutexes
 * in a shared file (they tie all programs to one libc) and have no deadline (a
 * stopped process would hang kubelet). So it runs with MDB_NOLOCK, which allows
 * no reader beside a writer, under a flock with a deadline: shared for reading,
 * exclusive for writing, held for a transaction and for nothing else. The
 * kernel drops it when its holder dies.
 *
 * Only a synced table is synced. A commit writes the new pages into free space and then one
 * meta page, each by a system call: a process that dies in between leaves the
 * old state, and the page cache outlives it. What does not outlive a power
 * failure need not: the table means nothing to another boot.
 *
 * A damaged file is never mended, and never removed: a new one is filled beside
 * it, in one transaction, and then takes its name in one step. Whoever dies
 * meanwhile leaves the damaged one in place, and the next process finds it so.
 */

#include "ipam/table-priv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#undef table_damaged

const char *table_path(const struct table *table)
{
	return table->path;
}

/* What was made for another boot can be made again; what outlives it cannot. */
static const char *damaged_advice(const struct table *table)
{
	return table->flags & TABLE_SYNCED
		       ? "give the address in the configuration again"
		       : "the next ADD or DEL on this node makes a new one "
			 "from what its pods bear";
}

int table_damaged(struct table *table, struct error *err, const char *fmt, ...)
{
	char reason[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	table->is_damaged = true;
	return error_set(err, ERROR_STORE, 0, "%s is damaged: %s; %s",
			 table->path, reason, damaged_advice(table));
}

bool table_is_damaged(const struct table *table)
{
	return table->is_damaged;
}

int table_fail(struct table *table, int rc, const char *what, struct error *err)
{
	if (rc > 0)
		return error_set(err, ERROR_IO, rc, "%s: %s", table->path,
				 what);
	if (rc == MDB_MAP_FULL)
		return error_set(err, ERROR_IO, ENOSPC,
				 "%s: %s: the table has reached its %zu MiB",
				 table->path, what, TABLE_MAP_SIZE >> 20);
	/* LMDB's own words for a missing page are "not found", and a runtime
	 * takes a DEL that failed with those for done. */
	return table_damaged(table, err, "%s: LMDB error %d", what, rc);
}

static int table_begin_txn(struct table *table, bool write, struct error *err)
{
	int r, rc;

	r = table_file_identify(table, &table->seen, err);
	if (r == 0)
		r = table_file_open(table, write, err);
	if (r == TABLE_NONE)
		return 0;
	if (r < 0)
		return r;

	rc = mdb_txn_begin(table->env, NULL, write ? 0 : MDB_RDONLY,
			   &table->txn);
	if (rc != 0)
		return table_fail(table, rc, "begin", err);
	return 0;
}

static int table_lock(struct table *table, bool write, unsigned int timeout_ms,
		      struct error *err)
{
	int r = write ? file_mkdirs(table->dir, err) : 0;

	if (r < 0)
		return r;
	r = file_lock(table->lock_path, write, timeout_ms, &table->lock, err);
	return r == FILE_LOCKED ? TABLE_BUSY : r;
}

static int table_begin_locked(struct table *table, bool write,
			      unsigned int timeout_ms, struct error *err)
{
	int r = table_lock(table, write, timeout_ms, err);

	if (r != 0)
		return r;
	r = table_begin_txn(table, write, err);
	if (r < 0)
		table_abort(table);
	return r;
}

/* The lock was lost with its folder, and with the table that it was of: what
 * stands in its place may be another process' to write, which holds another. */
static bool table_is_adrift(const struct table *table)
{
	return table->lock >= 0 && !file_is_at(table->lock, table->lock_path);
}

int table_begin(struct table *table, bool write, unsigned int timeout_ms,
		struct error *err)
{
	int r;

	assert(table->lock < 0 && !(write && table->flags & TABLE_READ_ONLY));
	for (;;) {
		table->is_damaged = false;
		if (!write && !table_exists(table))
			return 0;
		r = table_begin_locked(table, write, timeout_ms, err);
		if (r != 0 || !table_is_adrift(table))
			return r;
		table_abort(table);
	}
}

static void table_unlock(struct table *table)
{
	int lock = take_fd(&table->lock);

	if (lock >= 0)
		close(lock);
}

void table_abort(struct table *table)
{
	MDB_txn *txn = take_ptr(table->txn);

	if (txn)
		mdb_txn_abort(txn);
	if (table->is_renewing)
		table_file_discard(table);
	table->is_renewing = false;
	table_unlock(table);
}

/* LMDB calls a write that fell short EIO; mostly the disk is full. */
static int table_commit_errno(const struct table *table, int rc)
{
	struct statvfs fs;

	if (rc == EIO && statvfs(table->path, &fs) == 0 && fs.f_bavail == 0)
		return ENOSPC;
	return rc;
}

static int table_commit_txn(struct table *table, struct error *err)
{
	MDB_txn *txn = take_ptr(table->txn);
	int rc = txn ? mdb_txn_commit(txn) : 0;

	if (rc == 0)
		return 0;
	return table_fail(table, table_commit_errno(table, rc), "commit", err);
}

/* The damaged file has two names from here on, then one, and the new one its
 * own: there is a file under the table's name at any moment. */
static int table_commit_renewed(struct table *table, struct error *err)
{
	int r = table_commit_txn(table, err);

	if (r == 0)
		r = table_file_set_aside(table, err);
	if (r == 0)
		r = table_file_place(table, err);
	if (r == 0) {
		table->is_renewing = table->is_damaged = false;
		table_witness_note(table);
	}
	table_abort(table);
	return r;
}

int table_commit(struct table *table, struct error *err)
{
	int r;

	if (table->is_renewing)
		return table_commit_renewed(table, err);
	r = table_commit_txn(table, err);
	/* LMDB takes no further transaction after a failed commit, and what it
	 * remembers may be ahead of the file: begin with the file next time. */
	if (r < 0)
		table_file_close(table);
	table_unlock(table);
	return r;
}

static int table_renew_txn(struct table *table, struct error *err)
{
	struct table_identity now;
	int r, rc;

	r = table_file_identify(table, &now, err);
	if (r < 0)
		return r;
	if (now.dev != table->seen.dev || now.ino != table->seen.ino)
		return TABLE_RENEWED;
	table_file_close(table);
	r = table_file_prepare(table, err);
	if (r < 0)
		return r;
	table->is_renewing = true;
	rc = mdb_txn_begin(table->env, NULL, 0, &table->txn);
	return rc == 0 ? 0 : table_fail(table, rc, "begin", err);
}

int table_renew(struct table *table, unsigned int timeout_ms, struct error *err)
{
	int r;

	assert(table->is_damaged && table->lock < 0);
	r = table_lock(table, true, timeout_ms, err);
	if (r != 0)
		return r;
	r = table_renew_txn(table, err);
	if (r != 0)
		table_abort(table);
	return r;
}

static int table_paths(struct table *table, const char *dir, const char *name)
{
	table->dir = strdup(dir);
	if (!table->dir || asprintf(&table->path, "%s/%s.mdb", dir, name) < 0 ||
	    asprintf(&table->fresh_path, "%s/%s.mdb.new", dir, name) < 0 ||
	    asprintf(&table->lock_path, "%s/%s.lock", dir, name) < 0)
		return -ENOMEM;
	return 0;
}

int table_open(const char *dir, const char *name, unsigned int flags,
	       struct table **ret, struct error *err)
{
	cleanup_table struct table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return error_oom(err);
	table->lock = -1;
	table->flags = flags;
	if (table_paths(table, dir, name) < 0)
		return error_oom(err);
	r = file_boot_id(table->boot_id, err);
	if (r < 0)
		return r;
	*ret = take_ptr(table);
	return 0;
}

struct table *table_close(struct table *table)
{
	if (!table)
		return NULL;
	table_abort(table);
	table_file_close(table);
	free(table->dir);
	free(table->path);
	free(table->fresh_path);
	free(table->lock_path);
	free(table->witness_path);
	free(table);
	return NULL;
}
