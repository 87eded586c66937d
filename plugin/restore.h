#ifndef PLUGIN_RESTORE_H
#define PLUGIN_RESTORE_H

/*
 * The way back of what migrate.c moved: the shim's addresses, and the routes that
 * go with them, to the parent; and no shim any more. Only ever on request.
 */

#include "plugin/node.h"

struct restore {
	struct netlink *host;
	const struct netlink_link *parent; /* somebody else's: it stays */
	const struct netlink_link *shim; /* ours: it goes */
	struct netlink_addrs addrs; /* what goes back, oldest first */
	struct netlink_saved routes; /* what goes with it */
	struct netlink_saved old; /* of the shim, connected ones too */
};
void restore_clear(struct restore *restore);
#define cleanup_restore cleanup(restore_clear)

/**
 * restore_plan() - Fill @addrs
 *
 * Not what the parent has a subnet of its own for: beside a NIC the shim's
 * address was never the parent's, and goes with the shim.
 *
 * Return: 0, or negative with ERROR_SHIM: an address has a lifetime, or the
 * parent is down
 */
int restore_plan(struct restore *restore, struct error *err);

/**
 * restore_run() - Move @addrs, delete the shim
 *
 * Under the link lock. Killed anywhere, or failed, it is completed by the next
 * run, and until then both links serve.
 */
int restore_run(struct restore *restore, struct error *err);

#endif
