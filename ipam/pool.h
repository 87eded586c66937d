#ifndef IPAM_POOL_H
#define IPAM_POOL_H

/*
 * The pure allocator: which candidate comes next. No files, no clock, no
 * network. What is taken is asked through a callback, so that a store with an
 * index answers in O(log n) and the cost does not grow with occupancy.
 */

#include "ipam/range.h"

enum {
	POOL_EXHAUSTED = 1, /* no candidate is free */
};

/**
 * pool_taken - What the store knows of one candidate
 * @ret_last:	If taken: the last address of the run of taken ones around it
 *
 * Return: 1 if @value is taken, 0 if it is free, negative on failure
 */
typedef int (*pool_taken)(void *arg, inet_uint value, inet_uint *ret_last,
			  struct error *err);

/**
 * pool_lowest() - The lowest free candidate
 * @candidates:	Allocatable set
 *
 * Return: 0, POOL_EXHAUSTED, or negative from @taken
 */
int pool_lowest(const struct range_set *candidates, pool_taken taken, void *arg,
		inet_uint *ret, struct error *err) warn_unused;

/**
 * pool_lowest_from() - The lowest free candidate from @from on, then from the
 * beginning
 */
int pool_lowest_from(const struct range_set *candidates, inet_uint from,
		     pool_taken taken, void *arg, inet_uint *ret,
		     struct error *err) warn_unused;

/* Double hashing over a whole network: (start + i * stride) mod size with
 * gcd(stride, size) = 1, both from one hash. What is not allocatable is skipped
 * by the caller, so that editing "exclude" moves nobody. */
struct pool_walk {
	inet_uint base;
	inet_uint size; /* a power of two; 0 stands for 2^128 */
	inet_uint start;
	inet_uint stride;
	inet_uint step;
};

/** pool_walk_init() - Start a permutation of @network; @hash as HASH_INIT... */
void pool_walk_init(struct pool_walk *walk, const struct inet_prefix *network,
		    uint64_t hash);

/** pool_walk_next() - Next address of the permutation; false after the last */
bool pool_walk_next(struct pool_walk *walk, inet_uint *ret) warn_unused;

/**
 * pool_permuted() - The first free candidate along a permutation
 *
 * After a bounded number of taken ones, the lowest free one from the
 * permutation's start on: the cost does not grow with occupancy.
 *
 * Return: as pool_lowest()
 */
int pool_permuted(const struct range_set *candidates, struct pool_walk *walk,
		  pool_taken taken, void *arg, inet_uint *ret,
		  struct error *err) warn_unused;

#endif
