#include "lib/file.h"
#include "lib/netns.h"
#include "plugin/ctl/counters.h"
#include "plugin/ctl/doctor.h"

#include <inttypes.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * Frames that go to every peer although their receiver is known. The database
 * learns from what a peer sends, and forgets after a while; the sender's own ARP
 * entry expires sooner, asks again, and the answer is learned. A permanent ARP
 * entry never asks.
 */

#define FLOOD_WINDOW_MS 200 /* of all networks together */
#define FLOOD_FRAMES    100 /* fewer say nothing: ARP goes to all by right */
#define FLOOD_COPIES    1500 /* thousandths */

/* The session of a child's namespace; in @pod, if it is not the host's.
 * Return: NULL if it is gone, or for want of memory */
static struct netlink *
child_session(struct doctor *d, const struct child *child, struct netlink **pod)
{
	cleanup_close int netns = -1;
	struct error gone = { 0 };

	if (!child->is_found)
		return NULL;
	if (child->is_here)
		return d->ctl->host;
	if (!child->path || netns_open(child->path, &netns, &gone) != 0 ||
	    netlink_open(netns, pod, &gone) < 0)
		return NULL;
	return *pod;
}

/* --- permanent neighbours ---------------------------------------------------------------- */

static bool neigh_is_known(const struct doctor *d, const struct inet_mac *mac)
{
	for (size_t i = 0; i < d->children.count; i++)
		if (d->children.items[i].is_found &&
		    inet_mac_equal(&d->children.items[i].mac, mac))
			return true;
	for (size_t i = 0; i < d->fdb.count; i++)
		if ((d->fdb.items[i].state & (NUD_PERMANENT | NUD_NOARP)) &&
		    inet_mac_equal(&d->fdb.items[i].mac, mac))
			return true;
	return false;
}

static void neigh_found(struct doctor *d, const struct child *child,
			const struct netlink_neigh *neigh)
{
	char addr[INET_ADDR_TEXT], who[DOCTOR_WHO];

	inet_addr_format(&neigh->addr, addr);
	doctor_step(d, "%s%s%sip neigh del %s dev %s",
		    child->is_here ? "" : "nsenter --net=",
		    child->is_here ? "" : child->path,
		    child->is_here ? "" : " ", addr, child->ifname);
	doctor_found(d,
		     "%s is a permanent neighbour of %s: it is never asked "
		     "for, and once %s has forgotten it each frame to it goes "
		     "to all %zu peers",
		     addr, doctor_who(child, who), d->parent.name,
		     d->peers.count);
}

static int neigh_look(struct doctor *d, const struct child *child,
		      struct netlink *nl, struct error *err)
{
	cleanup_netlink_neighs struct netlink_neighs neighs = { 0 };
	int r = netlink_neigh_list(nl, child->index, &neighs, err);

	for (size_t i = 0; i < neighs.count && r == 0; i++) {
		const struct netlink_neigh *neigh = &neighs.items[i];

		if ((neigh->state & NUD_PERMANENT) &&
		    inet_addr_is_unicast(&neigh->addr) &&
		    !neigh_is_known(d, &neigh->mac))
			neigh_found(d, child, neigh);
	}
	return r;
}

static int neigh_visit(struct doctor *d, const struct child *child,
		       struct error *err)
{
	cleanup_netlink struct netlink *pod = NULL;
	struct netlink *nl = child_session(d, child, &pod);

	return nl ? neigh_look(d, child, nl, err) : 0;
}

/* With one peer, or none, a flooded frame is no more than any other. */
int doctor_neigh(struct doctor *d, struct error *err)
{
	int r = 0;

	if (d->peers.count < 2)
		return 0;
	for (size_t i = 0; i < d->children.count && r == 0; i++)
		r = neigh_visit(d, &d->children.items[i], err);
	return r;
}

/* --- copies ------------------------------------------------------------------------------ */

/*
 * Copies are counted while doctor runs: what was counted since the boot is of
 * pods that are gone too, and of days that are over.
 */

static int flood_read(struct doctor *d, struct flood_sample *ret,
		      struct error *err)
{
	bool ignored = false;
	int r;

	*ret = (struct flood_sample){ .at_ms = file_boottime_ms() };
	r = netlink_stats_get(d->ctl->host, d->parent.index, &ret->parent, err);
	for (size_t i = 0; i < d->children.count && r == 0; i++) {
		static const struct netlink_stats none;
		const struct child *child = &d->children.items[i];
		cleanup_netlink struct netlink *pod = NULL;
		struct netlink *nl = child_session(d, child, &pod);
		struct netlink_stats stats;

		if (!nl)
			continue;
		r = netlink_stats_get(nl, child->index, &stats, err);
		if (r == 0)
			counters_add(&ret->children, &none, &stats, &ignored);
	}
	return r < 0 ? r : 0;
}

int doctor_sample(struct doctor *d, struct error *err)
{
	if (!d->parent.is_vxlan || d->peers.count < 2)
		return 0;
	return flood_read(d, &d->sample, err);
}

/* The rest of this network's part of the window. */
static void flood_wait(const struct doctor *d)
{
	uint64_t part = FLOOD_WINDOW_MS / d->ctl->n_networks;
	uint64_t until = d->sample.at_ms + part;
	uint64_t now = file_boottime_ms();
	struct timespec rest = { 0 };

	if (now >= until)
		return;
	rest.tv_nsec = (long)(until - now) * 1000000;
	nanosleep(&rest, NULL);
}

/* A pod that came or went meanwhile takes its counters along. */
int doctor_copies(struct doctor *d, struct error *err)
{
	struct netlink_stats parent = { 0 }, children = { 0 };
	struct counters_copies copies;
	struct flood_sample now;
	bool reset = false;
	int r;

	if (!d->sample.at_ms)
		return 0;
	flood_wait(d);
	r = flood_read(d, &now, err);
	if (r < 0)
		return r;
	counters_add(&parent, &d->sample.parent, &now.parent, &reset);
	counters_add(&children, &d->sample.children, &now.children, &reset);
	copies = counters_copies(&parent, &children, 0);
	if (reset || copies.left < FLOOD_FRAMES || copies.milli < FLOOD_COPIES)
		return 0;
	doctor_step(d, "shimctl peers, and look which of them has nothing "
		       "learned; then: shimctl traffic");
	doctor_found(d,
		     "%s sent each of %" PRIu64 " frames %" PRIu64 ".%" PRIu64
		     " times within %" PRIu64 " ms, to %zu peers",
		     d->parent.name, copies.left, copies.milli / 1000,
		     copies.milli % 1000 / 100, now.at_ms - d->sample.at_ms,
		     d->peers.count);
	return 0;
}
