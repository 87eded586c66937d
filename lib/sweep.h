#ifndef LIB_SWEEP_H
#define LIB_SWEEP_H

/*
 * Ask the segment about many addresses at once: who has them? All answers are
 * kept, because two of them for one address are what one looks for.
 */

#include "lib/error.h"
#include "lib/inet.h"

struct sweep_answer {
	struct inet_addr addr;
	struct inet_mac mac;
};

struct sweep {
	struct sweep_answer *items; /* each pair once, as they came */
	size_t count;
};
void sweep_clear(struct sweep *sweep);
#define cleanup_sweep cleanup(sweep_clear)

/* Where the questions come from: a link that bears the address. */
struct sweep_link {
	int netns; /* -1: our own */
	int index;
	struct inet_mac mac;
	struct inet_addr addr; /* of the family that is asked about */
};

/**
 * sweep_run() - Who has these addresses?
 * @addrs:	All of one family; the link's own is left out (lib/probe.h)
 * @wait_ms:	For answers, after each of two rounds
 * @ret:	Answers are appended; yours
 *
 * The second round asks only for what was silent. It takes twice @wait_ms, and
 * 5 ms more for each 64 addresses: broadcasts that come faster are dropped in
 * the queues of busy parents.
 *
 * Return: 0, or negative with ERROR_LINK
 */
int sweep_run(const struct sweep_link *link, const struct inet_addr *addrs,
	      size_t count, unsigned int wait_ms, struct sweep *ret,
	      struct error *err);

#endif
