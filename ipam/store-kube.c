/*
 * Reservations as objects of the API server: one immutable Reservation for each
 * address, named by it. The server decides who has an address; the ledger on this node says what this
 * node asked for, so that nothing is lost or done twice when an answer is, or a
 * process, or the ledger itself.
 *
 * What is true if we die, in an ADD (store-kube-claim.c) and in a DEL
 * (store-kube-release.c), is told there. What makes it hold:
 *
 *	a reservation never changes hands	so a uid names one attachment
 *		for ever, a late DEL can only hit its own object, and a DELETE
 *		with that uid that finds another object, or none, is done
 *	every request to create has a name of its own	so an object that is
 *		there can be told from the one that an earlier request made for
 *		the same attachment
 *	what is asked for is written down before, and crossed out after
 *	no lock is held while the server is asked	one that is slow does
 *		not stop the others on the node
 *	lists of the server are read before the ledger	or an ADD in between
 *		would look like something that nobody knows
 *
 * One request for an ADD and one for a DEL where nothing is wrong.
 */

#include "ipam/store-kube-priv.h"

#include <stdio.h>
#include <stdlib.h>

static int cluster_usage(struct store *store, size_t index,
			 struct store_usage *ret, struct error *err)
{
	cleanup_range_set struct range_set taken = { 0 };
	struct cluster *cluster = cluster_of(store);
	const struct ipam_range_set *set = &cluster->config->sets[index];
	char selector[160];
	int r;

	snprintf(selector, sizeof(selector), "%s=%s", RESERVATION_LABEL_POOL,
		 cluster->config->pool);
	r = cluster_list_taken(cluster, selector, set->family, &taken, err);
	if (r < 0)
		return r;
	return cluster_count(cluster, set, &taken, ret, err);
}

static int cluster_ready(struct store *store, struct error *err)
{
	struct cluster *cluster = cluster_of(store);
	int r;

	r = table_ready(ledger_table(cluster->ledger), err);
	if (r == 0)
		r = cluster_check_claim(cluster, err);
	if (r < 0)
		return r;
	r = cluster_begin(cluster, false, err);
	table_abort(ledger_table(cluster->ledger));
	return r;
}

static struct store *cluster_close(struct store *store)
{
	struct cluster *cluster = cluster_of(store);

	cluster_clear(cluster);
	free(cluster);
	return NULL;
}

static const struct cluster_way cluster_way = {
	.settle = cluster_settle_line,
	.release_unknown = cluster_release_unknown,
};

static const struct store_ops cluster_ops = {
	.name = "kubernetes",
	.reserve = cluster_reserve,
	.confirm = cluster_confirm,
	.release = cluster_release,
	.reap = cluster_reap,
	.mark = cluster_mark,
	.due = cluster_due,
	.refuse = cluster_refuse,
	.find = cluster_find,
	.list = cluster_list_records,
	.usage = cluster_usage,
	.is_damaged = cluster_is_damaged,
	.rebuild = cluster_rebuild,
	.audit = cluster_audit,
	.ready = cluster_ready,
	.close = cluster_close,
};

int store_kube_open(const struct ipam_config *config, bool read_only,
		    unsigned int timeout_ms, struct store **ret,
		    struct error *err)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));
	int r;

	if (!cluster)
		return error_oom(err);
	cluster->base.ops = &cluster_ops;
	cluster->way = &cluster_way;
	r = cluster_open(cluster, config, LEDGER_CLUSTER, read_only, timeout_ms,
			 err);
	if (r < 0) {
		cluster_close(&cluster->base);
		return r;
	}
	*ret = &cluster->base;
	return 0;
}
