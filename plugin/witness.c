#include "plugin/witness.h"

#include "lib/netns.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * That a path is gone says little: in another mount namespace (a container's,
 * one that was made before the pod was) it was never there. So the folder must
 * be the recorded one, by device and inode, and it must be trusted to show what
 * there is:
 *
 *	the entry is absent
 *		A file cannot be unlinked while something is mounted on it in
 *		this mount namespace, and unlinking it detaches what is mounted
 *		on it in all others (Linux 3.18, detach_mounts()). An absent
 *		entry in the same folder hides no mount anywhere.
 *	the entry is there, and no namespace
 *		What is left after an unmount, or what a mount looks like where
 *		it is not visible. Only a folder that shows other namespaces
 *		tells the one from the other.
 *
 * A namespace lives on without its path: by a process, a thread, or a mount
 * elsewhere. Those that this pid namespace shows are looked at; a record of
 * another pid namespace is not judged. Inode numbers of nsfs are reused within a
 * second, so one that matches is opened and its cookie compared.
 *
 * The questions are asked in the order of their price. Going over all threads
 * is the last, and happens only for what all others already call dead.
 */

/* Where libcni keeps the results of what is attached, for the runtime itself
 * and for what Multus attaches. */
static const char *const cache_dirs[] = {
	"/var/lib/cni/results",
	"/var/lib/cni/multus/results",
};

/* --- the recorded path ---------------------------------------------------------- */

/* The folder of @path, "/" at least. */
static int stat_folder(const char *path, struct stat *ret)
{
	cleanup_free char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash)
		return -1;
	slash[slash == dir] = '\0';
	return stat(dir, ret);
}

static uint64_t ctime_of(const struct stat *st)
{
	return (uint64_t)st->st_ctim.tv_sec * 1000000000 +
	       (uint64_t)st->st_ctim.tv_nsec;
}

struct store_place witness_place(const char *path, int netns)
{
	struct store_place place = { 0 };
	struct stat st;

	if (fstat(netns, &st) == 0) {
		place.netns_ino = st.st_ino;
		place.netns_ctime = ctime_of(&st);
	}
	if (stat_folder(path, &st) == 0) {
		place.dir_dev = st.st_dev;
		place.dir_ino = st.st_ino;
	}
	return place;
}

/* Without cookies (before Linux 5.14) the inodes are compared, which can only
 * take another one for it. What is not known matches. */
static bool is_recorded(const struct store_record *record, int netns)
{
	struct error unknown = { 0 };
	uint64_t cookie = 0;
	struct stat st;

	if (record->netns_cookie && netns_cookie(netns, &cookie, &unknown) == 0)
		return cookie == record->netns_cookie;
	if (!record->place.netns_ino || fstat(netns, &st) < 0)
		return true;
	return st.st_ino == record->place.netns_ino;
}

/* Return: 0, WITNESS_ABSENT, or negative */
static int find_at(const char *path, const struct store_record *record,
		   int *ret_fd, struct error *err)
{
	cleanup_close int fd = -1;
	int r = netns_open(path, &fd, err);

	if (r != 0)
		return r < 0 ? r : WITNESS_ABSENT;
	if (!is_recorded(record, fd))
		return WITNESS_ABSENT;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* --- wherever it is ------------------------------------------------------------- */

/*
 * Of a namespace's processes only the first was kept. If that one has ended
 * since, the others are not known any more.
 */
static int find_sight(struct witness *witness,
		      const struct store_record *record, int *ret_fd,
		      struct error *err)
{
	witness_look(witness);
	for (size_t i = 0; i < witness->n_sights; i++) {
		const struct witness_sight *sight = &witness->sights[i];
		int r;

		if (sight->ino != record->place.netns_ino)
			continue;
		r = find_at(sight->path, record, ret_fd, err);
		if (r != WITNESS_ABSENT)
			return r;
		if (!sight->is_mount && access(sight->path, F_OK) < 0)
			witness->is_complete = false;
	}
	return WITNESS_ABSENT;
}

int witness_find(struct witness *witness, const struct store_record *record,
		 int *ret_fd, struct error *err)
{
	int r;

	if (!record->netns[0])
		return WITNESS_ABSENT;
	r = find_at(record->netns, record, ret_fd, err);
	if (r != WITNESS_ABSENT || !record->place.netns_ino)
		return r;
	return find_sight(witness, record, ret_fd, err);
}

/*
 * The same inode since: it is the same namespace, and nothing need be opened. A
 * mount keeps its inode; without one the kernel makes a new inode at each look,
 * with a new time, and this says nothing.
 */
static bool is_untouched(const struct store_record *record)
{
	struct stat st;

	return stat(record->netns, &st) == 0 &&
	       st.st_ino == record->place.netns_ino &&
	       ctime_of(&st) == record->place.netns_ctime;
}

/* --- all together --------------------------------------------------------------- */

/* libcni names them so; what cannot be looked up might be there. */
static bool is_cached(const struct store_record *record)
{
	for (size_t i = 0; i < ARRAY_SIZE(cache_dirs); i++) {
		cleanup_free char *path = NULL;
		struct stat st;

		if (asprintf(&path, "%s/%s-%s-%s", cache_dirs[i],
			     record->network, record->container_id,
			     record->ifname) < 0) {
			path = NULL;
			return true;
		}
		if (lstat(path, &st) == 0 ||
		    (errno != ENOENT && errno != ENOTDIR))
			return true;
	}
	return false;
}

static bool is_same_folder(const struct store_record *record,
			   const struct stat *st)
{
	return record->place.dir_ino && st->st_dev == record->place.dir_dev &&
	       st->st_ino == record->place.dir_ino;
}

/* Is there a namespace in the folder but the recorded one's? */
static bool shows_others(const struct witness *witness,
			 const struct store_record *record)
{
	for (size_t i = 0; i < witness->n_sights; i++) {
		const struct witness_sight *sight = &witness->sights[i];
		struct error unknown = { 0 };
		cleanup_close int fd = -1;
		struct stat st;

		if (sight->is_mount && stat_folder(sight->path, &st) == 0 &&
		    is_same_folder(record, &st) &&
		    netns_open(sight->path, &fd, &unknown) == 0)
			return true;
	}
	return false;
}

/* In the recorded folder: is the entry gone, or gone as far as can be told? */
static bool is_truth(struct witness *witness, const struct store_record *record)
{
	struct stat st;

	if (stat_folder(record->netns, &st) < 0 || !is_same_folder(record, &st))
		return false;
	if (lstat(record->netns, &st) < 0)
		return errno == ENOENT;
	witness_look(witness);
	return shows_others(witness, record);
}

/* Are the processes that we see those that the ADD saw? */
static bool is_same_pid_ns(const struct store_record *record)
{
	struct error unknown = { 0 };
	int r = process_look(&record->process, &unknown);

	return r == 0 || r == PROCESS_DEAD;
}

/* Which answer a search is: found, not found, or not possible. */
static enum witness_word word_of(int r)
{
	if (r < 0)
		return WITNESS_UNKNOWN;
	return r == 0 ? WITNESS_LIVES : WITNESS_DEAD;
}

enum witness_word witness_judge(struct witness *witness,
				const struct store_record *record)
{
	cleanup_close int fd = -1;
	struct error unknown = { 0 };
	enum witness_word word;

	if (!record->place.netns_ino || record->netns[0] != '/')
		return WITNESS_UNKNOWN;
	if (is_untouched(record))
		return WITNESS_LIVES;
	word = word_of(find_at(record->netns, record, &fd, &unknown));
	if (word != WITNESS_DEAD)
		return word;
	if (is_cached(record) || !is_same_pid_ns(record) ||
	    !is_truth(witness, record))
		return WITNESS_UNKNOWN;
	word = word_of(find_sight(witness, record, &fd, &unknown));
	if (word == WITNESS_DEAD && !witness->is_complete)
		return WITNESS_UNKNOWN;
	return word;
}
