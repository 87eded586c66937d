/*
 * Two worlds at once, while a range moves from one to the other: an address is
 * given only if it is free in Whereabouts' pools and as a Reservation, and is
 * taken in both. So whoever serves the range by one of them alone never gives
 * what an ADD of ours got, and we never give what he gave: in both directions.
 *
 * Each world is a whole store with a record of its own on this node; whatever
 * one of them owes or has to find out after a death is its own affair. What is
 * left to be right here is the order:
 *
 *	reserve		the pool, which knows at once all that is taken in it,
 *			then the object of that address. Dead in between, there
 *			is a pending record in the one and none in the other: a
 *			repeated ADD takes it over, DEL and GC release it. Is the
 *			object taken, the pool's key is given back, and all that
 *			the server has as objects is no candidate any more
 *	confirm		both: a record that is live in one and pending in the
 *			other is dead in the other, if its process is, and the
 *			DEL that follows finds both
 *	release		the pool first, then the object: "shimctl ipam adopt"
 *			makes an object and then looks whether the key that it
 *			is for is still there. The other way round it makes a
 *			key and then looks for the object; so what was not in
 *			the pool is looked for again behind the object
 *
 * An attachment that was made under one store alone has a record, or an object,
 * or a key, in that one; the other answers that it has none, and that is fine.
 */

#include "ipam/store-both-priv.h"

#include <stdlib.h>

struct store *both_world(struct store *store, int which)
{
	struct both *both = (struct both *)store;
	struct store *one = both->worlds[which];

	one->timeout_ms = store->timeout_ms;
	return one;
}

/* What two worlds answer, as one: what failed first, then what must be tried
 * again, then that there was something. */
static int combine(int a, const struct error *a_err, int b,
		   const struct error *b_err, struct error *err)
{
	if (a < 0 || b < 0) {
		*err = a < 0 ? *a_err : *b_err;
		return error_return(err);
	}
	if (a == STORE_BUSY || b == STORE_BUSY)
		return STORE_BUSY;
	return a == 0 ? b == STORE_ABSENT ? 0 : b : a == STORE_ABSENT ? b : a;
}

static int both_confirm(struct store *store,
			const struct store_attachment *attachment,
			struct error *err)
{
	int r = 0;

	for (int i = 0; i < BOTH_WORLDS && r == 0; i++) {
		struct store *one = both_world(store, i);

		r = one->ops->confirm(one, attachment, err);
	}
	return r;
}

/* --- DEL -------------------------------------------------------------------------- */

static int release_in(struct store *store, int which,
		      const struct store_attachment *attachment,
		      struct error *err)
{
	struct store *one = both_world(store, which);

	return one->ops->release(one, attachment, err);
}

static int both_release(struct store *store,
			const struct store_attachment *attachment,
			struct error *err)
{
	struct error a_err = { 0 };
	struct error b_err = { 0 };
	int a = release_in(store, BOTH_POOLS, attachment, &a_err);
	int b = release_in(store, BOTH_OBJECTS, attachment, &b_err);

	if (a == STORE_ABSENT && b == 0)
		a = release_in(store, BOTH_POOLS, attachment, &a_err);
	return combine(a, &a_err, b, &b_err, err);
}

static int both_refuse(struct store *store,
		       const struct store_attachment *attachment,
		       const struct inet_addr *addr, const char *whose,
		       struct error *err)
{
	struct store *pools = both_world(store, BOTH_POOLS);
	struct store *objects = both_world(store, BOTH_OBJECTS);
	struct error a_err = { 0 };
	struct error b_err = { 0 };
	int a = pools->ops->refuse(pools, attachment, addr, whose, &a_err);
	int b = objects->ops->refuse(objects, attachment, addr, whose, &b_err);

	return combine(a, &a_err, b, &b_err, err);
}

/* --- what was looked at before ---------------------------------------------------- */

/* By the same ADD: each world has its own time for it. */
static bool is_same_add(const struct store_record *a,
			const struct store_record *b)
{
	return a->state == b->state &&
	       process_is_same(&a->process, &b->process);
}

/* The world's own record of what @record was read as. */
static int find_same(struct store *one, const struct store_record *record,
		     struct store_record *ret, struct error *err)
{
	const struct store_attachment attachment =
		store_record_attachment(record);
	int r = one->ops->find(one, &attachment, ret, err);

	if (r != 0)
		return r;
	return is_same_add(ret, record) ? 0 : STORE_ABSENT;
}

struct change {
	const struct store_record *record;
	bool is_mark;
	uint64_t dead_ms;
};

static int change_in(struct store *store, int which,
		     const struct change *change, struct error *err)
{
	cleanup_store_record struct store_record own = { 0 };
	struct store *one = both_world(store, which);
	int r = find_same(one, change->record, &own, err);

	if (r != 0)
		return r;
	return change->is_mark ? one->ops->mark(one, &own, change->dead_ms, err)
			       : one->ops->reap(one, &own, err);
}

static int change_both(struct store *store, const struct change *change,
		       struct error *err)
{
	struct error a_err = { 0 };
	struct error b_err = { 0 };
	int a = change_in(store, BOTH_POOLS, change, &a_err);
	int b = change_in(store, BOTH_OBJECTS, change, &b_err);

	return combine(a, &a_err, b, &b_err, err);
}

static int both_reap(struct store *store, const struct store_record *record,
		     struct error *err)
{
	const struct change change = { .record = record };

	return change_both(store, &change, err);
}

static int both_mark(struct store *store, const struct store_record *record,
		     uint64_t dead_ms, struct error *err)
{
	const struct change change = {
		.record = record,
		.is_mark = true,
		.dead_ms = dead_ms,
	};

	return change_both(store, &change, err);
}

/* --- looking ---------------------------------------------------------------------- */

static int both_due(struct store *store, const char *task, uint64_t period_ms,
		    struct error *err)
{
	struct store *objects = both_world(store, BOTH_OBJECTS);

	return objects->ops->due(objects, task, period_ms, err);
}

static int both_find(struct store *store,
		     const struct store_attachment *attachment,
		     struct store_record *ret, struct error *err)
{
	int r = STORE_ABSENT;

	for (int i = 0; i < BOTH_WORLDS && r == STORE_ABSENT; i++) {
		struct store *one = both_world(store, i);

		r = one->ops->find(one, attachment, ret, err);
	}
	return r;
}

static int both_list(struct store *store, struct store_records *ret,
		     struct error *err)
{
	cleanup_store_records struct store_records pools = { 0 };
	cleanup_store_records struct store_records objects = { 0 };
	struct store *one = both_world(store, BOTH_POOLS);
	int r = one->ops->list(one, &pools, err);

	if (r != 0)
		return r;
	one = both_world(store, BOTH_OBJECTS);
	r = one->ops->list(one, &objects, err);
	if (r == 0)
		r = store_records_unite(&pools, &objects, err);
	if (r != 0)
		return r;
	*ret = pools;
	pools = (struct store_records){ 0 };
	return 0;
}

/* What is used in one is to be in both: the fuller one counts. */
static int both_usage(struct store *store, size_t set, struct store_usage *ret,
		      struct error *err)
{
	struct store_usage other = { 0 };
	struct store *one = both_world(store, BOTH_POOLS);
	int r = one->ops->usage(one, set, ret, err);

	if (r != 0)
		return r;
	one = both_world(store, BOTH_OBJECTS);
	r = one->ops->usage(one, set, &other, err);
	if (r == 0 && other.used > ret->used)
		*ret = other;
	return r;
}

/* --- the store -------------------------------------------------------------------- */

static bool both_is_damaged(const struct store *store)
{
	const struct both *both = (const struct both *)store;

	for (int i = 0; i < BOTH_WORLDS; i++)
		if (both->worlds[i]->ops->is_damaged(both->worlds[i]))
			return true;
	return false;
}

static int both_rebuild(struct store *store, const struct store_records *known,
			struct error *err)
{
	int r = 0;

	for (int i = 0; i < BOTH_WORLDS && r == 0; i++) {
		struct store *one = both_world(store, i);

		if (one->ops->is_damaged(one))
			r = one->ops->rebuild(one, known, err);
	}
	return r;
}

static int both_audit(struct store *store, bool repair, store_tell tell,
		      void *arg, struct error *err)
{
	int r = 0;

	for (int i = 0; i < BOTH_WORLDS && r == 0; i++) {
		struct store *one = both_world(store, i);

		if (one->ops->audit)
			r = one->ops->audit(one, repair, tell, arg, err);
	}
	return r;
}

static int both_ready(struct store *store, struct error *err)
{
	int r = 0;

	for (int i = 0; i < BOTH_WORLDS && r == 0; i++) {
		struct store *one = both_world(store, i);

		r = one->ops->ready(one, err);
	}
	return r;
}

static struct store *both_close(struct store *store)
{
	struct both *both = (struct both *)store;

	for (int i = 0; i < BOTH_WORLDS; i++)
		store_close(both->worlds[i]);
	free(both);
	return NULL;
}

static const struct store_ops both_ops = {
	.name = "both",
	.reserve = both_reserve,
	.confirm = both_confirm,
	.release = both_release,
	.reap = both_reap,
	.mark = both_mark,
	.due = both_due,
	.refuse = both_refuse,
	.find = both_find,
	.list = both_list,
	.usage = both_usage,
	.is_damaged = both_is_damaged,
	.rebuild = both_rebuild,
	.audit = both_audit,
	.ready = both_ready,
	.close = both_close,
};

int store_both_open(const struct ipam_config *config, bool read_only,
		    unsigned int timeout_ms, struct store **ret,
		    struct error *err)
{
	struct both *both = calloc(1, sizeof(*both));
	int r;

	if (!both)
		return error_oom(err);
	both->base.ops = &both_ops;
	both->base.timeout_ms = timeout_ms;
	r = store_whereabouts_open(config, read_only, timeout_ms,
				   &both->worlds[BOTH_POOLS], err);
	if (r == 0)
		r = store_kube_open(config, read_only, timeout_ms,
				    &both->worlds[BOTH_OBJECTS], err);
	if (r < 0) {
		both_close(&both->base);
		return r;
	}
	*ret = &both->base;
	return 0;
}
