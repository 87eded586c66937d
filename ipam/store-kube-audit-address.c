/*
 * An address that is alive here, and what the server says of it. What it has
 * forgotten is reserved again as an ADD reserves it: a line in the ledger, the
 * request, the object's uid in the entry; so that a DEL in between, or our
 * death, leaves what is settled by the ledger alone.
 */

#include "ipam/store-kube-audit-priv.h"

#include <stdio.h>
#include <string.h>

/* --- reserving again -------------------------------------------------------------- */

/* One address of an entry. */
struct again {
	struct audit *audit;
	const struct ledger_entry *entry;
	size_t index;
	struct table_key key;
	struct ledger_line line;
};

static const struct inet_addr *again_addr(const struct again *again)
{
	return &again->entry->record.addresses[again->index].address.addr;
}

/* Has it been released, or given a later object, since it was read? */
static int again_load(const struct again *again, struct ledger_entry *ret,
		      struct error *err)
{
	const struct ledger_ref *had = &again->entry->refs[again->index];
	int r;

	r = ledger_entry_load(again->audit->cluster->ledger, &again->key, ret,
			      err);
	if (r != 0)
		return r;
	return store_record_is_same(&ret->record, &again->entry->record) &&
			       again->index < ret->record.n_addresses &&
			       strcmp(ret->refs[again->index].uid, had->uid) ==
				       0
		       ? 0
		       : STORE_ABSENT;
}

static int again_begin_inside(struct again *again, struct error *err)
{
	const struct store_record *record = &again->entry->record;
	const struct store_attachment whose = store_record_attachment(record);
	struct ledger *ledger = again->audit->cluster->ledger;
	cleanup_ledger_entry struct ledger_entry now = { 0 };
	struct ledger_line *line = &again->line;
	int r;

	r = again_load(again, &now, err);
	if (r != 0)
		return r;
	*line = (struct ledger_line){
		.kind = LEDGER_POST,
		.addr = *again_addr(again),
	};
	ledger_line_fill(line, record->pool, &whose);
	r = ledger_attempt(ledger, line->attempt, err);
	return r == 0 ? ledger_line_add(ledger, line, err) : r;
}

static int again_begin(struct again *again, struct error *err)
{
	struct cluster *cluster = again->audit->cluster;
	int r;

	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = again_begin_inside(again, err);
	return cluster_end(cluster, r, err);
}

/* The object is the entry's, or, if that is gone, owed. */
static int again_keep_inside(struct again *again, const struct reservation *got,
			     struct error *err)
{
	struct ledger *ledger = again->audit->cluster->ledger;
	cleanup_ledger_entry struct ledger_entry now = { 0 };
	struct ledger_ref *ref = &now.refs[again->index];
	int r;

	r = again_load(again, &now, err);
	if (r == STORE_ABSENT) {
		again->line.kind = LEDGER_RELEASE;
		memcpy(again->line.uid, got->uid, sizeof(again->line.uid));
		return ledger_line_save(ledger, &again->line, err);
	}
	if (r < 0)
		return r;
	memcpy(ref->uid, got->uid, sizeof(ref->uid));
	memcpy(ref->attempt, got->attempt, sizeof(ref->attempt));
	r = ledger_entry_save(ledger, &again->key, &now, err);
	return r == 0 ? ledger_line_del(ledger, again->line.number, err) : r;
}

static int again_keep(struct again *again, const struct reservation *got,
		      struct error *err)
{
	struct cluster *cluster = again->audit->cluster;
	int r;

	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = again_keep_inside(again, got, err);
	return cluster_end(cluster, r, err);
}

static int again_drop_line(struct again *again, struct error *err)
{
	struct cluster *cluster = again->audit->cluster;
	int r;

	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = ledger_line_del(cluster->ledger, again->line.number, err);
	return cluster_end(cluster, r, err);
}

static void again_fill(const struct again *again, struct reservation *want)
{
	const struct store_record *record = &again->entry->record;
	const struct cluster *cluster = again->audit->cluster;

	*want = (struct reservation){ .address = *again_addr(again) };
#define COPY(member, text)                                                     \
	snprintf(want->member, sizeof(want->member), "%s", text)
	COPY(pool, record->pool);
	COPY(node, cluster->config->node);
	COPY(boot_id, cluster->boot_id);
	COPY(attempt, again->line.attempt);
	COPY(pod_namespace, record->pod_namespace);
	COPY(pod_name, record->pod_name);
	COPY(pod_uid, record->pod_uid);
	COPY(ifname, record->ifname);
	COPY(container_id, record->container_id);
	COPY(network, record->network);
#undef COPY
}

static void tell_taken(struct again *again, const struct reservation *have)
{
	const struct store_record *record = &again->entry->record;

	again->audit->is_contested = true;
	audit_tell(
		again->audit, STORE_TAKEN_BY_ANOTHER, again_addr(again), false,
		"is used by pod %s/%s, %s (container %.13s), and reserved for %s %s%s%s on node %s: delete one of the two",
		record->pod_namespace, record->pod_name, record->ifname,
		record->container_id, have->is_host ? "node" : "pod",
		have->pod_namespace, have->is_host ? "" : "/",
		have->is_host ? "" : have->pod_name, have->node);
}

/* What the server has now. Return: 0, CLUSTER_ABSENT, or negative */
static int again_ask(const struct again *again, struct reservation *ret,
		     struct error *err)
{
	struct cluster *cluster = again->audit->cluster;
	char name[RESERVATION_NAME];
	int r;

	reservation_name(again->entry->record.pool, again_addr(again), name);
	r = cluster_get(cluster, name, ret, err);
	return r == CLUSTER_UNKNOWN ? cluster_unknown(cluster, err) : r;
}

/* Somebody was first, or our own answer was lost. */
static int again_look(struct again *again, struct error *err)
{
	struct reservation have;
	int r = again_ask(again, &have, err);

	if (r == CLUSTER_ABSENT)
		return error_set(
			err, ERROR_AGAIN, 0,
			"whether the server has reserved it again is not known");
	if (r < 0)
		return r;
	if (strcmp(have.attempt, again->line.attempt) == 0)
		return again_keep(again, &have, err);
	tell_taken(again, &have);
	return again_drop_line(again, err);
}

static int again_post(struct again *again, struct error *err)
{
	struct reservation want, got;
	struct error lost = { 0 };
	int r;

	r = again_begin(again, err);
	if (r != 0)
		return r;
	again_fill(again, &want);
	r = cluster_post(again->audit->cluster, &want, &got, err);
	if (r == 0)
		r = again_keep(again, &got, err);
	else if (r > 0)
		return again_look(again, err);
	else
		again_drop_line(again, &lost);
	return r;
}

/* The server has forgotten it. */
static int reserve_again(struct again *again, struct error *err)
{
	const struct store_record *record = &again->entry->record;
	struct audit *audit = again->audit;
	unsigned int before = audit->open;
	int r = 0;

	if (audit->repair)
		r = again_post(again, err);
	if (r < 0 || audit->open > before)
		return r;
	if (r == STORE_ABSENT)
		return 0;
	audit_tell(
		audit, STORE_FORGOTTEN, again_addr(again), audit->repair,
		"is used by pod %s/%s, %s (container %.13s), and the server does not know it",
		record->pod_namespace, record->pod_name, record->ifname,
		record->container_id);
	return 0;
}

/* --- what the server says --------------------------------------------------------- */

static const struct reservation *listed(const struct audit *audit,
					const char *pool,
					const struct inet_addr *addr)
{
	for (size_t i = 0; i < audit->list.count; i++)
		if (inet_addr_equal(&audit->list.items[i].address, addr) &&
		    strcmp(audit->list.items[i].pool, pool) == 0)
			return &audit->list.items[i];
	return NULL;
}

static bool is_deletable(const struct again *again,
			 const struct reservation *have)
{
	return !have->is_host && !have->is_going &&
	       strcmp(have->node, again->audit->cluster->config->node) == 0;
}

/* Not the object that the entry knows. A rebuilt entry knows none: whatever this
 * boot of the node has reserved is its own, under whichever name, and is never
 * given away in between. Else it is left of a former one, unless the entry was
 * released since it was read, and another attachment has the address by now. */
static int replace(struct again *again, const struct reservation *have,
		   struct error *err)
{
	struct audit *audit = again->audit;
	int r;

	if (!is_deletable(again, have)) {
		tell_taken(again, have);
		return 0;
	}
	r = cluster_is_known(audit->cluster, have, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!*again->entry->refs[again->index].uid &&
	    strcmp(have->boot_id, audit->cluster->boot_id) == 0)
		return audit->repair ? again_keep(again, have, err) : 0;
	if (audit->repair) {
		r = cluster_delete(audit->cluster, have->name, have->uid, err);
		if (r != 0)
			return r < 0 ? r : cluster_unknown(audit->cluster, err);
	}
	return reserve_again(again, err);
}

int audit_address(struct audit *audit, const struct ledger_entry *entry,
		  size_t index, struct error *err)
{
	struct again again = {
		.audit = audit,
		.entry = entry,
		.index = index,
	};
	const char *uid = entry->refs[index].uid;
	const struct reservation *seen = listed(audit, entry->record.pool,
						again_addr(&again));
	struct reservation have;
	int r;

	if (seen && strcmp(seen->uid, uid) == 0)
		return 0;
	r = ledger_record_key(&entry->record, &again.key, err);
	if (r < 0)
		return r;
	r = again_ask(&again, &have, err);
	if (r == CLUSTER_ABSENT)
		return reserve_again(&again, err);
	if (r < 0)
		return r;
	/* An ADD in between: the list was too old to have its object. */
	return strcmp(have.uid, uid) == 0 ? 0 : replace(&again, &have, err);
}
