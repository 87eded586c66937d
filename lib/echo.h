#ifndef LIB_ECHO_H
#define LIB_ECHO_H

/*
 * ICMP echo (RFC 792, RFC 4443) to many addresses at once, from inside
 * namespaces: all are asked in turn, and waited for together.
 */

#include "lib/error.h"
#include "lib/inet.h"

#define ECHO_SMALL 64 /* bytes of an IP packet */

/* One address that is asked, and what came of it. */
struct echo {
	struct inet_addr to;
	uint32_t size; /* of its packets; 0: the plan's */
	unsigned int sent;
	unsigned int received;
	uint32_t min_us; /* round trip; 0 without an answer */
	uint32_t max_us;
	uint64_t sum_us;
};

struct echo_plan {
	unsigned int count; /* requests to each */
	unsigned int interval_ms; /* between rounds */
	unsigned int timeout_ms; /* after the last round */
	/* Of the IP packet; 0: ECHO_SMALL. With a size it is never fragmented,
	 * and what the kernel knows of the path is not asked. */
	uint32_t size;
};

/**
 * echo_run() - Ask all of them
 * @netns:	From where, -1 for our own
 * @items:	Counters are reset
 *
 * What cannot be sent (no route, too long for the link) counts as lost.
 *
 * Return: 0, or negative with ERROR_LINK
 */
int echo_run(int netns, const struct echo_plan *plan, struct echo *items,
	     size_t count, struct error *err);

/* Who asks, and whom. */
struct echo_source {
	int netns; /* -1: our own */
	struct echo *items;
	size_t count;
};

/** echo_run_all() - The same from several namespaces at once */
int echo_run_all(const struct echo_plan *plan,
		 const struct echo_source *sources, size_t count,
		 struct error *err);

#endif
