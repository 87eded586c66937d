#include "lib/netlink-priv.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* ND_INFINITY_LIFE_TIME; <linux/if_addr.h> has no name for it. */
#define NETLINK_FOREVER UINT32_MAX

struct addr_query {
	int index; /* 0: all */
	int family; /* AF_UNSPEC: IPv4 and IPv6 */
	struct netlink_addrs *addrs;
};

static bool addr_has_lifetime(const struct nlattr *attr)
{
	struct ifa_cacheinfo info;

	if (!attr || (size_t)nla_len(attr) < sizeof(info))
		return false;
	memcpy(&info, nla_data(attr), sizeof(info));
	return info.ifa_valid != NETLINK_FOREVER;
}

/* With a peer, IFA_ADDRESS is the peer's and IFA_LOCAL ours; IPv6 without a
 * peer has IFA_ADDRESS only. */
static bool addr_parse(struct nlmsghdr *hdr, struct netlink_addr *ret)
{
	const struct ifaddrmsg *header = nlmsg_data(hdr);
	struct nlattr *tb[IFA_MAX + 1];

	if (hdr->nlmsg_type != RTM_NEWADDR ||
	    nlmsg_parse(hdr, sizeof(*header), tb, IFA_MAX, NULL) < 0)
		return false;
	*ret = (struct netlink_addr){
		.index = (int)header->ifa_index,
		.address.addr = netlink_get_addr(
			tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS]),
		.address.len = header->ifa_prefixlen,
		.flags = tb[IFA_FLAGS] ? netlink_get_u32(tb[IFA_FLAGS])
				       : header->ifa_flags,
		.scope = header->ifa_scope,
		.metric = netlink_get_u32(tb[IFA_RT_PRIORITY]),
		.has_lifetime = addr_has_lifetime(tb[IFA_CACHEINFO]),
	};
	netlink_get_text(tb[IFA_LABEL], ret->label, sizeof(ret->label));
	return ret->address.addr.family == header->ifa_family;
}

/* A kernel without IPv6 answers a question about it with all that it has. */
static bool addr_is_asked_for(const struct addr_query *query,
			      const struct netlink_addr *addr)
{
	return (!query->index || addr->index == query->index) &&
	       (!query->family || addr->address.addr.family == query->family);
}

static int addr_collect(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	const struct addr_query *query = arg;
	struct netlink_addrs *addrs = query->addrs;
	struct netlink_addr *items;

	items = netlink_grow(addrs->items, addrs->count, sizeof(*items));
	if (!items)
		return error_oom(err);
	addrs->items = items;
	if (addr_parse(hdr, &items[addrs->count]) &&
	    addr_is_asked_for(query, &items[addrs->count]))
		addrs->count++;
	return 0;
}

int netlink_addr_list(struct netlink *nl, int index, int family,
		      struct netlink_addrs *ret, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	struct addr_query query = { index, family, &addrs };
	struct ifaddrmsg header = { .ifa_family = (uint8_t)family,
				    .ifa_index = (uint32_t)index };
	cleanup_message struct nl_msg *msg = NULL;
	char label[NETLINK_LABEL];
	int r;

	msg = netlink_message(RTM_GETADDR, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	r = netlink_dump(nl, msg, addr_collect, &query, &addrs.count, err);
	if (r < 0)
		return error_context(err, "list addresses of %s",
				     netlink_link_label(nl, index, label));
	*ret = addrs;
	addrs = (struct netlink_addrs){ 0 };
	return 0;
}

void netlink_addrs_clear(struct netlink_addrs *addrs)
{
	free(addrs->items);
	*addrs = (struct netlink_addrs){ 0 };
}

static struct nl_msg *addr_message(int type, int flags,
				   const struct netlink_addr *addr)
{
	struct ifaddrmsg header = {
		.ifa_family = addr->address.addr.family,
		.ifa_prefixlen = addr->address.len,
		.ifa_flags = (uint8_t)addr->flags,
		.ifa_scope = addr->scope,
		.ifa_index = (uint32_t)addr->index,
	};
	struct nl_msg *msg;

	msg = netlink_message(type, flags, &header, sizeof(header));
	if (!msg)
		return NULL;
	netlink_put_addr(msg, IFA_LOCAL, &addr->address.addr);
	netlink_put_addr(msg, IFA_ADDRESS, &addr->address.addr);
	if (addr->label[0])
		netlink_put_text(msg, IFA_LABEL, addr->label);
	return msg;
}

static int addr_context(struct netlink *nl, const char *verb,
			const struct netlink_addr *addr, struct error *err)
{
	char label[NETLINK_LABEL];
	char text[INET_PREFIX_TEXT];

	return error_context(err, "%s %s on %s", verb,
			     inet_prefix_format(&addr->address, text),
			     netlink_link_label(nl, addr->index, label));
}

int netlink_addr_add(struct netlink *nl, const struct netlink_addr *addr,
		     struct error *err)
{
	static const struct netlink_outcome outcomes[] = {
		{ EEXIST, NETLINK_EXISTS },
		{ 0, 0 },
	};
	cleanup_message struct nl_msg *msg = NULL;
	int r;

	msg = addr_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, addr);
	if (!msg)
		return error_oom(err);
	if (addr->address.addr.family == AF_INET && addr->address.len < 31) {
		struct inet_addr last = inet_prefix_last(&addr->address);

		netlink_put_addr(msg, IFA_BROADCAST, &last);
	}
	if (addr->flags)
		netlink_put_u32(msg, IFA_FLAGS, addr->flags);
	if (addr->metric)
		netlink_put_u32(msg, IFA_RT_PRIORITY, addr->metric);
	r = netlink_change(nl, msg, outcomes, err);
	return r < 0 ? addr_context(nl, "add", addr, err) : r;
}

int netlink_addr_del(struct netlink *nl, const struct netlink_addr *addr,
		     struct error *err)
{
	static const struct netlink_outcome outcomes[] = {
		{ EADDRNOTAVAIL, NETLINK_ABSENT },
		{ ENODEV, NETLINK_ABSENT },
		{ ENXIO, NETLINK_ABSENT }, /* IPv6 is off on this link */
		{ 0, 0 },
	};
	cleanup_message struct nl_msg *msg = NULL;
	int r;

	msg = addr_message(RTM_DELADDR, 0, addr);
	if (!msg)
		return error_oom(err);
	r = netlink_change(nl, msg, outcomes, err);
	return r < 0 ? addr_context(nl, "delete", addr, err) : r;
}
