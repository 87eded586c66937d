/*
 * What is owed to the server. Each line is settled by what it knows:
 *
 *	RELEASE		the uid: it names one reservation for ever, so its
 *			deletion hits that one or nothing
 *	UNKNOWN		the attempt: an object with it is ours to delete; one
 *			with another says that ours was never made and never
 *			will be. That there is none says nothing: with a stalled
 *			etcd the object comes when the stall ends. So the line
 *			stays, and is looked at less and less often
 *	ATTACHMENT	the label, for an attachment of which nothing else is
 *			known: what the server has of it, but for what the table
 *			knows as a later one
 *
 * The attachment itself is never compared for UNKNOWN: it may hold the same
 * address by a later attempt.
 *
 * Lines are independent of each other, and settled in any order, by anybody. One
 * that is refused (missing rights) is told and stops no other; a server that is
 * away stops all.
 */

#include "ipam/store-kube-priv.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define OWED_PAUSE_MS     1000 /* doubled with each try, up to: */
#define OWED_PAUSE_MAX_MS 600000
#define OWED_AWAY_MS      2000 /* a server that is away comes back any time */

/* --- writing it down ----------------------------------------------------------- */

static void owe_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

static void owe_record(const struct store_record *record,
		       struct ledger_line *line)
{
	owe_text(line->pool, sizeof(line->pool), record->pool);
	owe_text(line->network, sizeof(line->network), record->network);
	owe_text(line->container_id, sizeof(line->container_id),
		 record->container_id);
	owe_text(line->ifname, sizeof(line->ifname), record->ifname);
}

static int owe_address(struct cluster *cluster,
		       const struct ledger_entry *entry, size_t i,
		       struct error *err)
{
	const struct ledger_ref *ref = &entry->refs[i];
	struct ledger_line line = {
		.kind = *ref->uid ? LEDGER_RELEASE : LEDGER_ATTACHMENT,
		.addr = entry->record.addresses[i].address.addr,
	};

	owe_record(&entry->record, &line);
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

/* --- settling one --------------------------------------------------------------- */

static int owed_kept(struct cluster *cluster, const struct ledger_line *line,
		     int r, struct error *err)
{
	char name[RESERVATION_NAME];

	reservation_name(line->pool, &line->addr, name);
	if (r == CLUSTER_UNKNOWN) {
		log_debug("%s stays owed: %s", name, cluster->why);
		return OWED_AWAY;
	}
	if (err->code == ERROR_AGAIN) {
		log_debug("%s stays owed: %s", name, err->details);
		return OWED_AWAY;
	}
	log_warning("%s stays owed: %s", name, err->details);
	return OWED_KEPT;
}

static int settle_release(struct cluster *cluster,
			  const struct ledger_line *line, const char *uid)
{
	char name[RESERVATION_NAME];
	struct error err = { 0 };
	int r;

	reservation_name(line->pool, &line->addr, name);
	r = cluster_delete(cluster, name, uid, &err);
	return r == 0 ? OWED_DONE : owed_kept(cluster, line, r, &err);
}

static int settle_unknown(struct cluster *cluster,
			  const struct ledger_line *line)
{
	struct reservation have;
	char name[RESERVATION_NAME];
	struct error err = { 0 };
	int r;

	reservation_name(line->pool, &line->addr, name);
	r = cluster_get(cluster, name, &have, &err);
	if (r == CLUSTER_ABSENT)
		return OWED_KEPT;
	if (r != 0)
		return owed_kept(cluster, line, r, &err);
	if (strcmp(have.attempt, line->attempt) != 0)
		return OWED_DONE;
	return settle_release(cluster, line, have.uid);
}

/* --- by attachment ----------------------------------------------------------------- */

/* Is the object an attachment's, or on its way to be? Then it is not owed. */
static int is_known(struct cluster *cluster,
		    const struct reservation *reservation, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	struct ledger_line line = { 0 };
	struct table_key holder;
	int r;

	r = ledger_look(cluster->ledger, reservation->pool,
			&reservation->address, "", &holder, err);
	if (r < 0)
		return r;
	if (r == LEDGER_HELD) {
		r = ledger_entry_load(cluster->ledger, &holder, &entry, err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < entry.record.n_addresses; i++)
			if (strcmp(entry.refs[i].uid, reservation->uid) == 0)
				return 1;
	}
	for (;;) {
		r = ledger_line_next(cluster->ledger, line.number + 1, &line,
				     err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (line.kind == LEDGER_POST &&
		    strcmp(line.attempt, reservation->attempt) == 0)
			return 1;
	}
}

int cluster_is_known(struct cluster *cluster,
		     const struct reservation *reservation, struct error *err)
{
	int r = cluster_begin(cluster, false, err);

	if (r != 0)
		return r == STORE_BUSY ? 1 : r;
	r = is_known(cluster, reservation, err);
	table_abort(ledger_table(cluster->ledger));
	return r;
}

int cluster_list_attachment(struct cluster *cluster,
			    const struct store_attachment *attachment,
			    struct cluster_list *ret, struct error *err)
{
	char owner[RESERVATION_LABEL], node[RESERVATION_LABEL];
	char selector[256];
	size_t kept = 0;
	int r;

	snprintf(selector, sizeof(selector), "%s=%s,%s=%s",
		 RESERVATION_LABEL_OWNER,
		 reservation_owner(attachment->container_id, attachment->ifname,
				   owner),
		 RESERVATION_LABEL_NODE,
		 reservation_node(cluster->config->node, node));
	r = cluster_list(cluster, selector, ret, err);
	/* A label is not the thing: whoever may write one may write this. */
	for (size_t i = 0; i < ret->count; i++) {
		const struct reservation *found = &ret->items[i];

		if (!found->is_host &&
		    strcmp(found->node, cluster->config->node) == 0 &&
		    (reservation_is_adopted(found) ||
		     strcmp(found->network, attachment->network) == 0) &&
		    strcmp(found->container_id, attachment->container_id) ==
			    0 &&
		    strcmp(found->ifname, attachment->ifname) == 0)
			ret->items[kept++] = *found;
	}
	ret->count = kept;
	return r;
}

static int settle_object(struct cluster *cluster,
			 const struct reservation *object)
{
	struct ledger_line line = { .addr = object->address };
	struct error err = { 0 };
	int r = cluster_forget_nameless(cluster->ledger,
					cluster->base.timeout_ms, object->pool,
					&object->address, object->ifname, &err);

	if (r == 0)
		r = cluster_is_known(cluster, object, &err);
	if (r != 0)
		return r < 0 ? owed_kept(cluster, &line, r, &err) : OWED_DONE;
	memcpy(line.pool, object->pool, sizeof(line.pool));
	return settle_release(cluster, &line, object->uid);
}

static int settle_attachment(struct cluster *cluster,
			     const struct ledger_line *line)
{
	const struct store_attachment attachment = {
		.network = line->network,
		.container_id = line->container_id,
		.ifname = line->ifname,
	};
	cleanup_cluster_list struct cluster_list list = { 0 };
	struct error err = { 0 };
	int settled = OWED_DONE;
	int r;

	r = cluster_list_attachment(cluster, &attachment, &list, &err);
	if (r < 0)
		return owed_kept(cluster, line, r, &err);
	for (size_t i = 0; i < list.count && settled != OWED_AWAY; i++) {
		r = settle_object(cluster, &list.items[i]);
		if (r != OWED_DONE)
			settled = r;
	}
	return settled;
}

int cluster_settle_line(struct cluster *cluster, const struct ledger_line *line)
{
	switch ((enum ledger_kind)line->kind) {
	case LEDGER_RELEASE:
		return settle_release(cluster, line, line->uid);
	case LEDGER_ATTACHMENT:
		return settle_attachment(cluster, line);
	case LEDGER_POST:
	case LEDGER_UNKNOWN:
		break;
	}
	return settle_unknown(cluster, line);
}

/* --- all of them -------------------------------------------------------------------- */

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
