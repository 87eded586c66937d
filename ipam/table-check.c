/*
 * Whether a file may be mapped, which LMDB does not ask: reading behind the end of
 * a truncated file is a SIGBUS, a page size of zero a division by it. What its two
 * first pages say is read, as far as LMDB goes by it before it looks at a record.
 */

#include "ipam/table-priv.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLE_PAGE_MAX 65536
#define TABLE_DEPTH    32 /* LMDB's cursors go no deeper */

/* LMDB's data format 1, as far as it is needed (mdb.c: MDB_page, MDB_meta). */
#define PAGE_META    0x08
#define META_MAGIC   0xBEEFC0DEu
#define META_VERSION 1
#define NO_PAGE      (~(size_t)0)

struct meta_db {
	uint32_t pad; /* of the first: page size */
	uint16_t flags;
	uint16_t depth;
	size_t branch_pages;
	size_t leaf_pages;
	size_t overflow_pages;
	size_t entries;
	size_t root;
};

struct meta_page {
	size_t number;
	uint16_t pad;
	uint16_t flags;
	uint32_t bounds;
	uint32_t magic;
	uint32_t version;
	size_t address;
	size_t map_size;
	struct meta_db dbs[2]; /* free pages, records */
	size_t last_page;
	size_t txn;
};

static int file_read_meta(struct table *table, int fd, off_t at,
			  struct meta_page *ret, struct error *err)
{
	ssize_t n = pread(fd, ret, sizeof(*ret), at);
	uint32_t size = ret->dbs[0].pad;

	if (n < 0)
		return error_set(err, ERROR_IO, errno, "read %s", table->path);
	if ((size_t)n < sizeof(*ret))
		return table_damaged(table, err, "it ends in its first pages");
	if (!(ret->flags & PAGE_META) || ret->magic != META_MAGIC ||
	    ret->version != META_VERSION)
		return table_damaged(table, err,
				     "it does not begin as a table "
				     "does");
	if (size < 512 || size > TABLE_PAGE_MAX || (size & (size - 1)))
		return table_damaged(table, err, "a page size of %u", size);
	return 0;
}

/* Is what the newer meta page points to inside the file? */
static int file_check_meta(struct table *table, const struct meta_page *meta,
			   off_t size, struct error *err)
{
	size_t pages = (size_t)size / meta->dbs[0].pad;

	if (meta->last_page < 1 || meta->last_page >= pages)
		return table_damaged(table, err,
				     "it has %zu pages where %zu are in use",
				     pages, meta->last_page + 1);
	if (meta->last_page >= TABLE_MAP_SIZE / meta->dbs[0].pad)
		return table_damaged(table, err, "%zu pages in use",
				     meta->last_page + 1);
	for (size_t i = 0; i < ARRAY_SIZE(meta->dbs); i++)
		if ((meta->dbs[i].root != NO_PAGE &&
		     (meta->dbs[i].root > meta->last_page ||
		      meta->dbs[i].root < 2)) ||
		    meta->dbs[i].depth > TABLE_DEPTH)
			return table_damaged(table, err, "no root");
	return 0;
}

int table_check_file(struct table *table, const struct stat *st,
		     struct error *err)
{
	cleanup_close int fd = -1;
	struct meta_page metas[2];
	uint32_t page_size;
	int r;

	fd = open(table->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_set(err, ERROR_IO, errno, "open %s", table->path);
	r = file_read_meta(table, fd, 0, &metas[0], err);
	if (r < 0)
		return r;
	page_size = metas[0].dbs[0].pad;
	r = file_read_meta(table, fd, (off_t)page_size, &metas[1], err);
	if (r < 0)
		return r;
	if (metas[1].dbs[0].pad != page_size)
		return table_damaged(table, err, "two page sizes");
	return file_check_meta(table, &metas[metas[1].txn > metas[0].txn],
			       st->st_size, err);
}
