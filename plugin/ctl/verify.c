#include "lib/echo.h"
#include "lib/netns.h"
#include "plugin/ctl/children.h"
#include "plugin/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Every leg that begins on this node: from the host and from each local pod, to
 * the local host, the local pods, the other hosts, and the pods elsewhere whose
 * addresses are given. An echo passes both ways, so run on every node this is
 * the whole matrix. What is local and what is remote fails for different
 * reasons, and is told apart.
 */

#define VERIFY_COUNT       3
#define VERIFY_INTERVAL_MS 20
#define VERIFY_TIMEOUT_MS  1000

enum place {
	LOCAL_HOST,
	LOCAL_POD,
	REMOTE_HOST,
	REMOTE_POD,
	PLACES,
};

static const char *const place_text[PLACES] = { "local host", "local pod",
						"remote host", "remote pod" };

struct target {
	enum place place;
	const char *name; /* borrowed */
	const struct child *child; /* of a local pod */
	struct inet_addr addr;
};

struct verify {
	struct ctl *ctl;
	const struct network *network;
	struct netlink_link parent;
	struct children children;
	struct target *targets;
	size_t n_targets;
	struct ctl_table table;
	size_t legs;
	size_t failed[2]; /* local, remote */
	size_t narrow[2]; /* those of large packets among them */
};

static const struct ctl_column verify_columns[] = {
	{ "from", "FROM", CTL_TEXT },
	{ "fromName", "", CTL_TEXT },
	{ "to", "TO", CTL_TEXT },
	{ "toName", "", CTL_TEXT },
	{ "address", "ADDRESS", CTL_TEXT },
	{ "size", "BYTES", CTL_NUMBER },
	{ "sent", NULL, CTL_NUMBER },
	{ "received", NULL, CTL_NUMBER },
	{ NULL, "RESULT", CTL_TEXT },
	{ NULL, "MIN/AVG/MAX ms", CTL_TEXT },
	{ "minUs", NULL, CTL_NUMBER },
	{ "avgUs", NULL, CTL_NUMBER },
	{ "maxUs", NULL, CTL_NUMBER },
	{ NULL, NULL, CTL_TEXT },
};

/* --- who is there ----------------------------------------------------------------- */

static int add_target(struct verify *v, enum place place, const char *name,
		      const struct child *child, const struct inet_addr *addr,
		      struct error *err)
{
	struct target *grown;

	grown = reallocarray(v->targets, v->n_targets + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	v->targets = grown;
	grown[v->n_targets++] = (struct target){
		.place = place, .name = name, .child = child, .addr = *addr
	};
	return 0;
}

/* The pods' addresses, and the shim's. */
static int add_children(struct verify *v, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < v->children.count && r == 0; i++) {
		const struct child *child = &v->children.items[i];
		cleanup_free char *list = strdup(child->addresses);
		char *save = NULL;

		if (!list)
			return error_oom(err);
		if (!child->is_found || (child->is_here && !child->is_shim))
			continue;
		for (char *one = strtok_r(list, ", ", &save); one && r == 0;
		     one = strtok_r(NULL, ", ", &save)) {
			struct inet_prefix prefix;

			if (inet_prefix_parse(one, &prefix))
				r = add_target(v,
					       child->is_shim ? LOCAL_HOST
							      : LOCAL_POD,
					       child->is_shim
						       ? v->network->node.name
						       : child->owner,
					       child, &prefix.addr, err);
		}
	}
	return r;
}

static int add_nodes(struct verify *v, struct error *err)
{
	const struct config *config = &v->network->config;
	int r = 0;

	for (size_t i = 0; i < config->n_nodes && r == 0; i++) {
		const struct config_node *row = &config->nodes[i];

		if (row == v->network->node.row)
			continue;
		for (size_t j = 0; j < row->n_addresses && r == 0; j++)
			r = add_target(v, REMOTE_HOST, row->name, NULL,
				       &row->addresses[j].addr, err);
	}
	return r;
}

static int add_arguments(struct verify *v, struct error *err)
{
	int r = 0;

	for (int i = 0; i < v->ctl->n_args && r == 0; i++) {
		struct inet_addr addr;

		if (inet_addr_parse(v->ctl->args[i], &addr))
			r = add_target(v, REMOTE_POD, "", NULL, &addr, err);
	}
	return r;
}

/* --- one source -------------------------------------------------------------------- */

static bool is_remote(enum place place)
{
	return place == REMOTE_HOST || place == REMOTE_POD;
}

static void add_row(struct verify *v, const struct child *from,
		    const struct target *to, const struct echo *echo,
		    uint32_t size)
{
	struct ctl_table *table = &v->table;
	char addr[INET_ADDR_TEXT];
	uint64_t avg = echo->received ? echo->sum_us / echo->received : 0;

	ctl_table_add(table, "%s", place_text[from ? LOCAL_POD : LOCAL_HOST]);
	ctl_table_add(table, "%s", from ? from->owner : v->network->node.name);
	ctl_table_add(table, "%s", place_text[to->place]);
	ctl_table_add(table, "%s", to->name);
	ctl_table_add(table, "%s", inet_addr_format(&to->addr, addr));
	ctl_table_add(table, "%u", size ? size : ECHO_SMALL);
	ctl_table_add(table, "%u", echo->sent);
	ctl_table_add(table, "%u", echo->received);
	if (echo->received == echo->sent)
		ctl_table_add(table, "ok");
	else
		ctl_table_add(table, "FAIL %u/%u lost",
			      echo->sent - echo->received, echo->sent);
	if (echo->received)
		ctl_table_add(table, "%.2f/%.2f/%.2f", echo->min_us / 1000.0,
			      (double)avg / 1000.0, echo->max_us / 1000.0);
	else
		ctl_table_add(table, "%s", "");
	ctl_table_add(table, "%u", echo->min_us);
	ctl_table_add(table, "%" PRIu64, avg);
	ctl_table_add(table, "%u", echo->max_us);
}

/* Is it a leg of this source? Not to itself, and not in a family that it does
 * not have. */
static bool is_leg(const struct verify *v, const struct child *from,
		   const struct target *to)
{
	if (from ? to->child == from : to->place == LOCAL_HOST)
		return false;
	for (size_t i = 0; i < v->n_targets; i++) {
		const struct target *own = &v->targets[i];
		bool is_own = from ? own->child == from
				   : own->place == LOCAL_HOST;

		if (is_own && own->addr.family == to->addr.family)
			return true;
	}
	return false;
}

static void count_legs(struct verify *v, const struct child *from,
		       const struct target *const *to, const struct echo *echo,
		       size_t n, uint32_t size)
{
	for (size_t i = 0; i < n; i++) {
		bool remote = is_remote(to[i]->place);

		add_row(v, from, to[i], &echo[i], size);
		v->legs++;
		if (echo[i].received == echo[i].sent)
			continue;
		v->failed[remote]++;
		if (size)
			v->narrow[remote]++;
	}
}

static int ask(struct verify *v, const struct child *from, int netns,
	       uint32_t size, struct error *err)
{
	const struct echo_plan plan = {
		.count = VERIFY_COUNT,
		.interval_ms = VERIFY_INTERVAL_MS,
		.timeout_ms = VERIFY_TIMEOUT_MS,
		.size = size,
	};
	cleanup_free const struct target **to = NULL;
	cleanup_free struct echo *echo = NULL;
	size_t n = 0;
	int r;

	to = calloc(v->n_targets + 1, sizeof(const struct target *));
	echo = calloc(v->n_targets + 1, sizeof(*echo));
	if (!to || !echo)
		return error_oom(err);
	for (size_t i = 0; i < v->n_targets; i++) {
		if (!is_leg(v, from, &v->targets[i]))
			continue;
		to[n] = &v->targets[i];
		echo[n++].to = v->targets[i].addr;
	}
	r = echo_run(netns, &plan, echo, n, err);
	if (r == 0)
		count_legs(v, from, to, echo, n, size);
	return r;
}

/* The first packets may be lost to address resolution's queue: small ones go
 * before the large. */
static int ask_sizes(struct verify *v, const struct child *from, int netns,
		     struct error *err)
{
	int r = ask(v, from, netns, 0, err);

	if (r == 0 && v->ctl->mtu)
		r = ask(v, from, netns, v->parent.mtu, err);
	return r;
}

static int ask_all(struct verify *v, struct error *err)
{
	int r = ask_sizes(v, NULL, -1, err);

	for (size_t i = 0; i < v->children.count && r == 0; i++) {
		const struct child *child = &v->children.items[i];
		struct error gone = { 0 };
		cleanup_close int netns = -1;

		if (child->is_here || !child->path ||
		    netns_open(child->path, &netns, &gone) != 0)
			continue;
		r = ask_sizes(v, child, netns, err);
	}
	return r;
}

/* --- verdict ------------------------------------------------------------------------- */

static void verdict(struct verify *v)
{
	struct report *report = &v->ctl->report;
	const char *name = v->network->config.name;

	if (v->failed[false] && v->failed[false] == v->narrow[false])
		report_fail(report, name,
			    "restart the pods that were made with another MTU",
			    "packets of %u bytes are lost within this node, "
			    "small ones pass",
			    v->parent.mtu);
	else if (v->failed[false])
		report_fail(report, name, "shimctl up, then shimctl status",
			    "legs within this node are broken%s",
			    v->failed[true] ? "" : ", the tunnel is fine");
	if (v->failed[true] && v->failed[true] == v->narrow[true])
		report_fail(report, name,
			    "raise the underlay's MTU on the way, or lower "
			    "vxlan.mtu",
			    "packets of %u bytes are lost between nodes, small "
			    "ones pass",
			    v->parent.mtu);
	else if (v->failed[true])
		report_fail(report, name,
			    "shimctl peers, then look at the other node and "
			    "at firewalls",
			    "legs to other nodes are broken%s",
			    v->failed[false] ? ""
					     : ", the local ones are fine");
}

/* Return: CTL_OK, CTL_CANNOT, or negative */
static int verify_run(struct verify *v, struct error *err)
{
	struct report *report = &v->ctl->report;
	struct netlink_link shim;
	int r;

	r = ctl_parent(v->ctl, v->network, &v->parent, err);
	if (r == 0)
		r = ctl_shim(v->ctl, v->network, &v->parent, &shim, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT) {
		report_fail(report, v->network->config.name, "shimctl up",
			    "has no host shim on this node");
		return CTL_CANNOT;
	}
	r = children_find(v->ctl, v->network, &v->parent, &shim, &v->children,
			  err);
	if (r == 0)
		r = add_children(v, err);
	if (r == 0)
		r = add_nodes(v, err);
	if (r == 0)
		r = add_arguments(v, err);
	return r == 0 ? ask_all(v, err) : r;
}

static int verify_report(struct verify *v, struct error *err)
{
	struct report *report = &v->ctl->report;
	size_t failed = v->failed[false] + v->failed[true];
	int r;

	r = report_table(report, "legs", &v->table, 0, true, err);
	if (r < 0)
		return r;
	if (v->legs == 0) {
		report_fail(report, v->network->config.name,
			    "start a pod on the network, or name the other "
			    "nodes in \"nodes\"",
			    "has nobody to ask");
		return CTL_CANNOT;
	}
	report_line(report, "%s: %zu of %zu legs failed",
		    v->network->config.name, failed, v->legs);
	verdict(v);
	return CTL_OK;
}

static int verify_network(struct ctl *ctl, const struct network *network,
			  struct error *err)
{
	struct verify v = { .ctl = ctl,
			    .network = network,
			    .table = { .columns = verify_columns } };
	int r;

	report_object(&ctl->report, NULL);
	report_string(&ctl->report, "network", network->config.name);
	r = verify_run(&v, err);
	if (r == CTL_OK)
		r = verify_report(&v, err);
	report_end(&ctl->report);
	children_clear(&v.children);
	ctl_table_clear(&v.table);
	free(v.targets);
	return r;
}

int ctl_verify(struct ctl *ctl, struct error *err)
{
	int status = CTL_OK;

	for (int i = 0; i < ctl->n_args; i++) {
		struct inet_addr addr;

		if (!inet_addr_parse(ctl->args[i], &addr))
			return ctl_usage("verify: \"%s\" is no address",
					 ctl->args[i]);
	}
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
