#include "test/support/ns.h"

#include "lib/error.h"
#include "lib/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

/* Sections are sorted: the kernel's order is that of hash tables. First, links are
 * waited for whose carrier is there and not yet seen (linkwatch, once a second at
 * most): then they get their link-local addresses and routes. */
static const char ns_snapshot_script[] =
	"n=0; while ip -o link show | grep -q 'NO-CARRIER.*LOWER_UP' &&"
	" [ $n -lt 100 ]; do sleep 0.05; n=$((n + 1)); done;"
	"echo '[links]'; ip -d link show | sed -e 's/^[0-9]*: //'"
	" -e 's/@if[0-9]*:/@if:/' -e 's/ link-netnsid [0-9]*//'"
	" -e 's/ [a-z_]*timer *[0-9.]*//g';"
	" echo '[addresses]'; ip -o addr show | sed -e 's/^[0-9]*: //'"
	" -e 's/\\\\.*//' -e 's/ tentative//' | sort;"
	" echo '[routes]'; ip -4 route show table all | sort;"
	" ip -6 route show table all |"
	" grep -v -e '^local' -e '^anycast' -e '^multicast' |"
	" sed -e 's/ linkdown//' | sort;"
	" echo '[rules]'; ip rule; ip -6 rule;"
	" echo '[fdb]'; bridge fdb show | grep permanent | sort;"
	" echo '[sysctls]';"
	" cd /proc/sys/net; for k in arp_ignore arp_announce arp_notify rp_filter"
	" accept_local forwarding promote_secondaries; do"
	" grep -H '' ipv4/conf/*/$k; done; for k in disable_ipv6 accept_ra"
	" accept_dad keep_addr_on_down ndisc_notify forwarding; do"
	" grep -H '' ipv6/conf/*/$k; done; true";

static void __attribute__((noreturn)) printf_like(1, 2)
	ns_die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

static int ns_unshare(void *arg, struct error *err)
{
	int *ret = arg;

	if (unshare(CLONE_NEWNET) < 0)
		ns_die("unshare: %s", strerror(errno));
	return netns_open_self(ret, err);
}

/* netns_run() into where we are brings us back from where @fn leaves us. */
int ns_new(void)
{
	struct error err = { 0 };
	cleanup_close int self = -1;
	int fd = -1;

	self = ns_self();
	if (netns_run(self, ns_unshare, &fd, &err) < 0)
		ns_die("%s", err.details);
	ns_link_up(fd, "lo");
	return fd;
}

void ns_fresh(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		ns_die("unshare: %s", strerror(errno));
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		ns_die("make mounts private: %s", strerror(errno));
	ns_link_up(-1, "lo");
}

int ns_self(void)
{
	struct error err = { 0 };
	int fd;

	if (netns_open_self(&fd, &err) < 0)
		ns_die("%s", err.details);
	return fd;
}

const char *ns_path(int fd, char buf[static NS_PATH])
{
	snprintf(buf, NS_PATH, "/proc/%d/fd/%d", (int)getpid(), fd);
	return buf;
}

static void __attribute__((noreturn))
ns_child(int fd, int out, const char *command)
{
	if (fd >= 0 && setns(fd, CLONE_NEWNET) < 0)
		_exit(126);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static char *ns_read_all(int fd)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	char buf[4096];
	ssize_t n;

	if (!out)
		ns_die("out of memory");
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, out);
	fclose(out);
	return text;
}

static int ns_run_command(int fd, const char *command, char **ret)
{
	int pipes[2];
	int status;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		ns_die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		ns_die("fork: %s", strerror(errno));
	if (pid == 0)
		ns_child(fd, pipes[1], command);
	close(pipes[1]);
	*ret = ns_read_all(pipes[0]);
	close(pipes[0]);
	if (waitpid(pid, &status, 0) < 0)
		ns_die("waitpid: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int ns_vtry(int fd, char **ret, const char *fmt, va_list args)
	printf_like(3, 0);
static int ns_vtry(int fd, char **ret, const char *fmt, va_list args)
{
	cleanup_free char *command = NULL;
	cleanup_free char *output = NULL;
	int status;

	if (vasprintf(&command, fmt, args) < 0)
		ns_die("out of memory");
	status = ns_run_command(fd, command, &output);
	if (ret)
		*ret = take_ptr(output);
	return status;
}

int ns_try(int fd, char **ret, const char *fmt, ...)
{
	va_list args;
	int status;

	va_start(args, fmt);
	status = ns_vtry(fd, ret, fmt, args);
	va_end(args);
	return status;
}

static char *ns_vexec(int fd, const char *fmt, va_list args) printf_like(2, 0);
static char *ns_vexec(int fd, const char *fmt, va_list args)
{
	char *output;
	int status = ns_vtry(fd, &output, fmt, args);

	if (status)
		ns_die("\"%s\" exits %d: %s", fmt, status, output);
	return output;
}

char *ns_exec(int fd, const char *fmt, ...)
{
	va_list args;
	char *output;

	va_start(args, fmt);
	output = ns_vexec(fd, fmt, args);
	va_end(args);
	return output;
}

void ns_do(int fd, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	free(ns_vexec(fd, fmt, args));
	va_end(args);
}

bool ns_has(int fd, const char *text, const char *fmt, ...)
{
	cleanup_free char *output = NULL;
	va_list args;

	va_start(args, fmt);
	ns_vtry(fd, &output, fmt, args);
	va_end(args);
	return strstr(output, text) != NULL;
}

void ns_link_up(int fd, const char *name)
{
	ns_do(fd, "ip link set dev %s up", name);
}

void ns_addr(int fd, const char *name, const char *prefix)
{
	ns_do(fd, "ip addr add %s dev %s %s", prefix, name,
	      strchr(prefix, ':') ? "nodad" : "");
}

void ns_veth(int fd, const char *name, int peer_fd, const char *peer)
{
	char path[NS_PATH];

	ns_do(fd, "ip link add name %s type veth peer name %s netns %s", name,
	      peer, ns_path(peer_fd, path));
	ns_link_up(fd, name);
	ns_link_up(peer_fd, peer);
}

int ns_index(int fd, const char *name)
{
	cleanup_free char *line = ns_exec(fd, "ip -o link show dev %s", name);

	return atoi(line);
}

char *ns_snapshot(int fd)
{
	char *output;

	if (ns_run_command(fd, ns_snapshot_script, &output))
		ns_die("snapshot: %s", output);
	return output;
}

static bool ns_has_line(const char *text, const char *line, size_t len)
{
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (strcspn(text, "\n") == len && !strncmp(text, line, len))
			return true;
	return false;
}

static void ns_print_missing(const char *from, const char *in, char sign)
{
	size_t len;

	for (; *from; from += len, from += *from == '\n') {
		len = strcspn(from, "\n");
		if (!ns_has_line(in, from, len))
			fprintf(stderr, "%c %.*s\n", sign, (int)len, from);
	}
}

bool ns_same(const char *before, const char *after)
{
	if (strcmp(before, after) == 0)
		return true;
	ns_print_missing(before, after, '-');
	ns_print_missing(after, before, '+');
	return false;
}

bool ns_becomes(int fd, const char *expected)
{
	for (int i = 0; i < 250; i++) {
		cleanup_free char *now = ns_snapshot(fd);

		if (strcmp(expected, now) == 0)
			return true;
		ns_sleep_ms(20);
	}
	cleanup_free char *last = ns_snapshot(fd);

	return ns_same(expected, last);
}

int ns_ping(int fd, const char *addr, int count)
{
	cleanup_free char *output = NULL;
	const char *received;

	ns_try(fd, &output, "ping -n -q -W 1 -i 0.02 -c %d %s", count, addr);
	received = strstr(output, "transmitted, ");
	return received ? atoi(received + strlen("transmitted, ")) : 0;
}

void ns_settle(int fd)
{
	for (int i = 0; i < 400; i++) {
		if (!ns_has(fd, "tentative", "ip -6 addr show tentative"))
			return;
		ns_sleep_ms(50);
	}
	ns_die("an IPv6 address stays tentative");
}

void ns_set_sysctl(int fd, const char *key, int value)
{
	ns_do(fd, "echo %d >/proc/sys/%s", value, key);
}

void ns_sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}
