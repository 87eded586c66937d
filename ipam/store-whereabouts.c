/*
 * Addresses in Whereabouts' objects: its IPPools and overlap records are what
 * says who has an address, to Whereabouts on other nodes and to this one alike.
 * The ledger on this node is that of the other store of a server (store-kube.c),
 * with what is particular here:
 *
 *	a key changes hands	it is a container's by id and interface, and a new
 *		container of the same pod takes it over. So every change tests
 *		who has it, and a release of an old container hits nothing
 *	no record names a node	so nothing can be swept by name after a reboot: what
 *		is owed is in a journal that outlives it, and the runtime's own
 *		DEL finds what it names in the pools
 *	nothing tells one attempt from another	store-whereabouts-owed.c
 *
 * An ADD reads the pool, takes the lowest free key and makes the overlap record:
 * three requests for a range. A DEL takes two. Without a server an ADD fails, and
 * a DEL is owed.
 *
 * What Whereabouts does beside it is not done here: its lease is not taken (the
 * tests in the patches are what keeps two apart), nodes have no slices, and its
 * reconciler is its own.
 */

#include "ipam/store-whereabouts-priv.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define JOURNAL  "whereabouts-journal"
#define RELEASES 3 /* of one container, while tables are lost */

/* --- what else is to be done -------------------------------------------------------- */

static int pools_confirm(struct store *store,
			 const struct store_attachment *attachment,
			 struct error *err)
{
	int r = cluster_confirm(store, attachment, err);

	if (r == 0)
		pools_settle_some(pools_of(store));
	return r;
}

/* What could not be released is written down for good, or it is a failure. */
static int journal(struct store *store,
		   const struct store_attachment *attachment, int r,
		   struct error *err)
{
	struct error lost = { 0 };

	if (pools_journal(pools_of(store), attachment, &lost) == 0)
		return r;
	error_keep_first(err, &lost);
	return error_return(err);
}

/* Which ledger is it? "": there is none. */
static int name_ledger(struct cluster *cluster, bool write,
		       char ret[static LEDGER_NAME], struct error *err)
{
	int r;

	*ret = '\0';
	if (!table_exists(ledger_table(cluster->ledger)))
		return 0;
	r = cluster_begin(cluster, write, err);
	if (r != 0)
		return r;
	r = ledger_name(cluster->ledger, write, ret, err);
	return cluster_end(cluster, r, err);
}

/* What was written down went with a ledger that is not there any more. The pools
 * know what the container has, as they do of one that was never known here. */
static int release_lost(struct cluster *cluster,
			const struct store_attachment *attachment,
			struct error *err)
{
	log_warning("the table was lost while container %s, %s was released: "
		    "what it has is looked for in the pools",
		    attachment->container_id, attachment->ifname);
	return journal(&cluster->base, attachment,
		       cluster_release(&cluster->base, attachment, err), err);
}

/* No sweep finds what a lost table owed: no record names a node. So whoever has
 * promised it sees to it that its promise is still there, or in the journal. */
static int release(struct store *store,
		   const struct store_attachment *attachment, struct error *err)
{
	char before[LEDGER_NAME], now[LEDGER_NAME];
	struct cluster *cluster = cluster_of(store);
	int r = name_ledger(cluster, true, before, err);
	int released;

	if (r != 0)
		return r;
	released = journal(store, attachment,
			   cluster_release(store, attachment, err), err);
	for (int i = 0; i < RELEASES && released >= 0; i++) {
		r = name_ledger(cluster, false, now, err);
		if (r < 0)
			return r;
		if (r != 0 || strcmp(before, now) == 0)
			return released;
		memcpy(before, now, sizeof(before));
		r = release_lost(cluster, attachment, err);
		released = r == STORE_ABSENT ? released : r;
	}
	return released;
}

static int pools_release(struct store *store,
			 const struct store_attachment *attachment,
			 struct error *err)
{
	int r;

	pools_of(store)->leaving = attachment;
	r = release(store, attachment, err);
	pools_of(store)->leaving = NULL;
	return r;
}

static int pools_reap(struct store *store, const struct store_record *record,
		      struct error *err)
{
	const struct store_attachment attachment =
		store_record_attachment(record);
	int r;

	pools_of(store)->leaving = &attachment;
	r = journal(store, &attachment, cluster_reap(store, record, err), err);
	pools_of(store)->leaving = NULL;
	return r;
}

static int pools_refuse(struct store *store,
			const struct store_attachment *attachment,
			const struct inet_addr *addr, const char *whose,
			struct error *err)
{
	return journal(store, attachment,
		       cluster_refuse(store, attachment, addr, whose, err),
		       err);
}

/* --- numbers -------------------------------------------------------------------------- */

static int add_taken(struct cluster *cluster, const struct ipam_range *range,
		     struct range_set *taken, struct error *err)
{
	cleanup_whereabouts_view struct whereabouts_view view =
		WHEREABOUTS_VIEW_INIT;
	struct whereabouts_claim claim =
		pools_claim(pools_of(&cluster->base), cluster->config->pool,
			    &range->range.network, NULL, "", "");
	int r = whereabouts_read(cluster, &claim, &view, err);

	if (r != 0)
		return r == WHEREABOUTS_ABSENT ? 0 : r;
	for (size_t i = 0; i < view.pool.taken.count && r == 0; i++)
		r = range_set_add(taken, view.pool.taken.items[i].first,
				  view.pool.taken.items[i].last, err);
	return r;
}

static int pools_usage(struct store *store, size_t index,
		       struct store_usage *ret, struct error *err)
{
	cleanup_range_set struct range_set taken = { 0 };
	struct cluster *cluster = cluster_of(store);
	const struct ipam_range_set *set = &cluster->config->sets[index];

	for (size_t i = 0; i < set->count; i++) {
		int r = add_taken(cluster, &set->ranges[i], &taken, err);

		if (r < 0)
			return r;
	}
	return cluster_count(cluster, set, &taken, ret, err);
}

/* --- the store ------------------------------------------------------------------------- */

/* Names that no object can have are the configuration's fault. */
static int check_names(const struct pools *pools, struct error *err)
{
	const struct ipam_config *config = pools->cluster.config;
	int r = 0;

	for (size_t i = 0; i < config->n_sets; i++)
		for (size_t j = 0; j < config->sets[i].count && r == 0; j++) {
			const struct ipam_range *range =
				&config->sets[i].ranges[j];
			struct whereabouts_claim claim =
				pools_claim(pools, config->pool,
					    &range->range.network, NULL, "",
					    "");

			r = whereabouts_check_names(&claim, err);
		}
	return r;
}

static int pools_reserve_checked(struct store *store,
				 const struct store_wish *wish,
				 struct store_record *ret, size_t *ret_set,
				 struct error *err)
{
	struct cluster *cluster = cluster_of(store);
	int r = check_names(pools_of(store), err);

	if (r < 0)
		return r;
	cluster->is_patient = true;
	r = pools_reserve(store, wish, ret, ret_set, err);
	cluster->is_patient = false;
	return r;
}

static int pools_ready(struct store *store, struct error *err)
{
	struct pools *pools = pools_of(store);
	struct cluster *cluster = &pools->cluster;
	int r;

	r = table_ready(ledger_table(cluster->ledger), err);
	if (r == 0)
		r = table_ready(ledger_table(pools->journal), err);
	if (r == 0)
		r = check_names(pools, err);
	if (r < 0)
		return r;
	r = cluster_begin(cluster, false, err);
	table_abort(ledger_table(cluster->ledger));
	return r;
}

static struct store *pools_close(struct store *store)
{
	struct pools *pools = pools_of(store);

	cluster_clear(&pools->cluster);
	ledger_close(pools->journal);
	free(pools);
	return NULL;
}

static const struct store_ops pools_ops = {
	.name = "whereabouts",
	.reserve = pools_reserve_checked,
	.confirm = pools_confirm,
	.release = pools_release,
	.reap = pools_reap,
	.mark = cluster_mark,
	.due = cluster_due,
	.refuse = pools_refuse,
	.find = cluster_find,
	.list = cluster_list_records,
	.usage = pools_usage,
	.is_damaged = cluster_is_damaged,
	.rebuild = cluster_rebuild,
	.audit = pools_audit,
	.ready = pools_ready,
	.close = pools_close,
};

static const struct cluster_way pools_way = {
	.settle = pools_settle_line,
	.release_unknown = pools_release_unknown,
	.is_unswept = true,
};

static int open_both(struct pools *pools, const struct ipam_config *config,
		     bool read_only, unsigned int timeout_ms, struct error *err)
{
	int r;

	r = cluster_open(&pools->cluster, config, LEDGER_WHEREABOUTS, read_only,
			 timeout_ms, err);
	pools->ledger = pools->cluster.ledger;
	return r < 0 ? r
		     : ledger_open_journal(config, JOURNAL, read_only,
					   &pools->journal, err);
}

int store_whereabouts_open(const struct ipam_config *config, bool read_only,
			   unsigned int timeout_ms, struct store **ret,
			   struct error *err)
{
	struct pools *pools = calloc(1, sizeof(*pools));
	int r;

	if (!pools)
		return error_oom(err);
	pools->cluster.base.ops = &pools_ops;
	pools->cluster.way = &pools_way;
	r = open_both(pools, config, read_only, timeout_ms, err);
	if (r < 0) {
		pools_close(&pools->cluster.base);
		return r;
	}
	*ret = &pools->cluster.base;
	return 0;
}
