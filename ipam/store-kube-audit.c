/*
 * The server against this node, and the node's word where they differ.
 *
 * What the node knows to be alive is reserved again where the server has
 * forgotten it, and what the server has in the node's name, and the node does
 * not know, is deleted: after the server was restored from a backup, which gives
 * back what was released and forgets what was given; and whenever something was
 * lost in between. An address that is alive here and reserved for somebody else
 * is an error that only people can end.
 *
 * The server's list is read first, the ledger second: an ADD in between is in
 * the ledger before its object can be in the list.
 *
 * Of what the ledger does not know
 *
 *	of this ledger's own attempts	is nobody's: what it names is always a
 *		line or an entry, until its object is deleted
 *	of another boot			is dead by construction (store-kube-sweep.c)
 *	of another ledger of this boot	was alive when that one was lost. Dead when
 *		its Pod is gone from the server, by uid, seen twice a minute
 *		apart
 */

#include "ipam/store-kube-priv.h"

#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define AUDIT_SIGHTING_MS 60000
#define AUDIT_SEEN        "seen dead %.64s"

struct audit {
	struct cluster *cluster;
	bool repair;
	store_tell tell;
	void *arg;
	struct cluster_list list;
	struct ledger_entry *entries;
	size_t n_entries;
	uint64_t version; /* highest seen, before the list */
	unsigned int open; /* differences that could not be repaired now */
};

static void audit_clear(struct audit *audit)
{
	cluster_list_clear(&audit->list);
	for (size_t i = 0; i < audit->n_entries; i++)
		ledger_entry_clear(&audit->entries[i]);
	free(audit->entries);
}
#define cleanup_audit cleanup(audit_clear)

static void tell(struct audit *audit, enum store_difference kind,
		 const struct inet_addr *addr, bool is_repaired,
		 const char *fmt, ...) printf_like(5, 6);

static void tell(struct audit *audit, enum store_difference kind,
		 const struct inet_addr *addr, bool is_repaired,
		 const char *fmt, ...)
{
	struct store_finding finding = {
		.kind = kind,
		.addr = *addr,
		.is_repaired = is_repaired,
	};
	va_list args;

	va_start(args, fmt);
	vsnprintf(finding.text, sizeof(finding.text), fmt, args);
	va_end(args);
	if (!is_repaired)
		audit->open++;
	audit->tell(audit->arg, &finding);
}

/* --- reading both -------------------------------------------------------------- */

static int read_version(struct audit *audit, struct error *err)
{
	struct cluster *cluster = audit->cluster;
	int r;

	r = cluster_begin(cluster, false, err);
	if (r != 0)
		return r;
	r = ledger_fact(cluster->ledger, CLUSTER_FACT_VERSION, &audit->version,
			err);
	table_abort(ledger_table(cluster->ledger));
	return r < 0 ? r : 0;
}

static int entries_add(struct audit *audit, struct ledger_entry *entry,
		       struct error *err)
{
	struct ledger_entry *grown;

	grown = reallocarray(audit->entries, audit->n_entries + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	audit->entries = grown;
	grown[audit->n_entries++] = *entry;
	*entry = (struct ledger_entry){ 0 };
	return 0;
}

static int read_inside(struct audit *audit, struct error *err)
{
	struct table_key key;
	int r = 0;

	ledger_entry_first(&key);
	while (r == 0) {
		cleanup_ledger_entry struct ledger_entry entry = { 0 };

		r = ledger_entry_next(audit->cluster->ledger, &key, &entry,
				      err);
		if (r == 0)
			r = entries_add(audit, &entry, err);
	}
	return r < 0 ? r : 0;
}

static int read_both(struct audit *audit, struct error *err)
{
	struct cluster *cluster = audit->cluster;
	int r;

	r = read_version(audit, err);
	if (r == 0)
		r = cluster_list_node(cluster, &audit->list, err);
	if (r == 0)
		r = cluster_begin(cluster, false, err);
	if (r != 0)
		return r;
	r = read_inside(audit, err);
	table_abort(ledger_table(cluster->ledger));
	return r;
}

/* --- reserving again ---------------------------------------------------------------- */

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
	snprintf(line->pool, sizeof(line->pool), "%s", record->pool);
	snprintf(line->network, sizeof(line->network), "%s", record->network);
	snprintf(line->container_id, sizeof(line->container_id), "%s",
		 record->container_id);
	snprintf(line->ifname, sizeof(line->ifname), "%s", record->ifname);
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

	tell(again->audit, STORE_TAKEN_BY_ANOTHER, again_addr(again), false,
	     "is used by pod %s/%s, %s (container %.13s), and reserved for %s %s%s%s on node %s: delete one of the two",
	     record->pod_namespace, record->pod_name, record->ifname,
	     record->container_id, have->is_host ? "node" : "pod",
	     have->pod_namespace, have->is_host ? "" : "/",
	     have->is_host ? "" : have->pod_name, have->node);
}

/* Somebody was first, or our own answer was lost. */
static int again_look(struct again *again, struct error *err)
{
	struct reservation have;
	char name[RESERVATION_NAME];
	int r;

	reservation_name(again->entry->record.pool, again_addr(again), name);
	r = cluster_get(again->audit->cluster, name, &have, err);
	if (r < 0)
		return r;
	if (r != 0)
		return cluster_unknown(again->audit->cluster, err);
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
	tell(audit, STORE_FORGOTTEN, again_addr(again), audit->repair,
	     "is used by pod %s/%s, %s (container %.13s), and the server does not know it",
	     record->pod_namespace, record->pod_name, record->ifname,
	     record->container_id);
	return 0;
}

/* --- what is alive here ------------------------------------------------------------------ */

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

static bool is_of(const struct reservation *have,
		  const struct store_record *record)
{
	return !have->is_host &&
	       strcmp(have->container_id, record->container_id) == 0 &&
	       strcmp(have->ifname, record->ifname) == 0 &&
	       strcmp(have->network, record->network) == 0;
}

/* An object of this node, and not the one that the entry knows: of the entry's
 * own attachment it is taken for it; else it is left of a former one. */
static int replace(struct again *again, const struct reservation *have,
		   struct error *err)
{
	struct audit *audit = again->audit;
	int r;

	if (have->is_host || have->is_going) {
		tell_taken(again, have);
		return 0;
	}
	if (is_of(have, &again->entry->record) &&
	    !*again->entry->refs[again->index].uid)
		return audit->repair ? again_keep(again, have, err) : 0;
	if (audit->repair) {
		r = cluster_delete(audit->cluster, have->name, have->uid, err);
		if (r != 0)
			return r < 0 ? r : cluster_unknown(audit->cluster, err);
	}
	return reserve_again(again, err);
}

static int audit_address(struct audit *audit, const struct ledger_entry *entry,
			 size_t index, struct error *err)
{
	struct again again = {
		.audit = audit,
		.entry = entry,
		.index = index,
	};
	const struct reservation *have = listed(audit, entry->record.pool,
						again_addr(&again));
	int r;

	if (have && strcmp(have->uid, entry->refs[index].uid) == 0)
		return 0;
	r = ledger_record_key(&entry->record, &again.key, err);
	if (r < 0)
		return r;
	return have ? replace(&again, have, err) : reserve_again(&again, err);
}

static int audit_entry(struct audit *audit, const struct ledger_entry *entry,
		       struct error *err)
{
	int r;

	if (entry->record.state != STORE_STATE_LIVE) {
		r = store_record_is_in_progress(&entry->record, err);
		return r < 0 ? r : 0;
	}
	for (size_t i = 0; i < entry->record.n_addresses; i++) {
		r = audit_address(audit, entry, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- what the server has, and nobody knows -------------------------------------------------- */

/* Return: 1 if no such Pod is there, by uid; 0 if it is, or cannot be told */
static int is_pod_gone(struct audit *audit, const struct reservation *have)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	struct json_at root, metadata, uid;
	char path[400];
	const struct kube_request request = { .method = "GET", .path = path };
	struct error unknown = { 0 };
	const char *safe = "abcdefghijklmnopqrstuvwxyz0123456789-.";

	if (!*have->pod_uid || !*have->pod_name || !*have->pod_namespace ||
	    have->pod_name[strspn(have->pod_name, safe)] ||
	    have->pod_namespace[strspn(have->pod_namespace, safe)])
		return 0;
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s",
		 have->pod_namespace, have->pod_name);
	if (cluster_call(audit->cluster, &request, &answer, &unknown) != 0)
		return 0;
	if (answer.status == 404)
		return *answer.reason != '\0';
	if (answer.status >= 300)
		return 0;
	root = json_root(answer.document);
	return json_member(&root, "metadata", &metadata) &&
	       json_member(&metadata, "uid", &uid) && json_text(&uid) &&
	       strcmp(json_text(&uid), have->pod_uid) != 0;
}

/* Seen dead once before, a minute ago? Return: 1, 0, or negative */
static int sighting(struct audit *audit, const struct reservation *have,
		    bool is_dead, struct error *err)
{
	struct ledger *ledger = audit->cluster->ledger;
	const uint64_t now = file_boottime_ms();
	uint64_t first = 0;
	char fact[96];
	int r;

	snprintf(fact, sizeof(fact), AUDIT_SEEN, have->uid);
	r = cluster_begin(audit->cluster, true, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = ledger_fact(ledger, fact, &first, err);
	if (r == 0 && !is_dead)
		r = ledger_fact_drop(ledger, fact, err);
	else if (r == STORE_ABSENT && is_dead)
		r = ledger_fact_set(ledger, fact, now, err);
	else if (r == STORE_ABSENT)
		r = 0;
	r = cluster_end(audit->cluster, r, err);
	return r < 0 ? r : is_dead && first && now - first >= AUDIT_SIGHTING_MS;
}

static int is_own_attempt(struct audit *audit, const struct reservation *have,
			  struct error *err)
{
	int r = cluster_begin(audit->cluster, false, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = ledger_is_own_attempt(audit->cluster->ledger, have->attempt, err);
	table_abort(ledger_table(audit->cluster->ledger));
	return r;
}

/* Return: 1 if it is dead for sure, 0, or negative */
static int is_dead(struct audit *audit, const struct reservation *have,
		   struct error *err)
{
	int r;

	if (strcmp(have->boot_id, audit->cluster->boot_id) != 0) {
		r = cluster_prove(audit->cluster, err);
		return r < 0 ? r : r == 0;
	}
	r = is_own_attempt(audit, have, err);
	if (r != 0)
		return r;
	return audit->repair
		       ? sighting(audit, have, is_pod_gone(audit, have), err)
		       : 0;
}

static int audit_unknown(struct audit *audit, const struct reservation *have,
			 struct error *err)
{
	int r, dead;

	dead = is_dead(audit, have, err);
	if (dead < 0)
		return dead;
	if (dead && audit->repair) {
		r = cluster_delete(audit->cluster, have->name, have->uid, err);
		if (r != 0)
			return r < 0 ? r : cluster_unknown(audit->cluster, err);
	}
	tell(audit, dead ? STORE_NOBODYS : STORE_LOST, &have->address,
	     dead && audit->repair,
	     "is reserved for %s/%s, %s (container %.13s) on this node, which %s",
	     have->pod_namespace, have->pod_name, have->ifname,
	     have->container_id,
	     dead ? "does not know it" : "has lost what it knew of it");
	return 0;
}

static int audit_object(struct audit *audit, const struct reservation *have,
			struct error *err)
{
	int r;

	/* A label is not the thing. */
	if (have->is_host || have->is_going ||
	    strcmp(have->node, audit->cluster->config->node) != 0)
		return 0;
	r = cluster_is_known(audit->cluster, have, err);
	return r == 0 ? audit_unknown(audit, have, err) : r < 0 ? r : 0;
}

/* --- all of it --------------------------------------------------------------------------------- */

/* From here on the server's word is what it has now. */
static int reasserted(struct audit *audit, struct error *err)
{
	struct cluster *cluster = audit->cluster;
	int r;

	if (!audit->list.version)
		return 0;
	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = ledger_fact_set(cluster->ledger, CLUSTER_FACT_VERSION,
			    audit->list.version, err);
	if (r == 0)
		r = ledger_fact_drop(cluster->ledger, CLUSTER_FACT_RESTORED,
				     err);
	return cluster_end(cluster, r, err);
}

static int check_version(struct audit *audit, struct error *err)
{
	struct cluster *cluster = audit->cluster;
	const struct inet_addr none = { 0 };
	int r = 0;

	if (!audit->list.version || audit->list.version >= audit->version)
		return 0;
	tell(audit, STORE_RESTORED, &none, audit->repair,
	     "the API server was restored from a backup: it is at version %ju, and was at %ju",
	     (uintmax_t)audit->list.version, (uintmax_t)audit->version);
	if (audit->repair)
		return 0;
	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = ledger_fact_set(cluster->ledger, CLUSTER_FACT_RESTORED,
			    audit->version, err);
	return cluster_end(cluster, r, err);
}

static int audit_all(struct audit *audit, struct error *err)
{
	int r = read_both(audit, err);

	for (size_t i = 0; i < audit->n_entries && r == 0; i++)
		r = audit_entry(audit, &audit->entries[i], err);
	for (size_t i = 0; i < audit->list.count && r == 0; i++)
		r = audit_object(audit, &audit->list.items[i], err);
	return r;
}

int cluster_audit(struct store *store, bool repair, store_tell tell_fn,
		  void *arg, struct error *err)
{
	cleanup_audit struct audit audit = {
		.cluster = cluster_of(store),
		.repair = repair,
		.tell = tell_fn,
		.arg = arg,
	};
	int r;

	r = cluster_introduce(audit.cluster, err);
	if (r == 0 && repair)
		cluster_settle(audit.cluster, NULL);
	if (r == 0)
		r = audit_all(&audit, err);
	if (r == 0)
		r = check_version(&audit, err);
	return r == 0 && repair ? reasserted(&audit, err) : r;
}
