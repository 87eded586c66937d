/*
 * A DEL of an attachment that the ledger does not know: made before the table was
 * lost, under another store, or by Whereabouts. The pools know it by container id
 * and interface, so each range is looked at; where that cannot be now, it is owed.
 */

#include "ipam/store-whereabouts-priv.h"

#include "lib/log.h"

#include <string.h>

static int owe_once(struct ledger *ledger, struct ledger_line *want,
		    const struct store_attachment *attachment,
		    struct error *err)
{
	struct ledger_line have = { 0 };
	int r;

	do {
		r = ledger_line_next(ledger, have.number + 1, &have, err);
	} while (r == 0 && (have.kind != LEDGER_ATTACHMENT ||
			    !cluster_line_is_of(&have, attachment) ||
			    strcmp(have.attempt, want->attempt) != 0));
	return r == STORE_ABSENT ? ledger_line_add(ledger, want, err) : r;
}

static int owe_range(struct pools *pools,
		     const struct store_attachment *attachment,
		     const struct inet_prefix *range, struct error *err)
{
	struct ledger_line line = { .kind = LEDGER_ATTACHMENT };
	int r;

	ledger_line_fill(&line, pools->cluster.config->pool, attachment);
	whereabouts_range(range, line.attempt);
	r = ledger_begin(pools->ledger, true, pools->cluster.base.timeout_ms,
			 err);
	if (r != 0)
		return r;
	r = owe_once(pools->ledger, &line, attachment, err);
	return ledger_end(pools->ledger, r, err);
}

static int release_in(struct pools *pools,
		      const struct store_attachment *attachment,
		      const struct inet_prefix *range, size_t *ret_found,
		      struct error *err)
{
	char podref[WHEREABOUTS_PODREF];
	const bool has_pod =
		attachment->pod_name && *attachment->pod_name &&
		whereabouts_podref(attachment->pod_namespace
					   ? attachment->pod_namespace
					   : "",
				   attachment->pod_name, podref) == 0;
	struct whereabouts_claim claim =
		pools_claim(pools, pools->cluster.config->pool, range,
			    has_pod ? podref : NULL, attachment->container_id,
			    attachment->ifname);
	struct error away = { 0 };
	int r = pools_give_all(pools, &claim, ret_found, &away);

	if (r == 0)
		return 0;
	log_warning("what container %s, %s has of range %s stays owed: %s",
		    attachment->container_id, attachment->ifname,
		    whereabouts_range(range, (char[INET_PREFIX_TEXT]){ "" }),
		    r == CLUSTER_UNKNOWN ? pools->cluster.why : away.details);
	(*ret_found)++;
	return owe_range(pools, attachment, range, err);
}

/* Every range, whatever became of the one before. */
int pools_release_unknown(struct cluster *cluster,
			  const struct store_attachment *attachment,
			  struct error *err)
{
	struct pools *pools = pools_of(&cluster->base);
	const struct ipam_config *config = cluster->config;
	size_t found = 0;
	int r = 0;

	for (size_t i = 0; i < config->n_sets; i++)
		for (size_t j = 0; j < config->sets[i].count; j++) {
			struct error failed = { 0 };
			int one = release_in(
				pools, attachment,
				&config->sets[i].ranges[j].range.network,
				&found, &failed);

			if (one != 0 && r == 0) {
				*err = failed;
				r = one;
			}
		}
	if (r != 0)
		return r;
	return found ? 0 : STORE_ABSENT;
}
