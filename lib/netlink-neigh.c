#include "lib/netlink-priv.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

struct neigh_query {
	int index;
	struct netlink_neighs *neighs;
};

static bool neigh_parse(struct nlmsghdr *hdr, int index,
			struct netlink_neigh *ret)
{
	const struct ndmsg *header = nlmsg_data(hdr);
	struct nlattr *tb[NDA_MAX + 1];

	if (hdr->nlmsg_type != RTM_NEWNEIGH || header->ndm_ifindex != index ||
	    (header->ndm_family != AF_INET && header->ndm_family != AF_INET6) ||
	    nlmsg_parse(hdr, sizeof(*header), tb, NDA_MAX, NULL) < 0 ||
	    !tb[NDA_DST])
		return false;
	*ret = (struct netlink_neigh){
		.addr = netlink_get_addr(tb[NDA_DST]),
		.mac = netlink_get_mac(tb[NDA_LLADDR]),
		.state = header->ndm_state,
	};
	return true;
}

static int neigh_collect(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	const struct neigh_query *query = arg;
	struct netlink_neighs *neighs = query->neighs;
	struct netlink_neigh *items;

	items = netlink_grow(neighs->items, neighs->count, sizeof(*items));
	if (!items)
		return error_oom(err);
	neighs->items = items;
	if (neigh_parse(hdr, query->index, &items[neighs->count]))
		neighs->count++;
	return 0;
}

int netlink_neigh_list(struct netlink *nl, int index,
		       struct netlink_neighs *ret, struct error *err)
{
	cleanup_netlink_neighs struct netlink_neighs neighs = { 0 };
	struct neigh_query query = { index, &neighs };
	struct ndmsg header = { .ndm_family = AF_UNSPEC };
	cleanup_message struct nl_msg *msg = NULL;
	char label[NETLINK_LABEL];
	int r;

	msg = netlink_message(RTM_GETNEIGH, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	netlink_put_u32(msg, NDA_IFINDEX, (uint32_t)index);
	r = netlink_dump(nl, msg, neigh_collect, &query, &neighs.count, err);
	if (r < 0)
		return error_context(err, "list neighbours of %s",
				     netlink_link_label(nl, index, label));
	*ret = neighs;
	neighs = (struct netlink_neighs){ 0 };
	return 0;
}

void netlink_neighs_clear(struct netlink_neighs *neighs)
{
	free(neighs->items);
	*neighs = (struct netlink_neighs){ 0 };
}
