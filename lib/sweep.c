#include "lib/sweep.h"

#include "lib/packet.h"

#include <linux/if_ether.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

/*
 * Questions carry the sender's address, as a kernel's do. One from 0.0.0.0 or ::
 * would be a probe, to which an ADD that looks for a conflict just then (or a
 * kernel whose address is tentative) gives way.
 */

#define SWEEP_ROUNDS   2
#define SWEEP_BURST    64
#define SWEEP_PAUSE_MS 5
#define SWEEP_FRAME    128 /* the rest of a frame says nothing to us */
#define SWEEP_BUFFER   (1 << 20)

struct sweep_session {
	int fd;
	const struct sweep_link *link;
	const struct inet_addr *addrs;
	size_t count;
	bool *answered;
	struct sweep *sweep;
};

void sweep_clear(struct sweep *sweep)
{
	free(sweep->items);
	*sweep = (struct sweep){ 0 };
}

static uint64_t sweep_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- answers ------------------------------------------------------------------------ */

static int sweep_add(struct sweep *sweep, const struct sweep_answer *answer,
		     struct error *err)
{
	struct sweep_answer *grown;

	for (size_t i = 0; i < sweep->count; i++)
		if (inet_addr_equal(&sweep->items[i].addr, &answer->addr) &&
		    inet_mac_equal(&sweep->items[i].mac, &answer->mac))
			return 0;
	grown = reallocarray(sweep->items, sweep->count + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	sweep->items = grown;
	grown[sweep->count++] = *answer;
	return 0;
}

static int sweep_take(struct sweep_session *s, const uint8_t *frame, size_t len,
		      struct error *err)
{
	struct sweep_answer answer;

	if (!packet_holder(frame, len, &answer.addr, &answer.mac) ||
	    inet_mac_equal(&answer.mac, &s->link->mac))
		return 0;
	for (size_t i = 0; i < s->count; i++) {
		if (!inet_addr_equal(&s->addrs[i], &answer.addr))
			continue;
		s->answered[i] = true;
		return sweep_add(s->sweep, &answer, err);
	}
	return 0;
}

static int sweep_drain(struct sweep_session *s, struct error *err)
{
	for (;;) {
		uint8_t frame[SWEEP_FRAME];
		ssize_t n = recv(s->fd, frame, sizeof(frame), MSG_DONTWAIT);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return error_set(err, ERROR_LINK, errno,
					 "listen for answers");
		r = sweep_take(s, frame, (size_t)n, err);
		if (r < 0)
			return r;
	}
}

static int sweep_listen(struct sweep_session *s, unsigned int ms,
			struct error *err)
{
	struct pollfd events = { .fd = s->fd, .events = POLLIN };
	uint64_t deadline = sweep_now_ms() + ms;
	uint64_t now;
	int r = 0;

	while (r == 0 && (now = sweep_now_ms()) < deadline)
		if (poll(&events, 1, (int)(deadline - now)) > 0)
			r = sweep_drain(s, err);
	return r;
}

/* --- questions ---------------------------------------------------------------------- */

static int sweep_round(struct sweep_session *s, struct error *err)
{
	const struct sweep_link *link = s->link;
	size_t asked = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct packet packet;
		int r;

		if (s->answered[i])
			continue;
		packet = packet_question(&link->mac, &link->addr, &s->addrs[i]);
		r = packet_send(s->fd, &packet, err);
		if (r == 0 && ++asked % SWEEP_BURST == 0)
			r = sweep_listen(s, SWEEP_PAUSE_MS, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int sweep_open(struct sweep_session *s, struct error *err)
{
	int family = s->link->addr.family;
	int size = SWEEP_BUFFER;
	int r;

	r = packet_open(s->link->netns, s->link->index,
			family == AF_INET6 ? ETH_P_IPV6 : ETH_P_ARP, &s->fd,
			err);
	if (r < 0)
		return r;
	/* A larger buffer is welcome, and no condition. */
	(void)!setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
			  sizeof(size));
	for (size_t i = 0; i < s->count; i++)
		if (inet_addr_equal(&s->addrs[i], &s->link->addr))
			s->answered[i] = true;
	return 0;
}

int sweep_run(const struct sweep_link *link, const struct inet_addr *addrs,
	      size_t count, unsigned int wait_ms, struct sweep *ret,
	      struct error *err)
{
	cleanup_free bool *answered = calloc(count + 1, sizeof(*answered));
	struct sweep_session s = {
		.fd = -1,
		.link = link,
		.addrs = addrs,
		.count = count,
		.answered = answered,
		.sweep = ret,
	};
	int r;

	if (!answered)
		return error_oom(err);
	r = sweep_open(&s, err);
	for (int i = 0; i < SWEEP_ROUNDS && r == 0; i++) {
		r = sweep_round(&s, err);
		if (r == 0)
			r = sweep_listen(&s, wait_ms, err);
	}
	if (s.fd >= 0)
		close(s.fd);
	return r < 0 ? error_context(err, "ask for addresses") : 0;
}
