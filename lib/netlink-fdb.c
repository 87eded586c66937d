#include "lib/netlink-priv.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

struct fdb_query {
	int index;
	struct netlink_fdb *fdb;
};

static bool fdb_parse(struct nlmsghdr *hdr, int index,
		      struct netlink_fdb_entry *ret)
{
	const struct ndmsg *header = nlmsg_data(hdr);
	struct nlattr *tb[NDA_MAX + 1];

	if (hdr->nlmsg_type != RTM_NEWNEIGH ||
	    header->ndm_family != AF_BRIDGE || header->ndm_ifindex != index ||
	    nlmsg_parse(hdr, sizeof(*header), tb, NDA_MAX, NULL) < 0 ||
	    !tb[NDA_LLADDR])
		return false;
	*ret = (struct netlink_fdb_entry){
		.mac = netlink_get_mac(tb[NDA_LLADDR]),
		.dst = netlink_get_addr(tb[NDA_DST]),
		.state = header->ndm_state,
		.flags = header->ndm_flags,
	};
	return true;
}

static int fdb_collect(struct nlmsghdr *hdr, void *arg, struct error *err)
{
	const struct fdb_query *query = arg;
	struct netlink_fdb *fdb = query->fdb;
	struct netlink_fdb_entry *items;

	items = netlink_grow(fdb->items, fdb->count, sizeof(*items));
	if (!items)
		return error_oom(err);
	fdb->items = items;
	if (fdb_parse(hdr, query->index, &items[fdb->count]))
		fdb->count++;
	return 0;
}

/* The header is a neighbour's: the shorter one would be taken for the request
 * of old programs, where the index means a bridge (valid_fdb_dump_legacy). */
int netlink_fdb_list(struct netlink *nl, int index, struct netlink_fdb *ret,
		     struct error *err)
{
	cleanup_netlink_fdb struct netlink_fdb fdb = { 0 };
	struct fdb_query query = { index, &fdb };
	struct ndmsg header = { .ndm_family = AF_BRIDGE, .ndm_ifindex = index };
	cleanup_message struct nl_msg *msg = NULL;
	char label[NETLINK_LABEL];
	int r;

	msg = netlink_message(RTM_GETNEIGH, 0, &header, sizeof(header));
	if (!msg)
		return error_oom(err);
	r = netlink_dump(nl, msg, fdb_collect, &query, &fdb.count, err);
	if (r < 0)
		return error_context(err, "list forwarding entries of %s",
				     netlink_link_label(nl, index, label));
	*ret = fdb;
	fdb = (struct netlink_fdb){ 0 };
	return 0;
}

void netlink_fdb_clear(struct netlink_fdb *fdb)
{
	free(fdb->items);
	*fdb = (struct netlink_fdb){ 0 };
}

static struct nl_msg *fdb_message(int type, int flags, int index,
				  const struct netlink_fdb_entry *entry)
{
	struct ndmsg header = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = index,
		.ndm_state = NUD_PERMANENT,
		.ndm_flags = NTF_SELF, /* the link's, not its bridge's */
	};
	struct nl_msg *msg;

	msg = netlink_message(type, flags, &header, sizeof(header));
	if (!msg)
		return NULL;
	netlink_put(msg, NDA_LLADDR, entry->mac.bytes,
		    sizeof(entry->mac.bytes));
	if (entry->dst.family)
		netlink_put_addr(msg, NDA_DST, &entry->dst);
	return msg;
}

static int fdb_context(struct netlink *nl, const char *verb, int index,
		       const struct netlink_fdb_entry *entry, struct error *err)
{
	char label[NETLINK_LABEL];
	char mac[INET_MAC_TEXT];
	char dst[INET_ADDR_TEXT];

	return error_context(err, "%s %s dst %s on %s", verb,
			     inet_mac_format(&entry->mac, mac),
			     inet_addr_format(&entry->dst, dst),
			     netlink_link_label(nl, index, label));
}

/* The kernel answers 0 where a destination is in the list already. */
int netlink_fdb_append(struct netlink *nl, int index,
		       const struct netlink_fdb_entry *entry, struct error *err)
{
	static const struct netlink_outcome outcomes[] = { { 0, 0 } };
	cleanup_message struct nl_msg *msg = NULL;
	int r;

	msg = fdb_message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, index,
			  entry);
	if (!msg)
		return error_oom(err);
	r = netlink_change(nl, msg, outcomes, err);
	return r < 0 ? fdb_context(nl, "append", index, entry, err) : r;
}

int netlink_fdb_del(struct netlink *nl, int index,
		    const struct netlink_fdb_entry *entry, struct error *err)
{
	static const struct netlink_outcome outcomes[] = {
		{ ENOENT, NETLINK_ABSENT },
		{ ENODEV, NETLINK_ABSENT },
		{ 0, 0 },
	};
	cleanup_message struct nl_msg *msg = NULL;
	int r;

	msg = fdb_message(RTM_DELNEIGH, 0, index, entry);
	if (!msg)
		return error_oom(err);
	r = netlink_change(nl, msg, outcomes, err);
	return r < 0 ? fdb_context(nl, "delete", index, entry, err) : r;
}
