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
 * Without a name: of the default routes of the main table the IPv4 ones first,
 * the lowest metric first, the kernel's order among equals.
 *
 * Return: 0, or negative: ERROR_AGAIN if a named one is missing, ERROR_CONFIG
 * if there is no default route
 */
int macvlan_master(struct netlink *where, const struct config *config,
		   struct netlink_link *ret, struct error *err);

/**
 * macvlan_verify() - Can this parent bear the link that is configured?
 *
 * Asked before anything is made: the kernel answers EINVAL to all of it.
 *
 * Return: 0, or negative with ERROR_CONFIG: not Ethernet, MTU
 */
int macvlan_verify(const struct config *config,
		   const struct netlink_link *parent, struct error *err);

/**
 * macvlan_add() - Create the link in the pod under its final name, DOWN
 * @where:	Session where the parent is
 * @pod:	Session in the pod's namespace
 * @pod_netns:	Its descriptor
 * @ret:	The link as it is now
 *
 * Return: 0, or negative: ERROR_IFNAME_EXISTS, ERROR_LINK (a busy parent is
 * diagnosed: which bridge, bond or ipvlan holds it)
 */
int macvlan_add(struct netlink *where, struct netlink *pod, int pod_netns,
		const struct config *config, const struct netlink_link *parent,
		const char *ifname, struct netlink_link *ret,
		struct error *err);

/**
 * macvlan_configure() - Sysctls, addresses, UP, settle, routes
 * @link:	As macvlan_add() gave it; its MAC is replaced if it was ours to
 *		choose and somebody on the parent has it
 * @ips:	What it bears; "interface" is not looked at
 * @routes:	In this order; each names its gateway or goes on-link
 *
 * Return: 0, or negative: ERROR_LINK; ERROR_AGAIN if the MAC stays in use
 */
int macvlan_configure(struct netlink *pod, int pod_netns,
		      const struct config *config, struct netlink_link *link,
		      const struct result_ip *ips, size_t n_ips,
		      const struct inet_route *routes, size_t n_routes,
		      struct error *err);

/**
 * macvlan_up() - Set it UP, with another MAC if ours is somebody's already
 *
 * Return: 0, or negative: ERROR_LINK; ERROR_AGAIN if the MAC stays in use
 */
int macvlan_up(struct netlink *pod, const struct config *config,
	       struct netlink_link *link, struct error *err);

/**
 * macvlan_announce() - Tell the segment, from a process of its own
 *
 * Best effort, and not waited for: see macvlan-announce.c.
 */
void macvlan_announce(int pod_netns, const struct netlink_link *link,
		      const struct result_ip *ips, size_t n_ips);

/**
 * macvlan_del() - Delete the pod's link, and what a killed ADD left of it
 *
 * Only links of kind macvlan: what else bears the name is somebody else's, is
 * left and named on stderr.
 *
 * Return: 0 (also if there was none), or negative with ERROR_LINK
 */
int macvlan_del(struct netlink *pod, const char *ifname, struct error *err);

/**
 * macvlan_check() - Is the link what ADD made, and prevResult says? (CNI CHECK)
 * @parent:	The parent as it is now
 * @sandbox:	CNI_NETNS
 */
int macvlan_check(struct netlink *pod, const struct config *config,
		  const struct netlink_link *parent, const char *ifname,
		  const char *sandbox, struct error *err);

/**
 * macvlan_chooses_mac() - Is the MAC ours to choose?
 *
 * Not if it was given, and not in passthru mode: the link takes the parent's
 * then, and changing it would change the parent.
 */
bool macvlan_chooses_mac(const struct config *config);

/** macvlan_temporary_name() - What the link that becomes @ifname is born as */
void macvlan_temporary_name(const char *ifname, char ret[static IFNAMSIZ]);

/** macvlan_random_mac() - Random, locally administered, unicast */
int macvlan_random_mac(struct inet_mac *ret, struct error *err);

#endif
