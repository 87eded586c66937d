/*
 * Single requests for Whereabouts' objects, and what their answers say. As in
 * store-kube-request.c, each ends as done, decided otherwise, refused for a
 * reason that lasts, not done, or not known.
 *
 * A patch in which a test fails is answered with 422 and no causes; what the
 * schema does not take, with causes: the first is an outcome, the second an
 * error that lasts.
 *
 * A patch of a pool costs the server the whole pool, and it repeats each one that
 * another came in between of: many at once are many times as many. A large pool's
 * patch says which version it is for, so that it is refused instead, and comes
 * again after a while: as long as a patch takes, doubled, at random. And the
 * processes of a node take
 * turns, by a lock per pool. It is a courtesy and guards nothing: who has waited
 * long enough goes on without it, since a server that is sick must not stop all.
 */

#include "ipam/whereabouts-priv.h"

#include "lib/hash.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define API_PATH  "/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/"
#define POOLS     "ippools"
#define OVERLAPS  "overlappingrangeipreservations"
#define NAMESPACE "kube-system" /* where the kubeconfig names none */

/* A pool of thousands takes seconds while many nodes change it. */
#define PATCH_TIMEOUT_S 10
#define PATCH_HASTY_S   3
#define POOL_MAX        (8u << 20) /* bytes; etcd takes 1.5 MiB */
#define TURN_MS         10000
#define TURN_HASTY_MS   1000
#define PAUSE_MAX_MS    4000
#define PAUSE_MIN_MS    4
#define PAUSE_DOUBLINGS 3
#define METADATA_ONLY                                                          \
	"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"        \
	"application/json"

#define NAMES_ONLY "application/json;as=Table;g=meta.k8s.io;v=v1"

/* --- paths ------------------------------------------------------------------------ */

#define PATH                                                                   \
	(sizeof(API_PATH) + 64 + 1 + sizeof(OVERLAPS) + 1 + WHEREABOUTS_NAME + \
	 32)

static bool is_label(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len < 64 &&
	       !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

/* The namespace of all objects, as Whereabouts has it. */
static int name_space(struct cluster *cluster, const char **ret,
		      struct error *err)
{
	struct kube *kube;
	int r;

	r = cluster_kube(cluster, &kube, err);
	if (r < 0)
		return r;
	*ret = kube_namespace(kube);
	if (!*ret)
		*ret = NAMESPACE;
	if (is_label(*ret))
		return 0;
	return error_set(err, ERROR_CONFIG, 0,
			 "kubeconfig %s: namespace \"%.64s\" is no name",
			 cluster->config->kubeconfig, *ret);
}

/* @name is "" for the collection. */
static int path_of(struct cluster *cluster, const char *plural,
		   const char *name, char ret[static PATH], struct error *err)
{
	const char *space;
	int r = name_space(cluster, &space, err);

	if (r == 0)
		snprintf(ret, PATH, API_PATH "%s/%s%s%s", space, plural,
			 *name ? "/" : "", name);
	return r;
}

static int no_name(const struct whereabouts_claim *claim, const char *what,
		   struct error *err)
{
	char text[INET_PREFIX_TEXT];

	return error_set(
		err, ERROR_CONFIG, 0,
		"ipam: range %s%s%s: Whereabouts' %s of it would have a name that no object can have",
		whereabouts_range(&claim->range, text),
		*claim->network ? ", network_name " : "", claim->network, what);
}

static int pool_path(struct cluster *cluster,
		     const struct whereabouts_claim *claim,
		     char ret[static PATH], struct error *err)
{
	char name[WHEREABOUTS_NAME];

	if (whereabouts_pool_name(claim->network, &claim->range, name) != 0)
		return no_name(claim, "pool", err);
	return path_of(cluster, POOLS, name, ret, err);
}

static int overlap_path(struct cluster *cluster,
			const struct whereabouts_claim *claim,
			const struct inet_addr *addr, char ret[static PATH],
			struct error *err)
{
	char name[WHEREABOUTS_NAME];

	if (whereabouts_overlap_name(claim->network, addr, name) != 0)
		return no_name(claim, "overlap record", err);
	return path_of(cluster, OVERLAPS, name, ret, err);
}

int whereabouts_check_names(const struct whereabouts_claim *claim,
			    struct error *err)
{
	char name[WHEREABOUTS_NAME];

	return whereabouts_pool_name(claim->network, &claim->range, name) == 0
		       ? 0
		       : no_name(claim, "pool", err);
}

/* --- turns ------------------------------------------------------------------------ */

void whereabouts_leave(int *gate)
{
	if (*gate >= 0)
		close(*gate);
	*gate = -1;
}

/* Half of what is left, so that there is time for what we wait for. */
static unsigned int turn_ms(const struct cluster *cluster)
{
	uint64_t most = cluster->is_patient ? TURN_MS : TURN_HASTY_MS;
	uint64_t now = file_boottime_ms();
	uint64_t end = cluster->config->deadline_ms;
	uint64_t left = most;

	if (cluster->limit_ms && (!end || cluster->limit_ms < end))
		end = cluster->limit_ms;
	if (end)
		left = end > now ? (end - now) / 2 : 0;
	return (unsigned int)(left < most ? left : most);
}

void whereabouts_enter(struct cluster *cluster,
		       const struct whereabouts_claim *claim, int *gate)
{
	char name[WHEREABOUTS_NAME];
	cleanup_free char *path = NULL;
	struct error lost = { 0 };
	uint64_t hash;

	if (*gate >= 0 ||
	    whereabouts_pool_name(claim->network, &claim->range, name) != 0)
		return;
	hash = hash_add(HASH_INIT, name, strlen(name));
	if (asprintf(&path, "%s/turn-%016" PRIx64, cluster->config->state_dir,
		     hash) < 0) {
		path = NULL;
		return;
	}
	if (file_lock(path, true, turn_ms(cluster), gate, &lost) != 0)
		log_debug("pool %s is changed out of turn: %s", name,
			  error_is_set(&lost) ? lost.details : "it takes long");
}

void whereabouts_pause(unsigned int n, uint64_t took_ms)
{
	uint64_t most = took_ms > PAUSE_MIN_MS ? took_ms : PAUSE_MIN_MS;
	struct timespec pause;
	uint32_t random = 0;

	most <<= n < PAUSE_DOUBLINGS ? n : PAUSE_DOUBLINGS;
	if (most > PAUSE_MAX_MS)
		most = PAUSE_MAX_MS;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = (uint32_t)file_boottime_ms();
	most = PAUSE_MIN_MS + random % most;
	pause.tv_sec = (time_t)(most / 1000);
	pause.tv_nsec = (long)(most % 1000) * 1000000;
	nanosleep(&pause, NULL);
}

/* --- answers ---------------------------------------------------------------------- */

static bool is_undefined(const struct kube_answer *answer)
{
	return answer->status == 404 && !*answer->reason;
}

static bool has_causes(const struct kube_answer *answer)
{
	struct json_at root, details, causes;

	if (!answer->document)
		return false;
	root = json_root(answer->document);
	return json_member(&root, "details", &details) &&
	       json_member(&details, "causes", &causes) &&
	       json_count(&causes) > 0;
}

/* A test of the patch failed; or the server itself gave up repeating it. */
static bool is_conflict(const struct kube_answer *answer)
{
	return answer->status == 409 ||
	       (answer->status == 422 && !has_causes(answer));
}

static int refused(struct cluster *cluster, const char *verb,
		   const char *plural, const struct kube_answer *answer,
		   struct error *err)
{
	const char *server = kube_server(cluster->kube);
	const char *space = kube_namespace(cluster->kube);

	if (is_undefined(answer))
		return error_set(
			err, ERROR_CONFIG, 0,
			"%.120s does not know %s.whereabouts.cni.cncf.io: kubectl apply -f doc/crds/whereabouts.cni.cncf.io_%s.yaml of Whereabouts",
			server, plural, plural);
	if (answer->status == 403)
		return error_set(
			err, ERROR_CONFIG, 0,
			"%.120s: no right to %s %s.whereabouts.cni.cncf.io in namespace %s (conf/kubernetes/whereabouts.yaml gives it): %s",
			server, verb, plural, space ? space : NAMESPACE,
			answer->message);
	return error_set(err, answer->status == 401 ? ERROR_AGAIN : ERROR_STORE,
			 0, "%.120s: %s %s: %d: %s", server, verb, plural,
			 answer->status, answer->message);
}

/* --- pools ------------------------------------------------------------------------ */

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

int whereabouts_pool_get(struct cluster *cluster,
			 const struct whereabouts_claim *claim,
			 struct whereabouts_view *view, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[PATH];
	const struct kube_request request = {
		.method = "GET",
		.path = path,
		.answer_max = POOL_MAX,
	};
	int r;

	r = pool_path(cluster, claim, path, err);
	if (r == 0)
		r = cluster_call(cluster, &request, &answer, err);
	if (r != 0)
		return r;
	if (answer.status == 404 && !is_undefined(&answer))
		return WHEREABOUTS_GONE;
	if (answer.status >= 300)
		return refused(cluster, "get", POOLS, &answer, err);
	return view_fill(view, &answer, err);
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

int whereabouts_pool_post(struct cluster *cluster,
			  const struct whereabouts_claim *claim,
			  struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char name[WHEREABOUTS_NAME], path[PATH], range[INET_PREFIX_TEXT];
	cleanup_free char *body = NULL;
	struct kube_request request = { .method = "POST", .path = path };
	int r;

	if (whereabouts_pool_name(claim->network, &claim->range, name) != 0)
		return no_name(claim, "pool", err);
	r = path_of(cluster, POOLS, "", path, err);
	if (r == 0)
		r = whereabouts_pool_write(name,
					   whereabouts_range(&claim->range,
							     range),
					   &body, err);
	if (r < 0)
		return r;
	request.body = body;
	r = cluster_call(cluster, &request, &answer, err);
	if (r != 0 || answer.status == 409)
		return r;
	if (answer.status >= 300)
		return refused(cluster, "create", POOLS, &answer, err);
	untrack(cluster, claim);
	return 0;
}

int whereabouts_pool_patch(struct cluster *cluster,
			   const struct whereabouts_claim *claim,
			   const char *patch, struct error *err)
{
	const unsigned int timeout_s = cluster->is_patient ? PATCH_TIMEOUT_S
							   : PATCH_HASTY_S;
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[PATH];
	const struct kube_request request = {
		.method = "PATCH",
		.path = path,
		.accept = METADATA_ONLY,
		.content_type = "application/json-patch+json",
		.body = patch,
		.timeout_ms = timeout_s * 1000,
		.answer_max = POOL_MAX,
	};
	size_t len;
	int r;

	r = pool_path(cluster, claim, path, err);
	if (r < 0)
		return r;
	len = strlen(path);
	snprintf(path + len, sizeof(path) - len, "?timeout=%us", timeout_s);
	r = cluster_call(cluster, &request, &answer, err);
	if (r != 0)
		return r;
	if (is_conflict(&answer))
		return WHEREABOUTS_CONFLICT;
	if (answer.status == 404 && !is_undefined(&answer))
		return WHEREABOUTS_GONE;
	return answer.status < 300
		       ? 0
		       : refused(cluster, "patch", POOLS, &answer, err);
}

/* --- overlap records --------------------------------------------------------------- */

void whereabouts_record_clear(struct whereabouts_record *record)
{
	json_free(record->document);
	*record = (struct whereabouts_record){ 0 };
}

static int record_fill(struct whereabouts_record *record,
		       struct kube_answer *answer, struct error *err)
{
	struct json_at root;

	whereabouts_record_clear(record);
	record->document = take_ptr(answer->document);
	root = json_root(record->document);
	return whereabouts_overlap_read(&root, &record->overlap, err);
}

int whereabouts_overlap_post(struct cluster *cluster,
			     const struct whereabouts_claim *claim,
			     const struct inet_addr *addr,
			     struct whereabouts_record *ret, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char name[WHEREABOUTS_NAME], path[PATH];
	cleanup_free char *body = NULL;
	struct kube_request request = { .method = "POST", .path = path };
	int r;

	if (whereabouts_overlap_name(claim->network, addr, name) != 0)
		return no_name(claim, "overlap record", err);
	r = path_of(cluster, OVERLAPS, "", path, err);
	if (r == 0)
		r = whereabouts_overlap_write(name, &claim->holder, &body, err);
	if (r < 0)
		return r;
	request.body = body;
	r = cluster_call(cluster, &request, &answer, err);
	if (r != 0)
		return r;
	if (answer.status == 409)
		return WHEREABOUTS_CONFLICT;
	if (answer.status >= 300)
		return refused(cluster, "create", OVERLAPS, &answer, err);
	return record_fill(ret, &answer, err);
}

int whereabouts_overlap_get(struct cluster *cluster,
			    const struct whereabouts_claim *claim,
			    const struct inet_addr *addr,
			    struct whereabouts_record *ret, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[PATH];
	const struct kube_request request = { .method = "GET", .path = path };
	int r;

	r = overlap_path(cluster, claim, addr, path, err);
	if (r == 0)
		r = cluster_call(cluster, &request, &answer, err);
	if (r != 0)
		return r;
	if (answer.status == 404 && !is_undefined(&answer))
		return WHEREABOUTS_GONE;
	if (answer.status >= 300)
		return refused(cluster, "get", OVERLAPS, &answer, err);
	return record_fill(ret, &answer, err);
}

#define RECORDS  500 /* of a page */
#define CONTINUE 1024

/* A page behind @next, which is set to what comes behind that. */
static int overlap_page(struct cluster *cluster, char next[static CONTINUE],
			struct kube_answer *answer, struct error *err)
{
	char path[PATH + CONTINUE];
	const struct kube_request request = { .method = "GET", .path = path };
	struct json_at root, metadata, at;
	const char *token = "";
	size_t len;
	int r;

	r = path_of(cluster, OVERLAPS, "", path, err);
	if (r < 0)
		return r;
	len = strlen(path);
	snprintf(path + len, sizeof(path) - len, "?limit=%d%s%s", RECORDS,
		 *next ? "&continue=" : "", next);
	r = cluster_call(cluster, &request, answer, err);
	if (r != 0)
		return r;
	if (answer->status >= 300)
		return refused(cluster, "list", OVERLAPS, answer, err);
	root = json_root(answer->document);
	if (json_member(&root, "metadata", &metadata) &&
	    json_member(&metadata, "continue", &at) && json_text(&at))
		token = json_text(&at);
	if (strlen(token) >= CONTINUE ||
	    token[strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
				"uvwxyz0123456789-_=")])
		return error_set(err, ERROR_STORE, 0,
				 "list " OVERLAPS ": no continuation");
	snprintf(next, CONTINUE, "%s", token);
	return 0;
}

int whereabouts_overlap_each(struct cluster *cluster,
			     int (*each)(void *arg,
					 const struct whereabouts_overlap *have,
					 struct error *err),
			     void *arg, struct error *err)
{
	char next[CONTINUE] = "";

	do {
		cleanup_kube_answer struct kube_answer answer = { 0 };
		struct json_at root, items;
		int r = overlap_page(cluster, next, &answer, err);

		if (r != 0)
			return r;
		root = json_root(answer.document);
		if (!json_member(&root, "items", &items))
			return 0;
		for (size_t i = 0; i < json_count(&items); i++) {
			struct json_at item = json_element(&items, i);
			struct whereabouts_overlap have;
			struct error none = { 0 };

			if (whereabouts_overlap_read(&item, &have, &none) < 0)
				continue;
			r = each(arg, &have, err);
			if (r != 0)
				return r;
		}
	} while (*next);
	return 0;
}

int whereabouts_overlap_delete(struct cluster *cluster,
			       const struct whereabouts_claim *claim,
			       const struct inet_addr *addr, const char *uid,
			       struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[PATH];
	cleanup_free char *body = NULL;
	struct kube_request request = { .method = "DELETE", .path = path };
	int r;

	r = overlap_path(cluster, claim, addr, path, err);
	if (r == 0)
		r = cluster_delete_body(uid, &body, err);
	if (r < 0)
		return r;
	request.body = body;
	r = cluster_call(cluster, &request, &answer, err);
	if (r != 0)
		return r;
	if (answer.status < 300 || answer.status == 409 ||
	    (answer.status == 404 && !is_undefined(&answer)))
		return 0;
	return refused(cluster, "delete", OVERLAPS, &answer, err);
}

/* --- all of them --------------------------------------------------------------------- */

static int add_row(const struct json_at *row,
		   const struct whereabouts_claim *claim, uint8_t family,
		   struct range_set *ret, struct error *err)
{
	struct json_at cells, cell;
	struct inet_addr addr;
	inet_uint value;

	if (!json_member(row, "cells", &cells) || json_count(&cells) == 0)
		return 0;
	cell = json_element(&cells, 0);
	if (!json_text(&cell) ||
	    whereabouts_overlap_addr(claim->network, json_text(&cell), &addr) !=
		    0 ||
	    addr.family != family)
		return 0;
	value = inet_addr_to_uint(&addr);
	return range_set_add(ret, value, value, err);
}

/* Names alone, a hundred bytes each. */
int whereabouts_list_overlaps(struct cluster *cluster,
			      const struct whereabouts_claim *claim,
			      uint8_t family, struct range_set *ret,
			      struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[PATH];
	const struct kube_request request = {
		.method = "GET",
		.path = path,
		.accept = NAMES_ONLY,
		.answer_max = POOL_MAX,
	};
	struct json_at root, rows;
	int r;

	r = path_of(cluster, OVERLAPS, "", path, err);
	if (r < 0)
		return r;
	snprintf(path + strlen(path), sizeof(path) - strlen(path),
		 "?includeObject=None");
	r = cluster_call(cluster, &request, &answer, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(cluster, err);
	if (r < 0)
		return r;
	if (answer.status >= 300)
		return refused(cluster, "list", OVERLAPS, &answer, err);
	root = json_root(answer.document);
	if (!json_member(&root, "rows", &rows))
		return 0;
	for (size_t i = 0; i < json_count(&rows) && r == 0; i++) {
		const struct json_at row = json_element(&rows, i);

		r = add_row(&row, claim, family, ret, err);
	}
	return r;
}
