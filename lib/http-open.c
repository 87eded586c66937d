/*
 * From a URL and credentials to libcurl's options: everything that holds for all
 * requests of a connection.
 */
#include "lib/http-priv.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTP_AGENT    "hostshim/" HOSTSHIM_VERSION
#define HTTP_HOST_MAX 256

/* What Go's crypto/x509 looks for: Debian, Fedora, OpenSUSE, Alpine. */
static const char *const http_system_ca[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

/* A URL in parts, its host without the brackets of IPv6. */
struct server {
	CURLU *url;
	char host[HTTP_HOST_MAX];
	char port[8];
};

static void server_clear(struct server *server)
{
	curl_url_cleanup(server->url);
}
#define cleanup_server cleanup(server_clear)

static bool server_has(const struct server *server, CURLUPart part)
{
	char *text = NULL;
	bool has;

	has = curl_url_get(server->url, part, &text, 0) == CURLUE_OK;
	curl_free(text);
	return has;
}

/* The text of a part, cut to @size; false where there is none or it is cut. */
static bool server_part(const struct server *server, CURLUPart part, char *ret,
			size_t size)
{
	char *text = NULL;
	bool fits;

	if (curl_url_get(server->url, part, &text, CURLU_DEFAULT_PORT) !=
	    CURLUE_OK)
		return false;
	fits = strlen(text) < size;
	snprintf(ret, size, "%s", text);
	curl_free(text);
	return fits;
}

/* What it names may be a password, so the URL itself is not in the message. */
static int server_check(const struct server *server, struct error *err)
{
	static const struct {
		CURLUPart part;
		const char *name;
	} none[] = {
		{ CURLUPART_USER, "a user" },
		{ CURLUPART_PASSWORD, "a password" },
		{ CURLUPART_QUERY, "a query" },
		{ CURLUPART_FRAGMENT, "a fragment" },
	};
	char scheme[16];

	if (!server_part(server, CURLUPART_SCHEME, scheme, sizeof(scheme)) ||
	    strcmp(scheme, "https") != 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "the URL must begin with https://");
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (server_has(server, none[i].part))
			return error_set(err, ERROR_CONFIG, 0, "the URL has %s",
					 none[i].name);
	return 0;
}

static int server_parse(struct server *server, const char *url,
			struct error *err)
{
	char host[HTTP_HOST_MAX];
	CURLUcode code;
	int r;

	server->url = curl_url();
	if (!server->url)
		return error_oom(err);
	code = curl_url_set(server->url, CURLUPART_URL, url,
			    CURLU_DEFAULT_SCHEME);
	if (code != CURLUE_OK)
		return error_set(err, ERROR_CONFIG, 0, "no URL: %s",
				 curl_url_strerror(code));
	r = server_check(server, err);
	if (r < 0)
		return r;
	if (!server_part(server, CURLUPART_HOST, host, sizeof(host)) ||
	    !server_part(server, CURLUPART_PORT, server->port,
			 sizeof(server->port)))
		return error_set(err, ERROR_CONFIG, 0, "the URL's host");
	if (*host == '[')
		snprintf(server->host, sizeof(server->host), "%.*s",
			 (int)strlen(host) - 2, host + 1);
	else
		snprintf(server->host, sizeof(server->host), "%s", host);
	return 0;
}

int http_check_url(const char *url, struct error *err)
{
	cleanup_server struct server server = { .url = NULL };

	return server_parse(&server, url, err);
}

/* --- options ------------------------------------------------------------------ */

/* As it stands in a URL. */
static void bracket(const char *host, char *ret, size_t size)
{
	snprintf(ret, size, strchr(host, ':') ? "[%s]" : "%s", host);
}

/*
 * Another name in the certificate is the URL's host for libcurl, which is told
 * where that really is; "Host:" stays the server's own, as in client-go.
 */
static int http_set_name(struct http *http, const struct server *server,
			 const char *name, struct error *err)
{
	char wanted[HTTP_HOST_MAX + 2], real[HTTP_HOST_MAX + 2];
	char text[2 * HTTP_HOST_MAX + 32];

	if (strlen(name) >= HTTP_HOST_MAX || strpbrk(name, "[]/@?# "))
		return error_set(err, ERROR_CONFIG, 0,
				 "tls-server-name: no host name");
	bracket(name, wanted, sizeof(wanted));
	bracket(server->host, real, sizeof(real));
	if (curl_url_set(server->url, CURLUPART_HOST, wanted, 0) != CURLUE_OK)
		return error_set(err, ERROR_CONFIG, 0,
				 "tls-server-name: no host name");
	snprintf(text, sizeof(text), "%s:%s:%s:%s", wanted, server->port, real,
		 server->port);
	http->connect_to = curl_slist_append(NULL, text);
	snprintf(text, sizeof(text), "Host: %s:%s", real, server->port);
	http->host = strdup(text);
	if (!http->connect_to || !http->host)
		return error_oom(err);
	curl_easy_setopt(http->easy, CURLOPT_CONNECT_TO, http->connect_to);
	return 0;
}

static int http_set_base(struct http *http, const struct server *server,
			 struct error *err)
{
	char *text = NULL;
	size_t len;

	if (curl_url_get(server->url, CURLUPART_URL, &text, 0) == CURLUE_OK)
		http->base = strdup(text);
	curl_free(text);
	if (!http->base)
		return error_oom(err);
	len = strlen(http->base);
	while (len > 0 && http->base[len - 1] == '/')
		http->base[--len] = '\0';
	return 0;
}

/* A given one is used for every server, as in client-go. */
static int http_set_proxy(struct http *http, const struct server *server,
			  const char *given, struct error *err)
{
	static const char socks[] = "socks5://";
	char found[HTTP_PROXY_MAX];
	char text[HTTP_PROXY_MAX + 1];
	int r;

	if (given) {
		if (strlen(given) >= sizeof(found))
			return error_set(err, ERROR_CONFIG, 0,
					 "proxy-url: too long");
		snprintf(found, sizeof(found), "%s", given);
	} else {
		r = http_proxy(server->host,
			       (unsigned int)strtoul(server->port, NULL, 10),
			       found, err);
		if (r < 0)
			return r;
	}
	/* Go has the proxy look up the name; libcurl calls that socks5h. */
	if (strncmp(found, socks, strlen(socks)) == 0)
		snprintf(text, sizeof(text), "socks5h://%s",
			 found + strlen(socks));
	else
		snprintf(text, sizeof(text), "%s", found);
	/* Set, though empty: libcurl has an opinion on what is not. */
	curl_easy_setopt(http->easy, CURLOPT_PROXY, text);
	curl_easy_setopt(http->easy, CURLOPT_NOPROXY, "");
	explicit_bzero(text, sizeof(text));
	explicit_bzero(found, sizeof(found));
	return 0;
}

static CURLcode http_set_blob(struct http *http, CURLoption option,
			      const char *pem, unsigned int flags)
{
	char *text = strdup(pem);
	struct curl_blob blob = {
		.data = text,
		.len = strlen(pem),
		.flags = flags,
	};
	CURLcode code = CURLE_OUT_OF_MEMORY;

	if (text)
		code = curl_easy_setopt(http->easy, option, &blob);
	if (option == CURLOPT_SSLKEY_BLOB)
		http->key = text;
	else
		free(text);
	return code;
}

static void http_set_ca(struct http *http, const struct http_options *options,
			CURLcode *code)
{
	/* A folder that libcurl was built with would be trusted beside it. */
	curl_easy_setopt(http->easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(http->easy, CURLOPT_CAPATH, NULL);
	if (options->insecure) {
		curl_easy_setopt(http->easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(http->easy, CURLOPT_SSL_VERIFYHOST, 0L);
		return;
	}
	if (options->ca) {
		*code = http_set_blob(http, CURLOPT_CAINFO_BLOB, options->ca,
				      CURL_BLOB_COPY);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(http_system_ca); i++) {
		if (access(http_system_ca[i], R_OK) < 0)
			continue;
		curl_easy_setopt(http->easy, CURLOPT_CAINFO, http_system_ca[i]);
		return;
	}
}

static int http_set_tls(struct http *http, const struct http_options *options,
			struct error *err)
{
	CURLcode code = CURLE_OK;

	curl_easy_setopt(http->easy, CURLOPT_SSLVERSION,
			 (long)CURL_SSLVERSION_TLSv1_2);
	/* Or OpenSSL asks the terminal for it. */
	curl_easy_setopt(http->easy, CURLOPT_KEYPASSWD, "");
	http_set_ca(http, options, &code);
	if (options->cert && code == CURLE_OK)
		code = http_set_blob(http, CURLOPT_SSLCERT_BLOB, options->cert,
				     CURL_BLOB_COPY);
	if (options->key && code == CURLE_OK)
		code = http_set_blob(http, CURLOPT_SSLKEY_BLOB, options->key,
				     CURL_BLOB_NOCOPY);
	return code == CURLE_OK ? 0 : error_oom(err);
}

/* Replaces @from, of which there is none if no place is free. */
static void http_note_socket(struct http *http, int from, int to)
{
	for (size_t i = 0; i < HTTP_SOCKETS; i++) {
		if (http->sockets[i] != from)
			continue;
		http->sockets[i] = to;
		return;
	}
}

static curl_socket_t http_socket_open(void *data, curlsocktype purpose,
				      struct curl_sockaddr *address)
{
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
			address->protocol);

	(void)purpose;
	if (fd >= 0)
		http_note_socket(data, -1, fd);
	return fd;
}

static int http_socket_close(void *data, curl_socket_t fd)
{
	http_note_socket(data, fd, -1);
	return close(fd);
}

static void http_set_rest(struct http *http)
{
	curl_easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(http->easy, CURLOPT_USERAGENT, HTTP_AGENT);
	curl_easy_setopt(http->easy, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(http->easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(http->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(http->easy, CURLOPT_OPENSOCKETFUNCTION,
			 http_socket_open);
	curl_easy_setopt(http->easy, CURLOPT_OPENSOCKETDATA, http);
	curl_easy_setopt(http->easy, CURLOPT_CLOSESOCKETFUNCTION,
			 http_socket_close);
	curl_easy_setopt(http->easy, CURLOPT_CLOSESOCKETDATA, http);
	/* A new connection takes the old one's place. */
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 1L);
	curl_easy_setopt(http->easy, CURLOPT_ERRORBUFFER, http->problem);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A name server that is silent does not hold us. */
	curl_easy_setopt(http->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

/*
 * What OpenSSL would do of itself for programs that live longer: give all of its
 * memory back one by one at the end, and learn names of ciphers that are needed
 * for keys with a passphrase only, which nobody is here to type. It is a sixth of
 * an ADD. The first word counts (OPENSSL_init_crypto(3)), so ours is before
 * libcurl's.
 */
static void http_init_crypto(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT |
				    OPENSSL_INIT_NO_ADD_ALL_CIPHERS,
			    NULL);
}

static int http_init(struct http *http, struct error *err)
{
	for (size_t i = 0; i < HTTP_SOCKETS; i++)
		http->sockets[i] = -1;
	http_init_crypto();
	http->is_global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	if (!http->is_global)
		return error_set(err, ERROR_INTERNAL, 0,
				 "libcurl does not start");
	http->multi = curl_multi_init();
	http->easy = curl_easy_init();
	return http->multi && http->easy ? 0 : error_oom(err);
}

static int http_set(struct http *http, const char *url,
		    const struct http_options *options, struct error *err)
{
	cleanup_server struct server server = { .url = NULL };
	int r;

	r = http_init(http, err);
	if (r < 0)
		return r;
	http_set_rest(http);
	r = server_parse(&server, url, err);
	if (r == 0)
		r = http_set_proxy(http, &server, options->proxy, err);
	if (r == 0 && options->server_name)
		r = http_set_name(http, &server, options->server_name, err);
	if (r == 0)
		r = http_set_base(http, &server, err);
	if (r == 0)
		r = http_set_tls(http, options, err);
	return r;
}

int http_open(const char *url, const struct http_options *options,
	      struct http **ret, struct error *err)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return error_oom(err);
	r = http_set(http, url, options, err);
	if (r < 0) {
		http_close(http);
		return r;
	}
	*ret = http;
	return 0;
}

struct http *http_close(struct http *http)
{
	if (!http)
		return NULL;
	curl_easy_cleanup(http->easy);
	curl_multi_cleanup(http->multi);
	curl_slist_free_all(http->connect_to);
	if (http->is_global)
		curl_global_cleanup();
	if (http->key)
		explicit_bzero(http->key, strlen(http->key));
	free(http->key);
	free(http->host);
	free(http->base);
	free(http);
	return NULL;
}
