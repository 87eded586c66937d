#ifndef IPAM_STORE_BOTH_PRIV_H
#define IPAM_STORE_BOTH_PRIV_H

/*
 * Shared by ipam/store-both*.c only.
 */

#include "ipam/store-kube-priv.h"

enum {
	BOTH_POOLS,
	BOTH_OBJECTS,
	BOTH_WORLDS
};

struct both {
	struct store base;
	struct store *worlds[BOTH_WORLDS];
};

/** both_world() - One of them, with the deadline of the whole */
struct store *both_world(struct store *store, int which);

/** both_reserve() - store_ops.reserve */
int both_reserve(struct store *store, const struct store_wish *wish,
		 struct store_record *ret, size_t *ret_set, struct error *err);

#endif
