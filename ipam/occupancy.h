#ifndef IPAM_OCCUPANCY_H
#define IPAM_OCCUPANCY_H

/*
 * Which addresses of one pool and family are in use or resting, in the local
 * table, inside a transaction of it. Every question costs a few look-ups in a
 * sorted tree, however many addresses are in use (occupancy.c says how).
 */

#include "ipam/config.h"
#include "ipam/table.h"

struct occupancy {
	struct table *table;
	const char *pool;
	uint8_t family;
	const char *owner; /* may have back at once what rests after it */
	uint64_t now_ms; /* CLOCK_BOOTTIME */
};

enum {
	OCCUPANCY_FREE = 0,
	OCCUPANCY_USED = 1,
	OCCUPANCY_RESTING = 2,
	OCCUPANCY_NONE = 3, /* no such address */
};

/**
 * occupancy_look() - What is with an address?
 * @ret_holder:	If used: what occupancy_take() was given
 *
 * Return: OCCUPANCY_FREE, OCCUPANCY_USED, OCCUPANCY_RESTING, or negative
 */
int occupancy_look(const struct occupancy *occupancy, inet_uint value,
		   struct table_key *ret_holder, struct error *err) warn_unused;

/** occupancy_taken() - Used or resting? A pool_taken on struct occupancy */
int occupancy_taken(void *arg, inet_uint value, inet_uint *ret_last,
		    struct error *err);

/** occupancy_take() - A free or resting address is used from now on */
int occupancy_take(const struct occupancy *occupancy, inet_uint value,
		   const struct table_key *holder, struct error *err);

/**
 * occupancy_release() - A used address is free again
 * @rest_ms:	After resting so long for all but the owner
 */
int occupancy_release(const struct occupancy *occupancy, inet_uint value,
		      uint64_t rest_ms, struct error *err);

/**
 * occupancy_own() - A candidate that rests after the same owner
 *
 * Return: 0, OCCUPANCY_NONE, or negative
 */
int occupancy_own(const struct occupancy *occupancy,
		  const struct ipam_range_set *set, inet_uint *ret,
		  struct error *err) warn_unused;

/**
 * occupancy_oldest() - The candidate that has rested longest
 *
 * Return: 0, OCCUPANCY_NONE, or negative
 */
int occupancy_oldest(const struct occupancy *occupancy,
		     const struct ipam_range_set *set, inet_uint *ret,
		     struct error *err) warn_unused;

/** occupancy_expire() - Free what has rested enough, @max addresses at most */
int occupancy_expire(const struct occupancy *occupancy, unsigned int max,
		     struct error *err);

/** occupancy_count() - Candidates that are used, and that are resting */
int occupancy_count(const struct occupancy *occupancy,
		    const struct ipam_range_set *set, inet_uint *ret_used,
		    inet_uint *ret_resting, struct error *err);

#endif
