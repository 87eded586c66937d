/*
 * The local table's attachments as Reservations. An address is made known as an
 * ADD reserves it, but under the attachment that has it already:
 *
 *	transaction	the attempt is named, and a line says that it is on its
 *			way, by this process
 *	POST		the server decides
 *	transaction	the ledger's entry has it, by uid, and the line is gone
 *
 * Dead behind the first or behind the POST, there is a line; a later run finds
 * the object to be this attachment's, keeps it, and drops the lines that made
 * it. Whoever settles the line before that deletes the object, and the later run
 * makes it anew.
 *
 * A DEL may come in between, which finds the attachment in the local table: so
 * that is looked for again behind the last step, and what was reserved for one
 * that is gone is released.
 */

#include "ipam/adopt-priv.h"

#include <stdio.h>
#include <string.h>

#define ADOPT_LOCK_MS 5000

/* One address of an attachment, on its way. */
struct move {
	const struct adopt *adopt;
	struct cluster *cluster;
	const struct store_record *record;
	const struct store_address *address;
	size_t set;
	struct table_key key;
	struct ledger_line line;
	bool has_line; /* it was written */
};

static int begin(struct move *move, bool write, struct error *err)
{
	int r = cluster_begin(move->cluster, write, err);

	if (r == STORE_BUSY)
		return error_set(err, ERROR_AGAIN, 0,
				 "the address store is locked: run it "
				 "again");
	return r;
}

static struct store_attachment attachment_of(const struct store_record *record)
{
	return (struct store_attachment){
		.network = record->network,
		.container_id = record->container_id,
		.ifname = record->ifname,
		.netns = record->netns,
		.netns_cookie = record->netns_cookie,
		.place = record->place,
		.pod_namespace = record->pod_namespace,
		.pod_name = record->pod_name,
		.pod_uid = record->pod_uid,
	};
}

/* --- the ledger ---------------------------------------------------------------- */

/* The attachment's entry; a new one has no address yet. */
static int entry_load(struct move *move, struct ledger_entry *ret,
		      struct error *err)
{
	const struct store_attachment attachment = attachment_of(move->record);
	int r = ledger_entry_load(move->cluster->ledger, &move->key, ret, err);

	if (r != STORE_ABSENT)
		return r;
	r = store_record_fill(&ret->record, &attachment, move->record->pool,
			      err);
	ret->record.state = STORE_STATE_LIVE;
	ret->record.process = move->record->process;
	ret->record.since_ms = move->record->since_ms;
	return r;
}

static size_t entry_index(const struct move *move,
			  const struct ledger_entry *entry)
{
	size_t i = 0;

	while (i < entry->record.n_addresses &&
	       !inet_addr_equal(&entry->record.addresses[i].address.addr,
				&move->address->address.addr))
		i++;
	return i;
}

/* What made the object needs no settling: it is kept. */
static int drop_lines(struct move *move, const char *attempt, struct error *err)
{
	struct ledger *ledger = move->cluster->ledger;
	struct ledger_line line = { 0 };
	int r;

	for (;;) {
		r = ledger_line_next(ledger, line.number + 1, &line, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (strcmp(line.attempt, attempt) != 0 &&
		    (!move->has_line || line.number != move->line.number))
			continue;
		r = ledger_line_del(ledger, line.number, err);
		if (r < 0)
			return r;
	}
}

static int keep_inside(struct move *move, const struct reservation *got,
		       struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	struct ledger_ref *ref;
	size_t i;
	int r;

	r = entry_load(move, &entry, err);
	if (r < 0)
		return r;
	i = entry_index(move, &entry);
	if (i == STORE_MAX_ADDRESSES)
		return error_set(err, ERROR_STORE, 0,
				 "container %.64s, %s has more than %d "
				 "addresses: shimctl ipam check",
				 entry.record.container_id, entry.record.ifname,
				 STORE_MAX_ADDRESSES);
	if (i == entry.record.n_addresses)
		entry.record.n_addresses++;
	entry.record.addresses[i] = *move->address;
	ref = &entry.refs[i];
	*ref = (struct ledger_ref){ .set = (uint8_t)move->set };
	memcpy(ref->uid, got->uid, sizeof(ref->uid));
	memcpy(ref->attempt, got->attempt, sizeof(ref->attempt));
	r = ledger_entry_save(move->cluster->ledger, &move->key, &entry, err);
	return r < 0 ? r : drop_lines(move, got->attempt, err);
}

static int keep(struct move *move, const struct reservation *got,
		struct error *err)
{
	int r = begin(move, true, err);

	if (r < 0)
		return r;
	r = keep_inside(move, got, err);
	return cluster_end(move->cluster, r, err);
}

static int drop_own_line(struct move *move, struct error *err)
{
	int r = begin(move, true, err);

	if (r < 0)
		return r;
	r = ledger_line_del(move->cluster->ledger, move->line.number, err);
	return cluster_end(move->cluster, r, err);
}

static int write_line(struct move *move, struct error *err)
{
	const struct store_record *record = move->record;
	const struct store_attachment whose = store_record_attachment(record);
	struct ledger_line *line = &move->line;
	int r;

	*line = (struct ledger_line){
		.kind = LEDGER_POST,
		.addr = move->address->address.addr,
	};
	ledger_line_fill(line, record->pool, &whose);
	r = ledger_attempt(move->cluster->ledger, line->attempt, err);
	return r < 0 ? r : ledger_line_add(move->cluster->ledger, line, err);
}

/* Return: 1 if the entry has it already, 0: its line is written, or negative */
static int announce_inside(struct move *move, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	size_t i;
	int r;

	r = ledger_entry_load(move->cluster->ledger, &move->key, &entry, err);
	if (r < 0)
		return r;
	i = entry_index(move, &entry);
	if (r == 0 && i < entry.record.n_addresses && *entry.refs[i].uid)
		return 1;
	return write_line(move, err);
}

static int announce(struct move *move, struct error *err)
{
	int r = begin(move, true, err);
	int known;

	if (r < 0)
		return r;
	known = announce_inside(move, err);
	r = cluster_end(move->cluster, known < 0 ? known : 0, err);
	move->has_line = r == 0 && known == 0;
	return r < 0 ? r : known;
}

/* --- the server ------------------------------------------------------------------ */

#define FILL(want, member, text)                                               \
	snprintf((want)->member, sizeof((want)->member), "%s", text)

static void want_fill(const struct move *move, struct reservation *want)
{
	const struct store_record *record = move->record;

	*want = (struct reservation){ .address = move->address->address.addr };
	FILL(want, pool, record->pool);
	FILL(want, node, move->cluster->config->node);
	FILL(want, boot_id, move->cluster->boot_id);
	FILL(want, attempt, move->line.attempt);
	FILL(want, pod_namespace, record->pod_namespace);
	FILL(want, pod_name, record->pod_name);
	FILL(want, pod_uid, record->pod_uid);
	FILL(want, ifname, record->ifname);
	FILL(want, container_id, record->container_id);
	FILL(want, network, record->network);
}

static bool is_own(const struct move *move, const struct reservation *have)
{
	const struct store_record *record = move->record;

	return !have->is_host && !have->is_going &&
	       strcmp(have->node, move->cluster->config->node) == 0 &&
	       strcmp(have->boot_id, move->cluster->boot_id) == 0 &&
	       strcmp(have->network, record->network) == 0 &&
	       strcmp(have->container_id, record->container_id) == 0 &&
	       strcmp(have->ifname, record->ifname) == 0;
}

static void say_conflict(const struct move *move,
			 const struct reservation *have)
{
	const struct store_record *record = move->record;

	adopt_say(
		move->adopt, ADOPT_CONFLICT, &have->address,
		"is used by pod %s/%s, %s (container %.13s) on this node, and reserved for %s%s%s%s on node %s",
		record->pod_namespace, record->pod_name, record->ifname,
		record->container_id,
		have->is_host ? "the node itself" : "pod ", have->pod_namespace,
		have->is_host ? "" : "/", have->is_host ? "" : have->pod_name,
		have->node);
}

static void say(const struct move *move, enum adopt_kind kind)
{
	const struct store_record *record = move->record;

	adopt_say(move->adopt, kind, &move->address->address.addr,
		  "pod %s/%s, %s (container %.13s)", record->pod_namespace,
		  record->pod_name, record->ifname, record->container_id);
}

/* There is one, or no answer says so. */
static int look(struct move *move, struct error *err)
{
	struct reservation have;
	char name[RESERVATION_NAME];
	int r;

	reservation_name(move->record->pool, &move->address->address.addr,
			 name);
	r = cluster_get(move->cluster, name, &have, err);
	if (r < 0)
		return r;
	if (r != 0)
		return error_set(
			err, ERROR_AGAIN, 0,
			"whether %s is reserved is not known: run it again",
			name);
	if (is_own(move, &have)) {
		r = keep(move, &have, err);
		if (r == 0)
			say(move, ADOPT_KNOWN);
		return r;
	}
	say_conflict(move, &have);
	return drop_own_line(move, err);
}

static int post(struct move *move, struct error *err)
{
	struct reservation want, got;
	struct error lost = { 0 };
	int r;

	want_fill(move, &want);
	r = cluster_post(move->cluster, &want, &got, err);
	if (r > 0)
		return look(move, err);
	if (r < 0) {
		drop_own_line(move, &lost);
		return r;
	}
	r = keep(move, &got, err);
	if (r == 0)
		say(move, ADOPT_NEW);
	return r;
}

/* --- attachments -------------------------------------------------------------------- */

static size_t set_of(const struct ipam_config *config,
		     const struct inet_addr *addr)
{
	for (size_t i = 0; i < config->n_sets; i++)
		if (config->sets[i].family == addr->family &&
		    ipam_range_set_find(&config->sets[i], addr))
			return i;
	return 0;
}

static int move_dry(struct move *move, struct error *err)
{
	struct reservation have;
	char name[RESERVATION_NAME];
	int r;

	reservation_name(move->record->pool, &move->address->address.addr,
			 name);
	r = cluster_get(move->cluster, name, &have, err);
	if (r < 0)
		return r;
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(move->cluster, err);
	if (r == 0 && !is_own(move, &have))
		say_conflict(move, &have);
	else
		say(move, r == 0 ? ADOPT_KNOWN : ADOPT_NEW);
	return 0;
}

static int move_address(struct move *move, struct error *err)
{
	int r = ledger_record_key(move->record, &move->key, err);

	if (r < 0)
		return r;
	if (move->adopt->dry_run)
		return move_dry(move, err);
	r = announce(move, err);
	if (r == 1)
		say(move, ADOPT_KNOWN);
	return r != 0 ? (r < 0 ? r : 0) : post(move, err);
}

/* Released while it was moved? Then what was reserved for it is released too. */
static int verify(const struct adopt *adopt, struct store *local,
		  struct cluster *cluster, const struct store_record *record,
		  struct error *err)
{
	const struct store_attachment attachment = attachment_of(record);
	cleanup_store_record struct store_record now = { 0 };
	int r;

	if (adopt->dry_run)
		return 0;
	r = local->ops->find(local, &attachment, &now, err);
	if (r < 0 || r == STORE_BUSY ||
	    (r == 0 && store_record_is_same(&now, record)))
		return r < 0 ? r : 0;
	r = cluster_release(&cluster->base, &attachment, err);
	return r < 0 ? r : 0;
}

static int move_record(const struct adopt *adopt, struct store *local,
		       struct cluster *cluster,
		       const struct store_record *record, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < record->n_addresses && r == 0; i++) {
		struct move move = {
			.adopt = adopt,
			.cluster = cluster,
			.record = record,
			.address = &record->addresses[i],
			.set = set_of(adopt->config,
				      &record->addresses[i].address.addr),
		};

		r = move_address(&move, err);
	}
	return r < 0 ? r : verify(adopt, local, cluster, record, err);
}

static int move_all(const struct adopt *adopt, struct store *local,
		    struct cluster *cluster, struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	int r = local->ops->list(local, &records, err);

	if (r == STORE_BUSY)
		return error_set(err, ERROR_AGAIN, 0,
				 "the local address store is locked: run it "
				 "again");
	for (size_t i = 0; i < records.count && r == 0; i++) {
		const struct store_record *record = &records.items[i];

		if (record->state == STORE_STATE_LIVE &&
		    strcmp(record->network, adopt->network) == 0 &&
		    strcmp(record->pool, adopt->config->pool) == 0)
			r = move_record(adopt, local, cluster, record, err);
	}
	return r;
}

int adopt_from_local(const struct adopt *adopt, struct error *err)
{
	cleanup_store struct store *local = NULL;
	cleanup_store struct store *store = NULL;
	int r;

	r = store_local_open(adopt->config, true, ADOPT_LOCK_MS, &local, err);
	if (r == 0)
		r = store_kube_open(adopt->config, adopt->dry_run,
				    ADOPT_LOCK_MS, &store, err);
	if (r == 0)
		r = cluster_introduce(cluster_of(store), err);
	return r < 0 ? r : move_all(adopt, local, cluster_of(store), err);
}
