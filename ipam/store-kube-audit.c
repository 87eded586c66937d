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
 * the ledger before its object can be in the list. What differs then is asked
 * for by its name before it is believed: the list may be older than an ADD or
 * a DEL that has ended since.
 *
 * Of what the ledger does not know
 *
 *	of this ledger's own attempts	is nobody's: what it names is always a
 *		line or an entry, until its object is deleted
 *	of another boot			is dead by construction (store-kube-sweep.c)
 *	of another ledger of this boot	was alive when that one was lost. Dead when
 *		its Pod is gone from the server, by uid, seen twice a minute
 *		apart, and none is younger than two minutes by the server's
 *		own clock: the Pod of a static pod comes after its sandbox
 *	of no ledger, since it was adopted (adopt.h)	is its Pod's, which another
 *		program attached; the same, once that is gone
 */

#include "ipam/store-kube-audit-priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define AUDIT_SIGHTING_MS 60000
#define AUDIT_YOUNG_S     120
#define AUDIT_SEEN        "seen dead %.64s"

static void audit_clear(struct audit *audit)
{
	cluster_list_clear(&audit->list);
	ledger_entries_clear(&audit->entries);
}
#define cleanup_audit cleanup(audit_clear)

void audit_tell(struct audit *audit, enum store_difference kind,
		const struct inet_addr *addr, bool is_repaired, const char *fmt,
		...)
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
	r = ledger_entries_read(cluster->ledger, &audit->entries, err);
	table_abort(ledger_table(cluster->ledger));
	return r;
}

/* --- what is alive here ------------------------------------------------------------- */

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

static bool is_text(const struct json_at *at, const char *key, const char *text)
{
	struct json_at value;

	return json_member(at, key, &value) && json_text(&value) &&
	       strcmp(json_text(&value), text) == 0;
}

/* A static pod's uid is the kubelet's; the Pod that shows it has another, and
 * that one in an annotation. */
static bool is_other_pod(const struct json *pod, const char *uid)
{
	const struct json_at root = json_root(pod);
	struct json_at metadata, has_uid, annotations;

	if (!json_member(&root, "metadata", &metadata) ||
	    !json_member(&metadata, "uid", &has_uid) || !json_text(&has_uid) ||
	    is_text(&metadata, "uid", uid))
		return false;
	return !json_member(&metadata, "annotations", &annotations) ||
	       !is_text(&annotations, "kubernetes.io/config.mirror", uid);
}

/* Return: 1 if no such Pod is there, by uid; 0 if it is, or cannot be told */
static int is_pod_gone(struct audit *audit, const struct reservation *have)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
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
	return is_other_pod(answer.document, have->pod_uid);
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
	if (!audit->repair || audit->list.date - have->created < AUDIT_YOUNG_S)
		return 0;
	return sighting(audit, have, is_pod_gone(audit, have), err);
}

/* Still, after what is known was looked at? Return: 1, 0, or negative */
static int is_there(struct audit *audit, const struct reservation *have,
		    struct error *err)
{
	struct reservation now;
	int r = cluster_get(audit->cluster, have->name, &now, err);

	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(audit->cluster, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return !now.is_going && strcmp(now.uid, have->uid) == 0;
}

static int audit_unknown(struct audit *audit, const struct reservation *have,
			 struct error *err)
{
	int r, dead;

	r = is_there(audit, have, err);
	if (r <= 0)
		return r;
	dead = is_dead(audit, have, err);
	if (dead < 0)
		return dead;
	if (dead && audit->repair) {
		r = cluster_delete(audit->cluster, have->name, have->uid, err);
		if (r != 0)
			return r < 0 ? r : cluster_unknown(audit->cluster, err);
	}
	if (!dead && reservation_is_adopted(have) && !is_pod_gone(audit, have))
		return 0;
	audit_tell(
		audit, dead ? STORE_NOBODYS : STORE_LOST, &have->address,
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

static int mark_version(struct audit *audit, bool is_older, struct error *err)
{
	struct ledger *ledger = audit->cluster->ledger;
	int r;

	if (!audit->repair || audit->is_contested)
		return is_older ? ledger_fact_set(ledger, CLUSTER_FACT_RESTORED,
						  audit->version, err)
				: 0;
	r = ledger_fact_set(ledger, CLUSTER_FACT_VERSION, audit->list.version,
			    err);
	return r == 0 ? ledger_fact_drop(ledger, CLUSTER_FACT_RESTORED, err)
		      : r;
}

/* Once the node has said all that it has, the server's word is what it has now.
 * What another has reserved is not said: it is released by that one, or there
 * are two. */
static int settle_version(struct audit *audit, struct error *err)
{
	struct cluster *cluster = audit->cluster;
	const bool is_older = audit->list.version < audit->version;
	const struct inet_addr none = { 0 };
	int r;

	if (!audit->list.version || (!audit->repair && !is_older))
		return 0;
	if (is_older)
		audit_tell(
			audit, STORE_RESTORED, &none,
			audit->repair && !audit->is_contested,
			"the API server was restored from a backup: it is at version %ju, and was at %ju",
			(uintmax_t)audit->list.version,
			(uintmax_t)audit->version);
	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = mark_version(audit, is_older, err);
	return cluster_end(cluster, r, err);
}

static int audit_all(struct audit *audit, struct error *err)
{
	int r = read_both(audit, err);

	for (size_t i = 0; i < audit->entries.count && r == 0; i++)
		r = audit_entry(audit, &audit->entries.items[i], err);
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
	return r == 0 ? settle_version(&audit, err) : r;
}
