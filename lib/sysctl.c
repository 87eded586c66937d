#include "lib/sysctl.h"

#include "lib/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct sysctl_open {
	const char *path;
	int flags;
	int fd;
};

/* Which namespace a /proc/sys/net file shows is decided when it is opened. */
static int sysctl_open_here(void *arg, struct error *err)
{
	struct sysctl_open *file = arg;

	file->fd = open(file->path, file->flags | O_CLOEXEC);
	if (file->fd < 0 && errno == ENOENT)
		return SYSCTL_ABSENT;
	if (file->fd < 0)
		return error_set(err, ERROR_LINK, errno, "open %s", file->path);
	return 0;
}

/* What cannot be a link's name (dev_valid_name) must not become a path. */
static bool sysctl_is_name(const char *ifname)
{
	return *ifname && strcmp(ifname, ".") != 0 &&
	       strcmp(ifname, "..") != 0 && !strchr(ifname, '/');
}

static int sysctl_open(int netns, int family, const char *ifname,
		       const char *key, int flags, int *ret_fd,
		       struct error *err)
{
	char path[128];
	struct sysctl_open file = { .path = path, .flags = flags, .fd = -1 };
	int r;

	if (!sysctl_is_name(ifname))
		return SYSCTL_ABSENT;
	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s",
		 family == AF_INET6 ? "ipv6" : "ipv4", ifname, key);
	r = netns_run(netns, sysctl_open_here, &file, err);
	if (r == 0)
		*ret_fd = file.fd;
	return r;
}

static int sysctl_read(int fd, const char *ifname, const char *key, int *ret,
		       struct error *err)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return error_set(err, ERROR_LINK, errno, "read %s of %s", key,
				 ifname);
	text[n] = '\0';
	*ret = (int)strtol(text, NULL, 10);
	return 0;
}

int sysctl_get(int netns, int family, const char *ifname, const char *key,
	       int *ret, struct error *err)
{
	cleanup_close int fd = -1;
	int r;

	r = sysctl_open(netns, family, ifname, key, O_RDONLY, &fd, err);
	if (r != 0)
		return r;
	return sysctl_read(fd, ifname, key, ret, err);
}

int sysctl_set(int netns, int family, const char *ifname, const char *key,
	       int value, struct error *err)
{
	cleanup_close int fd = -1;
	char text[16];
	int len;
	int r;

	r = sysctl_open(netns, family, ifname, key, O_WRONLY, &fd, err);
	if (r != 0)
		return r;
	len = snprintf(text, sizeof(text), "%d", value);
	if (write(fd, text, (size_t)len) != len)
		return error_set(err, ERROR_LINK, errno, "set %s=%d of %s", key,
				 value, ifname);
	return SYSCTL_CHANGED;
}

int sysctl_ensure(int netns, int family, const char *ifname, const char *key,
		  int value, struct error *err)
{
	int have;
	int r;

	r = sysctl_get(netns, family, ifname, key, &have, err);
	if (r != 0 || have == value)
		return r;
	return sysctl_set(netns, family, ifname, key, value, err);
}
