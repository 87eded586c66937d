#include "lib/netns.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- mounts ------------------------------------------------------------------------ */

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

bool netns_parse_ino(const char *text, uint64_t *ret)
{
	static const char prefix[] = "net:[";
	char *end;

	if (strncmp(text, prefix, strlen(prefix)) != 0)
		return false;
	*ret = strtoumax(text + strlen(prefix), &end, 10);
	return strcmp(end, "]") == 0;
}

/* "22 28 0:4 net:[4026532289] /run/netns/x rw shared:9 - nsfs nsfs rw" */
static bool parse_mount(char *line, struct netns_place *ret)
{
	char *save = NULL;
	char *root = NULL;
	char *point = NULL;
	char *word = strtok_r(line, " ", &save);

	for (int i = 0; word && i < 5; i++) {
		if (i == 3)
			root = word;
		if (i == 4)
			point = word;
		word = strtok_r(NULL, " ", &save);
	}
	*ret = (struct netns_place){ 0 };
	if (!point || !netns_parse_ino(root, &ret->ino))
		return false;
	unescape(point);
	ret->path = point;
	return true;
}

int netns_each_mount(netns_each_fn fn, void *arg, struct error *err)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	cleanup_free char *line = NULL;
	struct netns_place place;
	size_t size = 0;
	int r = 0;

	if (!file)
		return error_set(err, ERROR_IO, errno, "/proc/self/mountinfo");
	while (r == 0 && getline(&line, &size, file) > 0)
		if (parse_mount(line, &place))
			r = fn(&place, arg, err);
	if (r == 0 && ferror(file))
		r = error_set(err, ERROR_IO, EIO, "/proc/self/mountinfo");
	fclose(file);
	return r;
}

/* --- processes ---------------------------------------------------------------------- */

int netns_each_process(netns_each_fn fn, void *arg, struct error *err)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int r = 0;

	if (!proc)
		return error_set(err, ERROR_IO, errno, "/proc");
	while (r == 0 && (entry = readdir(proc))) {
		char path[sizeof("/proc//ns/net") + sizeof(entry->d_name)];
		struct netns_place place = { .path = path };
		char *end;

		place.pid = (int)strtol(entry->d_name, &end, 10);
		if (*end || place.pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		r = fn(&place, arg, err);
	}
	closedir(proc);
	return r;
}
