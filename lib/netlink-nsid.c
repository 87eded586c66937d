#include "lib/netlink-priv.h"

#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

/*
 * IFLA_LINK_NETNSID is a number that means something in one namespace only: its
 * own name for another one (net/core/net_namespace.c, peernet2id).
 */

static int nsid_take(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	const struct nlattr *attr;

	(void)err;
	if (hdr->nlmsg_type != RTM_NEWNSID)
		return 0;
	attr = nlmsg_find_attr(hdr, sizeof(struct rtgenmsg), NETNSA_NSID);
	if (attr)
		*(int *)arg = nla_get_s32(attr);
	return 0;
}

int netlink_nsid(struct netlink *nl, int netns, int *ret, struct error *err)
{
	static const struct netlink_outcome outcomes[] = { { 0, 0 } };
	const struct rtgenmsg header = { .rtgen_family = AF_UNSPEC };
	cleanup_message struct nl_msg *msg = NULL;
	int id = -1;
	int r;

	msg = netlink_message(RTM_GETNSID, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	netlink_put_u32(msg, NETNSA_FD, (uint32_t)netns);
	r = netlink_query(nl, msg, outcomes, nsid_take, &id, err);
	if (r < 0)
		return error_context(err, "look up a namespace's number");
	if (id < 0)
		return NETLINK_ABSENT;
	*ret = id;
	return 0;
}
