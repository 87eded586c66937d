#ifndef PLUGIN_OVERLAY_PRIV_H
#define PLUGIN_OVERLAY_PRIV_H

/* What the files of the overlay share. */

#include "plugin/overlay.h"
#include "plugin/shared.h"

struct overlay {
	struct netlink *host;
	const struct config *config;
	const struct node *node;
	enum node_ensure how;
	struct node_parent *on; /* what it bears */
	struct netlink_link link; /* as it is now; index 0: there is none */
	struct netlink_link device; /* vxlan.device; index 0: none given */
	struct netlink_vxlan want;
};

/**
 * overlay_find_local() - The VTEP of this node, into @o->want.local
 *
 * The row's, else the first address of vxlan.device. It must exist on this
 * node; we never add it.
 */
int overlay_find_local(struct overlay *o, struct error *err);

/**
 * overlay_path_mtu() - MTU for the overlay, from the paths to the peers
 * @ret:	0 if nothing is known and the overlay exists: keep what it has
 */
int overlay_path_mtu(const struct overlay *o, uint32_t *ret, struct error *err);

/** overlay_warn_mtu() - Say so if the given MTU does not fit a path */
int overlay_warn_mtu(const struct overlay *o, struct error *err);

/** overlay_fix_flood() - The flood list; returns a NODE_ outcome or negative */
int overlay_fix_flood(struct overlay *o, struct error *err);

/** overlay_verify() - Is @o->link one that we can use? Negative if not, with
 * each key that differs and the way out */
int overlay_verify(const struct overlay *o, struct error *err);

/** overlay_refuse_clash() - Who holds the port or the id? Always negative */
int overlay_refuse_clash(const struct overlay *o, struct error *err);

/** overlay_peer() - VTEP of row @i; NULL if that row is no peer of ours */
const struct inet_addr *overlay_peer(const struct overlay *o, size_t i);

#endif
