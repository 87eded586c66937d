#include "ipam/worlds.h"

#include "ipam/cluster-pod.h"
#include "ipam/whereabouts-priv.h"

#include <stdio.h>
#include <string.h>

void worlds_keys_clear(struct worlds_keys *keys)
{
	free(keys->items);
	*keys = (struct worlds_keys){ 0 };
}

/* --- keys ---------------------------------------------------------------------- */

static void key_fill(const struct whereabouts_allocation *from,
		     const struct inet_prefix *range, struct worlds_key *to)
{
	*to = (struct worlds_key){ .addr = from->addr, .range = *range };
	snprintf(to->podref, sizeof(to->podref), "%s", from->holder.podref);
	snprintf(to->id, sizeof(to->id), "%s", from->holder.id);
	if (from->holder.ifname)
		snprintf(to->ifname, sizeof(to->ifname), "%s",
			 from->holder.ifname);
}

static int add_pool(const struct whereabouts_pool *pool,
		    const struct inet_prefix *range, struct worlds_keys *keys,
		    struct error *err)
{
	struct worlds_key *grown;

	grown = reallocarray(keys->items, keys->count + pool->count + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	keys->items = grown;
	keys->pools++;
	for (size_t i = 0; i < pool->count; i++)
		if (pool->items[i].addr.family)
			key_fill(&pool->items[i], range, &grown[keys->count++]);
	return 0;
}

static int read_pool(struct cluster *cluster, const struct ipam_config *config,
		     const struct inet_prefix *range, struct worlds_keys *keys,
		     struct error *err)
{
	cleanup_whereabouts_view struct whereabouts_view view =
		WHEREABOUTS_VIEW_INIT;
	const struct whereabouts_claim claim = {
		.network = config->pool,
		.range = *range,
	};
	/* Only to be read: without waiting for this node's turn. */
	int r = whereabouts_pool_get(cluster, &claim, &view, err);

	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(cluster, err);
	if (r == WHEREABOUTS_GONE)
		return 0;
	return r < 0 ? r : add_pool(&view.pool, range, keys, err);
}

/* Several ranges may be parts of one network, and have one pool. */
static bool is_first(const struct ipam_config *config, size_t set, size_t range)
{
	const struct inet_prefix *network =
		&config->sets[set].ranges[range].range.network;

	for (size_t i = 0; i <= set; i++)
		for (size_t j = 0; j < config->sets[i].count; j++) {
			if (i == set && j == range)
				return true;
			if (inet_prefix_equal(
				    &config->sets[i].ranges[j].range.network,
				    network))
				return false;
		}
	return true;
}

int worlds_read_keys(struct cluster *cluster, const struct ipam_config *config,
		     struct worlds_keys *ret, struct error *err)
{
	int r = 0;

	worlds_keys_clear(ret);
	for (size_t i = 0; i < config->n_sets; i++)
		for (size_t j = 0; j < config->sets[i].count && r == 0; j++)
			if (is_first(config, i, j))
				r = read_pool(cluster, config,
					      &config->sets[i]
						       .ranges[j]
						       .range.network,
					      ret, err);
	return r;
}

/* --- objects ------------------------------------------------------------------- */

struct inet_prefix worlds_range_of(const struct ipam_config *config,
				   const struct inet_addr *addr)
{
	for (size_t i = 0; i < config->n_sets; i++) {
		const struct ipam_range *range;

		if (config->sets[i].family != addr->family)
			continue;
		range = ipam_range_set_find(&config->sets[i], addr);
		if (range)
			return range->range.network;
	}
	return (struct inet_prefix){ 0 };
}

bool worlds_is_in_ranges(const struct ipam_config *config,
			 const struct inet_addr *addr)
{
	return worlds_range_of(config, addr).addr.family != 0;
}

int worlds_claim_host(const struct ipam_config *config, const char *node,
		      const struct inet_addr *addr,
		      char id[static WHEREABOUTS_NAME + 4],
		      struct whereabouts_claim *ret)
{
	*ret = (struct whereabouts_claim){
		.network = config->pool,
		.range = worlds_range_of(config, addr),
		.holder = { .podref = "", .id = id, .ifname = "" },
	};
	return whereabouts_host_id(node, id);
}

int worlds_read_objects(struct cluster *cluster,
			const struct ipam_config *config,
			struct cluster_list *ret, struct error *err)
{
	char selector[160];
	size_t kept = 0;
	int r;

	snprintf(selector, sizeof(selector), "%s=%s", RESERVATION_LABEL_POOL,
		 config->pool);
	r = cluster_list(cluster, selector, ret, err);
	for (size_t i = 0; i < ret->count; i++)
		if (strcmp(ret->items[i].pool, config->pool) == 0 &&
		    worlds_is_in_ranges(config, &ret->items[i].address))
			ret->items[kept++] = ret->items[i];
	ret->count = kept;
	return r;
}

/* --- both ---------------------------------------------------------------------- */

const struct worlds_key *worlds_find_key(const struct worlds_keys *keys,
					 const struct inet_addr *addr)
{
	for (size_t i = 0; i < keys->count; i++)
		if (inet_addr_equal(&keys->items[i].addr, addr))
			return &keys->items[i];
	return NULL;
}

const struct reservation *worlds_find_object(const struct cluster_list *objects,
					     const struct inet_addr *addr)
{
	for (size_t i = 0; i < objects->count; i++)
		if (inet_addr_equal(&objects->items[i].address, addr))
			return &objects->items[i];
	return NULL;
}

bool worlds_is_same(const struct worlds_key *key,
		    const struct reservation *object)
{
	const char *node = whereabouts_host(key->podref, key->id);

	if (node || object->is_host)
		return node && object->is_host &&
		       strcmp(node, object->node) == 0;
	return strcmp(key->id, object->container_id) == 0 &&
	       (!*key->ifname || strcmp(key->ifname, object->ifname) == 0);
}

int worlds_is_gone(struct cluster *cluster, const struct worlds_key *key,
		   struct error *err)
{
	const char *node = whereabouts_host(key->podref, key->id);
	char name_space[64], boot_id[65];
	struct cluster_pod pod;
	const char *name;
	int r;

	if (node)
		r = cluster_node_get(cluster, node, boot_id, err);
	else if (*key->podref)
		r = cluster_podref_get(cluster, key->podref, name_space, &name,
				       &pod, err);
	else
		r = 0;
	return r < 0 ? r : r == CLUSTER_ABSENT;
}

const char *worlds_key_owner(const struct worlds_key *key,
			     char buf[static WORLDS_OWNER])
{
	const char *node = whereabouts_host(key->podref, key->id);

	if (node)
		snprintf(buf, WORLDS_OWNER, "node %s", node);
	else if (*key->podref)
		snprintf(buf, WORLDS_OWNER, "pod %s, %s (container %.13s)",
			 key->podref,
			 *key->ifname ? key->ifname : "an interface", key->id);
	else
		snprintf(buf, WORLDS_OWNER, "\"%s\"", key->id);
	return buf;
}

const char *worlds_object_owner(const struct reservation *object,
				char buf[static WORLDS_OWNER])
{
	if (object->is_host)
		snprintf(buf, WORLDS_OWNER, "node %s", object->node);
	else
		snprintf(buf, WORLDS_OWNER,
			 "pod %s/%s, %s (container %.13s) on node %s",
			 object->pod_namespace, object->pod_name,
			 object->ifname, object->container_id, object->node);
	return buf;
}
