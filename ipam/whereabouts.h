#ifndef IPAM_WHEREABOUTS_H
#define IPAM_WHEREABOUTS_H

/*
 * How Whereabouts (0.9.4) writes its records down, as far as two programs that
 * share them must agree to the byte: names of objects, keys of allocations, who
 * holds them. Pure: nothing is read or asked.
 *
 * An IPPool is named after its range, an OverlappingRangeIPReservation after its
 * address, both with the network's name in front where it has one. A pool's
 * allocations are a map from the distance of the address to the pool's base,
 * which is the address in spec.range as it is written there.
 *
 * test/kube/whereabouts-vectors compares all of it with what the real one writes.
 */

#include "lib/inet.h"

#define WHEREABOUTS_NAME   254 /* of an object, with terminator */
#define WHEREABOUTS_KEY    21 /* 19 digits and room */
#define WHEREABOUTS_PODREF 320 /* namespace (63), slash, name (253) */

enum {
	WHEREABOUTS_NO_NAME = 1, /* the API server would refuse it */
	WHEREABOUTS_NO_KEY = 2, /* Whereabouts would not find it again */
	WHEREABOUTS_NO_RANGE = 3, /* spec.range is none */
};

/**
 * whereabouts_pool_name() - metadata.name of the IPPool of a range
 * @network:	network_name, "" for none
 * @range:	Its host bits do not count
 *
 * "10.100.1.0-24", "storage-10.100.1.0-24", "2001-db8---64".
 *
 * Return: 0, or WHEREABOUTS_NO_NAME: one that begins with "::" in an unnamed
 * network, one of IPv4-mapped addresses, a network that is no name
 */
int whereabouts_pool_name(const char *network, const struct inet_prefix *range,
			  char ret[static WHEREABOUTS_NAME]) warn_unused;

/** whereabouts_range() - spec.range of a pool that is made; returns @buf */
const char *whereabouts_range(const struct inet_prefix *range,
			      char buf[static INET_PREFIX_TEXT]);

/**
 * whereabouts_overlap_name() - metadata.name of an address' overlap record
 *
 * "10.100.1.7", "storage-fd00--1"; one that would end with a colon has a zero
 * behind it ("2001-db8--0").
 *
 * Return: 0, or WHEREABOUTS_NO_NAME
 */
int whereabouts_overlap_name(const char *network, const struct inet_addr *addr,
			     char ret[static WHEREABOUTS_NAME]) warn_unused;

/**
 * whereabouts_overlap_addr() - The address that a record is named after
 *
 * Return: 0, or WHEREABOUTS_NO_NAME: another network's, or none of Whereabouts'
 */
int whereabouts_overlap_addr(const char *network, const char *name,
			     struct inet_addr *ret) warn_unused;

/**
 * whereabouts_base() - The base of a pool's keys, from its spec.range
 * @ret:	Address as written, and the length. Where it has host bits, a
 *		record of Whereabouts itself is not safe: it subtracts wrongly
 *		then, and moves what it writes back
 *
 * Return: 0, or WHEREABOUTS_NO_RANGE
 */
int whereabouts_base(const char *range, struct inet_prefix *ret) warn_unused;

/**
 * whereabouts_key() - Key of an address in spec.allocations
 *
 * Return: 0, or WHEREABOUTS_NO_KEY: below the base, of the other family, or as
 * far as Whereabouts does not count (2^63; IPv4 2^32 - 1)
 */
int whereabouts_key(const struct inet_addr *base, const struct inet_addr *addr,
		    char ret[static WHEREABOUTS_KEY]) warn_unused;

/**
 * whereabouts_addr() - Address of a key
 *
 * Return: 0, or WHEREABOUTS_NO_KEY: Whereabouts ignores such an allocation, and
 * drops it when it writes next
 */
int whereabouts_addr(const struct inet_addr *base, const char *key,
		     struct inet_addr *ret) warn_unused;

/**
 * whereabouts_podref() - "namespace/name": who holds an allocation
 *
 * Return: 0, or WHEREABOUTS_NO_NAME: there is no pod
 */
int whereabouts_podref(const char *pod_namespace, const char *pod_name,
		       char ret[static WHEREABOUTS_PODREF]) warn_unused;

/*
 * Addresses of nodes have an empty podref, which Whereabouts takes for used and
 * its reconciler leaves alone, and say whose they are in the id.
 */

/** whereabouts_host_id() - Id of a node's record: "hsh/NODE".
 * Return: 0, or WHEREABOUTS_NO_NAME */
int whereabouts_host_id(const char *node, char ret[static WHEREABOUTS_NAME + 4])
	warn_unused;

/** whereabouts_host() - The node of a record; NULL: it is none of a node */
const char *whereabouts_host(const char *podref, const char *id);

#endif
