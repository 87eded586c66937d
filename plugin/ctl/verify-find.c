#include "lib/netns.h"
#include "plugin/ctl/verify.h"

#include <string.h>
#include <sys/socket.h>

/*
 * Who is there. This node's pods are found in their namespaces, the other nodes
 * in "nodes", pods elsewhere by their answers (verify-sweep.c).
 */

#define PROXY_MIN 9 /* one MAC with so many addresses answers for others */

/* --- nodes ------------------------------------------------------------------------ */

static const char elsewhere[] = "elsewhere";

const char *verify_node_name(const struct verify *v, size_t node)
{
	const struct verify_node *n = &v->nodes[node];

	return n->name ? n->name : n->text;
}

static int add_node(struct verify *v, const char *name,
		    const struct inet_addr *vtep, struct error *err)
{
	struct verify_node *grown;

	grown = reallocarray(v->nodes, v->n_nodes + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	v->nodes = grown;
	grown += v->n_nodes++;
	*grown = (struct verify_node){ .name = name, .vtep = *vtep };
	inet_addr_format(vtep, grown->text);
	return 0;
}

static int find_nodes(struct verify *v, struct error *err)
{
	const struct config *config = &v->network->config;
	int r = add_node(v, v->network->node.name, &v->parent.vxlan.local, err);

	for (size_t i = 0; i < config->n_nodes && r == 0; i++)
		if (&config->nodes[i] != v->network->node.row)
			r = add_node(v, config->nodes[i].name,
				     &config->nodes[i].vtep, err);
	return r;
}

/* The node whose VTEP it is; one that no row names becomes one. */
static int find_vtep(struct verify *v, const struct inet_addr *vtep,
		     size_t *ret, struct error *err)
{
	*ret = 1;
	while (*ret < v->n_nodes &&
	       !inet_addr_equal(&v->nodes[*ret].vtep, vtep))
		(*ret)++;
	return *ret < v->n_nodes ? 0 : add_node(v, NULL, vtep, err);
}

bool verify_is_elsewhere(const struct verify *v, size_t node)
{
	return v->nodes[node].name == elsewhere;
}

static int find_unknown(struct verify *v, size_t *ret, struct error *err)
{
	static const struct inet_addr none;

	for (*ret = 1; *ret < v->n_nodes; (*ret)++)
		if (verify_is_elsewhere(v, *ret))
			return 0;
	return add_node(v, elsewhere, &none, err);
}

/* --- targets ---------------------------------------------------------------------- */

static int add_target(struct verify *v, const struct verify_target *target,
		      struct error *err)
{
	struct verify_target *grown;

	for (size_t i = 0; i < v->n_targets; i++)
		if (inet_addr_equal(&v->targets[i].addr, &target->addr))
			return 0;
	grown = reallocarray(v->targets, v->n_targets + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	v->targets = grown;
	grown[v->n_targets++] = *target;
	return 0;
}

bool verify_child_addr(const struct child *child, size_t nth,
		       struct inet_addr *ret)
{
	const char *at = child->addresses;
	char text[INET_PREFIX_TEXT];
	struct inet_prefix prefix;
	size_t len;

	for (; nth > 0 && at; nth--) {
		at = strstr(at, ", ");
		at = at ? at + 2 : NULL;
	}
	len = at ? strcspn(at, ",") : 0;
	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, at, len);
	text[len] = '\0';
	if (!inet_prefix_parse(text, &prefix))
		return false;
	*ret = prefix.addr;
	return true;
}

/* The shim's addresses, and the pods'. */
static int add_children(struct verify *v, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < v->children.count && r == 0; i++) {
		const struct child *child = &v->children.items[i];
		struct verify_target target = {
			.place = child->is_shim ? VERIFY_LOCAL_HOST
						: VERIFY_LOCAL_POD,
			.name = child->is_shim ? v->network->node.name
					       : child->owner,
			.child = child,
		};

		if (!child->is_found || (child->is_here && !child->is_shim))
			continue;
		for (size_t n = 0;
		     r == 0 && verify_child_addr(child, n, &target.addr); n++)
			r = add_target(v, &target, err);
	}
	return r;
}

static int add_row(struct verify *v, const struct config_node *row,
		   enum verify_place place, size_t node, struct error *err)
{
	struct verify_target target = { .place = place,
					.node = node,
					.name = row->name };
	int r = 0;

	for (size_t i = 0; i < row->n_addresses && r == 0; i++) {
		target.addr = row->addresses[i].addr;
		r = add_target(v, &target, err);
	}
	return r;
}

/* Our own row, too: a shim that is missing is to be missed. */
static int add_rows(struct verify *v, struct error *err)
{
	const struct config *config = &v->network->config;
	const struct config_node *own = v->network->node.row;
	size_t node = 1;
	int r = 0;

	if (own && !v->is_hostless)
		r = add_row(v, own, VERIFY_LOCAL_HOST, 0, err);
	for (size_t i = 0; i < config->n_nodes && r == 0; i++)
		if (&config->nodes[i] != own)
			r = add_row(v, &config->nodes[i], VERIFY_REMOTE_HOST,
				    node++, err);
	return r;
}

/* --- pods elsewhere --------------------------------------------------------------- */

/* Behind which VTEP is it? The answer has just been learned. @mac is NULL if
 * there was none. */
static int locate(struct verify *v, const struct netlink_fdb *fdb,
		  const struct inet_mac *mac, size_t *ret, struct error *err)
{
	for (size_t i = 0; i < fdb->count && mac; i++)
		if (fdb->items[i].dst.family &&
		    inet_mac_equal(&fdb->items[i].mac, mac))
			return find_vtep(v, &fdb->items[i].dst, ret, err);
	return find_unknown(v, ret, err);
}

const struct sweep_answer *verify_answer(const struct verify *v,
					 const struct inet_addr *addr)
{
	for (size_t i = 0; i < v->sweep.count; i++)
		if (inet_addr_equal(&v->sweep.items[i].addr, addr))
			return &v->sweep.items[i];
	return NULL;
}

static bool is_child_mac(const struct verify *v, const struct inet_mac *mac)
{
	for (size_t i = 0; i < v->children.count; i++)
		if (v->children.items[i].is_found &&
		    inet_mac_equal(&v->children.items[i].mac, mac))
			return true;
	return false;
}

static size_t answers_of(const struct verify *v, const struct inet_mac *mac)
{
	size_t n = 0;

	for (size_t i = 0; i < v->sweep.count; i++)
		n += inet_mac_equal(&v->sweep.items[i].mac, mac);
	return n;
}

static bool is_host_range(const struct verify *v, const struct inet_addr *addr)
{
	const struct ipam_config *ipam = &v->network->config.ipam;
	inet_uint value = inet_addr_to_uint(addr);

	for (size_t i = 0; i < ipam->n_host_ranges; i++) {
		const struct range *range = &ipam->host_ranges[i];
		inet_uint first, last;

		range_span(range, &first, &last);
		if (range->network.addr.family == addr->family &&
		    value >= first && value <= last)
			return true;
	}
	return false;
}

static int add_remote(struct verify *v, const struct netlink_fdb *fdb,
		      const struct inet_addr *addr, const struct inet_mac *mac,
		      struct error *err)
{
	struct verify_target target = { .place = VERIFY_REMOTE_POD,
					.name = "",
					.addr = *addr };
	int r = locate(v, fdb, mac, &target.node, err);

	if (r < 0)
		return r;
	if (is_host_range(v, addr)) {
		target.place = VERIFY_REMOTE_HOST;
		target.name = verify_node_name(v, target.node);
	}
	return add_target(v, &target, err);
}

static void warn_of_proxy(struct verify *v, const struct sweep_answer *answer)
{
	char mac[INET_MAC_TEXT];

	for (const struct sweep_answer *a = v->sweep.items; a < answer; a++)
		if (inet_mac_equal(&a->mac, &answer->mac))
			return;
	inet_mac_format(&answer->mac, mac);
	report_warn(&v->ctl->report, v->network->config.name,
		    "switch proxy_arp off there, or name the pods elsewhere",
		    "%s answers for %zu addresses: a proxy, none of them is "
		    "taken for a pod",
		    mac, answers_of(v, &answer->mac));
}

static int add_answers(struct verify *v, const struct netlink_fdb *fdb,
		       struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < v->sweep.count && r == 0; i++) {
		const struct sweep_answer *answer = &v->sweep.items[i];

		if (is_child_mac(v, &answer->mac))
			continue;
		if (answers_of(v, &answer->mac) >= PROXY_MIN)
			warn_of_proxy(v, answer);
		else
			r = add_remote(v, fdb, &answer->addr, &answer->mac,
				       err);
	}
	return r;
}

/* Is there somebody here who can ask? A host without a shim has what its routes
 * say. */
static bool has_family(const struct verify *v, int family)
{
	struct inet_addr addr;

	if (!v->shim.index)
		return true;
	for (size_t i = 0; i < v->children.count; i++)
		for (size_t n = 0;
		     v->children.items[i].is_found &&
		     verify_child_addr(&v->children.items[i], n, &addr);
		     n++)
			if (addr.family == family)
				return true;
	return false;
}

static int add_arguments(struct verify *v, const struct netlink_fdb *fdb,
			 struct error *err)
{
	int r = 0;

	for (int i = 0; i < v->ctl->n_args && r == 0; i++) {
		const struct sweep_answer *answer;
		struct inet_addr addr;

		if (!inet_addr_parse(v->ctl->args[i], &addr) ||
		    !ctl_network_has(v->network, &addr))
			continue;
		if (!has_family(v, addr.family))
			report_fail(&v->ctl->report, v->ctl->args[i],
				    "give the shim such an address, or leave "
				    "this one out",
				    "cannot be asked: neither this host nor a "
				    "pod of it has an address of its family");
		answer = verify_answer(v, &addr);
		r = add_remote(v, fdb, &addr, answer ? &answer->mac : NULL,
			       err);
	}
	return r;
}

/* --- all of them --------------------------------------------------------------------- */

static int find_remote(struct verify *v, struct error *err)
{
	cleanup_netlink_fdb struct netlink_fdb fdb = { 0 };
	int r = verify_sweep(v, err);

	if (r == 0 && v->parent.is_vxlan)
		r = netlink_fdb_list(v->ctl->host, v->parent.index, &fdb, err);
	if (r == 0)
		r = add_answers(v, &fdb, err);
	return r == 0 ? add_arguments(v, &fdb, err) : r;
}

/* --- sources ---------------------------------------------------------------------- */

static int find_sources(struct verify *v, struct error *err)
{
	v->sources = calloc(v->children.count + 1, sizeof(*v->sources));
	if (!v->sources)
		return error_oom(err);
	if (!v->is_hostless)
		v->sources[v->n_sources++] =
			(struct verify_source){ .netns = -1 };
	for (size_t i = 0; i < v->children.count; i++) {
		const struct child *child = &v->children.items[i];
		struct error gone = { 0 };
		int netns;

		if (child->is_here || !child->path || !*child->addresses ||
		    netns_open(child->path, &netns, &gone) != 0)
			continue;
		v->sources[v->n_sources++] = (struct verify_source){ child,
								     netns };
	}
	return 0;
}

int verify_find(struct verify *v, struct error *err)
{
	int r;

	r = children_find(v->ctl, v->network, &v->parent, &v->shim,
			  &v->children, err);
	if (r == 0)
		r = find_sources(v, err);
	if (r == 0)
		r = find_nodes(v, err);
	if (r == 0)
		r = add_children(v, err);
	if (r == 0)
		r = add_rows(v, err);
	return r == 0 ? find_remote(v, err) : r;
}
