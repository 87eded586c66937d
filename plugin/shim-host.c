#include "plugin/shim-priv.h"

#include "ipam/host.h"

/*
 * The node's address out of ipam.hostRange: the last of the sources, and the one
 * that may have to ask. Looking asks nobody; what is not known here yet is
 * claimed under the link lock, by the repair.
 */

bool shim_has_host_range(const struct shim *s)
{
	return ipam_config_is_builtin(&s->config->ipam) &&
	       s->config->ipam.n_host_ranges > 0;
}

bool shim_is_former(const struct shim *s, const struct inet_addr *addr)
{
	return shim_has_host_range(s) &&
	       ipam_host_is_former(&s->config->ipam, addr);
}

/* An index that names another node's address would be found out by its storage
 * traffic only. */
static int shim_check_rows(const struct shim *s, const struct inet_addr *addr,
			   struct error *err)
{
	char text[INET_ADDR_TEXT];

	for (size_t i = 0; i < s->config->n_nodes; i++) {
		const struct config_node *row = &s->config->nodes[i];

		for (size_t j = 0; j < row->n_addresses && row != s->node->row;
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

static int shim_claim(struct shim *s, struct ipam_host_addresses *ret,
		      struct error *err)
{
	const struct ipam_config *ipam = &s->config->ipam;
	struct ipam_host host = { .node = s->node->name };
	int r;

	if (s->node->row)
		host.vtep = s->node->row->vtep;
	if (s->how == NODE_REPAIR)
		return ipam_host_claim(ipam, &host, ret, err);
	r = ipam_host_find(ipam, &host, ret, err);
	if (r != IPAM_HOST_UNCLAIMED)
		return r;
	error_set(err, ERROR_SHIM, 0, "no address of ipam.hostRange yet");
	return NODE_WRONG;
}

int shim_from_host_range(struct shim *s, struct error *err)
{
	struct ipam_host_addresses found = { .count = 0 };
	int r;

	if (!shim_has_host_range(s))
		return 0;
	r = shim_claim(s, &found, err);
	for (size_t i = 0; i < found.count && r == 0; i++) {
		r = shim_check_rows(s, &found.items[i].addr, err);
		if (r == 0)
			shim_want(s, &found.items[i]);
	}
	return r;
}

/* Killed between the addresses of two families, the shim bears one of them. */
bool shim_lacks_host_family(const struct shim *s)
{
	const struct ipam_config *ipam = &s->config->ipam;

	return shim_has_host_range(s) && s->n_want > 0 &&
	       s->n_want < ipam->n_host_ranges;
}
