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

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

/* Turn @n, counted round. */
static int turn_lock(struct cluster *cluster, unsigned int n,
		     unsigned int wait_ms, int *turn, struct error *err)
{
	cleanup_free char *path = NULL;

	if (asprintf(&path, "%s/turn.%u", cluster->config->state_dir,
		     n % TURNS) < 0) {
		path = NULL;
		return error_oom(err);
	}
	return file_lock(path, true, wait_ms, turn, err);
}

/*
 * The first request brings a handshake. When a node's pods all come at once, and
 * other nodes' too, a busy server works at all handshakes and has none of them
 * done before nearly all are, perhaps not before everybody has given up, and then
 * it was for nothing. So a node has some on their way at a time, and the others
 * wait. That is a courtesy, no lock: who waited for long goes ahead, because a
 * server that is silent for some must not stop all.
 *
 * Any turn that is free will do. Where none is, who waits does so for one of them.
 */
static void turn_take(struct cluster *cluster, int *turn)
{
	unsigned int wait_ms = cluster->is_patient ? TURN_MS : TURN_HASTY_MS;
	unsigned int own = (unsigned int)getpid();
	struct error lost = { 0 };
	int r = FILE_LOCKED;

	if (cluster->has_asked)
		return;
	cluster->has_asked = true;
	for (unsigned int i = 0; i < TURNS && r == FILE_LOCKED; i++)
		r = turn_lock(cluster, own + i, 0, turn, &lost);
	if (r == FILE_LOCKED)
		r = turn_lock(cluster, own, wait_ms, turn, &lost);
	if (r != 0)
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
