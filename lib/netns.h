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

/* --- all that can be seen ------------------------------------------------------ */

struct netns_place {
	const char *path;
	int pid; /* of a process; 0: a mount */
	uint64_t ino; /* of a mount; 0: not known */
};

/**
 * netns_each_fn - One path that leads to a namespace
 *
 * Several may lead to the same one. By the time that it is opened it may lead
 * nowhere, and not every one is ours to open: what that means is for @fn to say,
 * which opens it.
 *
 * Return: 0 to go on; anything else ends the walk and is passed on
 */
typedef int (*netns_each_fn)(const struct netns_place *place, void *arg,
			     struct error *err);

/** netns_each_mount() - Namespaces that have a name in our mount namespace
 * Return: what @fn did; negative with ERROR_IO if mounts cannot be read */
int netns_each_mount(netns_each_fn fn, void *arg, struct error *err);

/** netns_each_process() - Those of processes, by their first threads
 * Return: what @fn did; negative with ERROR_IO if processes cannot be listed */
int netns_each_process(netns_each_fn fn, void *arg, struct error *err);

/** netns_parse_ino() - "net:[4026532289]", as links and mounts name one */
bool netns_parse_ino(const char *text, uint64_t *ret) warn_unused;

#endif
