#ifndef LIB_KUBE_H
#define LIB_KUBE_H

/*
 * A Kubernetes API server: a kubeconfig, its credentials, one request and its
 * answer. Knows no object kind.
 *
 *	cleanup_kube struct kube *kube = NULL;
 *	cleanup_kube_answer struct kube_answer answer = { 0 };
 *
 *	r = kube_open("/etc/cni/net.d/hostshim.d/kubeconfig", &kube, err);
 *	...
 *	kube_set_deadline(kube, request->deadline_ms);
 *	r = kube_call(kube, &(struct kube_request){ .method = "GET",
 *			.path = "/api/v1/nodes/n1" }, &answer, err);
 *
 * What a caller of a distributed store must know about a request is not whether
 * it went wrong but whether it may have been done. So there are three ends:
 * the server decided (0), it may or may not have (KUBE_UNKNOWN), it has not
 * (KUBE_AWAY).
 *
 * A struct kube is one server and one connection, kept alive between requests;
 * for one thread. The program has SIGPIPE handled or ignored.
 */

#include "lib/error.h"

#include <stddef.h>
#include <stdint.h>

struct json;
struct kube;

#define KUBE_CONNECT_MS                                                        \
	2500 /* name and TCP; a lost SYN comes again after 1 s */
#define KUBE_HANDSHAKE_MS 12000 /* until a request can be sent at all */
#define KUBE_REQUEST_MS   3000 /* then, until its answer is there */
#define KUBE_ANSWER_MAX   (4u << 20) /* bytes of an answer */

/**
 * kube_open() - Load the current context of a kubeconfig; asks nobody
 *
 * A file that was changed within the last moments and cannot be read is read
 * again for a while: it may be half written.
 *
 * Return: 0, or negative: ERROR_CONFIG with file and place; ERROR_UNSUPPORTED
 * for credentials that we do not know (exec, auth-provider, a password, another
 * user's name); ERROR_IO for a file that cannot be read
 */
int kube_open(const char *kubeconfig, struct kube **ret, struct error *err);

/**
 * kube_open_in_cluster() - With a pod's service account
 *
 * KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, and the files in
 * /var/run/secrets/kubernetes.io/serviceaccount.
 *
 * Return: 0, or negative as kube_open(); ERROR_ENVIRONMENT outside of a pod
 */
int kube_open_in_cluster(struct kube **ret, struct error *err);

/** kube_close() - Returns NULL; NULL is fine */
struct kube *kube_close(struct kube *kube);

static inline void kube_cleanup(struct kube **kube)
{
	kube_close(*kube);
}
#define cleanup_kube cleanup(kube_cleanup)

/**
 * kube_set_deadline() - When to have given up, whatever is asked
 * @boottime_ms:	CLOCK_BOOTTIME, as file_boottime_ms() and struct request
 *			have it; 0: none
 */
void kube_set_deadline(struct kube *kube, uint64_t boottime_ms);

/** kube_server() - The server's URL, for messages */
const char *kube_server(const struct kube *kube);

/** kube_namespace() - The namespace of the kubeconfig's context; NULL: it names
 * none */
const char *kube_namespace(const struct kube *kube);

/**
 * kube_node_claim() - The node that the token itself is bound to
 *
 * kubernetes.io/node/name of the token's payload. It is the server that checks
 * the signature; here it is a statement of whoever wrote the kubeconfig.
 *
 * Return: the name, or NULL: no token, or one that is bound to no node
 */
const char *kube_node_claim(const struct kube *kube);

struct kube_request {
	const char *method; /* GET, POST, PATCH, DELETE */
	const char *path; /* from "/api", with its query, escaped */
	const char *accept; /* NULL: application/json */
	const char *content_type; /* NULL: application/json */
	const char *body; /* NULL: none */
	unsigned int timeout_ms; /* 0: KUBE_REQUEST_MS */
	size_t answer_max; /* 0: KUBE_ANSWER_MAX */
};

struct kube_answer {
	int status; /* HTTP's; 0 if none came */
	int64_t date; /* the server's clock, seconds since 1970; 0: unknown */
	unsigned int retry_after_s; /* 0: not said */
	struct json *document; /* the body, NULL if it is no JSON object */
	char reason[64]; /* of a metav1.Status ("NotFound"), else "" */
	char message[512]; /* what went wrong in words, never "" after a
			    * status beyond 2xx or an outcome */
};

/** kube_answer_clear() - Leaves an empty answer */
void kube_answer_clear(struct kube_answer *answer);
#define cleanup_kube_answer cleanup(kube_answer_clear)

enum {
	KUBE_UNKNOWN = 1, /* sent, perhaps; whether it was done is not known */
	KUBE_AWAY = 2, /* not done: never arrived, or the server says so */
};

/**
 * kube_call() - Send one request, and what it takes to get an answer to it
 * @ret:	Filled as far as known, also with an outcome; cleared before
 *
 * 429, and 503 with Retry-After, are a server that has not begun: asked again
 * after that time, or up to twice as long, while the deadline permits (without a
 * deadline, within 20 s).
 * 401 and 403, and a certificate that does not verify: the credentials are read
 * again, and if they have changed the request is sent once more. Otherwise
 * nothing that may have arrived is ever sent twice, unless it is a GET.
 *
 * 0 means a status that decides: 2xx with a JSON object, 4xx. A 404 without a
 * reason comes from a server that does not know the path (a definition that is
 * not installed), not the object.
 *
 * KUBE_UNKNOWN: timed out or broken off behind the request; 5xx; an answer that
 * is cut off, too large, or a success that is no JSON object.
 *
 * KUBE_AWAY: no such name, refused, not connected in time, TLS not trusted; 429
 * and 503 as above when the time is up; redirected; the deadline has passed.
 *
 * Return: 0, KUBE_UNKNOWN, KUBE_AWAY, or negative: a certificate or key that is
 * none (ERROR_CONFIG), or no memory
 */
int kube_call(struct kube *kube, const struct kube_request *request,
	      struct kube_answer *ret, struct error *err) warn_unused;

#endif
