/*
 * What rests, in two orders: T, by when it ends, and S, by whom it rests after.
 * Both have an address from when it is released until it is taken again or has
 * rested enough; its X record says the same, and is what names the two.
 */

#include "ipam/occupancy-priv.h"

#include "lib/hash.h"

#include <string.h>

#define OWNER_LEN 8

static void until_key(const struct occupancy *occupancy, uint64_t until_ms,
		      inet_uint value, struct table_key *key)
{
	occupancy_space_key(occupancy, 'T', key);
	table_key_add_uint(key, until_ms, sizeof(until_ms));
	table_key_add_uint(key, value, occupancy_address_len(occupancy));
}

/* A hash in place of the owner's name: one that collides only means that two
 * pods may have back what the other used. */
static size_t owner_key(const struct occupancy *occupancy, const void *owner,
			size_t len, struct table_key *key)
{
	occupancy_space_key(occupancy, 'S', key);
	table_key_add_uint(key, hash_add(HASH_INIT, owner, len), OWNER_LEN);
	return key->len;
}

static int rest_del_key(const struct occupancy *occupancy, inet_uint value,
			const struct table_key *key, struct error *err)
{
	int r = table_del(occupancy->table, key, err);

	if (r == TABLE_ABSENT)
		return occupancy_inconsistent(occupancy, value, "does not rest",
					      err);
	return r;
}

int occupancy_rest_end(const struct occupancy *occupancy, inet_uint value,
		       const struct occupancy_state *state, struct error *err)
{
	struct table_key until, owner;
	int r;

	until_key(occupancy, state->until_ms, value, &until);
	owner_key(occupancy, state->rest, state->len, &owner);
	table_key_add_uint(&owner, value, occupancy_address_len(occupancy));
	r = rest_del_key(occupancy, value, &until, err);
	if (r < 0)
		return r;
	return rest_del_key(occupancy, value, &owner, err);
}

int occupancy_rest_begin(const struct occupancy *occupancy, inet_uint value,
			 uint64_t rest_ms, struct error *err)
{
	const struct occupancy_state state = {
		.state = OCCUPANCY_RESTING,
		.until_ms = occupancy->now_ms + rest_ms,
		.len = strnlen(occupancy->owner, TABLE_KEY_MAX),
		.rest = (const uint8_t *)occupancy->owner,
	};
	struct table_key until, owner;
	int r;

	until_key(occupancy, state.until_ms, value, &until);
	owner_key(occupancy, state.rest, state.len, &owner);
	table_key_add_uint(&owner, value, occupancy_address_len(occupancy));
	r = table_put(occupancy->table, &until, NULL, 0, err);
	if (r == 0)
		r = table_put(occupancy->table, &owner, NULL, 0, err);
	if (r == 0)
		r = occupancy_state_put(occupancy, value, &state, err);
	return r;
}

/* The next candidate in one of the two orders; @from moves behind it. */
static int rest_next(const struct occupancy *occupancy, struct table_key *from,
		     size_t prefix, const struct ipam_range_set *set,
		     inet_uint *ret, struct error *err)
{
	struct table_value none;
	int r;

	do {
		struct table_key found;

		r = table_seek(occupancy->table, from, prefix, &found, &none,
			       err);
		if (r != 0)
			return r < 0 ? r : OCCUPANCY_NONE;
		*ret = occupancy_key_address(occupancy, &found);
		*from = found;
		table_key_after(from);
	} while (!ipam_range_set_candidate(set, *ret));
	return 0;
}

int occupancy_own(const struct occupancy *occupancy,
		  const struct ipam_range_set *set, inet_uint *ret,
		  struct error *err)
{
	struct table_key from;
	size_t prefix;

	prefix = owner_key(occupancy, occupancy->owner,
			   strnlen(occupancy->owner, TABLE_KEY_MAX), &from);
	return rest_next(occupancy, &from, prefix, set, ret, err);
}

int occupancy_oldest(const struct occupancy *occupancy,
		     const struct ipam_range_set *set, inet_uint *ret,
		     struct error *err)
{
	struct table_key from;
	size_t prefix = occupancy_space_key(occupancy, 'T', &from);

	return rest_next(occupancy, &from, prefix, set, ret, err);
}

/* The first that has rested enough. Return: 0, OCCUPANCY_NONE, or negative */
static int expire_one(const struct occupancy *occupancy, struct error *err)
{
	struct occupancy_state state = { 0 };
	struct table_key from, found;
	struct table_value none;
	size_t prefix = occupancy_space_key(occupancy, 'T', &from);
	inet_uint value;
	int r;

	r = table_seek(occupancy->table, &from, prefix, &found, &none, err);
	if (r < 0)
		return r;
	if (r != 0 || table_key_uint(&found, prefix, sizeof(uint64_t)) >
			      occupancy->now_ms)
		return OCCUPANCY_NONE;
	value = occupancy_key_address(occupancy, &found);
	r = occupancy_state_get(occupancy, value, &state, err);
	if (r < 0)
		return r;
	if (r != OCCUPANCY_RESTING)
		return occupancy_inconsistent(occupancy, value, "does not rest",
					      err);
	r = occupancy_rest_end(occupancy, value, &state, err);
	return r < 0 ? r : occupancy_free(occupancy, value, err);
}

int occupancy_expire(const struct occupancy *occupancy, unsigned int max,
		     struct error *err)
{
	int r = 0;

	for (unsigned int i = 0; i < max && r == 0; i++)
		r = expire_one(occupancy, err);
	return r < 0 ? r : 0;
}

int occupancy_count_resting(const struct occupancy *occupancy,
			    const struct ipam_range_set *set, inet_uint *ret,
			    struct error *err)
{
	struct table_key from;
	size_t prefix = occupancy_space_key(occupancy, 'T', &from);

	for (;;) {
		inet_uint value;
		int r = rest_next(occupancy, &from, prefix, set, &value, err);

		if (r != 0)
			return r < 0 ? r : 0;
		(*ret)++;
	}
}
