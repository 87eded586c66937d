#ifndef TEST_SUPPORT_FLOW_H
#define TEST_SUPPORT_FLOW_H

/*
 * Traffic that counts what gets lost: pings, one every 2 ms in each stream, and
 * TCP. One process of its own drives both ends of all of it, so a busy machine
 * makes it slower and loses nothing; echo requests are answered by the kernels.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FLOW_PINGS 4

struct flow_ping {
	int from_ns; /* who asks, -1: our own */
	const char *from; /* NULL: as the route says */
	const char *to;
};

struct flow_plan {
	struct flow_ping pings[FLOW_PINGS];
	size_t n_pings;
	bool tcp; /* a stream as pings[0] goes */
	int tcp_ns; /* where it ends */
};

struct flow_result {
	unsigned int sent; /* echo requests of all streams */
	unsigned int lost; /* of which not answered, or refused on sending */
	unsigned int lost_of[FLOW_PINGS];
	long first_lost_us; /* when it was sent, CLOCK_MONOTONIC; 0: none */
	long last_lost_us;
	unsigned int tcp_bytes; /* arrived, of which all in order */
	unsigned int tcp_retransmitted; /* segments */
	unsigned int tcp_stall_ms; /* the longest time without any */
};

struct flow {
	pid_t pid;
	int control; /* closed: stop */
	int result;
};

/** flow_start() - Start all; returns when each has got through a few times */
void flow_start(const struct flow_plan *plan, struct flow *ret);

/** flow_stop() - Stop, wait for what is under way, and count */
void flow_stop(struct flow *flow, struct flow_result *ret);

#endif
