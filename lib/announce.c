#include "lib/announce.h"

#include "lib/packet.h"

#include <net/if_arp.h>
#include <sys/socket.h>

static int announce_ipv4(int fd, const struct inet_mac *mac,
			 const struct inet_addr *addr, struct error *err)
{
	static const uint16_t ops[] = { ARPOP_REQUEST, ARPOP_REPLY };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		struct packet packet = packet_arp(ops[i], mac, addr, addr);
		int r = packet_send(fd, &packet, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int announce_ipv6(int fd, const struct inet_mac *mac,
			 const struct inet_addr *addr, struct error *err)
{
	struct packet packet = packet_advertisement(mac, addr);

	return packet_send(fd, &packet, err);
}

int announce_address(int netns, int index, const struct inet_mac *mac,
		     const struct inet_addr *addr, struct error *err)
{
	cleanup_close int fd = -1;
	char text[INET_ADDR_TEXT];
	int r;

	r = packet_open(netns, index, 0, &fd, err);
	if (r == 0)
		r = addr->family == AF_INET6
			    ? announce_ipv6(fd, mac, addr, err)
			    : announce_ipv4(fd, mac, addr, err);
	if (r < 0)
		return error_context(err, "announce %s",
				     inet_addr_format(addr, text));
	return 0;
}
