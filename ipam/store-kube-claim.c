/*
 * One address of each set, all or none. For each address:
 *
 *	transaction	the attempt is named, and a line says that it is on its
 *			way, by this process
 *	POST		the server decides who has the address
 *	transaction	the entry has it, by uid, and the line is gone
 *
 * Dead behind the first, there is a line that nobody settles but by asking the
 * server for that attempt; behind the POST the same; behind the second an entry
 * that is pending and whose process is dead. A DEL that comes in between takes
 * the line away from us: the second transaction then finds none, and gives the
 * object back.
 *
 * An answer that is lost is asked for: the object is there with our attempt, or
 * with another one. That it is not there proves nothing, since the server may
 * still be about to make it: the line stays, as owed, and we go on elsewhere.
 */

#include "ipam/search.h"
#include "ipam/store-kube-priv.h"

#include "lib/hash.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define CLAIM_POSTS   96 /* of one set */
#define CLAIM_UNKNOWN 2 /* lost answers, then the server is sick */

enum {
	CLAIM_NEXT = 32, /* not this address */
	CLAIM_DONE = 33, /* all sets have one */
};

struct claim {
	struct cluster *cluster;
	const struct store_wish *wish;
	struct table_key key;
	struct ledger_entry entry; /* as it is in the ledger */
	char *owner;
	struct process self;
	uint64_t version; /* highest that was seen before the request */
	bool has_begun; /* the entry is there */
	bool owes; /* a former one is to be released first */

	/* Of the set that is being claimed. */
	size_t set;
	struct search search;
	bool has_tried_own;
	struct inet_addr again; /* to be tried once more; family 0: none */
	struct ledger_line line; /* of the request on its way */
	uint64_t done; /* number of a line that is settled; 0: none */
	unsigned int posts;
	unsigned int unknown;
};

static void claim_clear(struct claim *claim)
{
	ledger_entry_clear(&claim->entry);
	search_clear(&claim->search);
	free(claim->owner);
}
#define cleanup_claim cleanup(claim_clear)

static const struct ipam_range_set *claim_ranges(const struct claim *claim)
{
	return &claim->wish->config->sets[claim->set];
}

static const struct inet_addr *claim_requested(const struct claim *claim)
{
	return &claim->wish->requested[claim->set];
}

/* As in all stores: pool, then who. */
static uint64_t claim_hash(const struct claim *claim)
{
	const char *pool = claim->wish->config->pool;
	uint64_t hash = hash_add(HASH_INIT, pool, strlen(pool) + 1);

	return hash_add(hash, claim->owner, strlen(claim->owner));
}

static const struct ipam_range *range_of(const struct ipam_range_set *set,
					 const struct inet_addr *addr)
{
	for (size_t i = 0; i < set->count; i++)
		if (range_set_contains(&set->ranges[i].candidates,
				       inet_addr_to_uint(addr)))
			return &set->ranges[i];
	return NULL;
}

static struct store_address claim_address(const struct ipam_range_set *set,
					  const struct inet_addr *addr)
{
	const struct ipam_range *range = range_of(set, addr);

	if (!range)
		range = ipam_range_set_find(set, addr);
	return (struct store_address){
		.address = { *addr, range->range.network.len },
		.gateway = range->gateway,
	};
}

/* --- the entry ----------------------------------------------------------------------- */

/* Does what a dead ADD of the same attachment had serve this one? */
static bool former_fits(const struct claim *claim)
{
	const struct store_wish *wish = claim->wish;
	const struct store_record *record = &claim->entry.record;

	if (record->n_addresses != wish->config->n_sets ||
	    strcmp(record->pool, wish->config->pool) != 0)
		return false;
	for (size_t i = 0; i < record->n_addresses; i++) {
		const struct inet_addr *have =
			&record->addresses[i].address.addr;
		const struct inet_addr *want = &wish->requested[i];
		const struct ipam_range_set *set = &wish->config->sets[i];

		if (claim->entry.refs[i].set != i ||
		    !*claim->entry.refs[i].uid || have->family != set->family ||
		    (want->family ? !inet_addr_equal(have, want)
				  : !range_of(set, have)))
			return false;
	}
	return true;
}

static int entry_fill(struct claim *claim, struct error *err)
{
	struct store_record *record = &claim->entry.record;
	int r;

	r = store_record_fill(record, claim->wish->attachment,
			      claim->wish->config->pool, err);
	if (r < 0)
		return r;
	record->state = STORE_STATE_PENDING;
	record->since_ms = file_boottime_ms();
	record->dead_ms = 0;
	record->process = claim->self;
	return 0;
}

/* The same sandbox, so the objects are right as they are. */
static int former_adopt(struct claim *claim, struct error *err)
{
	struct store_record *record = &claim->entry.record;

	for (size_t i = 0; i < record->n_addresses; i++)
		record->addresses[i] =
			claim_address(&claim->wish->config->sets[i],
				      &record->addresses[i].address.addr);
	return entry_fill(claim, err);
}

/* What an earlier ADD of the attachment left. */
static int former_look(struct claim *claim, struct error *err)
{
	struct cluster *cluster = claim->cluster;
	int r;

	r = ledger_entry_load(cluster->ledger, &claim->key, &claim->entry, err);
	if (r == STORE_ABSENT)
		return entry_fill(claim, err);
	if (r < 0)
		return r;
	if (claim->entry.record.state == STORE_STATE_LIVE)
		return STORE_LIVE;
	r = store_record_is_in_progress(&claim->entry.record, err);
	if (r != 0)
		return r < 0 ? r : STORE_PENDING;
	if (former_fits(claim))
		return former_adopt(claim, err);
	r = cluster_owe(cluster, &claim->key, &claim->entry, 0, err);
	if (r < 0)
		return r;
	ledger_entry_clear(&claim->entry);
	claim->owes = true;
	return entry_fill(claim, err);
}

static int check_restored(struct cluster *cluster, struct error *err)
{
	uint64_t seen;
	int r = ledger_fact(cluster->ledger, CLUSTER_FACT_RESTORED, &seen, err);

	if (r != 0)
		return r < 0 ? r : 0;
	return error_set(
		err, ERROR_AGAIN, 0,
		"the API server knows less than it did: it was restored from a backup, and may give this node's addresses away; shimctl ipam check --repair");
}

static int entry_begin(struct claim *claim, struct error *err)
{
	struct cluster *cluster = claim->cluster;
	int r;

	r = check_restored(cluster, err);
	if (r < 0)
		return r;
	r = former_look(claim, err);
	if (r != 0)
		return r;
	r = cluster_cancel(cluster, claim->wish->attachment, err);
	if (r < 0)
		return r;
	return ledger_entry_save(cluster->ledger, &claim->key, &claim->entry,
				 err);
}

/* --- which address ------------------------------------------------------------------- */

/* Held by this node, or resting: asking for it would be for nothing. */
static int claim_skip(void *arg, inet_uint value, struct error *err)
{
	const struct claim *claim = arg;
	const struct inet_addr addr =
		inet_addr_from_uint(claim_ranges(claim)->family, value);
	int r = ledger_look(claim->cluster->ledger, claim->wish->config->pool,
			    &addr, claim->owner, NULL, err);

	return r < 0 ? r : r != LEDGER_FREE;
}

/* One that rests, a candidate, and was not tried: the own one, or the one that
 * has rested longest. Return: 0, STORE_ABSENT, or negative */
static int choose_resting(const struct claim *claim, bool own,
			  struct inet_addr *ret, struct error *err)
{
	const struct ipam_range_set *set = claim_ranges(claim);
	const uint64_t owner = ledger_owner(claim->owner);
	uint64_t best = UINT64_MAX;
	inet_uint from = 0;

	for (;;) {
		struct ledger_rest rest;
		int r;

		r = ledger_rest_next(claim->cluster->ledger,
				     claim->wish->config->pool, set->family,
				     from, &rest, err);
		if (r < 0)
			return r;
		if (r == STORE_ABSENT)
			return best == UINT64_MAX ? STORE_ABSENT : 0;
		from = inet_addr_to_uint(&rest.addr) + 1;
		if ((own && rest.owner != owner) || rest.until_ms >= best ||
		    !range_of(set, &rest.addr) ||
		    range_set_contains(&claim->search.taken, from - 1))
			continue;
		best = rest.until_ms;
		*ret = rest.addr;
		if (from == 0)
			return 0;
	}
}

static int choose_requested(struct claim *claim, struct inet_addr *ret,
			    struct store_record *ret_holder, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry holder = { 0 };
	struct table_key key;
	int r;

	*ret = *claim_requested(claim);
	r = ledger_look(claim->cluster->ledger, claim->wish->config->pool, ret,
			claim->owner, &key, err);
	if (r != LEDGER_HELD)
		return r < 0 ? r : 0;
	r = ledger_entry_load(claim->cluster->ledger, &key, &holder, err);
	if (r == STORE_ABSENT)
		return table_damaged(ledger_table(claim->cluster->ledger), err,
				     "an address in use has no attachment");
	if (r < 0)
		return r;
	*ret_holder = holder.record;
	holder.record = (struct store_record){ 0 };
	return STORE_TAKEN;
}

static int choose_free(struct claim *claim, struct inet_addr *ret,
		       struct error *err)
{
	const uint8_t family = claim_ranges(claim)->family;
	inet_uint value;
	int r;

	if (!claim->has_tried_own) {
		claim->has_tried_own = true;
		r = choose_resting(claim, true, ret, err);
		if (r != STORE_ABSENT)
			return r;
	}
	r = search_next(&claim->search, claim_skip, claim, &value, err);
	if (r == 0)
		*ret = inet_addr_from_uint(family, value);
	if (r != SEARCH_NONE)
		return r;
	r = choose_resting(claim, false, ret, err);
	return r == STORE_ABSENT ? STORE_EXHAUSTED : r;
}

/* Return: 0, SEARCH_BLOCKS, SEARCH_ALL, STORE_EXHAUSTED, STORE_TAKEN, or
 * negative */
static int choose(struct claim *claim, struct inet_addr *ret,
		  struct store_record *ret_holder, struct error *err)
{
	if (claim->again.family) {
		*ret = claim->again;
		claim->again.family = 0;
		return 0;
	}
	if (claim_requested(claim)->family)
		return choose_requested(claim, ret, ret_holder, err);
	return choose_free(claim, ret, err);
}

/* --- lines ---------------------------------------------------------------------------- */

static void line_fill(const struct claim *claim, const struct inet_addr *addr,
		      struct ledger_line *line)
{
	const struct store_attachment *attachment = claim->wish->attachment;

	*line = (struct ledger_line){
		.kind = LEDGER_POST,
		.addr = *addr,
	};
	snprintf(line->pool, sizeof(line->pool), "%s",
		 claim->wish->config->pool);
	snprintf(line->network, sizeof(line->network), "%s",
		 attachment->network);
	snprintf(line->container_id, sizeof(line->container_id), "%s",
		 attachment->container_id);
	snprintf(line->ifname, sizeof(line->ifname), "%s", attachment->ifname);
}

static int line_begin(struct claim *claim, const struct inet_addr *addr,
		      struct error *err)
{
	struct ledger *ledger = claim->cluster->ledger;
	int r;

	line_fill(claim, addr, &claim->line);
	r = ledger_attempt(ledger, claim->line.attempt, err);
	if (r == 0)
		r = ledger_line_add(ledger, &claim->line, err);
	if (r < 0)
		return r;
	claim->version = 0;
	r = ledger_fact(ledger, CLUSTER_FACT_VERSION, &claim->version, err);
	return r < 0 ? r : 0;
}

/* What became of the last line is written together with the next. One whose
 * answer was lost stays, as its process is dead soon. */
static int line_end(struct claim *claim, struct error *err)
{
	uint64_t number = claim->done;

	claim->done = 0;
	return number ? ledger_line_del(claim->cluster->ledger, number, err)
		      : 0;
}

/* --- what is told before a request -------------------------------------------------- */

static bool claim_is_complete(const struct claim *claim)
{
	return claim->entry.record.n_addresses == claim->wish->config->n_sets;
}

static int step_choose(struct claim *claim, struct inet_addr *ret,
		       struct store_record *ret_holder, struct error *err)
{
	int r;

	if (claim_is_complete(claim))
		return CLAIM_DONE;
	if (claim->owes)
		return CLAIM_NEXT;
	r = choose(claim, ret, ret_holder, err);
	return r == 0 ? line_begin(claim, ret, err) : r;
}

static int step_begin(struct claim *claim, struct error *err)
{
	return claim->has_begun ? line_end(claim, err)
				: entry_begin(claim, err);
}

/* Outcomes of choosing are outcomes of a transaction that is committed. */
static int step(struct claim *claim, struct inet_addr *ret,
		struct store_record *ret_holder, struct error *err)
{
	struct cluster *cluster = claim->cluster;
	int r, chosen;

	r = cluster_begin(cluster, true, err);
	if (r != 0)
		return r;
	r = step_begin(claim, err);
	if (r != 0)
		return cluster_end(cluster, r, err);
	chosen = step_choose(claim, ret, ret_holder, err);
	r = cluster_end(cluster, chosen < 0 ? chosen : 0, err);
	if (r < 0)
		return r;
	claim->has_begun = true;
	return chosen;
}

/* --- what is told behind it ------------------------------------------------------------- */

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

/* In the order of the sets, whichever was claimed first. */
static void entry_insert(struct claim *claim, const struct reservation *got)
{
	struct store_record *record = &claim->entry.record;
	struct ledger_ref *refs = claim->entry.refs;
	size_t at = record->n_addresses++;

	for (; at > 0 && refs[at - 1].set > claim->set; at--) {
		refs[at] = refs[at - 1];
		record->addresses[at] = record->addresses[at - 1];
	}
	record->addresses[at] = claim_address(claim_ranges(claim),
					      &got->address);
	refs[at] = (struct ledger_ref){ .set = (uint8_t)claim->set };
	memcpy(refs[at].uid, got->uid, sizeof(refs[at].uid));
	memcpy(refs[at].attempt, got->attempt, sizeof(refs[at].attempt));
}

/* Is the line still ours, and the entry too? A DEL takes both. */
static int is_still_wanted(struct claim *claim, struct error *err)
{
	const struct process *process = &claim->entry.record.process;
	struct ledger *ledger = claim->cluster->ledger;
	struct ledger_line line;
	int r;

	r = ledger_line_load(ledger, claim->line.number, &line, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (line.kind != LEDGER_POST)
		return 0;
	ledger_entry_clear(&claim->entry);
	r = ledger_entry_load(ledger, &claim->key, &claim->entry, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return claim->entry.record.state == STORE_STATE_PENDING &&
	       process->pid == claim->self.pid &&
	       process->start == claim->self.start &&
	       process->ns == claim->self.ns;
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
	int wanted = is_still_wanted(claim, err);
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

/* --- somebody has it ------------------------------------------------------------------- */

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

/* --- one request ------------------------------------------------------------------------ */

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

static int attempt(struct claim *claim, const struct inet_addr *addr,
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

/* --- lists -------------------------------------------------------------------------------- */

static void select_blocks(const struct claim *claim, char *ret, size_t size)
{
	const struct search *search = &claim->search;
	size_t len;

	len = (size_t)snprintf(ret, size, "%s=%s,%s in (",
			       RESERVATION_LABEL_POOL,
			       claim->wish->config->pool,
			       RESERVATION_LABEL_BLOCK);
	for (size_t i = 0; i < search->n_blocks; i++) {
		char text[RESERVATION_LABEL];

		reservation_block(&search->blocks[i].addr, text);
		len += (size_t)snprintf(ret + len, size - len, "%s%s",
					i ? "," : "", text);
	}
	snprintf(ret + len, size - len, ")");
}

static int list_taken(struct claim *claim, bool all, struct error *err)
{
	cleanup_range_set struct range_set taken = { 0 };
	char selector[512];
	int r;

	if (all)
		snprintf(selector, sizeof(selector), "%s=%s",
			 RESERVATION_LABEL_POOL, claim->wish->config->pool);
	else
		select_blocks(claim, selector, sizeof(selector));
	r = cluster_list_taken(claim->cluster, selector,
			       claim_ranges(claim)->family, &taken, err);
	return r < 0 ? r : search_listed(&claim->search, &taken, err);
}

/* --- all sets ------------------------------------------------------------------------------ */

/* Before anything is chosen, what the former ADD had is given back. */
static int claim_settle(struct claim *claim)
{
	claim->owes = false;
	cluster_settle(claim->cluster, claim->wish->attachment);
	return CLAIM_NEXT;
}

static int claim_next(struct claim *claim, struct store_record *ret_holder,
		      struct error *err)
{
	struct inet_addr addr;
	int r = step(claim, &addr, ret_holder, err);

	switch (r) {
	case 0:
		return attempt(claim, &addr, ret_holder, err);
	case SEARCH_BLOCKS:
	case SEARCH_ALL:
		r = list_taken(claim, r == SEARCH_ALL, err);
		return r < 0 ? r : CLAIM_NEXT;
	case CLAIM_NEXT:
		return claim_settle(claim);
	default:
		return r;
	}
}

static int claim_set(struct claim *claim, struct store_record *ret_holder,
		     struct error *err)
{
	const struct ipam_config *config = claim->wish->config;
	int r;

	search_clear(&claim->search);
	search_init(&claim->search, claim_ranges(claim), config->order,
		    claim_hash(claim));
	claim->has_tried_own = false;
	claim->posts = 0;
	while (claim->posts < CLAIM_POSTS) {
		r = claim_next(claim, ret_holder, err);
		if (r != CLAIM_NEXT)
			return r;
	}
	return error_set(err, ERROR_AGAIN, 0,
			 "%u addresses in turn were taken by others in that "
			 "moment",
			 claim->posts);
}

/* What was asked for goes first: no other set may choose it meanwhile. */
static int claim_sets(struct claim *claim, struct store_record *ret_holder,
		      struct error *err)
{
	const struct store_wish *wish = claim->wish;
	int r = 0;

	for (int asked = 1; asked >= 0; asked--)
		for (size_t i = 0; i < wish->config->n_sets; i++) {
			if ((wish->requested[i].family != 0) != asked)
				continue;
			claim->set = i;
			r = claim_set(claim, ret_holder, err);
			if (r != 0)
				return r;
		}
	return 0;
}

/* There is always a first step, which finds out who is here already. */
static int claim_none(struct claim *claim, struct store_record *ret_holder,
		      struct error *err)
{
	struct inet_addr none;

	return step(claim, &none, ret_holder, err);
}

static int undo_inside(struct claim *claim, struct error *err)
{
	struct ledger *ledger = claim->cluster->ledger;
	const struct process *process = &claim->entry.record.process;
	int r = line_end(claim, err);

	if (r < 0)
		return r;
	ledger_entry_clear(&claim->entry);
	r = ledger_entry_load(ledger, &claim->key, &claim->entry, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (process->pid != claim->self.pid ||
	    process->start != claim->self.start)
		return 0;
	r = cluster_owe(claim->cluster, &claim->key, &claim->entry, 0, err);
	if (r == 0)
		r = cluster_cancel(claim->cluster, claim->wish->attachment,
				   err);
	return r < 0 ? r : 0;
}

/* All or none. What cannot be given back now is owed. */
static void claim_undo(struct claim *claim)
{
	struct cluster *cluster = claim->cluster;
	struct error err = { 0 };
	int r;

	if (!claim->has_begun)
		return;
	r = cluster_begin(cluster, true, &err);
	if (r == 0)
		r = cluster_end(cluster, undo_inside(claim, &err), &err);
	if (r < 0)
		log_warning("undo a reservation: %s", err.details);
	cluster_settle(cluster, claim->wish->attachment);
}

static int claim_all(struct claim *claim, struct store_record *ret,
		     size_t *ret_set, struct error *err)
{
	int r;

	r = claim->wish->config->n_sets ? claim_sets(claim, ret, err)
					: claim_none(claim, ret, err);
	*ret_set = claim->set;
	if (r == STORE_LIVE || r == STORE_PENDING) {
		store_record_clear(ret);
		*ret = claim->entry.record;
		claim->entry.record = (struct store_record){ 0 };
		return r;
	}
	if (r != 0 && r != CLAIM_DONE) {
		claim_undo(claim);
		return r;
	}
	*ret = claim->entry.record;
	claim->entry.record = (struct store_record){ 0 };
	return 0;
}

static int claim_run(struct cluster *cluster, const struct store_wish *wish,
		     struct store_record *ret, size_t *ret_set,
		     struct error *err)
{
	const struct store_attachment *attachment = wish->attachment;
	cleanup_claim struct claim claim = {
		.cluster = cluster,
		.wish = wish,
	};
	int r;

	r = ledger_key(attachment, &claim.key, err);
	if (r == 0)
		r = process_self(&claim.self, err);
	if (r == 0)
		r = store_owner(attachment->pod_namespace, attachment->pod_name,
				attachment->container_id, attachment->ifname,
				&claim.owner, err);
	return r < 0 ? r : claim_all(&claim, ret, ret_set, err);
}

/* What a former boot left makes room, once in a boot. */
static int reserve_or_sweep(struct cluster *cluster,
			    const struct store_wish *wish,
			    struct store_record *ret, size_t *ret_set,
			    struct error *err)
{
	int r, swept;

	r = cluster_introduce(cluster, err);
	if (r < 0)
		return r;
	r = claim_run(cluster, wish, ret, ret_set, err);
	if (r != STORE_EXHAUSTED && r != STORE_TAKEN)
		return r;
	swept = cluster_sweep(cluster, err);
	if (swept <= 0)
		return swept < 0 ? swept : r;
	store_record_clear(ret);
	return claim_run(cluster, wish, ret, ret_set, err);
}

int cluster_reserve(struct store *store, const struct store_wish *wish,
		    struct store_record *ret, size_t *ret_set,
		    struct error *err)
{
	struct cluster *cluster = cluster_of(store);
	int r;

	cluster->is_patient = true;
	r = reserve_or_sweep(cluster, wish, ret, ret_set, err);
	cluster->is_patient = false;
	return r;
}
