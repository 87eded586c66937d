#ifndef IPAM_STORE_WHEREABOUTS_CLAIM_PRIV_H
#define IPAM_STORE_WHEREABOUTS_CLAIM_PRIV_H

/*
 * One ADD on its way to its addresses, for ipam/store-whereabouts-claim*.c only;
 * the order in which things are done is told in store-whereabouts-claim.c.
 */

#include "ipam/search.h"
#include "ipam/store-whereabouts-priv.h"

enum {
	CLAIM_NEXT = 32, /* not this address */
};

enum pass {
	PASS_FREE, /* what is free, and does not rest */
	PASS_RESTING, /* what has rested longest */
	PASSES
};

struct claim {
	struct pools *pools;
	struct cluster *cluster;
	const struct store_wish *wish;
	struct table_key key;
	struct ledger_entry entry; /* as it is in the ledger */
	char *owner;
	char podref[WHEREABOUTS_PODREF];
	struct process self;
	struct pools_owed owed; /* its own, still being released */
	bool has_begun; /* the entry is there */
	bool owes; /* a former one is to be released first */

	/* Of the set that is being claimed. */
	size_t set;
	size_t range;
	struct whereabouts_claim want;
	struct whereabouts_view view;
	struct range_set elsewhere; /* taken in other pools that overlap */
	bool has_listed; /* all that is */
	struct ledger_line line; /* of the request on its way */
	struct inet_addr addr;
	const struct whereabouts_allocation *have; /* to be adopted, or NULL */
	unsigned int conflicts;
	unsigned int spread; /* free ones that are left out */
};

static inline const struct ipam_range_set *claim_set(const struct claim *claim)
{
	return &claim->wish->config->sets[claim->set];
}

static inline const struct ipam_range *claim_range(const struct claim *claim)
{
	return &claim_set(claim)->ranges[claim->range];
}

static inline const struct inet_addr *claim_requested(const struct claim *claim)
{
	return &claim->wish->requested[claim->set];
}

/* --- which address (store-whereabouts-claim-own.c, -choose.c); transaction open -- */

/** pools_claim_is_owed() - May it yet be given back for the attachment? */
bool pools_claim_is_owed(const struct claim *claim,
			 const struct inet_addr *addr);

/** pools_claim_is_own_key() - Of the entry of this ADD? */
bool pools_claim_is_own_key(const struct claim *claim,
			    const struct table_key *key);

/**
 * pools_claim_choose_own() - What the pool says is this pod's interface's
 *
 * In claim->have and ->addr then. Return: 0, STORE_ABSENT, or negative
 */
int pools_claim_choose_own(struct claim *claim, struct error *err);

/**
 * pools_claim_choose() - Which to try next, in claim->addr
 *
 * Return: 0; STORE_ABSENT, nothing in this range in this pass; STORE_TAKEN, with
 * its holder; or negative
 */
int pools_claim_choose(struct claim *claim, enum pass pass,
		       struct store_record *ret_holder, struct error *err);

/* --- what became of a request (store-whereabouts-claim-keep.c) -------------------- */

/** pools_claim_keep() - It is ours: the transaction behind the request. Negative
 * also if a DEL came in between; it is owed then */
int pools_claim_keep(struct claim *claim, const struct whereabouts_got *got,
		     struct error *err);

/** pools_claim_end() - It was not given
 * @is_held:	It may have been; then it is owed */
int pools_claim_end(struct claim *claim, bool is_held, struct error *err);

/* --- one request (store-whereabouts-claim-try.c) ----------------------------------- */

/**
 * pools_claim_try() - One address of the range that claim->set and ->range say
 *
 * Return: 0; CLAIM_NEXT; STORE_ABSENT, nothing in it; STORE_TAKEN, with its
 * holder; or negative
 */
int pools_claim_try(struct claim *claim, enum pass pass,
		    struct store_record *ret_holder, struct error *err);

#endif
