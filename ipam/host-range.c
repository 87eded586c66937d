/*
 * Which addresses of hostRange a node can bear, and which one by its index. The
 * range's network is that of the pods, where it is in theirs: its first and last
 * address and the pods' gateways are nobody's.
 */

#include "ipam/host-priv.h"

#include <inttypes.h>
#include <sys/socket.h>

const struct inet_prefix *host_network(const struct ipam_config *config,
				       const struct range *range)
{
	inet_uint first, last;
	struct inet_addr addr;

	range_span(range, &first, &last);
	addr = inet_addr_from_uint(range->network.addr.family, first);
	for (size_t i = 0; i < config->n_sets; i++) {
		const struct ipam_range *found =
			ipam_range_set_find(&config->sets[i], &addr);

		if (found)
			return &found->range.network;
	}
	return &range->network;
}

static int host_remove(struct range_set *set, const struct inet_addr *addr,
		       uint8_t family, struct error *err)
{
	inet_uint value = inet_addr_to_uint(addr);

	if (addr->family != family)
		return 0;
	return range_set_remove(set, value, value, err);
}

int host_usable(const struct ipam_config *config, const struct range *range,
		struct range_set *ret, struct error *err)
{
	const struct inet_prefix *network = host_network(config, range);
	uint8_t family = network->addr.family;
	struct inet_addr low = inet_prefix_first(network);
	struct inet_addr high = inet_prefix_last(network);
	inet_uint first, last;
	int r;

	range_span(range, &first, &last);
	r = range_set_add(ret, first, last, err);
	if (r == 0)
		r = host_remove(ret, &low, family, err);
	if (r == 0 && family == AF_INET)
		r = host_remove(ret, &high, family, err);
	for (size_t i = 0; i < config->n_sets && r == 0; i++)
		for (size_t j = 0; j < config->sets[i].count && r == 0; j++)
			r = host_remove(ret, &config->sets[i].ranges[j].gateway,
					family, err);
	return r;
}

/* The @index-th member; false if there are not so many. */
static bool host_nth(const struct range_set *set, inet_uint index,
		     inet_uint *ret)
{
	for (size_t i = 0; i < set->count; i++) {
		inet_uint more = set->items[i].last - set->items[i].first;

		if (index <= more) {
			*ret = set->items[i].first + index;
			return true;
		}
		index -= more + 1;
	}
	return false;
}

int host_range_is_empty(const struct range *range, struct error *err)
{
	char text[RANGE_TEXT];

	return error_set(err, ERROR_CONFIG, 0,
			 "ipam.hostRange: %s has no address that a node could "
			 "bear",
			 range_format(range, text));
}

int host_by_index(const struct ipam_config *config, const struct range *range,
		  struct inet_prefix *ret, struct error *err)
{
	const struct inet_prefix *network = host_network(config, range);
	cleanup_range_set struct range_set usable = { 0 };
	char text[RANGE_TEXT];
	inet_uint value;
	int r;

	r = host_usable(config, range, &usable, err);
	if (r < 0)
		return r;
	range_format(range, text);
	if (range_set_size(&usable) == 0)
		return host_range_is_empty(range, err);
	if (!host_nth(&usable, config->host_index, &value))
		return error_set(
			err, ERROR_CONFIG, 0,
			"ipam.hostIndex: %" PRIu32
			" is out of range: %s has the indexes 0 to %ju",
			config->host_index, text,
			(uintmax_t)(range_set_size(&usable) - 1));
	*ret = (struct inet_prefix){
		inet_addr_from_uint(network->addr.family, value),
		network->len,
	};
	return 0;
}

bool ipam_host_is_former(const struct ipam_config *config,
			 const struct inet_addr *addr)
{
	inet_uint value = inet_addr_to_uint(addr);

	if (config->store != IPAM_STORE_LOCAL || !config->has_host_index)
		return false;
	for (size_t i = 0; i < config->n_host_ranges; i++) {
		const struct range *range = &config->host_ranges[i];
		struct error wrong = { 0 };
		struct inet_prefix now;
		inet_uint first, last;

		range_span(range, &first, &last);
		if (range->network.addr.family == addr->family &&
		    value >= first && value <= last)
			return host_by_index(config, range, &now, &wrong) < 0 ||
			       !inet_addr_equal(&now.addr, addr);
	}
	return false;
}
