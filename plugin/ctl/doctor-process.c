#include "plugin/ctl/doctor-process.h"

#include "lib/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const process_names[] = {
	DOCTOR_ISCSID,
	DOCTOR_NETWORKD,
	DOCTOR_NETWORKMANAGER,
	DOCTOR_CILIUM,
};

void doctor_processes_clear(struct doctor_processes *processes)
{
	free(processes->items);
	*processes = (struct doctor_processes){ 0 };
}

static bool process_is_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(process_names); i++)
		if (strcmp(name, process_names[i]) == 0)
			return true;
	return false;
}

static int process_add(struct doctor_processes *processes, int pid,
		       const char *name, bool is_here, struct error *err)
{
	struct doctor_process *grown;

	grown = reallocarray(processes->items, processes->count + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	processes->items = grown;
	grown += processes->count++;
	*grown = (struct doctor_process){ .pid = pid, .is_here = is_here };
	snprintf(grown->name, sizeof(grown->name), "%s", name);
	return 0;
}

/* Who ends meanwhile, or is not ours to look at, does not count. */
static int process_look_at(struct doctor_processes *processes, int pid,
			   const struct stat *self, struct error *err)
{
	cleanup_free char *name = NULL;
	struct error gone = { 0 };
	struct stat netns;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (file_read_line(path, &name, &gone) != 0 || !process_is_known(name))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (stat(path, &netns) < 0)
		return 0;
	return process_add(processes, pid, name,
			   netns.st_ino == self->st_ino &&
				   netns.st_dev == self->st_dev,
			   err);
}

int doctor_processes_find(struct doctor_processes *ret, struct error *err)
{
	cleanup_closedir DIR *proc = opendir("/proc");
	const struct dirent *entry;
	struct stat self;
	int r = 0;

	if (!proc || stat("/proc/thread-self/ns/net", &self) < 0)
		return error_set(err, ERROR_IO, errno, "/proc");
	while (r == 0 && (entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (!*end && pid > 0)
			r = process_look_at(ret, (int)pid, &self, err);
	}
	return r;
}

const struct doctor_process *
doctor_process(const struct doctor_processes *processes, const char *name,
	       bool is_here)
{
	for (size_t i = 0; i < processes->count; i++)
		if (processes->items[i].is_here == is_here &&
		    strcmp(processes->items[i].name, name) == 0)
			return &processes->items[i];
	return NULL;
}
