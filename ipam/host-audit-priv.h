#ifndef IPAM_HOST_AUDIT_PRIV_H
#define IPAM_HOST_AUDIT_PRIV_H

/*
 * Shared by ipam/host-audit.c, host-kube-audit.c and host-whereabouts-audit.c
 * only: a world that says who has an address. With "both" there are two.
 */

#include "ipam/host-priv.h"
#include "ipam/worlds.h"

struct host_world;

/* Outcomes: 0 (it is this node's), CLUSTER_ABSENT (nobody's), CLUSTER_TAKEN
 * (@ret_owner says whose). All are requests to the server. */
struct host_world_ops {
	const char *name; /* who knows of it or not */
	const char *kept; /* what it is for its owner there */

	int (*find)(struct host_world *world, const struct inet_addr *addr,
		    char ret_owner[static WORLDS_OWNER], struct error *err);
	int (*take)(struct host_world *world, const struct inet_addr *addr,
		    char ret_owner[static WORLDS_OWNER], struct error *err);

	/* Of what find() found last: does it say something else that is not so?
	 * 0, or 1 with @ret_text; with @repair it is put right. May be NULL. */
	int (*differs)(struct host_world *world, bool repair,
		       char ret_text[static WORLDS_OWNER], struct error *err);

	/* What it has for this node; yours. 0 or negative. */
	int (*list)(struct host_world *world, struct inet_addr **ret,
		    size_t *ret_count, struct error *err);

	/* What find() found last is nobody's. 0 or negative. */
	int (*give)(struct host_world *world, const struct inet_addr *addr,
		    struct error *err);

	void (*close)(struct host_world *world);
};

struct host_world {
	const struct host_world_ops *ops;
	const struct ipam_config *config;
	const struct ipam_host *host;
};

/** host_kube_world() - Objects of the API server (host-kube-audit.c) */
int host_kube_world(const struct ipam_config *config,
		    const struct ipam_host *host, struct host_world **ret,
		    struct error *err);

/** host_whereabouts_world() - Keys of Whereabouts' pools
 * (host-whereabouts-audit.c) */
int host_whereabouts_world(const struct ipam_config *config,
			   const struct ipam_host *host,
			   struct host_world **ret, struct error *err);

#endif
