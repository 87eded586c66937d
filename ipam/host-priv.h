#ifndef IPAM_HOST_PRIV_H
#define IPAM_HOST_PRIV_H

/*
 * Shared by ipam/host*.c only: the range, and what is remembered of it.
 */

#include "ipam/host.h"
#include "ipam/table.h"

struct host_memory {
	struct inet_prefix address;
	struct inet_addr vtep; /* family 0: none */
};

/** host_network() - The pods' network that the range is a part of */
const struct inet_prefix *host_network(const struct ipam_config *config,
				       const struct range *range);

/** host_usable() - Addresses of the range that a node could bear */
int host_usable(const struct ipam_config *config, const struct range *range,
		struct range_set *ret, struct error *err);

/** host_key() - Of what is remembered for one network */
int host_key(const struct ipam_config *config, const struct ipam_host *host,
	     const struct inet_prefix *network, struct table_key *key,
	     struct error *err);

/** host_recall() - Works where nothing can be written
 * Return: 0, TABLE_ABSENT, or negative */
int host_recall(const struct ipam_config *config, const struct table_key *key,
		uint8_t family, struct host_memory *ret, struct error *err)
	warn_unused;

/** host_write() - Remember, for good */
int host_write(const struct ipam_config *config, const struct table_key *key,
	       const struct ipam_host *host, const struct inet_prefix *address,
	       struct error *err);

/** host_forget() - Having nothing to forget is fine */
int host_forget(const struct ipam_config *config, const struct table_key *key,
		struct error *err);

/** host_kube() - ipam_host_find(), ipam_host_claim() with the API server */
int host_kube(const struct ipam_config *config, const struct ipam_host *host,
	      bool claim, struct ipam_host_addresses *ret, struct error *err)
	warn_unused;

#endif
