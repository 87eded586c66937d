#ifndef IPAM_STORE_KUBE_PRIV_H
#define IPAM_STORE_KUBE_PRIV_H

/*
 * Reservations as objects of the API server. Shared by ipam/store-kube*.c, by
 * ipam/host-kube*.c, and by what compares them with another store's.
 */

#include "ipam/reservation.h"
#include "ipam/store-cluster-priv.h"

/* --- requests (store-kube-request.c); no transaction is open -------------------- */

/** cluster_refused() - Raise a status that ends the matter: missing rights,
 * missing definition, what the schema does not take */
int cluster_refused(struct cluster *cluster, const char *verb,
		    const struct kube_answer *answer, struct error *err);

/**
 * cluster_post() - Create @want
 *
 * Return: 0, CLUSTER_TAKEN, CLUSTER_UNKNOWN, or negative: surely not created
 */
int cluster_post(struct cluster *cluster, const struct reservation *want,
		 struct reservation *ret, struct error *err) warn_unused;

/** cluster_get() - 0, CLUSTER_ABSENT, CLUSTER_UNKNOWN, or negative */
int cluster_get(struct cluster *cluster, const char *name,
		struct reservation *ret, struct error *err) warn_unused;

/**
 * cluster_delete() - Delete the object of that uid; another one, or none, is as
 * good
 *
 * Return: 0, CLUSTER_UNKNOWN, or negative
 */
int cluster_delete(struct cluster *cluster, const char *name, const char *uid,
		   struct error *err) warn_unused;

/* --- lists (store-kube-list.c), likewise ---------------------------------------- */

struct cluster_list {
	struct reservation *items;
	size_t count;
	uint64_t version; /* of the list */
	int64_t date; /* the server's clock */
};
void cluster_list_clear(struct cluster_list *list);
#define cleanup_cluster_list cleanup(cluster_list_clear)

/**
 * cluster_list() - Objects by label, as the server has them at this moment
 * @selector:	Unescaped
 *
 * What is none of ours is left out, and told.
 */
int cluster_list(struct cluster *cluster, const char *selector,
		 struct cluster_list *ret, struct error *err);

/** cluster_list_node() - All of this node's */
int cluster_list_node(struct cluster *cluster, struct cluster_list *ret,
		      struct error *err);

/** cluster_list_taken() - Addresses of one pool and family, by label, without
 * their objects */
int cluster_list_taken(struct cluster *cluster, const char *selector,
		       uint8_t family, struct range_set *ret,
		       struct error *err);

/* --- claim (store-kube-claim*.c) ------------------------------------------------ */

/** cluster_reserve() - store_ops.reserve */
int cluster_reserve(struct store *store, const struct store_wish *wish,
		    struct store_record *ret, size_t *ret_set,
		    struct error *err);

/** cluster_saw() - Inside a transaction: a resourceVersion was seen, which is
 * newer than @before. Return: 0, or 1 if it is not: the server was restored */
int cluster_saw(struct cluster *cluster, uint64_t version, uint64_t before,
		struct error *err) warn_unused;

/* --- owed (store-kube-owed.c), release (store-kube-release.c) ------------------- */

/** cluster_is_known() - Is the object an attachment's, or on its way to be? The
 * list that it is from was read before. 1, 0, or negative */
int cluster_is_known(struct cluster *cluster,
		     const struct reservation *reservation, struct error *err)
	warn_unused;

/** cluster_list_attachment() - What the server has of one attachment */
int cluster_list_attachment(struct cluster *cluster,
			    const struct store_attachment *attachment,
			    struct cluster_list *ret, struct error *err);

/** cluster_settle_line() - cluster_way.settle of Reservations */
int cluster_settle_line(struct cluster *cluster,
			const struct ledger_line *line);

/** cluster_release_unknown() - cluster_way.release_unknown of Reservations */
int cluster_release_unknown(struct cluster *cluster,
			    const struct store_attachment *attachment,
			    struct error *err);

/* --- audit (store-kube-audit*.c) ------------------------------------------------ */

/** cluster_audit() - store_ops.audit */
int cluster_audit(struct store *store, bool repair, store_tell tell, void *arg,
		  struct error *err);

/* --- sweep (store-kube-sweep.c) ------------------------------------------------- */

/** cluster_check_claim() - Does the token name this node, if it names any? */
int cluster_check_claim(struct cluster *cluster, struct error *err);

/** cluster_prove() - Is this node who it says? 0, CLUSTER_UNPROVED, or negative
 * with ERROR_CONFIG: it is not */
int cluster_prove(struct cluster *cluster, struct error *err) warn_unused;

/** cluster_introduce() - Before an ADD: is this a node that is not who it says?
 * Asked once in a boot, and once a minute while nothing answers it */
int cluster_introduce(struct cluster *cluster, struct error *err);

/** cluster_sweep() - What this node's former boots left, once in a boot
 * Return: 1 if something was released, 0, or negative */
int cluster_sweep(struct cluster *cluster, struct error *err) warn_unused;

#endif
