#ifndef IPAM_ADOPT_H
#define IPAM_ADOPT_H

/*
 * What one store has given is made known to another one, address by address,
 * while the pods run: the way from one to the other ("shimctl ipam adopt").
 * Nothing is ever taken from anybody: an address that is somebody else's there
 * is told, and left as it is in both.
 *
 * Each may be run again at any time, also after it was killed: what is known
 * already is passed over.
 */

#include "ipam/config.h"

enum adopt_kind {
	ADOPT_NEW, /* known there from now on */
	ADOPT_KNOWN, /* it was already, as the same one's */
	ADOPT_LEFT, /* nobody to make it known for: its Pod is gone */
	ADOPT_LEFT_NODE, /* the same of a Node: nobody else frees its key */
	ADOPT_UNCLEAR, /* its Pod is on no node, or on one that is not there yet */
	ADOPT_NOBODYS, /* the pool names no pod and no node */
	ADOPT_CONFLICT, /* it is somebody else's there */
	ADOPT_FORBIDDEN, /* these credentials may not make it known */

	/* Of adopt_compare() alone. */
	ADOPT_NO_OBJECT, /* in a pool, and not reserved */
	ADOPT_NO_KEY, /* reserved, and in no pool */
};

struct adopt_finding {
	enum adopt_kind kind;
	struct inet_addr addr;
	char text[1024];
};
typedef void (*adopt_tell)(void *arg, const struct adopt_finding *finding);

struct adopt {
	const struct ipam_config *config;
	const char *network; /* whose attachments; as the runtime names it */
	bool dry_run;
	adopt_tell tell; /* each address, as it is done */
	void *arg;
};

/**
 * adopt_from_local() - Attachments of this node's table become Reservations
 *
 * Live ones, of @network. This node only: no other can read its table.
 *
 * Return: 0, whatever was told, or negative
 */
int adopt_from_local(const struct adopt *adopt, struct error *err);

/**
 * adopt_from_whereabouts() - Keys of Whereabouts' pools become Reservations
 *
 * Of the whole cluster, as far as the credentials may: those of a node for pods
 * on that node. For whom one is, its Pod says. A key whose Pod, or Node, is gone
 * is left as it is.
 *
 * While it runs, every ADD of the range must take both ("store": "both").
 */
int adopt_from_whereabouts(const struct adopt *adopt, struct error *err);

/** adopt_to_whereabouts() - Reservations become keys of Whereabouts' pools; the
 * same the other way round */
int adopt_to_whereabouts(const struct adopt *adopt, struct error *err);

/* What two worlds have of one range, and the store makes matter. */
struct adopt_compared {
	size_t pools;
	size_t keys; /* in them */
	size_t objects;
	size_t equal; /* in both, as the same one's */
	struct range_set known[2]; /* in either: IPv4, IPv6 */
};
void adopt_compared_clear(struct adopt_compared *compared);
#define cleanup_adopt_compared cleanup(adopt_compared_clear)

/**
 * adopt_compare() - Is what the one world has given known in the other?
 *
 * With "both", every address must be in both; with "kubernetes" what the pools
 * have must be reserved, with "whereabouts" what is reserved must be in the pools:
 * the other store gives it to nobody then. Differences are told when a second
 * look, a moment later, finds them too. dry_run is of no account.
 *
 * @ret:	Cleared and filled, as far as it is known
 */
int adopt_compare(const struct adopt *adopt, struct adopt_compared *ret,
		  struct error *err);

#endif
