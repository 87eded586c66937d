/*
 * The journal: what is left of an attachment's lines when its DEL ends, on disk,
 * since the ledger ends with the boot. Written there first and crossed out in the
 * ledger second: dead in between it is in both, and settled twice, which is as
 * good as once.
 *
 * It is settled as the ledger is, in its place (cluster.ledger) for that moment.
 */

#include "ipam/store-whereabouts-priv.h"

#include "lib/log.h"

#include <stdlib.h>

/* The same, with the lines of the journal. */
static void settle_journal(struct pools *pools,
			   const struct store_attachment *attachment)
{
	if (!table_exists(ledger_table(pools->journal)))
		return;
	pools->cluster.ledger = pools->journal;
	cluster_settle(&pools->cluster, attachment);
	pools->cluster.ledger = pools->ledger;
}

static int next_of(struct ledger *ledger,
		   const struct store_attachment *attachment,
		   struct ledger_line *line, struct error *err)
{
	int r;

	do {
		r = ledger_line_next(ledger, line->number + 1, line, err);
	} while (r == 0 && !cluster_line_is_of(line, attachment));
	return r;
}

/* An empty one in its place: what was owed is released by whoever asks for the
 * container next, or by Whereabouts' reconciler. */
static int journal_damaged(struct pools *pools, struct error *err)
{
	struct table *table = ledger_table(pools->journal);
	struct error damage = *err;
	int r;

	if (!table_is_damaged(table))
		return error_return(err);
	*err = (struct error){ 0 };
	r = table_renew(table, pools->cluster.base.timeout_ms, err);
	if (r == TABLE_RENEWED || r == TABLE_BUSY)
		return 0;
	if (r == 0)
		r = table_commit(table, err);
	if (r == 0)
		log_warning("what was owed in it is lost: %s", damage.details);
	return r;
}

/* All of an attachment's lines in one of the two; yours. */
static int lines_of(struct pools *pools, struct ledger *ledger,
		    const struct store_attachment *attachment,
		    struct ledger_line **ret, size_t *ret_count,
		    struct error *err)
{
	struct ledger_line line = { 0 };
	int r;

	*ret = NULL;
	*ret_count = 0;
	if (!table_exists(ledger_table(ledger)))
		return 0;
	r = ledger_begin(ledger, false, pools->cluster.base.timeout_ms, err);
	if (r < 0 && ledger == pools->journal)
		return journal_damaged(pools, err);
	if (r != 0)
		return r;
	while ((r = next_of(ledger, attachment, &line, err)) == 0) {
		struct ledger_line *grown;

		grown = reallocarray(*ret, *ret_count + 1, sizeof(**ret));
		if (!grown) {
			r = error_oom(err);
			break;
		}
		grown[(*ret_count)++] = line;
		*ret = grown;
	}
	table_abort(ledger_table(ledger));
	if (r < 0 && ledger == pools->journal)
		return journal_damaged(pools, err);
	return r < 0 ? r : 0;
}

static int journal_begin(struct pools *pools, struct error *err)
{
	const unsigned int timeout_ms = pools->cluster.base.timeout_ms;
	int r = ledger_begin(pools->journal, true, timeout_ms, err);

	if (r < 0)
		r = journal_damaged(pools, err);
	else
		return r;
	return r < 0 ? r : ledger_begin(pools->journal, true, timeout_ms, err);
}

static int journal_add(struct pools *pools, struct ledger_line *lines,
		       size_t count, struct error *err)
{
	struct ledger *journal = pools->journal;
	int r = journal_begin(pools, err);

	if (r != 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++) {
		struct ledger_line copy = lines[i];

		r = ledger_line_add(journal, &copy, err);
		copy.next_ms = lines[i].next_ms;
		copy.tries = lines[i].tries;
		if (r == 0)
			r = ledger_line_save(journal, &copy, err);
	}
	return ledger_end(journal, r, err);
}

static int ledger_forget(struct pools *pools, const struct ledger_line *lines,
			 size_t count, struct error *err)
{
	int r = ledger_begin(pools->ledger, true,
			     pools->cluster.base.timeout_ms, err);

	if (r != 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++)
		r = ledger_line_del(pools->ledger, lines[i].number, err);
	return ledger_end(pools->ledger, r, err);
}

/* Twice there is as good as once: the journal first. */
static int journal(struct pools *pools,
		   const struct store_attachment *attachment, struct error *err)
{
	cleanup_free struct ledger_line *lines = NULL;
	size_t count;
	int r;

	r = lines_of(pools, pools->ledger, attachment, &lines, &count, err);
	if (r == 0 && count > 0)
		r = journal_add(pools, lines, count, err);
	if (r == 0 && count > 0)
		r = ledger_forget(pools, lines, count, err);
	if (r == STORE_BUSY)
		r = error_set(err, ERROR_AGAIN, 0,
			      "the address store is locked");
	return r;
}

void pools_settle(struct pools *pools,
		  const struct store_attachment *attachment)
{
	struct error err = { 0 };

	cluster_settle(&pools->cluster, attachment);
	settle_journal(pools, attachment);
	if (pools_journal(pools, attachment, &err) < 0)
		log_warning("%s", err.details);
}

int pools_journal(struct pools *pools,
		  const struct store_attachment *attachment, struct error *err)
{
	int r = journal(pools, attachment, err);

	return r < 0 ? error_context(err,
				     "what container %.64s, %s had is not "
				     "released yet, and cannot be written down "
				     "for later",
				     attachment->container_id,
				     attachment->ifname)
		     : 0;
}

void pools_settle_some(struct pools *pools)
{
	uint64_t before = cluster_limit(&pools->cluster, CLUSTER_LIMIT_MS);

	settle_journal(pools, NULL);
	cluster_unlimit(&pools->cluster, before);
}

static int owed_add(const struct ledger_line *lines, size_t count,
		    struct pools_owed *ret, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (ret->count == STORE_MAX_ADDRESSES)
			return error_set(err, ERROR_AGAIN, 0,
					 "what container %s, %s had is still "
					 "being released",
					 lines[i].container_id,
					 lines[i].ifname);
		ret->addrs[ret->count++] = lines[i].addr;
	}
	return 0;
}

int pools_owed(struct pools *pools, const struct store_attachment *attachment,
	       struct pools_owed *ret, struct error *err)
{
	struct ledger *const ledgers[] = { pools->ledger, pools->journal };
	int r = 0;

	ret->count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(ledgers) && r == 0; i++) {
		cleanup_free struct ledger_line *lines = NULL;
		size_t count;

		r = lines_of(pools, ledgers[i], attachment, &lines, &count,
			     err);
		if (r == 0)
			r = owed_add(lines, count, ret, err);
	}
	return r;
}
