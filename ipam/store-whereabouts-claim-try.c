/*
 * One address of one range: the pool is read, the choice is written down, and it
 * is asked for. What the answer makes true: ours, somebody's, or nobody knows.
 */

#include "ipam/store-whereabouts-claim-priv.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

/* --- before it -------------------------------------------------------------------- */

static int line_begin(struct claim *claim, struct error *err)
{
	struct ledger_line *line = &claim->line;

	cluster_line_fill(claim->wish, &claim->addr, line);
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
	chosen = pools_claim_choose(claim, pass, ret_holder, err);
	r = chosen == 0 ? line_begin(claim, err) : chosen;
	return cluster_end(claim->cluster, r, err);
}

/* --- somebody's ------------------------------------------------------------------- */

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
	int r = pools_claim_end(claim, got->is_held, err);

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

/* --- one request ------------------------------------------------------------------ */

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
		return pools_claim_keep(claim, &got, err);
	if (r == WHEREABOUTS_TAKEN)
		return lost(claim, &got, ret_holder, err);
	if (r == CLUSTER_UNKNOWN)
		r = cluster_unknown(cluster, err);
	pools_claim_end(claim, got.is_held, &ignored);
	return r;
}

int pools_claim_try(struct claim *claim, enum pass pass,
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
