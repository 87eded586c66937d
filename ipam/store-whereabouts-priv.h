#ifndef IPAM_STORE_WHEREABOUTS_PRIV_H
#define IPAM_STORE_WHEREABOUTS_PRIV_H

/*
 * Shared by ipam/store-whereabouts*.c only.
 *
 * An address' reference in the ledger, and a line's: the attempt is the range
 * whose pool it is in, as text, the uid that of its overlap record.
 */

#include "ipam/whereabouts-claim.h"

#define POOLS_NO_OVERLAP "-" /* instead of a uid: it has no overlap record */

struct pools {
	struct cluster cluster; /* first member: it is the store */
	struct ledger
		*ledger; /* what cluster.ledger is, but for the moment that
				* the journal is settled */
	struct ledger *journal;
	/* Whose release this is; NULL: nobody's. Only to tell of it. */
	const struct store_attachment *leaving;
};

static inline struct pools *pools_of(struct store *store)
{
	return (struct pools *)store;
}

/** pools_claim() - What an attachment wants in the pool of a range
 * @podref:	NULL: not known */
struct whereabouts_claim
pools_claim(const struct pools *pools, const char *network,
	    const struct inet_prefix *range, const char *podref,
	    const char *container_id, const char *ifname);

/** pools_reserve() - store_ops.reserve */
int pools_reserve(struct store *store, const struct store_wish *wish,
		  struct store_record *ret, size_t *ret_set, struct error *err);

/** pools_audit() - store_ops.audit */
int pools_audit(struct store *store, bool repair, store_tell tell, void *arg,
		struct error *err);

/* --- owed (store-whereabouts-owed.c) -------------------------------------------------- */

/** pools_settle_line() - cluster_way.settle */
int pools_settle_line(struct cluster *cluster, const struct ledger_line *line);

/**
 * pools_give_all() - All that a claim's container and interface have in its pool,
 * but for what an attachment with the same names has by now
 * @ret_found:	How many there were; grows
 *
 * Return: as whereabouts_give_all()
 */
int pools_give_all(struct pools *pools, const struct whereabouts_claim *claim,
		   size_t *ret_found, struct error *err);

/* --- an attachment that is not known (store-whereabouts-unknown.c) ---------------- */

/** pools_release_unknown() - cluster_way.release_unknown */
int pools_release_unknown(struct cluster *cluster,
			  const struct store_attachment *attachment,
			  struct error *err);

/* --- the journal (store-whereabouts-journal.c) ------------------------------------ */

/**
 * pools_settle() - Do what is owed, here and in the journal; what is left of an
 * attachment's is in the journal then
 */
void pools_settle(struct pools *pools,
		  const struct store_attachment *attachment);

/**
 * pools_journal() - What is left of an attachment's lines goes to the journal
 *
 * Return: 0, or negative: it is lost with the next reboot then, unless the DEL
 * is sent again
 */
int pools_journal(struct pools *pools,
		  const struct store_attachment *attachment, struct error *err);

/** pools_settle_some() - What is due in the journal, for CLUSTER_LIMIT_MS */
void pools_settle_some(struct pools *pools);

struct pools_owed {
	struct inet_addr addrs[STORE_MAX_ADDRESSES];
	size_t count;
};

/**
 * pools_owed() - Addresses that are still owed of an attachment
 *
 * A release that was asked for may yet be carried out. It names the container
 * and the interface, and would hit what the same one is given again.
 */
int pools_owed(struct pools *pools, const struct store_attachment *attachment,
	       struct pools_owed *ret, struct error *err);

#endif
