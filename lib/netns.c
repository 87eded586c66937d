#include "lib/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const char netns_self[] = "/proc/thread-self/ns/net";

int netns_open(const char *path, int *ret_fd, struct error *err)
{
	cleanup_close int fd = -1;

	/* O_NOCTTY, O_NONBLOCK: whatever lies at the path, opening it neither
	 * waits nor takes it over. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return NETNS_ABSENT;
	if (fd < 0 && (errno == ENXIO || errno == ENODEV || errno == ELOOP))
		return NETNS_NOT_ONE;
	if (fd < 0)
		return error_set(err, ERROR_NETNS, errno, "open netns %s",
				 path);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return NETNS_NOT_ONE;

	*ret_fd = take_fd(&fd);
	return 0;
}

int netns_open_self(int *ret_fd, struct error *err)
{
	int fd = open(netns_self, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, ERROR_NETNS, errno, "open %s",
				 netns_self);
	*ret_fd = fd;
	return 0;
}

int netns_is_same(int a, int b, struct error *err)
{
	struct stat sa, sb;

	if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0)
		return error_set(err, ERROR_NETNS, errno, "compare netns");
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

int netns_is_own(int fd, struct error *err)
{
	struct stat own, st;

	if (stat(netns_self, &own) < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERROR_NETNS, errno, "compare netns");
	return st.st_dev == own.st_dev && st.st_ino == own.st_ino;
}

/* Its lo is down at first, and an address of its own would not answer itself. */
static int netns_set_lo_up(struct error *err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_set(err, ERROR_NETNS, errno, "set lo up");
	return 0;
}

static int netns_unshare(void *arg, struct error *err)
{
	int *ret = arg;
	int r;

	if (unshare(CLONE_NEWNET) < 0)
		return error_set(err, ERROR_NETNS, errno, "make a netns");
	r = netns_set_lo_up(err);
	return r == 0 ? netns_open_self(ret, err) : r;
}

/* netns_run() brings the thread back: to where it is already. */
int netns_new(int *ret_fd, struct error *err)
{
	cleanup_close int self = -1;
	int r = netns_open_self(&self, err);

	return r == 0 ? netns_run(self, netns_unshare, ret_fd, err) : r;
}

static int netns_cookie_here(void *arg, struct error *err)
{
	uint64_t *ret = arg;
	socklen_t len = sizeof(*ret);
	cleanup_close int fd = -1;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, ERROR_NETNS, errno, "netns cookie");
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &len) < 0)
		return error_set(err, ERROR_NETNS, errno, "netns cookie");
	return 0;
}

int netns_cookie(int fd, uint64_t *ret, struct error *err)
{
	return netns_run(fd, netns_cookie_here, ret, err);
}

int netns_run(int fd, int (*fn)(void *arg, struct error *err), void *arg,
	      struct error *err)
{
	cleanup_close int self = -1;
	int r;

	if (fd < 0)
		return fn(arg, err);

	r = netns_open_self(&self, err);
	if (r < 0)
		return r;
	if (setns(fd, CLONE_NEWNET) < 0)
		return error_set(err, ERROR_NETNS, errno, "enter netns");

	r = fn(arg, err);

	if (setns(self, CLONE_NEWNET) < 0) {
		/* Going on would configure the pod as if it were the host. */
		perror("hostshim: return to the host netns");
		abort();
	}
	return r;
}
