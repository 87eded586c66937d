/*
 * What is known from several keys together. Everything here is a mistake of the
 * plan, found before anything in the world is touched.
 */
#include "plugin/config-priv.h"

#include "lib/log.h"

#include <string.h>
#include <sys/socket.h>

#define MTU_MIN_IPV6 1280 /* RFC 8200, section 5 */

static bool config_wants_shim(const struct config *config)
{
	return config->shim.present && config->shim.mode != CONFIG_SHIM_NEVER;
}

static int config_check_shim(struct config *config,
			     const struct request *request, struct error *err)
{
	bool passthru = config->mode == MACVLAN_MODE_PASSTHRU;
	const char *name = config->shim.name;

	if (config_wants_shim(config)) {
		if (passthru)
			return error_set(
				err, ERROR_UNSUPPORTED, 0,
				"hostShim: not possible with \"mode\": "
				"\"passthru\", which leaves the parent "
				"to one child");
		if (config->link_in_container)
			return error_set(err, ERROR_UNSUPPORTED, 0,
					 "hostShim: not possible with "
					 "\"linkInContainer\": true, where the "
					 "node does not have the parent");
		if (config->mode != MACVLAN_MODE_BRIDGE &&
		    request->verb == REQUEST_ADD)
			log_warning("hostShim: pods in \"mode\": \"%s\" and "
				    "the node do not reach each other",
				    config_mode_text(config->mode));
	}
	if (name && config->master && strcmp(name, config->master) == 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "hostShim.name: \"%s\" is the master's", name);
	if (name && config->vxlan.device &&
	    strcmp(name, config->vxlan.device) == 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "hostShim.name: \"%s\" is vxlan.device's",
				 name);

	if (passthru || config->link_in_container)
		config->shim.mode = CONFIG_SHIM_NEVER;
	return 0;
}

static int config_check_vxlan(const struct config *config, struct error *err)
{
	const struct config_vxlan *vxlan = &config->vxlan;

	if (!vxlan->present)
		return 0;
	if (!config->master)
		return error_set(err, ERROR_CONFIG, 0,
				 "master: required with \"vxlan\", it names "
				 "the link that is made");
	if (!request_ifname_is_valid(config->master))
		return error_set(err, ERROR_CONFIG, 0,
				 "master: \"%s\" is no name that a VXLAN link "
				 "can be given: 1 to 15 bytes, without ':' and "
				 "'%%'",
				 config->master);
	if (config->link_in_container)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "vxlan: not possible with "
				 "\"linkInContainer\": true, where the parent "
				 "is the container's");
	if (vxlan->device && strcmp(vxlan->device, config->master) == 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "vxlan.device: \"%s\" is the overlay itself",
				 vxlan->device);
	return 0;
}

static bool config_pods_have_ipv6(const struct ipam_config *ipam)
{
	for (size_t i = 0; i < ipam->n_sets; i++) {
		if (ipam->sets[i].family == AF_INET6)
			return true;
	}
	for (size_t i = 0; i < ipam->n_statics; i++) {
		if (ipam->statics[i].address.addr.family == AF_INET6)
			return true;
	}
	return false;
}

static bool config_nodes_have_ipv6(const struct config *config)
{
	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		for (size_t a = 0; a < row->n_addresses; a++) {
			if (row->addresses[a].addr.family == AF_INET6)
				return true;
		}
	}
	for (size_t i = 0; i < config->shim.n_addresses; i++) {
		if (config->shim.addresses[i].addr.family == AF_INET6)
			return true;
	}
	return false;
}

static int config_check_mtu(const struct config *config, struct error *err)
{
	bool pods = config_pods_have_ipv6(&config->ipam);
	bool nodes = config_nodes_have_ipv6(config);
	const struct {
		const char *key;
		uint32_t mtu;
		bool ipv6;
	} mtus[] = {
		{ "mtu", config->mtu, pods },
		{ "hostShim.mtu", config->shim.mtu, nodes },
		{ "vxlan.mtu", config->vxlan.mtu, pods || nodes },
	};

	for (size_t i = 0; i < ARRAY_SIZE(mtus); i++) {
		if (!mtus[i].mtu)
			continue;
		if (mtus[i].ipv6 && mtus[i].mtu < MTU_MIN_IPV6)
			return error_set(err, ERROR_CONFIG, 0,
					 "%s: %u is below %d, which IPv6 needs",
					 mtus[i].key, mtus[i].mtu,
					 MTU_MIN_IPV6);
		if (config->vxlan.mtu && mtus[i].mtu > config->vxlan.mtu)
			return error_set(err, ERROR_CONFIG, 0,
					 "%s: %u is above vxlan.mtu, %u",
					 mtus[i].key, mtus[i].mtu,
					 config->vxlan.mtu);
	}
	return 0;
}

/* How much of @network is given to pods here. */
static inet_uint config_count_pods(const struct ipam_config *ipam,
				   const struct inet_prefix *network)
{
	inet_uint count = 0;

	for (size_t s = 0; s < ipam->n_sets; s++) {
		for (size_t i = 0; i < ipam->sets[s].count; i++) {
			const struct ipam_range *range =
				&ipam->sets[s].ranges[i];

			if (inet_prefix_contains(network,
						 &range->range.network.addr))
				count += range_set_size(&range->candidates);
		}
	}
	return count;
}

static size_t config_count_nodes(const struct config *config,
				 const struct inet_prefix *network)
{
	size_t count = 0;

	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		for (size_t a = 0; a < row->n_addresses; a++)
			count += inet_prefix_contains(network,
						      &row->addresses[a].addr);
	}
	return count;
}

/* The subnet that a range is of: the nodes', where that is the wider one. */
static struct inet_prefix config_subnet(const struct config *config,
					const struct inet_prefix *range)
{
	struct inet_prefix subnet = *range;

	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		for (size_t a = 0; a < row->n_addresses; a++) {
			const struct inet_prefix *wider = &row->addresses[a];

			if (wider->len < subnet.len &&
			    inet_prefix_contains(wider, &range->addr))
				subnet = inet_prefix_network(wider);
		}
	}
	return subnet;
}

/*
 * The local table knows only this node. Whether another node has the same range
 * cannot be seen from here, but a range that is more than half of the subnet
 * that several nodes share is surely not one's own part of it.
 */
static int config_check_part(const struct config *config,
			     const struct ipam_range *range, struct error *err)
{
	struct inet_prefix subnet = config_subnet(config,
						  &range->range.network);
	struct inet_addr last = inet_prefix_last(&subnet);
	inet_uint size = inet_addr_to_uint(&last) -
			 inet_addr_to_uint(&subnet.addr);
	size_t nodes = config_count_nodes(config, &subnet);
	char text[INET_PREFIX_TEXT];

	if (nodes < 2 || config_count_pods(&config->ipam, &subnet) <= size / 2)
		return 0;
	return error_set(err, ERROR_CONFIG, 0,
			 "ipam.store: with \"local\", the %zu nodes in %s "
			 "would give the same addresses: name this node's own "
			 "part of it, at most half (range_start, range_end), "
			 "or choose another store, or set \"shared\": true to "
			 "have every address probed",
			 nodes, inet_prefix_format(&subnet, text));
}

static int config_check_local(const struct config *config, struct error *err)
{
	const struct ipam_config *ipam = &config->ipam;
	int r;

	if (ipam->store != IPAM_STORE_LOCAL || ipam->shared)
		return 0;
	for (size_t s = 0; s < ipam->n_sets; s++) {
		for (size_t i = 0; i < ipam->sets[s].count; i++) {
			r = config_check_part(config, &ipam->sets[s].ranges[i],
					      err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int config_check_statics(const struct ipam_config *ipam,
				const struct inet_addr *nodes, size_t count,
				struct error *err)
{
	char text[INET_ADDR_TEXT];

	for (size_t i = 0; i < ipam->n_statics; i++) {
		const struct inet_addr *addr = &ipam->statics[i].address.addr;

		for (size_t n = 0; n < count; n++) {
			if (inet_addr_equal(addr, &nodes[n]))
				return error_set(err, ERROR_CONFIG, 0,
						 "ipam.addresses[%zu]: %s is a "
						 "node's",
						 i,
						 inet_addr_format(addr, text));
		}
	}
	return 0;
}

/* No pod gets what a node has, whatever "exclude" says. */
static int config_reserve_nodes(struct config *config, struct error *err)
{
	cleanup_free struct inet_addr *nodes = NULL;
	size_t count = 0;
	int r;

	nodes = calloc(config->n_nodes * 2 + 2, sizeof(*nodes));
	if (!nodes)
		return error_oom(err);
	for (size_t i = 0; i < config->shim.n_addresses; i++)
		nodes[count++] = config->shim.addresses[i].addr;
	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		for (size_t a = 0; a < row->n_addresses; a++)
			nodes[count++] = row->addresses[a].addr;
	}
	r = config_check_statics(&config->ipam, nodes, count, err);
	if (r < 0)
		return r;
	return ipam_config_reserve(&config->ipam, nodes, count, err);
}

int config_check_delegate(const struct config *config,
			  const struct request *request, struct error *err)
{
	const char *type = config->ipam.type;

	if (!config->ipam.present || ipam_config_is_builtin(&config->ipam))
		return 0;
	if (strchr(type, '/'))
		return error_set(err, ERROR_CONFIG, 0,
				 "ipam.type: \"%s\" is no name of a plugin",
				 type);
	if (request->program && strcmp(type, request->program) == 0)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "ipam.type: \"%s\" is this plugin under "
				 "another name, and no type that this build "
				 "serves: \"hostshim\" is",
				 type);
	return 0;
}

/* Who probes must have the interface; the plugin that has it does not. */
static int config_check_role(const struct config *config, struct error *err)
{
	const struct ipam_config *ipam = &config->ipam;

	if (config->role != CONFIG_ROLE_IPAM)
		return 0;
	if (ipam->shared || ipam->conflict_probe)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "ipam.%s: true is not possible in a network "
				 "of \"type\": \"%s\", where nobody probes",
				 ipam->shared ? "shared" : "conflictProbe",
				 config->type);
	return 0;
}

int config_check(struct config *config, const struct request *request,
		 struct error *err)
{
	int r;

	r = config_check_vxlan(config, err);
	if (r < 0)
		return r;
	r = config_check_shim(config, request, err);
	if (r < 0)
		return r;
	r = config_check_mtu(config, err);
	if (r < 0)
		return r;
	r = config_check_delegate(config, request, err);
	if (r < 0)
		return r;
	if (!ipam_config_is_builtin(&config->ipam))
		return 0;
	r = config_check_role(config, err);
	if (r < 0)
		return r;
	r = config_check_local(config, err);
	if (r < 0)
		return r;
	return config_reserve_nodes(config, err);
}
