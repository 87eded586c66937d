#include "plugin/overlay-priv.h"

#include "lib/log.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/*
 * What the overlay takes from the network below it: its own endpoint, and the
 * size of its frames.
 */

#define OVERLAY_UNDERLAY_MTU 1500 /* where nothing says more */
#define OVERLAY_MTU_MAX      65535

/* Outer Ethernet (inner, really: 14), IP 40 or 20, UDP 8, VXLAN 8. */
uint32_t overlay_overhead(uint8_t family)
{
	return family == AF_INET6 ? 70 : 50;
}

/* --- the VTEP ------------------------------------------------------------- */

/* With a table, the family of the peers decides: a dual-stack NIC has both. */
static bool overlay_may_be_local(const struct overlay *o,
				 const struct netlink_addr *addr)
{
	if (addr->scope != RT_SCOPE_UNIVERSE)
		return false;
	for (size_t i = 0; i < o->config->n_nodes; i++) {
		const struct inet_addr *vtep = &o->config->nodes[i].vtep;

		if (vtep->family)
			return vtep->family == addr->address.addr.family;
	}
	return true;
}

static int overlay_local_of_device(struct overlay *o, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	int r;

	r = netlink_addr_list(o->host, o->device.index, AF_UNSPEC, &addrs, err);
	if (r < 0)
		return error_context(err, "vxlan.device %s", o->device.name);
	for (size_t i = 0; i < addrs.count; i++) {
		if (!overlay_may_be_local(o, &addrs.items[i]))
			continue;
		o->want.local = addrs.items[i].address.addr;
		return 0;
	}
	return error_set(
		err, ERROR_OVERLAY, 0,
		"vxlan.device %s has no address that could be the VTEP of node \"%s\" (from %s)",
		o->device.name, o->node->name, o->node->name_source);
}

static int overlay_find_device(struct overlay *o, struct error *err)
{
	const char *name = o->config->vxlan.device;
	int r;

	if (!name)
		return 0;
	r = netlink_link_get(o->host, name, &o->device, err);
	if (r < 0)
		return error_context(err, "vxlan.device");
	if (r == NETLINK_ABSENT)
		return error_set(err, ERROR_OVERLAY, 0,
				 "vxlan.device: there is no link %s", name);
	return 0;
}

/* The kernel tells its own addresses by its routes. Those of a link in a VRF are
 * in a table that is not asked. */
static int overlay_is_routed_here(const struct overlay *o, bool *ret,
				  struct error *err)
{
	struct netlink_route route = { 0 };
	int r;

	r = netlink_route_get(o->host, &o->want.local, &route, err);
	*ret = r == 0 && route.type == RTN_LOCAL;
	return r < 0 ? r : 0;
}

static int overlay_check_local(const struct overlay *o, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	char text[INET_ADDR_TEXT];
	bool found;
	int r;

	r = overlay_is_routed_here(o, &found, err);
	if (r < 0)
		return error_context(err, "look for the VTEP");
	if (found)
		return 0;
	r = netlink_addr_list(o->host, 0, o->want.local.family, &addrs, err);
	if (r < 0)
		return error_context(err, "look for the VTEP");
	for (size_t i = 0; i < addrs.count; i++)
		if (inet_addr_equal(&addrs.items[i].address.addr,
				    &o->want.local))
			return 0;
	return error_set(
		err, ERROR_OVERLAY, 0,
		"VTEP %s of node \"%s\" (from %s) is on no link of this node: add it, or correct nodes.%s.vtep",
		inet_addr_format(&o->want.local, text), o->node->name,
		o->node->name_source, o->node->name);
}

int overlay_find_local(struct overlay *o, struct error *err)
{
	const struct config_node *row = o->node->row;
	int r;

	r = overlay_find_device(o, err);
	if (r < 0)
		return r;
	if (row && row->vtep.family) {
		o->want.local = row->vtep;
		return overlay_check_local(o, err);
	}
	if (o->device.index)
		return overlay_local_of_device(o, err);
	return error_set(
		err, ERROR_OVERLAY, 0,
		"no VTEP for node \"%s\" (from %s): it has no %s in \"nodes\", and vxlan.device is not given",
		o->node->name, o->node->name_source, row ? "vtep" : "row");
}

/* --- the MTU --------------------------------------------------------------- */

struct overlay_path {
	const char *node; /* the peer's name */
	const struct inet_addr *peer;
	uint32_t mtu; /* underlay */
	char device[IFNAMSIZ];
};

/* @link is that of the peer before: most peers are behind the same.
 * Return: 0; NETLINK_ABSENT if there is no way to the peer now; or negative */
static int overlay_path(const struct overlay *o, size_t i,
			struct netlink_link *link, struct overlay_path *ret,
			struct error *err)
{
	struct netlink_route route = { 0 };
	int r = 0;

	ret->node = o->config->nodes[i].name;
	ret->peer = overlay_peer(o, i);
	r = netlink_route_get(o->host, ret->peer, &route, err);
	if (r < 0)
		return error_context(err, "path to %s", ret->node);
	if (r != 0 || route.index == 0)
		return NETLINK_ABSENT;
	if (route.type != 0 && route.type != RTN_UNICAST)
		return NETLINK_ABSENT;
	if (route.index != link->index)
		r = netlink_link_get_index(o->host, route.index, link, err);
	if (r != 0)
		return r;
	ret->mtu = link->mtu;
	if (route.mtu && route.mtu < ret->mtu)
		ret->mtu = route.mtu;
	memcpy(ret->device, link->name, sizeof(ret->device));
	return 0;
}

/*
 * Is the default route the only way to a peer? Then the path says little: on a
 * mesh of direct links that is what remains while a link flaps. Lowering the
 * overlay lowers its children in every pod, and raising it again does not raise
 * them (drivers/net/macvlan.c, macvlan_device_event), so a flap must not.
 */
static int overlay_is_by_default(const struct overlay *o,
				 const struct inet_addr *peer, bool *ret,
				 struct error *err)
{
	cleanup_netlink_routes struct netlink_routes routes = { 0 };
	int r;

	*ret = true;
	r = netlink_route_list(o->host, 0, peer->family, &routes, err);
	if (r < 0)
		return error_context(err, "routes");
	for (size_t i = 0; i < routes.count; i++)
		if (!inet_prefix_is_default(&routes.items[i].dst) &&
		    inet_prefix_contains(&routes.items[i].dst, peer))
			*ret = false;
	return 0;
}

/* Would this path shrink an overlay that is in use, on thin evidence? */
static int overlay_ignores(const struct overlay *o,
			   const struct overlay_path *path, bool *ret,
			   struct error *err)
{
	int r;

	*ret = false;
	if (!o->link.index ||
	    path->mtu >= o->link.mtu + overlay_overhead(o->want.local.family))
		return 0;
	r = overlay_is_by_default(o, path->peer, ret, err);
	if (r == 0 && *ret)
		log_warning(
			"%s: mtu %u stays, though the default route to %s over %s has only %u: is its link down?",
			o->link.name, o->link.mtu, path->node, path->device,
			path->mtu);
	return r;
}

static int overlay_smallest(const struct overlay *o, struct overlay_path *ret,
			    struct error *err)
{
	struct netlink_link link = { 0 };
	struct overlay_path path;
	bool ignored;
	int r;

	*ret = (struct overlay_path){ 0 };
	for (size_t i = 0; i < o->config->n_nodes; i++) {
		if (!overlay_peer(o, i))
			continue;
		r = overlay_path(o, i, &link, &path, err);
		if (r < 0)
			return r;
		if (r != 0 || (ret->mtu && ret->mtu <= path.mtu))
			continue;
		r = overlay_ignores(o, &path, &ignored, err);
		if (r < 0)
			return r;
		if (!ignored)
			*ret = path;
	}
	return 0;
}

int overlay_path_mtu(const struct overlay *o, uint32_t *ret, struct error *err)
{
	struct overlay_path path;
	uint32_t underlay;
	int r;

	r = overlay_smallest(o, &path, err);
	if (r < 0)
		return r;

	underlay = path.mtu;
	if (!underlay && !(o->device.flags & IFF_LOOPBACK))
		underlay = o->device.mtu;
	if (!underlay && o->link.index) {
		*ret = 0;
		return 0;
	}
	if (!underlay)
		underlay = OVERLAY_UNDERLAY_MTU;
	if (underlay > OVERLAY_MTU_MAX)
		underlay = OVERLAY_MTU_MAX;
	if (underlay <= overlay_overhead(o->want.local.family))
		return error_set(err, ERROR_OVERLAY, 0,
				 "mtu %u below leaves no room for VXLAN",
				 underlay);
	*ret = underlay - overlay_overhead(o->want.local.family);
	return 0;
}

int overlay_warn_mtu(const struct overlay *o, struct error *err)
{
	struct overlay_path path;
	int r;

	r = overlay_smallest(o, &path, err);
	if (r < 0)
		return r;
	if (path.mtu &&
	    path.mtu < o->config->vxlan.mtu +
			       overlay_overhead(o->want.local.family))
		log_warning(
			"%s: vxlan.mtu %u does not fit the path to %s: %s has %u, less %u; larger frames travel as fragments",
			o->config->master, o->config->vxlan.mtu, path.node,
			path.device, path.mtu,
			overlay_overhead(o->want.local.family));
	return 0;
}
