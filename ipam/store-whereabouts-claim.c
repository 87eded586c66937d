/*
 * One address of each set, all or none. Before anything, a transaction writes
 * the entry, pending, of this process. Then for each address:
 *
 *	GET pool	what is taken in it, and this node's turn to change it
 *	transaction	which one, and a line that says that it is on its way
 *	PATCH, POST	whereabouts-claim.c
 *	transaction	the entry has it, and the line is gone
 *
 * Which one: what the pool says is this pod's interface's already, whatever
 * container had it (Whereabouts' way of giving a pod its address again); else the
 * lowest that is free in the pool, and does not rest. Where others were faster
 * several times, one of the lowest few, since all look for the same.
 *
 * Dead behind the first transaction of an address, there is a line that whoever
 * comes next settles; the pool has the container's id, and a release of it that
 * finds nothing is none. Dead behind the second, the entry has it, pending, of a
 * dead process: a repeated ADD of the same attachment looks if the pool still says
 * so. A DEL in between takes the line from us, and the second transaction finds
 * that out.
 */

#include "ipam/search.h"
#include "ipam/store-whereabouts-priv.h"

#include "lib/hash.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define CLAIM_TRIES  48 /* of one set */
#define CLAIM_SPREAD 6 /* doublings of how many of the lowest, squared */

enum {
	CLAIM_NEXT = 32, /* not this address */
};

enum pass {
	PASS_FREE, /* what is free, and does not rest */
	PASS_RESTING, /* what has rested longest */
	PASSES
};

struct claim {
	struct pools *pools;
	struct cluster *cluster;
	const struct store_wish *wish;
	struct table_key key;
	struct ledger_entry entry; /* as it is in the ledger */
	char *owner;
	char podref[WHEREABOUTS_PODREF];
	struct process self;
	struct pools_owed owed; /* its own, still being released */
	bool has_begun; /* the entry is there */
	bool owes; /* a former one is to be released first */

	/* Of the set that is being claimed. */
	size_t set;
	size_t range;
	struct whereabouts_claim want;
	struct whereabouts_view view;
	struct range_set elsewhere; /* taken in other pools that overlap */
	bool has_listed; /* all that is */
	struct ledger_line line; /* of the request on its way */
	struct inet_addr addr;
	const struct whereabouts_allocation *have; /* to be adopted, or NULL */
	unsigned int conflicts;
	unsigned int spread; /* free ones that are left out */
};

static void claim_clear(struct claim *claim)
{
	ledger_entry_clear(&claim->entry);
	whereabouts_view_clear(&claim->view);
	range_set_clear(&claim->elsewhere);
	free(claim->owner);
}
#define cleanup_claim cleanup(claim_clear)

static const struct ipam_range_set *claim_set(const struct claim *claim)
{
	return &claim->wish->config->sets[claim->set];
}

static const struct ipam_range *claim_range(const struct claim *claim)
{
	return &claim_set(claim)->ranges[claim->range];
}

static const struct inet_addr *claim_requested(const struct claim *claim)
{
	return &claim->wish->requested[claim->set];
}

static bool is_candidate(const struct ipam_range_set *set,
			 const struct inet_addr *addr)
{
	for (size_t i = 0; i < set->count; i++)
		if (range_set_contains(&set->ranges[i].candidates,
				       inet_addr_to_uint(addr)))
			return true;
	return false;
}

/* --- the entry ---------------------------------------------------------------------- */

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
		    have->family != set->family ||
		    (want->family ? !inet_addr_equal(have, want)
				  : !is_candidate(set, have)))
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

/* What an earlier ADD of the attachment left. Where it fits it stays, until the
 * pool has been asked. */
static int former_look(struct claim *claim, struct error *err)
{
	struct cluster *cluster = claim->cluster;
	int r = cluster_former(cluster, &claim->key, &claim->entry, err);

	if (r == STORE_ABSENT)
		return entry_fill(claim, err);
	if (r != 0)
		return r;
	if (former_fits(claim))
		return entry_fill(claim, err);
	r = cluster_owe(cluster, &claim->key, &claim->entry, 0, err);
	if (r < 0)
		return r;
	ledger_entry_clear(&claim->entry);
	claim->owes = true;
	return entry_fill(claim, err);
}

static int begin_inside(struct claim *claim, struct error *err)
{
	int r = former_look(claim, err);

	if (r != 0)
		return r;
	r = cluster_cancel(claim->cluster, claim->wish->attachment, err);
	if (r < 0)
		return r;
	claim->owes = claim->owes || r > 0;
	return ledger_entry_save(claim->cluster->ledger, &claim->key,
				 &claim->entry, err);
}

/* Return: 0, STORE_LIVE, STORE_PENDING, STORE_BUSY, or negative */
static int claim_begin(struct claim *claim, struct error *err)
{
	struct pools *pools = claim->pools;
	int r = cluster_begin(claim->cluster, true, err);

	if (r != 0)
		return r;
	r = cluster_end(claim->cluster, begin_inside(claim, err), err);
	if (r != 0)
		return r;
	claim->has_begun = true;
	if (claim->owes)
		cluster_settle(claim->cluster, claim->wish->attachment);
	if (claim->owes || table_exists(ledger_table(pools->journal)))
		r = pools_owed(pools, claim->wish->attachment, &claim->owed,
			       err);
	return r;
}

/* --- what is this pod's already -------------------------------------------------------- */

static bool is_owed(const struct claim *claim, const struct inet_addr *addr)
{
	for (size_t i = 0; i < claim->owed.count; i++)
		if (inet_addr_equal(&claim->owed.addrs[i], addr))
			return true;
	return false;
}

static bool is_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool is_own(const struct claim *claim,
		   const struct whereabouts_holder *have)
{
	return is_text(have->id, claim->want.holder.id) &&
	       is_text(have->ifname, claim->want.holder.ifname) &&
	       is_text(have->podref, claim->podref);
}

static bool is_own_pod(const struct claim *claim,
		       const struct whereabouts_holder *have)
{
	return *claim->podref && is_text(have->podref, claim->podref) &&
	       is_text(have->ifname, claim->want.holder.ifname);
}

static bool is_own_key(const struct claim *claim, const struct table_key *key)
{
	return key->len == claim->key.len &&
	       memcmp(key->bytes, claim->key.bytes, key->len) == 0;
}

/* The set that an address of the own entry was reserved for. */
static bool is_of_set(const struct claim *claim, const struct inet_addr *addr)
{
	const struct store_record *record = &claim->entry.record;

	for (size_t i = 0; i < record->n_addresses; i++)
		if (inet_addr_equal(&record->addresses[i].address.addr, addr))
			return claim->entry.refs[i].set == claim->set;
	return false;
}

/* Held by another attachment of this node: may it be taken from that? It may,
 * from an earlier container of the pod whose DEL never came. */
static int is_inheritable(struct claim *claim, const struct table_key *key,
			  const struct whereabouts_holder *have,
			  struct error *err)
{
	const struct store_attachment *own = claim->wish->attachment;
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	int r = ledger_entry_load(claim->cluster->ledger, key, &entry, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (!is_text(entry.record.container_id, have->id) ||
	    is_text(entry.record.container_id, own->container_id) ||
	    !is_text(entry.record.ifname, own->ifname) ||
	    !is_text(entry.record.network, own->network))
		return 0;
	r = store_record_is_in_progress(&entry.record, err);
	return r < 0 ? r : r == 0;
}

static int is_adoptable(struct claim *claim,
			const struct whereabouts_allocation *have,
			struct error *err)
{
	const struct ipam_config *config = claim->wish->config;
	const struct inet_addr *want = claim_requested(claim);
	const struct inet_addr *addr = &have->addr;
	struct table_key holder;
	int r;

	if (!addr->family || (want->family && !inet_addr_equal(want, addr)) ||
	    !(is_own(claim, &have->holder) ||
	      is_own_pod(claim, &have->holder)) ||
	    !inet_prefix_contains(&claim_range(claim)->range.network, addr) ||
	    range_set_contains(&config->reserved[addr->family != AF_INET],
			       inet_addr_to_uint(addr)) ||
	    (is_own(claim, &have->holder) && is_owed(claim, addr)))
		return 0;
	r = ledger_look(claim->cluster->ledger, config->pool, addr,
			claim->owner, &holder, err);
	if (r != LEDGER_HELD)
		return r < 0 ? r : r == LEDGER_FREE;
	return is_own_key(claim, &holder)
		       ? is_of_set(claim, addr)
		       : is_inheritable(claim, &holder, &have->holder, err);
}

/* Return: 0, STORE_ABSENT, or negative */
static int choose_own(struct claim *claim, struct error *err)
{
	claim->have = NULL;
	for (size_t i = 0; i < claim->view.pool.count; i++) {
		const struct whereabouts_allocation *have =
			&claim->view.pool.items[i];
		int r = is_adoptable(claim, have, err);

		if (r < 0)
			return r;
		/* Its own container's is surer than its pod's. */
		if (r > 0 && (!claim->have || is_own(claim, &have->holder)))
			claim->have = have;
	}
	if (!claim->have)
		return STORE_ABSENT;
	claim->addr = claim->have->addr;
	return 0;
}

/* --- what is free ------------------------------------------------------------------------ */

/* Held by this node, resting, owed, or left to others. */
static int claim_skip(void *arg, inet_uint value, struct error *err)
{
	struct claim *claim = arg;
	const struct inet_addr addr =
		inet_addr_from_uint(claim_set(claim)->family, value);
	int r = ledger_look(claim->cluster->ledger, claim->wish->config->pool,
			    &addr, claim->owner, NULL, err);

	if (r != LEDGER_FREE)
		return r < 0 ? r : 1;
	if (is_owed(claim, &addr))
		return 1;
	if (claim->spread == 0)
		return 0;
	claim->spread--;
	return 1;
}

static bool is_taken(const struct claim *claim, inet_uint value)
{
	return range_set_contains(&claim->view.pool.taken, value) ||
	       range_set_contains(&claim->elsewhere, value);
}

static uint64_t claim_hash(const struct claim *claim)
{
	const char *pool = claim->wish->config->pool;
	uint64_t hash = hash_add(HASH_INIT, pool, strlen(pool) + 1);

	return hash_add(hash, claim->owner, strlen(claim->owner));
}

static int search_fill(const struct claim *claim, struct search *search,
		       struct error *err)
{
	const struct range_set *sets[] = { &claim->view.pool.taken,
					   &claim->elsewhere };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		for (size_t j = 0; j < sets[i]->count && r == 0; j++)
			r = range_set_add(&search->taken,
					  sets[i]->items[j].first,
					  sets[i]->items[j].last, err);
	/* All that is taken is known: there is nothing to ask for. */
	search->stage = SEARCH_STAGE_ALL;
	search->has_listed = true;
	return r;
}

static int search_free(struct claim *claim, struct error *err)
{
	const struct ipam_range_set one = {
		.family = claim_set(claim)->family,
		.ranges = &claim_set(claim)->ranges[claim->range],
		.count = 1,
	};
	cleanup_search struct search search;
	inet_uint value;
	int r;

	search_init(&search, &one, claim->wish->config->order,
		    claim_hash(claim));
	r = search_fill(claim, &search, err);
	if (r == 0)
		r = search_next(&search, claim_skip, claim, &value, err);
	if (r == 0)
		claim->addr = inet_addr_from_uint(one.family, value);
	return r > 0 ? STORE_ABSENT : r;
}

/* Everybody looks for the lowest: who has lost looks further. */
static unsigned int spread_of(unsigned int conflicts)
{
	unsigned int doublings = conflicts < CLAIM_SPREAD ? conflicts
							  : CLAIM_SPREAD;
	uint32_t random = 0;

	if (conflicts == 0 ||
	    getrandom(&random, sizeof(random), 0) != sizeof(random))
		return 0;
	return random % (1u << doublings);
}

static int choose_free(struct claim *claim, struct error *err)
{
	int r;

	claim->spread = spread_of(claim->conflicts);
	r = search_free(claim, err);
	if (r != STORE_ABSENT)
		return r;
	claim->spread = 0;
	return search_free(claim, err);
}

/* The one that has rested longest. */
static int choose_resting(struct claim *claim, struct error *err)
{
	const struct range_set *candidates = &claim_range(claim)->candidates;
	uint64_t best = UINT64_MAX;
	inet_uint from = 0;

	for (;;) {
		struct ledger_rest rest;
		int r;

		r = ledger_rest_next(claim->cluster->ledger,
				     claim->wish->config->pool,
				     claim_set(claim)->family, from, &rest,
				     err);
		if (r < 0)
			return r;
		if (r == STORE_ABSENT)
			return best == UINT64_MAX ? STORE_ABSENT : 0;
		from = inet_addr_to_uint(&rest.addr);
		if (rest.until_ms < best && !is_taken(claim, from) &&
		    range_set_contains(candidates, from) &&
		    !is_owed(claim, &rest.addr)) {
			best = rest.until_ms;
			claim->addr = rest.addr;
		}
		if (++from == 0)
			return best == UINT64_MAX ? STORE_ABSENT : 0;
	}
}

/* --- what is asked for -------------------------------------------------------------------- */

static int choose_requested(struct claim *claim,
			    struct store_record *ret_holder, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry holder = { 0 };
	struct table_key key;
	int r;

	claim->addr = *claim_requested(claim);
	if (is_owed(claim, &claim->addr))
		return error_set(err, ERROR_AGAIN, 0,
				 "the requested address is still being "
				 "released");
	r = ledger_look(claim->cluster->ledger, claim->wish->config->pool,
			&claim->addr, claim->owner, &key, err);
	if (r != LEDGER_HELD || is_own_key(claim, &key))
		return r < 0 ? r : 0;
	r = ledger_entry_load(claim->cluster->ledger, &key, &holder, err);
	if (r == STORE_ABSENT)
		return table_damaged(ledger_table(claim->cluster->ledger), err,
				     "an address in use has no attachment");
	if (r < 0)
		return r;
	store_record_clear(ret_holder);
	*ret_holder = holder.record;
	holder.record = (struct store_record){ 0 };
	return STORE_TAKEN;
}

/* Return: 0, STORE_ABSENT (nothing in this range, in this pass), STORE_TAKEN, or
 * negative */
static int choose(struct claim *claim, enum pass pass,
		  struct store_record *ret_holder, struct error *err)
{
	int r = choose_own(claim, err);

	if (r != STORE_ABSENT)
		return r;
	if (claim_requested(claim)->family)
		return choose_requested(claim, ret_holder, err);
	return pass == PASS_FREE ? choose_free(claim, err)
				 : choose_resting(claim, err);
}

/* --- lines ---------------------------------------------------------------------------------- */

static int line_begin(struct claim *claim, struct error *err)
{
	const struct store_attachment *attachment = claim->wish->attachment;
	struct ledger_line *line = &claim->line;

	*line = (struct ledger_line){
		.kind = LEDGER_POST,
		.addr = claim->addr,
	};
	snprintf(line->pool, sizeof(line->pool), "%s",
		 claim->wish->config->pool);
	snprintf(line->network, sizeof(line->network), "%s",
		 attachment->network);
	snprintf(line->container_id, sizeof(line->container_id), "%s",
		 attachment->container_id);
	snprintf(line->ifname, sizeof(line->ifname), "%s", attachment->ifname);
	whereabouts_range(&claim->want.range, line->attempt);
	return ledger_line_add(claim->cluster->ledger, line, err);
}

static int begin_request(struct claim *claim, enum pass pass,
			 struct store_record *ret_holder, struct error *err)
{
	int r, chosen;

	r = cluster_begin(claim->cluster, true, err);
	if (r != 0)
		return r;
	chosen = choose(claim, pass, ret_holder, err);
	r = chosen == 0 ? line_begin(claim, err) : chosen;
	return cluster_end(claim->cluster, r, err);
}

/* It was not given: nothing is owed, or what may have been. */
static int end_request(struct claim *claim, bool is_held, struct error *err)
{
	struct ledger *ledger = claim->cluster->ledger;
	struct ledger_line line;
	int r = cluster_begin(claim->cluster, true, err);

	if (r != 0)
		return r;
	r = ledger_line_load(ledger, claim->line.number, &line, err);
	if (r == 0 && is_held) {
		line.kind = LEDGER_UNKNOWN;
		r = ledger_line_save(ledger, &line, err);
	} else if (r == 0) {
		r = ledger_line_del(ledger, line.number, err);
	}
	return cluster_end(claim->cluster, r == STORE_ABSENT ? 0 : r, err);
}

/* --- what is told behind it ------------------------------------------------------------------- */

static struct store_address claim_address(const struct claim *claim)
{
	const struct ipam_range *range = claim_range(claim);

	return (struct store_address){
		.address = { claim->addr, range->range.network.len },
		.gateway = range->gateway,
	};
}

/* In the order of the sets, whichever was claimed first; in place of what a
 * former ADD had. */
static size_t entry_place(struct claim *claim)
{
	struct store_record *record = &claim->entry.record;
	struct ledger_ref *refs = claim->entry.refs;
	size_t at;

	for (at = 0; at < record->n_addresses; at++)
		if (refs[at].set == claim->set)
			return at;
	record->n_addresses++;
	for (; at > 0 && refs[at - 1].set > claim->set; at--) {
		refs[at] = refs[at - 1];
		record->addresses[at] = record->addresses[at - 1];
	}
	record->addresses[at] = (struct store_address){ 0 };
	return at;
}

static int entry_insert(struct claim *claim, const struct whereabouts_got *got,
			struct error *err)
{
	struct store_record *record = &claim->entry.record;
	const size_t at = entry_place(claim);
	struct ledger_ref *ref = &claim->entry.refs[at];
	const struct inet_addr *former = &record->addresses[at].address.addr;
	int r = 0;

	if (former->family && !inet_addr_equal(former, &claim->addr))
		r = ledger_unhold(claim->cluster->ledger, record->pool, former,
				  err);
	record->addresses[at] = claim_address(claim);
	*ref = (struct ledger_ref){ .set = (uint8_t)claim->set };
	snprintf(ref->uid, sizeof(ref->uid), "%s",
		 *got->uid ? got->uid : POOLS_NO_OVERLAP);
	whereabouts_range(&claim->want.range, ref->attempt);
	return r;
}

static void entry_remove(struct ledger_entry *entry,
			 const struct inet_addr *addr)
{
	struct store_record *record = &entry->record;
	size_t kept = 0;

	for (size_t i = 0; i < record->n_addresses; i++) {
		if (inet_addr_equal(&record->addresses[i].address.addr, addr))
			continue;
		record->addresses[kept] = record->addresses[i];
		entry->refs[kept++] = entry->refs[i];
	}
	record->n_addresses = kept;
}

/* What an earlier container of the pod had is not its any more. */
static int take_over(struct claim *claim, struct error *err)
{
	struct ledger *ledger = claim->cluster->ledger;
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	struct table_key holder;
	int r;

	r = ledger_look(ledger, claim->wish->config->pool, &claim->addr,
			claim->owner, &holder, err);
	if (r != LEDGER_HELD || is_own_key(claim, &holder))
		return r < 0 ? r : 0;
	r = ledger_entry_load(ledger, &holder, &entry, err);
	if (r != 0)
		return r < 0 ? r : 0;
	entry_remove(&entry, &claim->addr);
	return ledger_entry_save(ledger, &holder, &entry, err);
}

static int keep_wanted(struct claim *claim, const struct whereabouts_got *got,
		       struct error *err)
{
	struct ledger *ledger = claim->cluster->ledger;
	int r = take_over(claim, err);

	if (r == 0)
		r = entry_insert(claim, got, err);
	if (r == 0)
		r = ledger_entry_save(ledger, &claim->key, &claim->entry, err);
	if (r == 0)
		r = ledger_line_del(ledger, claim->line.number, err);
	return r;
}

static int keep_owed(struct claim *claim, const struct whereabouts_got *got,
		     struct error *err)
{
	struct ledger_line line = claim->line;

	line.kind = LEDGER_RELEASE;
	snprintf(line.uid, sizeof(line.uid), "%s",
		 *got->uid ? got->uid : POOLS_NO_OVERLAP);
	return ledger_line_save(claim->cluster->ledger, &line, err);
}

static int keep(struct claim *claim, const struct whereabouts_got *got,
		struct error *err)
{
	int r, wanted;

	r = cluster_begin(claim->cluster, true, err);
	if (r != 0)
		return r;
	wanted = cluster_still_wants(claim->cluster, claim->line.number,
				     &claim->key, &claim->self, &claim->entry,
				     err);
	r = wanted;
	if (wanted >= 0)
		r = wanted ? keep_wanted(claim, got, err)
			   : keep_owed(claim, got, err);
	r = cluster_end(claim->cluster, r, err);
	if (r != 0 || wanted)
		return r;
	return error_set(err, ERROR_AGAIN, 0,
			 "the reservation was released meanwhile");
}

/* --- one request ----------------------------------------------------------------------------- */

static int holder_fill(const struct whereabouts_owner *owner,
		       const char *network, struct store_record *ret,
		       struct error *err)
{
	const char *node = whereabouts_host(owner->podref, owner->id);
	const char *slash = strchr(owner->podref, '/');
	char space[WHEREABOUTS_PODREF];
	const struct store_attachment holder = {
		.network = network,
		.container_id = node ? "" : owner->id,
		.ifname = node ? node : owner->ifname,
		.pod_namespace = space,
		.pod_name = slash ? slash + 1 : "",
	};

	snprintf(space, sizeof(space), "%.*s",
		 slash ? (int)(slash - owner->podref) : 0, owner->podref);
	store_record_clear(ret);
	return store_record_fill(ret, &holder, network, err);
}

/* Each address that is taken in another pool costs four requests to find out:
 * after the first, all are asked for at once. */
static int lost_elsewhere(struct claim *claim, struct error *err)
{
	inet_uint value = inet_addr_to_uint(&claim->addr);
	struct error failed = { 0 };

	if (!claim->has_listed &&
	    whereabouts_list_overlaps(claim->cluster, &claim->want,
				      claim->addr.family, &claim->elsewhere,
				      &failed) < 0)
		log_debug("each is asked for by itself: %s", failed.details);
	claim->has_listed = true;
	return range_set_add(&claim->elsewhere, value, value, err);
}

/* What may yet be given back is left alone, though it looks like our own: the
 * request to release it would hit what we were given again. */
static int leave_alone(struct claim *claim, struct error *err)
{
	struct pools_owed *owed = &claim->owed;

	if (owed->count == ARRAY_SIZE(owed->addrs))
		return error_set(
			err, ERROR_AGAIN, 0,
			"%zu addresses in turn could not be given back",
			owed->count);
	owed->addrs[owed->count++] = claim->addr;
	return 0;
}

/* Somebody has it. */
static int lost(struct claim *claim, const struct whereabouts_got *got,
		struct store_record *ret_holder, struct error *err)
{
	int r = end_request(claim, got->is_held, err);

	if (r == 0 && got->is_held)
		r = leave_alone(claim, err);
	if (r != 0)
		return r;
	if (claim_requested(claim)->family) {
		r = holder_fill(&got->owner, claim->wish->config->pool,
				ret_holder, err);
		return r < 0 ? r : STORE_TAKEN;
	}
	if (got->is_elsewhere)
		r = lost_elsewhere(claim, err);
	else
		claim->conflicts++;
	return r < 0 ? r : CLAIM_NEXT;
}

static int attempt(struct claim *claim, struct store_record *ret_holder,
		   struct error *err)
{
	struct cluster *cluster = claim->cluster;
	struct error ignored = { 0 };
	struct whereabouts_got got;
	int r;

	r = claim->have ? whereabouts_adopt(cluster, &claim->want, claim->have,
					    &claim->view, &got, err)
			: whereabouts_take(cluster, &claim->want, &claim->addr,
					   &claim->view, &got, err);
	if (r == 0)
		return keep(claim, &got, err);
	if (r == WHEREABOUTS_TAKEN)
		return lost(claim, &got, ret_holder, err);
	if (r == CLUSTER_UNKNOWN)
		r = cluster_unknown(cluster, err);
	end_request(claim, got.is_held, &ignored);
	return r;
}

/* One range of the set. Return: 0, CLAIM_NEXT, STORE_ABSENT (nothing in it),
 * STORE_TAKEN, or negative */
static int try_range(struct claim *claim, enum pass pass,
		     struct store_record *ret_holder, struct error *err)
{
	const struct store_attachment *who = claim->wish->attachment;
	int r;

	claim->want = pools_claim(claim->pools, claim->wish->config->pool,
				  &claim_range(claim)->range.network,
				  claim->podref, who->container_id,
				  who->ifname);
	r = whereabouts_look(claim->cluster, &claim->want, true, &claim->view,
			     err);
	if (r == 0)
		r = begin_request(claim, pass, ret_holder, err);
	if (r == 0)
		r = attempt(claim, ret_holder, err);
	whereabouts_view_clear(&claim->view);
	return r;
}

/* --- all sets ----------------------------------------------------------------------------------- */

/* Ranges are alternatives in order; what rests is used when none has any. */
static int try_set(struct claim *claim, struct store_record *ret_holder,
		   struct error *err)
{
	const struct inet_addr *want = claim_requested(claim);

	for (int pass = PASS_FREE; pass < PASSES; pass++)
		for (claim->range = 0; claim->range < claim_set(claim)->count;
		     claim->range++) {
			int r;

			if (want->family &&
			    claim_range(claim) !=
				    ipam_range_set_find(claim_set(claim), want))
				continue;
			r = try_range(claim, (enum pass)pass, ret_holder, err);
			if (r != STORE_ABSENT)
				return r;
		}
	return STORE_EXHAUSTED;
}

static int claim_one(struct claim *claim, struct store_record *ret_holder,
		     struct error *err)
{
	range_set_clear(&claim->elsewhere);
	claim->has_listed = false;
	claim->conflicts = 0;
	for (unsigned int i = 0; i < CLAIM_TRIES; i++) {
		int r = try_set(claim, ret_holder, err);

		if (r != CLAIM_NEXT)
			return r;
	}
	return error_set(err, ERROR_AGAIN, 0,
			 "%u addresses in turn were taken by others in that "
			 "moment",
			 claim->conflicts);
}

/* What was asked for goes first: no other set may choose it meanwhile. */
static int claim_sets(struct claim *claim, struct store_record *ret_holder,
		      struct error *err)
{
	const struct store_wish *wish = claim->wish;

	for (int asked = 1; asked >= 0; asked--)
		for (size_t i = 0; i < wish->config->n_sets; i++) {
			int r;

			if ((wish->requested[i].family != 0) != asked)
				continue;
			claim->set = i;
			r = claim_one(claim, ret_holder, err);
			if (r != 0)
				return r;
		}
	return 0;
}

static int undo_inside(struct claim *claim, struct error *err)
{
	const struct process *process = &claim->entry.record.process;
	int r;

	ledger_entry_clear(&claim->entry);
	r = ledger_entry_load(claim->cluster->ledger, &claim->key,
			      &claim->entry, err);
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
	struct error err = { 0 };
	int r = cluster_begin(claim->cluster, true, &err);

	if (r == 0)
		r = cluster_end(claim->cluster, undo_inside(claim, &err), &err);
	if (r < 0)
		log_warning("undo a reservation: %s", err.details);
	pools_settle(claim->pools, claim->wish->attachment);
}

static int claim_all(struct claim *claim, struct store_record *ret,
		     size_t *ret_set, struct error *err)
{
	int r = claim_begin(claim, err);

	if (r == 0)
		r = claim_sets(claim, ret, err);
	*ret_set = claim->set;
	if (r != 0 && claim->has_begun) {
		claim_undo(claim);
		return r;
	}
	if (r != 0 && r != STORE_LIVE && r != STORE_PENDING)
		return r;
	store_record_clear(ret);
	*ret = claim->entry.record;
	claim->entry.record = (struct store_record){ 0 };
	return r;
}

/* A container that is no pod's has an empty one: Whereabouts takes it for used,
 * and its reconciler leaves it alone. */
static int claim_podref(struct claim *claim, struct error *err)
{
	const struct store_attachment *who = claim->wish->attachment;

	if (!who->pod_name || !*who->pod_name)
		return 0;
	if (whereabouts_podref(who->pod_namespace ? who->pod_namespace : "",
			       who->pod_name, claim->podref) == 0)
		return 0;
	return error_set(err, ERROR_CONFIG, 0,
			 "K8S_POD_NAMESPACE and K8S_POD_NAME: \"%.64s/%.64s\" "
			 "is no pod",
			 who->pod_namespace ? who->pod_namespace : "",
			 who->pod_name);
}

int pools_reserve(struct store *store, const struct store_wish *wish,
		  struct store_record *ret, size_t *ret_set, struct error *err)
{
	const struct store_attachment *who = wish->attachment;
	cleanup_claim struct claim claim = {
		.pools = pools_of(store),
		.cluster = cluster_of(store),
		.wish = wish,
		.view = WHEREABOUTS_VIEW_INIT,
	};
	int r;

	r = ledger_key(who, &claim.key, err);
	if (r == 0)
		r = process_self(&claim.self, err);
	if (r == 0)
		r = claim_podref(&claim, err);
	if (r == 0)
		r = store_owner(who->pod_namespace, who->pod_name,
				who->container_id, who->ifname, &claim.owner,
				err);
	return r < 0 ? r : claim_all(&claim, ret, ret_set, err);
}
