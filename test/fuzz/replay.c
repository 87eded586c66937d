/*
 * replay DIRECTORY: feeds every file of the directory to a fuzz target, in
 * builds without libFuzzer. What a target finds wrong ends the program.
 */
#include "lib/cleanup.h"
#include "test/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int replay_file(int dir, const char *name)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	cleanup_free uint8_t *data = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	/* Exactly as large as the input, so that ASan sees a byte too far. */
	data = malloc((size_t)st.st_size);
	n = data ? read(fd, data, (size_t)st.st_size) : -1;
	if (n != st.st_size)
		return -1;
	LLVMFuzzerTestOneInput(data, (size_t)n);
	return 0;
}

int main(int argc, char **argv)
{
	cleanup_closedir DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	const struct dirent *entry;
	size_t count = 0;

	if (!dir) {
		fprintf(stderr, "usage: replay DIRECTORY\n");
		return 2;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (replay_file(dirfd(dir), entry->d_name) < 0) {
			perror(entry->d_name);
			return 1;
		}
		count++;
	}
	printf("ok %zu inputs of %s\n", count, argv[1]);
	return count ? 0 : 1;
}
