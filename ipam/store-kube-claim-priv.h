#ifndef IPAM_STORE_KUBE_CLAIM_PRIV_H
#define IPAM_STORE_KUBE_CLAIM_PRIV_H

/*
 * One ADD on its way to its addresses, for ipam/store-kube-claim*.c only; the
 * order in which things are done is told in store-kube-claim.c.
 */

#include "ipam/search.h"
#include "ipam/store-kube-priv.h"

enum {
	CLAIM_NEXT = 32, /* not this address */
	CLAIM_DONE = 33, /* all sets have one */
};

struct claim {
	struct cluster *cluster;
	const struct store_wish *wish;
	struct table_key key;
	struct ledger_entry entry; /* as it is in the ledger */
	char *owner;
	struct process self;
	uint64_t version; /* highest that was seen before the request */
	bool has_begun; /* the entry is there */
	bool owes; /* a former one is to be released first */

	/* Of the set that is being claimed. */
	size_t set;
	struct search search;
	bool has_tried_own;
	struct inet_addr again; /* to be tried once more; family 0: none */
	struct ledger_line line; /* of the request on its way */
	uint64_t done; /* number of a line that is settled; 0: none */
	unsigned int posts;
	unsigned int unknown;
};

static inline const struct ipam_range_set *
claim_ranges(const struct claim *claim)
{
	return &claim->wish->config->sets[claim->set];
}

static inline const struct inet_addr *claim_requested(const struct claim *claim)
{
	return &claim->wish->requested[claim->set];
}

/* --- which address (store-kube-claim-choose.c) ------------------------------------ */

/** claim_search() - Begin to look for an address of the set */
void claim_search(struct claim *claim);

/** claim_choose() - Inside a transaction: which to try next
 * Return: 0, SEARCH_BLOCKS, SEARCH_ALL, STORE_EXHAUSTED, STORE_TAKEN (with its
 * holder), or negative */
int claim_choose(struct claim *claim, struct inet_addr *ret,
		 struct store_record *ret_holder, struct error *err);

/** claim_list() - Ask the server what is taken, of the blocks that the search
 * is at or of all */
int claim_list(struct claim *claim, bool all, struct error *err);

/* --- before a request (store-kube-claim-begin.c) ---------------------------------- */

/** claim_begin() - The transaction before a request
 * Return: 0 (ask for @ret), CLAIM_DONE, CLAIM_NEXT (give back what a former ADD
 * had), those of claim_choose(), STORE_LIVE, STORE_PENDING, or negative */
int claim_begin(struct claim *claim, struct inet_addr *ret,
		struct store_record *ret_holder, struct error *err);

/** claim_end_line() - Inside a transaction: drop the line that is settled */
int claim_end_line(struct claim *claim, struct error *err);

/* --- the request (store-kube-claim-post.c) ----------------------------------------- */

/** claim_post() - Ask for @addr, and keep it
 * Return: 0, CLAIM_NEXT, STORE_TAKEN (with its holder), or negative */
int claim_post(struct claim *claim, const struct inet_addr *addr,
	       struct store_record *ret_holder, struct error *err);

#endif
