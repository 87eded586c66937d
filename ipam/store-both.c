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

#include "ipam/store-kube-priv.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define BOTH_TRIES 16 /* behind the first, only who races us takes any */

enum {
	POOLS,
	OBJECTS,
	WORLDS
};

struct both {
	struct store base;
	struct store *worlds[WORLDS];
};

static struct store *world(struct store *store, int which)
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

/* --- what may still be chosen -------------------------------------------------------- */

/* The wish, without what is taken in the other world. */
struct narrowed {
	struct store_wish wish;
	struct ipam_config config; /* all but its sets is borrowed */
};

static void narrowed_clear(struct narrowed *narrowed)
{
	for (size_t i = 0; i < narrowed->config.n_sets; i++) {
		struct ipam_range_set *set = &narrowed->config.sets[i];

		for (size_t j = 0; j < set->count; j++)
			range_set_clear(&set->ranges[j].candidates);
		free(set->ranges);
	}
	free(narrowed->config.sets);
}
#define cleanup_narrowed cleanup(narrowed_clear)

static int copy_range(const struct ipam_range *from, struct ipam_range *to,
		      struct error *err)
{
	int r = 0;

	*to = *from;
	to->candidates = (struct range_set){ 0 };
	for (size_t i = 0; i < from->candidates.count && r == 0; i++)
		r = range_set_add(&to->candidates,
				  from->candidates.items[i].first,
				  from->candidates.items[i].last, err);
	return r;
}

static int copy_set(const struct ipam_range_set *from,
		    struct ipam_range_set *to, struct error *err)
{
	int r = 0;

	*to = *from;
	to->count = 0;
	to->ranges = calloc(from->count + 1, sizeof(*to->ranges));
	if (!to->ranges)
		return error_oom(err);
	for (size_t i = 0; i < from->count && r == 0; i++)
		r = copy_range(&from->ranges[i], &to->ranges[to->count++], err);
	return r;
}

static int narrowed_init(const struct store_wish *wish,
			 struct narrowed *narrowed, struct error *err)
{
	const struct ipam_config *config = wish->config;
	int r = 0;

	narrowed->wish = *wish;
	narrowed->wish.config = &narrowed->config;
	narrowed->config = *config;
	narrowed->config.n_sets = 0;
	narrowed->config.sets = calloc(config->n_sets + 1,
				       sizeof(*config->sets));
	if (!narrowed->config.sets)
		return error_oom(err);
	for (size_t i = 0; i < config->n_sets && r == 0; i++)
		r = copy_set(&config->sets[i],
			     &narrowed->config.sets[narrowed->config.n_sets++],
			     err);
	return r;
}

static int narrow_set(struct ipam_range_set *set, const struct range_set *taken,
		      struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < set->count; i++)
		for (size_t j = 0; j < taken->count && r == 0; j++)
			r = range_set_remove(&set->ranges[i].candidates,
					     taken->items[j].first,
					     taken->items[j].last, err);
	return r;
}

/* All that is an object, in the family in which one was in the way. */
static int narrow(struct both *both, struct narrowed *narrowed, uint8_t family,
		  struct error *err)
{
	struct cluster *cluster = cluster_of(both->worlds[OBJECTS]);
	cleanup_range_set struct range_set taken = { 0 };
	char selector[160];
	int r;

	snprintf(selector, sizeof(selector), "%s=%s", RESERVATION_LABEL_POOL,
		 narrowed->config.pool);
	r = cluster_list_taken(cluster, selector, family, &taken, err);
	for (size_t i = 0; i < narrowed->config.n_sets && r == 0; i++)
		if (narrowed->config.sets[i].family == family)
			r = narrow_set(&narrowed->config.sets[i], &taken, err);
	return r;
}

/* --- ADD ------------------------------------------------------------------------------- */

static int reserve_objects(struct both *both, const struct store_wish *wish,
			   const struct store_record *given,
			   struct store_record *ret, size_t *ret_set,
			   struct error *err)
{
	struct store *objects = world(&both->base, OBJECTS);
	struct store_wish same = *wish;

	if (given->n_addresses != wish->config->n_sets)
		return error_set(err, ERROR_STORE, 0,
				 "the pools gave %zu addresses for %zu sets",
				 given->n_addresses, wish->config->n_sets);
	for (size_t i = 0; i < given->n_addresses; i++)
		same.requested[i] = given->addresses[i].address.addr;
	return objects->ops->reserve(objects, &same, ret, ret_set, err);
}

/* What cannot be given back now is owed there. */
static void undo_pools(struct both *both, const struct store_wish *wish)
{
	struct store *pools = world(&both->base, POOLS);
	struct error err = { 0 };
	int r = pools->ops->release(pools, wish->attachment, &err);

	if (r < 0)
		log_warning("undo a reservation: %s", err.details);
}

static void hand_over(struct store_record *from, struct store_record *ret)
{
	store_record_clear(ret);
	*ret = *from;
	*from = (struct store_record){ 0 };
}

static int reserve_once(struct both *both, const struct store_wish *wish,
			const struct narrowed *narrowed,
			struct store_record *ret, size_t *ret_set,
			bool *ret_is_object, struct error *err)
{
	cleanup_store_record struct store_record given = { 0 };
	cleanup_store_record struct store_record found = { 0 };
	struct store *pools = world(&both->base, POOLS);
	int r;

	*ret_is_object = false;
	r = pools->ops->reserve(pools, &narrowed->wish, &given, ret_set, err);
	if (r != 0) {
		hand_over(&given, ret);
		return r;
	}
	r = reserve_objects(both, wish, &given, &found, ret_set, err);
	if (r == 0) {
		hand_over(&given, ret);
		return 0;
	}
	undo_pools(both, wish);
	*ret_is_object = true;
	hand_over(&found, ret);
	return r;
}

static int both_reserve(struct store *store, const struct store_wish *wish,
			struct store_record *ret, size_t *ret_set,
			struct error *err)
{
	cleanup_narrowed struct narrowed narrowed = { 0 };
	struct both *both = (struct both *)store;
	int r = narrowed_init(wish, &narrowed, err);

	for (int i = 0; i < BOTH_TRIES && r == 0; i++) {
		bool is_object;

		r = reserve_once(both, wish, &narrowed, ret, ret_set,
				 &is_object, err);
		if (r != STORE_TAKEN || !is_object ||
		    wish->requested[*ret_set].family)
			return r;
		r = narrow(both, &narrowed, wish->config->sets[*ret_set].family,
			   err);
	}
	return r < 0 ? r
		     : error_set(
			       err, ERROR_AGAIN, 0,
			       "%d addresses in turn were free in Whereabouts' "
			       "pools, and reserved by others in that moment",
			       BOTH_TRIES);
}

static int both_confirm(struct store *store,
			const struct store_attachment *attachment,
			struct error *err)
{
	int r = 0;

	for (int i = 0; i < WORLDS && r == 0; i++) {
		struct store *one = world(store, i);

		r = one->ops->confirm(one, attachment, err);
	}
	return r;
}

/* --- DEL ------------------------------------------------------------------------------- */

static int release_in(struct store *store, int which,
		      const struct store_attachment *attachment,
		      struct error *err)
{
	struct store *one = world(store, which);

	return one->ops->release(one, attachment, err);
}

static int both_release(struct store *store,
			const struct store_attachment *attachment,
			struct error *err)
{
	struct error a_err = { 0 };
	struct error b_err = { 0 };
	int a = release_in(store, POOLS, attachment, &a_err);
	int b = release_in(store, OBJECTS, attachment, &b_err);

	if (a == STORE_ABSENT && b == 0)
		a = release_in(store, POOLS, attachment, &a_err);
	return combine(a, &a_err, b, &b_err, err);
}

static int both_refuse(struct store *store,
		       const struct store_attachment *attachment,
		       const struct inet_addr *addr, const char *whose,
		       struct error *err)
{
	struct store *pools = world(store, POOLS);
	struct store *objects = world(store, OBJECTS);
	struct error a_err = { 0 };
	struct error b_err = { 0 };
	int a = pools->ops->refuse(pools, attachment, addr, whose, &a_err);
	int b = objects->ops->refuse(objects, attachment, addr, whose, &b_err);

	return combine(a, &a_err, b, &b_err, err);
}

/* --- what was looked at before ------------------------------------------------------------- */

static struct store_attachment attachment_of(const struct store_record *record)
{
	return (struct store_attachment){
		.network = record->network,
		.container_id = record->container_id,
		.ifname = record->ifname,
	};
}

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
	const struct store_attachment attachment = attachment_of(record);
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
	struct store *one = world(store, which);
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
	int a = change_in(store, POOLS, change, &a_err);
	int b = change_in(store, OBJECTS, change, &b_err);

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

/* --- looking ----------------------------------------------------------------------------------- */

static int both_due(struct store *store, const char *task, uint64_t period_ms,
		    struct error *err)
{
	struct store *objects = world(store, OBJECTS);

	return objects->ops->due(objects, task, period_ms, err);
}

static int both_find(struct store *store,
		     const struct store_attachment *attachment,
		     struct store_record *ret, struct error *err)
{
	int r = STORE_ABSENT;

	for (int i = 0; i < WORLDS && r == STORE_ABSENT; i++) {
		struct store *one = world(store, i);

		r = one->ops->find(one, attachment, ret, err);
	}
	return r;
}

static int both_list(struct store *store, struct store_records *ret,
		     struct error *err)
{
	cleanup_store_records struct store_records pools = { 0 };
	cleanup_store_records struct store_records objects = { 0 };
	struct store *one = world(store, POOLS);
	int r = one->ops->list(one, &pools, err);

	if (r != 0)
		return r;
	one = world(store, OBJECTS);
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
	struct store *one = world(store, POOLS);
	int r = one->ops->usage(one, set, ret, err);

	if (r != 0)
		return r;
	one = world(store, OBJECTS);
	r = one->ops->usage(one, set, &other, err);
	if (r == 0 && other.used > ret->used)
		*ret = other;
	return r;
}

/* --- the store ------------------------------------------------------------------------------------ */

static bool both_is_damaged(const struct store *store)
{
	const struct both *both = (const struct both *)store;

	for (int i = 0; i < WORLDS; i++)
		if (both->worlds[i]->ops->is_damaged(both->worlds[i]))
			return true;
	return false;
}

static int both_rebuild(struct store *store, const struct store_records *known,
			struct error *err)
{
	int r = 0;

	for (int i = 0; i < WORLDS && r == 0; i++) {
		struct store *one = world(store, i);

		if (one->ops->is_damaged(one))
			r = one->ops->rebuild(one, known, err);
	}
	return r;
}

static int both_audit(struct store *store, bool repair, store_tell tell,
		      void *arg, struct error *err)
{
	int r = 0;

	for (int i = 0; i < WORLDS && r == 0; i++) {
		struct store *one = world(store, i);

		if (one->ops->audit)
			r = one->ops->audit(one, repair, tell, arg, err);
	}
	return r;
}

static int both_ready(struct store *store, struct error *err)
{
	int r = 0;

	for (int i = 0; i < WORLDS && r == 0; i++) {
		struct store *one = world(store, i);

		r = one->ops->ready(one, err);
	}
	return r;
}

static struct store *both_close(struct store *store)
{
	struct both *both = (struct both *)store;

	for (int i = 0; i < WORLDS; i++)
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
				   &both->worlds[POOLS], err);
	if (r == 0)
		r = store_kube_open(config, read_only, timeout_ms,
				    &both->worlds[OBJECTS], err);
	if (r < 0) {
		both_close(&both->base);
		return r;
	}
	*ret = &both->base;
	return 0;
}
