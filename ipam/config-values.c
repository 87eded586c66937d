/* The values of an "ipam" section that CNI results have too: addresses, routes,
 * DNS. */

#include "ipam/config-priv.h"
#include "lib/file.h"

#include <stdio.h>
#include <string.h>

#define RESOLV_CONF_MAX 65536

int ipam_read_at(const struct json_at *at, void *member, struct error *err)
{
	struct json_at *place = member;

	(void)err;
	*place = *at;
	return 0;
}

int ipam_read_addr(const struct json_at *at, void *member, struct error *err)
{
	struct inet_addr *addr = member;
	const char *text = json_text(at);

	if (!text)
		return json_expected(at, "an address", err);
	*addr = (struct inet_addr){ 0 };
	if (*text && !inet_addr_parse(text, addr))
		return json_error(at, err, "\"%s\" is no address", text);
	return 0;
}

static int read_prefix(const struct json_at *at, void *member,
		       struct error *err)
{
	struct inet_prefix *prefix = member;
	const char *text = json_text(at);

	if (!text)
		return json_expected(at, "an address with a prefix length",
				     err);
	if (!inet_prefix_parse(text, prefix))
		return json_error(at, err, "\"%s\" is not ADDRESS/LENGTH",
				  text);
	return 0;
}

static const struct json_field static_fields[] = {
	JSON_WITH("address", read_prefix, struct ipam_static, address,
		  JSON_REQUIRED),
	JSON_WITH("gateway", ipam_read_addr, struct ipam_static, gateway, 0),
	JSON_END
};

int ipam_read_statics(const struct json_at *at, void *member, struct error *err)
{
	struct ipam_config *config = member;
	size_t n = json_count(at);
	int r;

	if (json_type(at) != JSON_TYPE_ARRAY)
		return json_expected(at, "an array", err);
	free(config->statics);
	config->n_statics = 0;
	config->statics = calloc(n + 1, sizeof(*config->statics));
	if (!config->statics)
		return error_oom(err);

	for (size_t i = 0; i < n; i++) {
		struct json_at item = json_element(at, i);

		r = json_read_object(&item, static_fields, &config->statics[i],
				     JSON_UNKNOWN_WARN, err);
		if (r < 0)
			return r;
		config->n_statics++;
	}
	return 0;
}

struct route_keys {
	struct inet_route route;
};

static int read_destination(const struct json_at *at, void *member,
			    struct error *err)
{
	struct inet_prefix *dst = member;
	int r;

	r = read_prefix(at, dst, err);
	if (r < 0)
		return r;
	*dst = inet_prefix_network(dst);
	return 0;
}

static int read_table(const struct json_at *at, void *member, struct error *err)
{
	struct inet_route *route = member;

	route->has_table = true;
	return json_read_u32(at, &route->table, err);
}

static int read_scope(const struct json_at *at, void *member, struct error *err)
{
	struct inet_route *route = member;
	uint64_t value;
	int r;

	r = json_read_uint(at, 0, UINT8_MAX, &value, err);
	if (r < 0)
		return r;
	route->scope = (uint8_t)value;
	route->has_scope = true;
	return 0;
}

static const struct json_field route_fields[] = {
	JSON_WITH("dst", read_destination, struct route_keys, route.dst,
		  JSON_REQUIRED),
	JSON_WITH("gw", ipam_read_addr, struct route_keys, route.gw, 0),
	JSON_U32("mtu", struct route_keys, route.mtu, 0),
	JSON_U32("advmss", struct route_keys, route.advmss, 0),
	JSON_U32("priority", struct route_keys, route.priority, 0),
	JSON_WITH("table", read_table, struct route_keys, route, 0),
	JSON_WITH("scope", read_scope, struct route_keys, route, 0),
	JSON_END
};

int ipam_route_read(const struct json_at *at, struct inet_route *ret,
		    struct error *err)
{
	struct route_keys keys = { 0 };
	char gw[INET_ADDR_TEXT];
	char dst[INET_PREFIX_TEXT];
	int r;

	r = json_read_object(at, route_fields, &keys, JSON_UNKNOWN_IGNORE, err);
	if (r < 0)
		return r;
	if (keys.route.gw.family &&
	    keys.route.gw.family != keys.route.dst.addr.family)
		return json_error(at, err,
				  "gateway %s is not of the family of %s",
				  inet_addr_format(&keys.route.gw, gw),
				  inet_prefix_format(&keys.route.dst, dst));
	*ret = keys.route;
	return 0;
}

int ipam_read_routes(const struct json_at *at, void *member, struct error *err)
{
	struct ipam_config *config = member;
	size_t n = json_count(at);
	int r;

	if (json_type(at) != JSON_TYPE_ARRAY)
		return json_expected(at, "an array", err);
	free(config->routes);
	config->n_routes = 0;
	config->routes = calloc(n + 1, sizeof(*config->routes));
	if (!config->routes)
		return error_oom(err);

	for (size_t i = 0; i < n; i++) {
		struct json_at item = json_element(at, i);

		r = ipam_route_read(&item, &config->routes[i], err);
		if (r < 0)
			return r;
		config->n_routes++;
	}
	return 0;
}

static void strings_clear(char ***strings, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		free((*strings)[i]);
	free(*strings);
	*strings = NULL;
	*n = 0;
}

static int strings_add(char ***strings, size_t *n, const char *text, size_t len,
		       struct error *err)
{
	char *copy = strndup(text, len);
	char **grown;

	grown = copy ? reallocarray(*strings, *n + 1, sizeof(*grown)) : NULL;
	if (!grown) {
		free(copy);
		return error_oom(err);
	}
	grown[(*n)++] = copy;
	*strings = grown;
	return 0;
}

static int strings_copy(char *const *from, size_t n, char ***strings,
			size_t *ret_n, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = strings_add(strings, ret_n, from[i], strlen(from[i]), err);
	return r;
}

static int read_strings(const struct json_at *object, const char *key,
			char ***strings, size_t *n, struct error *err)
{
	struct json_at at;
	int r = 0;

	if (!json_member(object, key, &at))
		return 0;
	if (json_type(&at) != JSON_TYPE_ARRAY)
		return json_expected(&at, "an array of strings", err);
	for (size_t i = 0; i < json_count(&at) && r == 0; i++) {
		struct json_at item = json_element(&at, i);
		const char *text = json_text(&item);

		if (!text)
			return json_expected(&item, "a string", err);
		r = strings_add(strings, n, text, strlen(text), err);
	}
	return r;
}

void ipam_dns_clear(struct ipam_dns *dns)
{
	strings_clear(&dns->nameservers, &dns->n_nameservers);
	strings_clear(&dns->search, &dns->n_search);
	strings_clear(&dns->options, &dns->n_options);
	free(dns->domain);
	dns->domain = NULL;
}

bool ipam_dns_is_empty(const struct ipam_dns *dns)
{
	return dns->n_nameservers == 0 && dns->n_search == 0 &&
	       dns->n_options == 0 && (!dns->domain || !*dns->domain);
}

static void dns_replace(struct ipam_dns *dns, struct ipam_dns *by)
{
	ipam_dns_clear(dns);
	*dns = *by;
	*by = (struct ipam_dns){ 0 };
}

static int dns_read_all(const struct json_at *at, struct ipam_dns *dns,
			struct error *err)
{
	struct json_at domain;
	int r;

	if (json_type(at) != JSON_TYPE_OBJECT)
		return json_expected(at, "an object", err);
	r = read_strings(at, "nameservers", &dns->nameservers,
			 &dns->n_nameservers, err);
	if (r < 0)
		return r;
	r = read_strings(at, "search", &dns->search, &dns->n_search, err);
	if (r < 0)
		return r;
	r = read_strings(at, "options", &dns->options, &dns->n_options, err);
	if (r < 0)
		return r;
	if (json_member(at, "domain", &domain))
		return json_read_string(&domain, &dns->domain, err);
	return 0;
}

int ipam_dns_read(const struct json_at *at, void *member, struct error *err)
{
	cleanup_ipam_dns struct ipam_dns dns = { 0 };
	int r;

	r = dns_read_all(at, &dns, err);
	if (r < 0)
		return r;
	dns_replace(member, &dns);
	return 0;
}

int ipam_dns_copy(const struct ipam_dns *from, struct ipam_dns *ret,
		  struct error *err)
{
	cleanup_ipam_dns struct ipam_dns dns = { 0 };
	int r;

	r = strings_copy(from->nameservers, from->n_nameservers,
			 &dns.nameservers, &dns.n_nameservers, err);
	if (r < 0)
		return r;
	r = strings_copy(from->search, from->n_search, &dns.search,
			 &dns.n_search, err);
	if (r < 0)
		return r;
	r = strings_copy(from->options, from->n_options, &dns.options,
			 &dns.n_options, err);
	if (r < 0)
		return r;
	if (from->domain) {
		dns.domain = strdup(from->domain);
		if (!dns.domain)
			return error_oom(err);
	}
	dns_replace(ret, &dns);
	return 0;
}

/* The next word of a line; @p moves behind it. */
static const char *next_word(const char **p, size_t *len)
{
	const char *word = *p + strspn(*p, " \t\r");

	*len = strcspn(word, " \t\r");
	*p = word + *len;
	return *len ? word : NULL;
}

static int dns_load_line(struct ipam_dns *dns, const char *line,
			 struct error *err)
{
	char ***strings = NULL;
	size_t *n = NULL;
	const char *word;
	size_t len;
	int r = 0;

	word = next_word(&line, &len);
	if (!word || *word == '#' || *word == ';')
		return 0;
	if (len == 10 && memcmp(word, "nameserver", len) == 0) {
		strings = &dns->nameservers;
		n = &dns->n_nameservers;
	} else if (len == 6 && memcmp(word, "search", len) == 0) {
		strings = &dns->search;
		n = &dns->n_search;
	} else if (len == 7 && memcmp(word, "options", len) == 0) {
		strings = &dns->options;
		n = &dns->n_options;
	} else if (len == 6 && memcmp(word, "domain", len) == 0) {
		word = next_word(&line, &len);
		free(dns->domain);
		dns->domain = word ? strndup(word, len) : NULL;
		return word && !dns->domain ? error_oom(err) : 0;
	} else {
		return 0;
	}

	while (r == 0 && (word = next_word(&line, &len)))
		r = strings_add(strings, n, word, len, err);
	return r;
}

int ipam_dns_load(const char *path, struct ipam_dns *ret, struct error *err)
{
	cleanup_ipam_dns struct ipam_dns dns = { 0 };
	cleanup_free char *text = NULL;
	char *rest, *line;
	int r;

	r = file_read(path, RESOLV_CONF_MAX, &text, NULL, err);
	if (r < 0)
		return r;
	if (r == FILE_ABSENT)
		return error_set(err, ERROR_IO, 0, "%s is missing", path);

	for (line = text; line; line = rest) {
		rest = strchr(line, '\n');
		if (rest)
			*rest++ = '\0';
		r = dns_load_line(&dns, line, err);
		if (r < 0)
			return r;
	}
	dns_replace(ret, &dns);
	return 0;
}
