/* Links, as the kernel has them. */
#include "lib/netlink-priv.h"

#include <linux/if_addr.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* IFLA_ALT_IFNAME (Linux 5.5) holds up to this, with terminator (ALTIFNAMSIZ). */
#define NETLINK_ALTNAME 128

static const struct netlink_outcome link_get_outcomes[] = {
	{ ENODEV, NETLINK_ABSENT },
	{ 0, 0 },
};

static void link_parse_conf(const struct nlattr *attr, struct netlink_conf *ret)
{
	size_t size = attr ? (size_t)nla_len(attr) : 0;

	if (size > sizeof(ret->values))
		size = sizeof(ret->values);
	if (size)
		memcpy(ret->values, nla_data(attr), size);
	ret->count = (uint32_t)(size / sizeof(ret->values[0]));
}

static void link_parse_inet(struct nlattr *spec, struct netlink_link *ret)
{
	struct nlattr *inet = nla_find(nla_data(spec), nla_len(spec), AF_INET);
	struct nlattr *tb[IFLA_INET_MAX + 1];

	if (inet && nla_parse_nested(tb, IFLA_INET_MAX, inet, NULL) == 0)
		link_parse_conf(tb[IFLA_INET_CONF], &ret->inet);
}

/* IPv6 is there on a link if the kernel speaks of it. */
static void link_parse_inet6(struct nlattr *spec, struct netlink_link *ret)
{
	struct nlattr *inet6 = nla_find(nla_data(spec), nla_len(spec),
					AF_INET6);
	struct nlattr *tb[IFLA_INET6_MAX + 1];

	if (!inet6 || nla_parse_nested(tb, IFLA_INET6_MAX, inet6, NULL) < 0)
		return;
	ret->has_inet6 = true;
	ret->addr_gen_mode = netlink_get_u8(tb[IFLA_INET6_ADDR_GEN_MODE]);
	link_parse_conf(tb[IFLA_INET6_CONF], &ret->inet6);
}

static void link_parse_info(struct nlattr *info, struct netlink_link *ret)
{
	struct nlattr *tb[IFLA_INFO_MAX + 1];
	const struct netlink_kind *kind;

	if (nla_parse_nested(tb, IFLA_INFO_MAX, info, NULL) < 0)
		return;
	netlink_get_text(tb[IFLA_INFO_KIND], ret->kind, sizeof(ret->kind));
	kind = netlink_kind_find(ret->kind);
	if (kind && kind->parse && tb[IFLA_INFO_DATA])
		kind->parse(tb[IFLA_INFO_DATA], ret);
}

static bool link_parse(struct nlmsghdr *hdr, struct netlink_link *ret)
{
	const struct ifinfomsg *header = nlmsg_data(hdr);
	struct nlattr *tb[IFLA_MAX + 1];

	if (hdr->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(hdr, sizeof(*header), tb, IFLA_MAX, NULL) < 0)
		return false;
	*ret = (struct netlink_link){
		.index = header->ifi_index,
		.flags = header->ifi_flags,
		.type = header->ifi_type,
		.operstate = netlink_get_u8(tb[IFLA_OPERSTATE]),
		.mtu = netlink_get_u32(tb[IFLA_MTU]),
		.mac = netlink_get_mac(tb[IFLA_ADDRESS]),
		.parent = (int)netlink_get_u32(tb[IFLA_LINK]),
		.parent_netns = -1,
		.master = (int)netlink_get_u32(tb[IFLA_MASTER]),
	};
	netlink_get_text(tb[IFLA_IFNAME], ret->name, sizeof(ret->name));
	netlink_get_text(tb[IFLA_IFALIAS], ret->alias, sizeof(ret->alias));
	if (tb[IFLA_LINK_NETNSID])
		ret->parent_netns = nla_get_s32(tb[IFLA_LINK_NETNSID]);
	if (tb[IFLA_LINKINFO])
		link_parse_info(tb[IFLA_LINKINFO], ret);
	if (tb[IFLA_AF_SPEC]) {
		link_parse_inet(tb[IFLA_AF_SPEC], ret);
		link_parse_inet6(tb[IFLA_AF_SPEC], ret);
	}
	return true;
}

static int link_take(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	(void)err;
	(void)link_parse(hdr, arg);
	return 0;
}

/* @name: NULL to look up by @index. */
static int link_lookup(struct netlink *nl, int index, const char *name,
		       struct netlink_link *ret, struct error *err)
{
	struct ifinfomsg header = { .ifi_index = index };
	cleanup_message struct nl_msg *msg = NULL;

	msg = netlink_message(RTM_GETLINK, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	netlink_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	/* The kernel finds short alternative names under IFLA_IFNAME too. */
	if (name)
		netlink_put_text(msg,
				 strlen(name) < IFNAMSIZ ? IFLA_IFNAME
							 : IFLA_ALT_IFNAME,
				 name);
	return netlink_query(nl, msg, link_get_outcomes, link_take, ret, err);
}

int netlink_link_get(struct netlink *nl, const char *name,
		     struct netlink_link *ret, struct error *err)
{
	int r;

	if (!*name || strlen(name) >= NETLINK_ALTNAME)
		return NETLINK_ABSENT;
	r = link_lookup(nl, 0, name, ret, err);
	if (r < 0)
		error_context(err, "look up link %s", name);
	return r;
}

int netlink_link_get_index(struct netlink *nl, int index,
			   struct netlink_link *ret, struct error *err)
{
	int r;

	if (index <= 0)
		return NETLINK_ABSENT;
	r = link_lookup(nl, index, NULL, ret, err);
	if (r < 0)
		error_context(err, "look up link %d", index);
	return r;
}

/* IPv4's are numbered from one, IPv6's from zero. */
static const struct {
	int family;
	const char *key;
	uint32_t at;
} link_confs[] = {
	{ AF_INET, "arp_announce", IPV4_DEVCONF_ARP_ANNOUNCE - 1 },
	{ AF_INET, "arp_ignore", IPV4_DEVCONF_ARP_IGNORE - 1 },
	{ AF_INET, "arp_notify", IPV4_DEVCONF_ARP_NOTIFY - 1 },
	{ AF_INET, "promote_secondaries",
	  IPV4_DEVCONF_PROMOTE_SECONDARIES - 1 },
	{ AF_INET, "rp_filter", IPV4_DEVCONF_RP_FILTER - 1 },
	{ AF_INET6, "accept_ra", DEVCONF_ACCEPT_RA },
	{ AF_INET6, "disable_ipv6", DEVCONF_DISABLE_IPV6 },
	{ AF_INET6, "keep_addr_on_down", DEVCONF_KEEP_ADDR_ON_DOWN },
	{ AF_INET6, "ndisc_notify", DEVCONF_NDISC_NOTIFY },
};

int netlink_link_conf(const struct netlink_link *link, int family,
		      const char *key, int *ret)
{
	const struct netlink_conf *conf = family == AF_INET6 ? &link->inet6
							     : &link->inet;

	for (size_t i = 0; i < ARRAY_SIZE(link_confs); i++) {
		uint32_t at = link_confs[i].at;

		if (link_confs[i].family != family ||
		    strcmp(link_confs[i].key, key) != 0 || at >= conf->count)
			continue;
		*ret = conf->values[at];
		return 0;
	}
	return NETLINK_ABSENT;
}

const char *netlink_link_label(struct netlink *nl, int index,
			       char buf[static NETLINK_LABEL])
{
	struct error ignored = { 0 };
	struct netlink_link link;

	if (netlink_link_get_index(nl, index, &link, &ignored) == 0)
		snprintf(buf, NETLINK_LABEL, "%s", link.name);
	else
		snprintf(buf, NETLINK_LABEL, "link %d", index);
	return buf;
}

static int link_collect(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	struct netlink_links *links = arg;
	struct netlink_link *items;

	items = netlink_grow(links->items, links->count, sizeof(*items));
	if (!items)
		return error_oom(err);
	links->items = items;
	if (link_parse(hdr, &items[links->count]))
		links->count++;
	return 0;
}

int netlink_link_list(struct netlink *nl, struct netlink_links *ret,
		      struct error *err)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	cleanup_message struct nl_msg *msg = NULL;
	int r;

	msg = netlink_message(RTM_GETLINK, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	netlink_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = netlink_dump(nl, msg, link_collect, &links, &links.count, err);
	if (r < 0)
		return error_context(err, "list links");
	*ret = links;
	links = (struct netlink_links){ 0 };
	return 0;
}

void netlink_links_clear(struct netlink_links *links)
{
	free(links->items);
	*links = (struct netlink_links){ 0 };
}
