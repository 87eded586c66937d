#include "lib/process.h"

#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STAT_MAX   4096
#define STAT_START 19 /* words from the state (field 3) to field 22 */

/* The name in field 2 may hold anything, so fields count from its last ')'. */
static bool process_parse(const char *text, char *ret_state, uint64_t *ret)
{
	const char *p = strrchr(text, ')');
	char *end;

	if (!p || p[1] != ' ')
		return false;
	p += 2;
	*ret_state = *p;
	for (int i = 0; i < STAT_START && p; i++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	if (!p)
		return false;
	errno = 0;
	*ret = strtoumax(p, &end, 10);
	return errno == 0 && end != p;
}

/* FILE_ABSENT if there is no such process. */
static int process_read(const char *name, char *ret_state, uint64_t *ret,
			struct error *err)
{
	cleanup_close int fd = -1;
	char text[STAT_MAX];
	char path[32];
	ssize_t n = -1;

	snprintf(path, sizeof(path), "/proc/%s/stat", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, text, sizeof(text) - 1); /* one line, at once */
	if (n < 0 && (errno == ENOENT || errno == ESRCH))
		return FILE_ABSENT;
	if (n < 0)
		return error_set(err, ERROR_IO, errno, "%s", path);
	text[n] = '\0';
	if (!process_parse(text, ret_state, ret))
		return error_set(err, ERROR_IO, 0, "%s is not readable", path);
	return 0;
}

static int process_ns(uint64_t *ret, struct error *err)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) < 0)
		return error_set(err, ERROR_IO, errno, "/proc/self/ns/pid");
	*ret = st.st_ino;
	return 0;
}

int process_self(struct process *ret, struct error *err)
{
	struct process self = { .pid = getpid() };
	char state;
	int r;

	r = process_ns(&self.ns, err);
	if (r < 0)
		return r;
	r = process_read("self", &state, &self.start, err);
	if (r < 0)
		return r;
	if (r == FILE_ABSENT)
		return error_set(err, ERROR_IO, 0,
				 "/proc/self is missing, is /proc mounted?");
	*ret = self;
	return 0;
}

bool process_is_same(const struct process *a, const struct process *b)
{
	return a->pid == b->pid && a->start == b->start && a->ns == b->ns;
}

int process_look(const struct process *process, struct error *err)
{
	uint64_t ns = 0;
	uint64_t start = 0;
	char name[16];
	char state = '\0';
	int r;

	r = process_ns(&ns, err);
	if (r < 0)
		return r;
	if (ns != process->ns)
		return PROCESS_UNKNOWN;

	snprintf(name, sizeof(name), "%d", process->pid);
	r = process_read(name, &state, &start, err);
	if (r < 0)
		return r;
	if (r == FILE_ABSENT || start != process->start || state == 'Z' ||
	    state == 'X')
		return PROCESS_DEAD;
	return 0;
}
