#ifndef PLUGIN_SHIM_H
#define PLUGIN_SHIM_H

/*
 * The host shim: a macvlan sibling of the pods that carries the node's address
 * (kernel drivers/net/macvlan.c: a parent never talks to its children, siblings
 * in bridge mode do). There is one per parent, shared by its networks, with one
 * address per subnet; its name is that of the network that made it.
 */

#include "plugin/node.h"

/* Routes and addresses that we add carry this protocol number (rtnetlink(7); 192
 * and above are free, iproute2's rt_protos and FRR use up to 198): what bears it
 * on a shim is ours. */
#define SHIM_PROTOCOL 211

/**
 * shim_is_possible() - May this network have a shim?
 *
 * Not with hostShim.mode "never", and not where there can be none: passthru
 * takes the parent for itself, linkInContainer has it in the pod.
 */
bool shim_is_possible(const struct config *config);

/**
 * shim_find() - The shim of @parent that this network uses
 * @ret:	By configured name, else the marked one of @parent
 *
 * Return: 0, NETLINK_ABSENT, or negative
 */
int shim_find(struct netlink *host, const struct config *config,
	      const struct netlink_link *parent, struct netlink_link *ret,
	      struct error *err) warn_unused;

/**
 * shim_ensure() - The shim of @parent, from whatever is there now
 * @parent:	Its addresses are listed if they were not
 * @ret:	The shim; index 0 if this network goes without ("auto" without
 *		an address, or shim_is_possible() says no)
 *
 * Return: as overlay_ensure(), errors of class ERROR_SHIM; ERROR_UNSUPPORTED
 * for a range that would take a NIC's whole subnet; ERROR_CONFIG if a pod could
 * be given the shim's address
 */
int shim_ensure(struct netlink *host, const struct config *config,
		const struct node *node, struct node_parent *parent,
		enum node_ensure how, struct netlink_link *ret,
		struct error *err);

#endif
