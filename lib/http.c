/*
 * One request, through libcurl's multi interface: its own time-outs do not
 * separate what we must. A server that takes no connection for some seconds is
 * away; one that is slow with the handshake behind it is only slow.
 *
 * Whether a request may have arrived is decided by whether libcurl had a
 * connection ready to send it on, not by the kind of failure. libcurl repeats a
 * request by itself where a kept connection turns out to be closed; but the
 * server may have acted on the first one, so only a GET is let through twice.
 */
#include "lib/file.h"
#include "lib/http-priv.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define HTTP_HEADERS_MAX (64u << 10) /* bytes of all headers of an answer */
#define HTTP_BODY_FIRST  4096
#define HTTP_POLL_MS     1000
#define HTTP_RETRY_MAX   3600

void http_answer_clear(struct http_answer *answer)
{
	free(answer->body);
	*answer = (struct http_answer){ 0 };
}

/* --- what libcurl calls ------------------------------------------------------- */

static int http_before_request(void *data, char *remote, char *local,
			       int remote_port, int local_port)
{
	struct http *http = data;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	if (http->sent && !http->may_repeat)
		return CURL_PREREQFUNC_ABORT;
	http->sent++;
	http->sent_ms = file_boottime_ms();
	return CURL_PREREQFUNC_OK;
}

/* Room for @len more bytes and a NUL. */
static bool http_reserve(struct http *http, size_t len)
{
	struct http_answer *answer = http->answer;
	size_t size = http->size ? http->size : HTTP_BODY_FIRST;
	char *body;

	while (size <= answer->len + len)
		size *= 2;
	if (size == http->size)
		return true;
	body = realloc(answer->body, size);
	if (!body)
		return false;
	answer->body = body;
	http->size = size;
	return true;
}

static size_t http_on_body(const char *bytes, size_t one, size_t len,
			   void *data)
{
	struct http *http = data;
	struct http_answer *answer = http->answer;

	(void)one;
	if (len > http->answer_max - answer->len) {
		http->is_too_large = true;
		return 0;
	}
	if (!http_reserve(http, len))
		return 0;
	memcpy(answer->body + answer->len, bytes, len);
	answer->len += len;
	answer->body[answer->len] = '\0';
	return len;
}

/* Is this the header @name? Its text, cut to @size. */
static bool http_header(const char *line, size_t len, const char *name,
			char *ret, size_t size)
{
	size_t begin = strlen(name) + 1;

	if (len < begin || line[begin - 1] != ':' ||
	    strncasecmp(line, name, begin - 1) != 0)
		return false;
	while (begin < len && (line[begin] == ' ' || line[begin] == '\t'))
		begin++;
	while (len > begin && (unsigned char)line[len - 1] <= ' ')
		len--;
	snprintf(ret, size, "%.*s", (int)(len - begin), line + begin);
	return true;
}

static void http_read_retry(struct http_answer *answer, const char *text)
{
	unsigned long seconds;
	char *end;

	/* Its other form is a date, which the API server does not send. */
	seconds = strtoul(text, &end, 10);
	if (end == text || *end || seconds > HTTP_RETRY_MAX)
		return;
	answer->has_retry_after = true;
	answer->retry_after_s = (unsigned int)seconds;
}

void http_read_header(struct http_answer *answer, const char *line, size_t len)
{
	char text[64];
	time_t date;

	if (http_header(line, len, "Date", text, sizeof(text))) {
		date = curl_getdate(text, NULL);
		answer->date = date > 0 ? date : 0;
	} else if (http_header(line, len, "Retry-After", text, sizeof(text))) {
		http_read_retry(answer, text);
	}
}

static size_t http_on_header(const char *line, size_t one, size_t len,
			     void *data)
{
	struct http *http = data;

	(void)one;
	http->headers += len;
	if (http->headers > HTTP_HEADERS_MAX) {
		http->is_too_large = true;
		return 0;
	}
	http_read_header(http->answer, line, len);
	return len;
}

/* --- one request -------------------------------------------------------------- */

/* A list of headers, and whether one was lost on the way. */
struct headers {
	struct curl_slist *list;
	bool failed;
};

static void headers_clear(struct headers *headers)
{
	for (struct curl_slist *h = headers->list; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data)); /* a token */
	curl_slist_free_all(headers->list);
}
#define cleanup_headers cleanup(headers_clear)

static void headers_add(struct headers *headers, const char *name,
			const char *text)
{
	size_t len = strlen(name) + strlen(text) + 1;
	struct curl_slist *list;
	char *line;

	line = malloc(len);
	if (!line) {
		headers->failed = true;
		return;
	}
	snprintf(line, len, "%s%s", name, text);
	list = curl_slist_append(headers->list, line);
	explicit_bzero(line, len);
	free(line);
	if (list)
		headers->list = list;
	else
		headers->failed = true;
}

static bool http_set_headers(const struct http *http,
			     const struct http_request *request,
			     struct headers *headers)
{
	headers_add(headers, "Accept: ", request->accept);
	if (request->body)
		headers_add(headers, "Content-Type: ", request->content_type);
	headers_add(headers, "Expect:", ""); /* no "100-continue" */
	if (request->token)
		headers_add(headers, "Authorization: Bearer ", request->token);
	if (http->host)
		headers_add(headers, http->host, "");
	curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers->list);
	return !headers->failed;
}

static bool http_set_request(struct http *http,
			     const struct http_request *request)
{
	cleanup_free char *url = NULL;
	CURLcode code;

	if (asprintf(&url, "%s%s", http->base, request->path) < 0) {
		url = NULL;
		return false;
	}
	code = curl_easy_setopt(http->easy, CURLOPT_URL, url);
	curl_easy_setopt(http->easy, CURLOPT_HTTPGET, 1L);
	if (request->body) {
		curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, request->body);
		curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)strlen(request->body));
	}
	if (code == CURLE_OK)
		code = curl_easy_setopt(http->easy, CURLOPT_CUSTOMREQUEST,
					request->method);
	curl_easy_setopt(http->easy, CURLOPT_PREREQFUNCTION,
			 http_before_request);
	curl_easy_setopt(http->easy, CURLOPT_PREREQDATA, http);
	curl_easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, http_on_body);
	curl_easy_setopt(http->easy, CURLOPT_WRITEDATA, http);
	curl_easy_setopt(http->easy, CURLOPT_HEADERFUNCTION, http_on_header);
	curl_easy_setopt(http->easy, CURLOPT_HEADERDATA, http);
	return code == CURLE_OK;
}

/* libcurl tells only when TLS is done, too. */
static bool http_is_connected(const struct http *http)
{
	struct sockaddr_storage peer;

	if (http->sent)
		return true;
	for (size_t i = 0; i < HTTP_SOCKETS; i++) {
		socklen_t len = sizeof(peer);

		if (http->sockets[i] >= 0 &&
		    getpeername(http->sockets[i], (struct sockaddr *)&peer,
				&len) == 0)
			return true;
	}
	return false;
}

/*
 * A server that ends says so in TLS, and to libcurl a connection with bytes to
 * be read is one that lives. Between two requests there is nothing to be read.
 */
static bool http_is_closed(const struct http *http)
{
	struct pollfd polls[HTTP_SOCKETS];

	for (size_t i = 0; i < HTTP_SOCKETS; i++)
		polls[i] = (struct pollfd){ .fd = http->sockets[i],
					    .events = POLLIN };
	return poll(polls, HTTP_SOCKETS, 0) > 0;
}

/*
 * Milliseconds that remain, or 0 with words for why there are none. A server
 * that has a thousand handshakes before ours is no worse for being waited for,
 * and would be for being asked again: what it has done would be for nothing.
 */
static uint64_t http_remaining(struct http *http,
			       const struct http_request *request,
			       uint64_t begin, uint64_t now)
{
	bool is_connected = http_is_connected(http);
	uint64_t end = begin + request->timeout_ms;
	uint64_t own = http->sent     ? http->sent_ms + request->answer_ms
		       : is_connected ? end
				      : begin + request->connect_ms;

	if (own < end)
		end = own;
	if (now < end)
		return end - now;
	snprintf(http->problem, sizeof(http->problem), "%s",
		 http->sent     ? "no answer in time"
		 : is_connected ? "no TLS handshake in time"
				: "no connection in time");
	return 0;
}

static CURLcode http_result(const struct http *http)
{
	const CURLMsg *message;
	int more;

	message = curl_multi_info_read(http->multi, &more);
	return message && message->msg == CURLMSG_DONE ? message->data.result
						       : CURLE_FAILED_INIT;
}

static CURLcode http_perform(struct http *http,
			     const struct http_request *request)
{
	uint64_t begin = file_boottime_ms();
	uint64_t remaining;
	int running = 1;

	for (;;) {
		if (curl_multi_perform(http->multi, &running) != CURLM_OK)
			return CURLE_OUT_OF_MEMORY;
		if (!running)
			return http_result(http);
		remaining = http_remaining(http, request, begin,
					   file_boottime_ms());
		if (remaining == 0)
			return CURLE_OPERATION_TIMEDOUT;
		if (remaining > HTTP_POLL_MS)
			remaining = HTTP_POLL_MS;
		if (curl_multi_poll(http->multi, NULL, 0, (int)remaining,
				    NULL) != CURLM_OK)
			return CURLE_OUT_OF_MEMORY;
	}
}

/* --- what became of it -------------------------------------------------------- */

static void http_explain(const struct http *http, CURLcode code,
			 struct http_answer *answer)
{
	if (http->is_too_large)
		snprintf(answer->message, sizeof(answer->message),
			 "an answer of more than %zu bytes", http->answer_max);
	else if (code == CURLE_ABORTED_BY_CALLBACK)
		snprintf(answer->message, sizeof(answer->message),
			 "the server closed the connection");
	else
		snprintf(answer->message, sizeof(answer->message), "%s",
			 *http->problem ? http->problem
					: curl_easy_strerror(code));
}

static int http_judge(const struct http *http, CURLcode code,
		      struct http_answer *answer, struct error *err)
{
	long status = 0;

	if (code == CURLE_OUT_OF_MEMORY)
		return error_oom(err);
	curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
	answer->status = http->sent ? (int)status : 0;
	if (code == CURLE_OK)
		return 0;
	http_explain(http, code, answer);
	if (http->sent)
		return HTTP_UNKNOWN;
	if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE)
		return error_set(err, ERROR_CONFIG, 0, "%s", answer->message);
	if (code == CURLE_PEER_FAILED_VERIFICATION ||
	    code == CURLE_SSL_CONNECT_ERROR)
		return HTTP_DISTRUST;
	return HTTP_AWAY;
}

int http_call(struct http *http, const struct http_request *request,
	      struct http_answer *ret, struct error *err)
{
	cleanup_headers struct headers headers = { .list = NULL };
	CURLcode code;

	http_answer_clear(ret);
	http->answer = ret;
	http->answer_max = request->answer_max;
	http->size = 0;
	http->headers = 0;
	http->sent = 0;
	http->may_repeat = strcmp(request->method, "GET") == 0;
	http->is_too_large = false;
	*http->problem = '\0';

	curl_easy_setopt(http->easy, CURLOPT_FRESH_CONNECT,
			 http_is_closed(http) ? 1L : 0L);
	if (!http_set_request(http, request) ||
	    !http_set_headers(http, request, &headers) ||
	    curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
		return error_oom(err);
	code = http_perform(http, request);
	curl_multi_remove_handle(http->multi, http->easy);
	/* Neither list nor answer outlives this call. */
	curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
	http->answer = NULL;
	return http_judge(http, code, ret, err);
}
