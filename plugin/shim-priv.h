#ifndef PLUGIN_SHIM_PRIV_H
#define PLUGIN_SHIM_PRIV_H

/* What the files of the shim share. */

#include "plugin/migrate.h"
#include "plugin/shared.h"
#include "plugin/shim.h"

/* One address of the node, one per family at most. */
struct shim_address {
	struct inet_prefix subnet; /* as configured */
	struct inet_prefix address; /* as the shim bears it */
	struct inet_prefix nic; /* with beside: what the parent keeps */
	bool beside; /* the parent keeps an address in the subnet */
};

struct shim_routes {
	struct netlink_route *items;
	size_t count;
};

struct shim {
	struct netlink *host;
	const struct config *config;
	const struct node *node;
	struct node_parent *on;
	const struct netlink_link *parent; /* of it */
	enum node_ensure how;
	const char *name; /* what a new one is called */
	struct netlink_link link; /* as it is now; index 0: there is none */
	struct netlink_addrs addrs; /* as they were on it */
	struct netlink_routes routes; /* as they were over it, beside a NIC */
	struct shim_address want[2];
	size_t n_want;
	struct shim_routes want_routes;
	struct migration move;
	struct shared_link made; /* the link, if this call made it */
	struct undo undo;
};
void shim_clear(struct shim *s);
#define cleanup_shim cleanup(shim_clear)

/** shim_is_here() - Is @link a macvlan on this shim's parent? */
bool shim_is_here(const struct shim *s, const struct netlink_link *link);

/* --- shim-verify.c ---------------------------------------------------------- */

/** shim_verify() - Is @s->link one that we can use? Negative with each key */
int shim_verify(const struct shim *s, struct error *err);

/** shim_check_mtu() - Does the given MTU fit the parent? */
int shim_check_mtu(const struct shim *s, struct error *err);

/**
 * shim_leave_parent() - @s->link, marked, is on another parent
 *
 * Return: 0 (deleted: index 0 now), NODE_WRONG, or negative if it serves
 * another network
 */
int shim_leave_parent(struct shim *s, struct error *err);

/* --- shim-fix.c: NODE_ outcomes, as all shim_fix_ ------------------------------ */

int shim_fix_mode(struct shim *s, struct error *err);
int shim_fix_queue(struct shim *s, struct error *err);
int shim_fix_mtu(struct shim *s, struct error *err);
int shim_fix_sysctls(struct shim *s, struct error *err);
int shim_fix_up(struct shim *s, struct error *err);

/** shim_fix_parent() - The parent does not answer for the shim's address */
int shim_fix_parent(struct shim *s, struct error *err);

/* --- shim-source.c -------------------------------------------------------------- */

/** shim_choose_addresses() - Fill @s->want from the first source that has any;
 * without any, n_want stays 0. Return: 0, NODE_WRONG, or negative */
int shim_choose_addresses(struct shim *s, struct error *err);

/** shim_want() - One more wanted address, if its family has none yet */
void shim_want(struct shim *s, const struct inet_prefix *address);

/** shim_is_in_ranges() - In a subnet of the pods? Also if we know of none */
bool shim_is_in_ranges(const struct shim *s, const struct inet_addr *addr);

/* --- host-address.c -------------------------------------------------------------- */

/** shim_hold() - Addresses from elsewhere are the node's in the store, too
 * Return: 0, NODE_WRONG, or negative */
int shim_hold(struct shim *s, struct error *err);

/** shim_has_host_range() - Does ipam.hostRange give nodes their addresses? */
bool shim_has_host_range(const struct shim *s);

/** shim_is_former() - Was it this node's, before ipam.hostIndex changed? */
bool shim_is_former(const struct shim *s, const struct inet_addr *addr);

/** shim_from_host_range() - A source; NODE_WRONG if it has to be claimed */
int shim_from_host_range(struct shim *s, struct error *err);

/** shim_lacks_host_family() - Is a family of the host range without address? */
bool shim_lacks_host_family(const struct shim *s);

/* --- shim-address.c --------------------------------------------------------- */

/**
 * shim_check_addresses() - May the shim bear them, and in which form?
 *
 * Looks at the parent (beside a NIC, or still to be moved), at other links (a
 * shim that somebody made under another name is adopted as @s->link), and at
 * what pods may be given.
 */
int shim_check_addresses(struct shim *s, struct error *err);

/** shim_load() - Addresses of @s->link as they are */
int shim_load(struct shim *s, struct error *err);

/** shim_announce() - Say that @addr is at @link now; failing is a warning */
void shim_announce(const struct shim *s, const struct netlink_link *link,
		   const struct inet_addr *addr);

/**
 * shim_is_told() - Does the kernel tell us which of the shim's addresses are
 * ours?
 *
 * They carry SHIM_PROTOCOL (Linux 5.18); without any that does, all of the
 * node's subnets are taken for ours.
 */
bool shim_is_told(const struct shim *s);

/** shim_is_stale() - An address in one of our subnets that is not the wanted */
bool shim_is_stale(const struct shim *s, const struct netlink_addr *addr);

int shim_fix_addresses(struct shim *s, struct error *err);
int shim_fix_stale_addresses(struct shim *s, struct error *err);

/* --- shim-pods.c --------------------------------------------------------------- */

/** shim_cover() - The fewest prefixes that are exactly @set; yours */
int shim_cover(const struct range_set *set, uint8_t family,
	       struct inet_prefix **ret, size_t *ret_count, struct error *err);

/** shim_pods() - All addresses of a family that pods of this network may have */
int shim_pods(const struct shim *s, uint8_t family, struct range_set *ret,
	      struct error *err);

/** shim_check_share() - Does the NIC beside keep a part of its subnet? */
int shim_check_share(const struct shim *s, const struct shim_address *want,
		     const struct range_set *pods, struct error *err);

/* --- shim-route.c ------------------------------------------------------------ */

/** shim_plan_routes() - Fill @s->want_routes; refuse what a NIC cannot share */
int shim_plan_routes(struct shim *s, struct error *err);

/** shim_is_source() - Does one of our routes over the shim prefer @addr? */
bool shim_is_source(const struct shim *s, const struct inet_addr *addr);

/** shim_load_routes() - @s->routes, where they matter: beside a NIC, and to find
 * what is left of it */
int shim_load_routes(struct shim *s, struct error *err);

int shim_fix_routes(struct shim *s, struct error *err);
int shim_fix_stale_routes(struct shim *s, struct error *err);

#endif
