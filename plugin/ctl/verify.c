#include "plugin/ctl/verify.h"

#include <string.h>

/*
 * Every leg that begins on this node: from the host and from each local pod, to
 * the local host, the local pods, the other hosts, and the pods elsewhere. An
 * echo passes both ways, so run on every node this is the whole matrix. What is
 * local and what is remote fails for different reasons, and is told apart.
 */

static void verify_clear(struct verify *v)
{
	for (size_t i = 0; i < v->n_sources; i++)
		if (v->sources[i].netns >= 0)
			close(v->sources[i].netns);
	free(v->sources);
	free(v->targets);
	free(v->nodes);
	free(v->legs);
	sweep_clear(&v->sweep);
	children_clear(&v->children);
	probe_pods_close(&v->pods);
}

static int verify_cannot(struct verify *v, const char *next, const char *text)
{
	report_fail(&v->ctl->report, v->network->config.name, next, "%s", text);
	return CTL_CANNOT;
}

/* A node that is right and has no shim is to have none. */
static bool verify_wants_no_shim(const struct verify *v)
{
	struct netlink_link parent;
	struct error wrong = { 0 };

	return node_look(v->ctl->host, &v->network->config, &v->network->node,
			 &parent, &wrong) == NODE_OK;
}

/* Return: CTL_OK, CTL_CANNOT, or negative */
static int verify_links(struct verify *v, struct error *err)
{
	int r;

	r = ctl_parent(v->ctl, v->network, &v->parent, err);
	if (r == NETLINK_ABSENT)
		return verify_cannot(v, "shimctl up",
				     "has no parent on this node");
	if (r == 0)
		r = ctl_shim(v->ctl, v->network, &v->parent, &v->shim, err);
	if (r == NETLINK_ABSENT)
		v->is_hostless = verify_wants_no_shim(v);
	return r < 0 ? r : CTL_OK;
}

/* On a parent that is down no link can be UP; the legs will tell. */
static int verify_make_pods(struct verify *v, struct error *err)
{
	int r;

	if (!v->ctl->probe_pods || !(v->parent.flags & IFF_UP))
		return CTL_OK;
	r = probe_pods_open(v->ctl, v->network, &v->parent, &v->pods, err);
	if (r == PROBE_PODS_FOREIGN)
		return verify_cannot(v, "start a pod, and leave --probe-pods",
				     "gets its addresses from another plugin");
	return r;
}

/* Pods that nobody leads to from here, as in a container without the host's
 * processes: what is not asked is to be known. */
static int verify_hidden(struct verify *v, struct error *err)
{
	size_t n;
	int r = children_hidden(v->ctl, &v->parent, &v->children, &n, err);

	if (r == 0 && n)
		report_warn(
			&v->ctl->report, v->network->config.name,
			"run it on the node itself, as root",
			"%zu interface%s on %s in namespaces that cannot be "
			"seen from here: nothing is asked from there",
			n, n == 1 ? " is" : "s are", v->parent.name);
	return r;
}

/* One after the other; a signal that waits ends it between two. */
static int verify_steps(struct verify *v, struct error *err)
{
	static int (*const steps[])(struct verify * v, struct error * err) = {
		verify_tcp,    verify_causes, verify_compare,
		verify_report, verify_dad,
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++) {
		if (v->pods.is_guarded && probe_pods_is_interrupted())
			return CTL_CANNOT;
		r = steps[i](v, err);
	}
	return r;
}

/* Return: CTL_OK, CTL_CANNOT, or negative */
static int verify_run(struct verify *v, struct error *err)
{
	int r = verify_links(v, err);

	if (r == CTL_OK)
		r = verify_make_pods(v, err);
	if (r == CTL_OK)
		r = verify_find(v, err);
	if (r == CTL_OK)
		r = verify_hidden(v, err);
	if (r == CTL_OK)
		r = verify_ask(v, err);
	if (r != CTL_OK)
		return r;
	if (v->n_legs == 0)
		return verify_cannot(v,
				     "start a pod on the network, or name the "
				     "other nodes in \"nodes\"",
				     "has nobody to ask");
	return verify_steps(v, err);
}

static int verify_network(struct ctl *ctl, const struct network *network,
			  struct error *err)
{
	struct verify v = { .ctl = ctl, .network = network };
	int r;

	report_object(&ctl->report, NULL);
	report_string(&ctl->report, "network", network->config.name);
	report_string(&ctl->report, "node", network->node.name);
	r = verify_run(&v, err);
	report_end(&ctl->report);
	verify_clear(&v);
	return r;
}

/* Return: 0, or CTL_USAGE */
static int verify_check_args(const struct ctl *ctl)
{
	if (ctl->serve && ctl->n_args)
		return ctl_usage("verify --serve takes no address");
	for (int i = 0; i < ctl->n_args; i++) {
		struct inet_addr addr;
		bool is_known = false;

		if (!inet_addr_parse(ctl->args[i], &addr))
			return ctl_usage("verify: \"%s\" is no address",
					 ctl->args[i]);
		for (size_t j = 0; j < ctl->n_networks; j++)
			is_known |= ctl_network_has(&ctl->networks[j], &addr);
		if (!is_known)
			return ctl_usage("verify: %s is in no subnet of a "
					 "network",
					 ctl->args[i]);
	}
	return 0;
}

int ctl_verify(struct ctl *ctl, struct error *err)
{
	int status = verify_check_args(ctl);

	if (status != 0)
		return status;
	if (ctl->serve)
		return verify_serve(ctl, err);
	report_array(&ctl->report, "networks");
	for (size_t i = 0; i < ctl->n_networks; i++) {
		int r = verify_network(ctl, &ctl->networks[i], err);

		if (r < 0)
			return r;
		if (r > status)
			status = r;
	}
	report_end(&ctl->report);
	return status;
}
