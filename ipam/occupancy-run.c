/*
 * What is used or rests, as intervals: U, by the last address of each. Neighbours
 * are merged, always, so that two runs never touch: a search that meets one knows
 * what is behind it, and an address that is taken or released changes one run, or
 * merges or splits two.
 */

#include "ipam/occupancy-priv.h"

#include <string.h>

/* The run that ends at @value or later; OCCUPANCY_NONE if there is none. */
static int run_find(const struct occupancy *occupancy, inet_uint value,
		    struct range_interval *ret, struct error *err)
{
	struct table_key from, found;
	struct table_value first;
	size_t prefix;
	int r;

	prefix = occupancy_space_key(occupancy, 'U', &from);
	table_key_add_uint(&from, value, occupancy_address_len(occupancy));
	r = table_seek(occupancy->table, &from, prefix, &found, &first, err);
	if (r == TABLE_ABSENT)
		return OCCUPANCY_NONE;
	if (r < 0)
		return r;
	ret->last = occupancy_key_address(occupancy, &found);
	if (first.len != sizeof(ret->first))
		return occupancy_inconsistent(occupancy, ret->last,
					      "ends no run", err);
	memcpy(&ret->first, first.data, sizeof(ret->first));
	return 0;
}

static int run_put(const struct occupancy *occupancy, inet_uint first,
		   inet_uint last, struct error *err)
{
	struct table_key key;

	occupancy_address_key(occupancy, 'U', last, &key);
	return table_put(occupancy->table, &key, &first, sizeof(first), err);
}

static int run_del(const struct occupancy *occupancy, inet_uint last,
		   struct error *err)
{
	struct table_key key;
	int r;

	occupancy_address_key(occupancy, 'U', last, &key);
	r = table_del(occupancy->table, &key, err);
	if (r == TABLE_ABSENT)
		return occupancy_inconsistent(occupancy, last, "ends no run",
					      err);
	return r;
}

int occupancy_runs_add(const struct occupancy *occupancy, inet_uint value,
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
		return occupancy_inconsistent(occupancy, value,
					      "is in use twice", err);
	if (r == 0 && after.first - 1 == value)
		last = after.last;
	return run_put(occupancy, first, last, err);
}

int occupancy_runs_remove(const struct occupancy *occupancy, inet_uint value,
			  struct error *err)
{
	struct range_interval run = { 0 };
	int r;

	r = run_find(occupancy, value, &run, err);
	if (r < 0)
		return r;
	if (r == OCCUPANCY_NONE || run.first > value)
		return occupancy_inconsistent(occupancy, value, "is in no run",
					      err);

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

int occupancy_count_runs(const struct occupancy *occupancy, inet_uint first,
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
