#include "plugin/shim-priv.h"

#include <linux/rtnetlink.h>

/* Where the node's own addresses come from. */

void shim_want(struct shim *s, const struct inet_prefix *address)
{
	for (size_t i = 0; i < s->n_want; i++)
		if (s->want[i].subnet.addr.family == address->addr.family)
			return;
	if (s->n_want == ARRAY_SIZE(s->want))
		return;
	s->want[s->n_want++] = (struct shim_address){
		.subnet = *address,
		.address = *address,
	};
}

static int shim_from_literal(struct shim *s, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < s->config->shim.n_addresses; i++)
		shim_want(s, &s->config->shim.addresses[i]);
	return 0;
}

static int shim_from_row(struct shim *s, struct error *err)
{
	const struct config_node *row = s->node->row;

	(void)err;
	for (size_t i = 0; row && i < row->n_addresses; i++)
		shim_want(s, &row->addresses[i]);
	return 0;
}

bool shim_is_in_ranges(const struct shim *s, const struct inet_addr *addr)
{
	const struct ipam_config *ipam = &s->config->ipam;

	for (size_t i = 0; i < ipam->n_sets; i++)
		for (size_t j = 0; j < ipam->sets[i].count; j++)
			if (inet_prefix_contains(
				    &ipam->sets[i].ranges[j].range.network,
				    addr))
				return true;
	return ipam->n_sets == 0;
}

static void shim_from_link(struct shim *s)
{
	bool told = shim_is_told(s);

	if (!shim_is_here(s, &s->link))
		return;
	for (size_t i = 0; i < s->addrs.count; i++) {
		const struct netlink_addr *have = &s->addrs.items[i];

		if (have->scope == RT_SCOPE_UNIVERSE &&
		    (!told || have->protocol == SHIM_PROTOCOL) &&
		    shim_is_in_ranges(s, &have->address.addr) &&
		    !shim_is_former(s, &have->address.addr))
			shim_want(s, &have->address);
	}
}

/* A run that was killed may have brought the address of one family only. */
static int shim_from_here(struct shim *s, struct error *err)
{
	int r;

	shim_from_link(s);
	r = migrate_from_parent(s, err);
	if (r < 0)
		return r;
	return shim_lacks_host_family(s) ? shim_from_host_range(s, err) : 0;
}

/* In this order; the first that has an address decides for both families. */
static int (*const shim_sources[])(struct shim *, struct error *) = {
	shim_from_literal,
	shim_from_row,
	shim_from_here,
	shim_from_host_range,
};

int shim_choose_addresses(struct shim *s, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(shim_sources) && !s->n_want; i++) {
		int r = shim_sources[i](s, err);

		if (r != 0)
			return r;
		if (s->n_want && shim_sources[i] != shim_from_host_range)
			return shim_hold(s, err);
	}
	return 0;
}
