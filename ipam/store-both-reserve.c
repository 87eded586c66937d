/*
 * An ADD in both worlds: the pools choose, and what they gave is asked for as
 * objects. The order, and what a death between the two leaves, is told in
 * store-both.c.
 *
 * Is an object taken, the pools have to choose again, and nothing in them says
 * why: so their choice is narrowed by all that is an object in that family, in
 * one list. Behind that only who races us takes any, and tries are bounded.
 */

#include "ipam/store-both-priv.h"

#include "lib/log.h"

#include <stdio.h>

#define BOTH_TRIES 16

/* --- what may still be chosen ----------------------------------------------------- */

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
	struct cluster *cluster = cluster_of(both->worlds[BOTH_OBJECTS]);
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

/* --- ADD -------------------------------------------------------------------------- */

static int reserve_objects(struct both *both, const struct store_wish *wish,
			   const struct store_record *given,
			   struct store_record *ret, size_t *ret_set,
			   struct error *err)
{
	struct store *objects = both_world(&both->base, BOTH_OBJECTS);
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
	struct store *pools = both_world(&both->base, BOTH_POOLS);
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
	struct store *pools = both_world(&both->base, BOTH_POOLS);
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

int both_reserve(struct store *store, const struct store_wish *wish,
		 struct store_record *ret, size_t *ret_set, struct error *err)
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
