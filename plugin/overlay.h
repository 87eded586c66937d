#ifndef PLUGIN_OVERLAY_H
#define PLUGIN_OVERLAY_H

/*
 * The VXLAN device that is the pods' parent: created, compared, repaired in
 * place, never recreated (deleting it takes the interface of every running pod
 * with it). DESIGN of order and marks: overlay.c.
 */

#include "plugin/node.h"

/**
 * overlay_ensure() - The overlay as configured
 * @how:	NODE_LOOK sends no write
 * @ret:	The parent as it is now; its addresses if nothing was changed
 *
 * Return: NODE_OK, NODE_WRONG (@err->details says what), NODE_CHANGED, or
 * negative with ERROR_OVERLAY: what cannot be changed in place differs (each
 * key named, with the plan), VTEP missing, port taken
 */
int overlay_ensure(struct netlink *host, const struct config *config,
		   const struct node *node, enum node_ensure how,
		   struct node_parent *ret, struct error *err);

/** overlay_overhead() - Bytes by which a frame grows, by the VTEPs' family */
uint32_t overlay_overhead(uint8_t family);

#endif
