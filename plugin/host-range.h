#ifndef PLUGIN_HOST_RANGE_H
#define PLUGIN_HOST_RANGE_H

/*
 * The node's own addresses out of ipam.hostRange. Here the node meets the
 * addresses' side, which the shim does not know.
 */

#include "ipam/host.h"
#include "plugin/node.h"

struct host_range_addresses {
	struct inet_prefix items[2];
	size_t count;
};

/** host_range_is_given() - Does ipam.hostRange give nodes their addresses? */
bool host_range_is_given(const struct config *config);

/** host_range_is_former() - Was it a node's before ipam.hostIndex changed? */
bool host_range_is_former(const struct config *config,
			  const struct inet_addr *addr);

/** host_range_host() - Who this node is to the store: its name and its end of the
 * tunnels, as @parent has it */
struct ipam_host host_range_host(const struct node *node,
				 const struct netlink_link *parent);

/**
 * host_range_claim() - This node's addresses
 * @parent:	Of the shim
 * @how:	NODE_LOOK asks nobody and writes nothing; NODE_REPAIR claims and
 *		remembers, under the link lock
 *
 * Return: 0; NODE_WRONG if they have to be claimed first; or negative
 */
int host_range_claim(const struct config *config, const struct node *node,
		     const struct netlink_link *parent, enum node_ensure how,
		     struct host_range_addresses *ret, struct error *err);

/**
 * host_range_hold() - Addresses that the node has from elsewhere are kept from
 * pods, by a store that all nodes share
 * @how:	NODE_LOOK asks nobody
 *
 * Return: 0; NODE_WRONG if they are not kept yet; or negative: ERROR_SHIM for
 * one that is somebody else's
 */
int host_range_hold(const struct config *config, const struct node *node,
		    const struct netlink_link *parent, enum node_ensure how,
		    const struct host_range_addresses *addresses,
		    struct error *err);

#endif
