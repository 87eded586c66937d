#include "plugin/ctl/children.h"

#include "lib/netns.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * The kernel lists a parent's children nowhere, so namespaces are visited: those
 * of processes, those that are mounted, and those that the local table names. A
 * child in another namespace names its parent by an index in a namespace that it
 * calls by a number of its own (IFLA_LINK, IFLA_LINK_NETNSID): both are
 * compared, because several "nodes" on one machine have the same indexes.
 */

/* A namespace that is visited. */
struct children_place {
	const char *path; /* NULL: the host's */
	ino_t netns;
	int pid;
};

struct children_scan {
	struct ctl *ctl;
	const struct netlink_link *parent;
	const struct netlink_link *shim;
	int self; /* the host namespace */
	struct children *children;
	ino_t *seen;
	size_t n_seen;
};

void children_clear(struct children *children)
{
	for (size_t i = 0; i < children->count; i++) {
		free(children->items[i].addresses);
		free(children->items[i].owner);
		free(children->items[i].path);
	}
	free(children->items);
	*children = (struct children){ 0 };
}

static struct child *children_add(struct children *children, struct error *err)
{
	struct child *grown;

	grown = reallocarray(children->items, children->count + 1,
			     sizeof(*grown));
	if (!grown) {
		error_oom(err);
		return NULL;
	}
	children->items = grown;
	grown += children->count++;
	*grown = (struct child){ 0 };
	return grown;
}

/* --- one namespace -------------------------------------------------------------------- */

static int children_take(struct children_scan *scan, struct netlink *nl,
			 const struct netlink_link *link,
			 const struct children_place *place, struct error *err)
{
	struct child *child = children_add(scan->children, err);

	if (!child)
		return error_return(err);
	snprintf(child->ifname, sizeof(child->ifname), "%s", link->name);
	child->index = link->index;
	child->mac = link->mac;
	child->mode = link->macvlan.mode;
	child->mtu = link->mtu;
	child->is_up = link->flags & IFF_UP;
	child->is_found = true;
	child->is_here = !place->path;
	child->is_shim = child->is_here && link->index == scan->shim->index;
	child->netns = place->netns;
	child->pid = place->pid;
	if (place->path) {
		child->path = strdup(place->path);
		if (!child->path)
			return error_oom(err);
	}
	child->owner = strdup("");
	if (!child->owner)
		return error_oom(err);
	return ctl_addresses(nl, link->index, &child->addresses, err);
}

/* A macvlan on a macvlan is attached to the lower one's parent. */
static bool children_is_on(const struct children_scan *scan,
			   const struct netlink_link *link, int parent_netns)
{
	const struct netlink_link *parent = scan->parent;
	int index = parent->is_macvlan ? parent->parent : parent->index;

	return link->is_macvlan && link->parent == index &&
	       link->parent_netns == parent_netns &&
	       link->index != (parent_netns < 0 ? parent->index : 0);
}

static int children_list(struct children_scan *scan, struct netlink *nl,
			 const struct children_place *place, struct error *err)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	int id = -1;
	int r;

	r = netlink_link_list(nl, &links, err);
	if (r == 0 &&
	    place->path) /* after the list, which numbers what it names */
		r = netlink_nsid(nl, scan->self, &id, err);
	if (r != 0)
		return r < 0 ? r : 0;
	for (size_t i = 0; i < links.count; i++) {
		if (!children_is_on(scan, &links.items[i], id))
			continue;
		r = children_take(scan, nl, &links.items[i], place, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int children_is_new(struct children_scan *scan, ino_t netns,
			   struct error *err)
{
	ino_t *grown;

	for (size_t i = 0; i < scan->n_seen; i++)
		if (scan->seen[i] == netns)
			return 0;
	grown = reallocarray(scan->seen, scan->n_seen + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	scan->seen = grown;
	scan->seen[scan->n_seen++] = netns;
	return 1;
}

/* What is gone by the time that we look, or not ours to see, is no child that
 * we know of. */
static int children_visit(const struct netns_place *seen, void *arg,
			  struct error *err)
{
	struct children_place place = { .path = seen->path, .pid = seen->pid };
	cleanup_netlink struct netlink *nl = NULL;
	struct children_scan *scan = arg;
	struct error gone = { 0 };
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	if (netns_open(seen->path, &fd, &gone) != 0 || fstat(fd, &st) < 0)
		return 0;
	r = children_is_new(scan, st.st_ino, err);
	if (r <= 0)
		return r;
	r = netlink_open(fd, &nl, err);
	if (r < 0)
		return r;
	place.netns = st.st_ino;
	return children_list(scan, nl, &place, err);
}

/* --- the table ---------------------------------------------------------------------- */

int children_owner(const struct store_record *record, char **ret,
		   struct error *err)
{
	char *text = NULL;

	if (record->pod_name && *record->pod_name) {
		if (asprintf(&text, "%s/%s", record->pod_namespace,
			     record->pod_name) < 0)
			text = NULL;
	} else {
		text = strdup(record->container_id);
	}
	if (!text)
		return error_oom(err);
	free(*ret);
	*ret = text;
	return 0;
}

static struct child *children_match(struct children *children,
				    const struct store_record *record,
				    ino_t netns)
{
	for (size_t i = 0; i < children->count; i++) {
		struct child *child = &children->items[i];

		if (netns && child->netns == netns &&
		    strcmp(child->ifname, record->ifname) == 0)
			return child;
	}
	return NULL;
}

static int children_record_addresses(const struct store_record *record,
				     char **ret, struct error *err)
{
	char text[INET_PREFIX_TEXT] = "";

	if (record->n_addresses)
		inet_prefix_format(&record->addresses[0].address, text);
	*ret = strdup(text);
	return *ret ? 0 : error_oom(err);
}

static int children_add_record(struct children_scan *scan,
			       const struct store_record *record,
			       struct error *err)
{
	struct children *children = scan->children;
	struct child *child;
	struct stat st = { 0 };
	int r;

	if (record->netns && *record->netns) {
		const struct netns_place named = { .path = record->netns };

		r = children_visit(&named, scan, err);
		if (r < 0)
			return r;
		if (stat(record->netns, &st) < 0)
			st.st_ino = 0;
	}
	child = children_match(children, record, st.st_ino);
	if (child)
		return children_owner(record, &child->owner, err);
	child = children_add(children, err);
	if (!child)
		return error_return(err);
	snprintf(child->ifname, sizeof(child->ifname), "%s", record->ifname);
	r = children_owner(record, &child->owner, err);
	if (r < 0)
		return r;
	return children_record_addresses(record, &child->addresses, err);
}

static int children_add_records(struct children_scan *scan,
				const struct network *network,
				struct error *err)
{
	const struct config *config = &network->config;
	cleanup_store_records struct store_records records = { 0 };
	cleanup_ipam struct ipam *ipam = NULL;
	int r;

	if (!ipam_config_is_builtin(&config->ipam))
		return 0;
	r = ipam_open(&config->ipam, true, &ipam, err);
	if (r < 0)
		return r;
	r = ipam_list(ipam, &records, err);
	for (size_t i = 0; i < records.count && r == 0; i++)
		if (strcmp(records.items[i].network, config->name) == 0)
			r = children_add_record(scan, &records.items[i], err);
	return r;
}

/* --- order ---------------------------------------------------------------------------- */

static int children_rank(const struct child *child)
{
	if (child->is_shim)
		return 0;
	return child->is_here ? 1 : 2;
}

static int children_compare(const void *a, const void *b)
{
	const struct child *left = a;
	const struct child *right = b;
	int by_rank = children_rank(left) - children_rank(right);

	if (by_rank)
		return by_rank;
	return strverscmp(left->addresses, right->addresses);
}

static int children_scan(struct children_scan *scan,
			 const struct network *network, struct error *err)
{
	struct children_place here = { 0 };
	struct stat st;
	int r;

	if (fstat(scan->self, &st) < 0)
		return error_set(err, ERROR_IO, errno, "own namespace");
	r = children_is_new(scan, st.st_ino, err);
	if (r < 0)
		return r;
	here.netns = st.st_ino;
	r = children_list(scan, scan->ctl->host, &here, err);
	if (r < 0)
		return r;
	r = netns_each_process(children_visit, scan, err);
	if (r < 0)
		return r;
	r = netns_each_mount(children_visit, scan, err);
	if (r < 0)
		return r;
	return network ? children_add_records(scan, network, err) : 0;
}

int children_find(struct ctl *ctl, const struct network *network,
		  const struct netlink_link *parent,
		  const struct netlink_link *shim, struct children *ret,
		  struct error *err)
{
	cleanup_close int self = -1;
	struct children_scan scan = {
		.ctl = ctl,
		.parent = parent,
		.shim = shim,
		.children = ret,
	};
	int r;

	r = netns_open_self(&self, err);
	if (r < 0)
		return r;
	scan.self = self;
	r = children_scan(&scan, network, err);
	free(scan.seen);
	if (r < 0)
		return error_context(err, "children of %s", parent->name);
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items),
		      children_compare);
	return 0;
}
