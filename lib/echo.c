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
 * and name their request in the payload.
 */

#define ECHO_MAX      65535
#define ECHO_HEADER   8 /* ICMP's and ICMPv6's */
#define ECHO_IPV6_LEN 40

struct echo_payload {
	uint64_t sent_ns;
	uint32_t index;
};

struct echo_session {
	int netns;
	const struct echo_plan *plan;
	struct echo *items;
	size_t count;
	int fd[2]; /* IPv4, IPv6; -1: nobody asks */
	uint16_t id;
	uint16_t seq;
	uint8_t *buf; /* ECHO_MAX */
};

static uint64_t echo_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- sockets ------------------------------------------------------------------------ */

static int echo_set(int fd, int level, int option, int value, struct error *err)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		return error_set(err, ERROR_LINK, errno, "echo socket");
	return 0;
}

static int echo_socket(struct echo_session *s, int family, struct error *err)
{
	bool v4 = family == AF_INET;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			v4 ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6);

	s->fd[!v4] = fd;
	if (fd < 0)
		return error_set(err, ERROR_LINK, errno, "echo socket");
	if (!s->plan->size)
		return 0;
	if (v4)
		return echo_set(fd, IPPROTO_IP, IP_MTU_DISCOVER,
				IP_PMTUDISC_PROBE, err);
	return echo_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
			IPV6_PMTUDISC_PROBE, err);
}

static int echo_open(void *arg, struct error *err)
{
	struct echo_session *s = arg;

	for (size_t i = 0; i < s->count; i++) {
		int family = s->items[i].to.family;
		int r;

		if (s->fd[family != AF_INET] >= 0)
			continue;
		r = echo_socket(s, family, err);
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

static void echo_ask(struct echo_session *s, size_t index)
{
	struct echo *item = &s->items[index];
	bool v4 = item->to.family == AF_INET;
	struct echo_payload payload = { .index = (uint32_t)index };
	size_t size = s->plan->size ? s->plan->size : ECHO_SMALL;
	size_t header = v4 ? sizeof(struct iphdr) : ECHO_IPV6_LEN;
	size_t len = size > header + ECHO_HEADER + sizeof(payload)
			     ? size - header
			     : ECHO_HEADER + sizeof(payload);
	uint16_t words[4] = { htons(v4 ? ICMP_ECHO << 8
				       : ICMP6_ECHO_REQUEST << 8),
			      0, htons(s->id), htons(s->seq++) };
	struct sockaddr_storage to;
	size_t to_len = echo_address(&item->to, &to);

	payload.sent_ns = echo_now_ns();
	memset(s->buf, 0, len);
	memcpy(s->buf, words, sizeof(words));
	memcpy(s->buf + ECHO_HEADER, &payload, sizeof(payload));
	if (v4) { /* the kernel fills ICMPv6's */
		words[1] = echo_checksum(s->buf, len);
		memcpy(s->buf, words, sizeof(words));
	}
	item->sent++;
	(void)!sendto(s->fd[!v4], s->buf, len, MSG_DONTWAIT,
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

static void echo_count(struct echo *item, const struct echo_payload *payload)
{
	uint64_t us = (echo_now_ns() - payload->sent_ns) / 1000;
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

static void echo_take(struct echo_session *s, bool v4, size_t len,
		      const struct sockaddr_storage *from)
{
	const uint8_t *at = s->buf;
	size_t skip = v4 && len > 0 ? (size_t)(at[0] & 0xf) * 4 : 0;
	struct echo_payload payload;
	uint16_t id;

	if (len < skip + ECHO_HEADER + sizeof(payload))
		return;
	at += skip;
	memcpy(&id, at + 4, sizeof(id));
	memcpy(&payload, at + ECHO_HEADER, sizeof(payload));
	if (at[0] != (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) ||
	    ntohs(id) != s->id || payload.index >= s->count ||
	    !echo_is_from(from, &s->items[payload.index].to))
		return;
	echo_count(&s->items[payload.index], &payload);
}

static void echo_drain(struct echo_session *s, bool v4)
{
	for (;;) {
		struct sockaddr_storage from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(s->fd[!v4], s->buf, ECHO_MAX, MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		echo_take(s, v4, (size_t)n, &from);
	}
}

static bool echo_is_done(const struct echo_session *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].received < s->plan->count)
			return false;
	return true;
}

static void echo_wait(struct echo_session *s, unsigned int ms)
{
	uint64_t deadline = echo_now_ns() + (uint64_t)ms * 1000000;
	struct pollfd fds[2] = { { .fd = s->fd[0], .events = POLLIN },
				 { .fd = s->fd[1], .events = POLLIN } };

	while (!echo_is_done(s)) {
		uint64_t now = echo_now_ns();

		if (now >= deadline)
			return;
		poll(fds, 2, (int)((deadline - now) / 1000000) + 1);
		for (int i = 0; i < 2; i++)
			if (fds[i].fd >= 0 && fds[i].revents)
				echo_drain(s, i == 0);
	}
}

/* --- all of it ---------------------------------------------------------------------- */

static void echo_ask_all(struct echo_session *s)
{
	for (unsigned int round = 0; round < s->plan->count; round++) {
		if (round > 0)
			echo_wait(s, s->plan->interval_ms);
		for (size_t i = 0; i < s->count; i++)
			echo_ask(s, i);
	}
	echo_wait(s, s->plan->timeout_ms);
}

static void echo_reset(struct echo_session *s)
{
	for (size_t i = 0; i < s->count; i++)
		s->items[i] = (struct echo){ .to = s->items[i].to };
}

int echo_run(int netns, const struct echo_plan *plan, struct echo *items,
	     size_t count, struct error *err)
{
	struct echo_session s = {
		.plan = plan,
		.items = items,
		.count = count,
		.fd = { -1, -1 },
	};
	int r;

	s.buf = malloc(ECHO_MAX);
	if (!s.buf)
		return error_oom(err);
	if (getrandom(&s.id, sizeof(s.id), 0) < 0)
		s.id = (uint16_t)getpid();
	echo_reset(&s);
	r = netns_run(netns, echo_open, &s, err);
	if (r == 0)
		echo_ask_all(&s);
	for (int i = 0; i < 2; i++)
		if (s.fd[i] >= 0)
			close(s.fd[i]);
	free(s.buf);
	return r;
}
