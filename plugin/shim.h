#ifndef PLUGIN_SHIM_H
#define PLUGIN_SHIM_H

/*
 * The host shim: a macvlan sibling of the pods that carries the node's address
 * (kernel drivers/net/macvlan.c: a parent never talks to its children, siblings
 * in bridge mode do).
 */

#include "plugin/node.h"

/**
 * shim_is_wanted() - Does this configuration ask for a shim here?
 *
 * Return: 1 or 0; negative with ERROR_SHIM if "always" has no address
 */
int shim_is_wanted(const struct config *config, const struct node *node,
		   struct error *err);

/**
 * shim_ensure() - The shim of @parent, from whatever is there now
 *
 * Return: as overlay_ensure(), errors of class ERROR_SHIM
 */
int shim_ensure(struct netlink *host, const struct config *config,
		const struct node *node, const struct netlink_link *parent,
		enum node_ensure how, struct netlink_link *ret,
		struct error *err);

#endif
