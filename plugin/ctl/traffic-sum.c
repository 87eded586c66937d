#include "plugin/ctl/traffic.h"

#include <sys/socket.h>

/* What the links' counters say together. */

/* What a VXLAN device counts begins behind the inner Ethernet header; on the
 * wire there are both Ethernet headers (14), VXLAN (8), UDP (8) and IP. */
#define TRAFFIC_OUTER4 (14 + 14 + 8 + 8 + 20)
#define TRAFFIC_OUTER6 (14 + 14 + 8 + 8 + 40)

/* --- sums ---------------------------------------------------------------------------- */

struct netlink_stats traffic_sum(const struct traffic *traffic,
				 enum traffic_role role, bool step)
{
	static const struct netlink_stats zero;
	struct netlink_stats sum = { 0 };
	bool reset;

	for (size_t i = 0; i < traffic->count; i++) {
		const struct traffic_link *link = &traffic->links[i];

		if (link->role == role)
			counters_add(&sum, &zero,
				     step ? &link->step : &link->sum, &reset);
	}
	return sum;
}

/* Shim and pods. */
static struct netlink_stats traffic_children(const struct traffic *traffic,
					     bool step)
{
	static const struct netlink_stats zero;
	struct netlink_stats sum = traffic_sum(traffic, TRAFFIC_SHIM, step);
	struct netlink_stats pods = traffic_sum(traffic, TRAFFIC_POD, step);
	bool reset;

	counters_add(&sum, &zero, &pods, &reset);
	return sum;
}

struct counters_copies traffic_copies(const struct traffic *traffic, bool step)
{
	struct netlink_stats parent = traffic_sum(traffic, TRAFFIC_PARENT,
						  step);
	struct netlink_stats children = traffic_children(traffic, step);
	uint64_t multicast = 0;

	for (size_t i = 0; i < traffic->count; i++) {
		const struct traffic_link *link = &traffic->links[i];
		uint64_t got = step ? link->step.rx_multicast
				    : link->sum.rx_multicast;

		if (link->role < TRAFFIC_PARENT && got > multicast)
			multicast = got;
	}
	return counters_copies(&parent, &children, multicast);
}

/* --- storage on a link -------------------------------------------------------------- */

bool traffic_is_link(const struct traffic *traffic,
		     const struct traffic_link *link)
{
	return link->role ==
	       (traffic->parent.is_vxlan ? TRAFFIC_UNDERLAY : TRAFFIC_PARENT);
}

/* Bytes of storage on the wire in the last step. */
static void traffic_storage(const struct traffic *traffic, uint64_t *ret_tx,
			    uint64_t *ret_rx)
{
	struct netlink_stats parent = traffic_sum(traffic, TRAFFIC_PARENT,
						  true);
	struct netlink_stats children = traffic_children(traffic, true);
	struct counters_copies copies = traffic_copies(traffic, true);
	uint64_t outer = traffic->parent.vxlan.local.family == AF_INET6
				 ? TRAFFIC_OUTER6
				 : TRAFFIC_OUTER4;

	if (traffic->parent.is_vxlan) {
		*ret_tx = parent.tx_bytes + parent.tx_packets * outer;
		*ret_rx = parent.rx_bytes + parent.rx_packets * outer;
		return;
	}
	*ret_tx = children.tx_packets
			  ? children.tx_bytes / children.tx_packets *
				    copies.left
			  : 0;
	*ret_rx = children.rx_packets > copies.local
			  ? children.rx_bytes / children.rx_packets *
				    (children.rx_packets - copies.local)
			  : 0;
}

/* This link's part of @storage. */
static uint64_t traffic_part(uint64_t storage, uint64_t link, uint64_t links)
{
	double part = links ? (double)storage * ((double)link / (double)links)
			    : 0;

	return part < (double)link ? (uint64_t)part : link;
}

/* Thousandths of a per cent: bytes per millisecond are 8 kb/s. */
static uint64_t traffic_percent(uint64_t bytes, uint64_t ms, uint32_t speed)
{
	if (ms == 0 || speed == 0)
		return 0;
	return (uint64_t)((double)bytes * 8 / 1000 / (double)ms /
			  (double)speed * 100000);
}

void traffic_sample(struct traffic *traffic)
{
	enum traffic_role role = traffic->parent.is_vxlan ? TRAFFIC_UNDERLAY
							  : TRAFFIC_PARENT;
	struct netlink_stats all = traffic_sum(traffic, role, true);
	uint64_t tx, rx;

	traffic_storage(traffic, &tx, &rx);
	for (size_t i = 0; i < traffic->count; i++) {
		struct traffic_link *link = &traffic->links[i];
		uint64_t out = traffic_part(tx, link->step.tx_bytes,
					    all.tx_bytes);
		uint64_t in = traffic_part(rx, link->step.rx_bytes,
					   all.rx_bytes);
		uint64_t percent = traffic_percent(out > in ? out : in,
						   traffic->step_ms,
						   link->speed);

		if (!traffic_is_link(traffic, link))
			continue;
		link->n_samples++;
		link->n_above += percent > traffic->ctl->threshold;
		link->percent_sum += percent;
		if (percent > link->percent_max)
			link->percent_max = percent;
	}
}
