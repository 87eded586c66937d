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

int cluster_begin(struct cluster *cluster, bool write, struct error *err)
{
	return ledger_begin(cluster->ledger, write, cluster->base.timeout_ms,
			    err);
}

int cluster_end(struct cluster *cluster, int r, struct error *err)
{
	return ledger_end(cluster->ledger, r, err);
}

static void cluster_abort(struct cluster *cluster)
{
	table_abort(ledger_table(cluster->ledger));
}

/* --- confirm ----------------------------------------------------------------------- */

/* Is anything due to be settled? A hint: it is looked for again. */
static bool owes(struct cluster *cluster)
{
	const uint64_t now = file_boottime_ms();
	struct ledger_line line = { 0 };
	struct error unknown = { 0 };

	while (ledger_line_next(cluster->ledger, line.number + 1, &line,
				&unknown) == 0)
		if (line.next_ms <= now)
			return true;
	return false;
}

static int confirm_entry(struct cluster *cluster, const struct table_key *key,
			 const struct process *self, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	int r;

	r = ledger_entry_load(cluster->ledger, key, &entry, err);
	if (r != 0)
		return r;
	if (entry.record.process.pid != self->pid ||
	    entry.record.process.start != self->start ||
	    entry.record.process.ns != self->ns)
		return STORE_ABSENT;
	entry.record.state = STORE_STATE_LIVE;
	return ledger_entry_save(cluster->ledger, key, &entry, err);
}

int cluster_confirm(struct store *store,
		    const struct store_attachment *attachment,
		    struct error *err)
{
	struct cluster *cluster = cluster_of(store);
	struct process self = { 0 };
	struct table_key key;
	bool due;
	int r;

	r = ledger_key(attachment, &key, err);
	if (r == 0)
		r = process_self(&self, err);
	if (r < 0)
		return r;
	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = confirm_entry(cluster, &key, &self, err);
	due = r == 0 && owes(cluster);
	r = cluster_end(cluster, r, err);
	if (r == 0 && due)
		cluster_settle_some(cluster);
	return r;
}

/* --- looking ------------------------------------------------------------------------- */

int cluster_find(struct store *store, const struct store_attachment *attachment,
		 struct store_record *ret, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	struct cluster *cluster = cluster_of(store);
	struct table_key key;
	int r;

	r = ledger_key(attachment, &key, err);
	if (r < 0)
		return r;
	r = cluster_begin(cluster, false, err);
	if (r != 0)
		return r;
	r = ledger_entry_load(cluster->ledger, &key, &entry, err);
	cluster_abort(cluster);
	if (r != 0)
		return r;
	store_record_clear(ret);
	*ret = entry.record;
	entry.record = (struct store_record){ 0 };
	return 0;
}

static int list_inside(struct cluster *cluster, struct store_records *records,
		       struct error *err)
{
	struct table_key key;
	int r = 0;

	ledger_entry_first(&key);
	while (r == 0) {
		cleanup_ledger_entry struct ledger_entry entry = { 0 };

		r = ledger_entry_next(cluster->ledger, &key, &entry, err);
		if (r == 0)
			r = store_records_add(records, &entry.record, err);
	}
	return r < 0 ? r : 0;
}

int cluster_list_records(struct store *store, struct store_records *ret,
			 struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	struct cluster *cluster = cluster_of(store);
	int r;

	r = cluster_begin(cluster, false, err);
	if (r != 0)
		return r;
	r = list_inside(cluster, &records, err);
	cluster_abort(cluster);
	if (r < 0)
		return r;
	*ret = records;
	records = (struct store_records){ 0 };
	return 0;
}

/* --- numbers -------------------------------------------------------------------------- */

static inet_uint count_in(const struct ipam_range_set *set,
			  const struct range_set *taken)
{
	inet_uint count = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct range_set *candidates = &set->ranges[i].candidates;
		inet_uint from = 0;
		inet_uint value;

		while (range_set_next(taken, from, &value)) {
			count += range_set_contains(candidates, value);
			from = value + 1;
			if (from == 0)
				break;
		}
	}
	return count;
}

static int count_resting(struct cluster *cluster,
			 const struct ipam_range_set *set, inet_uint *ret,
			 struct error *err)
{
	inet_uint from = 0;

	for (;;) {
		struct ledger_rest rest;
		int r;

		r = ledger_rest_next(cluster->ledger, cluster->config->pool,
				     set->family, from, &rest, err);
		if (r != 0)
			return r < 0 ? r : 0;
		from = inet_addr_to_uint(&rest.addr);
		for (size_t i = 0; i < set->count; i++)
			*ret += range_set_contains(&set->ranges[i].candidates,
						   from);
		if (++from == 0)
			return 0;
	}
}

int cluster_count(struct cluster *cluster, const struct ipam_range_set *set,
		  const struct range_set *taken, struct store_usage *ret,
		  struct error *err)
{
	int r;

	*ret = (struct store_usage){ 0 };
	for (size_t i = 0; i < set->count; i++)
		ret->candidates += range_set_size(&set->ranges[i].candidates);
	ret->used = count_in(set, taken);
	r = cluster_begin(cluster, false, err);
	if (r != 0)
		return r;
	r = count_resting(cluster, set, &ret->resting, err);
	cluster_abort(cluster);
	return r;
}

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

/* --- whose turn it is ------------------------------------------------------------------- */

/* STORE_DUE if it was not done for @period_ms. */
static int is_due(struct cluster *cluster, const char *fact, uint64_t period_ms,
		  struct error *err)
{
	uint64_t done_ms;
	int r = ledger_fact(cluster->ledger, fact, &done_ms, err);

	if (r != 0)
		return r < 0 ? r : STORE_DUE;
	return file_boottime_ms() - done_ms < period_ms ? 0 : STORE_DUE;
}

static int take_turn(struct cluster *cluster, const char *fact,
		     uint64_t period_ms, struct error *err)
{
	int r;

	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = is_due(cluster, fact, period_ms, err);
	if (r != STORE_DUE)
		return cluster_end(cluster, r, err);
	r = ledger_fact_set(cluster->ledger, fact, file_boottime_ms(), err);
	r = cluster_end(cluster, r, err);
	return r == 0 ? STORE_DUE : r;
}

int cluster_due(struct store *store, const char *task, uint64_t period_ms,
		struct error *err)
{
	struct cluster *cluster = cluster_of(store);
	char fact[64];
	int r;

	snprintf(fact, sizeof(fact), "task %s", task);
	if (!table_exists(ledger_table(cluster->ledger)))
		return 0;
	r = cluster_begin(cluster, false, err);
	if (r != 0)
		return r;
	r = is_due(cluster, fact, period_ms, err);
	cluster_abort(cluster);
	return r == STORE_DUE ? take_turn(cluster, fact, period_ms, err) : r;
}

/* --- the store --------------------------------------------------------------------------- */

bool cluster_is_damaged(const struct store *store)
{
	const struct cluster *cluster = (const struct cluster *)store;

	return table_is_damaged(ledger_table(cluster->ledger));
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
	cluster_abort(cluster);
	return r;
}

static int rebuild_entry(struct cluster *cluster,
			 const struct store_record *known, struct error *err)
{
	struct ledger_entry entry = { .record = *known }; /* borrows strings */
	struct table_key key;
	int r;

	r = ledger_record_key(known, &key, err);
	if (r < 0)
		return r;
	entry.record.n_addresses = 0;
	for (size_t i = 0; i < known->n_addresses && r >= 0; i++) {
		r = ledger_look(cluster->ledger, known->pool,
				&known->addresses[i].address.addr, "", NULL,
				err);
		if (r == LEDGER_FREE)
			entry.record.addresses[entry.record.n_addresses++] =
				known->addresses[i];
	}
	return r < 0 ? r
		     : ledger_entry_save(cluster->ledger, &key, &entry, err);
}

/* Without uids: their release asks the server by label. */
int cluster_rebuild(struct store *store, const struct store_records *known,
		    struct error *err)
{
	struct cluster *cluster = cluster_of(store);
	int r;

	r = table_renew(ledger_table(cluster->ledger), store->timeout_ms, err);
	if (r == TABLE_RENEWED)
		return 0;
	if (r != 0)
		return r == TABLE_BUSY ? STORE_BUSY : r;
	for (size_t i = 0; i < known->count && r == 0; i++)
		r = rebuild_entry(cluster, &known->items[i], err);
	return cluster_end(cluster, r, err);
}

void cluster_clear(struct cluster *cluster)
{
	cluster->kube = kube_close(cluster->kube);
	cluster->ledger = ledger_close(cluster->ledger);
}

int cluster_open(struct cluster *cluster, const struct ipam_config *config,
		 const char *table, bool read_only, unsigned int timeout_ms,
		 struct error *err)
{
	int r;

	if (!config->node || !*config->node)
		return error_set(err, ERROR_ENVIRONMENT, 0,
				 "ipam.store: \"%s\" needs the node's name",
				 cluster->base.ops->name);
	cluster->base.timeout_ms = timeout_ms;
	cluster->config = config;
	r = file_boot_id(cluster->boot_id, err);
	return r < 0 ? r
		     : ledger_open(config, table, read_only, &cluster->ledger,
				   err);
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
