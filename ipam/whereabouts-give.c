/*
 * An address is given back: the pool's key, then the overlap record. What the
 * order is for is told in whereabouts-claim.c.
 *
 * It may have a new holder by now, and must hit nobody but its own. The patch
 * tests who has the key; the record goes by its uid; and without a uid, or where
 * the key has another holder, it is looked at first, since a later container of
 * the pod has taken it over with the key. A release that is carried out twice, or
 * late, is one.
 */

#include "ipam/whereabouts-priv.h"

#include "lib/log.h"

#include <stdio.h>

/* --- the pool's key --------------------------------------------------------------- */

/* One key on its way back. */
struct giving {
	struct cluster *cluster;
	const struct whereabouts_claim *claim;
	const struct inet_addr *addr;
	struct whereabouts_view view;
	/* Who has it now, borrowed from the view; NULL: nobody. */
	const struct whereabouts_holder *holder;
	unsigned int lost; /* answers */
};

static bool is_only_one(const struct whereabouts_view *view,
			const struct whereabouts_holder *holder)
{
	size_t found = 0;

	for (size_t i = 0; i < view->pool.count; i++)
		found += whereabouts_is_text(view->pool.items[i].holder.id,
					     holder->id);
	return found == 1;
}

/* As it is stored, which may differ from what was asked for: by an elder
 * definition, or in a pool with another base. */
static int give_stored(struct giving *giving,
		       const struct whereabouts_allocation *have,
		       struct error *err)
{
	cleanup_free char *body = NULL;
	int r = whereabouts_pool_release(have->key, &have->holder, &body, err);

	return r == 0 ? whereabouts_pool_patch(giving->cluster, giving->claim,
					       body, err)
		      : r;
}

/* Return: 0, CLUSTER_UNKNOWN, or negative */
static int look_who(struct giving *giving, struct error *err)
{
	const struct whereabouts_allocation *have;
	int r;

	giving->holder = NULL;
	r = whereabouts_pool_get(giving->cluster, giving->claim, &giving->view,
				 err);
	if (r != 0)
		return r == WHEREABOUTS_GONE ? 0 : r;
	have = whereabouts_at(&giving->view, giving->addr);
	giving->holder = have ? &have->holder : NULL;
	return 0;
}

static bool is_ours(const struct giving *giving)
{
	const struct whereabouts_holder *own = &giving->claim->holder;
	const struct whereabouts_holder *have = giving->holder;

	return have && whereabouts_is_own(own, have) &&
	       (whereabouts_has_ifname(have) || !whereabouts_has_ifname(own) ||
		is_only_one(&giving->view, have));
}

/* A test failed: is it ours nevertheless? Return: 0 (not ours, or not any
 * more), WHEREABOUTS_CONFLICT, CLUSTER_UNKNOWN, or negative */
static int give_judge(struct giving *giving, struct error *err)
{
	int r = look_who(giving, err);

	if (r != 0 || !is_ours(giving))
		return r;
	giving->holder = NULL;
	return give_stored(giving, whereabouts_at(&giving->view, giving->addr),
			   err);
}

/* The tests in it make sure that it is ours. */
static int give_send(struct giving *giving, struct error *err)
{
	const struct whereabouts_claim *claim = giving->claim;
	const struct inet_addr base = inet_prefix_first(&claim->range);
	cleanup_free char *body = NULL;
	char key[WHEREABOUTS_KEY];
	int r;

	if (whereabouts_key(&base, giving->addr, key) != 0)
		return WHEREABOUTS_CONFLICT;
	r = whereabouts_pool_release(key, &claim->holder, &body, err);
	return r == 0 ? whereabouts_pool_patch(giving->cluster, claim, body,
					       err)
		      : r;
}

/* A lost answer is looked into once. Return: 0, CLUSTER_UNKNOWN, or negative */
static int give_key(struct giving *giving, struct error *err)
{
	int r = give_send(giving, err);

	for (unsigned int i = 1; i < WHEREABOUTS_TRIES; i++) {
		if (r != WHEREABOUTS_CONFLICT &&
		    (r != CLUSTER_UNKNOWN ||
		     ++giving->lost >= WHEREABOUTS_LOST))
			break;
		if (i > 1)
			whereabouts_pause(i, 0);
		r = give_judge(giving, err);
	}
	if (r == WHEREABOUTS_GONE)
		return 0;
	if (r != WHEREABOUTS_CONFLICT)
		return r;
	return error_set(err, ERROR_AGAIN, 0,
			 "IPPool %s refused %u patches in turn",
			 giving->view.pool.name, WHEREABOUTS_TRIES);
}

/* A pool that was deleted, or edited, under a pod gives its address away. */
static void tell_another(const struct giving *giving)
{
	const struct whereabouts_claim *claim = giving->claim;
	const struct whereabouts_holder *own = &claim->holder;
	const struct whereabouts_holder *now = giving->holder;
	char text[INET_ADDR_TEXT], owner[WHEREABOUTS_PODREF + 64];
	const char *node;

	/* A new container of the pod has taken it over; a release whose answer
	 * was lost may have been one. */
	if (!now || !claim->leaving || giving->lost > 0 ||
	    whereabouts_is_text(claim->leaving, now->podref))
		return;
	node = whereabouts_host(now->podref, now->id);
	if (node)
		snprintf(owner, sizeof(owner), "node %.253s", node);
	else
		snprintf(owner, sizeof(owner),
			 "pod %s, %.15s (container %.13s)", now->podref,
			 whereabouts_has_ifname(now) ? now->ifname
						     : "an interface",
			 now->id);
	log_warning("%s, which pod %s, %s (container %.13s) had, is in the "
		    "pool for %s: it was two's, if it was not released before",
		    inet_addr_format(giving->addr, text), claim->leaving,
		    own->ifname, own->id, owner);
}

/* --- the overlap record ----------------------------------------------------------- */

/* Without its uid: that container's, or that pod's, which has taken it over from
 * an earlier container as it is. Whereabouts' own names none. */
static bool is_record_of(const struct whereabouts_claim *claim,
			 const struct whereabouts_overlap *have)
{
	const struct whereabouts_holder *own = &claim->holder;

	if (*have->holder.id && whereabouts_is_text(own->id, have->holder.id) &&
	    (!whereabouts_has_ifname(&have->holder) ||
	     whereabouts_is_text(own->ifname, have->holder.ifname)))
		return true;
	return own->podref && *own->podref &&
	       whereabouts_overlap_is(have, own->podref, own->ifname);
}

/* Is the overlap record the one that came with the key? Whoever has the key by
 * now has taken over the record as well, if it is the same pod's. */
static bool is_to_be_given(const struct giving *giving, const char *uid,
			   const struct whereabouts_overlap *have)
{
	const struct whereabouts_holder *now = giving->holder;

	if (*uid ? !whereabouts_is_text(uid, have->uid)
		 : !is_record_of(giving->claim, have))
		return false;
	return !now || !whereabouts_is_text(now->podref, have->holder.podref) ||
	       (whereabouts_has_ifname(&have->holder) &&
		!whereabouts_is_text(now->ifname, have->holder.ifname));
}

/* Without a uid, it may be one that a later container of the pod has made with
 * its key, behind our look at that: so who has the key is asked once more. */
static int give_overlap(struct giving *giving, const char *uid,
			struct error *err)
{
	cleanup_whereabouts_record struct whereabouts_record have = { 0 };
	int r;

	if (!*uid || giving->holder) {
		r = whereabouts_overlap_get(giving->cluster, giving->claim,
					    giving->addr, &have, err);
		if (r == 0 && !*uid)
			r = look_who(giving, err);
		if (r != 0)
			return r == WHEREABOUTS_GONE ? 0 : r;
		if (!is_to_be_given(giving, uid, &have.overlap))
			return 0;
		uid = have.overlap.uid;
	}
	r = whereabouts_overlap_delete(giving->cluster, giving->claim,
				       giving->addr, uid, err);
	if (r == CLUSTER_UNKNOWN)
		r = whereabouts_overlap_delete(giving->cluster, giving->claim,
					       giving->addr, uid, err);
	return r;
}

/* --- both ------------------------------------------------------------------------- */

int whereabouts_give(struct cluster *cluster,
		     const struct whereabouts_claim *claim,
		     const struct inet_addr *addr, const char *uid,
		     struct error *err)
{
	struct giving giving = {
		.cluster = cluster,
		.claim = claim,
		.addr = addr,
		.view = WHEREABOUTS_VIEW_INIT,
	};
	int r;

	whereabouts_enter(cluster, claim, &giving.view.gate);
	r = give_key(&giving, err);
	whereabouts_leave(&giving.view.gate);
	if (r == 0)
		tell_another(&giving);
	if (r == 0 && claim->has_overlap)
		r = give_overlap(&giving, uid, err);
	whereabouts_view_clear(&giving.view);
	return r;
}

/* --- all of a container's interface ----------------------------------------------- */

static bool is_of(const struct whereabouts_view *view,
		  const struct whereabouts_holder *own,
		  const struct whereabouts_allocation *have)
{
	return have->addr.family &&
	       whereabouts_is_text(own->id, have->holder.id) &&
	       (whereabouts_has_ifname(&have->holder)
			? whereabouts_is_text(own->ifname, have->holder.ifname)
			: is_only_one(view, &have->holder));
}

struct leaving {
	struct giving giving;
	whereabouts_keep keep;
	void *arg;
	size_t *ret_found;
};

/* Of this container, at an address whose key is not: the key went first, and
 * then something happened. Who has the key now is asked for again. */
static int leave_record(void *arg, const struct whereabouts_overlap *have,
			struct error *err)
{
	struct leaving *leaving = arg;
	struct giving *giving = &leaving->giving;
	const struct whereabouts_claim *claim = giving->claim;
	struct inet_addr addr;
	int r;

	if (!is_record_of(claim, have) ||
	    whereabouts_overlap_addr(claim->network, have->name, &addr) != 0 ||
	    !inet_prefix_contains(&claim->range, &addr))
		return 0;
	giving->addr = &addr;
	r = look_who(giving, err);
	if (r != 0 || !is_to_be_given(giving, "", have))
		return r;
	r = leaving->keep(leaving->arg, &addr, err);
	if (r != 0)
		return r < 0 ? r : 0;
	(*leaving->ret_found)++;
	return whereabouts_overlap_delete(giving->cluster, claim, &addr,
					  have->uid, err);
}

int whereabouts_give_all(struct cluster *cluster,
			 const struct whereabouts_claim *claim,
			 whereabouts_keep keep, void *arg, size_t *ret_found,
			 struct error *err)
{
	struct leaving leaving = {
		.giving = { .cluster = cluster,
			    .claim = claim,
			    .view = WHEREABOUTS_VIEW_INIT },
		.keep = keep,
		.arg = arg,
		.ret_found = ret_found,
	};
	cleanup_whereabouts_view struct whereabouts_view view =
		WHEREABOUTS_VIEW_INIT;
	int r = whereabouts_pool_get(cluster, claim, &view, err);

	if (r == WHEREABOUTS_GONE)
		return 0;
	for (size_t i = 0; i < view.pool.count && r == 0; i++) {
		const struct whereabouts_allocation *have = &view.pool.items[i];
		struct whereabouts_claim stored = *claim;

		if (!is_of(&view, &claim->holder, have))
			continue;
		r = keep(arg, &have->addr, err);
		if (r != 0) {
			r = r < 0 ? r : 0;
			continue;
		}
		(*ret_found)++;
		stored.holder = have->holder;
		r = whereabouts_give(cluster, &stored, &have->addr, "", err);
	}
	if (r != 0 || !claim->has_overlap)
		return r;
	r = whereabouts_overlap_each(cluster, leave_record, &leaving, err);
	whereabouts_view_clear(&leaving.giving.view);
	return r;
}
