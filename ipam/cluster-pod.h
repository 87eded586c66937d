#ifndef IPAM_CLUSTER_POD_H
#define IPAM_CLUSTER_POD_H

/*
 * What the API server says of a Pod and of a Node: whose an address is, and
 * whether he is there.
 */

#include "ipam/store-cluster-priv.h"

struct cluster_pod {
	char uid[65];
	char node[254]; /* "": on none yet */
};

/**
 * cluster_pod_get() - As it is now
 *
 * Return: 0; CLUSTER_ABSENT: there is none; or negative, also where no answer
 * says so
 */
int cluster_pod_get(struct cluster *cluster, const char *pod_namespace,
		    const char *pod_name, struct cluster_pod *ret,
		    struct error *err) warn_unused;

/** cluster_podref_get() - The same, of "namespace/name"
 * @ret_namespace:	63 bytes, with terminator 64; @ret_name: the rest */
int cluster_podref_get(struct cluster *cluster, const char *podref,
		       char ret_namespace[static 64], const char **ret_name,
		       struct cluster_pod *ret, struct error *err) warn_unused;

/** cluster_node_get() - The boot that the Node is in, "" if it does not say
 * Return: as cluster_pod_get() */
int cluster_node_get(struct cluster *cluster, const char *node,
		     char ret_boot_id[static 65], struct error *err)
	warn_unused;

#endif
