#ifndef PLUGIN_CTL_COUNTERS_H
#define PLUGIN_CTL_COUNTERS_H

/*
 * Counters of links over time, and what follows from those of a parent and its
 * children. Pure: no kernel, no clock.
 */

#include "lib/netlink.h"

/**
 * counters_step() - How far a counter went
 * @ret_reset:	Set if it began anew; else left as it is
 *
 * Counters have 64 bits, but some drivers fill them from 32: from the last
 * quarter of those into the first, it wrapped. Else one that went back began
 * anew, and what it has now is what is known of the step.
 */
uint64_t counters_step(uint64_t before, uint64_t now, bool *ret_reset);

/** counters_add() - Add the steps of all counters to @sum */
void counters_add(struct netlink_stats *sum, const struct netlink_stats *before,
		  const struct netlink_stats *now, bool *ret_reset);

/* How the overlay sends what its children give it. */
struct counters_copies {
	uint64_t local; /* frames from child to child */
	uint64_t left; /* frames of the children that went out */
	uint64_t milli; /* copies of each of those, in thousandths; 0: unknown,
			 * nothing was sent */
};

/**
 * counters_copies() - Copies per frame
 * @parent:	Of the overlay
 * @children:	Sum of all of its macvlan children
 * @multicast:	Multicast frames that the child received that got most
 *
 * The overlay counts each copy that it sends, the children each frame once:
 * with unicast it is one copy, in a hub one for each peer. Frames from child to
 * child never come to the overlay, and have to be told apart: they are what the
 * children received and the overlay did not, but for what the overlay got for
 * somebody else. Receive offload may merge frames between the overlay and the
 * children, which hides local ones: the result is too small then, never too
 * large, and never below 1.
 */
struct counters_copies counters_copies(const struct netlink_stats *parent,
				       const struct netlink_stats *children,
				       uint64_t multicast);

#endif
