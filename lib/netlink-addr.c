#include "lib/netlink-priv.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* ND_INFINITY_LIFE_TIME; <linux/if_addr.h> has no name for it. */
#define NETLINK_FOREVER UINT32_MAX

/* Of half a millisecond, at least. */
#define NETLINK_SETTLE_TRIES 2000

struct addr_query {
	int index; /* 0: all */
	int family; /* AF_UNSPEC: IPv4 and IPv6 */
	struct netlink_addrs *addrs;
};

/* Preferred for no time at all is no lifetime: "deprecated", and by hand. */
static bool addr_has_lifetime(const struct nlattr *attr)
{
	struct ifa_cacheinfo info;

	if (!attr || (size_t)nla_len(attr) < sizeof(info))
		return false;
	memcpy(&info, nla_data(attr), sizeof(info));
	return info.ifa_valid != NETLINK_FOREVER ||
	       (info.ifa_prefered != NETLINK_FOREVER && info.ifa_prefered != 0);
}

/* IFA_PROTO came with Linux 5.18. */
#define NETLINK_IFA_PROTO 11

/* With a peer, IFA_ADDRESS is the peer's and IFA_LOCAL ours; IPv6 without a
 * peer has IFA_ADDRESS only. */
static bool addr_parse(struct nlmsghdr *hdr, struct netlink_addr *ret)
{
	const struct ifaddrmsg *header = nlmsg_data(hdr);
	struct nlattr *tb[NETLINK_IFA_PROTO + 1];

	if (hdr->nlmsg_type != RTM_NEWADDR ||
	    nlmsg_parse(hdr, sizeof(*header), tb, NETLINK_IFA_PROTO, NULL) < 0)
		return false;
	*ret = (struct netlink_addr){
		.index = (int)header->ifa_index,
		.address.addr = netlink_get_addr(
			tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS]),
		.address.len = header->ifa_prefixlen,
		.flags = tb[IFA_FLAGS] ? netlink_get_u32(tb[IFA_FLAGS])
				       : header->ifa_flags,
		.scope = header->ifa_scope,
		.broadcast = netlink_get_addr(tb[IFA_BROADCAST]),
		.no_broadcast = !tb[IFA_BROADCAST],
		.protocol = netlink_get_u8(tb[NETLINK_IFA_PROTO]),
		.metric = netlink_get_u32(tb[IFA_RT_PRIORITY]),
		.has_lifetime = addr_has_lifetime(tb[IFA_CACHEINFO]),
	};
	if (tb[IFA_LOCAL] && tb[IFA_ADDRESS])
		ret->peer = netlink_get_addr(tb[IFA_ADDRESS]);
	if (inet_addr_equal(&ret->peer, &ret->address.addr))
		ret->peer = (struct inet_addr){ 0 };
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

void netlink_addrs_sort_by_age(struct netlink_addrs *addrs)
{
	struct netlink_addr *items = addrs->items;
	size_t first = 0;

	while (first < addrs->count &&
	       items[first].address.addr.family == AF_INET)
		first++;
	for (size_t last = addrs->count; first + 1 < last; first++) {
		struct netlink_addr addr = items[first];

		items[first] = items[--last];
		items[last] = addr;
	}
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
	netlink_put_addr(msg, IFA_ADDRESS,
			 addr->peer.family ? &addr->peer : &addr->address.addr);
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

static void addr_put_broadcast(struct nl_msg *msg,
			       const struct netlink_addr *addr)
{
	struct inet_addr last = inet_prefix_last(&addr->address);

	if (addr->broadcast.family)
		netlink_put_addr(msg, IFA_BROADCAST, &addr->broadcast);
	else if (!addr->no_broadcast && addr->address.addr.family == AF_INET &&
		 addr->address.len < 31)
		netlink_put_addr(msg, IFA_BROADCAST, &last);
}

static void addr_put_deprecated(struct nl_msg *msg)
{
	static const struct ifa_cacheinfo info = {
		.ifa_prefered = 0,
		.ifa_valid = NETLINK_FOREVER,
	};

	netlink_put(msg, IFA_CACHEINFO, &info, sizeof(info));
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
	addr_put_broadcast(msg, addr);
	if (addr->flags & IFA_F_DEPRECATED)
		addr_put_deprecated(msg);
	if (addr->protocol)
		netlink_put_u8(msg, NETLINK_IFA_PROTO, addr->protocol);
	if (addr->flags)
		netlink_put_u32(msg, IFA_FLAGS, addr->flags);
	if (addr->metric)
		netlink_put_u32(msg, IFA_RT_PRIORITY, addr->metric);
	r = netlink_change(nl, msg, outcomes, err);
	return r < 0 ? addr_context(nl, "add", addr, err) : r;
}

/* --- settling ---------------------------------------------------------- */

struct addr_local {
	int index;
	bool yes;
};

static int addr_take_local(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	const struct rtmsg *header = nlmsg_data(hdr);
	struct addr_local *local = arg;
	struct nlattr *tb[RTA_MAX + 1];

	(void)err;
	if (hdr->nlmsg_type == RTM_NEWROUTE &&
	    nlmsg_parse(hdr, sizeof(*header), tb, RTA_MAX, NULL) == 0)
		local->yes = header->rtm_type == RTN_LOCAL &&
			     (int)netlink_get_u32(tb[RTA_OIF]) == local->index;
	return 0;
}

/* The entry of the table itself: the route would say "lo". */
static int addr_is_local(struct netlink *nl, const struct netlink_addr *addr,
			 bool *ret, struct error *err)
{
	static const struct netlink_outcome outcomes[] = {
		{ ENETUNREACH, NETLINK_ABSENT },
		{ EHOSTUNREACH, NETLINK_ABSENT },
		{ 0, 0 },
	};
	struct rtmsg header = {
		.rtm_family = addr->address.addr.family,
		.rtm_dst_len = 128,
		.rtm_flags = RTM_F_FIB_MATCH,
	};
	struct addr_local local = { .index = addr->index };
	cleanup_message struct nl_msg *msg = NULL;
	int r;

	msg = netlink_message(RTM_GETROUTE, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	netlink_put_addr(msg, RTA_DST, &addr->address.addr);
	netlink_put_u32(msg, RTA_OIF, (uint32_t)addr->index);
	r = netlink_query(nl, msg, outcomes, addr_take_local, &local, err);
	*ret = local.yes;
	return r < 0 ? r : 0;
}

int netlink_addr_settle(struct netlink *nl, const struct netlink_addr *addr,
			struct error *err)
{
	static const struct timespec pause = { .tv_nsec = 500000 };
	bool local = addr->address.addr.family != AF_INET6;

	for (int i = 0; i < NETLINK_SETTLE_TRIES && !local; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		if (addr_is_local(nl, addr, &local, err) < 0)
			return addr_context(nl, "settle", addr, err);
	}
	if (local)
		return 0;
	error_set(err, ERROR_LINK, ETIMEDOUT, "the kernel does not take it");
	return addr_context(nl, "settle", addr, err);
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
