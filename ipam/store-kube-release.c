/*
 * A release is written down before it is asked for, and what has been asked for
 * is crossed out: dead in between, it is owed, and done by whoever comes next.
 * That the server is away, or refuses, is told and is no failure: a pod must not
 * hang in Terminating for it.
 *
 *	transaction	the entry is gone, its addresses rest, a line for each
 *			says that its object is to be deleted
 *	DELETE		by uid: a reservation never changes hands, so this hits
 *			ours or nothing
 *	transaction	the line is gone
 *
 * An attachment that the table does not know may still have an object: its ADD
 * was killed, or the table was lost. The server finds it by label. Whatever was
 * on its way for it is canceled first, so that an ADD that still runs gives back
 * what it gets.
 */

#include "ipam/store-kube-priv.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define REFUSED_REST_MS 600000

/* --- known ------------------------------------------------------------------------ */

struct released {
	bool canceled; /* something was on its way */
	bool is_all; /* that the server may have, as far as it is known here */
};

static bool is_whole(const struct cluster *cluster,
		     const struct store_record *record)
{
	return record->state == STORE_STATE_LIVE &&
	       record->n_addresses >= cluster->config->n_sets;
}

/* Return: 0, STORE_ABSENT, or negative */
static int release_known(struct cluster *cluster,
			 const struct store_attachment *attachment,
			 const struct table_key *key, struct released *ret,
			 struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	uint64_t rest_ms = (uint64_t)cluster->config->reuse_delay * 1000;
	int r, unsure;

	r = cluster_cancel(cluster, attachment, err);
	if (r < 0)
		return r;
	ret->canceled = r > 0;
	unsure = cluster_owes_unsure(cluster, attachment, err);
	if (unsure < 0)
		return unsure;
	r = ledger_entry_load(cluster->ledger, key, &entry, err);
	ret->is_all = !unsure && (r == 0 ? is_whole(cluster, &entry.record)
					 : ret->canceled);
	return r == 0 ? cluster_owe(cluster, key, &entry, rest_ms, err) : r;
}

static int release_write(struct cluster *cluster,
			 const struct store_attachment *attachment,
			 struct released *ret, struct error *err)
{
	struct table_key key;
	int r, known;

	*ret = (struct released){ 0 };
	r = ledger_key(attachment, &key, err);
	if (r < 0)
		return r;
	if (!table_exists(ledger_table(cluster->ledger)))
		return STORE_ABSENT;
	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	known = release_known(cluster, attachment, &key, ret, err);
	r = cluster_end(cluster, known < 0 ? known : 0, err);
	return r < 0 ? r : known;
}

/* --- unknown ------------------------------------------------------------------------ */

static void line_of(const struct store_attachment *attachment,
		    struct ledger_line *line)
{
	snprintf(line->network, sizeof(line->network), "%s",
		 attachment->network);
	snprintf(line->container_id, sizeof(line->container_id), "%s",
		 attachment->container_id);
	snprintf(line->ifname, sizeof(line->ifname), "%s", attachment->ifname);
}

static int owe_objects(struct cluster *cluster,
		       const struct store_attachment *attachment,
		       const struct cluster_list *list, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < list->count && r == 0; i++) {
		const struct reservation *found = &list->items[i];
		struct ledger_line line = {
			.kind = LEDGER_RELEASE,
			.addr = found->address,
		};

		line_of(attachment, &line);
		memcpy(line.pool, found->pool, sizeof(line.pool));
		memcpy(line.uid, found->uid, sizeof(line.uid));
		memcpy(line.attempt, found->attempt, sizeof(line.attempt));
		r = ledger_line_add(cluster->ledger, &line, err);
	}
	return r;
}

/* The server was not to be asked: it is, later. */
static int owe_attachment(struct cluster *cluster,
			  const struct store_attachment *attachment,
			  struct error *err)
{
	struct ledger_line line = { .kind = LEDGER_ATTACHMENT };

	line_of(attachment, &line);
	return ledger_line_add(cluster->ledger, &line, err);
}

/* The server knows the container, a rebuilt table its interface alone. */
static int forget_nameless(struct cluster *cluster,
			   const struct cluster_list *list, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < list->count && r == 0; i++)
		r = cluster_forget_nameless(cluster->ledger,
					    cluster->base.timeout_ms,
					    list->items[i].pool,
					    &list->items[i].address,
					    list->items[i].ifname, err);
	return r;
}

/* Those that an ADD has taken since they were listed are that one's. */
static int drop_known(struct cluster *cluster, struct cluster_list *list,
		      struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		int r = cluster_is_known(cluster, &list->items[i], err);

		if (r < 0)
			return r;
		if (r == 0)
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
	return 0;
}

static int write_owed(struct cluster *cluster,
		      const struct store_attachment *attachment,
		      const struct cluster_list *list, struct error *err)
{
	int r = cluster_begin(cluster, true, err);

	if (r != 0)
		return r;
	r = list ? owe_objects(cluster, attachment, list, err)
		 : owe_attachment(cluster, attachment, err);
	return cluster_end(cluster, r, err);
}

int cluster_release_unknown(struct cluster *cluster,
			    const struct store_attachment *attachment,
			    struct error *err)
{
	cleanup_cluster_list struct cluster_list list = { 0 };
	struct error away = { 0 };
	int r;

	r = cluster_list_attachment(cluster, attachment, &list, &away);
	if (r < 0) {
		log_warning("what container %s has reserved stays owed: %s",
			    attachment->container_id, away.details);
		return write_owed(cluster, attachment, NULL, err);
	}
	r = forget_nameless(cluster, &list, err);
	if (r == 0)
		r = drop_known(cluster, &list, err);
	if (r < 0)
		return r;
	if (list.count == 0)
		return STORE_ABSENT;
	return write_owed(cluster, attachment, &list, err);
}

int cluster_release(struct store *store,
		    const struct store_attachment *attachment,
		    struct error *err)
{
	struct cluster *cluster = cluster_of(store);
	struct released released;
	int r, unknown;

	r = release_write(cluster, attachment, &released, err);
	if (r != 0 && r != STORE_ABSENT)
		return r;
	if ((r == STORE_ABSENT && !released.canceled) ||
	    (cluster->way->is_unswept && !released.is_all)) {
		unknown = cluster->way->release_unknown(cluster, attachment,
							err);
		r = unknown < 0 || r != 0 ? unknown : r;
	}
	if (r != 0 && !released.canceled)
		return r;
	cluster_settle(cluster, attachment);
	return r;
}

/* --- what was looked at before --------------------------------------------------------- */

struct change {
	const struct store_record *record;
	bool is_mark;
	uint64_t dead_ms;
	uint64_t rest_ms;
};

static int change_entry(struct cluster *cluster, const struct table_key *key,
			const struct change *change, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	int r;

	r = ledger_entry_load(cluster->ledger, key, &entry, err);
	if (r != 0)
		return r;
	if (!store_record_is_same(&entry.record, change->record))
		return STORE_ABSENT;
	if (!change->is_mark)
		return cluster_owe(cluster, key, &entry, change->rest_ms, err);
	entry.record.dead_ms = change->dead_ms;
	return ledger_entry_save(cluster->ledger, key, &entry, err);
}

static int change_same(struct cluster *cluster, const struct change *change,
		       struct error *err)
{
	struct table_key key;
	int r;

	r = ledger_record_key(change->record, &key, err);
	if (r < 0)
		return r;
	if (!table_exists(ledger_table(cluster->ledger)))
		return STORE_ABSENT;
	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = change_entry(cluster, &key, change, err);
	return cluster_end(cluster, r, err);
}

int cluster_reap(struct store *store, const struct store_record *record,
		 struct error *err)
{
	const struct store_attachment attachment =
		store_record_attachment(record);
	struct cluster *cluster = cluster_of(store);
	const struct change change = {
		.record = record,
		.rest_ms = (uint64_t)cluster->config->reuse_delay * 1000,
	};
	int r = change_same(cluster, &change, err);

	if (r == 0)
		cluster_settle(cluster, &attachment);
	return r;
}

int cluster_mark(struct store *store, const struct store_record *record,
		 uint64_t dead_ms, struct error *err)
{
	const struct change change = {
		.record = record,
		.is_mark = true,
		.dead_ms = dead_ms,
	};

	return change_same(cluster_of(store), &change, err);
}

/* --- refused by the segment --------------------------------------------------------------- */

/* It rests under an owner that nobody is; the others are free at once. */
static int refuse_entry(struct cluster *cluster, const struct table_key *key,
			const struct inet_addr *addr, const char *whose,
			struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	cleanup_free char *owner = NULL;
	int r;

	r = ledger_entry_load(cluster->ledger, key, &entry, err);
	if (r != 0)
		return r;
	r = cluster_owe(cluster, key, &entry, 0, err);
	if (r < 0)
		return r;
	if (asprintf(&owner, "taken by MAC %s", whose) < 0) {
		owner = NULL;
		return error_oom(err);
	}
	return ledger_rest(cluster->ledger, entry.record.pool, addr, owner,
			   REFUSED_REST_MS, err);
}

int cluster_refuse(struct store *store,
		   const struct store_attachment *attachment,
		   const struct inet_addr *addr, const char *whose,
		   struct error *err)
{
	struct cluster *cluster = cluster_of(store);
	struct table_key key;
	int r;

	r = ledger_key(attachment, &key, err);
	if (r < 0)
		return r;
	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = refuse_entry(cluster, &key, addr, whose, err);
	r = cluster_end(cluster, r, err);
	if (r == 0)
		cluster_settle(cluster, attachment);
	return r;
}
