#include "plugin/host-range.h"
#include "plugin/shim-priv.h"

/*
 * The node's address out of ipam.hostRange: the last of the sources, and the one
 * that may have to ask. Looking asks nobody; what is not known here yet is
 * claimed under the link lock, by the repair.
 */

bool shim_has_host_range(const struct shim *s)
{
	return host_range_is_given(s->config);
}

bool shim_is_former(const struct shim *s, const struct inet_addr *addr)
{
	return host_range_is_former(s->config, addr);
}

int shim_from_host_range(struct shim *s, struct error *err)
{
	struct host_range_addresses found = { .count = 0 };
	int r;

	if (!shim_has_host_range(s))
		return 0;
	r = host_range_claim(s->config, s->node, s->parent, s->how, &found,
			     err);
	for (size_t i = 0; i < found.count && r == 0; i++)
		shim_want(s, &found.items[i]);
	return r;
}

/* Killed between the addresses of two families, the shim bears one of them. */
bool shim_lacks_host_family(const struct shim *s)
{
	return shim_has_host_range(s) && s->n_want > 0 &&
	       s->n_want < s->config->ipam.n_host_ranges;
}

int shim_hold(struct shim *s, struct error *err)
{
	struct host_range_addresses own = { .count = 0 };

	for (size_t i = 0; i < s->n_want; i++)
		if (shim_is_in_ranges(s, &s->want[i].subnet.addr))
			own.items[own.count++] = s->want[i].subnet;
	return own.count ? host_range_hold(s->config, s->node, s->parent,
					   s->how, &own, err)
			 : 0;
}
