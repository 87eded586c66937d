/*
 * The file.
 *
 * A new one is prepared beside, with this boot's id in it, and renamed: there is
 * never half of one, and never one without a boot id. A file is looked at
 * before it is mapped, because LMDB trusts it (table-check.c). It is as long as
 * the map from its first day, with holes, because LMDB may count pages as used
 * that it never wrote, so that a healthy file could otherwise be shorter than its
 * meta page says.
 *
 * A synced one is on disk, with its name, before it is written to: what it says
 * of other boots may not be lost by a power failure.
 *
 * An open environment belongs to an inode. Each transaction compares it with
 * the path, so that a process that slept does not go on in a file that another
 * one has replaced.
 */

#include "ipam/table-priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define TABLE_FORMAT 1
#define TABLE_ROOM   65536 /* a transaction writes new pages, then meta */

static int file_stat(const struct table *table, struct stat *ret,
		     struct error *err)
{
	if (lstat(table->path, ret) < 0) {
		if (errno == ENOENT)
			return TABLE_NONE;
		return error_set(err, ERROR_IO, errno, "%s", table->path);
	}
	if (!S_ISREG(ret->st_mode))
		return error_set(err, ERROR_IO, 0, "%s is no regular file",
				 table->path);
	return 0;
}

void table_file_close(struct table *table)
{
	MDB_env *env = take_ptr(table->env);

	if (env)
		mdb_env_close(env);
}

static int file_map_as(struct table *table, const char *path,
		       unsigned int flags)
{
	int rc = mdb_env_create(&table->env);

	if (rc == 0)
		rc = mdb_env_set_mapsize(table->env, TABLE_MAP_SIZE);
	if (rc == 0)
		rc = mdb_env_open(table->env, path, flags, 0600);
	if (rc != 0)
		table_file_close(table);
	return rc;
}

static int file_map(struct table *table, const char *path, struct error *err)
{
	unsigned int flags = MDB_NOSUBDIR | MDB_NOLOCK;
	struct stat st;
	int rc, fd;

	if (!(table->flags & TABLE_SYNCED))
		flags |= MDB_NOSYNC | MDB_NOMETASYNC;
	if (table->flags & TABLE_READ_ONLY)
		flags |= MDB_RDONLY;
	rc = file_map_as(table, path, flags);
	/* To be read, at least: who writes is told by the lock before. */
	if (rc == EROFS)
		rc = file_map_as(table, path, flags | MDB_RDONLY);
	if (rc == 0)
		rc = mdb_env_get_fd(table->env, &fd);
	if (rc == 0 && fstat(fd, &st) < 0)
		rc = errno;
	if (rc != 0) {
		table_file_close(table);
		return table_fail(table, rc, "open", err);
	}
	table->dev = st.st_dev;
	table->ino = st.st_ino;
	return 0;
}

struct table_origin {
	uint32_t format;
	char boot_id[FILE_BOOT_ID_TEXT];
};

static struct table_key origin_key(void)
{
	struct table_key key;

	table_key_init(&key, 'M');
	return key;
}

/* Another program's format is not damage: it is not renewed. */
static int file_refuse_format(const struct table *table, uint32_t format,
			      struct error *err)
{
	return error_set(
		err, ERROR_STORE, 0,
		"%s has format %u, and this program writes %d: another "
		"version of it has made the file; drain the node "
		"before it is replaced, then remove the file",
		table->path, format, TABLE_FORMAT);
}

/* Does it count in this boot? TABLE_NONE if not. */
static int file_check_origin(struct table *table, MDB_txn *txn,
			     struct error *err)
{
	const struct table_key key = origin_key();
	struct table_origin origin = { 0 };
	struct table_value value;
	int r, rc;

	rc = mdb_dbi_open(txn, NULL, 0, &table->dbi);
	if (rc != 0)
		return table_fail(table, rc, "open", err);
	r = table_txn_get(table, txn, &key, &value, err);
	if (r < 0)
		return r;
	if (r == TABLE_ABSENT || value.len != sizeof(origin))
		return table_damaged(table, err, "it has no origin");
	memcpy(&origin, value.data, sizeof(origin));
	if (!(table->flags & TABLE_SYNCED) &&
	    memcmp(origin.boot_id, table->boot_id, sizeof(origin.boot_id)) != 0)
		return TABLE_NONE;
	if (origin.format != TABLE_FORMAT)
		return file_refuse_format(table, origin.format, err);
	return 0;
}

static int file_open_existing(struct table *table, const struct stat *st,
			      struct error *err)
{
	MDB_txn *txn;
	int r, rc;

	r = table_check_file(table, st, err);
	if (r < 0)
		return r;
	r = file_map(table, table->path, err);
	if (r < 0)
		return r;
	rc = mdb_txn_begin(table->env, NULL, MDB_RDONLY, &txn);
	if (rc != 0) {
		r = table_fail(table, rc, "begin", err);
	} else {
		r = file_check_origin(table, txn, err);
		mdb_txn_abort(txn);
	}
	if (r != 0)
		table_file_close(table);
	return r;
}

/* The file is open and still the same: is it as long as it was? */
static int file_check_open(struct table *table, const struct stat *st,
			   struct error *err)
{
	if (st->st_size >= (off_t)TABLE_MAP_SIZE)
		return 0;
	return table_check_file(table, st, err);
}

static int file_fill(struct table *table, struct error *err)
{
	const struct table_key key = origin_key();
	struct table_origin origin = { .format = TABLE_FORMAT };
	MDB_txn *txn;
	int r, rc;

	memcpy(origin.boot_id, table->boot_id, sizeof(origin.boot_id));
	rc = mdb_txn_begin(table->env, NULL, 0, &txn);
	if (rc != 0)
		return table_fail(table, rc, "begin", err);
	rc = mdb_dbi_open(txn, NULL, 0, &table->dbi);
	r = rc == 0 ? table_txn_put(table, txn, &key, &origin, sizeof(origin),
				    err)
		    : table_fail(table, rc, "open", err);
	if (r < 0) {
		mdb_txn_abort(txn);
		return r;
	}
	rc = mdb_txn_commit(txn);
	return rc == 0 ? 0 : table_fail(table, rc, "commit", err);
}

static int file_sync(const char *path, struct error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return error_set(err, ERROR_IO, errno, "sync %s", path);
	return 0;
}

/* The name, and those of all folders above: any of them may be new. */
static int file_sync_name(const struct table *table, struct error *err)
{
	cleanup_free char *path = strdup(table->path);
	char *slash;
	int r;

	if (!path)
		return error_oom(err);
	while ((slash = strrchr(path, '/'))) {
		slash[slash == path] = '\0';
		r = file_sync(path, err);
		if (r < 0 || slash == path)
			return r;
	}
	return 0;
}

static int file_prepare(struct table *table, struct error *err)
{
	int r;

	if (unlink(table->fresh_path) < 0 && errno != ENOENT)
		return error_set(err, ERROR_IO, errno, "remove %s",
				 table->fresh_path);
	r = file_map(table, table->fresh_path, err);
	if (r < 0)
		return r;
	r = file_fill(table, err);
	if (r < 0)
		return r;
	if (truncate(table->fresh_path, (off_t)TABLE_MAP_SIZE) < 0)
		return error_set(err, ERROR_IO, errno, "extend %s",
				 table->fresh_path);
	return table->flags & TABLE_SYNCED ? file_sync(table->fresh_path, err)
					   : 0;
}

void table_file_discard(struct table *table)
{
	table_file_close(table);
	unlink(table->fresh_path);
}

int table_file_prepare(struct table *table, struct error *err)
{
	int r = file_prepare(table, err);

	if (r < 0)
		table_file_discard(table);
	return r;
}

int table_file_place(struct table *table, struct error *err)
{
	if (rename(table->fresh_path, table->path) < 0)
		return error_set(err, ERROR_IO, errno, "rename %s to %s",
				 table->fresh_path, table->path);
	return table->flags & TABLE_SYNCED ? file_sync_name(table, err) : 0;
}

/* None there, or another boot's; but if this boot has made one, it is lost. */
static int file_create(struct table *table, struct error *err)
{
	int r = table_witness_look(table, err);

	if (r < 0)
		return r;
	if (r == 0)
		return table_damaged(table, err,
				     "this boot has made it, and it is gone");
	r = table_file_prepare(table, err);
	if (r < 0)
		return r;
	r = table_file_place(table, err);
	if (r < 0)
		table_file_discard(table);
	else
		table_witness_note(table);
	return r;
}

int table_file_open(struct table *table, bool create, struct error *err)
{
	struct stat st;
	int r;

	r = file_stat(table, &st, err);
	if (r < 0)
		return r;
	if (r == 0 && table->env && st.st_dev == table->dev &&
	    st.st_ino == table->ino)
		return file_check_open(table, &st, err);

	table_file_close(table);
	if (r == 0)
		r = file_open_existing(table, &st, err);
	if (r == TABLE_NONE && create)
		r = file_create(table, err);
	return r;
}

bool table_exists(const struct table *table)
{
	struct stat st;

	return lstat(table->path, &st) == 0 ||
	       (errno != ENOENT && errno != ENOTDIR);
}

int table_ready(const struct table *table, struct error *err)
{
	cleanup_free char *path = strdup(table->dir);
	struct statvfs fs;
	struct stat st;
	char *slash;

	if (!path)
		return error_oom(err);
	/* What is missing will be made below what is there. */
	while (stat(path, &st) < 0) {
		slash = strrchr(path, '/');
		if (errno != ENOENT || !slash || slash == path)
			return error_set(err, ERROR_IO, errno, "%s", path);
		*slash = '\0';
	}
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERROR_IO, ENOTDIR, "%s", path);
	if (access(path, W_OK | X_OK) < 0)
		return error_set(err, ERROR_IO, errno, "write to %s", path);
	if (statvfs(path, &fs) == 0 &&
	    (uint64_t)fs.f_bfree * fs.f_frsize < TABLE_ROOM)
		return error_set(err, ERROR_IO, ENOSPC, "write to %s", path);
	return 0;
}
