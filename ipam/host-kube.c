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

#include "ipam/host-priv.h"
#include "ipam/store-kube-priv.h"

#include "lib/json-write.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define HOST_KUBE_LOCK_MS 5000

/* One family, or one given address, on its way. */
struct step {
	const struct ipam_config *config;
	const struct ipam_host *host;
	struct cluster *cluster; /* NULL: only looking */
	struct table_key key;
	struct host_memory memory;
	bool has_memory;
};

static bool is_vtep(const struct step *step, const struct inet_addr *vtep)
{
	return !step->host->vtep.family ||
	       inet_addr_equal(&step->host->vtep, vtep);
}

static int recall(struct step *step, uint8_t family, struct error *err)
{
	struct error lost = { 0 };
	int r = host_recall(step->config, &step->key, family, &step->memory,
			    &lost);

	/* The server knows it better. */
	if (r < 0 && lost.code == ERROR_STORE) {
		log_warning("%s", lost.details);
		r = TABLE_ABSENT;
	}
	if (r < 0)
		*err = lost;
	step->has_memory = r == 0;
	return r < 0 ? r : 0;
}

static int remember(struct step *step, const struct inet_prefix *address)
{
	struct error lost = { 0 };

	if (step->has_memory &&
	    inet_prefix_equal(&step->memory.address, address) &&
	    is_vtep(step, &step->memory.vtep))
		return 0;
	if (host_write(step->config, &step->key, step->host, address, &lost) <
	    0)
		log_warning("the node's address is not remembered, and asked "
			    "for each time: %s",
			    lost.details);
	return 0;
}

/* --- requests ---------------------------------------------------------------------- */

static int fill(const struct step *step, const struct inet_addr *addr,
		struct reservation *want, struct error *err)
{
	struct cluster *cluster = step->cluster;
	int r;

	*want = (struct reservation){
		.address = *addr,
		.is_host = true,
		.vtep = step->host->vtep,
	};
	if (strlen(step->host->node) >= sizeof(want->node))
		return error_set(err, ERROR_CONFIG, ENAMETOOLONG,
				 "node \"%.32s...\"", step->host->node);
	snprintf(want->pool, sizeof(want->pool), "%s", step->config->pool);
	snprintf(want->node, sizeof(want->node), "%s", step->host->node);
	memcpy(want->boot_id, cluster->boot_id, sizeof(cluster->boot_id));
	r = cluster_begin(cluster, true, err);
	if (r == STORE_BUSY)
		return error_set(err, ERROR_AGAIN, 0,
				 "the address store is locked");
	if (r < 0)
		return r;
	r = ledger_attempt(cluster->ledger, want->attempt, err);
	return cluster_end(cluster, r, err);
}

static bool is_own(const struct step *step, const struct reservation *have)
{
	return have->is_host && !have->is_going &&
	       strcmp(have->node, step->host->node) == 0;
}

/* The uid makes it a change of that object or none. */
static int patch_body(const struct step *step, const struct reservation *have,
		      char **ret, struct error *err)
{
	struct json_writer w = { 0 };
	char text[INET_ADDR_TEXT];
	size_t len;

	json_write_object(&w, NULL);
	json_write_object(&w, "metadata");
	json_write_string(&w, "uid", have->uid);
	json_write_end(&w);
	json_write_object(&w, "spec");
	json_write_string(&w, "vtep",
			  inet_addr_format(&step->host->vtep, text));
	json_write_end(&w);
	json_write_end(&w);
	return json_write_finish(&w, ret, &len, err);
}

static int patch_vtep(struct step *step, const struct reservation *have,
		      struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[sizeof(RESERVATION_PATH) + 1 + RESERVATION_NAME];
	cleanup_free char *body = NULL;
	struct kube_request request = {
		.method = "PATCH",
		.path = path,
		.content_type = "application/merge-patch+json",
	};
	int r;

	if (is_vtep(step, &have->vtep))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", RESERVATION_PATH, have->name);
	r = patch_body(step, have, &body, err);
	if (r < 0)
		return r;
	request.body = body;
	r = cluster_call(step->cluster, &request, &answer, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(step->cluster, err);
	if (r < 0 || answer.status < 300)
		return r;
	return cluster_refused(step->cluster, "patch", &answer, err);
}

/* Return: 0, CLUSTER_TAKEN (@ret is the holder), CLUSTER_ABSENT (it was, and is
 * not any more), or negative */
static int create(struct step *step, const struct inet_addr *addr,
		  struct reservation *ret, struct error *err)
{
	struct reservation want;
	char name[RESERVATION_NAME];
	int r;

	r = fill(step, addr, &want, err);
	if (r == 0)
		r = cluster_post(step->cluster, &want, ret, err);
	if (r <= 0)
		return r;
	reservation_name(step->config->pool, addr, name);
	r = cluster_get(step->cluster, name, ret, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(step->cluster, err);
	if (r != 0)
		return r;
	return is_own(step, ret) ? patch_vtep(step, ret, err) : CLUSTER_TAKEN;
}

/* --- out of the range ------------------------------------------------------------------ */

static int list_own(struct step *step, struct cluster_list *ret,
		    struct error *err)
{
	char selector[256], node[RESERVATION_LABEL];

	snprintf(selector, sizeof(selector), "%s=%s,%s=%s,!%s",
		 RESERVATION_LABEL_NODE,
		 reservation_node(step->host->node, node),
		 RESERVATION_LABEL_POOL, step->config->pool,
		 RESERVATION_LABEL_OWNER);
	return cluster_list(step->cluster, selector, ret, err);
}

/* Return: 0, CLUSTER_ABSENT, or negative */
static int take_listed(struct step *step, const struct range_set *usable,
		       uint8_t family, struct inet_addr *ret, struct error *err)
{
	cleanup_cluster_list struct cluster_list list = { 0 };
	const struct reservation *best = NULL;
	int r = list_own(step, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		const struct reservation *have = &list.items[i];

		if (is_own(step, have) && have->address.family == family &&
		    range_set_contains(usable,
				       inet_addr_to_uint(&have->address)) &&
		    (!best ||
		     inet_addr_compare(&have->address, &best->address) < 0))
			best = have;
	}
	if (!best)
		return CLUSTER_ABSENT;
	*ret = best->address;
	return patch_vtep(step, best, err);
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

static int walk(struct step *step, const struct range_set *usable,
		const struct range *range, struct inet_addr *ret,
		struct error *err)
{
	struct reservation have;
	inet_uint value = 0;
	int r;

	while (range_set_next(usable, value, &value)) {
		*ret = inet_addr_from_uint(range->network.addr.family, value);
		r = create(step, ret, &have, err);
		if (r <= 0)
			return r;
		/* What was released in that moment is tried once more. */
		if (r == CLUSTER_TAKEN && ++value == 0)
			break;
	}
	return exhausted(range, err);
}

/* What it had, if nobody has it now. Return: 0, CLUSTER_ABSENT, or negative */
static int take_remembered(struct step *step, const struct range_set *usable,
			   struct inet_addr *ret, struct error *err)
{
	struct reservation have;
	int r;

	*ret = step->memory.address.addr;
	if (!step->has_memory ||
	    !range_set_contains(usable, inet_addr_to_uint(ret)))
		return CLUSTER_ABSENT;
	r = create(step, ret, &have, err);
	return r > 0 ? CLUSTER_ABSENT : r;
}

static int claim_family(struct step *step, const struct range_set *usable,
			const struct range *range, struct inet_addr *ret,
			struct error *err)
{
	int r;

	r = take_listed(step, usable, range->network.addr.family, ret, err);
	if (r == CLUSTER_ABSENT)
		r = take_remembered(step, usable, ret, err);
	if (r == CLUSTER_ABSENT)
		r = walk(step, usable, range, ret, err);
	return r;
}

static int step_range(struct step *step, const struct range *range,
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
		return step->has_memory && is_vtep(step, &step->memory.vtep) &&
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

static int held_key(const struct step *step, const struct inet_addr *addr,
		    struct table_key *key, struct error *err)
{
	const struct inet_prefix host = inet_prefix_host(addr);

	return host_key(step->config, step->host, &host, key, err);
}

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

/* Return: 1 if it is known to be held, 0 if not (looking only), or negative */
static int step_given(struct step *step, const struct inet_prefix *given,
		      struct error *err)
{
	const struct inet_prefix host = inet_prefix_host(&given->addr);
	struct reservation have;
	int r;

	r = held_key(step, &given->addr, &step->key, err);
	if (r == 0)
		r = recall(step, given->addr.family, err);
	if (r < 0)
		return r;
	if (step->has_memory && is_vtep(step, &step->memory.vtep))
		return 1;
	if (!step->cluster)
		return 0;
	do {
		r = create(step, &given->addr, &have, err);
	} while (r == CLUSTER_ABSENT);
	if (r == CLUSTER_TAKEN)
		return held_by_another(&have, err);
	if (r < 0)
		return r;
	remember(step, &host);
	return 1;
}

/* --- the server ---------------------------------------------------------------------------- */

static int open_cluster(struct step *step, struct store **ret,
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
	struct step step = { .config = config, .host = host };
	cleanup_store struct store *store = NULL;
	int r = 0;

	if (claim)
		r = open_cluster(&step, &store, err);
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
	struct step step = { .config = config, .host = host };
	int r = 1;

	if (config->store != IPAM_STORE_KUBERNETES)
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
	struct step step = { .config = config, .host = host };
	cleanup_store struct store *store = NULL;
	int r;

	if (config->store != IPAM_STORE_KUBERNETES)
		return 0;
	r = open_cluster(&step, &store, err);
	for (size_t i = 0; i < addresses->count && r >= 0; i++)
		r = step_given(&step, &addresses->items[i], err);
	return r < 0 ? error_context(err, "the node's address") : 0;
}
