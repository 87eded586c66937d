#include "plugin/node.h"

#include "lib/file.h"
#include "lib/log.h"
#include "lib/netns.h"
#include "plugin/macvlan.h"
#include "plugin/overlay.h"
#include "plugin/shim.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Parent and shim are shared by all attachments of the node, and runtimes add
 * many at once. So the first look takes no lock and writes nothing: when all is
 * right, which is always but once, fifty ADDs pass side by side. Only who finds
 * something wrong takes the link lock and goes over all of it again, comparing
 * each thing before it changes it: what another one repaired meanwhile is then
 * right.
 *
 * There is one lock per host namespace, named by the namespace's cookie (never
 * used twice in a boot), so that several "nodes" on one machine do not wait for
 * each other. The kernel drops it with the process.
 *
 * What fails half-way takes back the link that it was making, and only that. A
 * parent that is complete stays although the shim failed: another ADD, which
 * needs no shim, may have put its pod on it in the meantime, and deleting a
 * parent takes the pods' interfaces with it.
 */

#define NODE_NAME_FILE    "/etc/cni/net.d/hostshim.d/nodename"
#define NODE_STATE_DIR    "/run/hostshim"
#define NODE_LOCK_TIMEOUT 5000 /* ms; kubelet gives up after 20 s or more */

void node_clear(struct node *node)
{
	free(node->name);
	*node = (struct node){ 0 };
}

/* --- who we are ------------------------------------------------------------- */

static int node_name_from_environment(char **ret, struct error *err)
{
	const char *name = getenv("NODENAME");

	if (!name || !*name)
		return FILE_ABSENT;
	*ret = strdup(name);
	return *ret ? 0 : error_oom(err);
}

static int node_name_from_file(char **ret, struct error *err)
{
	return file_read_line(NODE_NAME_FILE, ret, err);
}

/* In lower case, as the kubelet registers it. */
static int node_name_from_host(char **ret, struct error *err)
{
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) < 0)
		return error_set(err, ERROR_IO, errno, "hostname");
	if (!*name)
		return FILE_ABSENT;
	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	*ret = strdup(name);
	return *ret ? 0 : error_oom(err);
}

static const struct node_name_source {
	const char *text;
	int (*read)(char **ret, struct error *err);
} node_name_sources[] = {
	{ "NODENAME", node_name_from_environment },
	{ NODE_NAME_FILE, node_name_from_file },
	{ "the hostname", node_name_from_host },
};

static const struct config_node *node_find_row(const struct config *config,
					       const char *name)
{
	/* A DEL goes on with rows that could not be read, and have no name. */
	for (size_t i = 0; i < config->n_nodes; i++)
		if (config->nodes[i].name &&
		    strcmp(config->nodes[i].name, name) == 0)
			return &config->nodes[i];
	return NULL;
}

int node_find(const struct config *config, struct node *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(node_name_sources); i++) {
		const struct node_name_source *source = &node_name_sources[i];
		int r = source->read(&ret->name, err);

		if (r < 0)
			return error_context(err, "name of this node");
		if (r == FILE_ABSENT)
			continue;
		ret->name_source = source->text;
		ret->row = node_find_row(config, ret->name);
		return 0;
	}
	return error_set(
		err, ERROR_ENVIRONMENT, 0,
		"this node has no name: set NODENAME, %s or the hostname",
		NODE_NAME_FILE);
}

/* --- what the parent bears ------------------------------------------------------ */

void node_parent_clear(struct node_parent *parent)
{
	netlink_addrs_clear(&parent->addrs);
	*parent = (struct node_parent){ 0 };
}

int node_parent_list(struct netlink *host, const struct netlink_link *link,
		     struct node_parent *parent, struct error *err)
{
	int r;

	if (parent->is_listed)
		return 0;
	netlink_addrs_clear(&parent->addrs);
	r = netlink_addr_list(host, link->index, AF_UNSPEC, &parent->addrs,
			      err);
	if (r < 0)
		return error_context(err, "addresses of %s", link->name);
	netlink_addrs_sort_by_age(&parent->addrs);
	parent->is_listed = true;
	return 0;
}

/* --- parent and shim ---------------------------------------------------------- */

static int node_find_parent(struct netlink *host, const struct config *config,
			    const struct node *node, enum node_ensure how,
			    struct node_parent *ret, struct error *err)
{
	if (config->vxlan.present)
		return overlay_ensure(host, config, node, how, ret, err);
	return macvlan_master(host, config, &ret->link, err);
}

static int node_pass(struct netlink *host, const struct config *config,
		     const struct node *node, enum node_ensure how,
		     struct netlink_link *ret_parent, struct error *err)
{
	cleanup_node_parent struct node_parent parent = { .is_listed = false };
	struct netlink_link shim;
	int r;

	r = node_find_parent(host, config, node, how, &parent, err);
	*ret_parent = parent.link;
	if (r < 0 || r == NODE_WRONG)
		return r;
	return shim_ensure(host, config, node, &parent, how, &shim, err);
}

/* Somebody else's parent: nothing that we may set UP. */
static void node_warn_down(const struct netlink_link *parent)
{
	if (!(parent->flags & IFF_UP))
		log_warning("%s is down: its pods reach nobody until it is up",
			    parent->name);
}

/*
 * The overlay has to be made or repaired, and will be. What its shim would be
 * refused for is told all the same, or a look would promise what the repair then
 * does not keep. Of the parent that is not there yet its MTU is not known, unless
 * it is given.
 */
static int node_look_ahead(struct netlink *host, const struct config *config,
			   const struct node *node, struct node_parent *parent,
			   struct error *err)
{
	struct netlink_link *link = &parent->link;
	struct error refused = { 0 };
	struct netlink_link shim;

	if (!link->index) {
		snprintf(link->name, sizeof(link->name), "%s", config->master);
		link->is_vxlan = true;
		link->flags = IFF_UP;
		parent->is_listed = true;
	}
	link->mtu = config->vxlan.mtu ? config->vxlan.mtu : UINT32_MAX;
	if (shim_ensure(host, config, node, parent, NODE_LOOK, &shim,
			&refused) >= 0)
		return NODE_WRONG;
	*err = refused;
	return error_return(err);
}

int node_look(struct netlink *host, const struct config *config,
	      const struct node *node, struct netlink_link *ret_parent,
	      struct error *err)
{
	cleanup_node_parent struct node_parent parent = { .is_listed = false };
	struct netlink_link shim;
	int r;

	r = node_find_parent(host, config, node, NODE_LOOK, &parent, err);
	*ret_parent = parent.link;
	if (r < 0)
		return r;
	if (r == NODE_WRONG)
		return node_look_ahead(host, config, node, &parent, err);
	r = shim_ensure(host, config, node, &parent, NODE_LOOK, &shim, err);
	if (r == NODE_OK)
		node_warn_down(ret_parent);
	return r;
}

/* --- the link lock -------------------------------------------------------------- */

int node_lock(const struct config *config, int *ret_fd, struct error *err)
{
	const char *dir = config->ipam.state_dir;
	cleanup_free char *path = NULL;
	uint64_t cookie;
	int r;

	if (!dir)
		dir = NODE_STATE_DIR;
	r = netns_cookie(-1, &cookie, err);
	if (r < 0)
		return r;
	r = file_mkdirs(dir, err);
	if (r < 0)
		return r;
	if (asprintf(&path, "%s/link-%" PRIu64 ".lock", dir, cookie) < 0) {
		path = NULL;
		return error_oom(err);
	}
	r = file_lock(path, true, NODE_LOCK_TIMEOUT, ret_fd, err);
	if (r != FILE_LOCKED)
		return r;
	return error_set(err, ERROR_AGAIN, 0,
			 "another process has held %s for %d s", path,
			 NODE_LOCK_TIMEOUT / 1000);
}

int node_ensure(struct netlink *host, const struct config *config,
		const struct node *node, struct netlink_link *ret_parent,
		struct error *err)
{
	struct error wrong = { 0 };
	cleanup_close int lock = -1;
	int r;

	r = node_pass(host, config, node, NODE_LOOK, ret_parent, &wrong);
	if (r < 0) {
		*err = wrong;
		return r;
	}
	if (r == NODE_WRONG) {
		log_debug("%s", wrong.details);
		r = node_lock(config, &lock, err);
		if (r < 0)
			return error_context(err, "link lock");
		r = node_pass(host, config, node, NODE_REPAIR, ret_parent, err);
		if (r < 0)
			return r;
	}
	node_warn_down(ret_parent);
	return 0;
}
