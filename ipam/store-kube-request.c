/*
 * Requests for Reservations, and what their answers say. Every end of a request
 * is one of: done, decided otherwise (taken, absent), refused for a reason that
 * lasts, not done because the server is away, or not known.
 *
 * All reads are consistent ones: without a resourceVersion the server answers
 * with what is committed. One with resourceVersion=0 could show what was before
 * our own last request.
 */

#include "ipam/store-kube-priv.h"

#include "lib/json-write.h"
#include "lib/log.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIST_LIMIT     500 /* objects of a page, a kilobyte each */
#define TABLE_LIMIT    8000 /* rows of a page, a hundred bytes each */
#define TABLE_ACCEPT   "application/json;as=Table;g=meta.k8s.io;v=v1"
#define AGAIN_MAX      3
#define AGAIN_PAUSE_NS 200000000
#define TURNS          8 /* of a node at a time */
#define TURN_MS        10000
#define TURN_HASTY_MS  500
#define POST_TIMEOUT   "?timeout=3s" /* the server's own, as KUBE_REQUEST_MS */

/* --- one request ----------------------------------------------------------------- */

static void set_deadline(struct cluster *cluster)
{
	uint64_t deadline = cluster->config->deadline_ms;

	if (cluster->limit_ms && (!deadline || cluster->limit_ms < deadline))
		deadline = cluster->limit_ms;
	kube_set_deadline(cluster->kube, deadline);
}

uint64_t cluster_limit(struct cluster *cluster, uint64_t limit_ms)
{
	uint64_t before = cluster->limit_ms;
	uint64_t end = file_boottime_ms() + limit_ms;

	if (limit_ms && (!before || end < before))
		cluster->limit_ms = end;
	return before;
}

void cluster_unlimit(struct cluster *cluster, uint64_t before)
{
	cluster->limit_ms = before;
}

int cluster_kube(struct cluster *cluster, struct kube **ret, struct error *err)
{
	int r = 0;

	if (!cluster->kube)
		r = kube_open(cluster->config->kubeconfig, &cluster->kube, err);
	*ret = cluster->kube;
	return r;
}

/* An ADD has time, and what never arrived may be sent again. */
static int call_patiently(struct cluster *cluster,
			  const struct kube_request *request,
			  struct kube_answer *ret, struct error *err)
{
	const struct timespec pause = { .tv_nsec = AGAIN_PAUSE_NS };
	int r = kube_call(cluster->kube, request, ret, err);

	for (unsigned int i = 0;
	     i < AGAIN_MAX && r == KUBE_AWAY && cluster->is_patient; i++) {
		nanosleep(&pause, NULL);
		r = kube_call(cluster->kube, request, ret, err);
	}
	return r;
}

/*
 * The first request brings a handshake. When a node's pods all come at once, and
 * other nodes' too, a busy server works at all handshakes and has none of them
 * done before nearly all are, perhaps not before everybody has given up, and then
 * it was for nothing. So a node has some on their way at a time, and the others
 * wait. That is a courtesy, no lock: who waited for long goes ahead, because a
 * server that is silent for some must not stop all.
 */
static void turn_take(struct cluster *cluster, int *turn)
{
	uint64_t wait = cluster->is_patient ? TURN_MS : TURN_HASTY_MS;
	cleanup_free char *path = NULL;
	struct error lost = { 0 };

	if (cluster->has_asked)
		return;
	cluster->has_asked = true;
	if (asprintf(&path, "%s/turn.%d", cluster->config->state_dir,
		     (int)(getpid() % TURNS)) < 0) {
		path = NULL;
		return;
	}
	if (file_lock(path, true, (unsigned int)wait, turn, &lost) != 0)
		log_debug("the server is asked out of turn: %s",
			  error_is_set(&lost) ? lost.details : "it takes long");
}

int cluster_call(struct cluster *cluster, const struct kube_request *request,
		 struct kube_answer *ret, struct error *err)
{
	cleanup_close int turn = -1;
	struct kube *kube;
	int r;

	r = cluster_kube(cluster, &kube, err);
	if (r < 0)
		return r;
	turn_take(cluster, &turn);
	set_deadline(cluster);
	r = call_patiently(cluster, request, ret, err);
	if (r < 0 || r == 0)
		return r;
	snprintf(cluster->why, sizeof(cluster->why), "%.120s: %s",
		 kube_server(kube), ret->message);
	if (r == KUBE_UNKNOWN)
		return CLUSTER_UNKNOWN;
	return error_set(err, ERROR_AGAIN, 0, "%s", cluster->why);
}

int cluster_unknown(struct cluster *cluster, struct error *err)
{
	return error_set(err, ERROR_AGAIN, 0, "%s", cluster->why);
}

static bool is_undefined(const struct kube_answer *answer)
{
	return answer->status == 404 && !*answer->reason;
}

int cluster_refused(struct cluster *cluster, const char *verb,
		    const struct kube_answer *answer, struct error *err)
{
	const char *server = kube_server(cluster->kube);

	if (is_undefined(answer))
		return error_set(
			err, ERROR_CONFIG, 0,
			"%.120s does not know reservations.hostshim.dev: kubectl apply -f conf/kubernetes/crd.yaml",
			server);
	if (answer->status == 403)
		return error_set(
			err, ERROR_CONFIG, 0,
			"%.120s: no right to %s reservations (conf/kubernetes/rbac.yaml gives it): %s",
			server, verb, answer->message);
	return error_set(err, answer->status == 401 ? ERROR_AGAIN : ERROR_STORE,
			 0, "%.120s: %s reservations: %d: %s", server, verb,
			 answer->status, answer->message);
}

/* --- one object ------------------------------------------------------------------- */

/* An answer that is said to be an object. */
static int read_object(struct cluster *cluster,
		       const struct kube_answer *answer,
		       struct reservation *ret)
{
	const struct json_at root = json_root(answer->document);
	struct error err = { 0 };

	if (reservation_read(&root, ret, &err) == 0)
		return 0;
	snprintf(cluster->why, sizeof(cluster->why), "%.120s: %.500s",
		 kube_server(cluster->kube), err.details);
	return CLUSTER_UNKNOWN;
}

static int post_judge(struct cluster *cluster, const struct reservation *want,
		      const struct kube_answer *answer, struct reservation *ret,
		      struct error *err)
{
	int r;

	if (answer->status == 409)
		return CLUSTER_TAKEN;
	if (answer->status >= 300)
		return cluster_refused(cluster, "create", answer, err);
	r = read_object(cluster, answer, ret);
	if (r != 0)
		return r;
	/* Anything else is not what we asked for, whoever says it is. */
	if (strcmp(ret->attempt, want->attempt) == 0)
		return 0;
	snprintf(cluster->why, sizeof(cluster->why),
		 "%.120s answers with another object", ret->name);
	return CLUSTER_UNKNOWN;
}

int cluster_post(struct cluster *cluster, const struct reservation *want,
		 struct reservation *ret, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	cleanup_free char *body = NULL;
	struct kube_request request = {
		.method = "POST",
		.path = RESERVATION_PATH POST_TIMEOUT,
	};
	int r;

	r = reservation_write(want, &body, err);
	if (r < 0)
		return r;
	request.body = body;
	r = cluster_call(cluster, &request, &answer, err);
	if (r != 0)
		return r;
	return post_judge(cluster, want, &answer, ret, err);
}

int cluster_get(struct cluster *cluster, const char *name,
		struct reservation *ret, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[sizeof(RESERVATION_PATH) + 1 + RESERVATION_NAME];
	const struct kube_request request = { .method = "GET", .path = path };
	int r;

	snprintf(path, sizeof(path), "%s/%s", RESERVATION_PATH, name);
	r = cluster_call(cluster, &request, &answer, err);
	if (r != 0)
		return r;
	if (answer.status == 404 && !is_undefined(&answer))
		return CLUSTER_ABSENT;
	if (answer.status >= 300)
		return cluster_refused(cluster, "get", &answer, err);
	return read_object(cluster, &answer, ret);
}

int cluster_delete_body(const char *uid, char **ret, struct error *err)
{
	struct json_writer w = { 0 };
	size_t len;

	json_write_object(&w, NULL);
	json_write_string(&w, "apiVersion", "v1");
	json_write_string(&w, "kind", "DeleteOptions");
	json_write_object(&w, "preconditions");
	json_write_string(&w, "uid", uid);
	json_write_end(&w);
	json_write_end(&w);
	return json_write_finish(&w, ret, &len, err);
}

int cluster_delete(struct cluster *cluster, const char *name, const char *uid,
		   struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[sizeof(RESERVATION_PATH) + 1 + RESERVATION_NAME];
	cleanup_free char *body = NULL;
	struct kube_request request = { .method = "DELETE", .path = path };
	int r;

	snprintf(path, sizeof(path), "%s/%s", RESERVATION_PATH, name);
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
	return cluster_refused(cluster, "delete", &answer, err);
}

/* --- lists ------------------------------------------------------------------------ */

static void append_escaped(char *to, size_t size, const char *text)
{
	size_t len = strlen(to);

	for (const char *p = text; *p && len + 4 < size; p++) {
		unsigned char c = (unsigned char)*p;

		if (isalnum(c) || strchr("-_.", c))
			to[len++] = (char)c;
		else
			len += (size_t)sprintf(to + len, "%%%02X", c);
	}
	to[len] = '\0';
}

static void append_query(char *to, size_t size, const char *key,
			 const char *value)
{
	size_t len = strlen(to);

	snprintf(to + len, size - len, "&%s=", key);
	append_escaped(to, size, value);
}

/* A list in pages, each by the token that the one before gave. */
struct pages {
	struct cluster *cluster;
	const char *selector;
	const char *accept;
	const char *query; /* what all pages have */
	char token[4096];
	uint64_t version;
	int64_t date;
	int (*fn)(const struct json_at *root, void *arg, struct error *err);
	void *arg;
};

static int page_bad(const struct pages *pages, const char *what,
		    struct error *err)
{
	return error_set(err, ERROR_STORE, 0, "%.120s: list reservations: %s",
			 kube_server(pages->cluster->kube), what);
}

static int page_metadata(struct pages *pages, const struct json_at *root,
			 struct error *err)
{
	struct json_at metadata, token;
	const char *text = "";

	if (!json_member(root, "metadata", &metadata))
		return page_bad(pages, "the answer has no metadata", err);
	if (!pages->version)
		pages->version = reservation_version(&metadata);
	if (json_member(&metadata, "continue", &token) && json_text(&token))
		text = json_text(&token);
	if (strlen(text) >= sizeof(pages->token))
		return page_bad(pages, "its continuation is too long", err);
	memcpy(pages->token, text, strlen(text) + 1);
	return 0;
}

static int page_judge(struct pages *pages, const struct kube_answer *answer,
		      struct error *err)
{
	struct json_at root;
	int r;

	if (answer->status >= 300)
		return cluster_refused(pages->cluster, "list", answer, err);
	root = json_root(answer->document);
	pages->date = answer->date;
	r = page_metadata(pages, &root, err);
	return r < 0 ? r : pages->fn(&root, pages->arg, err);
}

static int page_next(struct pages *pages, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[4 * sizeof(pages->token)]; /* a byte may take three */
	const struct kube_request request = {
		.method = "GET",
		.path = path,
		.accept = pages->accept,
	};
	int r;

	snprintf(path, sizeof(path), RESERVATION_PATH "%s", pages->query);
	append_query(path, sizeof(path), "labelSelector", pages->selector);
	if (*pages->token)
		append_query(path, sizeof(path), "continue", pages->token);
	r = cluster_call(pages->cluster, &request, &answer, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(pages->cluster, err);
	return r < 0 ? r : page_judge(pages, &answer, err);
}

static int pages_read(struct pages *pages, struct error *err)
{
	int r;

	do {
		r = page_next(pages, err);
	} while (r == 0 && *pages->token);
	return r;
}

void cluster_list_clear(struct cluster_list *list)
{
	free(list->items);
	*list = (struct cluster_list){ 0 };
}

static int list_add(const struct json_at *at, struct cluster_list *list,
		    struct error *err)
{
	struct error foreign = { 0 };
	struct reservation *grown;

	grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	list->items = grown;
	if (reservation_read(at, &list->items[list->count], &foreign) == 0)
		list->count++;
	else
		log_warning("%s", foreign.details);
	return 0;
}

static int list_page(const struct json_at *root, void *arg, struct error *err)
{
	struct json_at items;
	int r = 0;

	if (!json_member(root, "items", &items))
		return error_set(err, ERROR_STORE, 0,
				 "list reservations: the answer has no items");
	for (size_t i = 0; i < json_count(&items) && r == 0; i++) {
		const struct json_at item = json_element(&items, i);

		r = list_add(&item, arg, err);
	}
	return r;
}

int cluster_list(struct cluster *cluster, const char *selector,
		 struct cluster_list *ret, struct error *err)
{
	char query[32];
	struct pages pages = {
		.cluster = cluster,
		.selector = selector,
		.query = query,
		.fn = list_page,
		.arg = ret,
	};
	int r;

	snprintf(query, sizeof(query), "?limit=%d", LIST_LIMIT);
	cluster_list_clear(ret);
	r = pages_read(&pages, err);
	ret->version = pages.version;
	ret->date = pages.date;
	return r;
}

int cluster_list_node(struct cluster *cluster, struct cluster_list *ret,
		      struct error *err)
{
	char selector[160], node[RESERVATION_LABEL];

	snprintf(selector, sizeof(selector), "%s=%s", RESERVATION_LABEL_NODE,
		 reservation_node(cluster->config->node, node));
	return cluster_list(cluster, selector, ret, err);
}

/* --- lists without objects ----------------------------------------------------------- */

struct taken {
	const char *pool;
	uint8_t family;
	struct range_set *set;
};

static bool is_table(const struct json_at *root)
{
	struct json_at columns, first, name;

	if (!json_member(root, "columnDefinitions", &columns) ||
	    json_count(&columns) == 0)
		return false;
	first = json_element(&columns, 0);
	return json_member(&first, "name", &name) && json_text(&name) &&
	       strcasecmp(json_text(&name), "name") == 0;
}

/* What is no name in this pool is another pool's, or none of ours. */
static int taken_row(const struct json_at *row, const struct taken *taken,
		     struct error *err)
{
	struct json_at cells, cell;
	struct inet_addr addr;
	inet_uint value;

	if (!json_member(row, "cells", &cells) || json_count(&cells) == 0)
		return 0;
	cell = json_element(&cells, 0);
	if (!json_text(&cell) ||
	    !reservation_parse_name(json_text(&cell), taken->pool, &addr) ||
	    addr.family != taken->family)
		return 0;
	value = inet_addr_to_uint(&addr);
	return range_set_add(taken->set, value, value, err);
}

static int taken_page(const struct json_at *root, void *arg, struct error *err)
{
	struct json_at rows;
	int r = 0;

	if (!is_table(root))
		return error_set(err, ERROR_STORE, 0,
				 "list reservations: the answer is no Table");
	/* Go writes no rows as null. */
	if (!json_member(root, "rows", &rows))
		return 0;
	for (size_t i = 0; i < json_count(&rows) && r == 0; i++) {
		const struct json_at row = json_element(&rows, i);

		r = taken_row(&row, arg, err);
	}
	return r;
}

int cluster_list_taken(struct cluster *cluster, const char *selector,
		       uint8_t family, struct range_set *ret, struct error *err)
{
	struct taken taken = { cluster->config->pool, family, ret };
	char query[64];
	struct pages pages = {
		.cluster = cluster,
		.selector = selector,
		.accept = TABLE_ACCEPT,
		.query = query,
		.fn = taken_page,
		.arg = &taken,
	};

	snprintf(query, sizeof(query), "?includeObject=None&limit=%d",
		 TABLE_LIMIT);
	return pages_read(&pages, err);
}
