#ifndef LIB_NETNS_H
#define LIB_NETNS_H

/*
 * Network namespaces by path and descriptor. The process stays in the host
 * namespace: it enters another only inside netns_run() and netlink_open(), and
 * is back before they return.
 */

#include "lib/error.h"

#include <stdint.h>
#include <sys/socket.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

enum {
	NETNS_ABSENT = 1, /* no such path */
	NETNS_NOT_ONE = 2, /* a path, but not (any more) a network namespace */
};

/**
 * netns_open() - Open a namespace by path
 * @path:	CNI_NETNS, as the runtime gave it
 * @ret_fd:	O_RDONLY | O_CLOEXEC; yours
 *
 * Opened O_NONBLOCK (a FIFO must not hang us) and asked by NS_GET_NSTYPE
 * (ioctl_ns(2)), because an unmounted bind-mount leaves a plain file behind.
 *
 * Return: 0, NETNS_ABSENT, NETNS_NOT_ONE, or negative with ERROR_NETNS
 */
int netns_open(const char *path, int *ret_fd, struct error *err) warn_unused;

/** netns_new() - Make one that lives as long as the descriptor; lo is UP in it
 *
 * The caller stays where it is. */
int netns_new(int *ret_fd, struct error *err);

/** netns_open_self() - Open the namespace that this thread is in */
int netns_open_self(int *ret_fd, struct error *err);

/**
 * netns_is_same() - Do both descriptors name one namespace (device, inode)?
 *
 * Return: 1 if they do, 0 if not, negative on failure
 */
int netns_is_same(int a, int b, struct error *err) warn_unused;

/** netns_is_own() - Is it the namespace that this thread is in? Returns as
 * netns_is_same() */
int netns_is_own(int fd, struct error *err) warn_unused;

/**
 * netns_cookie() - The kernel's cookie of a namespace (SO_NETNS_COOKIE)
 *
 * Never reused within a boot, where inode numbers of nsfs are.
 *
 * Return: 0, or negative
 */
int netns_cookie(int fd, uint64_t *ret, struct error *err);

/**
 * netns_run() - Call @fn inside a namespace and come back
 * @fd:		Namespace; -1 for our own
 * @fn:		Its return value is passed on
 * @arg:	For @fn
 *
 * Failing to come back would leave the process in a pod: it aborts instead.
 */
int netns_run(int fd, int (*fn)(void *arg, struct error *err), void *arg,
	      struct error *err);

#endif
