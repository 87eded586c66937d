/*
 * Results as text of every version into the one struct. Readers take more than
 * the specification allows to write (a result may come from any plugin), but
 * nothing that would have to be guessed.
 */
#include "plugin/result.h"

#include <string.h>
#include <sys/socket.h>

/* An array into items that are appended one by one. */
static int result_read_array(const struct json_at *at,
			     int (*read)(const struct json_at *item,
					 struct result *ret, struct error *err),
			     struct result *ret, struct error *err)
{
	int r;

	if (json_type(at) != JSON_TYPE_ARRAY)
		return json_expected(at, "an array", err);
	for (size_t i = 0; i < json_count(at); i++) {
		const struct json_at item = json_element(at, i);

		r = read(&item, ret, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Room for one more zeroed item; @items is a pointer to the array's pointer. */
static void *result_append(void *items, size_t *count, size_t size,
			   struct error *err)
{
	char **array = items;
	char *grown = reallocarray(*array, *count + 1, size);

	if (!grown) {
		error_oom(err);
		return NULL;
	}
	*array = grown;
	memset(grown + *count * size, 0, size);
	return grown + (*count)++ * size;
}

static int result_read_prefix(const struct json_at *at, void *member,
			      struct error *err)
{
	const char *text = json_text(at);

	if (!text)
		return json_expected(at, "an address with a prefix length",
				     err);
	if (!inet_prefix_parse(text, member))
		return json_error(at, err,
				  "\"%s\" is no address with a prefix length",
				  text);
	return 0;
}

/* Go prints an absent address as "" where it does not leave it out. */
static int result_read_addr(const struct json_at *at, void *member,
			    struct error *err)
{
	const char *text = json_text(at);

	if (!text)
		return json_expected(at, "an address", err);
	if (*text && !inet_addr_parse(text, member))
		return json_error(at, err, "\"%s\" is no address", text);
	return 0;
}

static int result_read_index(const struct json_at *at, void *member,
			     struct error *err)
{
	uint64_t value;
	int r;

	r = json_read_uint(at, 0, INT32_MAX, &value, err);
	if (r < 0)
		return r;
	*(int *)member = (int)value;
	return 0;
}

static int result_read_interface(const struct json_at *at, struct result *ret,
				 struct error *err)
{
	static const struct json_field fields[] = {
		JSON_STRING("name", struct result_interface, name, 0),
		JSON_STRING("mac", struct result_interface, mac, 0),
		JSON_STRING("sandbox", struct result_interface, sandbox, 0),
		JSON_U32("mtu", struct result_interface, mtu, 0),
		JSON_STRING("socketPath", struct result_interface, socket_path,
			    0),
		JSON_STRING("pciID", struct result_interface, pci_id, 0),
		JSON_END
	};
	struct result_interface *interface;

	interface = result_append(&ret->interfaces, &ret->n_interfaces,
				  sizeof(*interface), err);
	if (!interface)
		return error_return(err);
	return json_read_object(at, fields, interface, JSON_UNKNOWN_IGNORE,
				err);
}

static int result_read_ip(const struct json_at *at, struct result *ret,
			  struct error *err)
{
	static const struct json_field fields[] = {
		JSON_WITH("address", result_read_prefix, struct result_ip,
			  address, JSON_REQUIRED),
		JSON_WITH("gateway", result_read_addr, struct result_ip,
			  gateway, 0),
		JSON_WITH("interface", result_read_index, struct result_ip,
			  interface, 0),
		JSON_END
	};
	struct result_ip *ip;

	ip = result_append(&ret->ips, &ret->n_ips, sizeof(*ip), err);
	if (!ip)
		return error_return(err);
	ip->interface = -1;
	return json_read_object(at, fields, ip, JSON_UNKNOWN_IGNORE, err);
}

static int result_read_route(const struct json_at *at, struct result *ret,
			     struct error *err)
{
	struct inet_route *route;

	route = result_append(&ret->routes, &ret->n_routes, sizeof(*route),
			      err);
	if (!route)
		return error_return(err);
	return ipam_route_read(at, route, err);
}

static int result_read_interfaces(const struct json_at *at, void *member,
				  struct error *err)
{
	return result_read_array(at, result_read_interface, member, err);
}

static int result_read_ips(const struct json_at *at, void *member,
			   struct error *err)
{
	return result_read_array(at, result_read_ip, member, err);
}

static int result_read_routes(const struct json_at *at, void *member,
			      struct error *err)
{
	return result_read_array(at, result_read_route, member, err);
}

/* "ip4" and "ip6" of 0.1.0 and 0.2.0: an address with its own routes. */
static int result_read_old_ip(const struct json_at *at, void *member,
			      struct error *err)
{
	static const struct json_field fields[] = {
		JSON_WITH("ip", result_read_prefix, struct result_ip, address,
			  JSON_REQUIRED),
		JSON_WITH("gateway", result_read_addr, struct result_ip,
			  gateway, 0),
		JSON_END
	};
	struct result *ret = member;
	struct json_at routes;
	struct result_ip *ip;
	int r;

	ip = result_append(&ret->ips, &ret->n_ips, sizeof(*ip), err);
	if (!ip)
		return error_return(err);
	ip->interface = -1;
	r = json_read_object(at, fields, ip, JSON_UNKNOWN_IGNORE, err);
	if (r < 0 || !json_member(at, "routes", &routes))
		return r;
	return result_read_array(&routes, result_read_route, ret, err);
}

static int result_check_own_version(const struct json_at *at,
				    enum version version, struct error *err)
{
	struct json_at own;
	const char *text;

	if (!json_member(at, "cniVersion", &own))
		return 0;
	text = json_text(&own);
	if (!text)
		return json_expected(&own, "a string", err);
	if (!*text || strcmp(text, version_text(version)) == 0)
		return 0;
	return json_error(&own, err,
			  "\"%s\" is not the configuration's version %s", text,
			  version_text(version));
}

/* Readers of whole members of the result: offset 0 is the struct itself. */
#define RESULT_WHOLE(key, reader)                                              \
	{                                                                      \
		key, reader, 0, 0                                              \
	}

int result_read(const struct json_at *at, enum version version,
		struct result *ret, struct error *err)
{
	static const struct json_field old_fields[] = {
		RESULT_WHOLE("ip4", result_read_old_ip),
		RESULT_WHOLE("ip6", result_read_old_ip),
		JSON_WITH("dns", ipam_dns_read, struct result, dns, 0), JSON_END
	};
	static const struct json_field new_fields[] = {
		RESULT_WHOLE("interfaces", result_read_interfaces),
		RESULT_WHOLE("ips", result_read_ips),
		RESULT_WHOLE("routes", result_read_routes),
		JSON_WITH("dns", ipam_dns_read, struct result, dns, 0), JSON_END
	};
	int r;

	*ret = (struct result){ 0 };
	r = result_check_own_version(at, version, err);
	if (r < 0)
		return r;
	return json_read_object(at,
				version <= VERSION_0_2_0 ? old_fields
							 : new_fields,
				ret, JSON_UNKNOWN_IGNORE, err);
}

static void result_interface_clear(struct result_interface *interface)
{
	free(interface->name);
	free(interface->mac);
	free(interface->sandbox);
	free(interface->socket_path);
	free(interface->pci_id);
}

void result_clear(struct result *result)
{
	for (size_t i = 0; i < result->n_interfaces; i++)
		result_interface_clear(&result->interfaces[i]);
	free(result->interfaces);
	free(result->ips);
	free(result->routes);
	ipam_dns_clear(&result->dns);
	*result = (struct result){ 0 };
}
