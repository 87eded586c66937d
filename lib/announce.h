#ifndef LIB_ANNOUNCE_H
#define LIB_ANNOUNCE_H

/*
 * Tell the segment where an address lives now: gratuitous ARP (RFC 5227 2.3,
 * request and reply form: some stacks update their cache on one only) and
 * unsolicited neighbour advertisements (RFC 4861 7.2.6, override set).
 */

#include "lib/error.h"
#include "lib/inet.h"

/**
 * announce_address() - Send one burst for one address
 * @netns:	Where the link is, -1 for our own
 * @index:	The link, UP
 * @mac:	Its MAC
 * @addr:	The address; must be assigned (IPv6: not tentative)
 *
 * Return: 0, or negative with ERROR_LINK
 */
int announce_address(int netns, int index, const struct inet_mac *mac,
		     const struct inet_addr *addr, struct error *err);

#endif
