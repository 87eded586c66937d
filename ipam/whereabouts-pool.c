/* What Whereabouts' objects say. What is there in an odd form is read as
 * Whereabouts reads it: a key that is no number is nobody's. */

#include "ipam/whereabouts-pool.h"

#include <stdlib.h>
#include <string.h>

/* A member's text, NULL if it has none. */
static const char *text_of(const struct json_at *at, const char *key)
{
	struct json_at member;

	return json_member(at, key, &member) ? json_text(&member) : NULL;
}

static const char *text_or_empty(const struct json_at *at, const char *key)
{
	const char *text = text_of(at, key);

	return text ? text : "";
}

/* Both empty where it has no metadata. */
static void read_metadata(const struct json_at *at, const char **ret_name,
			  const char **ret_uid)
{
	struct json_at metadata;

	*ret_name = *ret_uid = "";
	if (!json_member(at, "metadata", &metadata))
		return;
	*ret_name = text_or_empty(&metadata, "name");
	*ret_uid = text_or_empty(&metadata, "uid");
}

static const char *read_version(const struct json_at *at)
{
	struct json_at metadata;

	return json_member(at, "metadata", &metadata)
		       ? text_or_empty(&metadata, "resourceVersion")
		       : "";
}

static struct whereabouts_holder read_holder(const struct json_at *at,
					     const char *id_key)
{
	return (struct whereabouts_holder){
		.podref = text_or_empty(at, "podref"),
		.id = text_or_empty(at, id_key),
		.ifname = text_of(at, "ifname"),
	};
}

/* --- pools ------------------------------------------------------------------------ */

/* One that says nothing is what is left of it. */
static bool is_tracked(const struct json_at *at)
{
	struct json_at metadata, fields, first;

	if (!json_member(at, "metadata", &metadata) ||
	    !json_member(&metadata, "managedFields", &fields) ||
	    json_count(&fields) == 0)
		return false;
	first = json_element(&fields, 0);
	return json_count(&fields) > 1 || json_count(&first) > 0;
}

void whereabouts_pool_clear(struct whereabouts_pool *pool)
{
	free(pool->items);
	range_set_clear(&pool->taken);
	*pool = (struct whereabouts_pool){ 0 };
}

static int read_allocation(const struct json_at *at,
			   struct whereabouts_pool *pool, struct error *err)
{
	struct whereabouts_allocation *to = &pool->items[pool->count++];
	inet_uint value;

	*to = (struct whereabouts_allocation){
		.key = at->key,
		.holder = read_holder(at, "id"),
	};
	if (whereabouts_addr(&pool->base.addr, at->key, &to->addr) != 0)
		return 0;
	value = inet_addr_to_uint(&to->addr);
	return range_set_add(&pool->taken, value, value, err);
}

static int read_allocations(const struct json_at *spec,
			    struct whereabouts_pool *pool, struct error *err)
{
	struct json_at at;
	int r = 0;

	if (!json_member(spec, "allocations", &at) || json_count(&at) == 0)
		return 0;
	if (json_type(&at) != JSON_TYPE_OBJECT)
		return error_set(err, ERROR_STORE, 0,
				 "IPPool %s: spec.allocations is no object",
				 pool->name);
	pool->items = calloc(json_count(&at), sizeof(*pool->items));
	if (!pool->items)
		return error_oom(err);
	for (size_t i = 0; i < json_count(&at) && r == 0; i++) {
		struct json_at item = json_member_at(&at, i);

		r = read_allocation(&item, pool, err);
	}
	return r;
}

static bool has_host_bits(const struct inet_prefix *base)
{
	struct inet_prefix network = inet_prefix_network(base);

	return !inet_addr_equal(&network.addr, &base->addr);
}

int whereabouts_pool_read(const struct json_at *at,
			  struct whereabouts_pool *ret, struct error *err)
{
	cleanup_whereabouts_pool struct whereabouts_pool pool = { 0 };
	struct json_at spec;
	int r;

	read_metadata(at, &pool.name, &pool.uid);
	pool.version = read_version(at);
	if (!*pool.name)
		return error_set(err, ERROR_STORE, 0,
				 "an IPPool without a name");
	if (!json_member(at, "spec", &spec))
		return error_set(err, ERROR_STORE, 0, "IPPool %s: no spec",
				 pool.name);
	pool.range = text_or_empty(&spec, "range");
	if (whereabouts_base(pool.range, &pool.base) != 0)
		return error_set(err, ERROR_STORE, 0,
				 "IPPool %s: spec.range: \"%.64s\" is not "
				 "ADDRESS/LENGTH",
				 pool.name, pool.range);
	pool.is_tracked = is_tracked(at);
	pool.is_crooked = has_host_bits(&pool.base);
	r = read_allocations(&spec, &pool, err);
	if (r < 0)
		return r;
	whereabouts_pool_clear(ret);
	*ret = pool;
	pool = (struct whereabouts_pool){ 0 };
	return 0;
}

/* --- finding ---------------------------------------------------------------------- */

bool whereabouts_is_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

bool whereabouts_has_ifname(const struct whereabouts_holder *holder)
{
	return holder->ifname && *holder->ifname;
}

static bool is_ifname(const struct whereabouts_holder *holder,
		      const char *ifname)
{
	return holder->ifname && strcmp(holder->ifname, ifname) == 0;
}

const struct whereabouts_allocation *
whereabouts_pool_of_pod(const struct whereabouts_pool *pool, const char *podref,
			const char *ifname)
{
	for (size_t i = 0; i < pool->count; i++) {
		const struct whereabouts_allocation *have = &pool->items[i];

		if (have->addr.family && *podref &&
		    strcmp(have->holder.podref, podref) == 0 &&
		    is_ifname(&have->holder, ifname))
			return have;
	}
	return NULL;
}

const struct whereabouts_allocation *
whereabouts_pool_of_container(const struct whereabouts_pool *pool,
			      const char *id, const char *ifname)
{
	const struct whereabouts_allocation *nameless = NULL;
	size_t found = 0;

	for (size_t i = 0; i < pool->count; i++) {
		const struct whereabouts_allocation *have = &pool->items[i];

		if (!have->addr.family || strcmp(have->holder.id, id) != 0)
			continue;
		if (is_ifname(&have->holder, ifname))
			return have;
		found++;
		if (!whereabouts_has_ifname(&have->holder))
			nameless = have;
	}
	return found == 1 ? nameless : NULL;
}

/* --- overlap records -------------------------------------------------------------- */

int whereabouts_overlap_read(const struct json_at *at,
			     struct whereabouts_overlap *ret, struct error *err)
{
	struct json_at spec;

	*ret = (struct whereabouts_overlap){ .holder = { "", "", NULL } };
	read_metadata(at, &ret->name, &ret->uid);
	if (!*ret->name)
		return error_set(
			err, ERROR_STORE, 0,
			"an OverlappingRangeIPReservation without a name");
	if (json_member(at, "spec", &spec))
		ret->holder = read_holder(&spec, "containerid");
	return 0;
}

bool whereabouts_overlap_is(const struct whereabouts_overlap *overlap,
			    const char *podref, const char *ifname)
{
	const struct whereabouts_holder *holder = &overlap->holder;

	return strcmp(holder->podref, podref) == 0 &&
	       (!whereabouts_has_ifname(holder) || is_ifname(holder, ifname));
}
