#include "plugin/ctl/verify.h"

#include <poll.h>
#include <string.h>

/*
 * Legs that answer, but go the wrong way: what stays on the node is to be faster
 * than what leaves it, and is not to be seen by the overlay. Both are asked
 * again before anything is said: a machine may be busy, and a network too.
 */

#define COMPARE_TRIES 3
#define COMPARE_US    300 /* slower by so much, and twice as slow */
#define COMPARE_COUNT 64 /* packets whose way is counted */
#define COMPARE_LIMIT (COMPARE_COUNT / 8) /* a quiet overlay moves no more */
#define COMPARE_WAIT  20 /* ms */
#define COMPARE_IDLE  5 /* ms, longer than those packets take */

/* The fastest leg from this host to a pod; NULL: none. */
static struct verify_leg *fastest(const struct verify *v,
				  enum verify_place place)
{
	struct verify_leg *best = NULL;

	for (size_t i = 0; i < v->n_legs; i++) {
		struct verify_leg *leg = &v->legs[i];
		const struct echo *echo = &leg->echo[VERIFY_SMALL];

		if (leg->from->child || leg->to->place != place ||
		    !echo->received || verify_is_lost(leg, VERIFY_SMALL))
			continue;
		if (!best || echo->min_us < best->echo[VERIFY_SMALL].min_us)
			best = leg;
	}
	return best;
}

static bool is_slower(const struct echo *local, const struct echo *remote)
{
	return local->received && remote->received &&
	       local->min_us > 2 * remote->min_us &&
	       local->min_us - remote->min_us > COMPARE_US;
}

static int compare_speed(struct verify *v, const struct verify_leg *local,
			 const struct verify_leg *remote, struct error *err)
{
	const struct echo_plan plan = { .count = 5,
					.interval_ms = COMPARE_WAIT,
					.timeout_ms = 500 };
	struct echo items[] = { local->echo[VERIFY_SMALL],
				remote->echo[VERIFY_SMALL] };
	char addr[INET_ADDR_TEXT];

	for (int i = 0; i < COMPARE_TRIES; i++) {
		int r;

		if (!is_slower(&items[0], &items[1]))
			return 0;
		r = echo_run(local->from->netns, &plan, items,
			     ARRAY_SIZE(items), err);
		if (r < 0)
			return r;
	}
	if (is_slower(&items[0], &items[1]))
		report_warn(&v->ctl->report, v->network->config.name,
			    "look at: ip route get, and ip neigh, of that pod",
			    "the local pod %s answers in %.3f ms, a remote one "
			    "in %.3f ms",
			    inet_addr_format(&local->to->addr, addr),
			    items[0].min_us / 1000.0, items[1].min_us / 1000.0);
	return 0;
}

static int read_sent(struct verify *v, const int *links, size_t n,
		     uint64_t *ret, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct netlink_stats stats = { 0 };
		int r = 0;

		if (links[i])
			r = netlink_stats_get(v->ctl->host, links[i], &stats,
					      err);
		if (r < 0)
			return r;
		ret[i] = stats.tx_packets - ret[i];
	}
	return 0;
}

int verify_count(struct verify *v, const struct verify_leg *leg,
		 unsigned int count, const int *links, size_t n, uint64_t *ret,
		 struct error *err)
{
	const struct echo_plan plan = { .count = count, .timeout_ms = 200 };
	struct echo echo = { .to = leg->to->addr };
	int r;

	memset(ret, 0, n * sizeof(*ret));
	r = read_sent(v, links, n, ret, err);
	if (r == 0 && !count)
		poll(NULL, 0, COMPARE_IDLE);
	else if (r == 0)
		r = echo_run(leg->from->netns, &plan, &echo, 1, err);
	return r == 0 ? read_sent(v, links, n, ret, err) : r;
}

/* All of them pass, and without them the overlay is quiet: each time. */
static int compare_way(struct verify *v, const struct verify_leg *leg,
		       struct error *err)
{
	char addr[INET_ADDR_TEXT];

	for (int i = 0; i < COMPARE_TRIES; i++) {
		uint64_t idle, busy;
		int r = verify_count(v, leg, 0, &v->parent.index, 1, &idle,
				     err);

		if (r == 0)
			r = verify_count(v, leg, COMPARE_COUNT,
					 &v->parent.index, 1, &busy, err);
		if (r < 0)
			return r;
		if (idle > COMPARE_LIMIT ||
		    busy < COMPARE_COUNT - COMPARE_LIMIT ||
		    busy > COMPARE_COUNT + COMPARE_LIMIT)
			return 0;
	}
	report_warn(&v->ctl->report, v->network->config.name,
		    "shimctl status; look at: ip neigh, of that pod",
		    "packets to the local pod %s go out over %s",
		    inet_addr_format(&leg->to->addr, addr), v->parent.name);
	return 0;
}

int verify_compare(struct verify *v, struct error *err)
{
	const struct verify_leg *local = fastest(v, VERIFY_LOCAL_POD);
	const struct verify_leg *remote = fastest(v, VERIFY_REMOTE_POD);
	int r = 0;

	if (!local)
		return 0;
	if (remote)
		r = compare_speed(v, local, remote, err);
	if (r == 0 && v->parent.is_vxlan)
		r = compare_way(v, local, err);
	return r;
}
