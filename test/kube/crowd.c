#include "test/kube/crowd.h"

#include <err.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double crowd_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* --- nodes ---------------------------------------------------------------------- */

static int open_namespace(const char *pid, const char *kind)
{
	char path[CROWD_TEXT];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", pid, kind);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

struct crowd_node crowd_node_open(const char *word)
{
	const char *pid = strchr(word, '=');
	struct crowd_node node = { .net = -1, .mnt = -1 };

	if (!pid || (size_t)(pid - word) >= sizeof(node.name))
		errx(2, "%s: not NAME=PID", word);
	memcpy(node.name, word, (size_t)(pid - word));
	node.pid = atoi(pid + 1);
	node.net = open_namespace(pid + 1, "net");
	node.mnt = open_namespace(pid + 1, "mnt");
	return node;
}

void crowd_node_close(struct crowd_node *node)
{
	if (node->pid > 0) {
		close(node->net);
		close(node->mnt);
	}
	*node = (struct crowd_node){ .pid = -1, .net = -1, .mnt = -1 };
}

static void enter(const struct crowd_node *node)
{
	if (setns(node->mnt, CLONE_NEWNS) < 0 ||
	    setns(node->net, CLONE_NEWNET) < 0)
		err(1, "setns");
}

/* In a process of its own, because threads of one share their namespaces. */
static int on_node(const struct crowd_node *node, const char *id,
		   const char *text,
		   int (*fn)(const char *path, const char *text))
{
	char path[CROWD_TEXT];
	pid_t pid = fork();
	int status;

	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		enter(node);
		snprintf(path, sizeof(path), "/run/netns/%s", id);
		_exit(fn(path, text));
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		errx(1, "%s: no answer from %s", id, node->name);
	return WEXITSTATUS(status);
}

/* --- sandboxes ------------------------------------------------------------------ */

static int make(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

	(void)text;
	if (fd < 0 || unshare(CLONE_NEWNET) < 0 ||
	    mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
		err(1, "%s", path);
	return 0;
}

void crowd_sandbox(const struct crowd_node *node, const char *id)
{
	if (on_node(node, id, NULL, make) != 0)
		exit(1);
}

static int drop(const char *path, const char *text)
{
	(void)text;
	if (access(path, F_OK) < 0)
		return 0;
	if (umount2(path, MNT_DETACH) < 0 || unlink(path) < 0)
		err(1, "%s", path);
	return 0;
}

void crowd_sandbox_drop(const struct crowd_node *node, const char *id)
{
	if (on_node(node, id, NULL, drop) != 0)
		exit(1);
}

static bool is_address(const struct sockaddr *addr, const char *wanted)
{
	socklen_t len = sizeof(struct sockaddr_in);
	char text[INET6_ADDRSTRLEN];

	if (!addr ||
	    (addr->sa_family != AF_INET && addr->sa_family != AF_INET6))
		return false;
	if (addr->sa_family == AF_INET6)
		len = sizeof(struct sockaddr_in6);
	return getnameinfo(addr, len, text, sizeof(text), NULL, 0,
			   NI_NUMERICHOST) == 0 &&
	       strcmp(text, wanted) == 0;
}

static int look(const char *path, const char *wanted)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct ifaddrs *all;

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0 || getifaddrs(&all) < 0)
		err(2, "%s", path);
	for (struct ifaddrs *one = all; one; one = one->ifa_next)
		if (is_address(one->ifa_addr, wanted))
			return 0;
	return 1;
}

bool crowd_sandbox_has(const struct crowd_node *node, const char *id,
		       const char *address)
{
	return on_node(node, id, address, look) == 0;
}

/* --- calls ----------------------------------------------------------------------- */

static void run(const struct crowd_call *call, int out)
{
	char text[7][2 * CROWD_TEXT];
	char *env[] = { text[0], text[1], text[2], text[3],
			text[4], text[5], text[6], NULL };
	char *argv[] = { strdup(call->program), NULL };
	const char *path = getenv("CNI_PATH");
	int in = open(call->config, O_RDONLY | O_CLOEXEC);

	snprintf(text[0], sizeof(text[0]), "CNI_COMMAND=%s", call->verb);
	snprintf(text[1], sizeof(text[1]), "CNI_CONTAINERID=%s", call->id);
	snprintf(text[2], sizeof(text[2]), "CNI_NETNS=/run/netns/%s", call->id);
	snprintf(text[3], sizeof(text[3]), "CNI_PATH=%s", path ? path : "/");
	snprintf(text[4], sizeof(text[4]), "NODENAME=%s", call->node->name);
	snprintf(text[5], sizeof(text[5]),
		 "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=crowd;"
		 "K8S_POD_NAME=%s;K8S_POD_UID=%s",
		 call->pod, call->uid);
	snprintf(text[6], sizeof(text[6]), "CNI_IFNAME=net1");
	if (in < 0 || dup2(in, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0)
		err(127, "%s", call->config);
	enter(call->node);
	usleep(call->delay_ms * 1000);
	execve(call->program, argv, env);
	err(127, "%s", call->program);
}

pid_t crowd_start(const struct crowd_call *call, int *ret_out)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	pid_t pid = fork();

	if (out < 0 || pid < 0)
		err(1, "start");
	if (pid == 0)
		run(call, out);
	*ret_out = out;
	return pid;
}

/* The text behind a key, for what we wrote ourselves: no parser of answers */
static const char *value_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	if (!at)
		return "";
	at += strlen(key);
	return at + strspn(at, "\": ");
}

void crowd_read(int out, struct crowd_answer *ret)
{
	ssize_t n = pread(out, ret->text, sizeof(ret->text) - 1, 0);
	const char *address;
	size_t len;

	close(out);
	ret->text[n > 0 ? n : 0] = '\0';
	for (char *c = ret->text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	ret->code = atoi(value_of(ret->text, "\"code\""));
	address = value_of(ret->text, "\"address\"");
	len = strcspn(address, "/\"");
	if (len >= sizeof(ret->address))
		len = 0;
	memcpy(ret->address, address, len);
	ret->address[len] = '\0';
}
