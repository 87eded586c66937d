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

/* --- the range (host-range.c) ----------------------------------------------------- */

/** host_network() - The pods' network that the range is a part of */
const struct inet_prefix *host_network(const struct ipam_config *config,
				       const struct range *range);

/** host_usable() - Addresses of the range that a node could bear */
int host_usable(const struct ipam_config *config, const struct range *range,
		struct range_set *ret, struct error *err);

/** host_range_is_empty() - Raise that no address of it is usable */
int host_range_is_empty(const struct range *range, struct error *err);

/** host_by_index() - What ipam.hostIndex says of the range
 * Return: 0, or negative with ERROR_CONFIG */
int host_by_index(const struct ipam_config *config, const struct range *range,
		  struct inet_prefix *ret, struct error *err);

/* --- memory (host-memory.c) ------------------------------------------------------- */

/** host_key() - Of what is remembered for one network */
int host_key(const struct ipam_config *config, const struct ipam_host *host,
	     const struct inet_prefix *network, struct table_key *key,
	     struct error *err);

/** host_recall() - Works where nothing can be written
 * Return: 0, TABLE_ABSENT, or negative */
int host_recall(const struct ipam_config *config, const struct table_key *key,
		uint8_t family, struct host_memory *ret, struct error *err)
	warn_unused;

/** host_recall_whole() - The same, for who has a server that knows it better:
 * a damaged table is told, and as good as none
 * Return: as host_recall() */
int host_recall_whole(const struct ipam_config *config,
		      const struct table_key *key, uint8_t family,
		      struct host_memory *ret, struct error *err) warn_unused;

/** host_write() - Remember, for good */
int host_write(const struct ipam_config *config, const struct table_key *key,
	       const struct ipam_host *host, const struct inet_prefix *address,
	       struct error *err);

/** host_forget() - Having nothing to forget is fine */
int host_forget(const struct ipam_config *config, const struct table_key *key,
		struct error *err);

/* --- in each store ---------------------------------------------------------------- */

/** host_kube() - ipam_host_find(), ipam_host_claim() with the API server */
int host_kube(const struct ipam_config *config, const struct ipam_host *host,
	      bool claim, struct ipam_host_addresses *ret, struct error *err)
	warn_unused;

/** host_whereabouts() - The same with Whereabouts' pools */
int host_whereabouts(const struct ipam_config *config,
		     const struct ipam_host *host, bool claim,
		     struct ipam_host_addresses *ret, struct error *err)
	warn_unused;

/**
 * host_whereabouts_hold() - ipam_host_hold() with Whereabouts' pools
 * @claim:	Else it is only looked at what is known here
 *
 * Return: 1 if they are held, 0 if not all are known to be, or negative
 */
int host_whereabouts_hold(const struct ipam_config *config,
			  const struct ipam_host *host,
			  const struct ipam_host_addresses *addresses,
			  bool claim, struct error *err) warn_unused;

/** host_no_name() - Raise that a node's name is none for Whereabouts' pools */
int host_no_name(const char *node, struct error *err);

#endif
