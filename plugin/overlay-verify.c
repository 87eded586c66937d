#include "plugin/overlay-priv.h"

#include <stdio.h>
#include <string.h>

/*
 * What cannot be made right in place, and is refused with the way out: a link
 * that is another thing than we need, and a port or id that somebody holds.
 */

static const char overlay_plan[] =
	"it cannot change while it exists; move the pods of this network off the node, then run \"shimctl down\" and \"shimctl up\"";
static const char overlay_foreign_plan[] =
	"hostshim did not make it: adapt the configuration to it, or delete it once no pod of this network runs on the node";

/* --- what cannot be repaired ------------------------------------------------ */

static int overlay_refuse_port_of(const struct overlay *o, struct error *err)
{
	struct netlink_link bridge;
	int r;

	r = netlink_link_get_index(o->host, o->link.master, &bridge, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT)
		snprintf(bridge.name, sizeof(bridge.name), "its master");
	return error_set(
		err, ERROR_OVERLAY, 0,
		"it is a port of %s, and a port cannot have macvlan children: name %s as \"master\" and leave \"vxlan\" out",
		bridge.name, bridge.name);
}

static const char *overlay_kind(const struct netlink_link *link)
{
	return link->kind[0] ? link->kind : "a physical link";
}

static void overlay_diff_group(struct shared_diff *diff,
			       const struct inet_addr *group)
{
	char text[INET_ADDR_TEXT];

	/* A unicast one is an entry of the flood list, and treated so. */
	if (group->family && !inet_addr_is_unicast(group))
		shared_diff_text(diff, "group", inet_addr_format(group, text),
				 "none");
}

/* Bound to a device it reaches only the peers behind that device. */
static void overlay_diff_device(struct shared_diff *diff,
				const struct overlay *o)
{
	char have[IFNAMSIZ + 16];

	if (o->link.vxlan.device == 0 ||
	    o->link.vxlan.device == (uint32_t)o->device.index)
		return;
	snprintf(have, sizeof(have), "link %u", o->link.vxlan.device);
	shared_diff_text(diff, "vxlan.device", have,
			 o->device.index ? o->device.name : "none");
}

int overlay_verify(const struct overlay *o, struct error *err)
{
	const struct netlink_link *have = &o->link;
	struct shared_diff diff = { 0 };

	if (!have->is_vxlan)
		return error_set(
			err, ERROR_OVERLAY, 0,
			"kind is %s, not vxlan: give the overlay another name in \"master\", or leave \"vxlan\" out to use that link",
			overlay_kind(have));
	if (have->vxlan.collect_metadata)
		return error_set(
			err, ERROR_OVERLAY, 0,
			"it is a metadata (external) VXLAN device, whose tunnels another program decides: give the overlay another name in \"master\" and a vxlan.port of its own");
	if (have->master)
		return overlay_refuse_port_of(o, err);

	shared_diff_u32(&diff, "vxlan.id", have->vxlan.id, o->want.id);
	shared_diff_u32(&diff, "vxlan.port", have->vxlan.port, o->want.port);
	shared_diff_text(&diff, "udpcsum", have->vxlan.udpcsum ? "on" : "off",
			 o->want.udpcsum ? "on" : "off");
	overlay_diff_group(&diff, &have->vxlan.group);
	overlay_diff_device(&diff, o);
	if (diff.len == 0)
		return 0;
	return error_set(err, ERROR_OVERLAY, 0, "%s: %s", diff.text,
			 shared_is_marked(have) ? overlay_plan
						: overlay_foreign_plan);
}

static bool overlay_holds_port(const struct netlink_link *link,
			       const struct overlay *o)
{
	return link->is_vxlan && link->index != o->link.index &&
	       link->vxlan.port == o->want.port;
}

static int overlay_refuse_owner(const struct overlay *o,
				const struct netlink_link *owner,
				struct error *err)
{
	char id[32] = "";

	if (owner->vxlan.id == o->want.id && !owner->vxlan.collect_metadata)
		snprintf(id, sizeof(id), " with id %u", owner->vxlan.id);
	return error_set(
		err, ERROR_OVERLAY, 0,
		"%s, a %sVXLAN device%s, holds UDP port %u: choose another vxlan.port on all nodes, or \"master\": \"%s\" if that is the overlay you mean",
		owner->name, owner->vxlan.collect_metadata ? "metadata " : "",
		id, o->want.port, owner->name);
}

/* Two devices share a port only if neither is a metadata device and their
 * flags agree (drivers/net/vxlan, vxlan_find_sock), and never with one id. */
int overlay_refuse_clash(const struct overlay *o, struct error *err)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	int r;

	r = netlink_link_list(o->host, &links, err);
	if (r < 0)
		return error_context(err, "look for the owner of UDP port %u",
				     o->want.port);
	for (size_t i = 0; i < links.count; i++)
		if (overlay_holds_port(&links.items[i], o))
			return overlay_refuse_owner(o, &links.items[i], err);
	return error_set(
		err, ERROR_OVERLAY, 0,
		"another socket of this node holds UDP port %u: choose another vxlan.port on all nodes",
		o->want.port);
}
