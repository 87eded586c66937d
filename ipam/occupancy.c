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

#include "ipam/occupancy-priv.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

size_t occupancy_address_len(const struct occupancy *occupancy)
{
	return inet_family_len(occupancy->family);
}

size_t occupancy_space_key(const struct occupancy *occupancy, char kind,
			   struct table_key *key)
{
	uint8_t version = occupancy->family == AF_INET ? 4 : 6;

	table_key_init(key, kind);
	table_key_add_text(key, occupancy->pool);
	table_key_add(key, &version, sizeof(version));
	return key->len;
}

void occupancy_address_key(const struct occupancy *occupancy, char kind,
			   inet_uint value, struct table_key *key)
{
	occupancy_space_key(occupancy, kind, key);
	table_key_add_uint(key, value, occupancy_address_len(occupancy));
}

inet_uint occupancy_key_address(const struct occupancy *occupancy,
				const struct table_key *key)
{
	size_t len = occupancy_address_len(occupancy);

	return table_key_uint(key, key->len - len, len);
}

int occupancy_inconsistent(const struct occupancy *occupancy, inet_uint value,
			   const char *what, struct error *err)
{
	struct inet_addr addr = inet_addr_from_uint(occupancy->family, value);
	char text[INET_ADDR_TEXT];

	return table_damaged(occupancy->table, err, "address %s %s",
			     inet_addr_format(&addr, text), what);
}

/* --- what an X record says -------------------------------------------------------- */

#define STATE_HEAD (1 + sizeof(uint64_t))

int occupancy_state_get(const struct occupancy *occupancy, inet_uint value,
			struct occupancy_state *ret, struct error *err)
{
	struct table_value found;
	struct table_key key;
	int r;

	occupancy_address_key(occupancy, 'X', value, &key);
	r = table_get(occupancy->table, &key, &found, err);
	if (r == TABLE_ABSENT)
		return OCCUPANCY_FREE;
	if (r < 0)
		return r;
	if (found.len < STATE_HEAD || found.len > STATE_HEAD + TABLE_KEY_MAX)
		return occupancy_inconsistent(occupancy, value, "has no state",
					      err);
	ret->state = found.data[0];
	memcpy(&ret->until_ms, found.data + 1, sizeof(ret->until_ms));
	ret->len = found.len - STATE_HEAD;
	ret->rest = found.data + STATE_HEAD;
	if (ret->state != OCCUPANCY_USED && ret->state != OCCUPANCY_RESTING)
		return occupancy_inconsistent(occupancy, value, "has no state",
					      err);
	return ret->state;
}

int occupancy_state_put(const struct occupancy *occupancy, inet_uint value,
			const struct occupancy_state *state, struct error *err)
{
	uint8_t data[STATE_HEAD + TABLE_KEY_MAX];
	struct table_key key;

	assert(state->len <= TABLE_KEY_MAX);
	data[0] = state->state;
	memcpy(data + 1, &state->until_ms, sizeof(state->until_ms));
	memcpy(data + STATE_HEAD, state->rest, state->len);
	occupancy_address_key(occupancy, 'X', value, &key);
	return table_put(occupancy->table, &key, data, STATE_HEAD + state->len,
			 err);
}

/* --- the verbs -------------------------------------------------------------------- */

int occupancy_look(const struct occupancy *occupancy, inet_uint value,
		   struct table_key *ret_holder, struct error *err)
{
	struct occupancy_state state = { .rest = (const uint8_t *)"" };
	int r;

	r = occupancy_state_get(occupancy, value, &state, err);
	if (r == OCCUPANCY_USED) {
		ret_holder->len = state.len;
		memcpy(ret_holder->bytes, state.rest, state.len);
	}
	return r;
}

int occupancy_take(const struct occupancy *occupancy, inet_uint value,
		   const struct table_key *holder, struct error *err)
{
	const struct occupancy_state used = {
		.state = OCCUPANCY_USED,
		.len = holder->len,
		.rest = holder->bytes,
	};
	struct occupancy_state state = { 0 };
	int r;

	r = occupancy_state_get(occupancy, value, &state, err);
	if (r < 0)
		return r;
	if (r == OCCUPANCY_USED)
		return occupancy_inconsistent(occupancy, value,
					      "is in use twice", err);
	if (r == OCCUPANCY_RESTING)
		r = occupancy_rest_end(occupancy, value, &state, err);
	else
		r = occupancy_runs_add(occupancy, value, err);
	if (r < 0)
		return r;
	return occupancy_state_put(occupancy, value, &used, err);
}

int occupancy_free(const struct occupancy *occupancy, inet_uint value,
		   struct error *err)
{
	struct table_key key;
	int r;

	occupancy_address_key(occupancy, 'X', value, &key);
	r = table_del(occupancy->table, &key, err);
	if (r < 0)
		return r;
	return occupancy_runs_remove(occupancy, value, err);
}

int occupancy_release(const struct occupancy *occupancy, inet_uint value,
		      uint64_t rest_ms, struct error *err)
{
	struct occupancy_state state = { 0 };
	int r;

	r = occupancy_state_get(occupancy, value, &state, err);
	if (r < 0)
		return r;
	if (r != OCCUPANCY_USED)
		return occupancy_inconsistent(occupancy, value, "is not in use",
					      err);
	if (rest_ms > 0)
		return occupancy_rest_begin(occupancy, value, rest_ms, err);
	return occupancy_free(occupancy, value, err);
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
			r = occupancy_count_runs(occupancy,
						 candidates->items[j].first,
						 candidates->items[j].last,
						 &busy, err);
			if (r < 0)
				return r;
		}
	}
	r = occupancy_count_resting(occupancy, set, &resting, err);
	if (r < 0)
		return r;
	*ret_used = busy - resting;
	*ret_resting = resting;
	return 0;
}
