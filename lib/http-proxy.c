/*
 * The proxy for a server, as Go's x/net/http/httpproxy chooses it: who has set
 * the environment of a container runtime has tried it with programs in Go.
 * libcurl's own rules are others (it proxies loopback, and knows ALL_PROXY), so
 * it is told the result.
 */
#include "lib/http.h"
#include "lib/inet.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct target {
	const char *host;
	char port[8];
	struct inet_addr addr; /* family 0 if host is a name */
};

static const char *proxy_environment(const char *name, const char *small)
{
	const char *value = secure_getenv(name);

	if (!value || !*value)
		value = secure_getenv(small);
	return value ? value : "";
}

static bool proxy_is_loopback(const struct inet_addr *addr)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (addr->family == AF_INET)
		return addr->bytes[0] == 127;
	return addr->family == AF_INET6 && memcmp(addr->bytes, one, 16) == 0;
}

/* "example.com" is it and all below, ".example.com" and "*.example.com" are
 * all below. */
static bool proxy_match_name(const struct target *target, const char *name)
{
	size_t host_len = strlen(target->host);
	size_t len;

	if (name[0] == '*' && name[1] == '.')
		name++;
	else if (name[0] != '.' && strcasecmp(name, target->host) == 0)
		return true;
	if (name[0] == '.')
		name++;
	len = strlen(name);
	return len > 0 && host_len > len + 1 &&
	       target->host[host_len - len - 1] == '.' &&
	       strcasecmp(target->host + host_len - len, name) == 0;
}

/* Cuts ":PORT" from "HOST:PORT" or "[ADDRESS]:PORT", and the brackets. */
static const char *proxy_split_port(char **entry)
{
	char *colon = strrchr(*entry, ':');
	char *close = strchr(*entry, ']');

	if (**entry == '[' && close) {
		*close = '\0';
		++*entry;
		return close[1] == ':' ? close + 2 : "";
	}
	if (!colon || strchr(*entry, ':') != colon)
		return "";
	*colon = '\0';
	return colon + 1;
}

static bool proxy_match(const struct target *target, char *entry)
{
	struct inet_prefix prefix;
	struct inet_addr addr;
	const char *port;

	if (strcmp(entry, "*") == 0)
		return true;
	if (inet_prefix_parse(entry, &prefix))
		return target->addr.family == prefix.addr.family &&
		       inet_prefix_contains(&prefix, &target->addr);
	port = proxy_split_port(&entry);
	if (*port && strcmp(port, target->port) != 0)
		return false;
	if (inet_addr_parse(entry, &addr))
		return inet_addr_equal(&addr, &target->addr);
	return proxy_match_name(target, entry);
}

static bool proxy_is_exempt(const struct target *target, char *list)
{
	char *rest = NULL;

	for (char *entry = strtok_r(list, ", \t", &rest); entry;
	     entry = strtok_r(NULL, ", \t", &rest))
		if (proxy_match(target, entry))
			return true;
	return false;
}

int http_proxy(const char *host, unsigned int port,
	       char ret[static HTTP_PROXY_MAX], struct error *err)
{
	struct target target = { .host = host };
	cleanup_free char *exempt = NULL;
	const char *proxy;
	int len;

	*ret = '\0';
	proxy = proxy_environment("HTTPS_PROXY", "https_proxy");
	if (!*proxy || strcasecmp(host, "localhost") == 0)
		return 0;
	if (inet_addr_parse(host, &target.addr) &&
	    proxy_is_loopback(&target.addr))
		return 0;
	snprintf(target.port, sizeof(target.port), "%u", port);
	exempt = strdup(proxy_environment("NO_PROXY", "no_proxy"));
	if (!exempt)
		return error_oom(err);
	if (proxy_is_exempt(&target, exempt))
		return 0;

	len = snprintf(ret, HTTP_PROXY_MAX, "%s%s",
		       strstr(proxy, "://") ? "" : "http://", proxy);
	if (len < 0 || len >= HTTP_PROXY_MAX)
		return error_set(err, ERROR_ENVIRONMENT, 0,
				 "HTTPS_PROXY: longer than %d bytes",
				 HTTP_PROXY_MAX - 1);
	return 0;
}
