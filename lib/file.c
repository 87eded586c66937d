#include "lib/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

static int file_grow(char **buf, size_t *size, size_t max)
{
	size_t wanted = *size ? *size * 2 : 4096;
	char *grown;

	if (wanted > max + 2)
		wanted = max + 2; /* the terminator, and one byte too many */
	grown = realloc(*buf, wanted);
	if (!grown)
		return -ENOMEM;
	*buf = grown;
	*size = wanted;
	return 0;
}

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len,
		 struct error *err)
{
	cleanup_free char *buf = NULL;
	size_t size = 0;
	size_t len = 0;
	ssize_t n;

	do {
		if (len + 1 >= size && file_grow(&buf, &size, max) < 0)
			return error_oom(err);
		n = read(fd, buf + len, size - len - 1);
		if (n < 0 && errno != EINTR)
			return error_set(err, ERROR_IO, errno, "read");
		if (n > 0)
			len += (size_t)n;
		if (len > max)
			return error_set(err, ERROR_IO, EFBIG,
					 "read: more than %zu bytes", max);
	} while (n != 0);

	buf[len] = '\0';
	*ret = take_ptr(buf);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len,
	      struct error *err)
{
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	/* O_NONBLOCK: a FIFO that a configuration names must not hang us. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return FILE_ABSENT;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERROR_IO, errno, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_IO, 0, "%s is no file", path);

	r = file_read_fd(fd, max, ret, ret_len, err);
	if (r < 0)
		return error_context(err, "%s", path);
	return 0;
}

int file_read_line(const char *path, char **ret, struct error *err)
{
	cleanup_free char *text = NULL;
	char *start;
	size_t len;
	int r;

	r = file_read(path, 4096, &text, NULL, err);
	if (r != 0)
		return r;

	text[strcspn(text, "\n")] = '\0';
	start = text + strspn(text, " \t\r");
	len = strlen(start);
	while (len > 0 && isspace((unsigned char)start[len - 1]))
		start[--len] = '\0';
	if (len == 0)
		return FILE_ABSENT;

	*ret = strdup(start);
	return *ret ? 0 : error_oom(err);
}

int file_write_all(int fd, const void *data, size_t len, struct error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_IO, errno, "write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int file_mkdir(const char *path, struct error *err)
{
	struct stat st;

	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	if (errno == EEXIST)
		errno = ENOTDIR;
	return error_set(err, ERROR_IO, errno, "make directory %s", path);
}

int file_mkdirs(const char *path, struct error *err)
{
	cleanup_free char *part = strdup(path);
	struct stat st;
	int r;

	if (!part)
		return error_oom(err);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;

	for (char *p = strchr(part + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		r = file_mkdir(part, err);
		if (r < 0)
			return r;
		*p = '/';
	}
	return file_mkdir(part, err);
}

static void file_sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000,
			       .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

bool file_is_at(int fd, const char *path)
{
	struct stat have, now;

	return fstat(fd, &have) == 0 && lstat(path, &now) == 0 &&
	       have.st_dev == now.st_dev && have.st_ino == now.st_ino;
}

static int lock_until(const char *path, bool exclusive, uint64_t deadline,
		      int *ret_fd, struct error *err)
{
	cleanup_close int fd = -1;
	unsigned int pause_ms = 1;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* A shared lock is for reading, which needs no place to write. */
	if (fd < 0 && errno == EROFS && !exclusive)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_set(err, ERROR_IO, errno, "open lock %s", path);

	while (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return error_set(err, ERROR_IO, errno, "lock %s", path);
		if (file_boottime_ms() >= deadline)
			return FILE_LOCKED;
		file_sleep_ms(pause_ms);
		pause_ms = pause_ms < 20 ? pause_ms * 2 : 20;
	}

	*ret_fd = take_fd(&fd);
	return 0;
}

/* A lock that was waited for may have been lost with its folder meanwhile: who
 * comes now takes another. */
int file_lock(const char *path, bool exclusive, unsigned int timeout_ms,
	      int *ret_fd, struct error *err)
{
	const uint64_t deadline = file_boottime_ms() + timeout_ms;

	for (;;) {
		cleanup_close int fd = -1;
		int r = lock_until(path, exclusive, deadline, &fd, err);

		if (r != 0)
			return r;
		if (file_is_at(fd, path)) {
			*ret_fd = take_fd(&fd);
			return 0;
		}
	}
}

int file_boot_id(char ret[static FILE_BOOT_ID_TEXT], struct error *err)
{
	cleanup_free char *line = NULL;
	int r;

	r = file_read_line("/proc/sys/kernel/random/boot_id", &line, err);
	if (r < 0)
		return error_context(err, "boot id");
	if (r == FILE_ABSENT || strlen(line) + 1 > FILE_BOOT_ID_TEXT)
		return error_set(err, ERROR_IO, 0,
				 "boot id: /proc/sys/kernel/random/boot_id is "
				 "not readable, is /proc mounted?");
	snprintf(ret, FILE_BOOT_ID_TEXT, "%s", line);
	return 0;
}

uint64_t file_boottime_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}
