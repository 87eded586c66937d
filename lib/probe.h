#ifndef LIB_PROBE_H
#define LIB_PROBE_H

/*
 * Ask the segment: does somebody hold this address? ARP probes (RFC 5227 2.1.1,
 * sender address zero) and neighbour solicitations from :: (RFC 4862 5.4.2).
 */

#include "lib/error.h"
#include "lib/inet.h"

enum {
	PROBE_ANSWERED = 1, /* somebody holds it, or probes for it at the same
			     * time and has the lower MAC; *ret_mac says who */
};

/**
 * probe_conflict() - Who answers for @addr on this link?
 * @netns:	Where the link is, -1 for our own
 * @index:	The link, UP
 * @own:	Its MAC, then those of others whose answers do not count either: a
 *		namespace answers for its addresses on all of its links
 * @n_own:	At least one
 * @addr:	Address in question
 * @timeout_ms:	In all, over three probes
 *
 * Return: 0 (silence), PROBE_ANSWERED, or negative
 */
int probe_conflict(int netns, int index, const struct inet_mac *own,
		   size_t n_own, const struct inet_addr *addr,
		   unsigned int timeout_ms, struct inet_mac *ret_mac,
		   struct error *err) warn_unused;

#endif
