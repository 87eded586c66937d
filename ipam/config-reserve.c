/* What is never a pod's: node addresses, host ranges, gateways, statics. */

#include "ipam/config.h"

#include <sys/socket.h>

static int reserve(struct ipam_config *config, uint8_t family, inet_uint first,
		   inet_uint last, struct error *err)
{
	int r;

	r = range_set_add(&config->reserved[family != AF_INET], first, last,
			  err);
	for (size_t i = 0; i < config->n_sets && r == 0; i++) {
		struct ipam_range_set *set = &config->sets[i];

		for (size_t j = 0; j < set->count && r == 0; j++)
			if (set->family == family)
				r = range_set_remove(&set->ranges[j].candidates,
						     first, last, err);
	}
	return r;
}

static int reserve_one(struct ipam_config *config, const struct inet_addr *addr,
		       struct error *err)
{
	inet_uint value = inet_addr_to_uint(addr);

	if (!addr->family)
		return 0;
	return reserve(config, addr->family, value, value, err);
}

static int reserve_gateways(struct ipam_config *config, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < config->n_sets && r == 0; i++)
		for (size_t j = 0; j < config->sets[i].count && r == 0; j++)
			r = reserve_one(config,
					&config->sets[i].ranges[j].gateway,
					err);
	return r;
}

static int check_set(const struct ipam_range_set *set, struct error *err)
{
	char text[RANGE_TEXT];

	for (size_t i = 0; i < set->count; i++)
		if (set->ranges[i].candidates.count > 0)
			return 0;
	return error_set(err, ERROR_CONFIG, 0,
			 "ipam: range %s: nothing is left for pods after "
			 "excluded, gateway, node and host range addresses",
			 range_format(&set->ranges[0].range, text));
}

/* Every node needs an address of it, with the length of the pods' network. */
static int check_host_ranges(const struct ipam_config *config,
			     struct error *err)
{
	char text[RANGE_TEXT];

	for (size_t i = 0; i < config->n_host_ranges; i++) {
		const struct range *range = &config->host_ranges[i];
		inet_uint first, last;
		struct inet_addr a, b;
		bool found = false;

		range_span(range, &first, &last);
		a = inet_addr_from_uint(range->network.addr.family, first);
		b = inet_addr_from_uint(range->network.addr.family, last);
		for (size_t j = 0; j < config->n_sets && !found; j++) {
			const struct ipam_range *in =
				ipam_range_set_find(&config->sets[j], &a);

			found = in &&
				inet_prefix_contains(&in->range.network, &b);
		}
		if (!found)
			return error_set(err, ERROR_CONFIG, 0,
					 "ipam.hostRange: %s is in the network "
					 "of no range",
					 range_format(range, text));
	}
	return 0;
}

static int check_sets(const struct ipam_config *config, struct error *err)
{
	int r;

	if (config->n_sets == 0 && config->n_statics == 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "ipam: no range: give range, ipRanges, "
				 "subnet, ranges or addresses");
	for (size_t i = 0; i < config->n_sets; i++) {
		r = check_set(&config->sets[i], err);
		if (r < 0)
			return r;
	}
	return check_host_ranges(config, err);
}

int ipam_config_reserve(struct ipam_config *config,
			const struct inet_addr *addresses, size_t count,
			struct error *err)
{
	int r = 0;

	if (!ipam_config_is_builtin(config))
		return 0;
	for (size_t i = 0; i < count && r == 0; i++)
		r = reserve_one(config, &addresses[i], err);
	for (size_t i = 0; i < config->n_statics && r == 0; i++)
		r = reserve_one(config, &config->statics[i].address.addr, err);
	for (size_t i = 0; i < config->n_host_ranges && r == 0; i++) {
		inet_uint first, last;

		range_span(&config->host_ranges[i], &first, &last);
		r = reserve(config, config->host_ranges[i].network.addr.family,
			    first, last, err);
	}
	if (r == 0)
		r = reserve_gateways(config, err);
	if (r < 0)
		return r;
	return check_sets(config, err);
}
