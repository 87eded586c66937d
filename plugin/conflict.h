#ifndef PLUGIN_CONFLICT_H
#define PLUGIN_CONFLICT_H

/*
 * Addresses that somebody has whom no store knows: ipam.conflictProbe and
 * ipam.shared ask the segment before an address is kept.
 */

#include "lib/netlink.h"
#include "plugin/claim.h"

enum {
	CONFLICT_LOST = 1, /* somebody was faster */
};

#define CONFLICT_ROUNDS 8 /* as often may an ADD be the slower one */

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

/**
 * conflict_verify() - Does the link alone answer for its addresses now?
 * @link:	UP, and bearing what @claim gives
 *
 * Return: 0; CONFLICT_LOST: the link is DOWN and bare again, @claim gives other
 * addresses, settle anew; or negative as conflict_settle()
 */
int conflict_verify(struct claim *claim, struct netlink *pod, int pod_netns,
		    struct netlink_link *link, struct error *err) warn_unused;

#endif
