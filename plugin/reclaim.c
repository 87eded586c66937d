#include "plugin/reclaim.h"

#include "lib/file.h"
#include "lib/log.h"
#include "lib/netlink.h"
#include "lib/netns.h"
#include "plugin/attach.h"
#include "plugin/delegate.h"
#include "plugin/rebuild.h"
#include "plugin/witness.h"

#include <stdio.h>
#include <string.h>

/*
 * Multus passes neither GC nor STATUS on to secondary networks, and loses DELs.
 * So there are two ways by which an address comes back without a DEL.
 *
 * GC works from the runtime's statement: cni.dev/valid-attachments lists all that
 * lives on this network; what is not on it is dead. Two things are trusted more
 * than the statement. An attachment younger than two minutes may have been made
 * after the runtime made its list (and by another runtime); and an interface
 * that is there is there: its address is in use, whatever the list says. Such an
 * attachment is kept, and named, so that somebody looks.
 *
 * Without a statement (GC without the key, every ADD once a minute, an ADD that
 * finds the pool exhausted) only what is provably dead goes: witness.c says what
 * that is, and it must have been so twice, a minute apart. The first sighting is
 * kept in the record. What the last boot left is gone without us: the store's
 * environment of another boot is empty by definition.
 *
 * The list is read first, and each record is judged with no lock held. So it may
 * be another one by the time that it is released: a DEL and an ADD may have
 * passed. The store compares, and leaves what was attached anew.
 *
 * All times are CLOCK_BOOTTIME's, which no one sets.
 */

#define GRACE_MS    120000
#define SIGHTING_MS 60000
#define CARE_MS     60000
#define GC_LIMIT_MS 8000 /* of the 10 s that GC has */

static bool is_young(const struct store_record *record)
{
	return file_boottime_ms() < record->since_ms + GRACE_MS;
}

static int reap_context(const struct store_record *record, struct error *err)
{
	return error_context(err, "release %s of container %s", record->ifname,
			     record->container_id);
}

/* --- the provably dead ---------------------------------------------------------- */

struct pass {
	struct ipam *ipam;
	struct witness witness;
	uint64_t now_ms;
	unsigned int released;
};

enum sighting {
	SIGHTING_NONE, /* nothing new */
	SIGHTING_FIRST, /* dead, to be marked */
	SIGHTING_LAST, /* dead for a minute */
	SIGHTING_ERROR, /* alive: what was marked was seen wrongly */
};

/* A look before the minute is over changes nothing: it is saved. */
static bool is_waiting(const struct pass *pass,
		       const struct store_record *record)
{
	return record->dead_ms && pass->now_ms - record->dead_ms < SIGHTING_MS;
}

/* Return: an enum sighting, or negative */
static int look_at(struct pass *pass, const struct store_record *record,
		   struct error *err)
{
	int r;

	if (is_young(record) || is_waiting(pass, record))
		return SIGHTING_NONE;
	r = store_record_is_in_progress(record, err);
	if (r != 0)
		return r < 0 ? r : SIGHTING_NONE;

	switch (witness_judge(&pass->witness, record)) {
	case WITNESS_LIVES:
		return record->dead_ms ? SIGHTING_ERROR : SIGHTING_NONE;
	case WITNESS_DEAD:
		return record->dead_ms ? SIGHTING_LAST : SIGHTING_FIRST;
	case WITNESS_UNKNOWN:
		break;
	}
	return SIGHTING_NONE;
}

static void log_reaped(const struct store_record *record)
{
	char text[INET_PREFIX_TEXT] = "no address";

	if (record->n_addresses)
		inet_prefix_format(&record->addresses[0].address, text);
	log_warning("released %s: %s of container %s (network \"%s\", pod "
		    "%s/%s) is gone, and its DEL never came",
		    text, record->ifname, record->container_id, record->network,
		    record->pod_namespace, record->pod_name);
}

static int act_on(struct pass *pass, const struct store_record *record,
		  enum sighting sighting, struct error *err)
{
	int r = 0;

	switch (sighting) {
	case SIGHTING_NONE:
		break;
	case SIGHTING_ERROR:
		r = ipam_mark(pass->ipam, record, 0, err);
		break;
	case SIGHTING_FIRST:
		r = ipam_mark(pass->ipam, record, pass->now_ms, err);
		break;
	case SIGHTING_LAST:
		r = ipam_reap(pass->ipam, record, err);
		if (r == 0) {
			pass->released++;
			log_reaped(record);
		}
		break;
	}
	return r < 0 ? r : 0;
}

static bool is_over(const struct pass *pass)
{
	return pass->witness.deadline_ms &&
	       file_boottime_ms() >= pass->witness.deadline_ms;
}

static int pass_begin(struct pass *pass, unsigned int limit_ms,
		      struct store_records *records, struct error *err)
{
	pass->now_ms = file_boottime_ms();
	if (limit_ms)
		pass->witness.deadline_ms = pass->now_ms + limit_ms;
	return ipam_list(pass->ipam, records, err);
}

/* Each pass begins elsewhere: one that runs out of time leaves others out than
 * the last. */
static const struct store_record *pass_item(const struct pass *pass,
					    const struct store_records *records,
					    size_t i)
{
	return &records->items[(i + pass->now_ms) % records->count];
}

static void reclaim_records(struct pass *pass, const char *network,
			    const struct store_records *records,
			    struct error *err)
{
	for (size_t i = 0; i < records->count && !is_over(pass); i++) {
		const struct store_record *record = pass_item(pass, records, i);
		struct error next = { 0 };
		int r;

		if (network && strcmp(record->network, network) != 0)
			continue;
		r = look_at(pass, record, &next);
		if (r >= 0)
			r = act_on(pass, record, (enum sighting)r, &next);
		if (r < 0)
			reap_context(record, &next);
		error_collect(err, &next);
	}
}

unsigned int reclaim_dead(struct ipam *ipam, const char *network,
			  unsigned int limit_ms, struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	struct pass pass = { .ipam = ipam };
	unsigned int before = ipam_limit(ipam, limit_ms);

	if (limit_ms == 0 || before < limit_ms)
		ipam_limit(ipam, before);
	if (pass_begin(&pass, limit_ms, &records, err) == 0)
		reclaim_records(&pass, network, &records, err);
	ipam_limit(ipam, before);
	witness_clear(&pass.witness);
	return pass.released;
}

/* What reclaim_dead() would release. */
static int list_dead(struct ipam *ipam, unsigned int limit_ms,
		     struct store_records *ret, struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	struct pass pass = { .ipam = ipam };
	size_t kept = 0;
	int r;

	r = pass_begin(&pass, limit_ms, &records, err);
	for (size_t i = 0; i < records.count; i++) {
		struct store_record record = records.items[i];
		struct error unknown = { 0 };

		if (is_over(&pass) ||
		    look_at(&pass, &record, &unknown) != SIGHTING_LAST)
			continue;
		records.items[i] = records.items[kept];
		records.items[kept++] = record;
	}
	witness_clear(&pass.witness);
	while (records.count > kept)
		store_record_clear(&records.items[--records.count]);
	*ret = records;
	records = (struct store_records){ 0 };
	return r;
}

/* Full of the living? The dead make room when the next ADD asks for it. */
static int status_full(struct ipam *ipam, struct error *err)
{
	cleanup_store_records struct store_records dead = { 0 };
	int r;

	ipam_limit(ipam, RECLAIM_LIMIT_MS);
	r = list_dead(ipam, RECLAIM_LIMIT_MS, &dead, err);
	return r < 0 ? r : ipam_status(ipam, &dead, err);
}

static int status(struct ipam *ipam, struct error *err)
{
	struct error full = { 0 };
	int r = ipam_status(ipam, NULL, &full);

	if (r < 0 && full.code == ERROR_POOL_EXHAUSTED)
		return status_full(ipam, err);
	*err = full;
	return r;
}

int reclaim_status(const struct ipam_config *config, struct error *err)
{
	cleanup_ipam struct ipam *ipam = NULL;
	int r;

	r = ipam_open(config, true, &ipam, err);
	if (r == 0)
		r = status(ipam, err);
	return r < 0 ? error_class(err, ERROR_NOT_AVAILABLE) : 0;
}

void reclaim_care(struct ipam *ipam)
{
	struct error err = { 0 };
	unsigned int before = ipam_limit(ipam, RECLAIM_LIMIT_MS);
	int r = ipam_due(ipam, "care", CARE_MS, &err);

	if (r == IPAM_DUE)
		reclaim_dead(ipam, NULL, RECLAIM_LIMIT_MS, &err);
	ipam_limit(ipam, before);
	if (error_is_set(&err))
		log_debug("looking for the dead: %s", err.details);
}

/* --- is it still attached? ------------------------------------------------------ */

static int holds_interface(int netns, const char *ifname, struct error *err)
{
	cleanup_netlink struct netlink *pod = NULL;
	struct netlink_link link;
	int r;

	r = netlink_open(netns, &pod, err);
	if (r < 0)
		return r;
	r = netlink_link_get(pod, ifname, &link, err);
	if (r < 0)
		return r;
	/* Of any kind: addresses are given to other plugins' interfaces too. */
	return r == 0 ? RECLAIM_ATTACHED : RECLAIM_GONE;
}

static int is_attached(struct witness *witness,
		       const struct store_record *record, struct error *err)
{
	cleanup_close int netns = -1;
	int r = witness_find(witness, record, &netns, err);

	if (r != 0)
		return r < 0 ? r : RECLAIM_GONE;
	return holds_interface(netns, record->ifname, err);
}

int reclaim_is_attached(const struct store_record *record, struct error *err)
{
	cleanup_witness struct witness witness = { 0 };

	return is_attached(&witness, record, err);
}

/* --- GC ------------------------------------------------------------------------- */

static bool is_listed(const struct config *config,
		      const struct store_record *record)
{
	for (size_t i = 0; i < config->n_valid_attachments; i++) {
		const struct config_attachment *valid =
			&config->valid_attachments[i];

		if (strcmp(valid->container_id, record->container_id) == 0 &&
		    strcmp(valid->ifname, record->ifname) == 0)
			return true;
	}
	return false;
}

static int gc_record(struct pass *pass, const struct config *config,
		     const struct store_record *record, struct error *err)
{
	int r;

	if (strcmp(record->network, config->name) != 0 ||
	    is_listed(config, record) || is_young(record))
		return 0;
	r = store_record_is_in_progress(record, err);
	if (r != 0)
		return r < 0 ? r : 0;

	r = is_attached(&pass->witness, record, err);
	if (r == RECLAIM_ATTACHED) {
		log_warning("kept: %s of container %s is not among the valid "
			    "attachments of network \"%s\", but %s still "
			    "holds it",
			    record->ifname, record->container_id, config->name,
			    record->netns);
		return 0;
	}
	if (r < 0)
		return r;
	r = ipam_reap(pass->ipam, record, err);
	return r < 0 ? r : 0;
}

static int gc_late(size_t others, struct error *err)
{
	return error_set(err, ERROR_AGAIN, 0,
			 "no time is left for this and %zu more", others);
}

/* What the runtime did not list. */
static int gc_stated(struct ipam *ipam, const struct config *config,
		     struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	struct pass pass = { .ipam = ipam };

	pass_begin(&pass, GC_LIMIT_MS, &records, err);
	for (size_t i = 0; i < records.count; i++) {
		const struct store_record *record = &records.items[i];
		const bool is_late = is_over(&pass);
		struct error next = { 0 };
		int r;

		r = is_late ? gc_late(records.count - i - 1, &next)
			    : gc_record(&pass, config, record, &next);
		if (r < 0)
			reap_context(record, &next);
		error_collect(err, &next);
		if (is_late)
			break;
	}
	witness_clear(&pass.witness);
	return error_return(err);
}

static void log_finding(void *arg, const struct store_finding *finding)
{
	char text[INET_ADDR_TEXT] = "";

	(void)arg;
	log_warning("%s %s%s", inet_addr_format(&finding->addr, text),
		    finding->text, finding->is_repaired ? ": repaired" : "");
}

/* Then a server that others share is told what is left, which it may have
 * forgotten, and asked what it has that nobody here knows. */
static int gc(struct ipam *ipam, const struct config *config, struct error *err)
{
	struct error next = { 0 };

	if (config->has_valid_attachments)
		gc_stated(ipam, config, err);
	else
		reclaim_dead(ipam, config->name, GC_LIMIT_MS, err);
	if (!ipam_is_damaged(ipam) &&
	    ipam_audit(ipam, true, log_finding, NULL, &next) < 0)
		error_collect(err, &next);
	return error_return(err);
}

int attach_gc(const struct request *request, const struct config *config,
	      struct error *err)
{
	cleanup_ipam struct ipam *ipam = NULL;
	int r;

	if (delegate_is_wanted(config))
		return delegate_call(request, config, REQUEST_GC, err);
	if (!ipam_config_is_builtin(&config->ipam))
		return 0;
	r = ipam_open(&config->ipam, false, &ipam, err);
	if (r < 0)
		return r;
	r = gc(ipam, config, err);
	if (r < 0 && ipam_is_damaged(ipam) &&
	    rebuild_store(ipam, config, err) == 0)
		r = gc(ipam, config, err);
	return r < 0 ? error_return(err) : 0;
}
