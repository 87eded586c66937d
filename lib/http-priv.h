#ifndef LIB_HTTP_PRIV_H
#define LIB_HTTP_PRIV_H

/*
 * Shared by lib/http*.c only.
 */

#include "lib/http.h"

#include <curl/curl.h>

/* One is kept, and two may race to an IPv6 and an IPv4 address. */
#define HTTP_SOCKETS 4

struct http {
	CURLM *multi;
	CURL *easy;
	char *base; /* URL that paths are appended to */
	char *key; /* the client's, for as long as libcurl refers to it */
	struct curl_slist *connect_to; /* where base's host really is */
	char *host; /* "Host: ...", where base names another, else NULL */
	bool is_global; /* curl_global_init() was called */
	int sockets[HTTP_SOCKETS]; /* that libcurl has, or -1 */

	/* Of the current request. */
	char problem[CURL_ERROR_SIZE];
	struct http_answer *answer;
	size_t size; /* memory of answer->body */
	size_t answer_max;
	size_t headers; /* bytes of them */
	unsigned int sent; /* times that a connection was ready for it */
	uint64_t sent_ms; /* CLOCK_BOOTTIME of the last time */
	bool may_repeat;
	bool is_too_large;
};

/** http_read_header() - What a line of an answer's head says, if we ask for it */
void http_read_header(struct http_answer *answer, const char *line, size_t len);

#endif
