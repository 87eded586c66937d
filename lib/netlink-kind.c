#include "lib/netlink-priv.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>

/* The mode always: without it the kernel makes a VEPA. */
static void macvlan_put(struct nl_msg *msg, const struct netlink_link_new *link)
{
	netlink_put_u32(msg, IFLA_MACVLAN_MODE, link->macvlan.mode);
	if (link->macvlan.bc_queue_len)
		netlink_put_u32(msg, IFLA_MACVLAN_BC_QUEUE_LEN,
				link->macvlan.bc_queue_len);
}

static void macvlan_parse(struct nlattr *data, struct netlink_link *ret)
{
	struct nlattr *tb[IFLA_MACVLAN_MAX + 1];

	if (nla_parse_nested(tb, IFLA_MACVLAN_MAX, data, NULL) < 0)
		return;
	ret->is_macvlan = true;
	ret->macvlan = (struct netlink_macvlan){
		.mode = netlink_get_u32(tb[IFLA_MACVLAN_MODE]),
		.bc_queue_len = netlink_get_u32(tb[IFLA_MACVLAN_BC_QUEUE_LEN]),
		.bc_queue_used =
			netlink_get_u32(tb[IFLA_MACVLAN_BC_QUEUE_LEN_USED]),
	};
}

/* No IFLA_VXLAN_UDP_CSUM: checksums are on by default. */
static void vxlan_put(struct nl_msg *msg, const struct netlink_link_new *link)
{
	const struct netlink_vxlan *vxlan = &link->vxlan;

	netlink_put_vxlan(msg, vxlan);
	if (vxlan->port) {
		uint16_t port = htons(vxlan->port);

		netlink_put(msg, IFLA_VXLAN_PORT, &port, sizeof(port));
	}
	if (vxlan->group.family)
		netlink_put_addr(msg,
				 vxlan->group.family == AF_INET6
					 ? IFLA_VXLAN_GROUP6
					 : IFLA_VXLAN_GROUP,
				 &vxlan->group);
	if (vxlan->device)
		netlink_put_u32(msg, IFLA_VXLAN_LINK, vxlan->device);
}

void netlink_put_vxlan(struct nl_msg *msg, const struct netlink_vxlan *vxlan)
{
	netlink_put_u32(msg, IFLA_VXLAN_ID, vxlan->id);
	netlink_put_u8(msg, IFLA_VXLAN_LEARNING, vxlan->learning);
	if (vxlan->local.family)
		netlink_put_addr(msg,
				 vxlan->local.family == AF_INET6
					 ? IFLA_VXLAN_LOCAL6
					 : IFLA_VXLAN_LOCAL,
				 &vxlan->local);
	if (vxlan->ageing)
		netlink_put_u32(msg, IFLA_VXLAN_AGEING, vxlan->ageing);
	netlink_put_u8(msg, IFLA_VXLAN_TTL, vxlan->ttl);
}

static void vxlan_parse(struct nlattr *data, struct netlink_link *ret)
{
	struct nlattr *tb[IFLA_VXLAN_MAX + 1];
	struct netlink_vxlan *vxlan = &ret->vxlan;

	if (nla_parse_nested(tb, IFLA_VXLAN_MAX, data, NULL) < 0)
		return;
	ret->is_vxlan = true;
	*vxlan = (struct netlink_vxlan){
		.id = netlink_get_u32(tb[IFLA_VXLAN_ID]),
		.local = netlink_get_addr(tb[IFLA_VXLAN_LOCAL]
						  ? tb[IFLA_VXLAN_LOCAL]
						  : tb[IFLA_VXLAN_LOCAL6]),
		.group = netlink_get_addr(tb[IFLA_VXLAN_GROUP]
						  ? tb[IFLA_VXLAN_GROUP]
						  : tb[IFLA_VXLAN_GROUP6]),
		.port = netlink_get_be16(tb[IFLA_VXLAN_PORT]),
		.ttl = netlink_get_u8(tb[IFLA_VXLAN_TTL]),
		.ageing = netlink_get_u32(tb[IFLA_VXLAN_AGEING]),
		.device = netlink_get_u32(tb[IFLA_VXLAN_LINK]),
		.learning = netlink_get_u8(tb[IFLA_VXLAN_LEARNING]),
		.udpcsum = netlink_get_u8(tb[IFLA_VXLAN_UDP_CSUM]),
		.collect_metadata =
			netlink_get_u8(tb[IFLA_VXLAN_COLLECT_METADATA]),
	};
}

static void veth_put(struct nl_msg *msg, const struct netlink_link_new *link)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct nlattr *peer;

	if (!link->peer)
		return;
	peer = netlink_nest(msg, VETH_INFO_PEER);
	nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO);
	netlink_put_text(msg, IFLA_IFNAME, link->peer);
	nla_nest_end(msg, peer);
}

static const struct netlink_kind netlink_kinds[] = {
	{ "macvlan", macvlan_put, macvlan_parse },
	{ "vxlan", vxlan_put, vxlan_parse },
	{ "veth", veth_put, NULL },
};

const struct netlink_kind *netlink_kind_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(netlink_kinds); i++)
		if (strcmp(netlink_kinds[i].name, name) == 0)
			return &netlink_kinds[i];
	return NULL;
}
