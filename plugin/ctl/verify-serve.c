#include "lib/netns.h"
#include "plugin/ctl/verify.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

/*
 * The other end of other nodes' transfers, on the addresses of the shim and of
 * the pods that are here now, for a bounded time. It reads and compares and keeps
 * nothing; who can reach the storage network can make it send as much as it is
 * sent.
 */

#define SERVE_IDLE_MS 10000

struct serve {
	struct transfer_place *places;
	size_t count;
	struct verify_source *pods; /* whose namespaces are open */
	size_t n_pods;
	struct probe_pods *own; /* of each network, with --probe-pods */
	size_t n_own;
};

static void serve_clear(struct serve *serve)
{
	for (size_t i = 0; i < serve->n_pods; i++)
		close(serve->pods[i].netns);
	for (size_t i = 0; i < serve->n_own; i++)
		probe_pods_close(&serve->own[i]);
	free(serve->own);
	free(serve->pods);
	free(serve->places);
}

static int serve_add_child(struct serve *serve, const struct child *child,
			   int netns, struct error *err)
{
	struct inet_addr addr;

	for (size_t n = 0; verify_child_addr(child, n, &addr); n++) {
		struct transfer_place *grown;

		grown = reallocarray(serve->places, serve->count + 1,
				     sizeof(*grown));
		if (!grown)
			return error_oom(err);
		serve->places = grown;
		grown[serve->count++] = (struct transfer_place){ netns, addr,
								 false };
	}
	return 0;
}

static int serve_add_pod(struct serve *serve, const struct child *child,
			 struct error *err)
{
	struct verify_source *grown;
	struct error gone = { 0 };
	int netns;

	if (!child->path || netns_open(child->path, &netns, &gone) != 0)
		return 0;
	grown = reallocarray(serve->pods, serve->n_pods + 1, sizeof(*grown));
	if (!grown) {
		close(netns);
		return error_oom(err);
	}
	serve->pods = grown;
	grown[serve->n_pods++] = (struct verify_source){ NULL, netns };
	return serve_add_child(serve, child, netns, err);
}

static int serve_make_pods(struct ctl *ctl, const struct network *network,
			   const struct netlink_link *parent,
			   struct serve *serve, struct error *err)
{
	int r;

	if (!ctl->probe_pods)
		return 0;
	r = probe_pods_open(ctl, network, parent, &serve->own[serve->n_own++],
			    err);
	if (r == PROBE_PODS_FOREIGN)
		return error_set(err, ERROR_CONFIG, 0,
				 "--probe-pods: %s gets its addresses from "
				 "another plugin",
				 network->config.name);
	return r;
}

static int serve_add_network(struct ctl *ctl, const struct network *network,
			     struct serve *serve, struct error *err)
{
	cleanup_children struct children children = { 0 };
	struct netlink_link parent, shim;
	int r = ctl_parent(ctl, network, &parent, err);

	if (r == 0)
		r = ctl_shim(ctl, network, &parent, &shim, err);
	if (r >= 0)
		r = serve_make_pods(ctl, network, &parent, serve, err);
	if (r < 0)
		return r;
	r = children_find(ctl, network, &parent, &shim, &children, err);
	for (size_t i = 0; i < children.count && r == 0; i++) {
		const struct child *child = &children.items[i];

		if (child->is_shim)
			r = serve_add_child(serve, child, -1, err);
		else if (child->is_found && !child->is_here)
			r = serve_add_pod(serve, child, err);
	}
	return r;
}

/* Who waits for it reads this: the report comes at the end. */
static void serve_tell(const struct transfer_place *places, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += places[i].is_open;
	fprintf(stderr, "shimctl: serving %zu addresses on TCP port %d\n", n,
		TRANSFER_PORT);
}

static void serve_report(struct ctl *ctl, const struct serve *serve,
			 uint64_t served)
{
	struct report *report = &ctl->report;

	for (size_t i = 0; i < serve->count; i++) {
		char addr[INET_ADDR_TEXT];

		if (serve->places[i].is_open)
			continue;
		report_warn(report,
			    inet_addr_format(&serve->places[i].addr, addr),
			    "stop what has the port, and serve again",
			    "TCP port %u is somebody else's", TRANSFER_PORT);
	}
	report_line(report, "%llu transfers served on %zu addresses",
		    (unsigned long long)served, serve->count);
	report_uint(report, "addresses", serve->count);
	report_uint(report, "served", served);
}

static int serve_run(struct ctl *ctl, struct serve *serve, int stop,
		     struct error *err)
{
	const struct transfer_plan plan = { .timeout_ms = SERVE_IDLE_MS,
					    .port = TRANSFER_PORT };
	uint64_t served = 0;
	int r;

	if (serve->count == 0) {
		report_fail(&ctl->report, ctl->networks[0].config.name,
			    "shimctl up, or start a pod",
			    "has no address to serve on here");
		return CTL_CANNOT;
	}
	r = transfer_serve(&plan, serve->places, serve->count, stop,
			   ctl->timeout * 1000, ctl->quiet ? NULL : serve_tell,
			   &served, err);
	if (r == 0)
		serve_report(ctl, serve, served);
	return r;
}

/* From here on they are read from the descriptor. */
static int serve_catch(int *ret, struct error *err)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	*ret = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (*ret < 0)
		return error_set(err, ERROR_IO, errno, "signalfd");
	return 0;
}

int verify_serve(struct ctl *ctl, struct error *err)
{
	struct serve serve = { 0 };
	struct signalfd_siginfo taken;
	cleanup_close int stop = -1;
	int r = serve_catch(&stop, err);

	if (r < 0)
		return r;
	serve.own = calloc(ctl->n_networks + 1, sizeof(*serve.own));
	if (!serve.own)
		return error_oom(err);
	for (size_t i = 0; i < ctl->n_networks && r == 0; i++)
		r = serve_add_network(ctl, &ctl->networks[i], &serve, err);
	if (r == 0)
		r = serve_run(ctl, &serve, stop, err);
	/* Taken, so that it does not strike when signals are let in again. */
	while (read(stop, &taken, sizeof(taken)) == sizeof(taken))
		;
	serve_clear(&serve);
	return r;
}
