#include "plugin/ctl/doctor.h"
#include "plugin/overlay.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The overlay's other ends: who is behind them, and the way there. */

static const struct inet_mac flood_mac;

static bool is_flood(const struct netlink_fdb_entry *entry)
{
	return inet_mac_equal(&entry->mac, &flood_mac);
}

/* --- the forwarding database --------------------------------------------------------- */

/* What came back from this node itself, because it floods to itself: that is
 * drift, and these go with it. They bear the loopback's address. */
static bool is_echo(const struct doctor *d, const struct inet_addr *vtep)
{
	return !inet_addr_is_unicast(vtep) ||
	       inet_addr_equal(vtep, &d->parent.vxlan.local);
}

/* Flood entries that lead nowhere are drift; so is what goes along with them. */
static bool stale_is_drift(const struct doctor *d, const struct peer *peer)
{
	return peer->flooded || is_echo(d, &peer->vtep) ||
	       d->network->config.n_nodes == 0 ||
	       !d->network->config.vxlan.present;
}

/* In our overlay that is drift, too. */
static void stale_self(struct doctor *d, const struct peer *peer)
{
	char vtep[INET_ADDR_TEXT];

	if (d->network->config.vxlan.present || !peer->flooded ||
	    !inet_addr_equal(&peer->vtep, &d->parent.vxlan.local))
		return;
	inet_addr_format(&peer->vtep, vtep);
	doctor_step(d, "bridge fdb del 00:00:00:00:00:00 dev %s dst %s",
		    d->parent.name, vtep);
	doctor_found(d,
		     "%s floods to %s, which is this node: its broadcasts come "
		     "back, and look like duplicate addresses",
		     d->parent.name, vtep);
}

int doctor_stale(struct doctor *d, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < d->peers.count; i++) {
		const struct peer *peer = &d->peers.items[i];
		char vtep[INET_ADDR_TEXT];

		stale_self(d, peer);
		if (*peer->name || !peer->learned || stale_is_drift(d, peer))
			continue;
		doctor_found(d,
			     "%s sends frames for %zu MAC%s to %s, which is no "
			     "node's",
			     d->parent.name, peer->learned,
			     peer->learned == 1 ? "" : "s",
			     inet_addr_format(&peer->vtep, vtep));
	}
	return 0;
}

static void double_found(struct doctor *d, const char *who, bool is_ours,
			 const struct netlink_fdb_entry *entry)
{
	char peer[DOCTOR_WHO], mac[INET_MAC_TEXT], vtep[INET_ADDR_TEXT];

	inet_mac_format(&entry->mac, mac);
	if (is_ours)
		doctor_step(d,
			    "give one of the two another MAC: ip link set %s "
			    "address",
			    who);
	else
		doctor_step(d,
			    "bridge fdb del %s dev %s dst %s; if it comes "
			    "back, give one of the two another MAC",
			    mac, d->parent.name,
			    inet_addr_format(&entry->dst, vtep));
	doctor_found(d,
		     "the MAC of %s, %s, was also seen at %s: its frames go to "
		     "either",
		     who, mac, doctor_peer_who(d, &entry->dst, peer));
}

/* A MAC of this node that was learned behind another one. */
int doctor_double(struct doctor *d, struct error *err)
{
	char who[DOCTOR_WHO];

	(void)err;
	for (size_t i = 0; i < d->fdb.count; i++) {
		const struct netlink_fdb_entry *entry = &d->fdb.items[i];

		if (is_flood(entry) || entry->dst.family == 0 ||
		    is_echo(d, &entry->dst))
			continue;
		for (size_t j = 0; j < d->children.count; j++) {
			const struct child *child = &d->children.items[j];

			if (child->is_found &&
			    inet_mac_equal(&child->mac, &entry->mac))
				double_found(d, doctor_who(child, who),
					     child->is_here, entry);
		}
	}
	return 0;
}

static size_t hub_count(const struct doctor *d, bool flood)
{
	size_t count = 0;

	for (size_t i = 0; i < d->fdb.count; i++)
		if (d->fdb.items[i].dst.family &&
		    is_flood(&d->fdb.items[i]) == flood)
			count++;
	return count;
}

/* Ageing below the time that a neighbour stays reachable floods for good. */
static void hub_ages(struct doctor *d)
{
	uint32_t ageing = d->parent.vxlan.ageing;

	if (ageing == 0 || ageing >= CONFIG_AGEING_MIN)
		return;
	doctor_step(d, "ip link set %s type vxlan ageing 300", d->parent.name);
	doctor_found(d,
		     "%s forgets its peers' MACs after %u s, before anybody "
		     "asks for them again: frames to them are flooded for good",
		     d->parent.name, ageing);
}

/* Our overlay's settings are drift, where they are not as configured. */
int doctor_hub(struct doctor *d, struct error *err)
{
	const struct config_vxlan *vxlan = &d->network->config.vxlan;
	size_t peers = hub_count(d, true);

	(void)err;
	if (!vxlan->present && d->parent.vxlan.learning)
		hub_ages(d);
	if (d->parent.vxlan.learning || peers < 2 || hub_count(d, false) ||
	    (vxlan->present && vxlan->learning))
		return 0;
	if (vxlan->present)
		doctor_step(d, "set vxlan.learning to true, then: shimctl up");
	else
		doctor_step(d, "ip link set %s type vxlan learning",
			    d->parent.name);
	doctor_found(d,
		     "%s has %zu peers, learning off and no MAC of anybody: "
		     "every frame is sent %zu times",
		     d->parent.name, peers, peers);
	return 0;
}

/* --- the way there --------------------------------------------------------------------- */

static bool is_on_overlay(const struct doctor *d,
			  const struct netlink_link *link)
{
	return link->index == d->parent.index ||
	       (link->is_macvlan && d->parent.index &&
		link->parent == d->parent.index && link->parent_netns == -1);
}

/* Without "vxlan" or with its mtu given, the size is not drift. */
static void path_mtu(struct doctor *d, const char *who,
		     const struct netlink_route *route,
		     const struct netlink_link *link)
{
	const struct config_vxlan *vxlan = &d->network->config.vxlan;
	uint32_t overhead = overlay_overhead(d->parent.vxlan.local.family);
	uint32_t mtu = link->mtu;

	if (route->mtu && route->mtu < mtu)
		mtu = route->mtu;
	if (!d->parent.index || (vxlan->present && !vxlan->mtu) ||
	    mtu >= d->parent.mtu + overhead)
		return;
	doctor_step(d, "raise the mtu of %s to %u, or lower that of %s to %u",
		    link->name, d->parent.mtu + overhead, d->parent.name,
		    mtu - overhead);
	doctor_found_as(d, "mtu",
			"%s has mtu %u, and %s, the way to %s, only %u: large "
			"frames travel as fragments",
			d->parent.name, d->parent.mtu, link->name, who, mtu);
}

static int path_look(struct doctor *d, const struct inet_addr *vtep,
		     struct error *err)
{
	struct netlink_route route = { 0 };
	struct netlink_link link;
	char who[DOCTOR_WHO];
	int r;

	doctor_peer_who(d, vtep, who);
	r = netlink_route_get(d->ctl->host, vtep, &route, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT || route.index == 0) {
		doctor_step(d, "set the link to it up, or add the route");
		doctor_found(d, "there is no route to %s", who);
		return 0;
	}
	r = netlink_link_get_index(d->ctl->host, route.index, &link, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (is_on_overlay(d, &link)) {
		doctor_step(d, "ip route del the one over %s", link.name);
		doctor_found(d,
			     "the route to %s leads over %s, which is on the "
			     "overlay itself",
			     who, link.name);
	} else if (!(link.flags & IFF_RUNNING)) {
		doctor_step(d, "look at the cable, and at the other end of %s",
			    link.name);
		doctor_found(d, "%s, the way to %s, has no carrier", link.name,
			     who);
	} else {
		path_mtu(d, who, &route, &link);
	}
	return 0;
}

int doctor_path(struct doctor *d, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < d->peers.count && r == 0; i++)
		if (*d->peers.items[i].name ||
		    !d->network->config.vxlan.present)
			r = path_look(d, &d->peers.items[i].vtep, err);
	return r;
}

/* --- who else has the port ------------------------------------------------------------- */

static const struct {
	const char *prefix;
	const char *owner;
} port_owners[] = {
	{ "flannel", "flannel's " },
	{ "cilium", "Cilium's " },
	{ "vxlan.calico", "Calico's " },
	{ "vxlan_sys_", "Open vSwitch's " },
};

static const char *port_owner(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(port_owners); i++)
		if (strncmp(name, port_owners[i].prefix,
			    strlen(port_owners[i].prefix)) == 0)
			return port_owners[i].owner;
	return "";
}

static void port_of_link(struct doctor *d, const struct netlink_link *link)
{
	doctor_found(d,
		     "%s%s, a %sVXLAN device with id %u, holds UDP port %u, "
		     "and %s is not up",
		     port_owner(link->name), link->name,
		     link->vxlan.collect_metadata ? "metadata " : "",
		     link->vxlan.id, link->vxlan.port,
		     d->network->config.master);
}

/* The n-th word of a line, from 0; "" behind the last. */
static const char *word_of(const char *line, unsigned int n)
{
	line += strspn(line, " ");
	while (n-- > 0) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	return line;
}

/* proc_net(5): "sl: ADDRESS:PORT REMOTE:PORT ...", in hexadecimal. */
static bool port_is_in_line(const char *line, unsigned int port)
{
	const char *local = word_of(line, 1);

	local += strcspn(local, ": \n");
	return *local == ':' && strtoul(local + 1, NULL, 16) == port;
}

static void port_of_program(struct doctor *d, const char *path)
{
	unsigned int port = d->network->config.vxlan.port;
	FILE *file = fopen(path, "re");
	cleanup_free char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (file && !found && getline(&line, &size, file) > 0)
		found = port_is_in_line(line, port);
	if (file)
		fclose(file);
	if (!found)
		return;
	doctor_step(d,
		    "ss -ulpn sport = :%u, and move it, or choose another "
		    "vxlan.port on all nodes",
		    port);
	doctor_found(d,
		     "a program of this node holds UDP port %u, and %s is "
		     "not up",
		     port, d->network->config.master);
}

/*
 * Two devices share a port unless one is a metadata device, their flags differ,
 * or the id is the same; the clash shows on the way up only, and an overlay that
 * is up has won it. The socket of a device is listed as if it were a program's.
 */
int doctor_port(struct doctor *d, struct error *err)
{
	const struct config_vxlan *want = &d->network->config.vxlan;
	bool is_links = false;

	(void)err;
	if (!want->present || (d->parent.flags & IFF_UP))
		return 0;
	for (size_t i = 0; i < d->links.count; i++) {
		const struct netlink_link *link = &d->links.items[i];

		if (!link->is_vxlan || link->index == d->parent.index ||
		    link->vxlan.port != want->port)
			continue;
		is_links |= (link->flags & IFF_UP) != 0;
		if (link->vxlan.collect_metadata || link->vxlan.id == want->id)
			port_of_link(d, link);
	}
	if (is_links)
		return 0;
	port_of_program(d, "/proc/thread-self/net/udp");
	port_of_program(d, "/proc/thread-self/net/udp6");
	return 0;
}
