#ifndef IPAM_HOST_H
#define IPAM_HOST_H

/*
 * This node's own addresses out of ipam.hostRange, one of each family that it
 * has. What the store gives, the node remembers in the synced environment of
 * ipam.dataDir, and has again after any reboot.
 *
 * With the API server a node's address is a reservation of its own kind, or in
 * Whereabouts' pools an allocation without a pod, which the node claims once, by its name, and finds again whatever became of its
 * disk. So are addresses that the configuration gives to the node: no other
 * network can give them to a pod then.
 *
 * The local store cannot ask who else has one: the node's number in the range,
 * ipam.hostIndex, says which it is. 0 is the first usable address: of the range,
 * in order, without the network and broadcast address of the pods' network and
 * without gateways. The configured one wins over the remembered one.
 */

#include "ipam/config.h"
#include "ipam/store.h"

struct ipam_host {
	const char *node;
	struct inet_addr vtep; /* family 0: none */
};

struct ipam_host_addresses {
	struct inet_prefix items[2]; /* with the length of the pods' network */
	size_t count;
};

enum {
	IPAM_HOST_UNCLAIMED = 1, /* it has none yet: claim one */
};

/**
 * ipam_host_find() - The node's addresses, as far as they are known here
 *
 * Reads only, and asks nobody.
 *
 * Return: 0, IPAM_HOST_UNCLAIMED, or negative: ERROR_CONFIG for an index that is
 * missing or out of the range
 */
int ipam_host_find(const struct ipam_config *config,
		   const struct ipam_host *host,
		   struct ipam_host_addresses *ret, struct error *err)
	warn_unused;

/**
 * ipam_host_claim() - The same, for good
 *
 * Claimed where the store has to, and remembered. Under the link lock: one node
 * claims once.
 *
 * Return: 0, or negative as ipam_host_find(); ERROR_AGAIN if the lock's deadline
 * passed
 */
int ipam_host_claim(const struct ipam_config *config,
		    const struct ipam_host *host,
		    struct ipam_host_addresses *ret, struct error *err);

/**
 * ipam_host_is_former() - An address of the range, but not the one that
 * ipam.hostIndex names? Without an index there is none.
 */
bool ipam_host_is_former(const struct ipam_config *config,
			 const struct inet_addr *addr);

/**
 * ipam_host_is_held() - Are these, which the configuration names or the node has
 * already, known to be this node's by the store? Asks nobody
 *
 * A store that cannot know is content.
 *
 * Return: 1 or 0, or negative
 */
int ipam_host_is_held(const struct ipam_config *config,
		      const struct ipam_host *host,
		      const struct ipam_host_addresses *addresses,
		      struct error *err) warn_unused;

/**
 * ipam_host_hold() - Keep these from everybody else
 *
 * Return: 0, or negative: ERROR_SHIM for one that a pod or another node has
 */
int ipam_host_hold(const struct ipam_config *config,
		   const struct ipam_host *host,
		   const struct ipam_host_addresses *addresses,
		   struct error *err);

/**
 * ipam_host_audit() - Compare with the server that all nodes share
 * @borne:	What the node bears in the pods' networks
 * @repair:	What it bears is reserved again, its VTEP told
 * @tell:	Each difference
 *
 * Return: 0 (also for a store of this node alone), or negative
 */
int ipam_host_audit(const struct ipam_config *config,
		    const struct ipam_host *host, const struct inet_addr *borne,
		    size_t n_borne, bool repair, store_tell tell, void *arg,
		    struct error *err);

/**
 * ipam_host_release() - Give back one of the node's addresses
 * @dry_run:	Only look whether it is
 *
 * Whoever bears it still must not: the caller looks.
 *
 * Return: 0, IPAM_HOST_UNCLAIMED (it is not this node's), or negative
 */
int ipam_host_release(const struct ipam_config *config,
		      const struct ipam_host *host,
		      const struct inet_addr *addr, bool dry_run,
		      struct error *err) warn_unused;

#endif
