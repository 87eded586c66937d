#include "lib/probe.h"

#include "lib/packet.h"

#include <linux/if_ether.h>
#include <net/if_arp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	PROBE_TRIES = 3,
	PROBE_FRAME = 128, /* the rest of a frame says nothing to us */
};

struct probe {
	int fd;
	const struct inet_mac *own;
	size_t n_own;
	const struct inet_addr *addr;
};

static uint64_t probe_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* An answer to a solicitation from :: goes to all nodes, a rival's question to
 * the address' group; a link without IPv6 is a member of neither. */
static int probe_join(int fd, int index, const struct inet_addr *addr,
		      struct error *err)
{
	struct inet_mac groups[] = { packet_all_nodes_mac(),
				     packet_solicited_mac(addr) };

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		int r = packet_join(fd, index, &groups[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int probe_open(int netns, int index, const struct inet_addr *addr,
		      int *ret_fd, struct error *err)
{
	bool ipv6 = addr->family == AF_INET6;
	int r;

	r = packet_open(netns, index, ipv6 ? ETH_P_IPV6 : ETH_P_ARP, ret_fd,
			err);
	if (r < 0 || !ipv6)
		return r;
	return probe_join(*ret_fd, index, addr, err);
}

static int probe_send(const struct probe *probe, struct error *err)
{
	struct inet_addr none = { .family = AF_INET };
	struct packet packet;

	if (probe->addr->family == AF_INET)
		packet = packet_arp(ARPOP_REQUEST, probe->own, &none,
				    probe->addr);
	else
		packet = packet_solicitation(probe->own, probe->addr);
	return packet_send(probe->fd, &packet, err);
}

static bool probe_is_own(const struct probe *probe, const struct inet_mac *mac)
{
	for (size_t i = 0; i < probe->n_own; i++)
		if (inet_mac_equal(mac, &probe->own[i]))
			return true;
	return false;
}

/* Of two that probe at the same time the lower MAC wins: if both gave way, as
 * RFC 5227 has it, two nodes with one order of choice would give way again and
 * again. A rival that is not ours gives way, as it must. */
static bool probe_is_conflict(const struct probe *probe, const uint8_t *frame,
			      size_t len, struct inet_mac *ret_mac)
{
	enum packet_claim claim;

	claim = packet_read(frame, len, probe->addr, ret_mac);
	if (claim == PACKET_NOTHING || probe_is_own(probe, ret_mac))
		return false;
	return claim == PACKET_HOLDS ||
	       memcmp(ret_mac->bytes, probe->own->bytes,
		      sizeof(ret_mac->bytes)) < 0;
}

static int probe_listen(const struct probe *probe, uint64_t deadline,
			struct inet_mac *ret_mac, struct error *err)
{
	struct pollfd events = { .fd = probe->fd, .events = POLLIN };
	uint64_t now;

	while ((now = probe_now_ms()) < deadline) {
		uint8_t frame[PROBE_FRAME];
		struct inet_mac mac;
		ssize_t n;

		if (poll(&events, 1, (int)(deadline - now)) <= 0)
			continue;
		n = recv(probe->fd, frame, sizeof(frame), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return error_set(err, ERROR_LINK, errno,
					 "listen for answers");
		if (!probe_is_conflict(probe, frame, (size_t)n, &mac))
			continue;
		*ret_mac = mac;
		return PROBE_ANSWERED;
	}
	return 0;
}

static int probe_run(const struct probe *probe, unsigned int timeout_ms,
		     struct inet_mac *ret_mac, struct error *err)
{
	uint64_t start = probe_now_ms();

	for (unsigned int i = 1; i <= PROBE_TRIES; i++) {
		int r = probe_send(probe, err);

		if (r < 0)
			return r;
		r = probe_listen(probe, start + timeout_ms * i / PROBE_TRIES,
				 ret_mac, err);
		if (r != 0)
			return r;
	}
	return 0;
}

int probe_conflict(int netns, int index, const struct inet_mac *own,
		   size_t n_own, const struct inet_addr *addr,
		   unsigned int timeout_ms, struct inet_mac *ret_mac,
		   struct error *err)
{
	cleanup_close int fd = -1;
	char text[INET_ADDR_TEXT];
	int r;

	r = probe_open(netns, index, addr, &fd, err);
	if (r == 0) {
		struct probe probe = { fd, own, n_own, addr };

		r = probe_run(&probe, timeout_ms, ret_mac, err);
	}
	if (r < 0)
		return error_context(err, "probe for %s",
				     inet_addr_format(addr, text));
	return r;
}
