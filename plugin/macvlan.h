#ifndef PLUGIN_MACVLAN_H
#define PLUGIN_MACVLAN_H

/*
 * The pod's own link: created under a temporary name straight in the pod's
 * namespace, configured while DOWN, then UP (research/cni.md 2.2, 2.3).
 */

#include "lib/netlink.h"
#include "plugin/config.h"

/**
 * macvlan_master() - The parent that "master" names, or the default route's
 * @where:	Session in the host namespace (linkInContainer: the pod's)
 *
 * Return: 0, or negative: ERROR_AGAIN if a named one is missing, ERROR_CONFIG
 * if there is no default route
 */
int macvlan_master(struct netlink *where, const struct config *config,
		   struct netlink_link *ret, struct error *err);

/**
 * macvlan_add() - Create the link in the pod under its final name, DOWN
 * @where:	Session where the parent is
 * @pod:	Session in the pod's namespace
 * @pod_netns:	Its descriptor
 * @ret:	The link as it is now
 *
 * Return: 0, or negative: ERROR_IFNAME_EXISTS, ERROR_LINK (a busy parent is
 * diagnosed: which bridge, bond or ipvlan holds it), ERROR_CONFIG (MTU)
 */
int macvlan_add(struct netlink *where, struct netlink *pod, int pod_netns,
		const struct config *config, const struct netlink_link *parent,
		const char *ifname, struct netlink_link *ret,
		struct error *err);

/**
 * macvlan_configure() - Sysctls, addresses, UP, settle, routes, announce
 */
int macvlan_configure(struct netlink *pod, int pod_netns,
		      const struct netlink_link *link,
		      const struct result *result, struct error *err);

/**
 * macvlan_del() - Delete the pod's link, whatever kind it is
 *
 * Return: 0 (also if there was none), or negative with ERROR_LINK
 */
int macvlan_del(struct netlink *pod, const char *ifname, struct error *err);

/**
 * macvlan_check() - Is the link what ADD made? (CNI CHECK)
 */
int macvlan_check(struct netlink *pod, const struct config *config,
		  const struct netlink_link *parent, const char *ifname,
		  const char *sandbox, struct error *err);

#endif
