/*
 * What is owed to Whereabouts' pools. Lines are written in one transaction with
 * what they are about, in the ledger, which ends with the boot; what could not
 * be settled by the end of a DEL goes to the journal, which is on disk, before
 * DEL answers. So a DEL that has succeeded has released or will, whatever
 * happens to the node; one that was cut off is sent again by the runtime, and
 * finds the allocation by container id and interface. So is one that could
 * neither release nor write: it fails.
 *
 *	RELEASE		an address, by container id and interface, and its overlap
 *			record, by uid
 *	UNKNOWN		an address that was asked for; whether it was given is not
 *			known. Kept for a while although it is not there: the
 *			server carries out what it was sent some time ago as long
 *			as nobody has changed that key
 *	ATTACHMENT	all that a container's interface has in one pool
 *
 * Every release tests the container's id: what another container has is never
 * hit. What the same one is given again would be: so an ADD settles what its own
 * attachment owes before it chooses, and leaves alone what it cannot settle.
 */

#include "ipam/store-whereabouts-priv.h"

#include "lib/log.h"

#include <string.h>

#define UNKNOWN_MS 120000 /* no server works on one request so long */

struct whereabouts_claim
pools_claim(const struct pools *pools, const char *network,
	    const struct inet_prefix *range, const char *podref,
	    const char *container_id, const char *ifname)
{
	return (struct whereabouts_claim){
		.network = network,
		.range = inet_prefix_network(range),
		.holder = { .podref = podref,
			    .id = container_id,
			    .ifname = ifname },
		.has_overlap = pools->cluster.config->overlap,
	};
}

/* --- one line ------------------------------------------------------------------------ */

static int kept(struct cluster *cluster, const struct ledger_line *line, int r,
		const struct error *err)
{
	const bool is_away = r == CLUSTER_UNKNOWN || err->code == ERROR_AGAIN;
	const char *why = r == CLUSTER_UNKNOWN ? cluster->why : err->details;

	if (is_away)
		log_debug("container %s, %s stays owed: %s", line->container_id,
			  line->ifname, why);
	else
		log_warning("what container %s, %s had of range %s stays owed: "
			    "%s",
			    line->container_id, line->ifname, line->attempt,
			    why);
	return is_away ? OWED_AWAY : OWED_KEPT;
}

/* The pod that had it, if this is its DEL; NULL: it is not, or not known. */
static const char *pod_of(const struct pools *pools,
			  const struct ledger_line *line,
			  char buf[static WHEREABOUTS_PODREF])
{
	const struct store_attachment *leaving = pools->leaving;

	if (!leaving || !leaving->pod_name || !*leaving->pod_name ||
	    !leaving->pod_namespace || !cluster_line_is_of(line, leaving))
		return NULL;
	return whereabouts_podref(leaving->pod_namespace, leaving->pod_name,
				  buf) == 0
		       ? buf
		       : NULL;
}

/* What a check took again for a container that lives, and did not come to write
 * down: it is the entry's, and its DEL looks for the overlap record.
 * Return: 1, 0 (it is nobody's here), or negative */
static int keep_inside(struct ledger *ledger, const struct ledger_line *line,
		       struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	const struct store_record *record = &entry.record;
	struct table_key holder;
	int r;

	r = ledger_look(ledger, line->pool, &line->addr, "", &holder, err);
	if (r != LEDGER_HELD)
		return r < 0 ? r : 0;
	r = ledger_entry_load(ledger, &holder, &entry, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (strcmp(record->container_id, line->container_id) != 0 ||
	    strcmp(record->ifname, line->ifname) != 0)
		return 0;
	for (size_t i = 0; i < record->n_addresses; i++)
		if (inet_addr_equal(&record->addresses[i].address.addr,
				    &line->addr))
			entry.refs[i].uid[0] = '\0';
	r = ledger_entry_save(ledger, &holder, &entry, err);
	return r < 0 ? r : 1;
}

static int keep_held(struct pools *pools, const struct ledger_line *line,
		     struct error *err)
{
	struct ledger *ledger = pools->ledger;
	int r, kept;

	if (!table_exists(ledger_table(ledger)))
		return 0;
	r = ledger_begin(ledger, true, pools->cluster.base.timeout_ms, err);
	if (r == STORE_BUSY)
		return error_set(err, ERROR_AGAIN, 0,
				 "the address store is locked");
	if (r != 0)
		return r;
	kept = keep_inside(ledger, line, err);
	r = ledger_end(ledger, kept < 0 ? kept : 0, err);
	return r < 0 ? r : kept;
}

static int settle_address(struct cluster *cluster,
			  const struct ledger_line *line,
			  const struct whereabouts_claim *claim)
{
	const bool is_sure = line->kind == LEDGER_RELEASE;
	const char *uid = is_sure ? line->uid : "";
	struct whereabouts_claim own = *claim;
	char podref[WHEREABOUTS_PODREF];
	struct error err = { 0 };
	uint64_t now = file_boottime_ms();
	int r;

	if (is_sure) {
		own.has_overlap = strcmp(uid, POOLS_NO_OVERLAP) != 0;
		own.leaving = pod_of(pools_of(&cluster->base), line, podref);
	} else {
		r = keep_held(pools_of(&cluster->base), line, &err);
		if (r != 0)
			return r > 0 ? OWED_DONE : kept(cluster, line, r, &err);
	}
	r = whereabouts_give(cluster, &own, &line->addr, uid, &err);
	if (r != 0)
		return kept(cluster, line, r, &err);
	return is_sure || now < line->since_ms ||
			       now - line->since_ms > UNKNOWN_MS
		       ? OWED_DONE
		       : OWED_KEPT;
}

/* Is an address the attachment's that has the same names, by now? */
struct later {
	struct pools *pools;
	const char *network; /* network_name */
	const char *container_id;
	const char *ifname;
};

static int is_held(const struct later *later, const struct inet_addr *addr,
		   struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	struct ledger *ledger = later->pools->ledger;
	struct table_key holder;
	int r;

	r = ledger_look(ledger, later->network, addr, "", &holder, err);
	if (r != LEDGER_HELD)
		return r < 0 ? r : 0;
	r = ledger_entry_load(ledger, &holder, &entry, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return strcmp(entry.record.container_id, later->container_id) == 0 &&
	       strcmp(entry.record.ifname, later->ifname) == 0;
}

static int is_on_its_way(const struct later *later,
			 const struct inet_addr *addr, struct error *err)
{
	struct ledger_line line = { 0 };
	int r;

	for (;;) {
		r = ledger_line_next(later->pools->ledger, line.number + 1,
				     &line, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (line.kind == LEDGER_POST &&
		    inet_addr_equal(&line.addr, addr) &&
		    strcmp(line.container_id, later->container_id) == 0 &&
		    strcmp(line.ifname, later->ifname) == 0)
			return 1;
	}
}

static int keep_later(void *arg, const struct inet_addr *addr,
		      struct error *err)
{
	const struct later *later = arg;
	unsigned int timeout_ms = later->pools->cluster.base.timeout_ms;
	struct ledger *ledger = later->pools->ledger;
	int r;

	if (!table_exists(ledger_table(ledger)))
		return 0;
	r = ledger_begin(ledger, false, timeout_ms, err);
	if (r == STORE_BUSY)
		return error_set(err, ERROR_AGAIN, 0,
				 "the address store is locked");
	if (r != 0)
		return r;
	r = is_held(later, addr, err);
	if (r == 0)
		r = is_on_its_way(later, addr, err);
	table_abort(ledger_table(ledger));
	return r != 0 ? r
		      : cluster_forget_nameless(ledger, timeout_ms,
						later->network, addr,
						later->ifname, err);
}

int pools_give_all(struct pools *pools, const struct whereabouts_claim *claim,
		   size_t *ret_found, struct error *err)
{
	struct later later = {
		.pools = pools,
		.network = claim->network,
		.container_id = claim->holder.id,
		.ifname = claim->holder.ifname,
	};

	return whereabouts_give_all(&pools->cluster, claim, keep_later, &later,
				    ret_found, err);
}

static int settle_attachment(struct pools *pools,
			     const struct ledger_line *line,
			     const struct whereabouts_claim *claim)
{
	struct error err = { 0 };
	size_t found = 0;
	int r = pools_give_all(pools, claim, &found, &err);

	return r == 0 ? OWED_DONE : kept(&pools->cluster, line, r, &err);
}

/* The pod of a line that knows no overlap record: there may be one that still
 * names an earlier container of the pod, whose key was taken over. */
static const char *podref_of(const struct ledger_line *line)
{
	return line->kind != LEDGER_RELEASE && *line->pod ? line->pod : NULL;
}

/* A record that was made from what the node's links say knows no range. */
static int settle_everywhere(struct pools *pools,
			     const struct ledger_line *line)
{
	const struct ipam_config *config = pools->cluster.config;
	int settled = OWED_DONE;

	for (size_t i = 0; i < config->n_sets && settled == OWED_DONE; i++)
		for (size_t j = 0; j < config->sets[i].count; j++) {
			const struct ipam_range *range =
				&config->sets[i].ranges[j];
			struct whereabouts_claim claim =
				pools_claim(pools, line->pool,
					    &range->range.network,
					    podref_of(line), line->container_id,
					    line->ifname);

			settled = settle_attachment(pools, line, &claim);
			if (settled != OWED_DONE)
				break;
		}
	return settled;
}

int pools_settle_line(struct cluster *cluster, const struct ledger_line *line)
{
	struct pools *pools = pools_of(&cluster->base);
	struct whereabouts_claim claim;
	struct inet_prefix range;

	if (!*line->attempt || !inet_prefix_parse(line->attempt, &range))
		return settle_everywhere(pools, line);
	claim = pools_claim(pools, line->pool, &range, podref_of(line),
			    line->container_id, line->ifname);
	if (line->kind == LEDGER_ATTACHMENT)
		return settle_attachment(pools, line, &claim);
	return settle_address(cluster, line, &claim);
}
