/*
 * Requests for pools. One is read whole, and changed by patches that test what
 * they change; when, is whereabouts-turn.c's.
 */

#include "ipam/whereabouts-request-priv.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

/* A pool of thousands takes seconds while many nodes change it. */
#define PATCH_TIMEOUT_S 10
#define PATCH_HASTY_S   3

#define METADATA_ONLY                                                          \
	"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"        \
	"application/json"

void whereabouts_view_clear(struct whereabouts_view *view)
{
	whereabouts_leave(&view->gate);
	whereabouts_pool_clear(&view->pool);
	view->document = json_free(view->document);
}

static int view_fill(struct whereabouts_view *view, struct kube_answer *answer,
		     struct error *err)
{
	struct json_at root;

	whereabouts_pool_clear(&view->pool);
	json_free(view->document);
	view->document = take_ptr(answer->document);
	root = json_root(view->document);
	return whereabouts_pool_read(&root, &view->pool, err);
}

static int pool_path(struct cluster *cluster,
		     const struct whereabouts_claim *claim,
		     char ret[static WHEREABOUTS_PATH], struct error *err)
{
	char name[WHEREABOUTS_NAME];

	if (whereabouts_pool_name(claim->network, &claim->range, name) != 0)
		return whereabouts_no_name(claim, "pool", err);
	return whereabouts_path(cluster, WHEREABOUTS_POOLS, name, ret, err);
}

int whereabouts_pool_get(struct cluster *cluster,
			 const struct whereabouts_claim *claim,
			 struct whereabouts_view *view, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[WHEREABOUTS_PATH];
	struct kube_request request = {
		.path = path,
		.answer_max = WHEREABOUTS_MAX,
	};
	int r;

	r = pool_path(cluster, claim, path, err);
	if (r == 0)
		r = whereabouts_ask(cluster, WHEREABOUTS_GET, WHEREABOUTS_POOLS,
				    &request, &answer, err);
	return r == 0 ? view_fill(view, &answer, err) : r;
}

/* Who wrote what is noted in the pool itself, and makes each patch twice as
 * dear. One that says so is as good, and only slower. */
static void untrack(struct cluster *cluster,
		    const struct whereabouts_claim *claim)
{
	cleanup_free char *patch = NULL;
	struct error lost = { 0 };
	int r = whereabouts_pool_untrack(&patch, &lost);

	if (r == 0)
		r = whereabouts_pool_patch(cluster, claim, patch, &lost);
	if (r != 0)
		log_debug("managedFields stay: %s",
			  r < 0 ? lost.details : "the pool is not there");
}

static int pool_body(const struct whereabouts_claim *claim, char **ret,
		     struct error *err)
{
	char name[WHEREABOUTS_NAME], range[INET_PREFIX_TEXT];

	if (whereabouts_pool_name(claim->network, &claim->range, name) != 0)
		return whereabouts_no_name(claim, "pool", err);
	return whereabouts_pool_write(name,
				      whereabouts_range(&claim->range, range),
				      ret, err);
}

int whereabouts_pool_post(struct cluster *cluster,
			  const struct whereabouts_claim *claim,
			  struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[WHEREABOUTS_PATH];
	cleanup_free char *body = NULL;
	struct kube_request request = { .path = path };
	int r;

	r = pool_body(claim, &body, err);
	if (r == 0)
		r = whereabouts_path(cluster, WHEREABOUTS_POOLS, "", path, err);
	if (r < 0)
		return r;
	request.body = body;
	r = whereabouts_ask(cluster, WHEREABOUTS_CREATE, WHEREABOUTS_POOLS,
			    &request, &answer, err);
	if (r == 0)
		untrack(cluster, claim);
	return r == WHEREABOUTS_CONFLICT ? 0 : r;
}

int whereabouts_pool_patch(struct cluster *cluster,
			   const struct whereabouts_claim *claim,
			   const char *patch, struct error *err)
{
	const unsigned int timeout_s = cluster->is_patient ? PATCH_TIMEOUT_S
							   : PATCH_HASTY_S;
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[WHEREABOUTS_PATH];
	struct kube_request request = {
		.path = path,
		.accept = METADATA_ONLY,
		.content_type = "application/json-patch+json",
		.body = patch,
		.timeout_ms = timeout_s * 1000,
		.answer_max = WHEREABOUTS_MAX,
	};
	size_t len;
	int r;

	r = pool_path(cluster, claim, path, err);
	if (r < 0)
		return r;
	len = strlen(path);
	snprintf(path + len, sizeof(path) - len, "?timeout=%us", timeout_s);
	return whereabouts_ask(cluster, WHEREABOUTS_PATCH, WHEREABOUTS_POOLS,
			       &request, &answer, err);
}
