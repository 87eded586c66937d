#include "lib/netlink-priv.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static const struct netlink_outcome stats_outcomes[] = {
	{ ENODEV, NETLINK_ABSENT },
	{ 0, 0 },
};

/* Kernels add members at the end: what this one does not know stays zero. */
static int stats_take(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	struct netlink_stats *ret = arg;
	struct rtnl_link_stats64 stats = { 0 };
	struct nlattr *tb[IFLA_MAX + 1];
	size_t len;

	if (hdr->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(hdr, sizeof(struct ifinfomsg), tb, IFLA_MAX, NULL) <
		    0 ||
	    !tb[IFLA_STATS64])
		return error_set(err, ERROR_LINK, EOPNOTSUPP,
				 "the kernel tells no counters");
	len = (size_t)nla_len(tb[IFLA_STATS64]);
	memcpy(&stats, nla_data(tb[IFLA_STATS64]),
	       len < sizeof(stats) ? len : sizeof(stats));
	*ret = (struct netlink_stats){
		.tx_bytes = stats.tx_bytes,
		.tx_packets = stats.tx_packets,
		.tx_dropped = stats.tx_dropped,
		.rx_bytes = stats.rx_bytes,
		.rx_packets = stats.rx_packets,
		.rx_dropped = stats.rx_dropped,
		.rx_multicast = stats.multicast,
		.rx_otherhost = stats.rx_otherhost_dropped,
	};
	return 0;
}

int netlink_stats_get(struct netlink *nl, int index, struct netlink_stats *ret,
		      struct error *err)
{
	struct ifinfomsg header = { .ifi_index = index };
	cleanup_message struct nl_msg *msg = NULL;
	char label[NETLINK_LABEL];
	int r;

	if (index <= 0)
		return NETLINK_ABSENT;
	msg = netlink_message(RTM_GETLINK, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	r = netlink_query(nl, msg, stats_outcomes, stats_take, ret, err);
	if (r < 0)
		error_context(err, "counters of %s",
			      netlink_link_label(nl, index, label));
	return r;
}
