#include "plugin/outcome.h"

#include "plugin/delegate.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct family_count {
	size_t ipv4;
	size_t ipv6;
};

static void count(struct family_count *sum, uint8_t family)
{
	if (family == AF_INET6)
		sum->ipv6++;
	else
		sum->ipv4++;
}

int outcome_check_version(const struct config *config,
			  const struct ipam_result *given, struct error *err)
{
	const struct ipam_config *ipam = &config->ipam;
	struct family_count sum = { 0 };

	if (delegate_is_wanted(config) && given->n_addresses == 0)
		return 0;
	for (size_t i = 0; i < given->n_addresses; i++)
		count(&sum, given->addresses[i].address.addr.family);
	for (size_t i = 0; i < ipam->n_sets; i++)
		count(&sum, ipam->sets[i].family);
	for (size_t i = 0; i < ipam->n_statics; i++)
		count(&sum, ipam->statics[i].address.addr.family);
	for (size_t i = 0; config->has_prev && i < config->prev.n_ips; i++)
		count(&sum, config->prev.ips[i].address.addr.family);
	return result_check_version(config->version, sum.ipv4, sum.ipv6, err);
}

/* Room for one more at the end of an array, zeroed; NULL: no memory. */
static void *grow(void *items, size_t count, size_t size, struct error *err)
{
	char *grown = reallocarray(items, count + 1, size);

	if (!grown) {
		error_oom(err);
		return NULL;
	}
	memset(grown + count * size, 0, size);
	return grown;
}

static int add_ip(struct result *result, const struct result_ip *ip,
		  struct error *err)
{
	void *grown = grow(result->ips, result->n_ips, sizeof(*ip), err);

	if (!grown)
		return error_return(err);
	result->ips = grown;
	result->ips[result->n_ips++] = *ip;
	return 0;
}

static int add_route(struct result *result, const struct inet_route *route,
		     struct error *err)
{
	void *grown = grow(result->routes, result->n_routes, sizeof(*route),
			   err);

	if (!grown)
		return error_return(err);
	result->routes = grown;
	result->routes[result->n_routes++] = *route;
	return 0;
}

static int copy_text(const char *from, char **ret, struct error *err)
{
	if (!from)
		return 0;
	*ret = strdup(from);
	return *ret ? 0 : error_oom(err);
}

static int add_interface(struct result *result,
			 const struct result_interface *from, struct error *err)
{
	struct result_interface *last;
	void *grown = grow(result->interfaces, result->n_interfaces,
			   sizeof(*from), err);

	if (!grown)
		return error_return(err);
	result->interfaces = grown;
	last = &result->interfaces[result->n_interfaces++];
	last->mtu = from->mtu;
	if (copy_text(from->name, &last->name, err) < 0 ||
	    copy_text(from->mac, &last->mac, err) < 0 ||
	    copy_text(from->sandbox, &last->sandbox, err) < 0 ||
	    copy_text(from->socket_path, &last->socket_path, err) < 0 ||
	    copy_text(from->pci_id, &last->pci_id, err) < 0)
		return error_return(err);
	return 0;
}

static int add_link(struct result *result, const struct netlink_link *link,
		    const char *sandbox, struct error *err)
{
	char name[IFNAMSIZ];
	char mac[INET_MAC_TEXT];
	char *netns = NULL;
	struct result_interface interface = { .name = name, .mac = mac };
	int r;

	r = copy_text(sandbox, &netns, err);
	if (r < 0)
		return r;
	memcpy(name, link->name, sizeof(name));
	inet_mac_format(&link->mac, mac);
	interface.sandbox = netns;
	interface.mtu = link->mtu;
	r = add_interface(result, &interface, err);
	free(netns);
	return r;
}

/* --- prevResult ----------------------------------------------------------------- */

static int add_prev(struct result *result, const struct result *prev,
		    struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < prev->n_interfaces; i++)
		r = add_interface(result, &prev->interfaces[i], err);
	for (size_t i = 0; r == 0 && i < prev->n_ips; i++)
		r = add_ip(result, &prev->ips[i], err);
	for (size_t i = 0; r == 0 && i < prev->n_routes; i++)
		r = add_route(result, &prev->routes[i], err);
	return r;
}

/* --- ours ------------------------------------------------------------------------ */

static struct inet_addr route_gateway(const struct inet_route *route,
				      const struct ipam_result *given)
{
	/* An on-link scope needs no gateway, and the kernel takes none. */
	if (route->gw.family ||
	    (route->has_scope && route->scope >= RT_SCOPE_LINK))
		return route->gw;
	for (size_t i = 0; i < given->n_addresses; i++) {
		const struct inet_addr *gw = &given->addresses[i].gateway;

		if (gw->family == route->dst.addr.family)
			return *gw;
	}
	return route->gw;
}

int outcome_begin(struct outcome *outcome, const struct config *config,
		  const struct ipam_result *given, struct error *err)
{
	struct result *result = &outcome->result;
	int r = 0;

	if (config->has_prev)
		r = add_prev(result, &config->prev, err);
	outcome->first_ip = result->n_ips;
	outcome->first_route = result->n_routes;

	for (size_t i = 0; r == 0 && i < given->n_addresses; i++) {
		const struct result_ip ip = {
			.address = given->addresses[i].address,
			.gateway = given->addresses[i].gateway,
			.interface = (int)result->n_interfaces,
		};

		r = add_ip(result, &ip, err);
	}
	for (size_t i = 0; r == 0 && i < given->n_routes; i++) {
		struct inet_route route = given->routes[i];

		route.gw = route_gateway(&given->routes[i], given);
		r = add_route(result, &route, err);
	}
	return r;
}

static int set_dns(struct result *result, const struct config *config,
		   const struct ipam_result *given, struct error *err)
{
	const struct ipam_dns *from = &config->dns;

	if (ipam_dns_is_empty(from))
		from = &given->dns;
	if (ipam_dns_is_empty(from) && config->has_prev)
		from = &config->prev.dns;
	return ipam_dns_copy(from, &result->dns, err);
}

int outcome_finish(struct outcome *outcome, const struct config *config,
		   const struct ipam_result *given,
		   const struct netlink_link *link, const char *sandbox,
		   const struct netlink_link *shim, struct error *err)
{
	struct result *result = &outcome->result;
	int r;

	r = add_link(result, link, sandbox, err);
	if (r < 0)
		return r;
	if (shim) {
		r = add_link(result, shim, NULL, err);
		if (r < 0)
			return r;
	}
	return set_dns(result, config, given, err);
}
