/*
 * A node's own addresses as objects of the API server, of kind "host".
 *
 * One out of the range is found, or claimed, in this order: what the server has
 * for this node already; what the node remembers; the addresses of the range
 * upwards, by one request each, until one succeeds. A claim whose answer is lost
 * needs no line in the ledger: the next one finds it by the node's name. It is
 * under the link lock, so that a node claims once.
 *
 * What is remembered, address and VTEP, is what the server was told last: as long
 * as nothing differs, nobody is asked.
 */

#include "ipam/host-kube-priv.h"

#include "lib/log.h"

#define HOST_KUBE_LOCK_MS 5000

static int recall(struct host_kube *step, uint8_t family, struct error *err)
{
	int r = host_recall_whole(step->config, &step->key, family,
				  &step->memory, err);

	step->has_memory = r == 0;
	return r < 0 ? r : 0;
}

static int remember(struct host_kube *step, const struct inet_prefix *address)
{
	struct error lost = { 0 };

	if (step->has_memory &&
	    inet_prefix_equal(&step->memory.address, address) &&
	    host_kube_has_vtep(step, &step->memory.vtep))
		return 0;
	if (host_write(step->config, &step->key, step->host, address, &lost) <
	    0)
		log_warning("the node's address is not remembered, and asked "
			    "for each time: %s",
			    lost.details);
	return 0;
}

/* --- out of the range ------------------------------------------------------------------ */

static int held_by_another(const struct reservation *have, struct error *err)
{
	char text[INET_ADDR_TEXT];

	inet_addr_format(&have->address, text);
	if (have->is_host)
		return error_set(
			err, ERROR_SHIM, 0,
			"%s is to be this node's, and is node \"%s\"'s", text,
			have->node);
	return error_set(err, ERROR_SHIM, 0,
			 "%s is to be this node's, and is held by pod %s/%s, "
			 "%s, on node \"%s\": delete that pod",
			 text, have->pod_namespace, have->pod_name,
			 have->ifname, have->node);
}

/* Return: 0, CLUSTER_ABSENT, or negative */
static int take_listed(struct host_kube *step, const struct range_set *usable,
		       uint8_t family, struct inet_addr *ret, struct error *err)
{
	cleanup_cluster_list struct cluster_list list = { 0 };
	const struct reservation *best = NULL;
	struct reservation holder = { 0 };
	int r = host_kube_list(step, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		const struct reservation *have = &list.items[i];

		if (host_kube_is_own(step, have) &&
		    have->address.family == family &&
		    range_set_contains(usable,
				       inet_addr_to_uint(&have->address)) &&
		    (!best ||
		     inet_addr_compare(&have->address, &best->address) < 0))
			best = have;
	}
	if (!best)
		return CLUSTER_ABSENT;
	*ret = best->address;
	r = host_kube_patch(step, best, err);
	if (r != 0)
		return r;
	r = host_both_take(step, ret, &holder, err);
	return r == CLUSTER_TAKEN ? held_by_another(&holder, err) : r;
}

static int exhausted(const struct range *range, struct error *err)
{
	char text[RANGE_TEXT];

	return error_set(err, ERROR_POOL_EXHAUSTED, 0,
			 "ipam.hostRange: every address of %s is taken, by "
			 "other nodes or by pods; kubectl get reservations "
			 "says by whom",
			 range_format(range, text));
}

static int walk(struct host_kube *step, const struct range_set *usable,
		const struct range *range, struct inet_addr *ret,
		struct error *err)
{
	struct reservation have;
	inet_uint value = 0;
	int r;

	while (range_set_next(usable, value, &value)) {
		*ret = inet_addr_from_uint(range->network.addr.family, value);
		r = host_kube_create(step, ret, &have, err);
		if (r <= 0)
			return r;
		/* What was released in that moment is tried once more. */
		if (r == CLUSTER_TAKEN && ++value == 0)
			break;
	}
	return exhausted(range, err);
}

/* What it had, if nobody has it now. Return: 0, CLUSTER_ABSENT, or negative */
static int take_remembered(struct host_kube *step,
			   const struct range_set *usable,
			   struct inet_addr *ret, struct error *err)
{
	struct reservation have;
	int r;

	*ret = step->memory.address.addr;
	if (!step->has_memory ||
	    !range_set_contains(usable, inet_addr_to_uint(ret)))
		return CLUSTER_ABSENT;
	r = host_kube_create(step, ret, &have, err);
	return r > 0 ? CLUSTER_ABSENT : r;
}

/* What is its own in Whereabouts' pool. Return: as take_remembered() */
static int take_keyed(struct host_kube *step, const struct range_set *usable,
		      uint8_t family, struct inet_addr *ret, struct error *err)
{
	struct reservation have;
	int r = host_both_find(step, usable, family, ret, err);

	if (r == 0)
		r = host_kube_create(step, ret, &have, err);
	return r > 0 ? CLUSTER_ABSENT : r;
}

static int claim_family(struct host_kube *step, const struct range_set *usable,
			const struct range *range, struct inet_addr *ret,
			struct error *err)
{
	int r;

	r = take_listed(step, usable, range->network.addr.family, ret, err);
	if (r == CLUSTER_ABSENT)
		r = take_remembered(step, usable, ret, err);
	if (r == CLUSTER_ABSENT)
		r = take_keyed(step, usable, range->network.addr.family, ret,
			       err);
	if (r == CLUSTER_ABSENT)
		r = walk(step, usable, range, ret, err);
	return r;
}

static int step_range(struct host_kube *step, const struct range *range,
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
	if (!step->cluster)
		return step->has_memory &&
				       host_kube_has_vtep(step,
							  &step->memory.vtep) &&
				       range_set_contains(&usable,
							  inet_addr_to_uint(
								  &ret->addr))
			       ? 0
			       : IPAM_HOST_UNCLAIMED;
	ret->len = network->len;
	r = claim_family(step, &usable, range, &ret->addr, err);
	return r < 0 ? r : remember(step, ret);
}

/* --- given addresses -------------------------------------------------------------------- */

/* Return: 1 if it is known to be held, 0 if not (looking only), or negative */
static int step_given(struct host_kube *step, const struct inet_prefix *given,
		      struct error *err)
{
	const struct inet_prefix host = inet_prefix_host(&given->addr);
	struct reservation have;
	int r;

	r = host_key(step->config, step->host, &host, &step->key, err);
	if (r == 0)
		r = recall(step, given->addr.family, err);
	if (r < 0)
		return r;
	if (step->has_memory && host_kube_has_vtep(step, &step->memory.vtep))
		return 1;
	if (!step->cluster)
		return 0;
	do {
		r = host_kube_create(step, &given->addr, &have, err);
	} while (r == CLUSTER_ABSENT);
	if (r == CLUSTER_TAKEN)
		return held_by_another(&have, err);
	if (r < 0)
		return r;
	remember(step, &host);
	return 1;
}

/* --- the server ---------------------------------------------------------------------------- */

int host_kube_open(struct host_kube *step, struct store **ret,
		   struct error *err)
{
	int r = store_kube_open(step->config, false, HOST_KUBE_LOCK_MS, ret,
				err);

	if (r < 0)
		return r;
	step->cluster = cluster_of(*ret);
	/* Of two machines with one name, the second would share the address. */
	return cluster_introduce(step->cluster, err);
}

int host_kube(const struct ipam_config *config, const struct ipam_host *host,
	      bool claim, struct ipam_host_addresses *ret, struct error *err)
{
	struct host_kube step = { .config = config, .host = host };
	cleanup_store struct store *store = NULL;
	int r = 0;

	if (claim)
		r = host_kube_open(&step, &store, err);
	ret->count = 0;
	for (size_t i = 0; i < config->n_host_ranges && r == 0; i++)
		r = step_range(&step, &config->host_ranges[i],
			       &ret->items[ret->count++], err);
	return r < 0 && claim ? error_context(err, "the node's address") : r;
}

int ipam_host_is_held(const struct ipam_config *config,
		      const struct ipam_host *host,
		      const struct ipam_host_addresses *addresses,
		      struct error *err)
{
	struct host_kube step = { .config = config, .host = host };
	int r = 1;

	if (config->store == IPAM_STORE_WHEREABOUTS)
		return host_whereabouts_hold(config, host, addresses, false,
					     err);
	if (config->store != IPAM_STORE_KUBERNETES &&
	    config->store != IPAM_STORE_BOTH)
		return 1;
	for (size_t i = 0; i < addresses->count && r == 1; i++)
		r = step_given(&step, &addresses->items[i], err);
	return r;
}

int ipam_host_hold(const struct ipam_config *config,
		   const struct ipam_host *host,
		   const struct ipam_host_addresses *addresses,
		   struct error *err)
{
	struct host_kube step = { .config = config, .host = host };
	cleanup_store struct store *store = NULL;
	int r;

	if (config->store == IPAM_STORE_WHEREABOUTS) {
		r = host_whereabouts_hold(config, host, addresses, true, err);
		return r < 0 ? r : 0;
	}
	if (config->store != IPAM_STORE_KUBERNETES &&
	    config->store != IPAM_STORE_BOTH)
		return 0;
	r = host_kube_open(&step, &store, err);
	for (size_t i = 0; i < addresses->count && r >= 0; i++)
		r = step_given(&step, &addresses->items[i], err);
	return r < 0 ? error_context(err, "the node's address") : 0;
}
