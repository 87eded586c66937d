#include "lib/transfer-priv.h"

#include <endian.h>
#include <poll.h>
#include <string.h>
#include <time.h>

/*
 * The one that asks sends a head (a seed, how many bytes) and so many bytes of
 * the seed's pattern; the other sends as many of the pattern of the seed's
 * complement as soon as it has the head, and at the end how much it got right. A
 * pattern's byte depends on its place only, so nothing is kept.
 */

#define FLOW_BYTES_MAX ((uint64_t)1 << 30) /* what a server agrees to */

static const uint8_t flow_magic[8] = { 'h', 'o', 's', 't', 's', 'h', 'i', 'm' };

uint64_t flow_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- contents ----------------------------------------------------------------------- */

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators". */
static uint64_t flow_word(uint64_t seed, uint64_t index)
{
	uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return htole64(z ^ (z >> 31));
}

static void flow_pattern(uint64_t seed, uint64_t at, uint8_t *buf, size_t len)
{
	while (len > 0) {
		uint64_t word = flow_word(seed, at / 8);
		size_t skip = at % 8;
		size_t n = len < 8 - skip ? len : 8 - skip;

		memcpy(buf, (const uint8_t *)&word + skip, n);
		buf += n;
		at += n;
		len -= n;
	}
}

static uint64_t flow_seed(const struct flow *flow, bool of_asking)
{
	return of_asking ? flow->seed : ~flow->seed;
}

/* --- beginning and end -------------------------------------------------------------- */

void flow_ask(struct flow *flow, int fd, uint64_t seed, uint64_t bytes)
{
	uint64_t words[2] = { htobe64(seed), htobe64(bytes) };

	*flow = (struct flow){ .fd = fd,
			       .is_asking = true,
			       .seed = seed,
			       .bytes = bytes,
			       .spoilt_at = FLOW_WHOLE };
	memcpy(flow->head, flow_magic, sizeof(flow_magic));
	memcpy(flow->head + sizeof(flow_magic), words, sizeof(words));
	flow->began_us = flow->last_us = flow_now_us();
}

void flow_answer(struct flow *flow, int fd)
{
	*flow = (struct flow){ .fd = fd,
			       .is_connected = true,
			       .spoilt_at = FLOW_WHOLE };
	flow->began_us = flow->last_us = flow_now_us();
}

void flow_end(struct flow *flow, enum transfer_state state)
{
	if (flow->fd >= 0)
		close(flow->fd);
	flow->fd = -1;
	flow->state = state;
	flow->is_ended = true;
	flow->last_us = flow_now_us();
}

void flow_trail(const struct flow *flow, uint64_t *ret_right,
		uint64_t *ret_spoilt_at)
{
	uint64_t words[2];

	memcpy(words, flow->trail, sizeof(words));
	*ret_right = be64toh(words[0]);
	*ret_spoilt_at = be64toh(words[1]);
}

static void flow_set_trail(struct flow *flow)
{
	uint64_t right = flow->spoilt_at == FLOW_WHOLE ? flow->bytes
						       : flow->spoilt_at;
	uint64_t words[2] = { htobe64(right), htobe64(flow->spoilt_at) };

	memcpy(flow->trail, words, sizeof(words));
}

/* All that was to come has. */
static void flow_finish(struct flow *flow)
{
	uint64_t right, there = FLOW_WHOLE;

	if (flow->is_asking)
		flow_trail(flow, &right, &there);
	flow_end(flow, flow->spoilt_at == FLOW_WHOLE && there == FLOW_WHOLE
			       ? TRANSFER_OK
			       : TRANSFER_SPOILT);
}

/* --- what is sent, and what is to come ------------------------------------------------ */

/* Head, pattern and trail, one behind the other; one direction has no trail, the
 * other no head. */
static uint64_t flow_total(const struct flow *flow, bool of_asking)
{
	if (of_asking)
		return FLOW_HEAD + flow->bytes;
	return flow->bytes + FLOW_TRAIL;
}

static uint64_t flow_send_limit(const struct flow *flow)
{
	if (!flow->bytes)
		return 0;
	/* The trail tells of what came: of all of it. */
	if (!flow->is_asking && flow->received < flow_total(flow, true))
		return flow->bytes;
	return flow_total(flow, flow->is_asking);
}

/* Part of what stands at @at of a direction. */
static size_t flow_fill(const struct flow *flow, bool of_asking, uint64_t at,
			uint8_t *buf, size_t len)
{
	uint64_t skip = of_asking ? FLOW_HEAD : 0;
	size_t n;

	if (at < skip) {
		n = len < skip - at ? len : (size_t)(skip - at);
		memcpy(buf, flow->head + at, n);
		return n;
	}
	at -= skip;
	if (at >= flow->bytes) {
		at -= flow->bytes;
		n = len < FLOW_TRAIL - at ? len : (size_t)(FLOW_TRAIL - at);
		memcpy(buf, flow->trail + at, n);
		return n;
	}
	n = len < flow->bytes - at ? len : (size_t)(flow->bytes - at);
	flow_pattern(flow_seed(flow, of_asking), at, buf, n);
	return n;
}

short flow_events(const struct flow *flow)
{
	if (!flow->is_connected)
		return POLLOUT;
	return flow->sent < flow_send_limit(flow) ? POLLIN | POLLOUT : POLLIN;
}

/* --- steps -------------------------------------------------------------------------- */

static void flow_fail(struct flow *flow, int error)
{
	if (flow->is_connected)
		flow_end(flow, TRANSFER_CUT);
	else
		flow_end(flow, error == ECONNREFUSED ? TRANSFER_REFUSED
						     : TRANSFER_SILENT);
}

static bool flow_connect(struct flow *flow)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(flow->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		flow_fail(flow, error);
		return false;
	}
	flow->is_connected = true;
	flow->began_us = flow->last_us = flow_now_us();
	return true;
}

static void flow_send(struct flow *flow, struct flow_room *room)
{
	uint64_t left = flow_send_limit(flow) - flow->sent;
	size_t len = left < FLOW_CHUNK ? (size_t)left : FLOW_CHUNK;
	ssize_t n;

	len = flow_fill(flow, flow->is_asking, flow->sent, room->data, len);
	n = send(flow->fd, room->data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		flow_fail(flow, errno);
		return;
	}
	if (n <= 0)
		return;
	flow->sent += (uint64_t)n;
	flow->last_us = flow_now_us();
	if (!flow->is_asking && flow->sent == flow_total(flow, false))
		flow_finish(flow);
}

/* Return: false if it is none of ours */
static bool flow_take_head(struct flow *flow)
{
	uint64_t words[2];

	memcpy(words, flow->head + sizeof(flow_magic), sizeof(words));
	flow->seed = be64toh(words[0]);
	flow->bytes = be64toh(words[1]);
	return memcmp(flow->head, flow_magic, sizeof(flow_magic)) == 0 &&
	       flow->bytes > 0 && flow->bytes <= FLOW_BYTES_MAX;
}

static void flow_compare(struct flow *flow, const struct flow_room *room,
			 size_t len)
{
	uint64_t skip = flow->is_asking ? 0 : FLOW_HEAD;

	for (size_t i = 0; i < len; i++)
		if (room->data[i] != room->expected[i]) {
			flow->spoilt_at = flow->received - skip + i;
			return;
		}
}

/* Of the next part of the other direction: head, pattern or trail. */
static size_t flow_wanted(const struct flow *flow)
{
	uint64_t skip = flow->is_asking ? 0 : FLOW_HEAD;
	uint64_t left;

	if (flow->received < skip)
		return (size_t)(skip - flow->received);
	left = skip + flow->bytes - flow->received;
	if (flow->received >= skip + flow->bytes)
		left = flow_total(flow, !flow->is_asking) - flow->received;
	return left < FLOW_CHUNK ? (size_t)left : FLOW_CHUNK;
}

/* @len bytes of that part have come, in room->data. */
static void flow_take(struct flow *flow, struct flow_room *room, size_t len)
{
	uint64_t skip = flow->is_asking ? 0 : FLOW_HEAD;

	if (flow->received < skip) {
		memcpy(flow->head + flow->received, room->data, len);
	} else if (flow->received < skip + flow->bytes) {
		flow_fill(flow, !flow->is_asking, flow->received,
			  room->expected, len);
		if (flow->spoilt_at == FLOW_WHOLE &&
		    memcmp(room->data, room->expected, len) != 0)
			flow_compare(flow, room, len);
	} else {
		memcpy(flow->trail + (flow->received - skip - flow->bytes),
		       room->data, len);
	}
	flow->received += len;
	flow->last_us = flow_now_us();
	if (!flow->bytes && flow->received == skip && !flow_take_head(flow))
		flow_end(flow, TRANSFER_CUT);
	else if (flow->received == flow_total(flow, !flow->is_asking)) {
		if (flow->is_asking)
			flow_finish(flow);
		else
			flow_set_trail(flow);
	}
}

static void flow_receive(struct flow *flow, struct flow_room *room)
{
	size_t wanted = flow_wanted(flow);
	uint8_t beyond;
	ssize_t n = recv(flow->fd, wanted ? room->data : &beyond,
			 wanted ? wanted : sizeof(beyond), MSG_DONTWAIT);

	if (n > 0 && wanted)
		flow_take(flow, room, (size_t)n);
	else if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		flow_fail(flow, n < 0 ? errno : 0);
}

void flow_step(struct flow *flow, short events, struct flow_room *room)
{
	if (!flow->is_connected && !flow_connect(flow))
		return;
	if (events & (POLLIN | POLLERR | POLLHUP))
		flow_receive(flow, room);
	if (!flow->is_ended && (events & POLLOUT) &&
	    flow->sent < flow_send_limit(flow))
		flow_send(flow, room);
}
