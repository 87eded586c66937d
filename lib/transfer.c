#include "lib/transfer-priv.h"

#include "lib/netns.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>

/*
 * One loop drives all ends: of a run, those that ask and those of ours that
 * answer; of a server, who comes. A run takes its transfers in batches, so that
 * a node with a hundred pods needs no thousand descriptors.
 */

#define RUN_BATCH 32
#define SERVE_MAX 64 /* at the same time; who comes then waits */

/* --- sockets ------------------------------------------------------------------------ */

struct socket_job {
	struct sockaddr_storage addr;
	socklen_t len;
	bool is_listener;
	int fd;
	int error; /* of bind or connect */
};

static struct socket_job socket_job(const struct inet_addr *addr, uint16_t port)
{
	struct socket_job job = { .fd = -1 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&job.addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&job.addr;

	job.addr.ss_family = addr->family;
	if (addr->family == AF_INET) {
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, addr->bytes, sizeof(v4->sin_addr));
		job.len = sizeof(*v4);
	} else {
		v6->sin6_port = htons(port);
		memcpy(&v6->sin6_addr, addr->bytes, sizeof(v6->sin6_addr));
		job.len = sizeof(*v6);
	}
	return job;
}

static int socket_open(void *arg, struct error *err)
{
	struct socket_job *job = arg;
	const struct sockaddr *addr = (const struct sockaddr *)&job->addr;
	int on = 1;

	job->fd = socket(job->addr.ss_family,
			 SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (job->fd < 0)
		return error_set(err, ERROR_LINK, errno, "TCP socket");
	if (job->is_listener) {
		(void)!setsockopt(job->fd, SOL_SOCKET, SO_REUSEADDR, &on,
				  sizeof(on));
		if (bind(job->fd, addr, job->len) < 0 ||
		    listen(job->fd, SERVE_MAX) < 0)
			job->error = errno;
	} else if (connect(job->fd, addr, job->len) < 0 &&
		   errno != EINPROGRESS) {
		job->error = errno;
	}
	return 0;
}

/* Return: 0, with @ret -1 if nothing can listen there */
static int listen_at(int netns, const struct inet_addr *addr, uint16_t port,
		     int *ret, struct error *err)
{
	struct socket_job job = socket_job(addr, port);
	int r;

	job.is_listener = true;
	r = netns_run(netns, socket_open, &job, err);
	if (job.error && job.fd >= 0) {
		close(job.fd);
		job.fd = -1;
	}
	*ret = job.fd;
	return r;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 addr = { 0 }; /* IPv4 has the port there, too */
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return 0;
	return ntohs(addr.sin6_port);
}

static int connect_to(const struct transfer *item, uint16_t port,
		      uint64_t bytes, struct flow *ret, struct error *err)
{
	struct socket_job job = socket_job(&item->to, port);
	uint64_t seed = 0;
	int r;

	if (getrandom(&seed, sizeof(seed), 0) < 0)
		seed = flow_now_us();
	r = netns_run(item->from, socket_open, &job, err);
	if (r < 0)
		return r;
	flow_ask(ret, job.fd, seed, bytes);
	if (job.error)
		flow_end(ret, job.error == ECONNREFUSED ? TRANSFER_REFUSED
							: TRANSFER_SILENT);
	return 0;
}

/* --- one loop ----------------------------------------------------------------------- */

struct loop {
	const struct transfer_plan *plan;
	struct flow *flows;
	size_t n_flows;
	int *listeners; /* -1: none */
	size_t n_listeners;
	int stop_fd; /* -1: none */
	struct pollfd *fds;
	struct flow_room *room;
	bool is_serving; /* listeners stay; else each is for one */
};

static int loop_init(struct loop *loop, struct error *err)
{
	loop->flows = calloc(loop->n_flows, sizeof(*loop->flows));
	loop->listeners = calloc(loop->n_listeners + 1,
				 sizeof(*loop->listeners));
	loop->fds = calloc(loop->n_flows + loop->n_listeners + 1,
			   sizeof(*loop->fds));
	loop->room = malloc(sizeof(*loop->room));
	if (!loop->flows || !loop->listeners || !loop->fds || !loop->room) {
		loop->n_flows = loop->n_listeners = 0;
		return error_oom(err);
	}
	for (size_t i = 0; i < loop->n_flows; i++)
		loop->flows[i].fd = -1;
	for (size_t i = 0; i < loop->n_listeners; i++)
		loop->listeners[i] = -1;
	return 0;
}

static void loop_clear(struct loop *loop)
{
	for (size_t i = 0; i < loop->n_flows; i++)
		if (loop->flows[i].fd >= 0)
			close(loop->flows[i].fd);
	for (size_t i = 0; i < loop->n_listeners; i++)
		if (loop->listeners[i] >= 0)
			close(loop->listeners[i]);
	free(loop->flows);
	free(loop->listeners);
	free(loop->fds);
	free(loop->room);
}

static struct flow *loop_vacant(struct loop *loop)
{
	for (size_t i = 0; i < loop->n_flows; i++)
		if (loop->flows[i].fd < 0 && !loop->flows[i].is_asking)
			return &loop->flows[i];
	return NULL;
}

static size_t loop_poll_list(struct loop *loop)
{
	bool is_full = !loop_vacant(loop);
	size_t n = 0;

	for (size_t i = 0; i < loop->n_flows; i++)
		loop->fds[n++] = (struct pollfd){
			.fd = loop->flows[i].fd,
			.events = flow_events(&loop->flows[i]),
		};
	for (size_t i = 0; i < loop->n_listeners; i++)
		loop->fds[n++] = (struct pollfd){
			.fd = is_full ? -1 : loop->listeners[i],
			.events = POLLIN,
		};
	loop->fds[n++] = (struct pollfd){ loop->stop_fd, POLLIN, 0 };
	return n;
}

static void loop_accept(struct loop *loop, int *listener)
{
	struct flow *flow = loop_vacant(loop);
	int fd;

	if (!flow)
		return;
	/* cppcheck-suppress nullPointer ; accept(2) permits it */
	fd = accept4(*listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	flow_answer(flow, fd);
	if (loop->is_serving)
		return;
	close(*listener);
	*listener = -1;
}

static void loop_expire(struct loop *loop)
{
	uint64_t now = flow_now_us();
	uint64_t limit = (uint64_t)loop->plan->timeout_ms * 1000;

	for (size_t i = 0; i < loop->n_flows; i++) {
		struct flow *flow = &loop->flows[i];

		if (flow->fd >= 0 && now - flow->last_us > limit)
			flow_end(flow, flow->is_connected ? TRANSFER_STALLED
							  : TRANSFER_SILENT);
	}
}

/* Return: false if it is to stop */
static bool loop_turn(struct loop *loop, int wait_ms)
{
	size_t n = loop_poll_list(loop);

	if (poll(loop->fds, n, wait_ms) > 0) {
		for (size_t i = 0; i < loop->n_flows; i++)
			if (loop->flows[i].fd >= 0 && loop->fds[i].revents)
				flow_step(&loop->flows[i], loop->fds[i].revents,
					  loop->room);
		for (size_t i = 0; i < loop->n_listeners; i++)
			if (loop->fds[loop->n_flows + i].revents)
				loop_accept(loop, &loop->listeners[i]);
		if (loop->fds[n - 1].revents)
			return false;
	}
	loop_expire(loop);
	return true;
}

/* --- asking ------------------------------------------------------------------------- */

static bool run_is_done(const struct loop *loop, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!loop->flows[i].is_ended)
			return false;
	return true;
}

static int run_begin(struct loop *loop, struct transfer *items, size_t count,
		     struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		uint16_t port = loop->plan->port;
		int r = 0;

		if (items[i].is_ours)
			r = listen_at(items[i].to_netns, &items[i].to, 0,
				      &loop->listeners[i], err);
		if (r < 0)
			return r;
		if (items[i].is_ours && loop->listeners[i] >= 0)
			port = port_of(loop->listeners[i]);
		r = connect_to(&items[i], port, loop->plan->bytes,
			       &loop->flows[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Before the socket is gone. */
static void run_count(struct transfer *items, const struct flow *flow,
		      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct tcp_info info;
		socklen_t len = sizeof(info);
		int waiting = 0;

		if (flow[i].fd >= 0 && flow[i].is_connected &&
		    ioctl(flow[i].fd, SIOCOUTQ, &waiting) == 0)
			items[i].sent = flow[i].sent - (uint64_t)waiting;
		if (flow[i].fd >= 0 && getsockopt(flow[i].fd, IPPROTO_TCP,
						  TCP_INFO, &info, &len) == 0)
			items[i].retransmitted = info.tcpi_total_retrans;
	}
}

static void run_take(struct transfer *item, const struct flow *flow)
{
	uint64_t right = 0, spoilt_at = FLOW_WHOLE;

	item->state = flow->state;
	item->us = (uint32_t)(flow->last_us - flow->began_us);
	item->received = flow->received < flow->bytes ? flow->received
						      : flow->bytes;
	item->sent = item->sent > FLOW_HEAD ? item->sent - FLOW_HEAD : 0;
	item->spoilt_at = 0;
	if (flow->state != TRANSFER_OK && flow->state != TRANSFER_SPOILT)
		return;
	flow_trail(flow, &right, &spoilt_at);
	item->sent = right;
	if (flow->spoilt_at != FLOW_WHOLE)
		item->received = item->spoilt_at = flow->spoilt_at;
	else if (spoilt_at != FLOW_WHOLE)
		item->spoilt_at = spoilt_at;
}

static int run_batch(const struct transfer_plan *plan, struct transfer *items,
		     size_t count, struct error *err)
{
	struct loop loop = { .plan = plan,
			     .n_flows = 2 * count,
			     .n_listeners = count,
			     .stop_fd = -1 };
	int r = loop_init(&loop, err);

	if (r == 0)
		r = run_begin(&loop, items, count, err);
	while (r == 0 && !run_is_done(&loop, count)) {
		run_count(items, loop.flows, count);
		loop_turn(&loop, 100);
	}
	for (size_t i = 0; i < count && r == 0; i++)
		run_take(&items[i], &loop.flows[i]);
	loop_clear(&loop);
	return r;
}

int transfer_run(const struct transfer_plan *plan, struct transfer *items,
		 size_t count, struct error *err)
{
	for (size_t at = 0; at < count; at += RUN_BATCH) {
		size_t n = count - at < RUN_BATCH ? count - at : RUN_BATCH;
		int r = run_batch(plan, items + at, n, err);

		if (r < 0)
			return error_context(err, "transfer");
	}
	return 0;
}

/* --- serving ------------------------------------------------------------------------ */

static int serve_open(struct loop *loop, struct transfer_place *places,
		      struct error *err)
{
	for (size_t i = 0; i < loop->n_listeners; i++) {
		int r = listen_at(places[i].netns, &places[i].addr,
				  loop->plan->port, &loop->listeners[i], err);

		if (r < 0)
			return r;
		places[i].is_open = loop->listeners[i] >= 0;
	}
	return 0;
}

static uint64_t serve_count(struct loop *loop)
{
	uint64_t n = 0;

	for (size_t i = 0; i < loop->n_flows; i++) {
		struct flow *flow = &loop->flows[i];

		n += flow->is_ended && flow->state == TRANSFER_OK;
		flow->is_ended = false;
	}
	return n;
}

int transfer_serve(const struct transfer_plan *plan,
		   struct transfer_place *places, size_t count, int stop_fd,
		   unsigned int timeout_ms,
		   void (*ready)(const struct transfer_place *places,
				 size_t count),
		   uint64_t *ret_served, struct error *err)
{
	struct loop loop = { .plan = plan,
			     .n_flows = SERVE_MAX,
			     .n_listeners = count,
			     .stop_fd = stop_fd,
			     .is_serving = true };
	uint64_t deadline = flow_now_us() + (uint64_t)timeout_ms * 1000;
	int r = loop_init(&loop, err);

	if (r == 0)
		r = serve_open(&loop, places, err);
	if (r == 0 && ready)
		ready(places, count);
	*ret_served = 0;
	while (r == 0 && flow_now_us() < deadline) {
		bool is_on = loop_turn(&loop, 100);

		*ret_served += serve_count(&loop);
		if (!is_on)
			break;
	}
	loop_clear(&loop);
	return r < 0 ? error_context(err, "serve transfers") : 0;
}
