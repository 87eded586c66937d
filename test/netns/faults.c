#include "test/netns/faults.h"

#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

int faults_node[FAULTS_NODES] = { -1, -1, -1 };
int faults_pod[FAULTS_NODES] = { -1, -1, -1 };

static const char *topology;
static int helpers[8]; /* ends of pipes: what reads from them ends with us */
static size_t n_helpers;

/* --- T1 ------------------------------------------------------------------------------- */

static void mesh_config(char *buf, size_t size, int node)
{
	static const char nodes[] = "\"k8s-1\": { \"vtep\": \"10.100.100.1\", "
				    "\"address\": \"10.100.1.1/24\" }, "
				    "\"k8s-2\": { \"vtep\": \"10.100.100.2\", "
				    "\"address\": \"10.100.1.2/24\" }, "
				    "\"k8s-3\": { \"vtep\": \"10.100.100.3\", "
				    "\"address\": \"10.100.1.3/24\" }";

	snprintf(buf, size,
		 "{ \"cniVersion\": \"1.1.0\", \"name\": \"storage\", "
		 "\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "
		 "\"vxlan\": { \"id\": 100 }, "
		 "\"hostShim\": { \"name\": \"lhnet1-host\" }, "
		 "\"nodes\": { %s }, \"ipam\": { \"type\": \"hostshim\", "
		 "\"range\": \"10.100.1.0/24\", "
		 "\"range_start\": \"10.100.1.%d\", "
		 "\"range_end\": \"10.100.1.%d\", "
		 "\"stateDir\": \"/run/node%d\", "
		 "\"dataDir\": \"/var/lib/node%d\" } }",
		 nodes, 16 + 40 * node, 55 + 40 * node, node, node);
}

/* IPv6 is off where frames are counted: what it sends by itself is not ours. */
static void mesh_links(void)
{
	char path[NS_PATH];

	for (int i = 0; i < FAULTS_NODES; i++)
		ns_do(faults_node[i],
		      "sysctl -qw net.ipv6.conf.all.disable_ipv6=1"
		      " net.ipv6.conf.default.disable_ipv6=1;"
		      " ip addr add 10.100.100.%d/32 dev lo",
		      i + 1);
	for (int i = 0; i < FAULTS_NODES; i++)
		for (int j = i + 1; j < FAULTS_NODES; j++) {
			ns_do(faults_node[i],
			      "ip link add under%d mtu 9000 type veth"
			      " peer name under%d mtu 9000 netns %s;"
			      " ip addr add 10.0.%d%d.0/31 dev under%d;"
			      " ip link set under%d up;"
			      " ip route add 10.100.100.%d via 10.0.%d%d.1",
			      j + 1, i + 1, ns_path(faults_node[j], path), i, j,
			      j + 1, j + 1, j + 1, i, j);
			ns_do(faults_node[j],
			      "ip addr add 10.0.%d%d.1/31 dev under%d;"
			      " ip link set under%d up;"
			      " ip route add 10.100.100.%d via 10.0.%d%d.0",
			      i, j, i + 1, i + 1, i + 1, i, j);
		}
}

static void faults_add(int node, const char *config)
{
	char id[16], name[64], args[64];
	struct cni_call call = { .verb = "ADD",
				 .config = config,
				 .id = id,
				 .args = args,
				 .env = name };
	cleanup_cni_answer struct cni_answer answer = { 0 };

	snprintf(id, sizeof(id), "c%d", node + 1);
	snprintf(name, sizeof(name), "NODENAME=k8s-%d", node + 1);
	snprintf(args, sizeof(args),
		 "K8S_POD_NAMESPACE=longhorn;K8S_POD_NAME=im-%d", node + 1);
	faults_pod[node] = ns_new();
	call.pod = faults_pod[node];
	if (faults_node[node] >= 0)
		call.node = faults_node[node];
	seed_must(&call, &answer);
}

/* Every link is made while its far end is there to be UP. */
static void faults_start(const char *name)
{
	topology = name;
	cni_init();
	for (int i = 1; i < FAULTS_NODES; i++)
		faults_node[i] = ns_new();
}

void faults_mesh(void)
{
	char config[2048];

	faults_start("T1");
	mesh_links();
	for (int i = 0; i < FAULTS_NODES; i++) {
		mesh_config(config, sizeof(config), i);
		faults_add(i, config);
		if (i == 0)
			ctl_write(config);
	}
}

/* --- T2 ------------------------------------------------------------------------------- */

static const char flat_config[] =
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"storage\", "
	"\"type\": \"hostshim\", \"master\": \"eth1\", "
	"\"hostShim\": { \"address\": \"192.168.7.201/24\" }, "
	"\"ipam\": { \"type\": \"hostshim\", \"range\": \"192.168.7.0/24\", "
	"\"range_start\": \"192.168.7.64\", "
	"\"range_end\": \"192.168.7.127\" } }";

void faults_flat(void)
{
	faults_start("T2");
	ns_do(faults_node[1], "ip link add br0 type bridge;"
			      " ip link set br0 up;"
			      " ip addr add 192.168.7.2/24 dev br0");
	ns_veth(-1, "eth1", faults_node[1], "port1");
	ns_do(faults_node[1], "ip link set port1 master br0");
	ns_do(-1, "ip addr add 192.168.7.1/24 dev eth1");
	ctl_write(flat_config);
	faults_add(0, flat_config);
}

void faults_close(void)
{
	for (int i = 0; i < FAULTS_NODES; i++) {
		close(faults_node[i]);
		close(faults_pod[i]);
	}
	while (n_helpers)
		close(helpers[--n_helpers]);
}

/* --- stand-ins ------------------------------------------------------------------------- */

/* A shell under another name, which waits for a command that never comes. */
static void __attribute__((noreturn))
stand_in(int ns, const char *path, const char *option, int in)
{
	if (ns >= 0 && setns(ns, CLONE_NEWNET) < 0)
		_exit(126);
	dup2(in, STDIN_FILENO);
	execl(path, path, "-s", "--", option, (char *)NULL);
	_exit(127);
}

int faults_process(int ns, const char *name, const char *option)
{
	int started[2], input[2];
	char path[64];
	char byte;
	pid_t pid;

	snprintf(path, sizeof(path), "/run/bin/%s", name);
	ns_do(-1, "mkdir -p /run/bin; [ -e %s ] || cp /bin/sh %s", path, path);
	cr_assert(pipe2(started, O_CLOEXEC) == 0 &&
		  pipe2(input, O_CLOEXEC) == 0);
	cr_assert_lt(n_helpers, ARRAY_SIZE(helpers));
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0)
		stand_in(ns, path, option, input[0]);
	close(input[0]);
	close(started[1]);
	cr_assert_eq(read(started[0], &byte, 1), 0); /* closed by exec */
	close(started[0]);
	helpers[n_helpers++] = input[1];
	return pid;
}

/* --- what is found --------------------------------------------------------------------- */

void faults_none(const char *network)
{
	char text[128];

	snprintf(text, sizeof(text), "%s: no finding\n", network);
	ctl_prints("$C doctor", 0, text);
}

static const char *end_of_line(const char *text)
{
	return text + strcspn(text, "\n");
}

/* One row for each line; a script makes a table of it. */
static void keep_lines(const char *command, const char *inject,
		       const char *lines)
{
	const char *path = getenv("HOSTSHIM_FAULTS");
	cleanup_free char *done = NULL;
	FILE *file;

	if (!path)
		return;
	file = fopen(path, "ae");
	done = strdup(inject);
	cr_assert(file && done, "%s", path);
	for (char *end = done; (end = strchr(end, '\n'));)
		*end = ' ';
	for (const char *line = lines; *line; line = end_of_line(line) + 1)
		fprintf(file, "%s\t%s\t%s\t%.*s\n", topology, done, command,
			(int)(end_of_line(line) - line), line);
	fclose(file);
}

bool faults_keep(const char *command, const char *inject, const char *out,
		 const char *text)
{
	const char *at = strstr(out, text);
	cleanup_free char *line = NULL;

	if (!at)
		return false;
	while (at > out && at[-1] != '\n')
		at--;
	line = strndup(at, (size_t)(end_of_line(at) - at) + 1);
	keep_lines(command, inject, line);
	return true;
}

void faults_topology(const char *name)
{
	topology = name;
}

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; *text; text = end_of_line(text) + 1)
		count++;
	return count;
}

void faults_find_in(int ns, const char *inject, const char *lines)
{
	size_t count = count_lines(lines);
	char expected[4096];

	if (*inject)
		ns_do(ns, "%s", inject);
	snprintf(expected, sizeof(expected), "storage: %zu finding%s\n%s",
		 count, count == 1 ? "" : "s", lines);
	ctl_prints("$C doctor", 1, expected);
	keep_lines("doctor", inject, lines);
}

void faults_find(const char *inject, const char *lines)
{
	faults_find_in(-1, inject, lines);
}

void faults_has(const char *inject, const char *line)
{
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;

	if (*inject)
		ns_do(-1, "%s", inject);
	cr_expect_eq(ctl_run("$C doctor", &out, &err), 1, "%s%s", out, err);
	cr_expect(faults_keep("doctor", inject, out, line),
		  "no \"%s\" in:\n%s%s", line, out, err);
}
