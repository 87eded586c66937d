/* A node's own addresses as objects of the API server, for host-audit.c. */

#include "ipam/host-audit-priv.h"
#include "ipam/host-kube-priv.h"

#include <stdio.h>

struct objects {
	struct host_world base; /* first member: it is the world */
	struct host_kube step;
	struct store *store;
	struct reservation found;
};

static struct objects *objects_of(struct host_world *world)
{
	return (struct objects *)world;
}

static int objects_find(struct host_world *world, const struct inet_addr *addr,
			char ret_owner[static WORLDS_OWNER], struct error *err)
{
	struct objects *objects = objects_of(world);
	struct cluster *cluster = objects->step.cluster;
	char name[RESERVATION_NAME];
	int r;

	reservation_name(world->config->pool, addr, name);
	r = cluster_get(cluster, name, &objects->found, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(cluster, err);
	if (r != 0 || host_kube_is_own(&objects->step, &objects->found))
		return r;
	worlds_object_owner(&objects->found, ret_owner);
	return CLUSTER_TAKEN;
}

/* With "both", in Whereabouts' pool as well. */
static int objects_take(struct host_world *world, const struct inet_addr *addr,
			char ret_owner[static WORLDS_OWNER], struct error *err)
{
	struct reservation have;
	int r = host_kube_create(&objects_of(world)->step, addr, &have, err);

	if (r == CLUSTER_TAKEN)
		worlds_object_owner(&have, ret_owner);
	return r;
}

static int objects_differ(struct host_world *world, bool repair,
			  char ret_text[static WORLDS_OWNER], struct error *err)
{
	struct objects *objects = objects_of(world);
	const struct reservation *have = &objects->found;
	char now[INET_ADDR_TEXT] = "none", was[INET_ADDR_TEXT] = "none";
	int r = 0;

	if (host_kube_has_vtep(&objects->step, &have->vtep))
		return 0;
	if (repair)
		r = host_kube_patch(&objects->step, have, err);
	if (r < 0)
		return r;
	inet_addr_format(&world->host->vtep, now);
	if (have->vtep.family)
		inet_addr_format(&have->vtep, was);
	snprintf(ret_text, WORLDS_OWNER,
		 "is reached by VTEP %s for the server, and by %s", was, now);
	return 1;
}

static int objects_list(struct host_world *world, struct inet_addr **ret,
			size_t *ret_count, struct error *err)
{
	cleanup_cluster_list struct cluster_list list = { 0 };
	struct objects *objects = objects_of(world);
	int r = host_kube_list(&objects->step, &list, err);

	if (r < 0)
		return r;
	*ret = calloc(list.count + 1, sizeof(**ret));
	if (!*ret)
		return error_oom(err);
	for (size_t i = 0; i < list.count; i++)
		if (host_kube_is_own(&objects->step, &list.items[i]))
			(*ret)[(*ret_count)++] = list.items[i].address;
	return 0;
}

static int objects_give(struct host_world *world, const struct inet_addr *addr,
			struct error *err)
{
	struct objects *objects = objects_of(world);
	struct cluster *cluster = objects->step.cluster;
	int r = cluster_delete(cluster, objects->found.name, objects->found.uid,
			       err);

	(void)addr;
	return r == CLUSTER_UNKNOWN ? cluster_unknown(cluster, err) : r;
}

static void objects_close(struct host_world *world)
{
	struct objects *objects = objects_of(world);

	store_close(objects->store);
	free(objects);
}

static const struct host_world_ops objects_ops = {
	.name = "the server",
	.kept = "reserved",
	.find = objects_find,
	.take = objects_take,
	.differs = objects_differ,
	.list = objects_list,
	.give = objects_give,
	.close = objects_close,
};

int host_kube_world(const struct ipam_config *config,
		    const struct ipam_host *host, struct host_world **ret,
		    struct error *err)
{
	struct objects *objects = calloc(1, sizeof(*objects));
	int r;

	if (!objects)
		return error_oom(err);
	objects->base = (struct host_world){ &objects_ops, config, host };
	objects->step = (struct host_kube){ .config = config, .host = host };
	r = host_kube_open(&objects->step, &objects->store, err);
	if (r < 0) {
		objects_close(&objects->base);
		return r;
	}
	*ret = &objects->base;
	return 0;
}
