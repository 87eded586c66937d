#include "plugin/host-range.h"

bool host_range_is_given(const struct config *config)
{
	return ipam_config_is_builtin(&config->ipam) &&
	       config->ipam.n_host_ranges > 0;
}

bool host_range_is_former(const struct config *config,
			  const struct inet_addr *addr)
{
	return host_range_is_given(config) &&
	       ipam_host_is_former(&config->ipam, addr);
}

/* An index that names another node's address would be found out by its storage
 * traffic only. */
static int check_rows(const struct config *config, const struct node *node,
		      const struct inet_addr *addr, struct error *err)
{
	char text[INET_ADDR_TEXT];

	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		for (size_t j = 0; j < row->n_addresses && row != node->row;
		     j++)
			if (inet_addr_equal(&row->addresses[j].addr, addr))
				return error_set(
					err, ERROR_CONFIG, 0,
					"ipam.hostRange: %s would be this node's, but \"nodes\" gives it to \"%s\"",
					inet_addr_format(addr, text),
					row->name);
	}
	return 0;
}

/* The tunnel itself knows its end best; on another's it is as the row says. */
struct ipam_host host_range_host(const struct node *node,
				 const struct netlink_link *parent)
{
	struct ipam_host host = { .node = node->name };

	if (parent->is_vxlan)
		host.vtep = parent->vxlan.local;
	if (!host.vtep.family && node->row)
		host.vtep = node->row->vtep;
	return host;
}

static int claim(const struct config *config, const struct ipam_host *host,
		 enum node_ensure how, struct ipam_host_addresses *ret,
		 struct error *err)
{
	int r;

	if (how == NODE_REPAIR)
		return ipam_host_claim(&config->ipam, host, ret, err);
	r = ipam_host_find(&config->ipam, host, ret, err);
	if (r != IPAM_HOST_UNCLAIMED)
		return r;
	error_set(err, ERROR_SHIM, 0, "no address of ipam.hostRange yet");
	return NODE_WRONG;
}

int host_range_claim(const struct config *config, const struct node *node,
		     const struct netlink_link *parent, enum node_ensure how,
		     struct host_range_addresses *ret, struct error *err)
{
	const struct ipam_host host = host_range_host(node, parent);
	struct ipam_host_addresses found = { .count = 0 };
	int r = claim(config, &host, how, &found, err);

	ret->count = 0;
	for (size_t i = 0; i < found.count && r == 0; i++) {
		r = check_rows(config, node, &found.items[i].addr, err);
		ret->items[ret->count++] = found.items[i];
	}
	return r;
}

int host_range_hold(const struct config *config, const struct node *node,
		    const struct netlink_link *parent, enum node_ensure how,
		    const struct host_range_addresses *addresses,
		    struct error *err)
{
	const struct ipam_host host = host_range_host(node, parent);
	struct ipam_host_addresses held = { .count = 0 };
	int r;

	if (!ipam_config_is_builtin(&config->ipam))
		return 0;
	for (size_t i = 0; i < addresses->count; i++)
		held.items[held.count++] = addresses->items[i];
	if (how == NODE_REPAIR)
		return ipam_host_hold(&config->ipam, &host, &held, err);
	r = ipam_host_is_held(&config->ipam, &host, &held, err);
	if (r != 0)
		return r < 0 ? r : 0;
	error_set(err, ERROR_SHIM, 0, "the node's address is not reserved yet");
	return NODE_WRONG;
}
