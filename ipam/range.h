#ifndef IPAM_RANGE_H
#define IPAM_RANGE_H

/*
 * Address arithmetic of one family: sets of disjoint, sorted, closed intervals
 * in 128 bits, and the range syntaxes of Whereabouts and host-local
 * (research: Whereabouts 0.9.4 pkg/iphelpers, host-local range.go).
 */

#include "lib/error.h"
#include "lib/inet.h"

struct range_interval {
	inet_uint first;
	inet_uint last;
};

/* All-zero is the empty set. */
struct range_set {
	struct range_interval *items;
	size_t count;
};

void range_set_clear(struct range_set *set);
#define cleanup_range_set cleanup(range_set_clear)

/** range_set_add() - Unite with [first, last]; neighbours merge */
int range_set_add(struct range_set *set, inet_uint first, inet_uint last,
		  struct error *err);

/** range_set_remove() - Take [first, last] out */
int range_set_remove(struct range_set *set, inet_uint first, inet_uint last,
		     struct error *err);

/** range_set_contains() - Membership, O(log n) */
bool range_set_contains(const struct range_set *set, inet_uint value);

/** range_set_size() - Number of addresses (saturates at the type's maximum) */
inet_uint range_set_size(const struct range_set *set);

/** range_set_next() - Smallest member >= @from; false if there is none */
bool range_set_next(const struct range_set *set, inet_uint from, inet_uint *ret)
	warn_unused;

/* A range as text gave it: the network, and the window inside it. */
struct range {
	struct inet_prefix network; /* host bits cleared */
	struct inet_addr start; /* family 0: not given */
	struct inet_addr end;
};

/**
 * range_parse() - "A.B.C.D/len" or "FIRST-LAST/len", as Whereabouts reads it
 *
 * Host bits are dropped in the first form; in the second FIRST must lie in
 * LAST/len, and both become start and end. Leading zeros are accepted.
 *
 * Return: 0, or negative with ERROR_CONFIG that quotes @text
 */
int range_parse(const char *text, struct range *ret, struct error *err);

/**
 * range_usable() - The set that Whereabouts would allocate from
 *
 * Network+1 to broadcast-1 in both families, narrowed by start and end where
 * they make sense (research/ipam.md 1.3: outside or inverted ones are ignored).
 * /31, /32, /127, /128: ERROR_CONFIG.
 */
int range_usable(const struct range *range, struct range_set *ret,
		 struct error *err);

#endif
