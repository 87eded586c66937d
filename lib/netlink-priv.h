#ifndef LIB_NETLINK_PRIV_H
#define LIB_NETLINK_PRIV_H

/*
 * Inside the wall: messages out, messages in. Only lib/netlink*.c include this
 * file and <netlink/...>.
 */

#include "lib/netlink.h"

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

/* What a verb makes of a refusal; a table ends with { 0, 0 }. */
struct netlink_outcome {
	int sys; /* the kernel's errno */
	int outcome; /* NETLINK_ABSENT, ... */
};

/* Called for each message of an answer; negative ends it, with err filled. */
typedef int (*netlink_each)(struct nlmsghdr *hdr, void *arg, struct error *err);

/**
 * netlink_message() - A request with its family header
 * @flags:	Beside NLM_F_REQUEST
 *
 * Return: message, NULL if memory is gone
 */
struct nl_msg *netlink_message(int type, int flags, const void *header,
			       size_t len);

static inline void netlink_message_cleanup(struct nl_msg **msg)
{
	nlmsg_free(*msg);
}
#define cleanup_message cleanup(netlink_message_cleanup)

/* Requests have a bounded size: an attribute that does not fit is a bug. */
void netlink_put(struct nl_msg *msg, int type, const void *data, size_t len);
void netlink_put_u8(struct nl_msg *msg, int type, uint8_t value);
void netlink_put_u32(struct nl_msg *msg, int type, uint32_t value);
void netlink_put_text(struct nl_msg *msg, int type, const char *text);
void netlink_put_addr(struct nl_msg *msg, int type,
		      const struct inet_addr *addr);
struct nlattr *netlink_nest(struct nl_msg *msg, int type);

/* Zero, or none, where the attribute is missing. */
uint8_t netlink_get_u8(const struct nlattr *attr);
uint16_t netlink_get_be16(const struct nlattr *attr);
uint32_t netlink_get_u32(const struct nlattr *attr);
void netlink_get_text(const struct nlattr *attr, char *ret, size_t size);
struct inet_addr netlink_get_addr(const struct nlattr *attr);
struct inet_mac netlink_get_mac(const struct nlattr *attr);

/**
 * netlink_change() - Send a change and wait for its acknowledgement
 *
 * All changes go this way; tests put themselves here (ld --wrap) to make the
 * n-th one fail.
 *
 * Return: 0, an outcome of @outcomes (NETLINK_BUSY with err filled), or negative
 * with the kernel's errno and words
 */
int netlink_change(struct netlink *nl, struct nl_msg *msg,
		   const struct netlink_outcome *outcomes, struct error *err)
	warn_unused;

/** netlink_query() - Ask for one object; returns as netlink_change() */
int netlink_query(struct netlink *nl, struct nl_msg *msg,
		  const struct netlink_outcome *outcomes, netlink_each each,
		  void *arg, struct error *err) warn_unused;

/**
 * netlink_dump() - Ask for a list
 * @count:	Of what @each collects: set back to what it was before each try
 *
 * A list that changed while it was read is read again; after five tries it is
 * ERROR_AGAIN.
 */
int netlink_dump(struct netlink *nl, struct nl_msg *msg, netlink_each each,
		 void *arg, size_t *count, struct error *err);

/**
 * netlink_grow() - Make room for one more item
 *
 * Return: the array, perhaps moved; NULL without memory, @items then still valid
 */
void *netlink_grow(void *items, size_t count, size_t size);

/** netlink_refusal() - Fill @err with the kernel's last refusal; negative */
int netlink_refusal(const struct netlink *nl, struct error *err);

/** netlink_route_read() - A route message, each hop over @index by itself; what
 * is no such route adds nothing */
int netlink_route_read(struct nlmsghdr *hdr, int index, uint8_t family,
		       struct netlink_routes *ret, struct error *err);

/* A link's name for the text of an error. */
#define NETLINK_LABEL 32
const char *netlink_link_label(struct netlink *nl, int index,
			       char buf[static NETLINK_LABEL]);

/* Kinds of links: what they carry in IFLA_INFO_DATA, both ways. */
struct netlink_kind {
	const char *name;
	void (*put)(struct nl_msg *msg, const struct netlink_link_new *link);
	void (*parse)(struct nlattr *data, struct netlink_link *ret);
};

/** netlink_kind_find() - NULL: a kind without attributes of interest */
const struct netlink_kind *netlink_kind_find(const char *name);

/** netlink_put_vxlan() - What of a VXLAN link can change in place, and its id,
 * which the kernel wants repeated */
void netlink_put_vxlan(struct nl_msg *msg, const struct netlink_vxlan *vxlan);

#endif
