/*
 * Going over all mounts, processes and threads, once for all records of a pass.
 */

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
	if (!netns_parse_ino(text, &ino)) {
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

static int look_at_mount(const struct netns_place *mount, void *arg,
			 struct error *err)
{
	(void)err;
	add_sight(arg, mount->ino, mount->path, true);
	return 0;
}

static void look_at_mounts(struct witness *witness)
{
	struct error unknown = { 0 };

	if (netns_each_mount(look_at_mount, witness, &unknown) < 0)
		witness->is_complete = false;
}

void witness_look(struct witness *witness)
{
	if (witness->has_looked)
		return;
	witness->has_looked = true;
	witness->is_complete = true;
	look_at_mounts(witness);
	look_at_processes(witness);
	look_at_hidden(witness);
}
