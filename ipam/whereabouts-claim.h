#ifndef IPAM_WHEREABOUTS_CLAIM_H
#define IPAM_WHEREABOUTS_CLAIM_H

/*
 * Taking and giving back one address in Whereabouts' objects. Knows neither a
 * ledger nor a choice: who calls has written down what is asked for, and says
 * which address.
 *
 *	struct whereabouts_claim claim = { network, range, holder, true };
 *	cleanup_whereabouts_view struct whereabouts_view view =
 *		WHEREABOUTS_VIEW_INIT;
 *	struct whereabouts_got got;
 *
 *	r = whereabouts_look(cluster, &claim, true, &view, err);
 *	...			choose by view.pool.taken
 *	r = whereabouts_take(cluster, &claim, &addr, &view, &got, err);
 *	if (r == 0)		ours: got.uid is what to give it back by
 *	else if (got.is_held)	perhaps ours: to be given back, now or later
 *
 * The pool's key first and the overlap record second, both ways: it is the order
 * in which Whereabouts' own steps and these cannot hide each other's address.
 * None needs the look: where the address is known, whereabouts_take() alone
 * makes what is missing.
 *
 * All are requests to the server, and no transaction is open. Each is counted:
 * look 1, take 2 (1 without overlap records), give 2, where nobody interferes.
 */

#include "ipam/store-cluster-priv.h"
#include "ipam/whereabouts-pool.h"

#define WHEREABOUTS_ID 257 /* a container's id, with terminator */

/* Outcomes, beside CLUSTER_UNKNOWN. */
enum {
	WHEREABOUTS_TAKEN = 80, /* it is somebody else's */
	WHEREABOUTS_ABSENT = 81, /* there is no such pool */
};

/* For whom, and in which pool. Strings are borrowed. */
struct whereabouts_claim {
	const char *network; /* network_name, "" for none */
	struct inet_prefix range; /* its network, which names the pool */
	/* Of an attachment that is no pod's: an empty podref. A podref that is
	 * not known (giving back) is NULL. */
	struct whereabouts_holder holder;
	bool has_overlap; /* the address has an overlap record as well */
	/* Taking: the pool has had the key for the holder, and it stays
	 * whatever becomes of the overlap record. */
	bool is_had;
	/* Giving back: the pod that had the address until now, so that another
	 * one's is told. NULL: not known, and nothing is told. */
	const char *leaving;
};

/* A pool as it was read last, and the turn of this node to change it. */
struct whereabouts_view {
	struct json *document; /* what the pool borrows from */
	struct whereabouts_pool pool;
	int gate; /* -1: none */
};
#define WHEREABOUTS_VIEW_INIT                                                  \
	{                                                                      \
		.gate = -1                                                     \
	}
void whereabouts_view_clear(struct whereabouts_view *view);
#define cleanup_whereabouts_view cleanup(whereabouts_view_clear)

/* Who has an address that was wanted. */
struct whereabouts_owner {
	char podref[WHEREABOUTS_PODREF];
	char id[WHEREABOUTS_ID];
	char ifname[16];
};

struct whereabouts_got {
	bool is_held; /* the pool's key is ours, or may be */
	bool is_elsewhere; /* taken by the overlap record, not in the pool */
	char uid[LEDGER_UID]; /* of the overlap record; "" if there is none */
	struct whereabouts_owner owner; /* with WHEREABOUTS_TAKEN */
};

/**
 * whereabouts_check_names() - Can Whereabouts' objects for it have names?
 *
 * Return: 0, or negative with ERROR_CONFIG, which quotes the range
 */
int whereabouts_check_names(const struct whereabouts_claim *claim,
			    struct error *err);

/**
 * whereabouts_look() - Read a pool
 * @create:	Make it if there is none
 * @view:	Cleared and filled. It waits for this node's turn: one process of a
 *		node changes a pool at a time, which is what makes the server
 *		fastest. The turn ends with the take, or when the view is cleared
 *
 * Return: 0, WHEREABOUTS_ABSENT, or negative
 */
int whereabouts_look(struct cluster *cluster,
		     const struct whereabouts_claim *claim, bool create,
		     struct whereabouts_view *view, struct error *err)
	warn_unused;

/** whereabouts_read() - The same to look only: out of turn, makes nothing */
int whereabouts_read(struct cluster *cluster,
		     const struct whereabouts_claim *claim,
		     struct whereabouts_view *view, struct error *err)
	warn_unused;

/**
 * whereabouts_take() - Exactly this address
 * @view:	Of whereabouts_look(), or empty; as fresh as it got
 *
 * It is an own one also if the pool says so already, by podref (or, without one,
 * container id), container id and interface: an answer that was lost.
 *
 * Return: 0; WHEREABOUTS_TAKEN, in the pool or by an overlap record: the pool's
 * key is given back then; CLUSTER_UNKNOWN; or negative. Whatever it is but 0,
 * @ret->is_held says if something is to be given back
 */
int whereabouts_take(struct cluster *cluster,
		     const struct whereabouts_claim *claim,
		     const struct inet_addr *addr,
		     struct whereabouts_view *view, struct whereabouts_got *ret,
		     struct error *err) warn_unused;

/**
 * whereabouts_list_overlaps() - Addresses of a family that have an overlap record
 * @ret:	United with them
 *
 * Of the claim's network, whichever pool they are in. For who has been told
 * several times that an address is somebody's in another pool.
 *
 * Return: 0, or negative; ERROR_CONFIG without the right to list
 */
int whereabouts_list_overlaps(struct cluster *cluster,
			      const struct whereabouts_claim *claim,
			      uint8_t family, struct range_set *ret,
			      struct error *err);

/**
 * whereabouts_adopt() - What another container of the pod's interface left
 * @have:	An allocation of @view, by whereabouts_pool_of_pod()
 *
 * Nothing is sent to the pool if it is this container's already.
 *
 * Return: as whereabouts_take(); WHEREABOUTS_TAKEN also if it has changed
 */
int whereabouts_adopt(struct cluster *cluster,
		      const struct whereabouts_claim *claim,
		      const struct whereabouts_allocation *have,
		      struct whereabouts_view *view,
		      struct whereabouts_got *ret, struct error *err)
	warn_unused;

/**
 * whereabouts_give() - It is nobody's any more, if it is @claim's
 * @uid:	Of the overlap record; "" if it is not known: then one is looked
 *		for
 *
 * What is another's by now, or gone, is done. An address that a later container
 * of the same pod's interface has adopted keeps its overlap record.
 *
 * Return: 0, CLUSTER_UNKNOWN, or negative
 */
int whereabouts_give(struct cluster *cluster,
		     const struct whereabouts_claim *claim,
		     const struct inet_addr *addr, const char *uid,
		     struct error *err) warn_unused;

/**
 * whereabouts_keep - Is an address of the container not to be given back?
 *
 * Return: 1, 0, or negative
 */
typedef int (*whereabouts_keep)(void *arg, const struct inet_addr *addr,
				struct error *err);

/**
 * whereabouts_give_all() - All that a container's interface has in one pool
 * @claim:	By its container id and interface
 * @keep:	Asked for each behind the read
 * @ret_found:	How many there were to give back; grows
 *
 * Return: as whereabouts_give()
 */
int whereabouts_give_all(struct cluster *cluster,
			 const struct whereabouts_claim *claim,
			 whereabouts_keep keep, void *arg, size_t *ret_found,
			 struct error *err) warn_unused;

#endif
