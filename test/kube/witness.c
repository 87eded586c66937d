/*
 * kube-witness stamp
 * kube-witness look NODE=PID...
 *
 * What audit.sh cannot see for itself. "stamp" writes the time, CLOCK_MONOTONIC
 * in ms, before each line of stdin.
 *
 * "look" says which addresses interfaces in the nodes' sandboxes have. Nobody
 * sees several kernels at one moment, so it looks twice: what is there both
 * times, on the same interface, was there at every moment between the two
 * looks. That is all that is printed.
 *
 *	look BEGIN BETWEEN BETWEEN END
 *	has NODE ID IFINDEX MAC ADDRESS
 */

#include "test/kube/crowd.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SANDBOXES "/run/netns"

static void stamp(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		printf("%.3f %s", crowd_now(), line);
		fflush(stdout);
	}
	free(line);
}

/* --- one sandbox ------------------------------------------------------------------ */

static const char *mac_of(const char *ifname, char ret[18])
{
	struct ifreq ifreq = { 0 };
	const unsigned char *mac = (unsigned char *)ifreq.ifr_hwaddr.sa_data;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifreq.ifr_name, sizeof(ifreq.ifr_name), "%s", ifname);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifreq) < 0)
		memset(&ifreq, 0, sizeof(ifreq));
	close(fd);
	snprintf(ret, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
	return ret;
}

/* Addresses that are given; the kernel makes its own link-local ones. */
static void print_address(FILE *out, const char *node, const char *id,
			  const struct ifaddrs *one)
{
	const struct sockaddr *addr = one->ifa_addr;
	char text[INET6_ADDRSTRLEN];
	char mac[18];

	if (!addr || (one->ifa_flags & IFF_LOOPBACK) ||
	    (addr->sa_family != AF_INET && addr->sa_family != AF_INET6))
		return;
	if (getnameinfo(addr,
			addr->sa_family == AF_INET
				? sizeof(struct sockaddr_in)
				: sizeof(struct sockaddr_in6),
			text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
		errx(1, "%s: an address", id);
	if (strncmp(text, "fe80:", 5) != 0)
		fprintf(out, "has %s %s %u %s %s\n", node, id,
			if_nametoindex(one->ifa_name),
			mac_of(one->ifa_name, mac), text);
}

/* One that comes or goes meanwhile has nothing. */
static void look_into(FILE *out, const char *node, int folder, const char *id)
{
	int fd = openat(folder, id, O_RDONLY | O_CLOEXEC);
	struct ifaddrs *all;

	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0)
		err(1, "%s", id);
	if (setns(fd, CLONE_NEWNET) < 0) {
		if (errno != EINVAL) /* no namespace is mounted there yet */
			err(1, "%s", id);
		close(fd);
		return;
	}
	close(fd);
	if (getifaddrs(&all) < 0)
		err(1, "%s: addresses", id);
	for (const struct ifaddrs *one = all; one; one = one->ifa_next)
		print_address(out, node, id, one);
	freeifaddrs(all);
}

/* --- all of them ------------------------------------------------------------------- */

static void look_around(const struct crowd_node *node, int out)
{
	FILE *file = fdopen(out, "w");
	const struct dirent *entry;
	int folder;
	DIR *dir;

	if (!file || setns(node->mnt, CLONE_NEWNS) < 0)
		err(1, "%s", node->name);
	folder = open(SANDBOXES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fdopendir(dup(folder));
	if (!dir)
		err(1, "%s: " SANDBOXES, node->name);
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.')
			look_into(file, node->name, folder, entry->d_name);
	exit(fclose(file) == 0 ? 0 : 1);
}

struct view {
	char **lines;
	size_t count;
	double began;
	double ended;
};

static void view_read(struct view *view, FILE *file)
{
	char *line = NULL;
	size_t size = 0;

	rewind(file);
	while (getline(&line, &size, file) > 0) {
		view->lines = reallocarray(view->lines, view->count + 1,
					   sizeof(*view->lines));
		if (!view->lines)
			err(1, "look");
		view->lines[view->count++] = line;
		line = NULL;
		size = 0;
	}
	free(line);
}

/* A process for each node, because a mount namespace is the process' */
static void view_take(struct view *view, const struct crowd_node *nodes, int n)
{
	int out = memfd_create("look", MFD_CLOEXEC);
	FILE *file = fdopen(out, "r");
	int status;

	if (!file)
		err(1, "look");
	view->began = crowd_now();
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0)
			look_around(&nodes[i], out);
		if (waitpid(pid, &status, 0) < 0 || status != 0)
			errx(1, "%s: nothing seen", nodes[i].name);
	}
	view->ended = crowd_now();
	view_read(view, file);
	fclose(file);
}

static bool view_has(const struct view *view, const char *line)
{
	for (size_t i = 0; i < view->count; i++)
		if (strcmp(view->lines[i], line) == 0)
			return true;
	return false;
}

static void look(char **words, int n)
{
	struct crowd_node *nodes = calloc((size_t)n, sizeof(*nodes));
	struct view first = { 0 };
	struct view second = { 0 };

	if (!nodes)
		err(1, "look");
	for (int i = 0; i < n; i++)
		nodes[i] = crowd_node_open(words[i]);
	view_take(&first, nodes, n);
	view_take(&second, nodes, n);
	printf("look %.3f %.3f %.3f %.3f\n", first.began, first.ended,
	       second.began, second.ended);
	for (size_t i = 0; i < first.count; i++)
		if (view_has(&second, first.lines[i]))
			fputs(first.lines[i], stdout);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "stamp") == 0)
		stamp();
	else if (argc > 2 && strcmp(argv[1], "look") == 0)
		look(argv + 2, argc - 2);
	else
		errx(2, "usage: kube-witness stamp | look NODE=PID...");
	return 0;
}
