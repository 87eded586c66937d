#include "plugin/witness.h"

#include "lib/file.h"
#include "lib/netns.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
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

#define MOUNTINFO_MAX ((size_t)64 << 20)

/* Where libcni keeps the results of what is attached, for the runtime itself
 * and for what Multus attaches. */
static const char *const cache_dirs[] = {
	"/var/lib/cni/results",
	"/var/lib/cni/multus/results",
};

void witness_clear(struct witness *witness)
{
	for (size_t i = 0; i < witness->n_sights; i++)
		free(witness->sights[i].path);
	free(witness->sights);
	for (size_t i = 0; i < witness->n_hidden; i++)
		free(witness->hidden[i]);
	free(witness->hidden);
	*witness = (struct witness){ 0 };
}

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

/* --- processes and mounts ------------------------------------------------------- */

/* One sight per namespace and kind is enough, but for mounts: which of them
 * are in the recorded folder matters. */
static bool is_seen(const struct witness *witness, uint64_t ino)
{
	for (size_t i = witness->n_sights; i > 0; i--)
		if (witness->sights[i - 1].ino == ino &&
		    !witness->sights[i - 1].is_mount)
			return true;
	return false;
}

static void add_sight(struct witness *witness, uint64_t ino, const char *path,
		      bool is_mount)
{
	size_t n = witness->n_sights;
	struct witness_sight *grown = witness->sights;
	char *copy;

	if (!is_mount && is_seen(witness, ino))
		return;
	copy = strdup(path);
	/* Powers of two, from the count alone. */
	if (copy && (n & (n - 1)) == 0)
		grown = reallocarray(grown, n ? n * 2 : 1, sizeof(*grown));
	if (!copy || !grown) {
		free(copy);
		witness->is_complete = false;
		return;
	}
	grown[n] = (struct witness_sight){ ino, copy, is_mount };
	witness->sights = grown;
	witness->n_sights++;
}

static bool is_number(const char *text)
{
	return isdigit((unsigned char)*text);
}

/* A process may end at any time; anything else that is not shown might be it. */
static bool is_gone(int sys)
{
	return sys == ENOENT || sys == ESRCH;
}

/* "net:[4026532289]" */
static bool parse_ino(const char *text, uint64_t *ret)
{
	static const char prefix[] = "net:[";
	char *end;

	if (strncmp(text, prefix, strlen(prefix)) != 0)
		return false;
	*ret = strtoumax(text + strlen(prefix), &end, 10);
	return strcmp(end, "]") == 0;
}

static void add_hidden(struct witness *witness, const char *thread)
{
	size_t n = witness->n_hidden;
	char **grown = reallocarray(witness->hidden, n + 1, sizeof(*grown));

	if (grown)
		witness->hidden = grown;
	if (!grown || !(grown[n] = strdup(thread)))
		witness->is_complete = false;
	else
		witness->n_hidden++;
}

static void look_at_thread(struct witness *witness, int tasks,
			   const char *process, const char *name)
{
	char thread[64], path[80];
	char text[64] = "";
	uint64_t ino;

	snprintf(thread, sizeof(thread), "/proc/%.16s/task/%.16s", process,
		 name);
	snprintf(path, sizeof(path), "%.16s/ns/net", name);
	if (readlinkat(tasks, path, text, sizeof(text) - 1) < 0) {
		if (!is_gone(errno))
			add_hidden(witness, thread);
		return;
	}
	if (!parse_ino(text, &ino)) {
		witness->is_complete = false;
		return;
	}
	snprintf(path, sizeof(path), "%s/ns/net", thread);
	add_sight(witness, ino, path, false);
}

/*
 * One that has more capabilities than we is not asked for its namespace. But
 * /proc/PID/net, which is not guarded, has inodes of its own in each namespace:
 * they tell whether it is with one that may be asked.
 */
static uint64_t net_ino(const char *thread, int len)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "%.*s/net/dev", len, thread);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static bool is_with_another(const struct witness *witness, uint64_t ino)
{
	for (size_t i = 0; i < witness->n_sights; i++) {
		const char *path = witness->sights[i].path;
		int len = (int)(strlen(path) - strlen("/ns/net"));

		if (!witness->sights[i].is_mount && net_ino(path, len) == ino)
			return true;
	}
	return false;
}

static void look_at_hidden(struct witness *witness)
{
	uint64_t last = 0;

	for (size_t i = 0; i < witness->n_hidden; i++) {
		const char *thread = witness->hidden[i];
		uint64_t ino = net_ino(thread, (int)strlen(thread));

		if (ino && ino == last)
			continue;
		if (!ino || !is_with_another(witness, ino))
			witness->is_complete = false;
		last = ino;
	}
}

static void look_at_process(struct witness *witness, const char *process)
{
	char path[NAME_MAX + 16];
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%s/task", process);
	tasks = opendir(path);
	if (!tasks) {
		if (!is_gone(errno))
			witness->is_complete = false;
		return;
	}
	while ((entry = readdir(tasks)))
		if (is_number(entry->d_name))
			look_at_thread(witness, dirfd(tasks), process,
				       entry->d_name);
	closedir(tasks);
}

static bool is_late(const struct witness *witness)
{
	return witness->deadline_ms &&
	       file_boottime_ms() >= witness->deadline_ms;
}

static void look_at_processes(struct witness *witness)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc) {
		witness->is_complete = false;
		return;
	}
	while ((entry = readdir(proc))) {
		if (!is_number(entry->d_name))
			continue;
		if (is_late(witness)) {
			witness->is_complete = false;
			break;
		}
		look_at_process(witness, entry->d_name);
	}
	closedir(proc);
}

static bool is_octal(const char *text)
{
	return text[0] == '\\' && strspn(text + 1, "01234567") >= 3;
}

/* proc(5): space, tab, line end and backslash are written in octal. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (!is_octal(text)) {
			*to++ = *text++;
			continue;
		}
		*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
			       (text[3] - '0'));
		text += 4;
	}
	*to = '\0';
}

/* "22 28 0:4 net:[4026532289] /run/netns/x rw shared:9 - nsfs nsfs rw" */
static void look_at_mount(struct witness *witness, char *line)
{
	char *save = NULL;
	char *root = NULL;
	char *point = NULL;
	char *word = strtok_r(line, " ", &save);
	uint64_t ino;

	for (int i = 0; word && i < 5; i++) {
		if (i == 3)
			root = word;
		if (i == 4)
			point = word;
		word = strtok_r(NULL, " ", &save);
	}
	if (!point || !parse_ino(root, &ino))
		return;
	unescape(point);
	add_sight(witness, ino, point, true);
}

static void look_at_mounts(struct witness *witness)
{
	cleanup_free char *text = NULL;
	struct error unknown = { 0 };
	char *save = NULL;

	if (file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL,
		      &unknown) != 0) {
		witness->is_complete = false;
		return;
	}
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		look_at_mount(witness, line);
}

static void look(struct witness *witness)
{
	if (witness->has_looked)
		return;
	witness->has_looked = true;
	witness->is_complete = true;
	look_at_mounts(witness);
	look_at_processes(witness);
	look_at_hidden(witness);
}

/*
 * Of a namespace's processes only the first was kept. If that one has ended
 * since, the others are not known any more.
 */
static int find_sight(struct witness *witness,
		      const struct store_record *record, int *ret_fd,
		      struct error *err)
{
	look(witness);
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
	look(witness);
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
