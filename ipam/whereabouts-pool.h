#ifndef IPAM_WHEREABOUTS_POOL_H
#define IPAM_WHEREABOUTS_POOL_H

/*
 * Whereabouts' objects as documents: what a pool says, and the patches by which
 * one allocation of it changes. Pure: documents in, documents out.
 *
 * Whereabouts tests the resourceVersion of the whole pool; these test the one
 * allocation that they change. The server applies a patch to what is stored at
 * that moment, again if somebody was faster: so two writers of different
 * addresses do not disturb each other, and of two that want the same one the
 * second is refused (422, "the server rejected our request due to an error in
 * our request", without causes).
 *
 * What is read borrows from the document.
 */

#include "ipam/range.h"
#include "ipam/whereabouts.h"
#include "lib/json.h"

/* Who has an address. */
struct whereabouts_holder {
	const char *podref; /* "" for a node */
	const char *id; /* container's, or whereabouts_host_id() */
	const char *ifname; /* NULL or "": a node's has none, and an elder
			     * definition drops it */
};

/** whereabouts_is_text() - The same text? One that is not said is empty */
bool whereabouts_is_text(const char *a, const char *b);

/** whereabouts_has_ifname() - Is it said? */
bool whereabouts_has_ifname(const struct whereabouts_holder *holder);

struct whereabouts_allocation {
	const char *key;
	struct inet_addr addr; /* family 0: Whereabouts ignores the key */
	struct whereabouts_holder holder;
};

struct whereabouts_pool {
	const char *name;
	const char *uid;
	const char *version; /* resourceVersion */
	const char *range; /* as it is written */
	struct inet_prefix base;
	/* The server notes who wrote which allocation; see untrack. */
	bool is_tracked;
	/* The base has host bits: Whereabouts may move what it writes back, and
	 * nothing should be added. */
	bool is_crooked;
	struct whereabouts_allocation *items;
	size_t count;
	struct range_set taken; /* of the base's family */
};
void whereabouts_pool_clear(struct whereabouts_pool *pool);
#define cleanup_whereabouts_pool cleanup(whereabouts_pool_clear)

/**
 * whereabouts_pool_read() - An IPPool
 *
 * Return: 0, or negative with ERROR_STORE: it has no name or no range
 */
int whereabouts_pool_read(const struct json_at *at,
			  struct whereabouts_pool *ret, struct error *err);

/** whereabouts_pool_of_pod() - The allocation that an ADD is to have again, of
 * whatever container it is; NULL: none */
const struct whereabouts_allocation *
whereabouts_pool_of_pod(const struct whereabouts_pool *pool, const char *podref,
			const char *ifname);

/**
 * whereabouts_pool_of_container() - The allocation that a DEL releases
 *
 * Of the container and its interface; one that says no interface only if it is
 * the container's only one. NULL: none
 */
const struct whereabouts_allocation *
whereabouts_pool_of_container(const struct whereabouts_pool *pool,
			      const char *id, const char *ifname);

/* --- what is sent ---------------------------------------------------------------- */

/** whereabouts_pool_write() - A new pool, as Whereabouts makes it; to POST */
int whereabouts_pool_write(const char *name, const char *range, char **ret,
			   struct error *err);

/**
 * whereabouts_pool_untrack() - A patch: the server notes no longer who wrote
 * which allocation, which is a third of the object and most of a patch's cost
 */
int whereabouts_pool_untrack(char **ret, struct error *err);

/**
 * whereabouts_pool_claim() - A patch: @key is @holder's, if it is nobody's and
 * the pool's range is still @range
 * @seen:	The pool as it was read, or NULL. Who wrote what is noted no longer
 *		if it was, as by whereabouts_pool_untrack(): it costs nothing more
 */
int whereabouts_pool_claim(const struct whereabouts_pool *seen,
			   const char *range, const char *key,
			   const struct whereabouts_holder *holder, char **ret,
			   struct error *err);

/** whereabouts_pool_unchanged() - The same patch, as long as the pool's
 * resourceVersion is still @version */
int whereabouts_pool_unchanged(const char *version, const char *patch,
			       char **ret, struct error *err);

/** whereabouts_pool_adopt() - A patch: what @have is becomes another container's
 * of the same pod, if it still is what it was */
int whereabouts_pool_adopt(const struct whereabouts_allocation *have,
			   const char *id, char **ret, struct error *err);

/** whereabouts_pool_release() - A patch: @key is free, if it is @holder's; a
 * podref that is NULL is not asked for, the id is the container's alone */
int whereabouts_pool_release(const char *key,
			     const struct whereabouts_holder *holder,
			     char **ret, struct error *err);

/* --- overlap records --------------------------------------------------------------- */

struct whereabouts_overlap {
	const char *name;
	const char *uid;
	struct whereabouts_holder holder; /* id: Whereabouts writes none */
};

/** whereabouts_overlap_read() - Negative with ERROR_STORE: it has no name */
int whereabouts_overlap_read(const struct json_at *at,
			     struct whereabouts_overlap *ret,
			     struct error *err);

/** whereabouts_overlap_write() - A new one, to POST. It always has an id, which
 * some definitions require */
int whereabouts_overlap_write(const char *name,
			      const struct whereabouts_holder *holder,
			      char **ret, struct error *err);

/** whereabouts_overlap_is() - Is it that pod's interface? One without an
 * interface's name is the pod's, whichever it is */
bool whereabouts_overlap_is(const struct whereabouts_overlap *overlap,
			    const char *podref, const char *ifname);

#endif
