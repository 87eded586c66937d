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

/** range_set_overlaps() - Do the sets have an address in common? */
bool range_set_overlaps(const struct range_set *a, const struct range_set *b);

/** range_set_next() - Smallest member >= @from; false if there is none */
bool range_set_next(const struct range_set *set, inet_uint from, inet_uint *ret)
	warn_unused;

/* Longest text of a range: two addresses, a dash, a length, a terminator. */
#define RANGE_TEXT 96

/* A range as text gave it: the network, and the window inside it. */
struct range {
	struct inet_prefix network; /* host bits cleared by range_parse() */
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

/** range_format() - "10.1.2.0/24" or "10.1.2.5-10.1.2.9/24", returns @buf */
const char *range_format(const struct range *range,
			 char buf[static RANGE_TEXT]);

/** range_span() - First and last address that the text names: the window, or
 * the whole network where there is none */
void range_span(const struct range *range, inet_uint *ret_first,
		inet_uint *ret_last);

/**
 * range_check() - Is the window one that makes sense as written?
 *
 * range_usable() ignores what does not, as Whereabouts does.
 *
 * Return: 0, or negative with ERROR_CONFIG: start or end outside the network,
 * or end before start
 */
int range_check(const struct range *range, struct error *err);

/**
 * range_cover() - Smallest network around the window
 *
 * What a permutation walks: a window of 100 addresses in a /64 would hardly
 * ever be hit otherwise. It does not depend on what is excluded.
 */
struct inet_prefix range_cover(const struct range *range);

/**
 * range_usable() - The set that Whereabouts would allocate from
 *
 * Network+1 to broadcast-1 in both families, narrowed by start and end where
 * they make sense (research/ipam.md 1.3: outside or inverted ones are ignored).
 * /31, /32, /127, /128: ERROR_CONFIG.
 */
int range_usable(const struct range *range, struct range_set *ret,
		 struct error *err);

/**
 * range_usable_host_local() - The set that host-local would allocate from
 *
 * As written, start and end default to the first and last host address; the
 * last address of an IPv6 network is one. Network and broadcast address are
 * never in it, even where start and end name them: a host cannot bear them.
 *
 * Return: 0, or negative with ERROR_CONFIG: host bits set, too small, window
 * outside or inverted
 */
int range_usable_host_local(const struct range *range, struct range_set *ret,
			    struct error *err);

#endif
