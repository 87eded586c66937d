#ifndef IPAM_WHEREABOUTS_REQUEST_PRIV_H
#define IPAM_WHEREABOUTS_REQUEST_PRIV_H

/*
 * One request for Whereabouts' objects, for ipam/whereabouts-request*.c only.
 */

#include "ipam/whereabouts-priv.h"

#define WHEREABOUTS_POOLS    "ippools"
#define WHEREABOUTS_OVERLAPS "overlappingrangeipreservations"

#define WHEREABOUTS_PATH     512 /* with what is asked behind it */
#define WHEREABOUTS_MAX      (8u << 20) /* bytes of an answer; etcd takes 1.5 MiB */

/**
 * whereabouts_path() - Of an object, or of all, as the server has it
 * @plural:	WHEREABOUTS_POOLS or _OVERLAPS
 * @name:	"" for all
 */
int whereabouts_path(struct cluster *cluster, const char *plural,
		     const char *name, char ret[static WHEREABOUTS_PATH],
		     struct error *err);

/** whereabouts_no_name() - Raise that an object of the claim can have no name */
int whereabouts_no_name(const struct whereabouts_claim *claim, const char *what,
			struct error *err);

enum whereabouts_verb {
	WHEREABOUTS_GET,
	WHEREABOUTS_LIST,
	WHEREABOUTS_CREATE,
	WHEREABOUTS_PATCH,
	WHEREABOUTS_DELETE,
};

/**
 * whereabouts_ask() - One request, and what its answer says
 * @request:	Its method is the verb's
 *
 * Return: 0; WHEREABOUTS_CONFLICT (create, patch, delete); WHEREABOUTS_GONE (get,
 * patch, delete); CLUSTER_UNKNOWN; or negative: refused for a reason that lasts,
 * or not done
 */
int whereabouts_ask(struct cluster *cluster, enum whereabouts_verb verb,
		    const char *plural, struct kube_request *request,
		    struct kube_answer *ret, struct error *err) warn_unused;

#endif
