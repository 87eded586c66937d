#include "test/netns/cluster.h"

#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_PATH 64

/* --- underlay ----------------------------------------------------------------------- */

static void join_pair(const struct cluster *c, size_t i, size_t j)
{
	char names[2][16];
	unsigned int net = (unsigned int)(i * CLUSTER_NODES + j);

	snprintf(names[0], sizeof(names[0]), "to-%zu", j + 1);
	snprintf(names[1], sizeof(names[1]), "to-%zu", i + 1);
	ns_veth(c->nodes[i], names[0], c->nodes[j], names[1]);
	for (size_t end = 0; end < 2; end++) {
		int ns = c->nodes[end ? j : i];

		ns_do(ns, "ip link set %s mtu 9000", names[end]);
		ns_do(ns, "ip addr add 10.0.%u.%zu/31 dev %s", net, end,
		      names[end]);
		ns_do(ns, "ip route add 10.100.100.%zu via 10.0.%u.%zu",
		      (end ? i : j) + 1, net, 1 - end);
	}
}

static void join_switch(const struct cluster *c, size_t i)
{
	char port[16];

	snprintf(port, sizeof(port), "port-%zu", i + 1);
	ns_veth(c->nodes[i], "eth1", c->wire, port);
	ns_do(c->wire, "ip link set %s master wire", port);
	ns_do(c->nodes[i], "ip addr add 172.16.0.%zu/24 dev eth1", i + 1);
	for (size_t j = 0; j < c->n_nodes; j++)
		if (j != i)
			ns_do(c->nodes[i],
			      "ip route add 10.100.100.%zu via 172.16.0.%zu",
			      j + 1, j + 1);
}

static void join_all(struct cluster *c, enum cluster_underlay underlay)
{
	if (underlay == CLUSTER_SWITCH) {
		c->wire = ns_new();
		ns_do(c->wire, "ip link add wire type bridge;"
			       " ip link set wire up");
	}
	for (size_t i = 0; i < c->n_nodes; i++) {
		ns_do(c->nodes[i], "ip addr add 10.100.100.%zu/32 dev lo",
		      i + 1);
		if (underlay == CLUSTER_SWITCH)
			join_switch(c, i);
		for (size_t j = i + 1;
		     j < c->n_nodes && underlay == CLUSTER_MESH; j++)
			join_pair(c, i, j);
	}
}

/* --- nodes -------------------------------------------------------------------------- */

static const char *config_path(size_t node, char buf[static CONFIG_PATH])
{
	snprintf(buf, CONFIG_PATH, "/run/k8s-%zu.conf", node);
	return buf;
}

static char *make_config(const struct cluster *c, size_t node)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	cr_assert(out);
	fprintf(out,
		"{ \"cniVersion\": \"1.1.0\", \"name\": \"storage\", "
		"\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "
		"\"vxlan\": { \"id\": 100 }, "
		"\"hostShim\": { \"name\": \"lhnet1-host\" }, \"nodes\": { ");
	for (size_t i = 1; i <= c->n_nodes; i++)
		fprintf(out,
			"%s\"k8s-%zu\": { \"vtep\": \"10.100.100.%zu\", "
			"\"address\": \"10.100.1.%zu/24\" }",
			i > 1 ? ", " : "", i, i, i);
	fprintf(out,
		" }, \"ipam\": { \"type\": \"hostshim\", "
		"\"range\": \"10.100.1.0/24\", "
		"\"range_start\": \"10.100.1.%zu\", "
		"\"range_end\": \"10.100.1.%zu\", "
		"\"stateDir\": \"/run/state-%zu\", "
		"\"dataDir\": \"/var/lib/data-%zu\" } }",
		node * 10 + 10, node * 10 + 19, node, node);
	cr_assert_eq(fclose(out), 0);
	return text;
}

static void add_pods(struct cluster *c, size_t node)
{
	cleanup_free char *config = make_config(c, node);
	char path[CONFIG_PATH], env[32], id[32];
	FILE *file = fopen(config_path(node, path), "we");

	cr_assert(file && fputs(config, file) >= 0 && fclose(file) == 0);
	snprintf(env, sizeof(env), "NODENAME=k8s-%zu", node);
	for (size_t i = 0; i < c->n_pods; i++) {
		cleanup_cni_answer struct cni_answer answer = { 0 };
		struct cni_call call = {
			.verb = "ADD", .config = config, .id = id, .env = env
		};

		snprintf(id, sizeof(id), "%c-k8s-%zu", (char)('a' + i), node);
		c->pods[node - 1][i] = ns_new();
		call.pod = c->pods[node - 1][i];
		call.node = node > 1 ? c->nodes[node - 1] : 0;
		seed_must(&call, &answer);
	}
}

void cluster_open(struct cluster *c, enum cluster_underlay underlay,
		  size_t nodes, size_t pods)
{
	*c = (struct cluster){ .n_nodes = nodes, .n_pods = pods, .wire = -1 };
	faults_topology("T1");
	cni_init();
	for (size_t i = 0; i < nodes; i++)
		c->nodes[i] = i == 0 ? ns_self() : ns_new();
	join_all(c, underlay);
	for (size_t i = 1; i <= nodes; i++)
		add_pods(c, i);
}

void cluster_close(struct cluster *c)
{
	for (size_t i = 0; i < c->n_nodes; i++) {
		close(c->nodes[i]);
		for (size_t j = 0; j < c->n_pods; j++)
			close(c->pods[i][j]);
	}
	if (c->wire >= 0)
		close(c->wire);
}

/* --- shimctl ------------------------------------------------------------------------ */

int cluster_ctl(const struct cluster *c, size_t node, const char *args,
		char **ret_out, char **ret_err)
{
	cleanup_free char *command = NULL;
	char path[CONFIG_PATH], ns[NS_PATH];
	const char *rest = strstr(args, "$N");

	cr_assert(rest, "%s", args);
	cr_assert(asprintf(&command, "%.*s--netns %s --node k8s-%zu -c %s%s",
			   (int)(rest - args), args,
			   ns_path(c->nodes[node - 1], ns), node,
			   config_path(node, path), rest + 2) > 0);
	return ctl_run(command, ret_out, ret_err);
}

void cluster_does(const struct cluster *c, size_t node, const char *args,
		  int status, const char *line)
{
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;

	cr_expect_eq(cluster_ctl(c, node, args, &out, &err), status,
		     "k8s-%zu: %s%s", node, out, err);
	cr_expect(strstr(out, line), "k8s-%zu: no \"%s\" in:\n%s%s", node, line,
		  out, err);
}

/* --- faults --------------------------------------------------------------------------- */

int cluster_ns(const struct cluster *c, const char *name)
{
	const char *node = strstr(name, "k8s-");
	size_t n = node ? strtoul(node + strlen("k8s-"), NULL, 10) : 0;

	cr_assert(n >= 1 && n <= c->n_nodes, "%s", name);
	if (node == name)
		return c->nodes[n - 1];
	cr_assert_lt((size_t)(*name - 'a'), c->n_pods, "%s", name);
	return c->pods[n - 1][*name - 'a'];
}

void cluster_finds(const struct cluster *c, const char *where,
		   const char *inject, const char *args, const char *line)
{
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;
	char done[1024];

	ns_do(cluster_ns(c, where), "%s", inject);
	cr_expect_eq(cluster_ctl(c, 1, args, &out, &err), 1, "%s%s", out, err);
	snprintf(done, sizeof(done), "%s%s%s", *inject == '#' ? inject : where,
		 *inject == '#' ? "" : ": ", *inject == '#' ? "" : inject);
	cr_expect(faults_keep(args + strlen("$N "), done, out, line),
		  "no \"%s\" in:\n%s%s", line, out, err);
}
