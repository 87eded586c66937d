#include "test/support/flow.h"

#include "lib/cleanup.h"
#include "lib/inet.h"
#include "lib/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FLOW_PERIOD_US 2000
#define FLOW_WARM      8 /* answers, before a stream counts as running */
#define FLOW_DRAIN_MS  1000 /* how long an answer may take at the end */
#define FLOW_START_MS  5000
#define FLOW_MAX       32768 /* requests of a stream; sequences have 16 bits */
#define FLOW_CHUNK     1400
#define FLOW_PORT      5001

struct flow_stream {
	int fd;
	uint16_t id;
	struct sockaddr_storage to;
	socklen_t to_len;
	unsigned int sent;
	unsigned int answered;
	unsigned int first; /* that counts: before, the ends were strangers */
	bool seen[FLOW_MAX];
	long sent_us[FLOW_MAX];
};

struct flow_state {
	const struct flow_plan *plan;
	struct flow_stream streams[FLOW_PINGS];
	int tcp_out;
	int tcp_in;
	unsigned int tcp_sent;
	unsigned int tcp_received;
	long tcp_last_us;
	long tcp_stall_us;
};

static void __attribute__((noreturn)) flow_die(const char *what)
{
	fprintf(stderr, "flow: %s: %s\n", what, strerror(errno));
	abort();
}

static long flow_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- sockets ------------------------------------------------------------------ */

static socklen_t flow_address(const char *text, uint16_t port,
			      struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (void *)ret;
	struct sockaddr_in *in = (void *)ret;
	struct inet_addr addr;

	*ret = (struct sockaddr_storage){ 0 };
	if (!inet_addr_parse(text, &addr))
		flow_die(text);
	ret->ss_family = addr.family;
	if (addr.family == AF_INET6) {
		memcpy(&in6->sin6_addr, addr.bytes, 16);
		in6->sin6_port = htons(port);
		return sizeof(*in6);
	}
	memcpy(&in->sin_addr, addr.bytes, 4);
	in->sin_port = htons(port);
	return sizeof(*in);
}

struct flow_socket {
	int family;
	int type;
	int protocol;
	int fd;
};

static int flow_socket_here(void *arg, struct error *err)
{
	struct flow_socket *want = arg;

	(void)err;
	want->fd = socket(want->family, want->type | SOCK_CLOEXEC,
			  want->protocol);
	return 0;
}

/* A socket stays in the namespace that it was made in. */
static int flow_socket(int ns, int family, int type, int protocol)
{
	struct flow_socket want = { family, type, protocol, -1 };
	struct error err = { 0 };

	if (netns_run(ns, flow_socket_here, &want, &err) < 0 || want.fd < 0)
		flow_die("socket");
	return want.fd;
}

static void flow_bind(int fd, const char *from, uint16_t port)
{
	struct sockaddr_storage addr;
	socklen_t len = flow_address(from, port, &addr);

	if (bind(fd, (const struct sockaddr *)&addr, len) < 0)
		flow_die("bind");
}

/* --- pings -------------------------------------------------------------------------- */

static void flow_open_ping(struct flow_stream *stream,
			   const struct flow_ping *ping, uint16_t id)
{
	int size = 1 << 20;
	bool v6;

	stream->id = id;
	stream->to_len = flow_address(ping->to, 0, &stream->to);
	v6 = stream->to.ss_family == AF_INET6;
	stream->fd = flow_socket(ping->from_ns, stream->to.ss_family,
				 SOCK_RAW | SOCK_NONBLOCK,
				 v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	setsockopt(stream->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (ping->from)
		flow_bind(stream->fd, ping->from, 0);
}

static uint16_t flow_checksum(const struct icmphdr *header)
{
	uint16_t words[sizeof(*header) / 2];
	uint32_t sum = 0;

	memcpy(words, header, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* Both families have the same eight bytes; the kernel sums those of IPv6. What
 * cannot be sent is lost. */
static void flow_ask(struct flow_stream *stream)
{
	bool v6 = stream->to.ss_family == AF_INET6;
	struct icmphdr header = {
		.type = v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
		.un.echo = { htons(stream->id), htons((uint16_t)stream->sent) },
	};

	if (stream->sent == FLOW_MAX)
		return;
	stream->sent_us[stream->sent++] = flow_now_us();
	header.checksum = v6 ? 0 : flow_checksum(&header);
	sendto(stream->fd, &header, sizeof(header), 0,
	       (const struct sockaddr *)&stream->to, stream->to_len);
}

static void flow_hear(struct flow_stream *stream)
{
	bool v6 = stream->to.ss_family == AF_INET6;
	size_t skip = v6 ? 0 : 20;
	unsigned char buf[256];
	struct icmphdr header;
	ssize_t n;

	while ((n = recv(stream->fd, buf, sizeof(buf), 0)) >= 0) {
		unsigned int sequence;

		if ((size_t)n < skip + sizeof(header))
			continue;
		memcpy(&header, buf + skip, sizeof(header));
		sequence = ntohs(header.un.echo.sequence);
		if (header.type != (v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) ||
		    header.un.echo.id != htons(stream->id) ||
		    sequence >= FLOW_MAX || stream->seen[sequence])
			continue;
		stream->seen[sequence] = true;
		stream->answered++;
	}
}

/* --- TCP ------------------------------------------------------------------------------ */

static void flow_open_tcp(struct flow_state *state)
{
	const struct flow_plan *plan = state->plan;
	const struct flow_ping *way = &plan->pings[0];
	struct sockaddr_storage to;
	socklen_t len = flow_address(way->to, FLOW_PORT, &to);
	cleanup_close int listening = -1;
	int one = 1;

	listening = flow_socket(plan->tcp_ns, to.ss_family, SOCK_STREAM, 0);
	setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	flow_bind(listening, way->to, FLOW_PORT);
	if (listen(listening, 1) < 0)
		flow_die("listen");
	state->tcp_out = flow_socket(way->from_ns, to.ss_family, SOCK_STREAM,
				     0);
	if (connect(state->tcp_out, (const struct sockaddr *)&to, len) < 0)
		flow_die("connect");
	state->tcp_in = accept4(listening, NULL, NULL,
				SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (state->tcp_in < 0)
		flow_die("accept");
	if (fcntl(state->tcp_out, F_SETFL, O_NONBLOCK) < 0)
		flow_die("fcntl");
	setsockopt(state->tcp_out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	state->tcp_last_us = flow_now_us();
}

static void flow_tcp_send(struct flow_state *state)
{
	static const char chunk[FLOW_CHUNK];
	ssize_t n;

	n = send(state->tcp_out, chunk, sizeof(chunk), MSG_NOSIGNAL);
	if (n > 0)
		state->tcp_sent += (unsigned int)n;
	else if (errno != EAGAIN)
		flow_die("send");
}

static void flow_tcp_receive(struct flow_state *state)
{
	char buf[65536];
	long now = flow_now_us();
	ssize_t n = recv(state->tcp_in, buf, sizeof(buf), 0);

	if (n <= 0)
		return;
	state->tcp_received += (unsigned int)n;
	if (now - state->tcp_last_us > state->tcp_stall_us)
		state->tcp_stall_us = now - state->tcp_last_us;
	state->tcp_last_us = now;
}

static unsigned int flow_tcp_retransmitted(const struct flow_state *state)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (state->tcp_out >= 0 &&
	    getsockopt(state->tcp_out, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		flow_die("TCP_INFO");
	return info.tcpi_total_retrans;
}

/* --- the process ------------------------------------------------------------------------ */

static void flow_open(struct flow_state *state)
{
	state->tcp_out = state->tcp_in = -1;
	for (size_t i = 0; i < state->plan->n_pings; i++)
		flow_open_ping(&state->streams[i], &state->plan->pings[i],
			       (uint16_t)(getpid() + (int)i));
	if (state->plan->tcp)
		flow_open_tcp(state);
}

static void flow_send_all(struct flow_state *state)
{
	for (size_t i = 0; i < state->plan->n_pings; i++)
		flow_ask(&state->streams[i]);
	if (state->plan->tcp)
		flow_tcp_send(state);
}

/* Return: did the test close its end? */
static bool flow_wait(struct flow_state *state, int control, long until_us)
{
	struct pollfd fds[FLOW_PINGS + 2] = { { control, POLLIN, 0 },
					      { state->tcp_in, POLLIN, 0 } };
	nfds_t count = 2;
	long left = until_us - flow_now_us();
	struct timespec time = { 0, left > 0 ? left * 1000 : 0 };

	for (size_t i = 0; i < state->plan->n_pings; i++)
		fds[count++] = (struct pollfd){ state->streams[i].fd, POLLIN,
						0 };
	if (ppoll(fds, count, &time, NULL) < 0)
		return false;
	for (size_t i = 0; i < state->plan->n_pings; i++)
		flow_hear(&state->streams[i]);
	if (state->tcp_in >= 0)
		flow_tcp_receive(state);
	return fds[0].revents != 0;
}

static bool flow_is_warm(const struct flow_state *state)
{
	for (size_t i = 0; i < state->plan->n_pings; i++)
		if (state->streams[i].answered < FLOW_WARM)
			return false;
	return !state->plan->tcp || state->tcp_received > FLOW_CHUNK;
}

/* From here on nothing may be lost. */
static void flow_begin(struct flow_state *state, int result)
{
	for (size_t i = 0; i < state->plan->n_pings; i++)
		state->streams[i].first = state->streams[i].sent;
	state->tcp_stall_us = 0;
	if (write(result, "", 1) != 1)
		flow_die("tell");
}

static bool flow_is_drained(const struct flow_state *state)
{
	for (size_t i = 0; i < state->plan->n_pings; i++)
		if (state->streams[i].answered < state->streams[i].sent)
			return false; /* or one of the first was lost */
	return state->tcp_received == state->tcp_sent;
}

static void flow_run(struct flow_state *state, int control, int result)
{
	long next = flow_now_us();
	bool told = false;

	for (;;) {
		flow_send_all(state);
		next = flow_now_us() + FLOW_PERIOD_US;
		while (flow_now_us() < next)
			if (flow_wait(state, control, next))
				return;
		if (!told && flow_is_warm(state)) {
			told = true;
			flow_begin(state, result);
		}
	}
}

static void flow_drain(struct flow_state *state)
{
	long end = flow_now_us() + FLOW_DRAIN_MS * 1000;

	while (!flow_is_drained(state) && flow_now_us() < end)
		flow_wait(state, -1, flow_now_us() + 1000);
}

static void flow_count_lost(const struct flow_stream *stream,
			    struct flow_result *ret)
{
	for (unsigned int i = stream->first; i < stream->sent; i++) {
		long at = stream->sent_us[i];

		if (stream->seen[i])
			continue;
		ret->lost++;
		if (!ret->first_lost_us || at < ret->first_lost_us)
			ret->first_lost_us = at;
		if (at > ret->last_lost_us)
			ret->last_lost_us = at;
	}
}

static void flow_count(const struct flow_state *state, struct flow_result *ret)
{
	*ret = (struct flow_result){
		.tcp_bytes = state->tcp_received,
		.tcp_retransmitted = flow_tcp_retransmitted(state),
		.tcp_stall_ms = (unsigned int)(state->tcp_stall_us / 1000),
	};
	for (size_t i = 0; i < state->plan->n_pings; i++) {
		const struct flow_stream *stream = &state->streams[i];

		ret->sent += stream->sent - stream->first;
		ret->lost_of[i] = ret->lost;
		flow_count_lost(stream, ret);
		ret->lost_of[i] = ret->lost - ret->lost_of[i];
	}
	if (state->tcp_received != state->tcp_sent)
		ret->lost++;
}

static void __attribute__((noreturn))
flow_child(const struct flow_plan *plan, int control, int result)
{
	struct flow_state *state = calloc(1, sizeof(*state));
	struct flow_result count;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!state)
		flow_die("calloc");
	state->plan = plan;
	flow_open(state);
	flow_run(state, control, result);
	flow_drain(state);
	flow_count(state, &count);
	if (write(result, &count, sizeof(count)) != sizeof(count))
		flow_die("result");
	_exit(0);
}

void flow_start(const struct flow_plan *plan, struct flow *ret)
{
	struct pollfd ready = { .events = POLLIN };
	int control[2];
	int result[2];
	char byte;

	if (pipe2(control, O_CLOEXEC) < 0 || pipe2(result, O_CLOEXEC) < 0)
		flow_die("pipe");
	ret->pid = fork();
	if (ret->pid < 0)
		flow_die("fork");
	if (ret->pid == 0) {
		close(control[1]);
		close(result[0]);
		flow_child(plan, control[0], result[1]);
	}
	close(control[0]);
	close(result[1]);
	ret->control = control[1];
	ret->result = ready.fd = result[0];
	errno = ETIMEDOUT;
	if (poll(&ready, 1, FLOW_START_MS) != 1 ||
	    read(ret->result, &byte, 1) != 1)
		flow_die("start");
}

void flow_stop(struct flow *flow, struct flow_result *ret)
{
	close(flow->control);
	if (read(flow->result, ret, sizeof(*ret)) != sizeof(*ret))
		flow_die("stop");
	close(flow->result);
	if (waitpid(flow->pid, NULL, 0) < 0)
		flow_die("waitpid");
}
