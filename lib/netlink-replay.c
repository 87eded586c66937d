#include "lib/netlink-priv.h"

#include <assert.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Routes that follow an address from one link to another.
 *
 * They are kept as the kernel gave them, because a struct of ours would lose
 * what it has no member for (metrics, preference, realms, encapsulation). Only
 * what ties a route to its link or to its past is changed: ifindex, state flags,
 * age, and the nexthop object behind it, whose hops are spelled out beside it.
 *
 * Not saved: what the kernel makes by itself when the address comes (protocol
 * kernel), redirects, and what has a lifetime, which belongs to a router's
 * advertisement.
 *
 * In IPv4 a route with several hops is one route: it is appended with all its
 * hops, and the old one, which outlives the link's address with the hops that it
 * has left, is deleted as a whole. In IPv6 each hop is a route: those over the
 * link are appended and deleted, the others stay.
 */

struct saved_query {
	int index;
	uint8_t family;
	netlink_route_wanted wanted; /* NULL: all but the kernel's */
	void *arg;
	struct netlink_saved *saved;
};

static const uint8_t saved_families[] = { AF_INET, AF_INET6 };

/* --- saving ------------------------------------------------------------ */

static bool saved_has_hop(const struct nlattr *multipath, int index)
{
	const struct rtnexthop *next = nla_data(multipath);
	int left = nla_len(multipath);

	while (left >= (int)sizeof(*next) && RTNH_OK(next, left)) {
		if (next->rtnh_ifindex == index)
			return true;
		left -= RTNH_ALIGN(next->rtnh_len);
		next = (const void *)((const char *)next +
				      RTNH_ALIGN(next->rtnh_len));
	}
	return false;
}

static bool saved_expires(const struct nlattr *attr)
{
	struct rta_cacheinfo info;

	if (!attr || (size_t)nla_len(attr) < sizeof(info))
		return false;
	memcpy(&info, nla_data(attr), sizeof(info));
	return info.rta_expires != 0;
}

static bool saved_is_asked_for(const struct saved_query *query,
			       struct nlmsghdr *hdr)
{
	const struct rtmsg *header = nlmsg_data(hdr);
	struct nlattr *tb[RTA_MAX + 1];

	if (hdr->nlmsg_type != RTM_NEWROUTE ||
	    header->rtm_family != query->family ||
	    header->rtm_flags & RTM_F_CLONED ||
	    header->rtm_table == RT_TABLE_LOCAL ||
	    (!query->wanted && header->rtm_protocol == RTPROT_KERNEL) ||
	    header->rtm_protocol == RTPROT_REDIRECT ||
	    nlmsg_parse(hdr, sizeof(*header), tb, RTA_MAX, NULL) < 0 ||
	    saved_expires(tb[RTA_CACHEINFO]))
		return false;
	if (tb[RTA_MULTIPATH])
		return saved_has_hop(tb[RTA_MULTIPATH], query->index);
	return (int)netlink_get_u32(tb[RTA_OIF]) == query->index;
}

/* Return: 0, SAVED_NOT_WANTED, or negative */
enum {
	SAVED_NOT_WANTED = 1
};
static int saved_ask(const struct saved_query *query, struct nlmsghdr *hdr,
		     struct error *err)
{
	cleanup_netlink_routes struct netlink_routes hops = { 0 };

	if (!saved_is_asked_for(query, hdr))
		return SAVED_NOT_WANTED;
	if (!query->wanted)
		return 0;
	if (netlink_route_read(hdr, query->index, query->family, &hops, err) <
	    0)
		return error_return(err);
	for (size_t i = 0; i < hops.count; i++)
		if (query->wanted(&hops.items[i], query->arg))
			return 0;
	return SAVED_NOT_WANTED;
}

/* Where an item begins follows from the one before it, so that a dump that is
 * begun again overwrites what the last try left. */
static int saved_collect(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	const struct saved_query *query = arg;
	struct netlink_saved *saved = query->saved;
	struct netlink_saved_route *items;
	struct netlink_saved_route item = { .len = hdr->nlmsg_len };
	char *bytes;
	int r;

	r = saved_ask(query, hdr, err);
	if (r != 0)
		return r == SAVED_NOT_WANTED ? 0 : r;
	items = netlink_grow(saved->items, saved->count, sizeof(*items));
	if (!items)
		return error_oom(err);
	saved->items = items;
	if (saved->count) {
		const struct netlink_saved_route *last =
			&items[saved->count - 1];

		item.offset = NLMSG_ALIGN(last->offset + last->len);
	}
	bytes = realloc(saved->bytes, item.offset + item.len);
	if (!bytes)
		return error_oom(err);
	memcpy(bytes + item.offset, hdr, item.len);
	saved->bytes = bytes;
	items[saved->count++] = item;
	return 0;
}

static int saved_collect_family(struct netlink *nl, struct saved_query *query,
				struct error *err)
{
	struct rtmsg header = { .rtm_family = query->family };
	cleanup_message struct nl_msg *msg = NULL;

	msg = netlink_message(RTM_GETROUTE, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	netlink_put_u32(msg, RTA_OIF, (uint32_t)query->index);
	return netlink_dump(nl, msg, saved_collect, query, &query->saved->count,
			    err);
}

int netlink_routes_save_if(struct netlink *nl, int index, int family,
			   netlink_route_wanted wanted, void *arg,
			   struct netlink_saved *ret, struct error *err)
{
	cleanup_netlink_saved struct netlink_saved saved = { 0 };
	char label[NETLINK_LABEL];

	for (size_t i = 0; i < ARRAY_SIZE(saved_families); i++) {
		struct saved_query query = { index, saved_families[i], wanted,
					     arg, &saved };

		if (family && family != query.family)
			continue;
		if (saved_collect_family(nl, &query, err) < 0)
			return error_context(err, "save routes of %s",
					     netlink_link_label(nl, index,
								label));
	}
	saved.index = index;
	*ret = saved;
	saved = (struct netlink_saved){ 0 };
	return 0;
}

int netlink_routes_save(struct netlink *nl, int index, int family,
			struct netlink_saved *ret, struct error *err)
{
	return netlink_routes_save_if(nl, index, family, NULL, NULL, ret, err);
}

void netlink_saved_clear(struct netlink_saved *saved)
{
	free(saved->items);
	free(saved->bytes);
	*saved = (struct netlink_saved){ 0 };
}

/* --- replaying --------------------------------------------------------- */

static const struct nlmsghdr *saved_header(const struct netlink_saved *saved,
					   size_t i)
{
	return (const void *)(saved->bytes + saved->items[i].offset);
}

static void saved_put_hop(struct nl_msg *msg, const struct rtnexthop *hop,
			  const struct netlink_saved *saved, int to)
{
	size_t len = (size_t)RTNH_ALIGN(hop->rtnh_len);
	struct rtnexthop *copy = nlmsg_reserve(msg, len, 0);

	assert(copy);
	memset(copy, 0, len);
	memcpy(copy, hop, hop->rtnh_len);
	copy->rtnh_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
	if (copy->rtnh_ifindex == saved->index)
		copy->rtnh_ifindex = to;
}

static void saved_put_hops(struct nl_msg *msg, const struct nlattr *attr,
			   uint8_t family, const struct netlink_saved *saved,
			   int to)
{
	const struct rtnexthop *next = nla_data(attr);
	int left = nla_len(attr);
	struct nlattr *nest = netlink_nest(msg, RTA_MULTIPATH);

	while (left >= (int)sizeof(*next) && RTNH_OK(next, left)) {
		if (family == AF_INET || next->rtnh_ifindex == saved->index)
			saved_put_hop(msg, next, saved, to);
		left -= RTNH_ALIGN(next->rtnh_len);
		next = (const void *)((const char *)next +
				      RTNH_ALIGN(next->rtnh_len));
	}
	nla_nest_end(msg, nest);
}

/* @to: the link instead of the one that it was saved from; NULL without memory */
static struct nl_msg *saved_message(const struct netlink_saved *saved, size_t i,
				    int type, int flags, int to)
{
	const struct nlmsghdr *hdr = saved_header(saved, i);
	struct nl_msg *msg = nlmsg_alloc_size(hdr->nlmsg_len + NLMSG_ALIGNTO);
	struct rtmsg header;
	struct nlattr *attr;
	int left;

	memcpy(&header, nlmsg_data(hdr), sizeof(header));
	header.rtm_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
	if (!msg || !nlmsg_put(msg, 0, 0, type, 0, NLM_F_REQUEST | flags) ||
	    nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	nlmsg_for_each_attr(attr, hdr, sizeof(header), left)
	{
		switch (nla_type(attr)) {
		case RTA_NH_ID:
		case RTA_CACHEINFO:
			break;
		case RTA_OIF:
			netlink_put_u32(msg, RTA_OIF, (uint32_t)to);
			break;
		case RTA_MULTIPATH:
			saved_put_hops(msg, attr, header.rtm_family, saved, to);
			break;
		default:
			netlink_put(msg, attr->nla_type, nla_data(attr),
				    (size_t)nla_len(attr));
		}
	}
	return msg;
}

/* Return: 0, NETLINK_ABSENT (no way to its gateway, yet), or negative */
static int saved_replay_one(struct netlink *nl,
			    const struct netlink_saved *saved, size_t i, int to,
			    struct error *err)
{
	static const struct netlink_outcome outcomes[] = {
		{ EEXIST, NETLINK_EXISTS },
		{ ENETUNREACH, NETLINK_ABSENT },
		{ EHOSTUNREACH, NETLINK_ABSENT },
		{ 0, 0 },
	};
	cleanup_message struct nl_msg *msg = NULL;
	int r;

	msg = saved_message(saved, i, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND,
			    to);
	if (!msg)
		return error_oom(err);
	r = netlink_change(nl, msg, outcomes, err);
	return r == NETLINK_EXISTS ? 0 : r;
}

/* One pass over what is not @done; adds to *@ret_done what it did. */
static int saved_replay_pass(struct netlink *nl,
			     const struct netlink_saved *saved, int to,
			     bool *done, size_t *ret_done, struct error *err)
{
	for (size_t i = 0; i < saved->count; i++) {
		int r;

		if (done[i])
			continue;
		r = saved_replay_one(nl, saved, i, to, err);
		if (r < 0)
			return r;
		done[i] = r == 0;
		*ret_done += done[i];
	}
	return 0;
}

int netlink_routes_replay(struct netlink *nl, const struct netlink_saved *saved,
			  int to, struct error *err)
{
	cleanup_free bool *done = calloc(saved->count + 1, sizeof(*done));
	char label[NETLINK_LABEL];
	size_t before;
	size_t now = 0;
	int r = 0;

	if (!done)
		return error_oom(err);
	do {
		before = now;
		r = saved_replay_pass(nl, saved, to, done, &now, err);
	} while (r == 0 && now > before && now < saved->count);
	if (r == 0 && now < saved->count)
		r = netlink_refusal(nl, err);
	if (r < 0)
		error_context(err, "carry routes over to %s",
			      netlink_link_label(nl, to, label));
	return r;
}

static int saved_delete(struct netlink *nl, const struct netlink_saved *saved,
			int on, struct error *err)
{
	static const struct netlink_outcome outcomes[] = {
		{ ESRCH, NETLINK_ABSENT },
		{ ENODEV, NETLINK_ABSENT },
		{ ENOENT, NETLINK_ABSENT },
		{ 0, 0 },
	};
	char label[NETLINK_LABEL];

	for (size_t i = 0; i < saved->count; i++) {
		cleanup_message struct nl_msg *msg = NULL;
		int r;

		msg = saved_message(saved, i, RTM_DELROUTE, 0, on);
		if (!msg)
			return error_oom(err);
		r = netlink_change(nl, msg, outcomes, err);
		if (r < 0)
			return error_context(err, "delete routes of %s",
					     netlink_link_label(nl, on, label));
	}
	return 0;
}

int netlink_routes_drop(struct netlink *nl, const struct netlink_saved *saved,
			struct error *err)
{
	return saved_delete(nl, saved, saved->index, err);
}

int netlink_routes_take_back(struct netlink *nl,
			     const struct netlink_saved *saved, int to,
			     struct error *err)
{
	return saved_delete(nl, saved, to, err);
}
