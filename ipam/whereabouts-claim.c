/*
 * One address, taken and given back. What is true if we die, or an answer is
 * lost, behind each request:
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
 * record anew in its own name: so what an earlier one owes has another uid.
 *
 * A patch whose answer was lost may still be carried out, but only while the key
 * is nobody's: asking once more for the same key settles it, since both say the
 * same. If that is lost too, it may be ours, and is the caller's to give back.
 */

#include "ipam/whereabouts-priv.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define TRIES      12 /* conflicts over one key, each after a fresh read */
#define LARGE      128 /* keys: what the server repeats costs more than we do */
#define LOST_TRIES 2 /* answers, then the server is sick */

/* --- whose is it? ------------------------------------------------------------------ */

static bool has_ifname(const struct whereabouts_holder *have)
{
	return have->ifname && *have->ifname;
}

static bool is_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* This very container's? A podref that is not known is not compared; an elder
 * definition drops the interface's name. */
static bool is_own(const struct whereabouts_holder *own,
		   const struct whereabouts_holder *have)
{
	return is_text(own->id, have->id) &&
	       (!own->podref || is_text(own->podref, have->podref)) &&
	       (!has_ifname(have) || is_text(own->ifname, have->ifname));
}

/* Whereabouts writes no container's id. Without a pod, it is all there is. */
static bool is_own_overlap(const struct whereabouts_claim *claim,
			   const struct whereabouts_overlap *have)
{
	const struct whereabouts_holder *own = &claim->holder;

	if (own->podref && *own->podref)
		return whereabouts_overlap_is(have, own->podref, own->ifname);
	return is_text(own->id, have->holder.id) &&
	       is_text(own->ifname, have->holder.ifname);
}

static void owner_fill(struct whereabouts_got *got,
		       const struct whereabouts_holder *have)
{
	struct whereabouts_owner *owner = &got->owner;

	snprintf(owner->podref, sizeof(owner->podref), "%s", have->podref);
	snprintf(owner->id, sizeof(owner->id), "%s", have->id);
	snprintf(owner->ifname, sizeof(owner->ifname), "%s",
		 have->ifname ? have->ifname : "");
}

static const struct whereabouts_allocation *
at_address(const struct whereabouts_view *view, const struct inet_addr *addr)
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
	for (unsigned int i = 0; i < TRIES; i++) {
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
			 "an IPPool that was made is gone each time");
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

/* --- the pool's key ---------------------------------------------------------------- */

/* One key on its way. */
struct taking {
	struct cluster *cluster;
	const struct whereabouts_claim *claim;
	const struct inet_addr *addr;
	struct whereabouts_view *view;
	struct whereabouts_got *got;
	unsigned int lost; /* answers */
	unsigned int conflicts;
};

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
	have = at_address(taking->view, taking->addr);
	if (!have)
		return WHEREABOUTS_CONFLICT;
	taking->got->is_held = is_own(&taking->claim->holder, &have->holder);
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
		if (++taking->lost >= LOST_TRIES)
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
	for (unsigned int i = 0; i < TRIES && r == WHEREABOUTS_CONFLICT; i++)
		r = take_once(taking, err);
	whereabouts_leave(&taking->view->gate);
	if (r != WHEREABOUTS_CONFLICT)
		return r;
	return error_set(err, ERROR_AGAIN, 0,
			 "IPPool %s refused %u patches in turn, of a key that "
			 "is free",
			 taking->view->pool.name, TRIES);
}

/* --- the overlap record -------------------------------------------------------------- */

/* An earlier container's of the pod, which is named in it. */
static bool is_elder(const struct whereabouts_claim *claim,
		     const struct whereabouts_overlap *have)
{
	return *have->holder.id && !is_text(claim->holder.id, have->holder.id);
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
	if (r == 0 && is_own_overlap(taking->claim, &have.overlap))
		return overlap_judge(taking, &have, err);
	if (r < 0 || (r == CLUSTER_UNKNOWN && ++taking->lost >= LOST_TRIES))
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
	for (unsigned int i = 0; i < TRIES && r == WHEREABOUTS_CONFLICT; i++) {
		if (i > 0)
			whereabouts_pause(i, 0);
		r = overlap_once(taking, err);
	}
	if (r != WHEREABOUTS_CONFLICT)
		return r;
	return error_set(err, ERROR_AGAIN, 0,
			 "an overlap record comes and goes %u times", TRIES);
}

/* --- both ----------------------------------------------------------------------------- */

/* The key again; what cannot be undone now, the caller owes. */
static void take_undo(struct taking *taking)
{
	struct error lost = { 0 };
	struct whereabouts_claim claim = *taking->claim;
	int r;

	claim.has_overlap = false; /* there is none of ours */
	r = whereabouts_give(taking->cluster, &claim, taking->addr, "", &lost);
	taking->got->is_held = r != 0;
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
	if (is_own(&claim->holder, &have->holder))
		whereabouts_leave(&view->gate);
	else
		r = adopt_key(&taking, have, err);
	return r == 0 ? take_rest(&taking, err) : r;
}

/* --- giving back ------------------------------------------------------------------------ */

/* One key on its way back. */
struct giving {
	struct cluster *cluster;
	const struct whereabouts_claim *claim;
	const struct inet_addr *addr;
	struct whereabouts_view view;
	/* Who has it now, borrowed from the view; NULL: nobody. */
	const struct whereabouts_holder *holder;
};

static bool is_only_one(const struct whereabouts_view *view,
			const struct whereabouts_holder *holder)
{
	size_t found = 0;

	for (size_t i = 0; i < view->pool.count; i++)
		found += is_text(view->pool.items[i].holder.id, holder->id);
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

/* A test failed: is it ours nevertheless? Return: 0 (not ours, or not any
 * more), WHEREABOUTS_CONFLICT, CLUSTER_UNKNOWN, or negative */
static int give_judge(struct giving *giving, struct error *err)
{
	const struct whereabouts_holder *own = &giving->claim->holder;
	const struct whereabouts_allocation *have;
	int r;

	giving->holder = NULL;
	r = whereabouts_pool_get(giving->cluster, giving->claim, &giving->view,
				 err);
	if (r != 0)
		return r == WHEREABOUTS_GONE ? 0 : r;
	have = at_address(&giving->view, giving->addr);
	if (!have)
		return 0;
	if (is_own(own, &have->holder) &&
	    (has_ifname(&have->holder) || !has_ifname(own) ||
	     is_only_one(&giving->view, &have->holder)))
		return give_stored(giving, have, err);
	giving->holder = &have->holder;
	return 0;
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

/* A lost answer is looked into once: a release that is carried out twice, or
 * late, is one. Return: 0, CLUSTER_UNKNOWN, or negative */
static int give_key(struct giving *giving, struct error *err)
{
	unsigned int lost = 0;
	int r = give_send(giving, err);

	for (unsigned int i = 1; i < TRIES; i++) {
		if (r != WHEREABOUTS_CONFLICT &&
		    (r != CLUSTER_UNKNOWN || ++lost >= LOST_TRIES))
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
			 giving->view.pool.name, TRIES);
}

/* Without its uid: that container's, or that pod's, which has taken it over from
 * an earlier container as it is. Whereabouts' own names none. */
static bool is_record_of(const struct whereabouts_claim *claim,
			 const struct whereabouts_overlap *have)
{
	const struct whereabouts_holder *own = &claim->holder;

	if (*have->holder.id && is_text(own->id, have->holder.id) &&
	    (!has_ifname(&have->holder) ||
	     is_text(own->ifname, have->holder.ifname)))
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

	if (*uid ? !is_text(uid, have->uid)
		 : !is_record_of(giving->claim, have))
		return false;
	return !now || !is_text(now->podref, have->holder.podref) ||
	       (has_ifname(&have->holder) &&
		!is_text(now->ifname, have->holder.ifname));
}

static int give_overlap(struct giving *giving, const char *uid,
			struct error *err)
{
	cleanup_whereabouts_record struct whereabouts_record have = { 0 };
	int r;

	if (!*uid || giving->holder) {
		r = whereabouts_overlap_get(giving->cluster, giving->claim,
					    giving->addr, &have, err);
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
	if (r == 0 && claim->has_overlap)
		r = give_overlap(&giving, uid, err);
	whereabouts_view_clear(&giving.view);
	return r;
}

/* --- all of a container's interface ----------------------------------------------------- */

static bool is_of(const struct whereabouts_view *view,
		  const struct whereabouts_holder *own,
		  const struct whereabouts_allocation *have)
{
	return have->addr.family && is_text(own->id, have->holder.id) &&
	       (has_ifname(&have->holder)
			? is_text(own->ifname, have->holder.ifname)
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
	const struct whereabouts_allocation *now;
	struct inet_addr addr;
	int r;

	if (!is_record_of(claim, have) ||
	    whereabouts_overlap_addr(claim->network, have->name, &addr) != 0 ||
	    !inet_prefix_contains(&claim->range, &addr))
		return 0;
	r = whereabouts_pool_get(giving->cluster, claim, &giving->view, err);
	if (r != 0)
		return r == WHEREABOUTS_GONE ? 0 : r;
	now = at_address(&giving->view, &addr);
	giving->holder = now ? &now->holder : NULL;
	if (!is_to_be_given(giving, "", have))
		return 0;
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
