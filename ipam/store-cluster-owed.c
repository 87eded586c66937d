/*
 * What is owed to a server, in lines of the ledger: how they are written, whose
 * turn it is with one, and when it is looked at again. How one is settled is each
 * store's own (store-kube-owed.c, store-whereabouts-owed.c).
 *
 * Lines are independent of each other, and settled in any order, by anybody. One
 * that is refused (missing rights) is told and stops no other; a server that is
 * away stops all. No transaction is open while the server is asked: what came of
 * a line is written together with the look for the next, so that dead in between
 * it is settled once more, which is as good as once.
 */

#include "ipam/store-cluster-priv.h"

#include "lib/log.h"

#include <string.h>
#include <unistd.h>

#define OWED_PAUSE_MS     1000 /* doubled with each try, up to: */
#define OWED_PAUSE_MAX_MS 600000
#define OWED_AWAY_MS      2000 /* a server that is away comes back any time */

/* --- writing it down -------------------------------------------------------------- */

static int owe_address(struct cluster *cluster,
		       const struct ledger_entry *entry, size_t i,
		       struct error *err)
{
	const struct ledger_ref *ref = &entry->refs[i];
	const struct store_attachment whose =
		store_record_attachment(&entry->record);
	struct ledger_line line = {
		.kind = *ref->uid ? LEDGER_RELEASE : LEDGER_ATTACHMENT,
		.addr = entry->record.addresses[i].address.addr,
	};

	ledger_line_fill(&line, entry->record.pool, &whose);
	memcpy(line.uid, ref->uid, sizeof(line.uid));
	memcpy(line.attempt, ref->attempt, sizeof(line.attempt));
	return ledger_line_add(cluster->ledger, &line, err);
}

int cluster_owe(struct cluster *cluster, const struct table_key *key,
		const struct ledger_entry *entry, uint64_t rest_ms,
		struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < entry->record.n_addresses && r == 0; i++)
		r = owe_address(cluster, entry, i, err);
	return r < 0 ? r
		     : ledger_entry_drop(cluster->ledger, key, entry, rest_ms,
					 err);
}

bool cluster_line_is_of(const struct ledger_line *line,
			const struct store_attachment *attachment)
{
	return strcmp(line->network, attachment->network) == 0 &&
	       strcmp(line->container_id, attachment->container_id) == 0 &&
	       strcmp(line->ifname, attachment->ifname) == 0;
}

int cluster_owes_unsure(struct cluster *cluster,
			const struct store_attachment *attachment,
			struct error *err)
{
	struct ledger_line line = { 0 };
	int r;

	do {
		r = ledger_line_next(cluster->ledger, line.number + 1, &line,
				     err);
	} while (r == 0 && (line.kind == LEDGER_RELEASE ||
			    !cluster_line_is_of(&line, attachment)));
	return r < 0 ? r : r == 0;
}

int cluster_cancel(struct cluster *cluster,
		   const struct store_attachment *attachment, struct error *err)
{
	struct ledger_line line = { 0 };
	int canceled = 0;
	int r;

	for (;;) {
		r = ledger_line_next(cluster->ledger, line.number + 1, &line,
				     err);
		if (r != 0)
			return r < 0 ? r : canceled;
		if (!cluster_line_is_of(&line, attachment))
			continue;
		canceled = 1;
		if (line.kind != LEDGER_POST)
			continue;
		line.kind = LEDGER_UNKNOWN;
		r = ledger_line_save(cluster->ledger, &line, err);
		if (r < 0)
			return r;
	}
}

/* --- which, and when -------------------------------------------------------------- */

static uint64_t pause_of(const struct ledger_line *line)
{
	uint64_t ms = OWED_PAUSE_MS;

	for (uint32_t i = 0; i < line->tries && ms < OWED_PAUSE_MAX_MS; i++)
		ms *= 2;
	return ms < OWED_PAUSE_MAX_MS ? ms : OWED_PAUSE_MAX_MS;
}

static int write_settled(struct cluster *cluster, struct ledger_line *line,
			 int settled, struct error *err)
{
	struct ledger_line now;
	int r;

	if (settled == OWED_DONE)
		return ledger_line_del(cluster->ledger, line->number, err);
	r = ledger_line_load(cluster->ledger, line->number, &now, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (now.kind == LEDGER_POST)
		now.kind = LEDGER_UNKNOWN;
	if (settled == OWED_AWAY) {
		/* That says nothing of this one. */
		now.next_ms = file_boottime_ms() + OWED_AWAY_MS;
		now.tries = now.tries ? now.tries : 1;
	} else {
		now.next_ms = file_boottime_ms() + pause_of(&now);
		now.tries++;
	}
	return ledger_line_save(cluster->ledger, &now, err);
}

/* Does another process see to it? A POST of one that lives is on its way. */
static int is_anothers(const struct ledger_line *line, bool is_own,
		       struct error *err)
{
	int r;

	if (is_own && line->kind != LEDGER_POST)
		return 0;
	if (line->process.pid == getpid() && line->kind != LEDGER_POST)
		return 0;
	/* Tried in vain before, or owed for long: whoever it was has ended. */
	if (line->kind != LEDGER_POST &&
	    (line->tries > 0 || file_boottime_ms() > line->since_ms + 20000))
		return 0;
	if (line->since_ms > file_boottime_ms())
		return 0; /* in an earlier boot */
	r = process_look(&line->process, err);
	if (r == PROCESS_UNKNOWN)
		return file_boottime_ms() < line->since_ms + 60000;
	return r < 0 ? r : r == 0;
}

/* None waits longer: such a time is one of an earlier boot. */
static bool is_due(const struct ledger_line *line, uint64_t now)
{
	return line->next_ms <= now || line->next_ms > now + OWED_PAUSE_MAX_MS;
}

static int find_inside(struct cluster *cluster,
		       const struct store_attachment *attachment,
		       struct ledger_line *line, struct error *err)
{
	const uint64_t now = file_boottime_ms();
	int r;

	for (;;) {
		r = ledger_line_next(cluster->ledger, line->number + 1, line,
				     err);
		if (r != 0)
			return r;
		if (attachment ? !cluster_line_is_of(line, attachment)
			       : !is_due(line, now))
			continue;
		r = is_anothers(line, attachment != NULL, err);
		if (r <= 0)
			return r;
	}
}

/* The next line behind @line; what came of that one is written on the way. */
static int owed_next(struct cluster *cluster,
		     const struct store_attachment *attachment,
		     struct ledger_line *line, int settled, struct error *err)
{
	const bool has_one = line->number > 0;
	int r, found;

	r = cluster_begin(cluster, has_one, err);
	if (r != 0)
		return r;
	if (has_one)
		r = write_settled(cluster, line, settled, err);
	if (r < 0)
		return cluster_end(cluster, r, err);
	found = settled == OWED_AWAY
			? STORE_ABSENT
			: find_inside(cluster, attachment, line, err);
	if (!has_one) {
		table_abort(ledger_table(cluster->ledger));
		return found;
	}
	r = cluster_end(cluster, found < 0 ? found : 0, err);
	return r < 0 ? r : found;
}

/* --- all of them ------------------------------------------------------------------ */

static bool is_over(const struct cluster *cluster)
{
	uint64_t now = file_boottime_ms();

	return (cluster->limit_ms && now >= cluster->limit_ms) ||
	       (cluster->config->deadline_ms &&
		now >= cluster->config->deadline_ms);
}

void cluster_settle(struct cluster *cluster,
		    const struct store_attachment *attachment)
{
	struct ledger_line line = { 0 };
	struct error err = { 0 };
	int settled = OWED_DONE;
	int r = 0;

	while (settled != OWED_LATE) {
		r = owed_next(cluster, attachment, &line, settled, &err);
		if (r != 0)
			break;
		settled = is_over(cluster)
				  ? OWED_LATE
				  : cluster->way->settle(cluster, &line);
	}
	if (r < 0)
		log_warning("what is owed to the server: %s", err.details);
}

void cluster_settle_some(struct cluster *cluster)
{
	uint64_t before = cluster_limit(cluster, CLUSTER_LIMIT_MS);

	cluster_settle(cluster, NULL);
	cluster_unlimit(cluster, before);
}
