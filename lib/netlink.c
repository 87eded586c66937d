#include "lib/netlink.h"

#include "lib/netlink-priv.h"
#include "lib/netns.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Of libnl this uses the socket, the messages and the attributes, and neither
 * its objects nor its caches: an ADD looks up a handful of links by name, and
 * what we must say (queue lengths, raw routes) and hear (extended
 * acknowledgements, interrupted dumps) has no place in them.
 *
 * One request is in flight at a time. Its answer ends with
 *
 *	NLMSG_ERROR	of a change, 0 being the acknowledgement, or a refusal;
 *	NLMSG_DONE	of a dump, whose payload may be a refusal too;
 *	any message	without NLM_F_MULTI, of a query for one object.
 *
 * Messages with another sequence number belong to an answer that we left half
 * read, and are skipped. Where a session acts is decided when its socket is
 * created, so that is the only moment spent in the other namespace.
 */

enum {
	NETLINK_TRIES = 5,
	/* The most that the kernel puts into one message of a dump
	 * (net/netlink/af_netlink.c, netlink_dump). */
	NETLINK_BUFFER = 32768,

	NETLINK_MORE = 100, /* the answer goes on */
	NETLINK_REFUSED = 101, /* nl->sys, nl->words */
	NETLINK_INTERRUPTED = 102, /* objects came or went meanwhile */
};

struct netlink {
	struct nl_sock *socket;
	uint32_t seq;
	int sys; /* of the last refusal */
	char words[256]; /* the kernel's own, often empty */
};

struct netlink_answer {
	netlink_each each; /* NULL: only the acknowledgement */
	void *arg;
	bool interrupted;
};

/* Failures of the library have no errno; these are the likely ones. */
static int netlink_errno(int code)
{
	return code == -NLE_NOMEM ? ENOMEM : EIO;
}

static int netlink_connect(void *arg, struct error *err)
{
	struct netlink *nl = arg;
	int r = nl_connect(nl->socket, NETLINK_ROUTE);

	if (r < 0)
		return error_set(err, ERROR_LINK, netlink_errno(r),
				 "open a netlink socket (%s)", nl_geterror(r));
	return 0;
}

/* Kernels before 4.20 ignore the filters of dumps, so lists filter again. */
static void netlink_set_options(int fd)
{
	static const int options[] = { NETLINK_EXT_ACK, NETLINK_CAP_ACK,
				       NETLINK_GET_STRICT_CHK };
	int on = 1;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		(void)setsockopt(fd, SOL_NETLINK, options[i], &on, sizeof(on));
}

int netlink_open(int netns, struct netlink **ret, struct error *err)
{
	cleanup_netlink struct netlink *nl = NULL;
	int r;

	nl = calloc(1, sizeof(*nl));
	if (!nl)
		return error_oom(err);
	nl->socket = nl_socket_alloc();
	if (!nl->socket)
		return error_oom(err);
	nl_socket_disable_msg_peek(nl->socket);
	nl_socket_set_msg_buf_size(nl->socket, NETLINK_BUFFER);

	r = netns_run(netns, netlink_connect, nl, err);
	if (r < 0)
		return r;
	netlink_set_options(nl_socket_get_fd(nl->socket));

	*ret = take_ptr(nl);
	return 0;
}

uint64_t netlink_cookie(const struct netlink *nl)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (getsockopt(nl_socket_get_fd(nl->socket), SOL_SOCKET,
		       SO_NETNS_COOKIE, &cookie, &len) < 0)
		return 0;
	return cookie;
}

struct netlink *netlink_close(struct netlink *nl)
{
	if (nl && nl->socket)
		nl_socket_free(nl->socket);
	free(nl);
	return NULL;
}

struct nl_msg *netlink_message(int type, int flags, const void *header,
			       size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
	void *data;

	if (!msg)
		return NULL;
	data = nlmsg_reserve(msg, len, NLMSG_ALIGNTO);
	assert(data);
	memcpy(data, header, len);
	return msg;
}

void netlink_put(struct nl_msg *msg, int type, const void *data, size_t len)
{
	int r = nla_put(msg, type, (int)len, data);

	assert(r == 0);
	(void)r;
}

void netlink_put_u8(struct nl_msg *msg, int type, uint8_t value)
{
	netlink_put(msg, type, &value, sizeof(value));
}

void netlink_put_u32(struct nl_msg *msg, int type, uint32_t value)
{
	netlink_put(msg, type, &value, sizeof(value));
}

void netlink_put_text(struct nl_msg *msg, int type, const char *text)
{
	netlink_put(msg, type, text, strlen(text) + 1);
}

void netlink_put_addr(struct nl_msg *msg, int type,
		      const struct inet_addr *addr)
{
	netlink_put(msg, type, addr->bytes, inet_family_len(addr->family));
}

struct nlattr *netlink_nest(struct nl_msg *msg, int type)
{
	struct nlattr *nest = nla_nest_start(msg, type);

	assert(nest);
	return nest;
}

uint8_t netlink_get_u8(const struct nlattr *attr)
{
	return attr && nla_len(attr) >= 1 ? nla_get_u8(attr) : 0;
}

uint16_t netlink_get_be16(const struct nlattr *attr)
{
	if (!attr || nla_len(attr) < 2)
		return 0;
	return be16toh(nla_get_u16(attr));
}

uint32_t netlink_get_u32(const struct nlattr *attr)
{
	return attr && nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

void netlink_get_text(const struct nlattr *attr, char *ret, size_t size)
{
	*ret = '\0';
	if (attr)
		nla_strlcpy(ret, attr, size);
}

struct inet_addr netlink_get_addr(const struct nlattr *attr)
{
	struct inet_addr addr = { 0 };

	if (attr && nla_len(attr) == 4)
		addr.family = AF_INET;
	else if (attr && nla_len(attr) == 16)
		addr.family = AF_INET6;
	else
		return addr;
	memcpy(addr.bytes, nla_data(attr), inet_family_len(addr.family));
	return addr;
}

struct inet_mac netlink_get_mac(const struct nlattr *attr)
{
	struct inet_mac mac = { 0 };

	if (attr && nla_len(attr) == sizeof(mac.bytes))
		memcpy(mac.bytes, nla_data(attr), sizeof(mac.bytes));
	return mac;
}

/* The kernel's words follow what it says about the request, if it said that
 * they do. */
static void netlink_read_words(struct netlink *nl, const struct nlmsghdr *hdr,
			       size_t offset)
{
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];

	nl->words[0] = '\0';
	if (!(hdr->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (nla_parse(tb, NLMSGERR_ATTR_MAX, nlmsg_attrdata(hdr, (int)offset),
		      nlmsg_attrlen(hdr, (int)offset), NULL) == 0)
		netlink_get_text(tb[NLMSGERR_ATTR_MSG], nl->words,
				 sizeof(nl->words));
}

static int netlink_read_error(struct netlink *nl, const struct nlmsghdr *hdr)
{
	const struct nlmsgerr *error = nlmsg_data(hdr);
	size_t offset = sizeof(*error);

	if (!error->error)
		return 0;
	/* Kernels before 4.3 repeat the whole request. */
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED))
		offset += error->msg.nlmsg_len - sizeof(error->msg);
	nl->sys = -error->error;
	netlink_read_words(nl, hdr, offset);
	return NETLINK_REFUSED;
}

static int netlink_read_done(struct netlink *nl, const struct nlmsghdr *hdr,
			     const struct netlink_answer *answer)
{
	int error = 0;

	if ((size_t)nlmsg_datalen(hdr) >= sizeof(error))
		memcpy(&error, nlmsg_data(hdr), sizeof(error));
	if (error < 0) {
		nl->sys = -error;
		netlink_read_words(nl, hdr, sizeof(error));
		return NETLINK_REFUSED;
	}
	return answer->interrupted ? NETLINK_INTERRUPTED : 0;
}

static int netlink_read(struct netlink *nl, struct nlmsghdr *hdr,
			struct netlink_answer *answer, struct error *err)
{
	int r;

	if (hdr->nlmsg_flags & NLM_F_DUMP_INTR)
		answer->interrupted = true;
	if (hdr->nlmsg_type == NLMSG_ERROR)
		return netlink_read_error(nl, hdr);
	if (hdr->nlmsg_type == NLMSG_DONE)
		return netlink_read_done(nl, hdr, answer);
	if (hdr->nlmsg_type < NLMSG_MIN_TYPE)
		return NETLINK_MORE;

	r = answer->each ? answer->each(hdr, answer->arg, err) : 0;
	if (r < 0)
		return r;
	if (answer->each && !(hdr->nlmsg_flags & NLM_F_MULTI))
		return 0;
	return NETLINK_MORE;
}

static int netlink_receive(struct netlink *nl, struct netlink_answer *answer,
			   struct error *err)
{
	struct sockaddr_nl from = { 0 };
	cleanup_free unsigned char *buf = NULL;
	struct nlmsghdr *hdr;
	int left;

	left = nl_recv(nl->socket, &from, &buf, NULL);
	if (left <= 0)
		return error_set(err, ERROR_LINK, netlink_errno(left),
				 "hear from the kernel (%s)",
				 nl_geterror(left));

	for (hdr = (void *)buf; nlmsg_ok(hdr, left);
	     hdr = nlmsg_next(hdr, &left)) {
		int r;

		if (from.nl_pid != 0 || hdr->nlmsg_seq != nl->seq)
			continue;
		r = netlink_read(nl, hdr, answer, err);
		if (r != NETLINK_MORE)
			return r;
	}
	return NETLINK_MORE;
}

/* One request and its whole answer; callers turn NETLINK_REFUSED and
 * NETLINK_INTERRUPTED into what they mean. */
static int netlink_exchange(struct netlink *nl, struct nl_msg *msg,
			    struct netlink_answer *answer, struct error *err)
{
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	int r;

	hdr->nlmsg_seq = ++nl->seq;
	hdr->nlmsg_pid = nl_socket_get_local_port(nl->socket);
	r = nl_send(nl->socket, msg);
	if (r < 0)
		return error_set(err, ERROR_LINK, netlink_errno(r),
				 "ask the kernel (%s)", nl_geterror(r));
	do
		r = netlink_receive(nl, answer, err);
	while (r == NETLINK_MORE);
	return r;
}

int netlink_refusal(const struct netlink *nl, struct error *err)
{
	if (nl->words[0])
		error_set(err, ERROR_LINK, 0, "%s (%s)", strerror(nl->sys),
			  nl->words);
	else
		error_set(err, ERROR_LINK, 0, "%s", strerror(nl->sys));
	err->sys = nl->sys;
	return error_return(err);
}

static int netlink_judge(const struct netlink *nl,
			 const struct netlink_outcome *outcomes,
			 struct error *err)
{
	for (; outcomes->sys; outcomes++)
		if (outcomes->sys == nl->sys)
			break;
	if (!outcomes->sys)
		return netlink_refusal(nl, err);
	if (outcomes->outcome == NETLINK_BUSY)
		netlink_refusal(nl, err);
	return outcomes->outcome;
}

int netlink_change(struct netlink *nl, struct nl_msg *msg,
		   const struct netlink_outcome *outcomes, struct error *err)
{
	struct netlink_answer answer = { 0 };
	int r;

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
	r = netlink_exchange(nl, msg, &answer, err);
	return r == NETLINK_REFUSED ? netlink_judge(nl, outcomes, err) : r;
}

int netlink_query(struct netlink *nl, struct nl_msg *msg,
		  const struct netlink_outcome *outcomes, netlink_each each,
		  void *arg, struct error *err)
{
	struct netlink_answer answer = { .each = each, .arg = arg };
	int r;

	r = netlink_exchange(nl, msg, &answer, err);
	return r == NETLINK_REFUSED ? netlink_judge(nl, outcomes, err) : r;
}

int netlink_dump(struct netlink *nl, struct nl_msg *msg, netlink_each each,
		 void *arg, size_t *count, struct error *err)
{
	size_t start = *count;

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_DUMP;
	for (int i = 0; i < NETLINK_TRIES; i++) {
		struct netlink_answer answer = { .each = each, .arg = arg };
		int r;

		*count = start;
		r = netlink_exchange(nl, msg, &answer, err);
		if (r == NETLINK_REFUSED)
			return netlink_refusal(nl, err);
		if (r != NETLINK_INTERRUPTED)
			return r;
	}
	return error_set(err, ERROR_AGAIN, 0,
			 "it changed while it was read, %d times",
			 NETLINK_TRIES);
}

/* Room for 8, then doubled whenever the count is a power of two. */
void *netlink_grow(void *items, size_t count, size_t size)
{
	if (count != 0 && (count < 8 || (count & (count - 1)) != 0))
		return items;
	return reallocarray(items, count ? 2 * count : 8, size);
}
