#include "plugin/ctl/traffic.h"

#include "lib/ethtool.h"
#include "lib/file.h"
#include "lib/netns.h"
#include "plugin/ctl/children.h"
#include "plugin/ctl/peers.h"
#include "plugin/macvlan.h"

#include <string.h>

/*
 * The parent is read before its children, always: what is sent in between is
 * missing at both ends of the window, and cancels out.
 */

void traffic_clear(struct traffic *traffic)
{
	free(traffic->links);
	traffic->links = NULL;
	traffic->count = 0;
}

/* --- one link --------------------------------------------------------------------- */

/* A link of the host is known by its name: made anew, it is another one to the
 * kernel only. */
static struct traffic_link *traffic_find(const struct traffic *traffic,
					 const struct traffic_link *link)
{
	for (size_t i = 0; i < traffic->count; i++) {
		struct traffic_link *known = &traffic->links[i];

		if (known->netns == link->netns &&
		    (link->netns ? known->index == link->index
				 : strcmp(known->name, link->name) == 0))
			return known;
	}
	return NULL;
}

static int traffic_speed(const struct traffic *traffic,
			 struct traffic_link *link, struct error *err)
{
	int r;

	link->speed = traffic->ctl->speed;
	if (link->speed || link->role < TRAFFIC_PARENT)
		return 0;
	r = ethtool_speed(link->name, &link->speed, err);
	return r < 0 ? r : 0;
}

static int traffic_add(struct traffic *traffic, const struct traffic_link *link,
		       const struct netlink_stats *now, struct error *err)
{
	struct traffic_link *grown;

	grown = reallocarray(traffic->links, traffic->count + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	traffic->links = grown;
	grown += traffic->count++;
	*grown = *link;
	grown->last = *now;
	return traffic_speed(traffic, grown, err);
}

static void traffic_update(struct traffic_link *known,
			   const struct traffic_link *link,
			   const struct netlink_stats *now)
{
	bool *reset = &known->is_reset;

	if (known->index != link->index) {
		known->index = link->index;
		known->last = (struct netlink_stats){ 0 };
		*reset = true;
	}
	counters_add(&known->step, &known->last, now, reset);
	counters_add(&known->sum, &known->last, now, reset);
	known->last = *now;
	known->is_default |= link->is_default;
	if (link->role < known->role)
		known->role = link->role;
}

static int traffic_take(struct traffic *traffic, struct netlink *nl,
			const struct traffic_link *link, struct error *err)
{
	struct netlink_stats now;
	struct traffic_link *known;
	int r = netlink_stats_get(nl, link->index, &now, err);

	if (r != 0)
		return r < 0 ? r : 0; /* it has just gone */
	known = traffic_find(traffic, link);
	if (!known)
		return traffic_add(traffic, link, &now, err);
	traffic_update(known, link, &now);
	return 0;
}

/* --- links of the host ------------------------------------------------------------ */

static int traffic_default(const struct traffic *traffic,
			   struct netlink_link *ret, struct error *err)
{
	static const struct config any; /* no "master": the default route's */
	struct error none = { 0 };
	int r;

	*ret = (struct netlink_link){ 0 };
	r = macvlan_master(traffic->ctl->host, &any, ret, &none);
	if (r < 0 && none.code != ERROR_CONFIG) {
		*err = none;
		return r;
	}
	return 0;
}

/* A VLAN of the default route's link shares it. */
static bool traffic_shares(const struct netlink_link *link,
			   const struct netlink_link *gate)
{
	if (!gate->index)
		return false;
	return link->index == gate->index ||
	       (link->parent == gate->index && link->parent_netns == -1 &&
		strcmp(link->kind, "veth") != 0);
}

static int traffic_take_link(struct traffic *traffic, enum traffic_role role,
			     const struct netlink_link *link,
			     const struct netlink_link *gate, struct error *err)
{
	struct traffic_link one = {
		.role = role,
		.index = link->index,
		.is_default = traffic_shares(link, gate),
	};

	memcpy(one.name, link->name, sizeof(one.name));
	return traffic_take(traffic, traffic->ctl->host, &one, err);
}

/* Is a peer before this one reached by the same link? */
static bool traffic_is_taken(const struct peers *peers, size_t nth)
{
	for (size_t i = 0; i < nth; i++)
		if (peers->items[i].link == peers->items[nth].link)
			return true;
	return false;
}

static int traffic_take_underlay(struct traffic *traffic,
				 const struct netlink_link *gate,
				 struct error *err)
{
	cleanup_peers struct peers peers = { 0 };
	struct netlink_link link;
	int r;

	r = peers_find(traffic->ctl, traffic->network, &traffic->parent, &peers,
		       err);
	traffic->n_flooded = 0;
	for (size_t i = 0; i < peers.count && r == 0; i++) {
		traffic->n_flooded += peers.items[i].flooded;
		if (peers.items[i].link == 0 || traffic_is_taken(&peers, i))
			continue;
		r = netlink_link_get_index(traffic->ctl->host,
					   peers.items[i].link, &link, err);
		if (r == NETLINK_ABSENT ||
		    (r == 0 && link.flags & IFF_LOOPBACK))
			r = 0;
		else if (r == 0)
			r = traffic_take_link(traffic, TRAFFIC_UNDERLAY, &link,
					      gate, err);
	}
	return r;
}

static int traffic_take_host(struct traffic *traffic, struct error *err)
{
	cleanup_free char *addresses = NULL;
	struct netlink_link gate;
	int r;

	r = traffic_default(traffic, &gate, err);
	if (r == 0)
		r = ctl_addresses(traffic->ctl->host, traffic->parent.index,
				  &addresses, err);
	if (r < 0)
		return r;
	traffic->has_addresses = *addresses;
	r = traffic_take_link(traffic, TRAFFIC_PARENT, &traffic->parent, &gate,
			      err);
	if (r == 0 && traffic->parent.is_vxlan)
		r = traffic_take_underlay(traffic, &gate, err);
	if (r == 0 && gate.index)
		r = traffic_take_link(traffic, TRAFFIC_DEFAULT, &gate, &gate,
				      err);
	return r;
}

/* --- children --------------------------------------------------------------------- */

static int traffic_take_child(struct traffic *traffic,
			      const struct child *child, struct error *err)
{
	struct traffic_link one = {
		.role = child->is_shim ? TRAFFIC_SHIM : TRAFFIC_POD,
		.index = child->index,
		.netns = child->is_here ? 0 : child->netns,
	};
	cleanup_netlink struct netlink *nl = NULL;
	struct error gone = { 0 };
	cleanup_close int netns = -1;
	int r;

	memcpy(one.name, child->ifname, sizeof(one.name));
	if (child->is_here)
		return traffic_take(traffic, traffic->ctl->host, &one, err);
	if (netns_open(child->path, &netns, &gone) != 0)
		return 0;
	r = netlink_open(netns, &nl, err);
	return r < 0 ? r : traffic_take(traffic, nl, &one, err);
}

static int traffic_take_children(struct traffic *traffic, struct error *err)
{
	cleanup_children struct children children = { 0 };
	struct netlink_link shim;
	int r;

	r = ctl_shim(traffic->ctl, traffic->network, &traffic->parent, &shim,
		     err);
	if (r >= 0)
		r = children_find(traffic->ctl, traffic->network,
				  &traffic->parent, &shim, &children, err);
	for (size_t i = 0; i < children.count && r == 0; i++)
		if (children.items[i].is_found)
			r = traffic_take_child(traffic, &children.items[i],
					       err);
	return r;
}

int traffic_look(struct traffic *traffic, struct error *err)
{
	uint64_t now = file_boottime_ms();
	int r;

	for (size_t i = 0; i < traffic->count; i++)
		traffic->links[i].step = (struct netlink_stats){ 0 };
	traffic->step_ms = traffic->last_ms ? now - traffic->last_ms : 0;
	traffic->ms += traffic->step_ms;
	traffic->last_ms = now;
	r = ctl_parent(traffic->ctl, traffic->network, &traffic->parent, err);
	if (r != 0) {
		traffic->parent = (struct netlink_link){ 0 };
		return r < 0 ? r : 0;
	}
	r = traffic_take_host(traffic, err);
	return r < 0 ? r : traffic_take_children(traffic, err);
}
