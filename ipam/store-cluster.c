/*
 * What the stores of a server do alike with their ledger: it says what this node
 * asked for, so that nothing is lost or done twice when an answer is, or a
 * process, or the ledger itself. A confirmed attachment costs no request.
 */

#include "ipam/store-cluster-priv.h"

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

/* --- confirm ---------------------------------------------------------------------- */

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
	if (!process_is_same(&entry.record.process, self))
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

/* --- whose turn it is ------------------------------------------------------------- */

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
	table_abort(ledger_table(cluster->ledger));
	return r == STORE_DUE ? take_turn(cluster, fact, period_ms, err) : r;
}

/* --- a lost table ----------------------------------------------------------------- */

bool cluster_is_damaged(const struct store *store)
{
	const struct cluster *cluster = (const struct cluster *)store;

	return table_is_damaged(ledger_table(cluster->ledger));
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

/* --- the handle ------------------------------------------------------------------- */

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
