#ifndef LIB_PACKET_H
#define LIB_PACKET_H

/*
 * ARP and neighbour discovery as frames on a link. They are built by hand,
 * because they must also go out from a link that does not (or not yet) bear the
 * address that they speak of.
 */

#include "lib/error.h"
#include "lib/inet.h"

#include <stddef.h>
#include <stdint.h>

/* Ethernet, and the longest that we send: IPv6, ICMPv6, one option. */
#define PACKET_SIZE 86

struct packet {
	uint8_t bytes[PACKET_SIZE];
	size_t len;
};

/* What a frame says about an address. */
enum packet_claim {
	PACKET_NOTHING,
	PACKET_HOLDS, /* its sender holds the address */
	PACKET_WANTS, /* its sender asks whether somebody does, to take it */
};

/**
 * packet_open() - A socket for frames on one link
 * @netns:	Where the link is, -1 for our own
 * @protocol:	What to receive (ETH_P_ARP, ...), 0 for nothing
 */
int packet_open(int netns, int index, uint16_t protocol, int *ret_fd,
		struct error *err);

/** packet_join() - Receive frames to a multicast MAC */
int packet_join(int fd, int index, const struct inet_mac *group,
		struct error *err);

/** packet_send() - Send one frame */
int packet_send(int fd, const struct packet *packet, struct error *err);

/**
 * packet_arp() - An ARP frame to everybody
 * @op:		ARPOP_REQUEST or ARPOP_REPLY
 * @sender:	IPv4; unspecified in a probe (RFC 5227)
 */
struct packet packet_arp(uint16_t op, const struct inet_mac *mac,
			 const struct inet_addr *sender,
			 const struct inet_addr *target);

/** packet_advertisement() - Unsolicited, to all nodes, override set */
struct packet packet_advertisement(const struct inet_mac *mac,
				   const struct inet_addr *addr);

/** packet_solicitation() - From ::, to the solicited-node group of @addr */
struct packet packet_solicitation(const struct inet_mac *mac,
				  const struct inet_addr *addr);

/** packet_question() - Who has @target? From @sender, to whom the answer goes:
 * an ARP request, or a solicitation with the sender's MAC */
struct packet packet_question(const struct inet_mac *mac,
			      const struct inet_addr *sender,
			      const struct inet_addr *target);

/** packet_solicited_mac() / packet_all_nodes_mac() - IPv6 groups as MACs */
struct inet_mac packet_solicited_mac(const struct inet_addr *addr);
struct inet_mac packet_all_nodes_mac(void);

/**
 * packet_read() - Does a received frame say something about @addr?
 * @ret_mac:	Filled with who says it
 */
enum packet_claim packet_read(const uint8_t *frame, size_t len,
			      const struct inet_addr *addr,
			      struct inet_mac *ret_mac);

/** packet_holder() - Does a received frame say that somebody has an address?
 * Fills which, and who */
bool packet_holder(const uint8_t *frame, size_t len, struct inet_addr *ret_addr,
		   struct inet_mac *ret_mac);

#endif
