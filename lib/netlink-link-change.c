/*
 * Links made, changed and deleted: each is one message, so that there is no state
 * in between to undo.
 */

#include "lib/netlink-priv.h"

#include <assert.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static struct nl_msg *link_message(int type, int flags, int index)
{
	struct ifinfomsg header = { .ifi_index = index };

	return netlink_message(type, flags, &header, sizeof(header));
}

static void link_put_info(struct nl_msg *msg,
			  const struct netlink_link_new *link)
{
	const struct netlink_kind *kind = netlink_kind_find(link->kind);
	struct nlattr *info = netlink_nest(msg, IFLA_LINKINFO);
	struct nlattr *data;

	netlink_put_text(msg, IFLA_INFO_KIND, link->kind);
	if (kind) {
		data = netlink_nest(msg, IFLA_INFO_DATA);
		kind->put(msg, link);
		nla_nest_end(msg, data);
	}
	nla_nest_end(msg, info);
}

static void link_put_new(struct nl_msg *msg,
			 const struct netlink_link_new *link)
{
	netlink_put_text(msg, IFLA_IFNAME, link->name);
	if (link->parent)
		netlink_put_u32(msg, IFLA_LINK, (uint32_t)link->parent);
	if (link->netns >= 0)
		netlink_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)link->netns);
	if (link->mtu)
		netlink_put_u32(msg, IFLA_MTU, link->mtu);
	if (link->mac)
		netlink_put(msg, IFLA_ADDRESS, link->mac->bytes,
			    sizeof(link->mac->bytes));
	link_put_info(msg, link);
}

static int link_add_context(struct netlink *nl,
			    const struct netlink_link_new *link,
			    struct error *err)
{
	char parent[NETLINK_LABEL];

	if (!link->parent)
		return error_context(err, "create %s %s", link->kind,
				     link->name);
	return error_context(err, "create %s on %s", link->kind,
			     netlink_link_label(nl, link->parent, parent));
}

/* The kernel says EEXIST for a name that is taken and for a VXLAN id that is. */
static int link_add_exists(struct netlink *nl,
			   const struct netlink_link_new *link,
			   struct error *err)
{
	struct error refusal = { 0 };
	struct netlink_link other;
	int r;

	if (strcmp(link->kind, "vxlan") != 0 || link->netns >= 0)
		return NETLINK_EXISTS;
	netlink_refusal(nl, &refusal);
	r = netlink_link_get(nl, link->name, &other, err);
	if (r == 0)
		return NETLINK_EXISTS;
	if (r < 0)
		return r;
	*err = refusal;
	link_add_context(nl, link, err);
	return NETLINK_BUSY;
}

int netlink_link_add(struct netlink *nl, const struct netlink_link_new *link,
		     struct error *err)
{
	static const struct netlink_outcome outcomes[] = {
		{ EEXIST, NETLINK_EXISTS },
		{ EBUSY, NETLINK_BUSY },
		{ EADDRINUSE, NETLINK_BUSY },
		{ 0, 0 },
	};
	cleanup_message struct nl_msg *msg = NULL;
	int r;

	msg = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link->index);
	if (!msg)
		return error_oom(err);
	link_put_new(msg, link);
	r = netlink_change(nl, msg, outcomes, err);
	if (r == NETLINK_EXISTS)
		return link_add_exists(nl, link, err);
	if (r < 0 || r == NETLINK_BUSY)
		link_add_context(nl, link, err);
	return r;
}

/* What may become of a link that is changed in place. */
static const struct netlink_outcome link_set_outcomes[] = {
	{ ENODEV, NETLINK_ABSENT },
	{ EEXIST, NETLINK_EXISTS },
	{ EBUSY, NETLINK_BUSY },
	{ EADDRINUSE, NETLINK_BUSY },
	{ 0, 0 },
};

static int link_change(struct netlink *nl, struct nl_msg *msg, int index,
		       struct error *err)
{
	char label[NETLINK_LABEL];
	int r;

	r = netlink_change(nl, msg, link_set_outcomes, err);
	if (r < 0 || r == NETLINK_BUSY)
		error_context(err, "change %s",
			      netlink_link_label(nl, index, label));
	return r;
}

static void link_put_addr_gen_none(struct nl_msg *msg)
{
	struct nlattr *spec = netlink_nest(msg, IFLA_AF_SPEC);
	struct nlattr *inet6 = netlink_nest(msg, AF_INET6);

	netlink_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	nla_nest_end(msg, inet6);
	nla_nest_end(msg, spec);
}

int netlink_link_set(struct netlink *nl, int index,
		     const struct netlink_link_change *change,
		     struct error *err)
{
	struct ifinfomsg header = { .ifi_index = index };
	cleanup_message struct nl_msg *msg = NULL;

	assert(!(change->addr_gen_none && change->set_up && change->up));
	if (change->set_up) {
		header.ifi_change = IFF_UP;
		header.ifi_flags = change->up ? IFF_UP : 0;
	}
	msg = netlink_message(RTM_SETLINK, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	if (change->name)
		netlink_put_text(msg, IFLA_IFNAME, change->name);
	if (change->alias)
		netlink_put_text(msg, IFLA_IFALIAS, change->alias);
	if (change->mac)
		netlink_put(msg, IFLA_ADDRESS, change->mac->bytes,
			    sizeof(change->mac->bytes));
	if (change->mtu)
		netlink_put_u32(msg, IFLA_MTU, change->mtu);
	if (change->addr_gen_none)
		link_put_addr_gen_none(msg);
	return link_change(nl, msg, index, err);
}

int netlink_macvlan_set(struct netlink *nl, const struct netlink_link *link,
			const struct netlink_macvlan *want, struct error *err)
{
	cleanup_message struct nl_msg *msg = NULL;
	struct nlattr *info;
	struct nlattr *data;

	msg = link_message(RTM_NEWLINK, 0, link->index);
	if (!msg)
		return error_oom(err);
	info = netlink_nest(msg, IFLA_LINKINFO);
	netlink_put_text(msg, IFLA_INFO_KIND, "macvlan");
	data = netlink_nest(msg, IFLA_INFO_DATA);
	if (want->mode)
		netlink_put_u32(msg, IFLA_MACVLAN_MODE, want->mode);
	if (want->bc_queue_len)
		netlink_put_u32(msg, IFLA_MACVLAN_BC_QUEUE_LEN,
				want->bc_queue_len);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return link_change(nl, msg, link->index, err);
}

int netlink_vxlan_set(struct netlink *nl, const struct netlink_link *link,
		      const struct netlink_vxlan *want, struct error *err)
{
	struct netlink_vxlan vxlan = *want;
	cleanup_message struct nl_msg *msg = NULL;
	struct nlattr *info;
	struct nlattr *data;

	vxlan.id = link->vxlan.id;
	msg = link_message(RTM_NEWLINK, 0, link->index);
	if (!msg)
		return error_oom(err);
	info = netlink_nest(msg, IFLA_LINKINFO);
	netlink_put_text(msg, IFLA_INFO_KIND, "vxlan");
	data = netlink_nest(msg, IFLA_INFO_DATA);
	netlink_put_vxlan(msg, &vxlan);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return link_change(nl, msg, link->index, err);
}

int netlink_link_del(struct netlink *nl, int index, struct error *err)
{
	static const struct netlink_outcome outcomes[] = {
		{ ENODEV, NETLINK_ABSENT },
		{ 0, 0 },
	};
	cleanup_message struct nl_msg *msg = NULL;
	char label[NETLINK_LABEL];
	int r;

	msg = link_message(RTM_DELLINK, 0, index);
	if (!msg)
		return error_oom(err);
	r = netlink_change(nl, msg, outcomes, err);
	if (r < 0)
		error_context(err, "delete %s",
			      netlink_link_label(nl, index, label));
	return r;
}
