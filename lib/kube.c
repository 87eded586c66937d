/*
 * One request, and what it takes to get an answer to it.
 *
 * Sent again is only what has not been done: a server that says "not now" (429,
 * 503 with a time), one that does not know us any more (401, 403: tokens expire
 * after an hour, and the file has a new one), one that we do not trust any more
 * (the CA has changed). All else is told to the caller, who has written down
 * what it asked for and can look.
 */
#include "lib/file.h"
#include "lib/http.h"
#include "lib/kube-priv.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define KUBE_PATIENCE_MS  20000 /* without a deadline */
#define KUBE_PAUSE_MIN_MS 100
#define KUBE_ASK_MAX      10 /* times, as client-go */

struct kube {
	char *path; /* kubeconfig; NULL: in a cluster */
	struct kube_config config;
	struct http *http; /* NULL until the first request */
	char *node;
	uint64_t deadline_ms;
};

/* A call on its way. */
struct call {
	struct kube *kube;
	const struct kube_request *request;
	struct kube_answer *ret;
	struct http_answer answer;
	uint64_t end_ms;
	unsigned int asked;
	bool has_reread;
};

/* --- opening ------------------------------------------------------------------ */

static int kube_read(const char *path, struct kube_config *ret,
		     struct error *err)
{
	return path ? kube_config_load(path, ret, err)
		    : kube_config_in_cluster(ret, err);
}

/* Without a path, in a cluster. */
static int kube_new(const char *path, struct kube **ret, struct error *err)
{
	cleanup_kube struct kube *kube = calloc(1, sizeof(*kube));
	int r;

	if (!kube)
		return error_oom(err);
	if (path) {
		kube->path = strdup(path);
		if (!kube->path)
			return error_oom(err);
	}
	r = kube_read(path, &kube->config, err);
	if (r < 0)
		return r;
	if (kube->config.token)
		kube->node = kube_token_node(kube->config.token);
	*ret = take_ptr(kube);
	return 0;
}

int kube_open(const char *kubeconfig, struct kube **ret, struct error *err)
{
	return kube_new(kubeconfig, ret, err);
}

int kube_open_in_cluster(struct kube **ret, struct error *err)
{
	return kube_new(NULL, ret, err);
}

struct kube *kube_close(struct kube *kube)
{
	if (!kube)
		return NULL;
	http_close(kube->http);
	kube_config_clear(&kube->config);
	free(kube->node);
	free(kube->path);
	free(kube);
	return NULL;
}

void kube_set_deadline(struct kube *kube, uint64_t boottime_ms)
{
	kube->deadline_ms = boottime_ms;
}

const char *kube_server(const struct kube *kube)
{
	return kube->config.server;
}

const char *kube_node_claim(const struct kube *kube)
{
	return kube->node;
}

const char *kube_namespace(const struct kube *kube)
{
	return kube->config.name_space;
}

static int kube_connect(struct kube *kube, struct error *err)
{
	const struct kube_config *config = &kube->config;
	const struct http_options options = {
		.ca = config->ca,
		.cert = config->cert,
		.key = config->key,
		.server_name = config->server_name,
		.proxy = config->proxy,
		.insecure = config->insecure,
	};
	int r;

	if (kube->http)
		return 0;
	r = http_open(config->server, &options, &kube->http, err);
	return r < 0 && kube->path
		       ? error_context(err, "kubeconfig %s", kube->path)
		       : r;
}

/* Have the credentials changed since they were read? What cannot be read now
 * has not: the answer that made us look is what the caller hears of. */
static bool kube_reread(struct kube *kube)
{
	cleanup_kube_config struct kube_config now = { 0 };
	struct error err = { 0 };

	if (kube_read(kube->path, &now, &err) < 0 ||
	    kube_config_equal(&kube->config, &now))
		return false;
	kube->http = http_close(kube->http);
	kube_config_clear(&kube->config);
	kube->config = now;
	now = (struct kube_config){ 0 };
	free(kube->node);
	kube->node = kube->config.token ? kube_token_node(kube->config.token)
					: NULL;
	return true;
}

/* --- asking ------------------------------------------------------------------- */

static uint64_t call_remaining_ms(const struct call *call)
{
	uint64_t now = file_boottime_ms();

	return now < call->end_ms ? call->end_ms - now : 0;
}

static int call_send(struct call *call, struct error *err)
{
	const struct kube_request *request = call->request;
	uint64_t remaining = call_remaining_ms(call);
	uint64_t answer = request->timeout_ms ? request->timeout_ms
					      : KUBE_REQUEST_MS;
	struct http_request http = {
		.method = request->method,
		.path = request->path,
		.accept = request->accept ? request->accept
					  : "application/json",
		.content_type = request->content_type ? request->content_type
						      : "application/json",
		.body = request->body,
		.connect_ms = KUBE_CONNECT_MS,
		.answer_ms = answer,
		.timeout_ms = KUBE_HANDSHAKE_MS + answer < remaining
				      ? KUBE_HANDSHAKE_MS + answer
				      : remaining,
		.answer_max = request->answer_max ? request->answer_max
						  : KUBE_ANSWER_MAX,
	};
	int r;

	if (remaining == 0) {
		snprintf(call->answer.message, sizeof(call->answer.message),
			 "no time is left");
		return HTTP_AWAY;
	}
	r = kube_connect(call->kube, err);
	if (r < 0)
		return r;
	http.token = call->kube->config.token;
	call->asked++;
	return http_call(call->kube->http, &http, &call->answer, err);
}

static bool call_is_refused(const struct call *call, int r)
{
	return r == HTTP_DISTRUST || (r == 0 && (call->answer.status == 401 ||
						 call->answer.status == 403));
}

static bool call_is_postponed(const struct call *call, int r)
{
	return r == 0 &&
	       (call->answer.status == 429 ||
		(call->answer.status == 503 && call->answer.has_retry_after));
}

/* Who were sent away together would come back together: up to twice the time,
 * and half of what then remains stays for the answer. */
static uint64_t call_scatter(uint64_t ms, uint64_t remaining)
{
	uint64_t most = (remaining - ms) / 2;
	uint32_t any;

	if (getrandom(&any, sizeof(any), GRND_NONBLOCK) != sizeof(any))
		return ms;
	return ms + any % ((most < ms ? most : ms) + 1);
}

/* Waits as long as the server wants; false if that is beyond our time. */
static bool call_wait(const struct call *call)
{
	uint64_t ms = (uint64_t)call->answer.retry_after_s * 1000;
	uint64_t remaining = call_remaining_ms(call);
	struct timespec pause;

	if (!call->answer.has_retry_after || call->asked >= KUBE_ASK_MAX)
		return false;
	if (ms < KUBE_PAUSE_MIN_MS)
		ms = KUBE_PAUSE_MIN_MS;
	if (ms >= remaining)
		return false;
	ms = call_scatter(ms, remaining);
	pause.tv_sec = (time_t)(ms / 1000);
	pause.tv_nsec = (long)(ms % 1000) * 1000000;
	nanosleep(&pause, NULL);
	return true;
}

static bool call_again(struct call *call, int r)
{
	if (call_is_refused(call, r) && !call->has_reread) {
		call->has_reread = true;
		return kube_reread(call->kube);
	}
	return call_is_postponed(call, r) && call_wait(call);
}

static int call_judge(const struct call *call, int r)
{
	struct kube_answer *ret = call->ret;
	const struct http_answer *answer = &call->answer;
	int outcome;

	ret->status = answer->status;
	ret->date = answer->date;
	ret->retry_after_s = answer->has_retry_after ? answer->retry_after_s
						     : 0;
	if (r == 0) {
		outcome = kube_answer_read(answer, ret);
		return call_is_postponed(call, r) ? KUBE_AWAY : outcome;
	}
	kube_answer_say(ret, answer->message);
	return r == HTTP_UNKNOWN ? KUBE_UNKNOWN : KUBE_AWAY;
}

int kube_call(struct kube *kube, const struct kube_request *request,
	      struct kube_answer *ret, struct error *err)
{
	struct call call = {
		.kube = kube,
		.request = request,
		.ret = ret,
		.end_ms = kube->deadline_ms
				  ? kube->deadline_ms
				  : file_boottime_ms() + KUBE_PATIENCE_MS,
	};
	int r;

	kube_answer_clear(ret);
	do {
		r = call_send(&call, err);
	} while (r >= 0 && call_again(&call, r));
	if (r >= 0)
		r = call_judge(&call, r);
	else
		error_context(err, "%s", kube_server(kube));
	http_answer_clear(&call.answer);
	return r;
}
