/*
 * Records, inside a transaction. Each carries a checksum over key and value: LMDB
 * does not notice a page that changed under it.
 */

#include "ipam/table-priv.h"

#include "lib/hash.h"

#include <assert.h>
#include <string.h>

static uint64_t table_checksum(const struct table_key *key, const void *data,
			       size_t len)
{
	uint64_t hash = hash_add(HASH_INIT, key->bytes, key->len);

	return hash_add(hash, data, len);
}

/* Checks a record that LMDB found, and cuts the checksum off. */
static int table_verify(struct table *table, const struct table_key *key,
			const MDB_val *found, struct table_value *ret,
			struct error *err)
{
	const uint8_t *data = found->mv_data;
	uint64_t expected;

	if (found->mv_size >= sizeof(expected)) {
		size_t len = found->mv_size - sizeof(expected);

		memcpy(&expected, data, sizeof(expected));
		data += sizeof(expected);
		if (table_checksum(key, data, len) == expected) {
			*ret = (struct table_value){ data, len };
			return 0;
		}
	}
	return table_damaged(table, err,
			     "a record of kind '%c' is not what "
			     "was written",
			     key->bytes[0]);
}

/* LMDB takes keys as void *, and changes none. */
static MDB_val table_val(const struct table_key *key)
{
	const union {
		const void *in;
		void *out;
	} bytes = { .in = key->bytes };

	assert(table_key_fits(key));
	return (MDB_val){ key->len, bytes.out };
}

int table_txn_get(struct table *table, MDB_txn *txn,
		  const struct table_key *key, struct table_value *ret,
		  struct error *err)
{
	MDB_val name = table_val(key);
	MDB_val found;
	int rc;

	rc = mdb_get(txn, table->dbi, &name, &found);
	if (rc == MDB_NOTFOUND)
		return TABLE_ABSENT;
	if (rc != 0)
		return table_fail(table, rc, "look up", err);
	return table_verify(table, key, &found, ret, err);
}

int table_txn_put(struct table *table, MDB_txn *txn,
		  const struct table_key *key, const void *data, size_t len,
		  struct error *err)
{
	MDB_val name = table_val(key);
	uint64_t checksum = table_checksum(key, data, len);
	MDB_val room = { sizeof(checksum) + len, NULL };
	uint8_t *to;
	int rc;

	rc = mdb_put(txn, table->dbi, &name, &room, MDB_RESERVE);
	if (rc != 0)
		return table_fail(table, rc, "add a record", err);
	to = room.mv_data;
	memcpy(to, &checksum, sizeof(checksum));
	if (len > 0)
		memcpy(to + sizeof(checksum), data, len);
	return 0;
}

int table_get(struct table *table, const struct table_key *key,
	      struct table_value *ret, struct error *err)
{
	if (!table->txn)
		return TABLE_ABSENT;
	return table_txn_get(table, table->txn, key, ret, err);
}

int table_put(struct table *table, const struct table_key *key,
	      const void *data, size_t len, struct error *err)
{
	assert(table->txn);
	return table_txn_put(table, table->txn, key, data, len, err);
}

int table_del(struct table *table, const struct table_key *key,
	      struct error *err)
{
	MDB_val name = table_val(key);
	int rc;

	assert(table->txn);
	rc = mdb_del(table->txn, table->dbi, &name, NULL);
	if (rc == MDB_NOTFOUND)
		return TABLE_ABSENT;
	return rc == 0 ? 0 : table_fail(table, rc, "delete a record", err);
}

int table_seek(struct table *table, const struct table_key *from, size_t prefix,
	       struct table_key *ret_key, struct table_value *ret,
	       struct error *err)
{
	MDB_val name = table_val(from);
	MDB_cursor *cursor;
	MDB_val found;
	int rc;

	assert(prefix <= from->len);
	if (!table->txn)
		return TABLE_ABSENT;
	rc = mdb_cursor_open(table->txn, table->dbi, &cursor);
	if (rc != 0)
		return table_fail(table, rc, "search", err);
	rc = mdb_cursor_get(cursor, &name, &found, MDB_SET_RANGE);
	mdb_cursor_close(cursor);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return table_fail(table, rc, "search", err);
	if (rc == MDB_NOTFOUND || name.mv_size < prefix ||
	    memcmp(name.mv_data, from->bytes, prefix) != 0)
		return TABLE_ABSENT;
	if (name.mv_size > TABLE_KEY_MAX)
		return table_damaged(table, err, "a key of %zu bytes",
				     name.mv_size);

	ret_key->len = name.mv_size;
	memcpy(ret_key->bytes, name.mv_data, name.mv_size);
	return table_verify(table, ret_key, &found, ret, err);
}
