#ifndef IPAM_HOST_KUBE_PRIV_H
#define IPAM_HOST_KUBE_PRIV_H

/*
 * Shared by ipam/host-kube*.c and ipam/host-both.c only.
 */

#include "ipam/host-priv.h"
#include "ipam/store-kube-priv.h"

/* One family, or one given address, on its way. */
struct host_kube {
	const struct ipam_config *config;
	const struct ipam_host *host;
	struct cluster *cluster; /* NULL: only looking */
	struct table_key key;
	struct host_memory memory;
	bool has_memory;
};

static inline bool host_kube_has_vtep(const struct host_kube *step,
				      const struct inet_addr *vtep)
{
	return !step->host->vtep.family ||
	       inet_addr_equal(&step->host->vtep, vtep);
}

/** host_kube_open() - The server, and who this node is to it */
int host_kube_open(struct host_kube *step, struct store **ret,
		   struct error *err);

/* --- objects (host-kube-object.c) -------------------------------------------------- */

bool host_kube_is_own(const struct host_kube *step,
		      const struct reservation *have);

/** host_kube_patch() - Tell the server the VTEP, where it has another */
int host_kube_patch(struct host_kube *step, const struct reservation *have,
		    struct error *err);

/**
 * host_kube_create() - One address for this node
 *
 * Return: 0, CLUSTER_TAKEN (@ret is the holder), CLUSTER_ABSENT (it was, and is
 * not any more), or negative
 */
int host_kube_create(struct host_kube *step, const struct inet_addr *addr,
		     struct reservation *ret, struct error *err);

/** host_kube_list() - What the server has for this node */
int host_kube_list(struct host_kube *step, struct cluster_list *ret,
		   struct error *err);

/* --- with "both" (host-both.c) ------------------------------------------------------ */

/**
 * host_both_take() - The address in Whereabouts' pool; with another store, nothing
 * @ret:	With CLUSTER_TAKEN: who has it
 *
 * Return: 0 (also if it is this node's already), CLUSTER_TAKEN, or negative
 */
int host_both_take(struct host_kube *step, const struct inet_addr *addr,
		   struct reservation *ret, struct error *err) warn_unused;

/** host_both_find() - What this node has there, out of @usable
 * Return: 0, CLUSTER_ABSENT, or negative */
int host_both_find(struct host_kube *step, const struct range_set *usable,
		   uint8_t family, struct inet_addr *ret, struct error *err)
	warn_unused;

#endif
