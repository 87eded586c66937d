/*
 * One request for one address, and what its answer makes true: ours, somebody's,
 * or nobody knows.
 */

#include "ipam/store-kube-claim-priv.h"

#include "lib/log.h"

#include <string.h>

#define CLAIM_UNKNOWN 2 /* lost answers, then the server is sick */

/* --- ours ------------------------------------------------------------------------- */

int cluster_saw(struct cluster *cluster, uint64_t version, uint64_t before,
		struct error *err)
{
	uint64_t highest = 0;
	int r;

	if (!version)
		return 0;
	r = ledger_fact(cluster->ledger, CLUSTER_FACT_VERSION, &highest, err);
	if (r >= 0 && version > highest)
		r = ledger_fact_set(cluster->ledger, CLUSTER_FACT_VERSION,
				    version, err);
	if (r < 0)
		return r;
	if (version > before)
		return 0;
	log_warning("the API server answers with resourceVersion %ju after "
		    "%ju: it was restored from a backup",
		    (uintmax_t)version, (uintmax_t)before);
	r = ledger_fact_set(cluster->ledger, CLUSTER_FACT_RESTORED, before,
			    err);
	return r < 0 ? r : 1;
}

static void entry_insert(struct claim *claim, const struct reservation *got)
{
	const size_t at = cluster_entry_place(&claim->entry, claim->set);
	struct ledger_ref *ref = &claim->entry.refs[at];

	claim->entry.record.addresses[at] =
		store_address_of(claim_ranges(claim), &got->address);
	memcpy(ref->uid, got->uid, sizeof(ref->uid));
	memcpy(ref->attempt, got->attempt, sizeof(ref->attempt));
}

static int keep_wanted(struct claim *claim, const struct reservation *got,
		       struct error *err)
{
	struct ledger *ledger = claim->cluster->ledger;
	int r;

	entry_insert(claim, got);
	r = ledger_entry_save(ledger, &claim->key, &claim->entry, err);
	if (r == 0)
		r = ledger_line_del(ledger, claim->line.number, err);
	return r;
}

static int keep_owed(struct claim *claim, const struct reservation *got,
		     struct error *err)
{
	struct ledger_line line = claim->line;

	line.kind = LEDGER_RELEASE;
	memcpy(line.uid, got->uid, sizeof(line.uid));
	return ledger_line_save(claim->cluster->ledger, &line, err);
}

/* Return: 0, CLAIM_NEXT (taken away from us), 1 (restored), or negative */
static int keep_inside(struct claim *claim, const struct reservation *got,
		       struct error *err)
{
	int wanted = cluster_still_wants(claim->cluster, claim->line.number,
					 &claim->key, &claim->self,
					 &claim->entry, err);
	int r;

	if (wanted < 0)
		return wanted;
	r = wanted ? keep_wanted(claim, got, err) : keep_owed(claim, got, err);
	if (r < 0)
		return r;
	r = cluster_saw(claim->cluster, got->version, claim->version, err);
	if (r != 0)
		return r;
	return wanted ? 0 : CLAIM_NEXT;
}

static int keep(struct claim *claim, const struct reservation *got,
		struct error *err)
{
	struct cluster *cluster = claim->cluster;
	int r, kept;

	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	kept = keep_inside(claim, got, err);
	r = cluster_end(cluster, kept < 0 ? kept : 0, err);
	if (r < 0 || kept == 0)
		return r;
	if (kept == CLAIM_NEXT)
		return error_set(err, ERROR_AGAIN, 0,
				 "the reservation was released meanwhile");
	return error_set(err, ERROR_AGAIN, 0,
			 "the API server was restored from a backup; shimctl "
			 "ipam check --repair");
}

/* --- somebody's ------------------------------------------------------------------- */

/* Of a sandbox of this pod, or of this one, that cannot live any more? */
static int is_dead_own(struct claim *claim, const struct reservation *have,
		       struct error *err)
{
	const struct store_attachment *own = claim->wish->attachment;
	struct cluster *cluster = claim->cluster;
	int r;

	if (have->is_host || have->is_going ||
	    strcmp(have->node, cluster->config->node) != 0 ||
	    strcmp(have->ifname, own->ifname) != 0)
		return 0;
	if (strcmp(have->boot_id, cluster->boot_id) == 0)
		/* Of this sandbox: its interface was looked for, and what is
		 * on its way by a living process is pending. */
		return strcmp(have->container_id, own->container_id) == 0 &&
		       strcmp(have->network, own->network) == 0;
	if (!own->pod_name || !*own->pod_name ||
	    strcmp(have->pod_name, own->pod_name) != 0 ||
	    strcmp(have->pod_namespace, own->pod_namespace) != 0)
		return 0;
	r = cluster_prove(cluster, err);
	return r < 0 ? r : r == 0;
}

static int holder_fill(const struct reservation *have, struct store_record *ret,
		       struct error *err)
{
	const struct store_attachment holder = {
		.network = have->network,
		.container_id = have->container_id,
		.ifname = have->is_host ? have->node : have->ifname,
		.pod_namespace = have->pod_namespace,
		.pod_name = have->pod_name,
		.pod_uid = have->pod_uid,
	};

	store_record_clear(ret);
	return store_record_fill(ret, &holder, have->pool, err);
}

static int lost_search(struct claim *claim, const struct inet_addr *addr,
		       struct error *err)
{
	int r = search_lost(&claim->search, inet_addr_to_uint(addr), err);

	return r < 0 ? r : CLAIM_NEXT;
}

/* Worth a look: the pod's own former address, or one that was asked for. */
static int lost_look(struct claim *claim, const struct inet_addr *addr,
		     struct store_record *ret_holder, struct error *err)
{
	struct reservation have;
	char name[RESERVATION_NAME];
	int r;

	reservation_name(claim->wish->config->pool, addr, name);
	r = cluster_get(claim->cluster, name, &have, err);
	if (r < 0)
		return r;
	if (r == CLUSTER_UNKNOWN && !claim_requested(claim)->family)
		return lost_search(claim, addr, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(claim->cluster, err);
	if (r == 0) {
		r = is_dead_own(claim, &have, err);
		if (r < 0)
			return r;
		if (r == 0 && !claim_requested(claim)->family)
			return lost_search(claim, addr, err);
		if (r == 0) {
			r = holder_fill(&have, ret_holder, err);
			return r < 0 ? r : STORE_TAKEN;
		}
		r = cluster_delete(claim->cluster, name, have.uid, err);
		if (r != 0)
			return r < 0 ? r : cluster_unknown(claim->cluster, err);
	}
	claim->again = *addr;
	return CLAIM_NEXT;
}

static int lost(struct claim *claim, const struct inet_addr *addr,
		struct store_record *ret_holder, struct error *err)
{
	claim->done = claim->line.number;
	if (claim_requested(claim)->family || claim->posts == 1)
		return lost_look(claim, addr, ret_holder, err);
	return lost_search(claim, addr, err);
}

/* --- one request ------------------------------------------------------------------ */

static int fill_text(char *to, size_t size, const char *text, const char *what,
		     struct error *err)
{
	size_t len = text ? strlen(text) : 0;

	if (len >= size)
		return error_set(err, ERROR_CONFIG, ENAMETOOLONG,
				 "%s \"%.32s...\"", what, text);
	memcpy(to, text ? text : "", len + 1);
	return 0;
}

#define FILL(want, member, text, what)                                         \
	fill_text((want)->member, sizeof((want)->member), text, what, err)

static int want_fill(const struct claim *claim, const struct inet_addr *addr,
		     struct reservation *want, struct error *err)
{
	const struct store_attachment *who = claim->wish->attachment;
	const struct ipam_config *config = claim->wish->config;

	*want = (struct reservation){ .address = *addr };
	if (FILL(want, pool, config->pool, "pool") < 0 ||
	    FILL(want, node, config->node, "node") < 0 ||
	    FILL(want, boot_id, claim->cluster->boot_id, "boot id") < 0 ||
	    FILL(want, attempt, claim->line.attempt, "attempt") < 0 ||
	    FILL(want, pod_namespace, who->pod_namespace, "namespace") < 0 ||
	    FILL(want, pod_name, who->pod_name, "pod") < 0 ||
	    FILL(want, pod_uid, who->pod_uid, "pod's uid") < 0 ||
	    FILL(want, ifname, who->ifname, "interface") < 0 ||
	    FILL(want, container_id, who->container_id, "container id") < 0 ||
	    FILL(want, network, who->network, "network name") < 0)
		return error_return(err);
	return 0;
}

/* No answer that decides: what does the server have? */
static int resolve(struct claim *claim, const struct inet_addr *addr,
		   struct store_record *ret_holder, struct error *err)
{
	struct reservation have;
	char name[RESERVATION_NAME];
	int r;

	reservation_name(claim->wish->config->pool, addr, name);
	r = cluster_get(claim->cluster, name, &have, err);
	if (r < 0)
		return r;
	if (r == 0 && strcmp(have.attempt, claim->line.attempt) == 0)
		return keep(claim, &have, err);
	if (r == 0)
		return lost(claim, addr, ret_holder, err);
	if (r == CLUSTER_UNKNOWN || ++claim->unknown >= CLAIM_UNKNOWN ||
	    claim_requested(claim)->family)
		return cluster_unknown(claim->cluster, err);
	return lost_search(claim, addr, err);
}

int claim_post(struct claim *claim, const struct inet_addr *addr,
	       struct store_record *ret_holder, struct error *err)
{
	struct reservation want, got;
	int r;

	claim->posts++;
	r = want_fill(claim, addr, &want, err);
	if (r == 0)
		r = cluster_post(claim->cluster, &want, &got, err);
	if (r == 0)
		return keep(claim, &got, err);
	if (r == CLUSTER_TAKEN)
		return lost(claim, addr, ret_holder, err);
	if (r == CLUSTER_UNKNOWN)
		return resolve(claim, addr, ret_holder, err);
	claim->done = claim->line.number;
	return r;
}
