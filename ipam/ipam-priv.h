#ifndef IPAM_IPAM_PRIV_H
#define IPAM_IPAM_PRIV_H

/*
 * Shared by ipam/ipam*.c only.
 */

#include "ipam/elsewhere.h"
#include "ipam/ipam.h"

#define IPAM_BESIDE_MS 500 /* for a look at what serves the ranges too */

struct ipam {
	const struct ipam_config *config;
	struct store *store;
	struct elsewhere elsewhere;
};

/** ipam_outcome() - What a store answered, as the face says it; a busy one is
 * an error */
int ipam_outcome(const struct ipam *ipam, int r, struct error *err);

/** ipam_exhausted() - Raise that a set has no address, with numbers */
int ipam_exhausted(const struct ipam *ipam, size_t index, struct error *err);

/** ipam_request() - Addresses that were asked for, each for the set that has it
 * @wish:	Filled; the others are the store's choice */
int ipam_request(const struct ipam_config *config,
		 const struct inet_addr *requested, size_t n,
		 struct store_wish *wish, struct error *err);

#endif
