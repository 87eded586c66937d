#ifndef LIB_CLEANUP_H
#define LIB_CLEANUP_H

/*
 * Ownership that is visible on the declaration:
 *
 *	cleanup_close int fd = -1;
 *	cleanup_free char *path = NULL;
 *	...
 *	*ret_fd = take_fd(&fd);
 *
 * The attribute stands on the first line on which the object exists; take_ptr()
 * and take_fd() are the only ways in which a value leaves its scope.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(f)             __attribute__((cleanup(f)))
#define warn_unused            __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

#define ARRAY_SIZE(a)          (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_free_ptr(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_fd(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void cleanup_close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define cleanup_free     cleanup(cleanup_free_ptr)
#define cleanup_close    cleanup(cleanup_close_fd)
#define cleanup_closedir cleanup(cleanup_close_dir)

static inline void *take_ptr_void(void *pp)
{
	void *p = *(void **)pp;

	*(void **)pp = NULL;
	return p;
}

/* Hand a pointer over to the caller: the scope's cleanup finds NULL. */
#define take_ptr(p) ((__typeof__(p))take_ptr_void(&(p)))

/* Hand a descriptor over: the scope's cleanup finds -1. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
