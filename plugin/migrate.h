#ifndef PLUGIN_MIGRATE_H
#define PLUGIN_MIGRATE_H

/*
 * The node's addresses on the way from the parent to the shim. The theory is in
 * migrate.c; struct shim is in shim-priv.h.
 */

#include "lib/netlink.h"
#include "lib/undo.h"

struct shim;

/* What moves, and what has been done about it. */
struct migration {
	struct netlink_addrs
		addrs; /* as they are on the parent, oldest first */
	bool *added; /* by us, for each of them */
	bool *cut; /* it is on the shim, without its connected route there: the
		    * way back (restore.c) was begun, and not ended */
	struct netlink_saved routes;
	int arp_ignore; /* the parent's, before */
	bool stuck; /* the way back failed: delete nothing any more */
};
void migrate_clear(struct migration *move);

/** migrate_is_moving() - Does this address of the parent go to the shim? */
bool migrate_is_moving(const struct shim *s, const struct netlink_addr *addr);

/**
 * migrate_from_parent() - A source of addresses: those of the parent that are
 * inside the pod subnet, one per family at most
 *
 * Without a "hostShim" section, what may not be moved is no source, with one it
 * is an error.
 */
int migrate_from_parent(struct shim *s, struct error *err);

/**
 * migrate_plan() - Fill @s->move from what the parent bears and what is wanted
 *
 * Return: 0, or negative with ERROR_SHIM: something would have to move and must
 * not
 */
int migrate_plan(struct shim *s, struct error *err);

/** migrate_encapsulates() - Is the parent a tunnel of layer 2? */
bool migrate_encapsulates(const struct netlink_link *parent);

/** migrate_is_ours() - Is the parent our own overlay? */
bool migrate_is_ours(const struct shim *s);

/** migrate_is_for() - May an address leave this parent at all? */
bool migrate_is_for(const struct shim *s);

/** migrate_check() - May this one? Negative says why not */
int migrate_check(const struct shim *s, const struct netlink_addr *addr,
		  struct error *err);

/** migrate_is_link_local() - Each link has its own, and so has the shim */
bool migrate_is_link_local(const struct netlink_addr *addr);

/** migrate_is_wanted() - An address that this network wants the shim to bear */
bool migrate_is_wanted(const struct shim *s, const struct inet_addr *addr);

bool migrate_has(const struct netlink_addrs *addrs,
		 const struct inet_prefix *address);

/** migrate_takes_route() - Does a route of the parent depend on what moves? A
 * netlink_route_wanted, of the shim */
bool migrate_takes_route(const struct netlink_route *route, void *shim);

/** migrate_fix() - Move them; a shim_fix_: returns a NODE_ outcome or negative.
 * The way back is pushed on @s->undo */
int migrate_fix(struct shim *s, struct error *err);

#endif
