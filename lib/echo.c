#include "lib/echo.h"

#include "lib/netns.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

/*
 * Raw sockets, because who may use ping sockets differs from namespace to
 * namespace (net.ipv4.ping_group_range). They see every answer that comes to
 * the namespace: ours have our identifier, the address that was asked as sender,
 * and name their request in the payload. The kernel says when an answer came: it
 * may lie in the buffer while others are asked.
 */

#define ECHO_MAX      65535
#define ECHO_BURST    32 /* requests between looks at the answers */
#define ECHO_HEADER   8 /* ICMP's and ICMPv6's */
#define ECHO_IPV6_LEN 40

struct echo_payload {
	uint64_t sent_ns; /* CLOCK_REALTIME, as the kernel's time stamps */
	uint32_t index;
};

/* All sources of one run. */
struct echo_session {
	const struct echo_plan *plan;
	const struct echo_source *sources;
	size_t count;
	struct pollfd *fds; /* IPv4, IPv6 of each source; -1: nobody asks */
	uint16_t id;
	uint16_t seq;
	uint8_t *buf; /* ECHO_MAX */
};

/* One socket of one source. */
struct echo_end {
	struct echo_session *session;
	const struct echo_source *source;
	struct pollfd *fds; /* the source's two */
};

static uint64_t echo_now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- sockets ------------------------------------------------------------------------ */

static int echo_set(int fd, int level, int option, int value, struct error *err)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		return error_set(err, ERROR_LINK, errno, "echo socket");
	return 0;
}

static bool echo_is_sized(const struct echo_end *end, int family)
{
	if (end->session->plan->size)
		return true;
	for (size_t i = 0; i < end->source->count; i++)
		if (end->source->items[i].to.family == family &&
		    end->source->items[i].size)
			return true;
	return false;
}

static int echo_socket(const struct echo_end *end, int family,
		       struct error *err)
{
	bool v4 = family == AF_INET;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			v4 ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	int r;

	end->fds[!v4].fd = fd;
	if (fd < 0)
		return error_set(err, ERROR_LINK, errno, "echo socket");
	r = echo_set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, err);
	if (r < 0 || !echo_is_sized(end, family))
		return r;
	if (v4)
		return echo_set(fd, IPPROTO_IP, IP_MTU_DISCOVER,
				IP_PMTUDISC_PROBE, err);
	return echo_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
			IPV6_PMTUDISC_PROBE, err);
}

static int echo_open(void *arg, struct error *err)
{
	const struct echo_end *end = arg;

	for (size_t i = 0; i < end->source->count; i++) {
		int family = end->source->items[i].to.family;
		int r;

		if (end->fds[family != AF_INET].fd >= 0)
			continue;
		r = echo_socket(end, family, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- asking ------------------------------------------------------------------------- */

static uint16_t echo_checksum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t echo_address(const struct inet_addr *addr,
			   struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)ret;

	*ret = (struct sockaddr_storage){ .ss_family = addr->family };
	if (addr->family == AF_INET) {
		memcpy(&v4->sin_addr, addr->bytes, sizeof(v4->sin_addr));
		return sizeof(*v4);
	}
	memcpy(&v6->sin6_addr, addr->bytes, sizeof(v6->sin6_addr));
	return sizeof(*v6);
}

static void echo_ask(const struct echo_end *end, size_t index)
{
	struct echo_session *s = end->session;
	struct echo *item = &end->source->items[index];
	bool v4 = item->to.family == AF_INET;
	struct echo_payload payload = { .index = (uint32_t)index };
	size_t wanted = item->size ? item->size : s->plan->size;
	size_t size = wanted ? wanted : ECHO_SMALL;
	size_t header = v4 ? sizeof(struct iphdr) : ECHO_IPV6_LEN;
	size_t len = size > header + ECHO_HEADER + sizeof(payload)
			     ? size - header
			     : ECHO_HEADER + sizeof(payload);
	uint16_t words[4] = { htons(v4 ? ICMP_ECHO << 8
				       : ICMP6_ECHO_REQUEST << 8),
			      0, htons(s->id), htons(s->seq++) };
	struct sockaddr_storage to;
	size_t to_len = echo_address(&item->to, &to);

	item->sent++;
	if (len > ECHO_MAX)
		return;
	payload.sent_ns = echo_now_ns(CLOCK_REALTIME);
	memset(s->buf, 0, len);
	memcpy(s->buf, words, sizeof(words));
	memcpy(s->buf + ECHO_HEADER, &payload, sizeof(payload));
	if (v4) { /* the kernel fills ICMPv6's */
		words[1] = echo_checksum(s->buf, len);
		memcpy(s->buf, words, sizeof(words));
	}
	(void)!sendto(end->fds[!v4].fd, s->buf, len, MSG_DONTWAIT,
		      (struct sockaddr *)&to, (socklen_t)to_len);
}

/* --- answers ------------------------------------------------------------------------ */

static bool echo_is_from(const struct sockaddr_storage *from,
			 const struct inet_addr *addr)
{
	struct sockaddr_storage want;
	const struct sockaddr_in *v4 = (const void *)from;
	const struct sockaddr_in6 *v6 = (const void *)from;

	echo_address(addr, &want);
	if (from->ss_family != addr->family)
		return false;
	if (addr->family == AF_INET)
		return memcmp(&v4->sin_addr, addr->bytes, 4) == 0;
	return memcmp(&v6->sin6_addr, addr->bytes, 16) == 0;
}

static void echo_count(struct echo *item, const struct echo_payload *payload,
		       uint64_t now_ns)
{
	/* The clock may be set back meanwhile. */
	uint64_t us = now_ns > payload->sent_ns
			      ? (now_ns - payload->sent_ns) / 1000
			      : 0;
	uint32_t rtt = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;

	if (item->received == item->sent)
		return; /* a duplicate */
	if (item->received == 0 || rtt < item->min_us)
		item->min_us = rtt;
	if (rtt > item->max_us)
		item->max_us = rtt;
	item->sum_us += rtt;
	item->received++;
}

static void echo_take(const struct echo_end *end, bool v4, size_t len,
		      const struct sockaddr_storage *from, uint64_t now_ns)
{
	const uint8_t *at = end->session->buf;
	size_t skip = v4 && len > 0 ? (size_t)(at[0] & 0xf) * 4 : 0;
	struct echo_payload payload;
	uint16_t id;

	if (len < skip + ECHO_HEADER + sizeof(payload))
		return;
	at += skip;
	memcpy(&id, at + 4, sizeof(id));
	memcpy(&payload, at + ECHO_HEADER, sizeof(payload));
	if (at[0] != (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) ||
	    ntohs(id) != end->session->id ||
	    payload.index >= end->source->count ||
	    !echo_is_from(from, &end->source->items[payload.index].to))
		return;
	echo_count(&end->source->items[payload.index], &payload, now_ns);
}

static uint64_t echo_stamp_ns(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		struct timespec at;

		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&at, CMSG_DATA(c), sizeof(at));
		return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
	}
	return echo_now_ns(CLOCK_REALTIME);
}

static void echo_drain(const struct echo_end *end, bool v4)
{
	for (;;) {
		struct sockaddr_storage from = { 0 };
		char control[CMSG_SPACE(sizeof(struct timespec))];
		struct iovec iov = { end->session->buf, ECHO_MAX };
		struct msghdr msg = { .msg_name = &from,
				      .msg_namelen = sizeof(from),
				      .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(end->fds[!v4].fd, &msg, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		echo_take(end, v4, (size_t)n, &from, echo_stamp_ns(&msg));
	}
}

static struct echo_end echo_end(struct echo_session *s, size_t index)
{
	return (struct echo_end){ s, &s->sources[index], &s->fds[2 * index] };
}

static bool echo_is_done(const struct echo_session *s)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t j = 0; j < s->sources[i].count; j++)
			if (s->sources[i].items[j].received < s->plan->count)
				return false;
	return true;
}

static void echo_poll(struct echo_session *s, int ms)
{
	if (poll(s->fds, 2 * s->count, ms) <= 0)
		return;
	for (size_t i = 0; i < 2 * s->count; i++) {
		struct echo_end end = echo_end(s, i / 2);

		if (s->fds[i].fd >= 0 && s->fds[i].revents)
			echo_drain(&end, i % 2 == 0);
	}
}

static void echo_wait(struct echo_session *s, unsigned int ms)
{
	uint64_t deadline = echo_now_ns(CLOCK_MONOTONIC) +
			    (uint64_t)ms * 1000000;

	while (!echo_is_done(s)) {
		uint64_t now = echo_now_ns(CLOCK_MONOTONIC);

		if (now >= deadline)
			return;
		echo_poll(s, (int)((deadline - now) / 1000000) + 1);
	}
}

/* --- all of it ---------------------------------------------------------------------- */

/* A receive buffer holds some hundred answers: a long list is asked in parts. */
static void echo_ask_round(struct echo_session *s)
{
	size_t asked = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct echo_end end = echo_end(s, i);

		for (size_t j = 0; j < s->sources[i].count; j++) {
			echo_ask(&end, j);
			if (++asked % ECHO_BURST == 0)
				echo_poll(s, 0);
		}
	}
}

static void echo_ask_all(struct echo_session *s)
{
	for (unsigned int round = 0; round < s->plan->count; round++) {
		if (round > 0)
			echo_wait(s, s->plan->interval_ms);
		echo_ask_round(s);
	}
	echo_wait(s, s->plan->timeout_ms);
}

static void echo_reset(const struct echo_source *source)
{
	for (size_t i = 0; i < source->count; i++)
		source->items[i] = (struct echo){
			.to = source->items[i].to, .size = source->items[i].size
		};
}

static int echo_open_all(struct echo_session *s, struct error *err)
{
	for (size_t i = 0; i < s->count; i++) {
		struct echo_end end = echo_end(s, i);
		int r;

		echo_reset(end.source);
		r = netns_run(end.source->netns, echo_open, &end, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int echo_run_all(const struct echo_plan *plan,
		 const struct echo_source *sources, size_t count,
		 struct error *err)
{
	cleanup_free struct pollfd *fds = calloc(2 * count + 1, sizeof(*fds));
	cleanup_free uint8_t *buf = malloc(ECHO_MAX);
	struct echo_session s = {
		.plan = plan,
		.sources = sources,
		.count = count,
		.fds = fds,
		.buf = buf,
	};
	int r;

	if (!buf || !fds)
		return error_oom(err);
	for (size_t i = 0; i < 2 * count; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	if (getrandom(&s.id, sizeof(s.id), 0) < 0)
		s.id = (uint16_t)getpid();
	r = echo_open_all(&s, err);
	if (r == 0)
		echo_ask_all(&s);
	for (size_t i = 0; i < 2 * count; i++)
		if (fds[i].fd >= 0)
			close(fds[i].fd);
	return r;
}

int echo_run(int netns, const struct echo_plan *plan, struct echo *items,
	     size_t count, struct error *err)
{
	const struct echo_source source = { netns, items, count };

	return echo_run_all(plan, &source, 1, err);
}
