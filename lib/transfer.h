#ifndef LIB_TRANSFER_H
#define LIB_TRANSFER_H

/*
 * Data over TCP, both ways at the same time, with contents that both ends check:
 * an offload that spoils checksums lets a ping pass, and so does a path on which
 * large segments are lost. A checksum of 16 bits, which some drivers do not even
 * look at, is not believed.
 *
 * One end asks, the other serves. Both may be in one run, in two namespaces; or
 * the other is transfer_serve() of another machine. A machine where nobody
 * serves refuses the connection, which proves the handshake and no more.
 */

#include "lib/error.h"
#include "lib/inet.h"

#define TRANSFER_PORT 24789 /* unassigned, below the ephemeral ones */

enum transfer_state {
	TRANSFER_OK,
	TRANSFER_REFUSED, /* nobody serves there; the handshake is answered */
	TRANSFER_SILENT, /* no connection */
	TRANSFER_STALLED, /* no byte for the time of the plan */
	TRANSFER_SPOILT, /* other bytes arrived than were sent */
	TRANSFER_CUT, /* the other end, or a third, ended it */
};

struct transfer {
	int from; /* namespace that asks, -1: our own */
	struct inet_addr to;
	bool is_ours; /* the other end is in this run too, in: */
	int to_netns; /* -1: our own */

	/* What came of it. */
	enum transfer_state state;
	uint64_t sent; /* that the other end says to have got right; or, where
			* it comes to no end, has acknowledged */
	uint64_t received; /* right ones */
	uint64_t spoilt_at; /* which byte, of either direction */
	uint32_t us; /* from the connection to the end */
	uint32_t retransmitted; /* segments, of our end */
};

struct transfer_plan {
	uint64_t bytes; /* each way */
	unsigned int timeout_ms; /* without any progress */
	uint16_t port; /* of other machines */
};

/**
 * transfer_run() - All of them, many at a time
 *
 * What cannot be reached is an answer, not a failure.
 *
 * Return: 0, or negative with ERROR_LINK
 */
int transfer_run(const struct transfer_plan *plan, struct transfer *items,
		 size_t count, struct error *err);

/* Where it is served. */
struct transfer_place {
	int netns; /* -1: our own */
	struct inet_addr addr;
	bool is_open; /* filled: it is; else the port is somebody's there */
};

/**
 * transfer_serve() - Serve until @stop_fd is readable, or @timeout_ms are over
 * @ready:	Called once all that can be are open; NULL: not wanted
 * @ret_served:	Transfers that were whole and right
 */
int transfer_serve(const struct transfer_plan *plan,
		   struct transfer_place *places, size_t count, int stop_fd,
		   unsigned int timeout_ms,
		   void (*ready)(const struct transfer_place *places,
				 size_t count),
		   uint64_t *ret_served, struct error *err);

#endif
