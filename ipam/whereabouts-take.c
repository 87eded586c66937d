/*
 * An address is taken: the pool's key, then the overlap record; by an ADD that
 * chose it, or by one that takes over what an earlier container of the pod had.
 * What the order is for is told in whereabouts-claim.c.
 *
 * Each of the two is asked for until it is ours, somebody's, or nobody knows. A
 * conflict or a lost answer is judged by a fresh read. Where the record turns out
 * to be somebody else's, the key is given back here.
 */

#include "ipam/whereabouts-priv.h"

#include <stdio.h>

#define LARGE 128 /* keys: what the server repeats costs more than we do */

/* One key on its way. */
struct taking {
	struct cluster *cluster;
	const struct whereabouts_claim *claim;
	const struct inet_addr *addr;
	struct whereabouts_view *view;
	struct whereabouts_got *got;
	unsigned int lost; /* answers */
	bool may_have_record; /* an overlap record: the answer was lost */
	unsigned int conflicts;
};

static void owner_fill(struct whereabouts_got *got,
		       const struct whereabouts_holder *have)
{
	struct whereabouts_owner *owner = &got->owner;

	snprintf(owner->podref, sizeof(owner->podref), "%s", have->podref);
	snprintf(owner->id, sizeof(owner->id), "%s", have->id);
	snprintf(owner->ifname, sizeof(owner->ifname), "%s",
		 have->ifname ? have->ifname : "");
}

/* --- the pool's key --------------------------------------------------------------- */

static int take_body(const struct taking *taking, char **ret, struct error *err)
{
	const struct whereabouts_claim *claim = taking->claim;
	const struct whereabouts_pool *pool = &taking->view->pool;
	struct inet_addr base = inet_prefix_first(&claim->range);
	char key[WHEREABOUTS_KEY], text[INET_PREFIX_TEXT];
	const char *range = whereabouts_range(&claim->range, text);

	if (taking->view->document) {
		range = pool->range;
		base = pool->base.addr;
	}
	if (pool->is_crooked)
		return error_set(
			err, ERROR_STORE, 0,
			"IPPool %s: spec.range: \"%s\" has host bits: Whereabouts itself does not keep what is in such a pool apart; write the network's address there while no pod uses it",
			pool->name, range);
	if (whereabouts_key(&base, taking->addr, key) != 0)
		return error_set(err, ERROR_ADDRESS_INVALID, 0,
				 "%s is as far from the beginning of %s as "
				 "Whereabouts cannot count",
				 inet_addr_format(taking->addr, text), range);
	return whereabouts_pool_claim(taking->view->document ? pool : NULL,
				      range, key, &claim->holder, ret, err);
}

static int take_text(const struct taking *taking, char **ret, struct error *err)
{
	const struct whereabouts_view *view = taking->view;
	cleanup_free char *body = NULL;
	int r = take_body(taking, &body, err);

	if (r < 0)
		return r;
	if (view->document && view->pool.count >= LARGE && *view->pool.version)
		return whereabouts_pool_unchanged(view->pool.version, body, ret,
						  err);
	*ret = take_ptr(body);
	return 0;
}

static int take_send(struct taking *taking, struct error *err)
{
	cleanup_free char *body = NULL;
	int r = take_text(taking, &body, err);

	if (r < 0)
		return r;
	r = whereabouts_pool_patch(taking->cluster, taking->claim, body, err);
	if (r == 0 || r == CLUSTER_UNKNOWN)
		taking->got->is_held = true;
	return r;
}

/* The pool's word, after a conflict or without an answer. Return: 0 (ours),
 * WHEREABOUTS_TAKEN, WHEREABOUTS_CONFLICT (ask again), or negative */
static int take_judge(struct taking *taking, struct error *err)
{
	const struct whereabouts_allocation *have;
	int r;

	r = whereabouts_look(taking->cluster, taking->claim, true, taking->view,
			     err);
	if (r != 0)
		return r;
	have = whereabouts_at(taking->view, taking->addr);
	if (!have)
		return WHEREABOUTS_CONFLICT;
	taking->got->is_held = whereabouts_is_own(&taking->claim->holder,
						  &have->holder);
	if (taking->got->is_held)
		return 0;
	owner_fill(taking->got, &have->holder);
	return WHEREABOUTS_TAKEN;
}

/* Return: 0, WHEREABOUTS_TAKEN, WHEREABOUTS_CONFLICT, CLUSTER_UNKNOWN, or
 * negative */
static int take_once(struct taking *taking, struct error *err)
{
	const uint64_t began_ms = file_boottime_ms();
	int r = take_send(taking, err);

	switch (r) {
	case CLUSTER_UNKNOWN:
		if (++taking->lost >= WHEREABOUTS_LOST)
			return r;
		return take_judge(taking, err);
	case WHEREABOUTS_CONFLICT:
		whereabouts_pause(taking->conflicts++,
				  file_boottime_ms() - began_ms);
		return take_judge(taking, err);
	case WHEREABOUTS_GONE:
		return take_judge(taking, err);
	default:
		return r;
	}
}

static int take_key(struct taking *taking, struct error *err)
{
	int r = WHEREABOUTS_CONFLICT;

	whereabouts_enter(taking->cluster, taking->claim, &taking->view->gate);
	for (unsigned int i = 0;
	     i < WHEREABOUTS_TRIES && r == WHEREABOUTS_CONFLICT; i++)
		r = take_once(taking, err);
	whereabouts_leave(&taking->view->gate);
	if (r != WHEREABOUTS_CONFLICT)
		return r;
	return error_set(err, ERROR_AGAIN, 0,
			 "IPPool %s refused %u patches in turn, of a key that "
			 "is free",
			 taking->view->pool.name, WHEREABOUTS_TRIES);
}

/* --- the overlap record ----------------------------------------------------------- */

/* Whereabouts writes no container's id. Without a pod, it is all there is. */
static bool is_own_overlap(const struct whereabouts_claim *claim,
			   const struct whereabouts_overlap *have)
{
	const struct whereabouts_holder *own = &claim->holder;

	if (own->podref && *own->podref)
		return whereabouts_overlap_is(have, own->podref, own->ifname);
	return whereabouts_is_text(own->id, have->holder.id) &&
	       whereabouts_is_text(own->ifname, have->holder.ifname);
}

/* An earlier container's of the pod, which is named in it. */
static bool is_elder(const struct whereabouts_claim *claim,
		     const struct whereabouts_overlap *have)
{
	return *have->holder.id &&
	       !whereabouts_is_text(claim->holder.id, have->holder.id);
}

/* It is made anew, with this container's name: by that and by its uid it is
 * found and released, and not by what the earlier one still owes. */
static int overlap_renew(struct taking *taking,
			 const struct whereabouts_record *have,
			 struct error *err)
{
	int r = whereabouts_overlap_delete(taking->cluster, taking->claim,
					   taking->addr, have->overlap.uid,
					   err);

	return r == 0 ? WHEREABOUTS_CONFLICT : r;
}

static int overlap_judge(struct taking *taking,
			 const struct whereabouts_record *have,
			 struct error *err)
{
	struct whereabouts_got *got = taking->got;

	if (!is_own_overlap(taking->claim, &have->overlap)) {
		owner_fill(got, &have->overlap.holder);
		got->is_elsewhere = true;
		return WHEREABOUTS_TAKEN;
	}
	if (is_elder(taking->claim, &have->overlap))
		return overlap_renew(taking, have, err);
	snprintf(got->uid, sizeof(got->uid), "%s", have->overlap.uid);
	return 0;
}

/* Return: as take_once() */
static int overlap_once(struct taking *taking, struct error *err)
{
	cleanup_whereabouts_record struct whereabouts_record have = { 0 };
	struct cluster *cluster = taking->cluster;
	int r;

	r = whereabouts_overlap_post(cluster, taking->claim, taking->addr,
				     &have, err);
	if (r == CLUSTER_UNKNOWN)
		taking->may_have_record = true;
	if (r == 0 && is_own_overlap(taking->claim, &have.overlap))
		return overlap_judge(taking, &have, err);
	if (r < 0 ||
	    (r == CLUSTER_UNKNOWN && ++taking->lost >= WHEREABOUTS_LOST))
		return r;
	r = whereabouts_overlap_get(cluster, taking->claim, taking->addr, &have,
				    err);
	if (r == WHEREABOUTS_GONE)
		return WHEREABOUTS_CONFLICT;
	return r == 0 ? overlap_judge(taking, &have, err) : r;
}

static int take_overlap(struct taking *taking, struct error *err)
{
	int r = WHEREABOUTS_CONFLICT;

	taking->lost = 0;
	for (unsigned int i = 0;
	     i < WHEREABOUTS_TRIES && r == WHEREABOUTS_CONFLICT; i++) {
		if (i > 0)
			whereabouts_pause(i, 0);
		r = overlap_once(taking, err);
	}
	if (r != WHEREABOUTS_CONFLICT)
		return r;
	return error_set(err, ERROR_AGAIN, 0,
			 "the overlap record of %s comes and goes: %d tries",
			 inet_addr_format(taking->addr,
					  (char[INET_ADDR_TEXT]){ "" }),
			 WHEREABOUTS_TRIES);
}

/* --- both ------------------------------------------------------------------------- */

/* The key again, and the pod's record: one that was asked for and perhaps made,
 * or that an earlier container of it left to who has the key. What cannot be
 * undone now, or may yet be made, the caller owes. What the pool had for the
 * holder before stays. */
static void take_undo(struct taking *taking)
{
	struct error lost = { 0 };
	int r;

	if (taking->claim->is_had)
		return;
	r = whereabouts_give(taking->cluster, taking->claim, taking->addr, "",
			     &lost);
	taking->got->is_held = r != 0 || taking->may_have_record;
}

/* The key is ours. */
static int take_rest(struct taking *taking, struct error *err)
{
	int r;

	if (!taking->claim->has_overlap)
		return 0;
	r = take_overlap(taking, err);
	if (r == WHEREABOUTS_TAKEN || r < 0)
		take_undo(taking);
	return r;
}

int whereabouts_take(struct cluster *cluster,
		     const struct whereabouts_claim *claim,
		     const struct inet_addr *addr,
		     struct whereabouts_view *view, struct whereabouts_got *ret,
		     struct error *err)
{
	struct taking taking = {
		.cluster = cluster,
		.claim = claim,
		.addr = addr,
		.view = view,
		.got = ret,
	};
	int r;

	*ret = (struct whereabouts_got){ 0 };
	r = take_key(&taking, err);
	return r == 0 ? take_rest(&taking, err) : r;
}

/* Return: 0, WHEREABOUTS_TAKEN, CLUSTER_UNKNOWN, or negative */
static int adopt_key(struct taking *taking,
		     const struct whereabouts_allocation *have,
		     struct error *err)
{
	const struct whereabouts_claim *claim = taking->claim;
	cleanup_free char *body = NULL;
	int r;

	r = whereabouts_pool_adopt(have, claim->holder.id, &body, err);
	if (r < 0)
		return r;
	whereabouts_enter(taking->cluster, claim, &taking->view->gate);
	r = whereabouts_pool_patch(taking->cluster, claim, body, err);
	taking->got->is_held = r == 0 || r == CLUSTER_UNKNOWN;
	if (r == CLUSTER_UNKNOWN || r == WHEREABOUTS_CONFLICT ||
	    r == WHEREABOUTS_GONE)
		r = take_judge(taking, err);
	whereabouts_leave(&taking->view->gate);
	return r == WHEREABOUTS_CONFLICT ? WHEREABOUTS_TAKEN : r;
}

int whereabouts_adopt(struct cluster *cluster,
		      const struct whereabouts_claim *claim,
		      const struct whereabouts_allocation *have,
		      struct whereabouts_view *view,
		      struct whereabouts_got *ret, struct error *err)
{
	const struct inet_addr addr = have->addr;
	struct taking taking = {
		.cluster = cluster,
		.claim = claim,
		.addr = &addr,
		.view = view,
		.got = ret,
	};
	int r = 0;

	*ret = (struct whereabouts_got){ .is_held = true };
	if (whereabouts_is_own(&claim->holder, &have->holder))
		whereabouts_leave(&view->gate);
	else
		r = adopt_key(&taking, have, err);
	return r == 0 ? take_rest(&taking, err) : r;
}
