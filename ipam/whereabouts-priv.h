#ifndef IPAM_WHEREABOUTS_PRIV_H
#define IPAM_WHEREABOUTS_PRIV_H

/*
 * Shared by ipam/whereabouts-{claim,take,give,turn,request*}.c and worlds.c only:
 * single requests, a node's turns, and whose a key is.
 */

#include "ipam/whereabouts-claim.h"

/* Outcomes, beside those of whereabouts-claim.h. */
enum {
	WHEREABOUTS_CONFLICT = 90, /* a test failed, it exists, or it changed */
	WHEREABOUTS_GONE = 91, /* there is no such object */
};

#define WHEREABOUTS_TRIES                                                      \
	12 /* conflicts over one key, each after a fresh read */
#define WHEREABOUTS_LOST 2 /* answers, then the server is sick */

/* --- whose is it? (whereabouts-claim.c) ------------------------------------------- */

/** whereabouts_is_own() - This very container's? */
bool whereabouts_is_own(const struct whereabouts_holder *own,
			const struct whereabouts_holder *have);

/** whereabouts_at() - What a pool says of an address; NULL: it is free */
const struct whereabouts_allocation *
whereabouts_at(const struct whereabouts_view *view,
	       const struct inet_addr *addr);

/* --- turns (whereabouts-turn.c) ------------------------------------------------------ */

/** whereabouts_enter() - Wait for this node's turn with a pool, as long as that
 * makes sense; without it, all is done just the same */
void whereabouts_enter(struct cluster *cluster,
		       const struct whereabouts_claim *claim, int *gate);
void whereabouts_leave(int *gate);

/** whereabouts_pause() - After the n-th conflict, of a patch that took so long */
void whereabouts_pause(unsigned int n, uint64_t took_ms);

/* --- requests (whereabouts-request-pool.c, -overlap.c) -------------------------- */

/** whereabouts_pool_get() - 0, WHEREABOUTS_GONE, CLUSTER_UNKNOWN, negative */
int whereabouts_pool_get(struct cluster *cluster,
			 const struct whereabouts_claim *claim,
			 struct whereabouts_view *view, struct error *err)
	warn_unused;

/** whereabouts_pool_post() - 0 (also if another was faster), CLUSTER_UNKNOWN,
 * negative */
int whereabouts_pool_post(struct cluster *cluster,
			  const struct whereabouts_claim *claim,
			  struct error *err) warn_unused;

/** whereabouts_pool_patch() - 0, WHEREABOUTS_CONFLICT, WHEREABOUTS_GONE,
 * CLUSTER_UNKNOWN, negative */
int whereabouts_pool_patch(struct cluster *cluster,
			   const struct whereabouts_claim *claim,
			   const char *patch, struct error *err) warn_unused;

/* An overlap record, read. */
struct whereabouts_record {
	struct json *document;
	struct whereabouts_overlap overlap;
};
void whereabouts_record_clear(struct whereabouts_record *record);
#define cleanup_whereabouts_record cleanup(whereabouts_record_clear)

/** whereabouts_overlap_post() - 0, WHEREABOUTS_CONFLICT, CLUSTER_UNKNOWN,
 * negative */
int whereabouts_overlap_post(struct cluster *cluster,
			     const struct whereabouts_claim *claim,
			     const struct inet_addr *addr,
			     struct whereabouts_record *ret, struct error *err)
	warn_unused;

/** whereabouts_overlap_get() - 0, WHEREABOUTS_GONE, CLUSTER_UNKNOWN, negative */
int whereabouts_overlap_get(struct cluster *cluster,
			    const struct whereabouts_claim *claim,
			    const struct inet_addr *addr,
			    struct whereabouts_record *ret, struct error *err)
	warn_unused;

/** whereabouts_overlap_each() - All of them; @each returns 0 to go on
 * Return: 0, what @each did, CLUSTER_UNKNOWN, negative */
int whereabouts_overlap_each(struct cluster *cluster,
			     int (*each)(void *arg,
					 const struct whereabouts_overlap *have,
					 struct error *err),
			     void *arg, struct error *err) warn_unused;

/** whereabouts_overlap_delete() - By uid: 0 (also another, or none),
 * CLUSTER_UNKNOWN, negative */
int whereabouts_overlap_delete(struct cluster *cluster,
			       const struct whereabouts_claim *claim,
			       const struct inet_addr *addr, const char *uid,
			       struct error *err) warn_unused;

#endif
