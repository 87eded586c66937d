/*
 * Two lists, read one after the other, while others reserve and release: what
 * differs in one look only is an ADD or a DEL on its way. So only what a second
 * look, a moment later, finds just the same is a difference.
 */

#include "ipam/adopt-priv.h"
#include "ipam/worlds.h"

#include "lib/log.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define LOOK_PAUSE_NS 900000000

struct look {
	struct worlds_keys keys;
	struct cluster_list objects;
};

static void look_clear(struct look *look)
{
	worlds_keys_clear(&look->keys);
	cluster_list_clear(&look->objects);
}
#define cleanup_look cleanup(look_clear)

struct compare {
	const struct adopt *adopt;
	struct cluster cluster;
	struct look before;
	struct look now;
};

static void compare_clear(struct compare *compare)
{
	look_clear(&compare->before);
	look_clear(&compare->now);
	kube_close(compare->cluster.kube);
}
#define cleanup_compare cleanup(compare_clear)

static enum ipam_store store_of(const struct compare *compare)
{
	return compare->adopt->config->store;
}

/* A world that is not defined on that server, or not for us, has nothing: where
 * the configuration does not name it. */
static int or_nothing(const struct compare *compare, int r, struct error *err)
{
	if (r >= 0 || store_of(compare) == IPAM_STORE_BOTH ||
	    err->code != ERROR_CONFIG)
		return r;
	log_debug("%s", err->details);
	*err = (struct error){ 0 };
	return 0;
}

static int look(struct compare *compare, struct look *ret, struct error *err)
{
	const struct ipam_config *config = compare->adopt->config;
	int r;

	r = worlds_read_keys(&compare->cluster, config, &ret->keys, err);
	if (store_of(compare) == IPAM_STORE_KUBERNETES)
		r = or_nothing(compare, r, err);
	if (r < 0)
		return r;
	r = worlds_read_objects(&compare->cluster, config, &ret->objects, err);
	if (store_of(compare) == IPAM_STORE_WHEREABOUTS)
		r = or_nothing(compare, r, err);
	return r;
}

/* --- one difference ------------------------------------------------------------ */

/* What the other world says of it: NULL, nothing; else it is another's, unless
 * @ret_same. */
static const struct reservation *
object_of(const struct look *look, const struct worlds_key *key, bool *ret_same)
{
	const struct reservation *have = worlds_find_object(&look->objects,
							    &key->addr);

	*ret_same = have && worlds_is_same(key, have);
	return have;
}

/* In the look before: the same key, and not its object either. */
static bool was_so(const struct look *before, const struct worlds_key *key,
		   const struct reservation *object)
{
	const struct worlds_key *had = worlds_find_key(&before->keys,
						       &key->addr);
	const struct reservation *other;
	bool is_same;

	if (!had || strcmp(had->id, key->id) != 0)
		return false;
	other = object_of(before, had, &is_same);
	if (is_same || !other || !object)
		return !is_same && other == object;
	return strcmp(other->uid, object->uid) == 0;
}

static int tell_no_object(struct compare *compare, const struct worlds_key *key,
			  struct error *err)
{
	const bool is_node = whereabouts_host(key->podref, key->id);
	char owner[WORLDS_OWNER];
	int gone = worlds_is_gone(&compare->cluster, key, err);

	if (gone < 0)
		return gone;
	worlds_key_owner(key, owner);
	if (gone)
		adopt_say(
			compare->adopt, is_node ? ADOPT_LEFT_NODE : ADOPT_LEFT,
			&key->addr,
			"is in the pool for %s, which is gone, and is not reserved",
			owner);
	else
		adopt_say(compare->adopt,
			  is_node || *key->podref ? ADOPT_NO_OBJECT
						  : ADOPT_NOBODYS,
			  &key->addr,
			  "is in the pool for %s, and is not reserved", owner);
	return 0;
}

static int compare_key(struct compare *compare, const struct worlds_key *key,
		       size_t *equal, struct error *err)
{
	char a[WORLDS_OWNER], b[WORLDS_OWNER];
	const struct reservation *object;
	bool is_same;

	object = object_of(&compare->now, key, &is_same);
	if (is_same) {
		(*equal)++;
		return 0;
	}
	if (!was_so(&compare->before, key, object))
		return 0;
	if (object)
		adopt_say(
			compare->adopt, ADOPT_CONFLICT, &key->addr,
			"in the pool it is of %.450s; it is reserved for %.450s",
			worlds_key_owner(key, a),
			worlds_object_owner(object, b));
	else if (store_of(compare) != IPAM_STORE_WHEREABOUTS)
		return tell_no_object(compare, key, err);
	return 0;
}

/* An object that has no key at all; others are told by their keys. */
static void compare_object(struct compare *compare,
			   const struct reservation *object)
{
	const struct reservation *had =
		worlds_find_object(&compare->before.objects, &object->address);
	char owner[WORLDS_OWNER];

	if (worlds_find_key(&compare->now.keys, &object->address) || !had ||
	    strcmp(had->uid, object->uid) != 0 ||
	    worlds_find_key(&compare->before.keys, &object->address))
		return;
	adopt_say(compare->adopt, ADOPT_NO_KEY, &object->address,
		  "is reserved for %s, and is in no pool",
		  worlds_object_owner(object, owner));
}

/* --- all of them --------------------------------------------------------------- */

static bool is_equal(const struct look *look)
{
	size_t equal = 0;

	for (size_t i = 0; i < look->keys.count; i++) {
		bool is_same;

		object_of(look, &look->keys.items[i], &is_same);
		equal += is_same;
	}
	return equal == look->keys.count && equal == look->objects.count;
}

static int look_twice(struct compare *compare, struct error *err)
{
	const struct timespec pause = { .tv_nsec = LOOK_PAUSE_NS };
	int r = look(compare, &compare->now, err);

	if (r < 0 || is_equal(&compare->now))
		return r;
	compare->before = compare->now;
	compare->now = (struct look){ 0 };
	nanosleep(&pause, NULL);
	return look(compare, &compare->now, err);
}

void adopt_compared_clear(struct adopt_compared *compared)
{
	range_set_clear(&compared->known[0]);
	range_set_clear(&compared->known[1]);
	*compared = (struct adopt_compared){ 0 };
}

static int add_known(struct adopt_compared *compared,
		     const struct inet_addr *addr, struct error *err)
{
	const inet_uint value = inet_addr_to_uint(addr);

	return range_set_add(&compared->known[addr->family == AF_INET6], value,
			     value, err);
}

static int compared_fill(const struct look *look, struct adopt_compared *ret,
			 struct error *err)
{
	int r = 0;

	adopt_compared_clear(ret);
	ret->pools = look->keys.pools;
	ret->keys = look->keys.count;
	ret->objects = look->objects.count;
	for (size_t i = 0; i < look->keys.count && r == 0; i++)
		r = add_known(ret, &look->keys.items[i].addr, err);
	for (size_t i = 0; i < look->objects.count && r == 0; i++)
		r = add_known(ret, &look->objects.items[i].address, err);
	return r;
}

int adopt_compare(const struct adopt *adopt, struct adopt_compared *ret,
		  struct error *err)
{
	cleanup_compare struct compare compare = {
		.adopt = adopt,
		.cluster = { .config = adopt->config },
	};
	int r = look_twice(&compare, err);

	if (r == 0)
		r = compared_fill(&compare.now, ret, err);
	for (size_t i = 0; i < compare.now.keys.count && r == 0; i++)
		r = compare_key(&compare, &compare.now.keys.items[i],
				&ret->equal, err);
	if (adopt->config->store == IPAM_STORE_KUBERNETES)
		return r;
	for (size_t i = 0; i < compare.now.objects.count && r == 0; i++)
		compare_object(&compare, &compare.now.objects.items[i]);
	return r;
}
