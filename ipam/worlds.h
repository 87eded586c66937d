#ifndef IPAM_WORLDS_H
#define IPAM_WORLDS_H

/*
 * What the two worlds that can serve one range have of it, side by side: keys of
 * Whereabouts' pools, and Reservations.
 */

#include "ipam/adopt.h"
#include "ipam/store-kube-priv.h"
#include "ipam/whereabouts-claim.h"

/* One allocation of a pool, as it was read. */
struct worlds_key {
	struct inet_addr addr;
	struct inet_prefix range; /* whose pool it is in */
	char podref[WHEREABOUTS_PODREF]; /* "" for a node */
	char id[WHEREABOUTS_ID];
	char ifname[16]; /* "": not said */
};

struct worlds_keys {
	struct worlds_key *items;
	size_t count;
	size_t pools; /* how many there are */
};
void worlds_keys_clear(struct worlds_keys *keys);
#define cleanup_worlds_keys cleanup(worlds_keys_clear)

/** worlds_read_keys() - Of every range of the configuration; a pool that is not
 * there has none. Return: 0, or negative; clear it either way */
int worlds_read_keys(struct cluster *cluster, const struct ipam_config *config,
		     struct worlds_keys *ret, struct error *err);

/** worlds_read_objects() - Reservations of every range of the configuration
 * Return: likewise */
int worlds_read_objects(struct cluster *cluster,
			const struct ipam_config *config,
			struct cluster_list *ret, struct error *err);

/** worlds_is_in_ranges() - In the network of a range of the configuration? */
bool worlds_is_in_ranges(const struct ipam_config *config,
			 const struct inet_addr *addr);

/** worlds_is_gone() - Is there no such Pod, or Node, as a key is of? 1, 0 (also
 * where it is of neither), or negative */
int worlds_is_gone(struct cluster *cluster, const struct worlds_key *key,
		   struct error *err) warn_unused;

/** worlds_find_key() / worlds_find_object() - By address; NULL: none */
const struct worlds_key *worlds_find_key(const struct worlds_keys *keys,
					 const struct inet_addr *addr);
const struct reservation *worlds_find_object(const struct cluster_list *objects,
					     const struct inet_addr *addr);

/** worlds_is_same() - Do they name the same owner? */
bool worlds_is_same(const struct worlds_key *key,
		    const struct reservation *object);

/**
 * worlds_claim_host() - What a node's own address is in the pool
 * @ret:	Borrows @id
 *
 * Without an overlap record: Whereabouts' reconciler drops those of no pod.
 *
 * Return: 0, or WHEREABOUTS_NO_NAME
 */
int worlds_claim_host(const struct ipam_config *config, const char *node,
		      const struct inet_addr *addr,
		      char id[static WHEREABOUTS_NAME + 4],
		      struct whereabouts_claim *ret) warn_unused;

/** worlds_range_of() - The network of the range that @addr is in; family 0:
 * none */
struct inet_prefix worlds_range_of(const struct ipam_config *config,
				   const struct inet_addr *addr);

/** worlds_key_owner() - In words, for messages; returns @buf */
#define WORLDS_OWNER 640
const char *worlds_key_owner(const struct worlds_key *key,
			     char buf[static WORLDS_OWNER]);
const char *worlds_object_owner(const struct reservation *object,
				char buf[static WORLDS_OWNER]);

#endif
