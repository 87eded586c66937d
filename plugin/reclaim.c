/*
 * Multus passes neither GC nor STATUS on to secondary networks, and loses DELs.
 * So there are two ways by which an address comes back without a DEL: a runtime's
 * statement, in a GC (gc.c), and what this node can see by itself.
 *
 * Without a statement (GC without the key, every ADD once a minute, an ADD that
 * finds the pool exhausted) only what is provably dead goes: witness.c says what
 * that is, and it must have been so twice, a minute apart. The first sighting is
 * kept in the record. What the last boot left is gone without us: the store's
 * environment of another boot is empty by definition.
 *
 * In both the list is read first, and each record is judged with no lock held. So it may
 * be another one by the time that it is released: a DEL and an ADD may have
 * passed. The store compares, and leaves what was attached anew.
 *
 * All times are CLOCK_BOOTTIME's, which no one sets.
 */

#include "plugin/reclaim-priv.h"

#include "lib/file.h"
#include "lib/log.h"

#include <string.h>

#define GRACE_MS    120000
#define SIGHTING_MS 60000
#define CARE_MS     60000

bool reclaim_is_young(const struct store_record *record)
{
	return file_boottime_ms() < record->since_ms + GRACE_MS;
}

int reclaim_context(const struct store_record *record, struct error *err)
{
	return error_context(err, "release %s of container %s", record->ifname,
			     record->container_id);
}

/* --- a pass ----------------------------------------------------------------------- */

bool reclaim_is_over(const struct reclaim_pass *pass)
{
	return pass->witness.deadline_ms &&
	       file_boottime_ms() >= pass->witness.deadline_ms;
}

int reclaim_pass_begin(struct reclaim_pass *pass, unsigned int limit_ms,
		       struct store_records *records, struct error *err)
{
	pass->now_ms = file_boottime_ms();
	if (limit_ms)
		pass->witness.deadline_ms = pass->now_ms + limit_ms;
	return ipam_list(pass->ipam, records, err);
}

/* --- the provably dead ------------------------------------------------------------ */

enum sighting {
	SIGHTING_NONE, /* nothing new */
	SIGHTING_FIRST, /* dead, to be marked */
	SIGHTING_LAST, /* dead for a minute */
	SIGHTING_ERROR, /* alive: what was marked was seen wrongly */
};

/* A look before the minute is over changes nothing: it is saved. */
static bool is_waiting(const struct reclaim_pass *pass,
		       const struct store_record *record)
{
	return record->dead_ms && pass->now_ms - record->dead_ms < SIGHTING_MS;
}

/* Return: an enum sighting, or negative */
static int look_at(struct reclaim_pass *pass, const struct store_record *record,
		   struct error *err)
{
	int r;

	if (reclaim_is_young(record) || is_waiting(pass, record))
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

static int act_on(struct reclaim_pass *pass, const struct store_record *record,
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

/* Each pass begins elsewhere: one that runs out of time leaves others out than
 * the last. */
static const struct store_record *pass_item(const struct reclaim_pass *pass,
					    const struct store_records *records,
					    size_t i)
{
	return &records->items[(i + pass->now_ms) % records->count];
}

static void reclaim_records(struct reclaim_pass *pass, const char *network,
			    const struct store_records *records,
			    struct error *err)
{
	for (size_t i = 0; i < records->count && !reclaim_is_over(pass); i++) {
		const struct store_record *record = pass_item(pass, records, i);
		struct error next = { 0 };
		int r;

		if (network && strcmp(record->network, network) != 0)
			continue;
		r = look_at(pass, record, &next);
		if (r >= 0)
			r = act_on(pass, record, (enum sighting)r, &next);
		if (r < 0)
			reclaim_context(record, &next);
		error_collect(err, &next);
	}
}

unsigned int reclaim_dead(struct ipam *ipam, const char *network,
			  unsigned int limit_ms, struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	struct reclaim_pass pass = { .ipam = ipam };
	unsigned int before = ipam_limit(ipam, limit_ms);

	if (limit_ms == 0 || before < limit_ms)
		ipam_limit(ipam, before);
	if (reclaim_pass_begin(&pass, limit_ms, &records, err) == 0)
		reclaim_records(&pass, network, &records, err);
	ipam_limit(ipam, before);
	witness_clear(&pass.witness);
	return pass.released;
}

/* --- what others ask -------------------------------------------------------------- */

/* What reclaim_dead() would release. */
static int list_dead(struct ipam *ipam, unsigned int limit_ms,
		     struct store_records *ret, struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	struct reclaim_pass pass = { .ipam = ipam };
	size_t kept = 0;
	int r;

	r = reclaim_pass_begin(&pass, limit_ms, &records, err);
	for (size_t i = 0; i < records.count; i++) {
		struct store_record record = records.items[i];
		struct error unknown = { 0 };

		if (reclaim_is_over(&pass) ||
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
