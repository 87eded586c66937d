#ifndef PLUGIN_NODE_H
#define PLUGIN_NODE_H

/*
 * This node: its name, its row in the node table, and the links that its
 * attachments share: parent (overlay) and host shim.
 */

#include "lib/netlink.h"
#include "plugin/config.h"

/* Looking at a shared link: only compare, or make it right. */
enum node_ensure {
	NODE_LOOK,
	NODE_REPAIR,
};

/* Outcomes of looking and repairing, of overlay.h and shim.h too. */
enum {
	NODE_OK = 0, /* all was right */
	NODE_WRONG = 1, /* NODE_LOOK: something must be created or repaired */
	NODE_CHANGED = 2, /* NODE_REPAIR: something was */
};

struct node {
	char *name;
	const char *name_source; /* "NODENAME", a path, "the hostname" */
	const struct config_node *row; /* NULL: none for this node */
};
void node_clear(struct node *node);
#define cleanup_node cleanup(node_clear)

/**
 * node_find() - The node's name, and its row in @config
 *
 * NODENAME in the environment, else /etc/cni/net.d/hostshim.d/nodename, else
 * the hostname.
 */
int node_find(const struct config *config, struct node *ret, struct error *err);

/* The parent as it was found, handed from the overlay to the shim: who comes
 * second does not ask again what it bears. */
struct node_parent {
	struct netlink_link link;
	struct netlink_addrs addrs; /* oldest of each family first */
	bool is_listed; /* else addrs are not known */
};
void node_parent_clear(struct node_parent *parent);
#define cleanup_node_parent cleanup(node_parent_clear)

/** node_parent_list() - Fill @parent->addrs, once
 * @link:	The parent */
int node_parent_list(struct netlink *host, const struct netlink_link *link,
		     struct node_parent *parent, struct error *err);

/**
 * node_ensure() - Parent and shim as the configuration wants them
 * @host:	Session in the host namespace
 * @ret_parent:	The parent link, UP where it is ours
 *
 * Lock-free when all is right; otherwise under the link lock (one per host
 * namespace, deadline 5 s, then ERROR_AGAIN), where it is looked at again.
 *
 * Return: 0, or negative: ERROR_AGAIN also for a parent that is missing and
 * that we cannot make, ERROR_OVERLAY, ERROR_SHIM
 */
int node_ensure(struct netlink *host, const struct config *config,
		const struct node *node, struct netlink_link *ret_parent,
		struct error *err);

/**
 * node_lock() - The link lock, for who changes shared links by other means
 * @ret_fd:	Closing it releases the lock
 *
 * Return: 0, or negative: ERROR_AGAIN after the deadline
 */
int node_lock(const struct config *config, int *ret_fd, struct error *err);

/**
 * node_look() - The same without a write, for CHECK and STATUS
 *
 * Return: NODE_OK; NODE_WRONG with the first difference in @err->details, which
 * node_ensure() would repair; or negative: it would be refused
 */
int node_look(struct netlink *host, const struct config *config,
	      const struct node *node, struct netlink_link *ret_parent,
	      struct error *err);

#endif
