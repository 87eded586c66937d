#ifndef LIB_HTTP_H
#define LIB_HTTP_H

/*
 * HTTPS to one server, over one connection that is kept alive between requests.
 * Only lib/http*.c see libcurl, which comes to life with the first http_open():
 * a program that asks no server does not pay for it.
 */

#include "lib/error.h"

#include <stddef.h>
#include <stdint.h>

struct http;

/* What is not set: the system's certificates, no client certificate, the name
 * in the URL, the proxy of the environment. Nothing is kept. */
struct http_options {
	const char *ca; /* PEM */
	const char *cert; /* PEM, with its key */
	const char *key;
	const char *server_name; /* in the certificate, instead of the URL's */
	const char *proxy; /* URL */
	bool insecure; /* take any certificate */
};

/**
 * http_check_url() - Would http_open() take it?
 *
 * Return: 0, or negative with ERROR_CONFIG. A password in it is not named
 */
int http_check_url(const char *url, struct error *err);

/**
 * http_open() - Prepare a connection; asks nobody
 * @url:	"https://HOST[:PORT][/PATH]"; requests' paths are appended.
 *		Without a scheme it is https
 *
 * The environment's proxy is chosen as Go chooses it: HTTPS_PROXY and NO_PROXY,
 * also in small letters, and never for this machine itself.
 *
 * Return: 0, or negative with ERROR_CONFIG
 */
int http_open(const char *url, const struct http_options *options,
	      struct http **ret, struct error *err);

/** http_close() - Returns NULL; NULL is fine */
struct http *http_close(struct http *http);

struct http_request {
	const char *method;
	const char *path;
	const char *accept;
	const char *content_type; /* of the body */
	const char *body; /* NULL: none */
	const char *token; /* bearer token, NULL: none */
	uint64_t connect_ms; /* name and TCP, from now */
	uint64_t answer_ms; /* the answer, from when the request is sent */
	uint64_t timeout_ms; /* in all, from now */
	size_t answer_max; /* bytes of the body */
};

struct http_answer {
	int status;
	int64_t date; /* seconds since 1970; 0: unknown */
	bool has_retry_after;
	unsigned int retry_after_s;
	char *body; /* NUL-terminated; NULL if nothing came */
	size_t len;
	char message[256]; /* of an outcome */
};

void http_answer_clear(struct http_answer *answer);
#define cleanup_http_answer cleanup(http_answer_clear)

enum {
	HTTP_UNKNOWN = 1, /* broken off behind the request: perhaps done */
	HTTP_AWAY = 2, /* the server was not reached */
	HTTP_DISTRUST = 3, /* one of the two does not trust the other */
};

/**
 * http_call() - Send one request and read its answer
 * @ret:	Filled as far as known; cleared before
 *
 * A request other than GET is never sent twice, not even on a connection that
 * the server closed at that moment. Redirections are not followed.
 *
 * Return: 0 whatever the status, an outcome, or negative: ERROR_CONFIG for a
 * certificate or key that is none, ERROR_INTERNAL without memory
 */
int http_call(struct http *http, const struct http_request *request,
	      struct http_answer *ret, struct error *err) warn_unused;

#define HTTP_PROXY_MAX 256

/**
 * http_proxy() - The environment's proxy for https://@host:@port
 * @ret:	Its URL, or ""
 *
 * Return: 0, or negative with ERROR_ENVIRONMENT if its URL is too long
 */
int http_proxy(const char *host, unsigned int port,
	       char ret[static HTTP_PROXY_MAX], struct error *err);

#endif
