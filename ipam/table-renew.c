/*
 * What is set aside, and how a lost table is told from a new boot's.
 *
 * In the first moment of a boot there is no table, and it is right to begin with
 * an empty one. The same sight later means that somebody has removed it under
 * living pods. So the first writer of a boot notes in another directory, once the
 * table has its name, that this boot has one: a small file that is named by the
 * table and holds the boot's id. It is not synced: a power failure ends the boot
 * anyway. Dead between the table and the note, a later loss is not noticed; the
 * other way round, no loss would be taken for one.
 */

#include "ipam/table-priv.h"
#include "lib/hash.h"
#include "lib/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ASIDE_KEPT 3
#define ASIDE_TEXT 32 /* ".damaged-20261122T043000.999999" */

/* --- the witness -------------------------------------------------------------- */

int table_set_witness(struct table *table, const char *dir, struct error *err)
{
	const char *name = strrchr(table->path, '/') + 1;
	uint64_t hash = hash_add(HASH_INIT, table->path, strlen(table->path));

	free(take_ptr(table->witness_path));
	if (asprintf(&table->witness_path, "%s/%s.%08x.boot", dir, name,
		     (uint32_t)(hash ^ (hash >> 32))) < 0) {
		table->witness_path = NULL;
		return error_oom(err);
	}
	return 0;
}

int table_witness_look(const struct table *table, struct error *err)
{
	cleanup_free char *boot_id = NULL;
	struct error unreadable = { 0 };
	int r;

	(void)err;
	if (!table->witness_path)
		return FILE_ABSENT;
	r = file_read_line(table->witness_path, &boot_id, &unreadable);
	if (r < 0)
		log_debug("%s", unreadable.details);
	if (r != 0)
		return FILE_ABSENT;
	return strcmp(boot_id, table->boot_id) == 0 ? 0 : FILE_ABSENT;
}

static int witness_write(const struct table *table, struct error *err)
{
	cleanup_free char *dir = strdup(table->witness_path);
	cleanup_close int fd = -1;
	int r;

	if (!dir)
		return error_oom(err);
	*strrchr(dir, '/') = '\0';
	r = file_mkdirs(dir, err);
	if (r < 0)
		return r;
	fd = open(table->witness_path,
		  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(err, ERROR_IO, errno, "open %s",
				 table->witness_path);
	return file_write_all(fd, table->boot_id, strlen(table->boot_id), err);
}

/* Without one, all works as before: only a lost table is not noticed. */
void table_witness_note(const struct table *table)
{
	struct error err = { 0 };

	if (table->witness_path && witness_write(table, &err) < 0)
		log_warning("a later loss of %s would not be noticed: %s",
			    table->path, err.details);
}

/* --- aside -------------------------------------------------------------------- */

int table_file_identify(const struct table *table, struct table_identity *ret,
			struct error *err)
{
	struct stat st;

	*ret = (struct table_identity){ 0 };
	if (lstat(table->path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return error_set(err, ERROR_IO, errno, "%s", table->path);
	}
	*ret = (struct table_identity){ st.st_dev, st.st_ino };
	return 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Names end in the time: the oldest are the first. Best effort. */
static void drop_oldest(const struct table *table)
{
	const char *name = strrchr(table->path, '/') + 1;
	cleanup_free char *prefix = NULL;
	struct dirent **found = NULL;
	int n, left;

	if (asprintf(&prefix, "%s.damaged-", name) < 0) {
		prefix = NULL;
		return;
	}
	n = scandir(table->dir, &found, NULL, compare_names);
	left = 0;
	for (int i = n - 1; i >= 0; i--) {
		cleanup_free char *path = NULL;

		if (strncmp(found[i]->d_name, prefix, strlen(prefix)) == 0 &&
		    ++left > ASIDE_KEPT) {
			if (asprintf(&path, "%s/%s", table->dir,
				     found[i]->d_name) < 0)
				path = NULL;
			else
				unlink(path);
		}
		free(found[i]);
	}
	free(found);
}

static void format_aside(char buf[static ASIDE_TEXT])
{
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(buf, ASIDE_TEXT, ".damaged-%Y%m%dT%H%M%S", &tm);
	snprintf(buf + len, ASIDE_TEXT - len, ".%06ld", now.tv_nsec / 1000);
}

int table_file_set_aside(struct table *table, struct error *err)
{
	cleanup_free char *aside = NULL;
	char suffix[ASIDE_TEXT];

	format_aside(suffix);
	if (asprintf(&aside, "%s%s", table->path, suffix) < 0) {
		aside = NULL;
		return error_oom(err);
	}
	if (link(table->path, aside) < 0) {
		if (errno == ENOENT) /* it was lost */
			return 0;
		return error_set(err, ERROR_IO, errno, "keep %s as %s",
				 table->path, aside);
	}
	log_warning("%s was damaged, and is kept as %s", table->path, aside);
	drop_oldest(table);
	return 0;
}
