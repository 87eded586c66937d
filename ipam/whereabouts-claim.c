/*
 * One address, taken (whereabouts-take.c) and given back (whereabouts-give.c);
 * looking, and what both ask of a pool, is here. What is true if we die, or an
 * answer is lost, behind each request:
 *
 *	take	PATCH pool	the key is ours: whoever reads the pool sees it.
 *				The container's id is in it, so a repeated ADD
 *				knows it for its own, and a DEL finds it
 *		POST overlap	both are
 *	give	PATCH pool	the address is free in its own pool; in another one
 *				that it is in as well, the overlap record still
 *				says no
 *		DELETE overlap	it is free
 *
 * The pool decides: an overlap record may vanish (Whereabouts' reconciler drops
 * those that it cannot explain), the key may not. So the key comes first, and is
 * undone where the record turns out to be somebody else's: the other way round,
 * an ADD of Whereabouts between the two would find neither. While both are on
 * their way an address can look taken that is free in the end, never the other
 * way round.
 *
 * A new container of a pod takes its key over as it is, and makes the overlap
 * record anew in its own name: so what an earlier one owes has another uid. In
 * between it names the earlier one; and whoever gives the pod's key back then
 * gives it back as well, since the earlier one's DEL leaves it to who has the key.
 *
 * A patch whose answer was lost may still be carried out, but only while the key
 * is nobody's: asking once more for the same key settles it, since both say the
 * same. If that is lost too, it may be ours, and is the caller's to give back.
 */

#include "ipam/whereabouts-priv.h"

#include "lib/log.h"

/* --- whose is it? ----------------------------------------------------------------- */

/* This very container's? A podref that is not known is not compared; an elder
 * definition drops the interface's name. */
bool whereabouts_is_own(const struct whereabouts_holder *own,
			const struct whereabouts_holder *have)
{
	return whereabouts_is_text(own->id, have->id) &&
	       (!own->podref ||
		whereabouts_is_text(own->podref, have->podref)) &&
	       (!whereabouts_has_ifname(have) ||
		whereabouts_is_text(own->ifname, have->ifname));
}

const struct whereabouts_allocation *
whereabouts_at(const struct whereabouts_view *view,
	       const struct inet_addr *addr)
{
	for (size_t i = 0; i < view->pool.count; i++)
		if (inet_addr_equal(&view->pool.items[i].addr, addr))
			return &view->pool.items[i];
	return NULL;
}

/* --- looking ---------------------------------------------------------------------- */

int whereabouts_look(struct cluster *cluster,
		     const struct whereabouts_claim *claim, bool create,
		     struct whereabouts_view *view, struct error *err)
{
	int r;

	whereabouts_enter(cluster, claim, &view->gate);
	for (unsigned int i = 0; i < WHEREABOUTS_TRIES; i++) {
		r = whereabouts_pool_get(cluster, claim, view, err);
		if (r == CLUSTER_UNKNOWN)
			return cluster_unknown(cluster, err);
		if (r != WHEREABOUTS_GONE)
			return r;
		if (!create)
			return WHEREABOUTS_ABSENT;
		r = whereabouts_pool_post(cluster, claim, err);
		if (r < 0)
			return r;
		if (r == CLUSTER_UNKNOWN)
			log_debug("create a pool: %s", cluster->why);
	}
	return error_set(err, ERROR_AGAIN, 0,
			 "IPPool of %s: it was made %d times, and is gone "
			 "each time: does somebody delete it?",
			 whereabouts_range(&claim->range,
					   (char[INET_PREFIX_TEXT]){ "" }),
			 WHEREABOUTS_TRIES);
}

int whereabouts_read(struct cluster *cluster,
		     const struct whereabouts_claim *claim,
		     struct whereabouts_view *view, struct error *err)
{
	int r = whereabouts_pool_get(cluster, claim, view, err);

	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(cluster, err);
	return r == WHEREABOUTS_GONE ? WHEREABOUTS_ABSENT : r;
}
