#include "lib/packet.h"

#include "lib/netns.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>

/* RFC 826, for Ethernet and IPv4. */
struct packet_arp_body {
	uint16_t hardware;
	uint16_t protocol;
	uint8_t hardware_len;
	uint8_t protocol_len;
	uint16_t op;
	uint8_t sender_mac[6];
	uint8_t sender[4];
	uint8_t target_mac[6];
	uint8_t target[4];
};

/* RFC 4861 4.3 and 4.4: the type says which. */
struct packet_nd_body {
	struct ip6_hdr ip;
	struct icmp6_hdr icmp;
	uint8_t target[16];
};

struct packet_nd_option {
	uint8_t type;
	uint8_t len; /* in 8 bytes */
	uint8_t mac[6];
};

_Static_assert(sizeof(struct packet_arp_body) == 28, "no padding");
_Static_assert(sizeof(struct ethhdr) + sizeof(struct packet_nd_body) +
			       sizeof(struct packet_nd_option) ==
		       PACKET_SIZE,
	       "no padding");

static int packet_socket(void *arg, struct error *err)
{
	int *ret = arg;

	*ret = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (*ret < 0)
		return error_set(err, ERROR_LINK, errno,
				 "open a packet socket");
	return 0;
}

int packet_open(int netns, int index, uint16_t protocol, int *ret_fd,
		struct error *err)
{
	struct sockaddr_ll link = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = index,
	};
	cleanup_close int fd = -1;
	int r;

	r = netns_run(netns, packet_socket, &fd, err);
	if (r < 0)
		return r;
	if (bind(fd, (struct sockaddr *)&link, sizeof(link)) < 0)
		return error_set(err, ERROR_LINK, errno,
				 "bind a packet socket to link %d", index);
	*ret_fd = take_fd(&fd);
	return 0;
}

int packet_join(int fd, int index, const struct inet_mac *group,
		struct error *err)
{
	struct packet_mreq request = {
		.mr_ifindex = index,
		.mr_type = PACKET_MR_MULTICAST,
		.mr_alen = sizeof(group->bytes),
	};

	memcpy(request.mr_address, group->bytes, sizeof(group->bytes));
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request,
		       sizeof(request)) < 0)
		return error_set(err, ERROR_LINK, errno,
				 "receive multicast on link %d", index);
	return 0;
}

int packet_send(int fd, const struct packet *packet, struct error *err)
{
	if (send(fd, packet->bytes, packet->len, 0) < 0)
		return error_set(err, ERROR_LINK, errno, "send a frame");
	return 0;
}

static void packet_append(struct packet *packet, const void *data, size_t len)
{
	memcpy(packet->bytes + packet->len, data, len);
	packet->len += len;
}

static struct packet packet_ethernet(const struct inet_mac *to,
				     const struct inet_mac *from, uint16_t type)
{
	struct packet packet = { 0 };
	struct ethhdr header = { .h_proto = htons(type) };

	memcpy(header.h_dest, to->bytes, sizeof(header.h_dest));
	memcpy(header.h_source, from->bytes, sizeof(header.h_source));
	packet_append(&packet, &header, sizeof(header));
	return packet;
}

/* The target's MAC: unknown in a request, our own in an unasked reply
 * (RFC 5944 4.6). */
struct packet packet_arp(uint16_t op, const struct inet_mac *mac,
			 const struct inet_addr *sender,
			 const struct inet_addr *target)
{
	static const struct inet_mac everybody = { { 255, 255, 255, 255, 255,
						     255 } };
	struct packet packet = packet_ethernet(&everybody, mac, ETH_P_ARP);
	struct packet_arp_body body = {
		.hardware = htons(ARPHRD_ETHER),
		.protocol = htons(ETH_P_IP),
		.hardware_len = sizeof(body.sender_mac),
		.protocol_len = sizeof(body.sender),
		.op = htons(op),
	};

	memcpy(body.sender_mac, mac->bytes, sizeof(body.sender_mac));
	memcpy(body.sender, sender->bytes, sizeof(body.sender));
	memcpy(body.target, target->bytes, sizeof(body.target));
	if (op == ARPOP_REPLY)
		memcpy(body.target_mac, mac->bytes, sizeof(body.target_mac));
	packet_append(&packet, &body, sizeof(body));
	return packet;
}

struct inet_mac packet_all_nodes_mac(void)
{
	return (struct inet_mac){ { 0x33, 0x33, 0, 0, 0, 1 } };
}

struct inet_mac packet_solicited_mac(const struct inet_addr *addr)
{
	const uint8_t *a = addr->bytes;

	return (struct inet_mac){ { 0x33, 0x33, 0xff, a[13], a[14], a[15] } };
}

static uint32_t packet_sum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

/* RFC 8200 8.1: addresses, length and next header are summed too. */
static void packet_seal(struct packet *packet)
{
	const size_t body = ETH_HLEN + sizeof(struct ip6_hdr);
	const size_t addresses = ETH_HLEN + offsetof(struct ip6_hdr, ip6_src);
	uint32_t sum = IPPROTO_ICMPV6 + (uint32_t)(packet->len - body);
	uint16_t checksum;

	sum += packet_sum(packet->bytes + addresses, packet->len - addresses);
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	checksum = htons((uint16_t)~sum);
	memcpy(packet->bytes + body + offsetof(struct icmp6_hdr, icmp6_cksum),
	       &checksum, sizeof(checksum));
}

static struct packet_nd_body packet_nd(uint8_t type, size_t option_len,
				       const struct inet_addr *target)
{
	struct packet_nd_body body = { 0 };

	body.ip.ip6_flow = htonl(6u << 28);
	body.ip.ip6_plen = htons((uint16_t)(sizeof(body.icmp) +
					    sizeof(body.target) + option_len));
	body.ip.ip6_nxt = IPPROTO_ICMPV6;
	body.ip.ip6_hlim = 255; /* "not from beyond a router" */
	body.icmp.icmp6_type = type;
	memcpy(body.target, target->bytes, sizeof(body.target));
	return body;
}

struct packet packet_advertisement(const struct inet_mac *mac,
				   const struct inet_addr *addr)
{
	static const struct in6_addr all_nodes = { { { 0xff,
						       0x02, [15] = 1 } } };
	struct inet_mac to = packet_all_nodes_mac();
	struct packet packet = packet_ethernet(&to, mac, ETH_P_IPV6);
	struct packet_nd_option option = { ND_OPT_TARGET_LINKADDR, 1, { 0 } };
	struct packet_nd_body body = packet_nd(ND_NEIGHBOR_ADVERT,
					       sizeof(option), addr);

	memcpy(option.mac, mac->bytes, sizeof(option.mac));
	memcpy(&body.ip.ip6_src, addr->bytes, sizeof(body.ip.ip6_src));
	body.ip.ip6_dst = all_nodes;
	body.icmp.icmp6_data32[0] = ND_NA_FLAG_OVERRIDE;
	packet_append(&packet, &body, sizeof(body));
	packet_append(&packet, &option, sizeof(option));
	packet_seal(&packet);
	return packet;
}

struct packet packet_solicitation(const struct inet_mac *mac,
				  const struct inet_addr *addr)
{
	struct inet_mac to = packet_solicited_mac(addr);
	struct packet packet = packet_ethernet(&to, mac, ETH_P_IPV6);
	struct packet_nd_body body = packet_nd(ND_NEIGHBOR_SOLICIT, 0, addr);
	struct in6_addr group = { { { 0xff, 0x02, [11] = 1, 0xff } } };

	memcpy(group.s6_addr + 13, addr->bytes + 13, 3);
	body.ip.ip6_dst = group;
	packet_append(&packet, &body, sizeof(body));
	packet_seal(&packet);
	return packet;
}

static struct packet packet_solicitation_from(const struct inet_mac *mac,
					      const struct inet_addr *sender,
					      const struct inet_addr *target)
{
	struct inet_mac to = packet_solicited_mac(target);
	struct packet packet = packet_ethernet(&to, mac, ETH_P_IPV6);
	struct packet_nd_option option = { ND_OPT_SOURCE_LINKADDR, 1, { 0 } };
	struct packet_nd_body body = packet_nd(ND_NEIGHBOR_SOLICIT,
					       sizeof(option), target);
	struct in6_addr group = { { { 0xff, 0x02, [11] = 1, 0xff } } };

	memcpy(option.mac, mac->bytes, sizeof(option.mac));
	memcpy(group.s6_addr + 13, target->bytes + 13, 3);
	memcpy(&body.ip.ip6_src, sender->bytes, sizeof(body.ip.ip6_src));
	body.ip.ip6_dst = group;
	packet_append(&packet, &body, sizeof(body));
	packet_append(&packet, &option, sizeof(option));
	packet_seal(&packet);
	return packet;
}

struct packet packet_question(const struct inet_mac *mac,
			      const struct inet_addr *sender,
			      const struct inet_addr *target)
{
	if (target->family == AF_INET6)
		return packet_solicitation_from(mac, sender, target);
	return packet_arp(ARPOP_REQUEST, mac, sender, target);
}

static enum packet_claim packet_read_arp(const uint8_t *frame, size_t len,
					 const struct inet_addr *addr,
					 struct inet_mac *ret_mac)
{
	static const uint8_t none[4] = { 0 };
	struct packet_arp_body body;

	if (len < sizeof(body))
		return PACKET_NOTHING;
	memcpy(&body, frame, sizeof(body));
	if (body.hardware != htons(ARPHRD_ETHER) ||
	    body.protocol != htons(ETH_P_IP))
		return PACKET_NOTHING;
	memcpy(ret_mac->bytes, body.sender_mac, sizeof(ret_mac->bytes));
	if (memcmp(body.sender, addr->bytes, sizeof(body.sender)) == 0)
		return PACKET_HOLDS;
	if (body.op == htons(ARPOP_REQUEST) &&
	    memcmp(body.sender, none, sizeof(none)) == 0 &&
	    memcmp(body.target, addr->bytes, sizeof(body.target)) == 0)
		return PACKET_WANTS;
	return PACKET_NOTHING;
}

static enum packet_claim packet_read_nd(const uint8_t *frame, size_t len,
					const struct inet_addr *addr)
{
	struct packet_nd_body body;

	if (len < sizeof(body))
		return PACKET_NOTHING;
	memcpy(&body, frame, sizeof(body));
	if (body.ip.ip6_nxt != IPPROTO_ICMPV6 || body.ip.ip6_hlim != 255 ||
	    memcmp(body.target, addr->bytes, sizeof(body.target)) != 0)
		return PACKET_NOTHING;
	if (body.icmp.icmp6_type == ND_NEIGHBOR_ADVERT)
		return PACKET_HOLDS;
	if (body.icmp.icmp6_type == ND_NEIGHBOR_SOLICIT &&
	    IN6_IS_ADDR_UNSPECIFIED(&body.ip.ip6_src))
		return PACKET_WANTS;
	return PACKET_NOTHING;
}

enum packet_claim packet_read(const uint8_t *frame, size_t len,
			      const struct inet_addr *addr,
			      struct inet_mac *ret_mac)
{
	struct ethhdr header;

	if (len < sizeof(header))
		return PACKET_NOTHING;
	memcpy(&header, frame, sizeof(header));
	memcpy(ret_mac->bytes, header.h_source, sizeof(ret_mac->bytes));
	frame += sizeof(header);
	len -= sizeof(header);
	if (addr->family == AF_INET && header.h_proto == htons(ETH_P_ARP))
		return packet_read_arp(frame, len, addr, ret_mac);
	if (addr->family == AF_INET6 && header.h_proto == htons(ETH_P_IPV6))
		return packet_read_nd(frame, len, addr);
	return PACKET_NOTHING;
}

/* Whom the frame is about; packet_read() then judges it. */
bool packet_holder(const uint8_t *frame, size_t len, struct inet_addr *ret_addr,
		   struct inet_mac *ret_mac)
{
	struct inet_addr addr = { 0 };
	struct packet_arp_body arp;
	struct packet_nd_body nd;
	struct ethhdr header;

	if (len < sizeof(header))
		return false;
	memcpy(&header, frame, sizeof(header));
	if (header.h_proto == htons(ETH_P_ARP) &&
	    len >= sizeof(header) + sizeof(arp)) {
		memcpy(&arp, frame + sizeof(header), sizeof(arp));
		addr.family = AF_INET;
		memcpy(addr.bytes, arp.sender, sizeof(arp.sender));
	} else if (header.h_proto == htons(ETH_P_IPV6) &&
		   len >= sizeof(header) + sizeof(nd)) {
		memcpy(&nd, frame + sizeof(header), sizeof(nd));
		addr.family = AF_INET6;
		memcpy(addr.bytes, nd.target, sizeof(nd.target));
	} else {
		return false;
	}
	*ret_addr = addr;
	return packet_read(frame, len, &addr, ret_mac) == PACKET_HOLDS;
}
