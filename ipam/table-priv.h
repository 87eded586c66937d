#ifndef IPAM_TABLE_PRIV_H
#define IPAM_TABLE_PRIV_H

/*
 * Shared by ipam/table*.c only, which alone see LMDB.
 */

#include "ipam/table.h"
#include "lib/file.h"

#include <lmdb.h>
#include <sys/types.h>

/* Address space, not memory: as much as 300 000 attachments need. */
#define TABLE_MAP_SIZE ((size_t)256 << 20)

enum {
	TABLE_NONE = 3, /* no file, or another boot's: empty */
};

struct stat;

/* Which file is under the table's name; all zero: none. */
struct table_identity {
	dev_t dev;
	ino_t ino;
};

struct table {
	char *dir;
	char *path;
	char *fresh_path; /* where a new one is prepared */
	char *lock_path;
	char *witness_path; /* NULL: none */
	unsigned int flags;
	char boot_id[FILE_BOOT_ID_TEXT];

	MDB_env *env; /* NULL: not open */
	MDB_dbi dbi;
	dev_t dev; /* of the open file */
	ino_t ino;
	bool is_damaged;
	struct table_identity seen; /* the file that is, if so */
	bool is_renewing; /* the environment is the new one */

	int lock; /* held during a transaction */
	MDB_txn *txn; /* NULL in a transaction on an empty table */
};

/**
 * table_file_open() - Have the environment open, under the lock
 * @create:	Make it if there is none, or if it is another boot's
 *
 * Return: 0, TABLE_NONE, or negative
 */
int table_file_open(struct table *table, bool create, struct error *err)
	warn_unused;

/** table_check_file() - May the file be mapped? (table-check.c)
 * Return: 0, or negative: it is damaged, or cannot be read */
int table_check_file(struct table *table, const struct stat *st,
		     struct error *err);

/** table_file_identify() - Which file is there now? */
int table_file_identify(const struct table *table, struct table_identity *ret,
			struct error *err);

/** table_file_prepare() - Open a new, empty one under the other name */
int table_file_prepare(struct table *table, struct error *err);

/** table_file_place() - Give the new one its name, in place of what has it */
int table_file_place(struct table *table, struct error *err);

/** table_file_discard() - Forget the new one */
void table_file_discard(struct table *table);

/** table_file_set_aside() - A second name for the damaged one; it keeps its
 * first until another is placed there */
int table_file_set_aside(struct table *table, struct error *err);

/**
 * table_witness_look() - Has this boot made the table?
 *
 * Return: 0, FILE_ABSENT (no, or nobody knows), or negative
 */
int table_witness_look(const struct table *table, struct error *err)
	warn_unused;

/** table_witness_note() - It has */
void table_witness_note(const struct table *table);

/** table_file_close() - Close the environment; a fresh look is taken next time */
void table_file_close(struct table *table);

/** table_fail() - Raise what LMDB answered */
int table_fail(struct table *table, int rc, const char *what,
	       struct error *err);

/** table_txn_get() / table_txn_put() - As table_get(), in @txn */
int table_txn_get(struct table *table, MDB_txn *txn,
		  const struct table_key *key, struct table_value *ret,
		  struct error *err) warn_unused;
int table_txn_put(struct table *table, MDB_txn *txn,
		  const struct table_key *key, const void *data, size_t len,
		  struct error *err);

#endif
