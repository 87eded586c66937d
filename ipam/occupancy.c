/*
 * Five kinds of records, all of them keyed by (pool, family) first:
 *
 *	X address		-> who uses it; or until when it rests, and
 *				   after whom
 *	U last of a run		-> first of it: what is used or rests, as
 *				   intervals, neighbours merged
 *	T until, address	-> nothing: what rests, in order
 *	S owner, address	-> nothing: what rests, by its last owner
 *
 * (The fifth, A, is the attachment, in store-local.c.) A search for the lowest
 * free address asks U, one look-up for each run that it meets; as runs are
 * merged, it meets hardly more than one. Taking or releasing an address changes
 * one run, or merges or splits two. Nothing walks over what is in use.
 *
 * A resting address stays in its run, so that it costs no more than a used one.
 * What has rested enough is freed by the next reservations, a few each: at
 * most one address rests for each that was reserved, so they keep up.
 */

#include "ipam/occupancy.h"
#include "lib/hash.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#define OWNER_LEN 8

static size_t address_len(const struct occupancy *occupancy)
{
	return inet_family_len(occupancy->family);
}

static size_t space_key(const struct occupancy *occupancy, char kind,
			struct table_key *key)
{
	uint8_t version = occupancy->family == AF_INET ? 4 : 6;

	table_key_init(key, kind);
	table_key_add_text(key, occupancy->pool);
	table_key_add(key, &version, sizeof(version));
	return key->len;
}

static void address_key(const struct occupancy *occupancy, char kind,
			inet_uint value, struct table_key *key)
{
	space_key(occupancy, kind, key);
	table_key_add_uint(key, value, address_len(occupancy));
}

static inet_uint key_address(const struct occupancy *occupancy,
			     const struct table_key *key)
{
	size_t len = address_len(occupancy);

	return table_key_uint(key, key->len - len, len);
}

static int inconsistent(const struct occupancy *occupancy, inet_uint value,
			const char *what, struct error *err)
{
	struct inet_addr addr = inet_addr_from_uint(occupancy->family, value);
	char text[INET_ADDR_TEXT];

	return table_damaged(occupancy->table, err, "address %s %s",
			     inet_addr_format(&addr, text), what);
}

/* The run that ends at @value or later; OCCUPANCY_NONE if there is none. */
static int run_find(const struct occupancy *occupancy, inet_uint value,
		    struct range_interval *ret, struct error *err)
{
	struct table_key from, found;
	struct table_value first;
	size_t prefix;
	int r;

	prefix = space_key(occupancy, 'U', &from);
	table_key_add_uint(&from, value, address_len(occupancy));
	r = table_seek(occupancy->table, &from, prefix, &found, &first, err);
	if (r == TABLE_ABSENT)
		return OCCUPANCY_NONE;
	if (r < 0)
		return r;
	ret->last = key_address(occupancy, &found);
	if (first.len != sizeof(ret->first))
		return inconsistent(occupancy, ret->last, "ends no run", err);
	memcpy(&ret->first, first.data, sizeof(ret->first));
	return 0;
}

static int run_put(const struct occupancy *occupancy, inet_uint first,
		   inet_uint last, struct error *err)
{
	struct table_key key;

	address_key(occupancy, 'U', last, &key);
	return table_put(occupancy->table, &key, &first, sizeof(first), err);
}

static int run_del(const struct occupancy *occupancy, inet_uint last,
		   struct error *err)
{
	struct table_key key;
	int r;

	address_key(occupancy, 'U', last, &key);
	r = table_del(occupancy->table, &key, err);
	if (r == TABLE_ABSENT)
		return inconsistent(occupancy, last, "ends no run", err);
	return r;
}

static int runs_add(const struct occupancy *occupancy, inet_uint value,
		    struct error *err)
{
	struct range_interval before = { 0 }, after = { 0 };
	inet_uint first = value;
	inet_uint last = value;
	int r;

	/* From the one before on: it may end right before us. */
	r = run_find(occupancy, value > 0 ? value - 1 : 0, &before, err);
	if (r < 0)
		return r;
	if (r == 0 && before.last < value) {
		first = before.first;
		r = run_del(occupancy, before.last, err);
		if (r < 0)
			return r;
	}
	r = run_find(occupancy, value, &after, err);
	if (r < 0)
		return r;
	if (r == 0 && after.first <= value)
		return inconsistent(occupancy, value, "is in use twice", err);
	if (r == 0 && after.first - 1 == value)
		last = after.last;
	return run_put(occupancy, first, last, err);
}

static int runs_remove(const struct occupancy *occupancy, inet_uint value,
		       struct error *err)
{
	struct range_interval run = { 0 };
	int r;

	r = run_find(occupancy, value, &run, err);
	if (r < 0)
		return r;
	if (r == OCCUPANCY_NONE || run.first > value)
		return inconsistent(occupancy, value, "is in no run", err);

	if (value < run.last)
		r = run_put(occupancy, value + 1, run.last, err);
	else
		r = run_del(occupancy, run.last, err);
	if (r == 0 && run.first < value)
		r = run_put(occupancy, run.first, value - 1, err);
	return r;
}

int occupancy_taken(void *arg, inet_uint value, inet_uint *ret_last,
		    struct error *err)
{
	const struct occupancy *occupancy = arg;
	struct range_interval run = { 0 };
	int r;

	r = run_find(occupancy, value, &run, err);
	if (r < 0)
		return r;
	if (r == OCCUPANCY_NONE || run.first > value)
		return 0;
	*ret_last = run.last;
	return 1;
}

/* What an X record says. */
struct state {
	uint8_t state;
	uint64_t until_ms;
	size_t len; /* of what follows: holder's key, or owner */
	const uint8_t *rest;
};

#define STATE_HEAD (1 + sizeof(uint64_t))

static int state_get(const struct occupancy *occupancy, inet_uint value,
		     struct state *ret, struct error *err)
{
	struct table_value found;
	struct table_key key;
	int r;

	address_key(occupancy, 'X', value, &key);
	r = table_get(occupancy->table, &key, &found, err);
	if (r == TABLE_ABSENT)
		return OCCUPANCY_FREE;
	if (r < 0)
		return r;
	if (found.len < STATE_HEAD || found.len > STATE_HEAD + TABLE_KEY_MAX)
		return inconsistent(occupancy, value, "has no state", err);
	ret->state = found.data[0];
	memcpy(&ret->until_ms, found.data + 1, sizeof(ret->until_ms));
	ret->len = found.len - STATE_HEAD;
	ret->rest = found.data + STATE_HEAD;
	if (ret->state != OCCUPANCY_USED && ret->state != OCCUPANCY_RESTING)
		return inconsistent(occupancy, value, "has no state", err);
	return ret->state;
}

static int state_put(const struct occupancy *occupancy, inet_uint value,
		     const struct state *state, struct error *err)
{
	uint8_t data[STATE_HEAD + TABLE_KEY_MAX];
	struct table_key key;

	assert(state->len <= TABLE_KEY_MAX);
	data[0] = state->state;
	memcpy(data + 1, &state->until_ms, sizeof(state->until_ms));
	memcpy(data + STATE_HEAD, state->rest, state->len);
	address_key(occupancy, 'X', value, &key);
	return table_put(occupancy->table, &key, data, STATE_HEAD + state->len,
			 err);
}

static void until_key(const struct occupancy *occupancy, uint64_t until_ms,
		      inet_uint value, struct table_key *key)
{
	space_key(occupancy, 'T', key);
	table_key_add_uint(key, until_ms, sizeof(until_ms));
	table_key_add_uint(key, value, address_len(occupancy));
}

/* A hash in place of the owner's name: one that collides only means that two
 * pods may have back what the other used. */
static size_t owner_key(const struct occupancy *occupancy, const void *owner,
			size_t len, struct table_key *key)
{
	space_key(occupancy, 'S', key);
	table_key_add_uint(key, hash_add(HASH_INIT, owner, len), OWNER_LEN);
	return key->len;
}

static int rest_del_key(const struct occupancy *occupancy, inet_uint value,
			const struct table_key *key, struct error *err)
{
	int r = table_del(occupancy->table, key, err);

	if (r == TABLE_ABSENT)
		return inconsistent(occupancy, value, "does not rest", err);
	return r;
}

/* Out of the two orders of resting addresses; its state is the caller's. */
static int rest_end(const struct occupancy *occupancy, inet_uint value,
		    const struct state *state, struct error *err)
{
	struct table_key until, owner;
	int r;

	until_key(occupancy, state->until_ms, value, &until);
	owner_key(occupancy, state->rest, state->len, &owner);
	table_key_add_uint(&owner, value, address_len(occupancy));
	r = rest_del_key(occupancy, value, &until, err);
	if (r < 0)
		return r;
	return rest_del_key(occupancy, value, &owner, err);
}

static int rest_begin(const struct occupancy *occupancy, inet_uint value,
		      uint64_t rest_ms, struct error *err)
{
	const struct state state = {
		.state = OCCUPANCY_RESTING,
		.until_ms = occupancy->now_ms + rest_ms,
		.len = strnlen(occupancy->owner, TABLE_KEY_MAX),
		.rest = (const uint8_t *)occupancy->owner,
	};
	struct table_key until, owner;
	int r;

	until_key(occupancy, state.until_ms, value, &until);
	owner_key(occupancy, state.rest, state.len, &owner);
	table_key_add_uint(&owner, value, address_len(occupancy));
	r = table_put(occupancy->table, &until, NULL, 0, err);
	if (r == 0)
		r = table_put(occupancy->table, &owner, NULL, 0, err);
	if (r == 0)
		r = state_put(occupancy, value, &state, err);
	return r;
}

int occupancy_look(const struct occupancy *occupancy, inet_uint value,
		   struct table_key *ret_holder, struct error *err)
{
	struct state state = { .rest = (const uint8_t *)"" };
	int r;

	r = state_get(occupancy, value, &state, err);
	if (r == OCCUPANCY_USED) {
		ret_holder->len = state.len;
		memcpy(ret_holder->bytes, state.rest, state.len);
	}
	return r;
}

int occupancy_take(const struct occupancy *occupancy, inet_uint value,
		   const struct table_key *holder, struct error *err)
{
	const struct state used = {
		.state = OCCUPANCY_USED,
		.len = holder->len,
		.rest = holder->bytes,
	};
	struct state state = { 0 };
	int r;

	r = state_get(occupancy, value, &state, err);
	if (r < 0)
		return r;
	if (r == OCCUPANCY_USED)
		return inconsistent(occupancy, value, "is in use twice", err);
	if (r == OCCUPANCY_RESTING)
		r = rest_end(occupancy, value, &state, err);
	else
		r = runs_add(occupancy, value, err);
	if (r < 0)
		return r;
	return state_put(occupancy, value, &used, err);
}

static int address_free(const struct occupancy *occupancy, inet_uint value,
			struct error *err)
{
	struct table_key key;
	int r;

	address_key(occupancy, 'X', value, &key);
	r = table_del(occupancy->table, &key, err);
	if (r < 0)
		return r;
	return runs_remove(occupancy, value, err);
}

int occupancy_release(const struct occupancy *occupancy, inet_uint value,
		      uint64_t rest_ms, struct error *err)
{
	struct state state = { 0 };
	int r;

	r = state_get(occupancy, value, &state, err);
	if (r < 0)
		return r;
	if (r != OCCUPANCY_USED)
		return inconsistent(occupancy, value, "is not in use", err);
	if (rest_ms > 0)
		return rest_begin(occupancy, value, rest_ms, err);
	return address_free(occupancy, value, err);
}

/* The first candidate in one of the two orders. */
static int rest_find(const struct occupancy *occupancy, struct table_key *from,
		     size_t prefix, const struct ipam_range_set *set,
		     inet_uint *ret, struct error *err)
{
	struct table_value value;
	struct table_key found;
	int r;

	for (;;) {
		r = table_seek(occupancy->table, from, prefix, &found, &value,
			       err);
		if (r == TABLE_ABSENT)
			return OCCUPANCY_NONE;
		if (r < 0)
			return r;
		*ret = key_address(occupancy, &found);
		if (ipam_range_set_candidate(set, *ret))
			return 0;
		*from = found;
		table_key_add(from, "", 1);
	}
}

int occupancy_own(const struct occupancy *occupancy,
		  const struct ipam_range_set *set, inet_uint *ret,
		  struct error *err)
{
	struct table_key from;
	size_t prefix;

	prefix = owner_key(occupancy, occupancy->owner,
			   strnlen(occupancy->owner, TABLE_KEY_MAX), &from);
	return rest_find(occupancy, &from, prefix, set, ret, err);
}

int occupancy_oldest(const struct occupancy *occupancy,
		     const struct ipam_range_set *set, inet_uint *ret,
		     struct error *err)
{
	struct table_key from;
	size_t prefix = space_key(occupancy, 'T', &from);

	return rest_find(occupancy, &from, prefix, set, ret, err);
}

int occupancy_expire(const struct occupancy *occupancy, unsigned int max,
		     struct error *err)
{
	struct table_key from, found;
	struct table_value none;
	struct state state = { 0 };
	inet_uint value;
	size_t prefix;
	int r;

	prefix = space_key(occupancy, 'T', &from);
	for (unsigned int i = 0; i < max; i++) {
		r = table_seek(occupancy->table, &from, prefix, &found, &none,
			       err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (table_key_uint(&found, prefix, sizeof(uint64_t)) >
		    occupancy->now_ms)
			return 0;
		value = key_address(occupancy, &found);
		r = state_get(occupancy, value, &state, err);
		if (r < 0)
			return r;
		if (r != OCCUPANCY_RESTING)
			return inconsistent(occupancy, value, "does not rest",
					    err);
		r = rest_end(occupancy, value, &state, err);
		if (r == 0)
			r = address_free(occupancy, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Addresses of the runs inside [first, last]. */
static int count_runs(const struct occupancy *occupancy, inet_uint first,
		      inet_uint last, inet_uint *ret, struct error *err)
{
	struct range_interval run = { 0 };
	int r;

	for (;;) {
		r = run_find(occupancy, first, &run, err);
		if (r < 0)
			return r;
		if (r == OCCUPANCY_NONE || run.first > last)
			return 0;
		if (run.first < first)
			run.first = first;
		if (run.last >= last) {
			*ret += last - run.first + 1;
			return 0;
		}
		*ret += run.last - run.first + 1;
		first = run.last + 1;
	}
}

static int count_resting(const struct occupancy *occupancy,
			 const struct ipam_range_set *set, inet_uint *ret,
			 struct error *err)
{
	struct table_key from;
	inet_uint value;
	size_t prefix = space_key(occupancy, 'T', &from);
	int r;

	for (;;) {
		struct table_value none;
		struct table_key found;

		r = table_seek(occupancy->table, &from, prefix, &found, &none,
			       err);
		if (r != 0)
			return r < 0 ? r : 0;
		value = key_address(occupancy, &found);
		if (ipam_range_set_candidate(set, value))
			(*ret)++;
		from = found;
		table_key_add(&from, "", 1);
	}
}

int occupancy_count(const struct occupancy *occupancy,
		    const struct ipam_range_set *set, inet_uint *ret_used,
		    inet_uint *ret_resting, struct error *err)
{
	inet_uint busy = 0;
	inet_uint resting = 0;
	int r;

	for (size_t i = 0; i < set->count; i++) {
		const struct range_set *candidates = &set->ranges[i].candidates;

		for (size_t j = 0; j < candidates->count; j++) {
			r = count_runs(occupancy, candidates->items[j].first,
				       candidates->items[j].last, &busy, err);
			if (r < 0)
				return r;
		}
	}
	r = count_resting(occupancy, set, &resting, err);
	if (r < 0)
		return r;
	*ret_used = busy - resting;
	*ret_resting = resting;
	return 0;
}
