/*
 * Which addresses may be asked for, and of which set each is. What is excluded,
 * or outside of the window, may be: that is what for it is left out. What is the
 * network's, a gateway's or a node's may not.
 */

#include "ipam/ipam-priv.h"

#include <sys/socket.h>

static bool is_gateway(const struct ipam_config *config,
		       const struct inet_addr *addr)
{
	for (size_t i = 0; i < config->n_sets; i++)
		for (size_t j = 0; j < config->sets[i].count; j++)
			if (inet_addr_equal(addr,
					    &config->sets[i].ranges[j].gateway))
				return true;
	return false;
}

static bool is_static(const struct ipam_config *config,
		      const struct inet_addr *addr)
{
	for (size_t i = 0; i < config->n_statics; i++)
		if (inet_addr_equal(addr, &config->statics[i].address.addr))
			return true;
	return false;
}

static bool is_host_range(const struct ipam_config *config,
			  const struct inet_addr *addr)
{
	inet_uint value = inet_addr_to_uint(addr);
	inet_uint first, last;

	for (size_t i = 0; i < config->n_host_ranges; i++) {
		const struct range *range = &config->host_ranges[i];

		range_span(range, &first, &last);
		if (range->network.addr.family == addr->family &&
		    value >= first && value <= last)
			return true;
	}
	return false;
}

/* Why no pod may have it; NULL if one may. */
static const char *why_not(const struct ipam_config *config,
			   const struct inet_prefix *network,
			   const struct inet_addr *addr)
{
	const struct inet_addr first = inet_prefix_first(network);
	const struct inet_addr last = inet_prefix_last(network);

	if (inet_addr_equal(addr, &first))
		return "is the network's own address";
	if (addr->family == AF_INET && inet_addr_equal(addr, &last))
		return "is the broadcast address";
	if (is_gateway(config, addr))
		return "is a gateway";
	if (is_static(config, addr))
		return "is one of ipam.addresses";
	if (is_host_range(config, addr))
		return "is in ipam.hostRange, which is the nodes'";
	if (range_set_contains(&config->reserved[addr->family != AF_INET],
			       inet_addr_to_uint(addr)))
		return "is a node's address";
	return NULL;
}

static int request_one(const struct ipam_config *config,
		       const struct inet_addr *addr, struct store_wish *wish,
		       struct error *err)
{
	const char *why = "is in no range of this network";
	char text[INET_ADDR_TEXT];

	for (size_t i = 0; i < config->n_sets; i++) {
		const struct ipam_range *range;

		range = ipam_range_set_find(&config->sets[i], addr);
		if (!range)
			continue;
		why = why_not(config, &range->range.network, addr);
		if (why)
			break;
		if (!wish->requested[i].family) {
			wish->requested[i] = *addr;
			return 0;
		}
		why = "is one more than its range gives an attachment";
	}
	return error_set(err, ERROR_ADDRESS_INVALID, 0,
			 "requested address %s %s",
			 inet_addr_format(addr, text), why);
}

static bool is_repeated(const struct inet_addr *addrs, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (inet_addr_equal(&addrs[i], &addrs[index]))
			return true;
	return false;
}

int ipam_request(const struct ipam_config *config,
		 const struct inet_addr *requested, size_t n,
		 struct store_wish *wish, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		if (!is_repeated(requested, i))
			r = request_one(config, &requested[i], wish, err);
	return r;
}
