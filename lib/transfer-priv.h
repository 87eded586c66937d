#ifndef LIB_TRANSFER_PRIV_H
#define LIB_TRANSFER_PRIV_H

/*
 * One end of a transfer: what lib/transfer.c drives, and lib/transfer-flow.c
 * does.
 */

#include "lib/transfer.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define FLOW_CHUNK 65536
#define FLOW_HEAD  24 /* "hostshim", seed, bytes */
#define FLOW_TRAIL 16 /* received right, spoilt at */
#define FLOW_WHOLE UINT64_MAX /* "spoilt at": nowhere */

/* All-zero but for fd is a valid one that has not begun. */
struct flow {
	int fd; /* -1: ended, or none */
	bool is_asking;
	bool is_connected;
	bool is_ended;
	enum transfer_state state;
	uint64_t seed;
	uint64_t bytes; /* each way; 0: the head has not come */
	uint64_t sent; /* of head, pattern, trail */
	uint64_t received; /* likewise */
	uint64_t spoilt_at; /* of what we got, FLOW_WHOLE: nothing */
	uint8_t head[FLOW_HEAD];
	uint8_t trail[FLOW_TRAIL];
	uint64_t began_us;
	uint64_t last_us; /* of the last progress */
};

/* Room that all ends of a run share. */
struct flow_room {
	uint8_t data[FLOW_CHUNK];
	uint8_t expected[FLOW_CHUNK];
};

uint64_t flow_now_us(void);

/** flow_ask() / flow_answer() - Begin on a socket, which is the flow's now */
void flow_ask(struct flow *flow, int fd, uint64_t seed, uint64_t bytes);
void flow_answer(struct flow *flow, int fd);

/** flow_end() - Close it */
void flow_end(struct flow *flow, enum transfer_state state);

/** flow_events() - What poll(2) is to wait for */
short flow_events(const struct flow *flow);

/** flow_step() - Something of @events is there */
void flow_step(struct flow *flow, short events, struct flow_room *room);

/** flow_trail() - What the other end said of what it got */
void flow_trail(const struct flow *flow, uint64_t *ret_right,
		uint64_t *ret_spoilt_at);

#endif
