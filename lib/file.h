#ifndef LIB_FILE_H
#define LIB_FILE_H

/*
 * Small files and descriptors.
 */

#include "lib/error.h"

#include <stddef.h>
#include <stdint.h>

/* The kernel's random UUID of this boot, as text with terminator. */
#define FILE_BOOT_ID_TEXT 37

enum {
	FILE_ABSENT = 1, /* no such file or directory */
	FILE_LOCKED = 2, /* the deadline passed while another held the lock */
};

/**
 * file_read_fd() - Read a descriptor to its end
 * @fd:		Open for reading
 * @max:	More than this is an error (EFBIG)
 * @ret:	The bytes, NUL-terminated; yours
 * @ret_len:	Their number, without the terminator; may be NULL
 *
 * Return: 0, or negative with ERROR_IO
 */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len,
		 struct error *err);

/**
 * file_read() - Read a whole small file
 *
 * A regular one: a FIFO, a device or a directory is an error, and never waited
 * for.
 *
 * Return: 0, FILE_ABSENT, or negative with ERROR_IO
 */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len,
	      struct error *err) warn_unused;

/**
 * file_read_line() - First line of a small file, trimmed of white space
 *
 * Return: 0, FILE_ABSENT (also when the line is empty), or negative
 */
int file_read_line(const char *path, char **ret, struct error *err) warn_unused;

/**
 * file_write_all() - Write all bytes, over short writes and EINTR
 *
 * Return: 0, or negative with ERROR_IO
 */
int file_write_all(int fd, const void *data, size_t len, struct error *err);

/**
 * file_mkdirs() - Make a directory and its parents, mode 0700 for new ones
 *
 * Return: 0 (also if it was there), or negative with ERROR_IO
 */
int file_mkdirs(const char *path, struct error *err);

/** file_is_at() - Is an open file what its path names, by now? */
bool file_is_at(int fd, const char *path);

/**
 * file_lock() - Open (creating, mode 0600) and flock a file, with a deadline
 * @path:	Lock file; never renamed or removed by us. Where its file system was
 *		lost while it was waited for, the one that is there now is taken
 * @exclusive:	LOCK_EX, else LOCK_SH
 * @timeout_ms:	How long to wait
 * @ret_fd:	Closing it releases the lock; the kernel does so on death
 *
 * Polls with LOCK_NB at growing intervals (1 to 20 ms): no signals, no threads.
 *
 * Return: 0, FILE_LOCKED after @timeout_ms, or negative with ERROR_IO
 */
int file_lock(const char *path, bool exclusive, unsigned int timeout_ms,
	      int *ret_fd, struct error *err) warn_unused;

/** file_boot_id() - Read /proc/sys/kernel/random/boot_id */
int file_boot_id(char ret[static FILE_BOOT_ID_TEXT], struct error *err);

/** file_boottime_ms() - CLOCK_BOOTTIME in milliseconds */
uint64_t file_boottime_ms(void);

#endif
