#ifndef PLUGIN_CONFLICT_H
#define PLUGIN_CONFLICT_H

/*
 * Addresses that somebody has whom no store knows: ipam.conflictProbe and
 * ipam.shared ask the segment before an address is kept.
 */

#include "lib/netlink.h"
#include "plugin/claim.h"

/** conflict_is_asked() - Does this network probe? */
bool conflict_is_asked(const struct config *config);

/**
 * conflict_settle() - Keep only addresses that nobody answers for
 * @claim:	Reserved; what is answered for is exchanged in it
 * @link:	The pod's, DOWN and without addresses, before and after
 *
 * Return: 0, or negative: ERROR_ADDRESS_TAKEN for one that was asked for,
 * ERROR_POOL_EXHAUSTED if too many are answered for, ERROR_AGAIN if nothing can
 * be asked (no carrier)
 */
int conflict_settle(struct claim *claim, struct netlink *pod, int pod_netns,
		    struct netlink_link *link, struct error *err);

#endif
