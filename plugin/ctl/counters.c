#include "plugin/ctl/counters.h"

#define COUNTERS_NARROW (UINT64_C(1) << 32)

uint64_t counters_step(uint64_t before, uint64_t now, bool *ret_reset)
{
	if (now >= before)
		return now - before;
	if (before < COUNTERS_NARROW && before >= COUNTERS_NARROW / 4 * 3 &&
	    now < COUNTERS_NARROW / 4)
		return COUNTERS_NARROW - before + now;
	*ret_reset = true;
	return now;
}

/* netlink_stats has nothing but counters. */
_Static_assert(sizeof(struct netlink_stats) % sizeof(uint64_t) == 0,
	       "counters only");

void counters_add(struct netlink_stats *sum, const struct netlink_stats *before,
		  const struct netlink_stats *now, bool *ret_reset)
{
	const uint64_t *from = (const uint64_t *)before;
	const uint64_t *to = (const uint64_t *)now;
	uint64_t *all = (uint64_t *)sum;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*all); i++)
		all[i] += counters_step(from[i], to[i], ret_reset);
}

static uint64_t counters_less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

struct counters_copies counters_copies(const struct netlink_stats *parent,
				       const struct netlink_stats *children,
				       uint64_t multicast)
{
	uint64_t got = counters_less(children->rx_packets,
				     children->rx_multicast);
	uint64_t arrived = counters_less(parent->rx_packets,
					 parent->rx_otherhost + multicast);
	struct counters_copies ret = { .local = counters_less(got, arrived) };

	if (ret.local > children->tx_packets)
		ret.local = children->tx_packets;
	ret.left = children->tx_packets - ret.local;
	if (ret.left == 0 || parent->tx_packets == 0)
		return ret;
	ret.milli = parent->tx_packets * 1000 / ret.left;
	if (ret.milli < 1000)
		ret.milli = 1000;
	return ret;
}
