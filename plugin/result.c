/*
 * Results into text. The shapes, with what the reference library does where the
 * specification is silent (members without a value are left out, but "dns" is
 * an empty object before 1.0.0):
 *
 *	0.1.0 0.2.0		ip4, ip6, each with its routes; no interfaces
 *	0.3.0 0.3.1 0.4.0	interfaces, ips with "version", routes
 *	1.0.0			ips without "version"
 *	1.1.0			interfaces and routes with more members
 *
 * Members that a version does not know are left out, where the reference lets
 * some of them through.
 */
#include "plugin/result.h"

#include "lib/json-write.h"

#include <sys/socket.h>

int result_check_version(enum version version, size_t n_ipv4, size_t n_ipv6,
			 struct error *err)
{
	if (version > VERSION_0_2_0)
		return 0;
	if (n_ipv4 + n_ipv6 == 0)
		return error_set(err, ERROR_VERSION, 0,
				 "cniVersion: a result of version %s needs an "
				 "address, and \"ipam\" gives none",
				 version_text(version));
	if (n_ipv4 > 1 || n_ipv6 > 1)
		return error_set(err, ERROR_VERSION, 0,
				 "cniVersion: a result of version %s has one "
				 "address of a family, and \"ipam\" gives %zu",
				 version_text(version),
				 n_ipv4 > 1 ? n_ipv4 : n_ipv6);
	return 0;
}

static void result_write_text(struct json_writer *w, const char *key,
			      const char *text)
{
	if (text && *text)
		json_write_string(w, key, text);
}

static void result_write_number(struct json_writer *w, const char *key,
				uint32_t number)
{
	if (number)
		json_write_uint(w, key, number);
}

static void result_write_addr(struct json_writer *w, const char *key,
			      const struct inet_addr *addr)
{
	char text[INET_ADDR_TEXT];

	if (addr->family)
		json_write_string(w, key, inet_addr_format(addr, text));
}

static void result_write_prefix(struct json_writer *w, const char *key,
				const struct inet_prefix *prefix)
{
	char text[INET_PREFIX_TEXT];

	json_write_string(w, key, inet_prefix_format(prefix, text));
}

static void result_write_texts(struct json_writer *w, const char *key,
			       char *const *texts, size_t count)
{
	if (count == 0)
		return;
	json_write_array(w, key);
	for (size_t i = 0; i < count; i++)
		json_write_string(w, NULL, texts[i]);
	json_write_end(w);
}

static void result_write_dns(struct json_writer *w, const struct ipam_dns *dns,
			     enum version version)
{
	if (ipam_dns_is_empty(dns) && version >= VERSION_1_0_0)
		return;
	json_write_object(w, "dns");
	result_write_texts(w, "nameservers", dns->nameservers,
			   dns->n_nameservers);
	result_write_text(w, "domain", dns->domain);
	result_write_texts(w, "search", dns->search, dns->n_search);
	result_write_texts(w, "options", dns->options, dns->n_options);
	json_write_end(w);
}

static void result_write_route(struct json_writer *w,
			       const struct inet_route *route,
			       enum version version)
{
	json_write_object(w, NULL);
	result_write_prefix(w, "dst", &route->dst);
	result_write_addr(w, "gw", &route->gw);
	if (version >= VERSION_1_1_0) {
		result_write_number(w, "mtu", route->mtu);
		result_write_number(w, "advmss", route->advmss);
		result_write_number(w, "priority", route->priority);
		if (route->has_table)
			json_write_uint(w, "table", route->table);
		if (route->has_scope)
			json_write_uint(w, "scope", route->scope);
	}
	json_write_end(w);
}

/* @family: AF_UNSPEC for the routes of both. */
static void result_write_routes(struct json_writer *w,
				const struct result *result, uint8_t family,
				enum version version)
{
	bool open = false;

	for (size_t i = 0; i < result->n_routes; i++) {
		const struct inet_route *route = &result->routes[i];

		if (family != AF_UNSPEC && route->dst.addr.family != family)
			continue;
		if (!open)
			json_write_array(w, "routes");
		open = true;
		result_write_route(w, route, version);
	}
	if (open)
		json_write_end(w);
}

/* The old shape has room for the first address of a family; routes of a family
 * without one have no place. */
static void result_write_old_ip(struct json_writer *w, const char *key,
				const struct result *result, uint8_t family,
				enum version version)
{
	for (size_t i = 0; i < result->n_ips; i++) {
		const struct result_ip *ip = &result->ips[i];

		if (ip->address.addr.family != family)
			continue;
		json_write_object(w, key);
		result_write_prefix(w, "ip", &ip->address);
		result_write_addr(w, "gateway", &ip->gateway);
		result_write_routes(w, result, family, version);
		json_write_end(w);
		return;
	}
}

static void result_write_interfaces(struct json_writer *w,
				    const struct result *result,
				    enum version version)
{
	if (result->n_interfaces == 0)
		return;
	json_write_array(w, "interfaces");
	for (size_t i = 0; i < result->n_interfaces; i++) {
		const struct result_interface *interface =
			&result->interfaces[i];

		json_write_object(w, NULL);
		json_write_string(w, "name",
				  interface->name ? interface->name : "");
		result_write_text(w, "mac", interface->mac);
		if (version >= VERSION_1_1_0)
			result_write_number(w, "mtu", interface->mtu);
		result_write_text(w, "sandbox", interface->sandbox);
		if (version >= VERSION_1_1_0) {
			result_write_text(w, "socketPath",
					  interface->socket_path);
			result_write_text(w, "pciID", interface->pci_id);
		}
		json_write_end(w);
	}
	json_write_end(w);
}

static void result_write_ips(struct json_writer *w, const struct result *result,
			     enum version version)
{
	if (result->n_ips == 0)
		return;
	json_write_array(w, "ips");
	for (size_t i = 0; i < result->n_ips; i++) {
		const struct result_ip *ip = &result->ips[i];

		json_write_object(w, NULL);
		if (version < VERSION_1_0_0)
			json_write_string(w, "version",
					  ip->address.addr.family == AF_INET
						  ? "4"
						  : "6");
		if (ip->interface >= 0)
			json_write_int(w, "interface", ip->interface);
		result_write_prefix(w, "address", &ip->address);
		result_write_addr(w, "gateway", &ip->gateway);
		json_write_end(w);
	}
	json_write_end(w);
}

int result_format(const struct result *result, enum version version, char **ret,
		  size_t *ret_len, struct error *err)
{
	struct json_writer w = { 0 };

	if (version <= VERSION_0_2_0 && result->n_ips == 0)
		return result_check_version(version, 0, 0, err);

	json_write_object(&w, NULL);
	json_write_string(&w, "cniVersion", version_text(version));
	if (version <= VERSION_0_2_0) {
		result_write_old_ip(&w, "ip4", result, AF_INET, version);
		result_write_old_ip(&w, "ip6", result, AF_INET6, version);
	} else {
		result_write_interfaces(&w, result, version);
		result_write_ips(&w, result, version);
		result_write_routes(&w, result, AF_UNSPEC, version);
	}
	result_write_dns(&w, &result->dns, version);
	json_write_end(&w);
	return json_write_finish(&w, ret, ret_len, err);
}

size_t result_format_error(const struct error *error, enum version version,
			   char buf[static RESULT_ERROR_TEXT])
{
	struct json_writer w;
	struct error unused = { 0 };
	size_t len = 0;
	char *text;

	json_write_init_fixed(&w, buf, RESULT_ERROR_TEXT);
	json_write_object(&w, NULL);
	json_write_string(&w, "cniVersion", version_text(version));
	json_write_uint(&w, "code", error->code);
	json_write_string(&w, "msg", error->msg);
	result_write_text(&w, "details", error->details);
	json_write_end(&w);
	json_write_finish(&w, &text, &len, &unused);
	return len;
}
