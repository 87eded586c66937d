/* A node's own addresses as keys of Whereabouts' pools, for host-audit.c. */

#include "ipam/host-audit-priv.h"

#include <string.h>

struct pools {
	struct host_world base; /* first member: it is the world */
	struct cluster cluster;
	struct worlds_keys keys; /* of every range, as they were read */
};

static struct pools *pools_of(struct host_world *world)
{
	return (struct pools *)world;
}

static bool is_own(const struct host_world *world, const char *podref,
		   const char *id)
{
	const char *node = whereabouts_host(podref, id);

	return node && strcmp(node, world->host->node) == 0;
}

static int claim_of(const struct host_world *world,
		    const struct inet_addr *addr,
		    char id[static WHEREABOUTS_NAME + 4],
		    struct whereabouts_claim *ret, struct error *err)
{
	const char *node = world->host->node;

	if (worlds_claim_host(world->config, node, addr, id, ret) != 0)
		return host_no_name(node, err);
	return 0;
}

static int pools_find(struct host_world *world, const struct inet_addr *addr,
		      char ret_owner[static WORLDS_OWNER], struct error *err)
{
	const struct worlds_key *key = worlds_find_key(&pools_of(world)->keys,
						       addr);

	(void)err;
	if (!key)
		return CLUSTER_ABSENT;
	if (is_own(world, key->podref, key->id))
		return 0;
	worlds_key_owner(key, ret_owner);
	return CLUSTER_TAKEN;
}

static void owner_format(const struct whereabouts_owner *owner,
			 char ret[static WORLDS_OWNER])
{
	struct worlds_key key = { 0 };

	memcpy(key.podref, owner->podref, sizeof(key.podref));
	memcpy(key.id, owner->id, sizeof(key.id));
	memcpy(key.ifname, owner->ifname, sizeof(key.ifname));
	worlds_key_owner(&key, ret);
}

static int pools_take(struct host_world *world, const struct inet_addr *addr,
		      char ret_owner[static WORLDS_OWNER], struct error *err)
{
	cleanup_whereabouts_view struct whereabouts_view view =
		WHEREABOUTS_VIEW_INIT;
	struct cluster *cluster = &pools_of(world)->cluster;
	struct whereabouts_got got = { 0 };
	struct whereabouts_claim claim;
	char id[WHEREABOUTS_NAME + 4];
	int r = claim_of(world, addr, id, &claim, err);

	if (r == 0)
		r = whereabouts_take(cluster, &claim, addr, &view, &got, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(cluster, err);
	if (r != WHEREABOUTS_TAKEN)
		return r;
	owner_format(&got.owner, ret_owner);
	return CLUSTER_TAKEN;
}

static int pools_list(struct host_world *world, struct inet_addr **ret,
		      size_t *ret_count, struct error *err)
{
	const struct worlds_keys *keys = &pools_of(world)->keys;

	*ret = calloc(keys->count + 1, sizeof(**ret));
	if (!*ret)
		return error_oom(err);
	for (size_t i = 0; i < keys->count; i++)
		if (is_own(world, keys->items[i].podref, keys->items[i].id))
			(*ret)[(*ret_count)++] = keys->items[i].addr;
	return 0;
}

static int pools_give(struct host_world *world, const struct inet_addr *addr,
		      struct error *err)
{
	struct cluster *cluster = &pools_of(world)->cluster;
	struct whereabouts_claim claim;
	char id[WHEREABOUTS_NAME + 4];
	int r = claim_of(world, addr, id, &claim, err);

	if (r == 0)
		r = whereabouts_give(cluster, &claim, addr, "", err);
	return r == CLUSTER_UNKNOWN ? cluster_unknown(cluster, err) : r;
}

static void pools_close(struct host_world *world)
{
	struct pools *pools = pools_of(world);

	worlds_keys_clear(&pools->keys);
	kube_close(pools->cluster.kube);
	free(pools);
}

static const struct host_world_ops pools_ops = {
	.name = "the pool",
	.kept = "in the pool",
	.find = pools_find,
	.take = pools_take,
	.list = pools_list,
	.give = pools_give,
	.close = pools_close,
};

int host_whereabouts_world(const struct ipam_config *config,
			   const struct ipam_host *host,
			   struct host_world **ret, struct error *err)
{
	struct pools *pools = calloc(1, sizeof(*pools));
	int r;

	if (!pools)
		return error_oom(err);
	pools->base = (struct host_world){ &pools_ops, config, host };
	pools->cluster.config = config;
	pools->cluster.is_patient = true;
	r = worlds_read_keys(&pools->cluster, config, &pools->keys, err);
	if (r < 0) {
		pools_close(&pools->base);
		return r;
	}
	*ret = &pools->base;
	return 0;
}
