#ifndef IPAM_TABLE_H
#define IPAM_TABLE_H

/*
 * A sorted table of small checksummed records in one file, with transactions:
 * LMDB under a lock of our own (table.c and table-file.c say why). Knows
 * nothing of what the records mean.
 *
 * Most of what is kept here ends with the boot: a table that an earlier boot
 * wrote is empty by definition. A synced one outlives it, and power failures.
 */

#include "lib/error.h"

#include <stddef.h>
#include <stdint.h>

struct table;

enum {
	TABLE_ABSENT = 1, /* no such record */
	TABLE_BUSY = 2, /* the lock's deadline passed */
	TABLE_RENEWED = 4, /* not damaged any more: another process was first */
};

enum table_flag {
	TABLE_READ_ONLY = 1, /* nothing is created: an absent table is empty */
	TABLE_SYNCED = 2, /* outlives the boot, and is on disk when committed */
};

#define TABLE_KEY_MAX 511 /* LMDB's compiled-in limit */

struct table_key {
	size_t len; /* above TABLE_KEY_MAX: it did not fit */
	uint8_t bytes[TABLE_KEY_MAX];
};

/** table_key_init() - A key of one kind of record */
void table_key_init(struct table_key *key, char kind);

/** table_key_add() - Append bytes */
void table_key_add(struct table_key *key, const void *data, size_t len);

/** table_key_add_text() - Append text with its terminator */
void table_key_add_text(struct table_key *key, const char *text);

/** table_key_add_uint() - Append the low @len bytes of a value, big end first:
 * keys sort as the values do */
void table_key_add_uint(struct table_key *key, unsigned __int128 value,
			size_t len);

/** table_key_uint() - Read back @len bytes at @at */
unsigned __int128 table_key_uint(const struct table_key *key, size_t at,
				 size_t len);

/** table_key_after() - The first key behind it that a table could have */
void table_key_after(struct table_key *key);

/** table_key_fits() - Is it no longer than a key can be? */
bool table_key_fits(const struct table_key *key);

/**
 * table_key_attachment() - Key of an attachment's entry, of kind 'A'
 *
 * Return: 0, or < 0 with ERROR_CONFIG if the names are too long for a key.
 */
int table_key_attachment(const char *network, const char *container_id,
			 const char *ifname, struct table_key *ret,
			 struct error *err);

/* Borrowed; valid until the next change or the end of the transaction. */
struct table_value {
	const uint8_t *data;
	size_t len;
};

/**
 * table_open() - Prepare the table "<dir>/<name>.mdb"; touches no file
 * @flags:	enum table_flag
 */
int table_open(const char *dir, const char *name, unsigned int flags,
	       struct table **ret, struct error *err);

/**
 * table_set_witness() - Remember elsewhere that this boot has made the table
 * @dir:	Another directory, which outlives what removes the first
 *
 * A table that is gone, but that this boot has made, is damaged: without the
 * witness it would be an empty one. A witness that cannot be written is done
 * without.
 */
int table_set_witness(struct table *table, const char *dir, struct error *err);

/** table_close() - Returns NULL; NULL is fine; aborts a transaction */
struct table *table_close(struct table *table);

static inline void table_cleanup(struct table **table)
{
	table_close(*table);
}
#define cleanup_table cleanup(table_cleanup)

/**
 * table_begin() - Begin a transaction
 * @write:	Exclusive, and creates the table; else shared
 * @timeout_ms:	Deadline of the lock
 *
 * The lock is held until table_commit() or table_abort().
 *
 * Return: 0, TABLE_BUSY, or negative: ERROR_IO, ERROR_STORE if the file is
 * damaged
 */
int table_begin(struct table *table, bool write, unsigned int timeout_ms,
		struct error *err) warn_unused;

/** table_commit() - All changes at once, or none */
int table_commit(struct table *table, struct error *err);

/** table_abort() - None of the changes; fine without a transaction */
void table_abort(struct table *table);

/** table_get() - Return: 0, TABLE_ABSENT, or negative */
int table_get(struct table *table, const struct table_key *key,
	      struct table_value *ret, struct error *err) warn_unused;

/**
 * table_seek() - The first record from @from on
 * @prefix:	Bytes of @from that the found key must share
 *
 * Return: 0, TABLE_ABSENT, or negative
 */
int table_seek(struct table *table, const struct table_key *from, size_t prefix,
	       struct table_key *ret_key, struct table_value *ret,
	       struct error *err) warn_unused;

/** table_put() - Add or replace */
int table_put(struct table *table, const struct table_key *key,
	      const void *data, size_t len, struct error *err);

/** table_del() - Return: 0, TABLE_ABSENT, or negative */
int table_del(struct table *table, const struct table_key *key,
	      struct error *err) warn_unused;

/** table_exists() - Is there a file? Without a lock, a hint only; also true of one
 * that cannot be seen */
bool table_exists(const struct table *table);

/**
 * table_ready() - Could a record be written? Changes nothing
 *
 * Return: 0, or negative with ERROR_IO
 */
int table_ready(const struct table *table, struct error *err);

/** table_damaged() - Raise ERROR_STORE: which file, what is wrong, what to do */
int table_damaged(struct table *table, struct error *err, const char *fmt, ...)
	printf_like(3, 4);

/** table_is_damaged() - Has table_damaged() been raised since the last begin? */
bool table_is_damaged(const struct table *table);

/**
 * table_renew() - Begin a transaction on an empty table in place of a damaged one
 *
 * For a table that table_is_damaged(). The damaged file is left until
 * table_commit() puts the new one in its place, in one step, and the old one
 * aside as "<name>.mdb.damaged-<time>"; the three newest of these are kept.
 *
 * Return: 0, TABLE_BUSY, TABLE_RENEWED, or negative
 */
int table_renew(struct table *table, unsigned int timeout_ms, struct error *err)
	warn_unused;

/** table_path() - The file, for messages */
const char *table_path(const struct table *table);

/* For the static analyzer, as in lib/error.h. */
#ifdef __clang_analyzer__
#define table_damaged(...) (table_damaged(__VA_ARGS__), -EINVAL)
#endif

#endif
