/*
 * A node's own address as an object: found by the node's name, made, and changed
 * where the VTEP differs, which is all that may change.
 */

#include "ipam/host-kube-priv.h"

#include "lib/json-write.h"

#include <stdio.h>
#include <string.h>

static int fill(const struct host_kube *step, const struct inet_addr *addr,
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

bool host_kube_is_own(const struct host_kube *step,
		      const struct reservation *have)
{
	return have->is_host && !have->is_going &&
	       strcmp(have->node, step->host->node) == 0;
}

/* The uid makes it a change of that object or none. */
static int patch_body(const struct host_kube *step,
		      const struct reservation *have, char **ret,
		      struct error *err)
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

int host_kube_patch(struct host_kube *step, const struct reservation *have,
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

	if (host_kube_has_vtep(step, &have->vtep))
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

/* An object that was made for it is not left without a key. */
static int take_or_delete(struct host_kube *step, struct reservation *have,
			  struct error *err)
{
	const struct reservation made = *have;
	int r = host_both_take(step, &made.address, have, err);
	int gone;

	if (r != CLUSTER_TAKEN)
		return r;
	gone = cluster_delete(step->cluster, made.name, made.uid, err);
	if (gone == CLUSTER_UNKNOWN)
		return cluster_unknown(step->cluster, err);
	return gone < 0 ? gone : CLUSTER_TAKEN;
}

int host_kube_create(struct host_kube *step, const struct inet_addr *addr,
		     struct reservation *ret, struct error *err)
{
	struct reservation want;
	char name[RESERVATION_NAME];
	int r;

	r = fill(step, addr, &want, err);
	if (r == 0)
		r = cluster_post(step->cluster, &want, ret, err);
	if (r == 0)
		return take_or_delete(step, ret, err);
	if (r < 0)
		return r;
	reservation_name(step->config->pool, addr, name);
	r = cluster_get(step->cluster, name, ret, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(step->cluster, err);
	if (r != 0)
		return r;
	if (!host_kube_is_own(step, ret))
		return CLUSTER_TAKEN;
	r = host_kube_patch(step, ret, err);
	return r < 0 ? r : host_both_take(step, addr, ret, err);
}

int host_kube_list(struct host_kube *step, struct cluster_list *ret,
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
