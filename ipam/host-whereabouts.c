/*
 * A node's own addresses in Whereabouts' pools: allocations without a pod, whose
 * id says the node ("hsh/NODE"). Whereabouts takes them for used, and its
 * reconciler leaves alone what has no pod. They have no overlap record: it would
 * drop that.
 *
 * One out of the range is found, or claimed, in the order of host-kube.c: what
 * the pool has for this node already; what the node remembers; the lowest of the
 * range that is free. A claim whose answer is lost is found by the next one. As
 * long as the node remembers an address that fits, nobody is asked.
 */

#include "ipam/host-priv.h"
#include "ipam/whereabouts-claim.h"

#include "lib/log.h"

#include <string.h>

#define HOST_TRIES 32

/* One family, or one given address, on its way. */
struct step {
	const struct ipam_config *config;
	const struct ipam_host *host;
	struct cluster cluster;
	char id[WHEREABOUTS_NAME + 4];
	struct table_key key;
	struct host_memory memory;
	bool has_memory;
};

static void step_clear(struct step *step)
{
	kube_close(step->cluster.kube);
}
#define cleanup_step cleanup(step_clear)

int host_no_name(const char *node, struct error *err)
{
	return error_set(err, ERROR_CONFIG, 0,
			 "node \"%.64s\": no name that Whereabouts' pools "
			 "could keep an address for",
			 node);
}

static int step_init(struct step *step, const struct ipam_config *config,
		     const struct ipam_host *host, struct error *err)
{
	*step = (struct step){
		.config = config,
		.host = host,
		.cluster = { .config = config, .is_patient = true },
	};
	if (whereabouts_host_id(host->node, step->id) == 0)
		return 0;
	return host_no_name(host->node, err);
}

static struct whereabouts_claim claim_of(const struct step *step,
					 const struct inet_prefix *network)
{
	return (struct whereabouts_claim){
		.network = step->config->pool,
		.range = inet_prefix_network(network),
		.holder = { .podref = "", .id = step->id },
	};
}

/* --- what is remembered -------------------------------------------------------------- */

static int recall(struct step *step, uint8_t family, struct error *err)
{
	int r = host_recall_whole(step->config, &step->key, family,
				  &step->memory, err);

	step->has_memory = r == 0;
	return r < 0 ? r : 0;
}

static void remember(struct step *step, const struct inet_prefix *address)
{
	struct error lost = { 0 };

	if (step->has_memory &&
	    inet_prefix_equal(&step->memory.address, address))
		return;
	if (host_write(step->config, &step->key, step->host, address, &lost) <
	    0)
		log_warning("the node's address is not remembered, and asked "
			    "for each time: %s",
			    lost.details);
}

/* --- out of the range ------------------------------------------------------------------ */

static int exhausted(const struct range *range, struct error *err)
{
	char text[RANGE_TEXT];

	return error_set(err, ERROR_POOL_EXHAUSTED, 0,
			 "ipam.hostRange: every address of %s is taken, by "
			 "other nodes or by pods; kubectl get ippools -A -o "
			 "yaml says by whom",
			 range_format(range, text));
}

static bool is_own(const struct step *step,
		   const struct whereabouts_allocation *have)
{
	return have->addr.family && !*have->holder.podref &&
	       strcmp(have->holder.id, step->id) == 0;
}

static bool choose_own(const struct step *step, const struct range_set *usable,
		       const struct whereabouts_pool *pool,
		       struct inet_addr *ret)
{
	bool found = false;

	for (size_t i = 0; i < pool->count; i++) {
		const struct inet_addr *addr = &pool->items[i].addr;

		if (!is_own(step, &pool->items[i]) ||
		    !range_set_contains(usable, inet_addr_to_uint(addr)) ||
		    (found && inet_addr_compare(addr, ret) > 0))
			continue;
		*ret = *addr;
		found = true;
	}
	return found;
}

static bool choose_free(const struct step *step, const struct range_set *usable,
			const struct whereabouts_pool *pool, uint8_t family,
			struct inet_addr *ret)
{
	inet_uint value = inet_addr_to_uint(&step->memory.address.addr);

	if (step->has_memory && range_set_contains(usable, value) &&
	    !range_set_contains(&pool->taken, value)) {
		*ret = step->memory.address.addr;
		return true;
	}
	value = 0;
	while (range_set_next(usable, value, &value)) {
		if (!range_set_contains(&pool->taken, value)) {
			*ret = inet_addr_from_uint(family, value);
			return true;
		}
		if (++value == 0)
			break;
	}
	return false;
}

/* Return: 0, WHEREABOUTS_TAKEN (somebody was faster), or negative */
static int claim_once(struct step *step, const struct range_set *usable,
		      const struct range *range,
		      const struct whereabouts_claim *claim,
		      struct inet_addr *ret, struct error *err)
{
	cleanup_whereabouts_view struct whereabouts_view view =
		WHEREABOUTS_VIEW_INIT;
	struct whereabouts_got got;
	int r;

	r = whereabouts_look(&step->cluster, claim, true, &view, err);
	if (r < 0)
		return r;
	if (choose_own(step, usable, &view.pool, ret))
		return 0;
	if (!choose_free(step, usable, &view.pool, range->network.addr.family,
			 ret))
		return exhausted(range, err);
	r = whereabouts_take(&step->cluster, claim, ret, &view, &got, err);
	return r == CLUSTER_UNKNOWN ? cluster_unknown(&step->cluster, err) : r;
}

static int claim_family(struct step *step, const struct range_set *usable,
			const struct range *range,
			const struct inet_prefix *network,
			struct inet_addr *ret, struct error *err)
{
	const struct whereabouts_claim claim = claim_of(step, network);

	for (unsigned int i = 0; i < HOST_TRIES; i++) {
		int r = claim_once(step, usable, range, &claim, ret, err);

		if (r <= 0)
			return r;
	}
	return error_set(err, ERROR_AGAIN, 0,
			 "%u addresses in turn were taken by others in that "
			 "moment",
			 HOST_TRIES);
}

static int step_range(struct step *step, const struct range *range, bool claim,
		      struct inet_prefix *ret, struct error *err)
{
	const struct inet_prefix *network = host_network(step->config, range);
	cleanup_range_set struct range_set usable = { 0 };
	int r;

	r = host_key(step->config, step->host, network, &step->key, err);
	if (r == 0)
		r = host_usable(step->config, range, &usable, err);
	if (r == 0)
		r = recall(step, network->addr.family, err);
	if (r < 0)
		return r;
	*ret = step->memory.address;
	if (!claim)
		return step->has_memory &&
				       range_set_contains(&usable,
							  inet_addr_to_uint(
								  &ret->addr))
			       ? 0
			       : IPAM_HOST_UNCLAIMED;
	ret->len = network->len;
	r = claim_family(step, &usable, range, network, &ret->addr, err);
	if (r == 0)
		remember(step, ret);
	return r;
}

int host_whereabouts(const struct ipam_config *config,
		     const struct ipam_host *host, bool claim,
		     struct ipam_host_addresses *ret, struct error *err)
{
	cleanup_step struct step step;
	int r = step_init(&step, config, host, err);

	ret->count = 0;
	for (size_t i = 0; i < config->n_host_ranges && r == 0; i++)
		r = step_range(&step, &config->host_ranges[i], claim,
			       &ret->items[ret->count++], err);
	return r < 0 && claim ? error_context(err, "the node's address") : r;
}

/* --- given addresses --------------------------------------------------------------------- */

/* The range whose pool could give it to a pod; NULL: there is none. */
static const struct inet_prefix *pool_of(const struct step *step,
					 const struct inet_addr *addr)
{
	const struct ipam_config *config = step->config;

	for (size_t i = 0; i < config->n_sets; i++) {
		const struct ipam_range *range =
			ipam_range_set_find(&config->sets[i], addr);

		if (range)
			return &range->range.network;
	}
	return NULL;
}

static int held_by_another(const struct inet_addr *addr,
			   const struct whereabouts_owner *owner,
			   struct error *err)
{
	const char *node = whereabouts_host(owner->podref, owner->id);
	char text[INET_ADDR_TEXT];

	inet_addr_format(addr, text);
	if (node)
		return error_set(
			err, ERROR_SHIM, 0,
			"%s is to be this node's, and is node \"%s\"'s", text,
			node);
	return error_set(
		err, ERROR_SHIM, 0,
		"%s is to be this node's, and is held by pod %s, %s (container %.13s): delete that pod",
		text, owner->podref, owner->ifname, owner->id);
}

static int hold(struct step *step, const struct inet_prefix *network,
		const struct inet_addr *addr, struct error *err)
{
	const struct whereabouts_claim claim = claim_of(step, network);
	cleanup_whereabouts_view struct whereabouts_view view =
		WHEREABOUTS_VIEW_INIT;
	struct whereabouts_got got;
	int r;

	r = whereabouts_take(&step->cluster, &claim, addr, &view, &got, err);
	if (r == WHEREABOUTS_TAKEN)
		return held_by_another(addr, &got.owner, err);
	return r == CLUSTER_UNKNOWN ? cluster_unknown(&step->cluster, err) : r;
}

/* Return: 1 if it is known to be held, 0 if not (looking only), or negative */
static int step_given(struct step *step, const struct inet_prefix *given,
		      bool claim, struct error *err)
{
	const struct inet_prefix host = inet_prefix_host(&given->addr);
	const struct inet_prefix *network = pool_of(step, &given->addr);
	int r;

	if (!network)
		return 1;
	r = host_key(step->config, step->host, &host, &step->key, err);
	if (r == 0)
		r = recall(step, given->addr.family, err);
	if (r < 0 || step->has_memory || !claim)
		return r < 0 ? r : step->has_memory;
	r = hold(step, network, &given->addr, err);
	if (r < 0)
		return r;
	remember(step, &host);
	return 1;
}

int host_whereabouts_hold(const struct ipam_config *config,
			  const struct ipam_host *host,
			  const struct ipam_host_addresses *addresses,
			  bool claim, struct error *err)
{
	cleanup_step struct step step;
	int r = step_init(&step, config, host, err);

	if (r == 0)
		r = 1;
	for (size_t i = 0; i < addresses->count && r == 1; i++)
		r = step_given(&step, &addresses->items[i], claim, err);
	return r < 0 && claim ? error_context(err, "the node's address") : r;
}
