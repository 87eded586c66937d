/*
 * The pools against this node: what is alive here and missing there is taken
 * again. That happens: Whereabouts' reconciler frees what it cannot explain, among
 * it what a pod that starts slowly was given; a server is restored from a backup;
 * somebody edits a pool. What another has by then is an error that only people
 * can end.
 *
 * The other way round nothing can be said: a record names no node.
 *
 * A pool is read once for all, before the ledger was; a difference is believed
 * after a second read, behind which the ledger has the attachment still: a DEL
 * drops it there first.
 */

#include "ipam/store-whereabouts-priv.h"

#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct audit {
	struct pools *pools;
	bool repair;
	store_tell tell;
	void *arg;
	struct ledger_entries entries;
	char range[INET_PREFIX_TEXT]; /* whose pool was read last */
	char network[LEDGER_POOL];
	struct whereabouts_view view;
};

static void audit_clear(struct audit *audit)
{
	ledger_entries_clear(&audit->entries);
	whereabouts_view_clear(&audit->view);
}
#define cleanup_audit cleanup(audit_clear)

/* One address of an entry. */
struct subject {
	struct audit *audit;
	const struct ledger_entry *entry;
	size_t index;
	struct table_key key;
	char podref[WHEREABOUTS_PODREF];
	struct whereabouts_claim claim;
	struct ledger_line line;
};

static const struct inet_addr *subject_addr(const struct subject *subject)
{
	return &subject->entry->record.addresses[subject->index].address.addr;
}

static void tell(const struct subject *subject, enum store_difference kind,
		 bool is_repaired, const char *fmt, ...) printf_like(4, 5);

static void tell(const struct subject *subject, enum store_difference kind,
		 bool is_repaired, const char *fmt, ...)
{
	const struct store_record *record = &subject->entry->record;
	struct store_finding finding = {
		.kind = kind,
		.addr = *subject_addr(subject),
		.is_repaired = is_repaired,
	};
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(finding.text, sizeof(finding.text),
		 "is used by pod %.63s/%.253s, %s (container %.13s), and %s",
		 record->pod_namespace, record->pod_name, record->ifname,
		 record->container_id, text);
	subject->audit->tell(subject->audit->arg, &finding);
}

/* --- reading ------------------------------------------------------------------------ */

static int read_entries(struct audit *audit, struct error *err)
{
	struct cluster *cluster = &audit->pools->cluster;
	int r = cluster_begin(cluster, false, err);

	if (r != 0)
		return r;
	r = ledger_entries_read(cluster->ledger, &audit->entries, err);
	table_abort(ledger_table(cluster->ledger));
	return r;
}

static int read_pool(struct subject *subject, bool again, struct error *err)
{
	struct audit *audit = subject->audit;
	char range[INET_PREFIX_TEXT];
	int r;

	whereabouts_range(&subject->claim.range, range);
	if (!again && strcmp(range, audit->range) == 0 &&
	    strcmp(subject->claim.network, audit->network) == 0)
		return 0;
	whereabouts_view_clear(&audit->view);
	r = whereabouts_read(&audit->pools->cluster, &subject->claim,
			     &audit->view, err);
	if (r < 0)
		return r;
	memcpy(audit->range, range, sizeof(range));
	snprintf(audit->network, sizeof(audit->network), "%s",
		 subject->claim.network);
	return 0;
}

static const struct whereabouts_holder *holder(const struct subject *subject)
{
	const struct whereabouts_pool *pool = &subject->audit->view.pool;

	for (size_t i = 0; i < pool->count; i++)
		if (inet_addr_equal(&pool->items[i].addr,
				    subject_addr(subject)))
			return &pool->items[i].holder;
	return NULL;
}

/* An interface whose container is not known here is of the one that the pool
 * names, if that is no node. */
static bool is_own(const struct subject *subject,
		   const struct whereabouts_holder *have)
{
	const struct store_record *record = &subject->entry->record;

	return have &&
	       (cluster_is_nameless(record)
			? !whereabouts_host(have->podref, have->id)
			: strcmp(have->id, record->container_id) == 0) &&
	       (!have->ifname || !*have->ifname ||
		strcmp(have->ifname, record->ifname) == 0);
}

/* --- taking again -------------------------------------------------------------------- */

/* Has it been released since it was read? */
static int load_same(const struct subject *subject, struct ledger_entry *ret,
		     struct error *err)
{
	int r = ledger_entry_load(subject->audit->pools->ledger, &subject->key,
				  ret, err);

	if (r != 0)
		return r;
	return store_record_is_same(&ret->record, &subject->entry->record) &&
			       ret->record.n_addresses ==
				       subject->entry->record.n_addresses
		       ? 0
		       : STORE_ABSENT;
}

static int line_begin(struct subject *subject, struct error *err)
{
	const struct store_record *record = &subject->entry->record;
	const struct store_attachment whose = store_record_attachment(record);
	cleanup_ledger_entry struct ledger_entry now = { 0 };
	struct ledger_line *line = &subject->line;
	int r = load_same(subject, &now, err);

	if (r != 0)
		return r;
	*line = (struct ledger_line){
		.kind = LEDGER_POST,
		.addr = *subject_addr(subject),
	};
	ledger_line_fill(line, record->pool, &whose);
	whereabouts_range(&subject->claim.range, line->attempt);
	return ledger_line_add(subject->audit->pools->ledger, line, err);
}

/* "": its DEL looks for the overlap record. */
static const char *uid_of(const struct whereabouts_got *got, bool is_taken)
{
	if (!is_taken)
		return "";
	return *got->uid ? got->uid : POOLS_NO_OVERLAP;
}

/* It is the entry's, also if that is not sure; or, if that is gone, owed. */
static int line_end(struct subject *subject, const struct whereabouts_got *got,
		    bool is_taken, struct error *err)
{
	struct ledger *ledger = subject->audit->pools->ledger;
	cleanup_ledger_entry struct ledger_entry now = { 0 };
	struct ledger_ref *ref = &now.refs[subject->index];
	const bool is_held = is_taken || got->is_held;
	const char *uid = uid_of(got, is_taken);
	int r = load_same(subject, &now, err);

	if (r < 0)
		return r;
	if (is_held && r == STORE_ABSENT) {
		subject->line.kind = LEDGER_UNKNOWN;
		return ledger_line_save(ledger, &subject->line, err);
	}
	if (is_held) {
		snprintf(ref->uid, sizeof(ref->uid), "%s", uid);
		whereabouts_range(&subject->claim.range, ref->attempt);
		r = ledger_entry_save(ledger, &subject->key, &now, err);
		if (r < 0)
			return r;
	}
	return ledger_line_del(ledger, subject->line.number, err);
}

static int in_ledger(struct subject *subject, const struct whereabouts_got *got,
		     bool is_taken, struct error *err)
{
	struct cluster *cluster = &subject->audit->pools->cluster;
	int r = cluster_begin(cluster, true, err);

	if (r != 0)
		return r;
	r = got ? line_end(subject, got, is_taken, err)
		: line_begin(subject, err);
	return cluster_end(cluster, r, err);
}

static void tell_taken(const struct subject *subject,
		       const struct whereabouts_owner *owner)
{
	const char *node = whereabouts_host(owner->podref, owner->id);

	if (node)
		tell(subject, STORE_TAKEN_BY_ANOTHER, false,
		     "the pool has it for node %s: delete the pod", node);
	else
		tell(subject, STORE_TAKEN_BY_ANOTHER, false,
		     "the pool has it for pod %s, %s (container %.13s): delete one of the two",
		     owner->podref, owner->ifname, owner->id);
}

/* Return: 0, STORE_ABSENT (it is gone, so is the difference), or negative */
static int take_again(struct subject *subject, struct error *err)
{
	struct audit *audit = subject->audit;
	cleanup_whereabouts_view struct whereabouts_view view =
		WHEREABOUTS_VIEW_INIT;
	struct whereabouts_got got = { 0 };
	struct error lost = { 0 };
	int r, taken;

	r = in_ledger(subject, NULL, false, err);
	if (r != 0)
		return r;
	taken = whereabouts_take(&audit->pools->cluster, &subject->claim,
				 subject_addr(subject), &view, &got, err);
	if (taken == WHEREABOUTS_TAKEN)
		tell_taken(subject, &got.owner);
	if (taken == CLUSTER_UNKNOWN)
		taken = cluster_unknown(&audit->pools->cluster, err);
	r = in_ledger(subject, &got, taken == 0, &lost);
	if (taken < 0)
		return taken;
	if (r < 0)
		*err = lost;
	if (r == 0 && taken == 0)
		tell(subject, STORE_FORGOTTEN, true,
		     "the pool had forgotten it");
	return r;
}

/* --- one address ------------------------------------------------------------------------ */

static int is_still_there(struct subject *subject, struct error *err)
{
	struct cluster *cluster = &subject->audit->pools->cluster;
	cleanup_ledger_entry struct ledger_entry now = { 0 };
	int r = cluster_begin(cluster, false, err);

	if (r != 0)
		return r;
	r = load_same(subject, &now, err);
	table_abort(ledger_table(cluster->ledger));
	return r;
}

/* A key is taken again in its container's name. One in the name of a namespace
 * would be this table's alone to give back: no DEL asks for it, no reconciler
 * touches it, and what bore the address when the table was made anew may be gone. */
static int audit_missing(struct subject *subject, struct error *err)
{
	const struct whereabouts_holder *have;
	struct whereabouts_owner owner = { "", "", "" };
	int r;

	r = read_pool(subject, true, err);
	if (r < 0)
		return r;
	have = holder(subject);
	if (is_own(subject, have))
		return 0;
	r = is_still_there(subject, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (have) {
		snprintf(owner.podref, sizeof(owner.podref), "%s",
			 have->podref);
		snprintf(owner.id, sizeof(owner.id), "%s", have->id);
		snprintf(owner.ifname, sizeof(owner.ifname), "%s",
			 have->ifname ? have->ifname : "");
		tell_taken(subject, &owner);
		return 0;
	}
	if (cluster_is_nameless(&subject->entry->record)) {
		tell(subject, STORE_NAMELESS, false,
		     "neither its container nor the pool knows it");
		return 0;
	}
	if (subject->audit->repair)
		return take_again(subject, err);
	tell(subject, STORE_FORGOTTEN, false, "the pool does not know it");
	return 0;
}

/* Its pool's range, as it was recorded; of a record that was made from what the
 * node's links say, as it is configured. */
static bool find_range(const struct subject *subject, struct inet_prefix *ret)
{
	const struct ipam_config *config =
		subject->audit->pools->cluster.config;
	const char *text = subject->entry->refs[subject->index].attempt;

	if (*text && inet_prefix_parse(text, ret))
		return true;
	for (size_t i = 0; i < config->n_sets; i++) {
		const struct ipam_range *range =
			ipam_range_set_find(&config->sets[i],
					    subject_addr(subject));

		if (range) {
			*ret = range->range.network;
			return true;
		}
	}
	return false;
}

static int audit_address(struct audit *audit, const struct ledger_entry *entry,
			 size_t index, struct error *err)
{
	const struct store_record *record = &entry->record;
	struct subject subject = {
		.audit = audit,
		.entry = entry,
		.index = index,
	};
	struct inet_prefix range;
	int r;

	if (!find_range(&subject, &range))
		return 0;
	if (*record->pod_name &&
	    whereabouts_podref(record->pod_namespace, record->pod_name,
			       subject.podref) != 0)
		return 0;
	subject.claim = pools_claim(audit->pools, record->pool, &range,
				    subject.podref, record->container_id,
				    record->ifname);
	r = ledger_record_key(record, &subject.key, err);
	if (r == 0)
		r = read_pool(&subject, false, err);
	if (r < 0 || is_own(&subject, holder(&subject)))
		return r;
	r = audit_missing(&subject, err);
	return r < 0 ? r : 0;
}

/* One that is pending is its ADD's, or GC's. */
static int audit_entry(struct audit *audit, const struct ledger_entry *entry,
		       struct error *err)
{
	int r = 0;

	if (entry->record.state != STORE_STATE_LIVE)
		return 0;
	for (size_t i = 0; i < entry->record.n_addresses && r == 0; i++)
		r = audit_address(audit, entry, i, err);
	return r;
}

int pools_audit(struct store *store, bool repair, store_tell tell_fn, void *arg,
		struct error *err)
{
	cleanup_audit struct audit audit = {
		.pools = pools_of(store),
		.repair = repair,
		.tell = tell_fn,
		.arg = arg,
		.view = WHEREABOUTS_VIEW_INIT,
	};
	int r;

	if (repair) {
		cluster_settle(&audit.pools->cluster, NULL);
		pools_settle_some(audit.pools);
	}
	r = read_entries(&audit, err);
	for (size_t i = 0; i < audit.entries.count && r == 0; i++)
		r = audit_entry(&audit, &audit.entries.items[i], err);
	return r;
}
