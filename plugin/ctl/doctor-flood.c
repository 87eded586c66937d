#include "plugin/ctl/doctor.h"

#include "lib/netns.h"

#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>

/*
 * Frames that go to every peer although their receiver is known. The database
 * learns from what a peer sends, and forgets after a while; the sender's own ARP
 * entry expires sooner, asks again, and the answer is learned. A permanent ARP
 * entry never asks.
 */

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
	cleanup_netlink struct netlink *nl = NULL;
	cleanup_close int netns = -1;
	struct error gone = { 0 };
	int r;

	if (child->is_here)
		return neigh_look(d, child, d->ctl->host, err);
	if (!child->path || netns_open(child->path, &netns, &gone) != 0)
		return 0;
	r = netlink_open(netns, &nl, err);
	return r < 0 ? r : neigh_look(d, child, nl, err);
}

/* With one peer, or none, a flooded frame is no more than any other. */
int doctor_neigh(struct doctor *d, struct error *err)
{
	int r = 0;

	if (d->peers.count < 2)
		return 0;
	for (size_t i = 0; i < d->children.count && r == 0; i++)
		if (d->children.items[i].is_found)
			r = neigh_visit(d, &d->children.items[i], err);
	return r;
}
