#include "plugin/overlay.h"

#include "lib/log.h"
#include "plugin/overlay-priv.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/*
 * The overlay is a list of properties, each with one function that compares it
 * and, if told to, repairs it. Creation makes the barest link (shared.c) and
 * leaves the rest to the same functions, so there is one way to every state,
 * and a run that is killed anywhere is completed by the next one:
 *
 *	device	learning, ageing, local, ttl	one message
 *	mtu
 *	quiet	no IPv6 link-local address (an address-less parent must not talk)
 *	flood	the peers
 *	arp	arp_ignore=1 once it has no IPv4 address: else the parent answers
 *		for the shim's address with its own MAC
 *	up	last: nobody uses an overlay before it is complete, which makes
 *		it safe to take back one whose creation failed here. Only now
 *		the socket is bound, so a clash of ports shows only here
 *
 * What cannot be repaired (overlay-verify.c) is refused before anything is touched. Never is the
 * link deleted to be made anew: the kernel would take the interface of every
 * running pod with it, silently and for good.
 *
 * An unmarked link that fits is used and repaired, and stays unmarked: it was
 * somebody's before us and is not ours to delete.
 */

/* --- what can be repaired ---------------------------------------------------- */

static void overlay_diff_set(const struct overlay *o, struct shared_diff *diff)
{
	const struct netlink_vxlan *have = &o->link.vxlan;
	char have_text[INET_ADDR_TEXT], want_text[INET_ADDR_TEXT];

	shared_diff_text(diff, "learning", have->learning ? "on" : "off",
			 o->want.learning ? "on" : "off");
	shared_diff_u32(diff, "ageing", have->ageing, o->want.ageing);
	shared_diff_u32(diff, "ttl", have->ttl, o->want.ttl);
	shared_diff_text(diff, "local",
			 inet_addr_format(&have->local, have_text),
			 inet_addr_format(&o->want.local, want_text));
}

static int overlay_fix_device(struct overlay *o, struct error *err)
{
	struct shared_diff diff = { 0 };
	int r;

	overlay_diff_set(o, &diff);
	if (diff.len == 0)
		return NODE_OK;
	if (o->how == NODE_LOOK)
		return shared_wrong(err, &o->link, "%s", diff.text);
	r = netlink_vxlan_set(o->host, &o->link, &o->want, err);
	if (shared_must(r, err) < 0)
		return error_context(err, "correct what %s", diff.text);
	return shared_changed(&o->link, "corrected: %s", diff.text);
}

static int overlay_fix_mtu(struct overlay *o, struct error *err)
{
	struct netlink_link_change change = { .mtu = o->config->vxlan.mtu };
	int r;

	if (!change.mtu) {
		r = overlay_path_mtu(o, &change.mtu, err);
		if (r < 0)
			return r;
	}
	if (!change.mtu || change.mtu == o->link.mtu)
		return NODE_OK;
	if (o->how == NODE_LOOK)
		return shared_wrong(err, &o->link, "mtu is %u, not %u",
				    o->link.mtu, change.mtu);
	r = netlink_link_set(o->host, o->link.index, &change, err);
	if (shared_must(r, err) < 0)
		return error_context(err, "set mtu %u", change.mtu);
	if (o->config->vxlan.mtu && overlay_warn_mtu(o, err) < 0)
		return error_return(err);
	return shared_changed(&o->link, "mtu set to %u", change.mtu);
}

static int overlay_del_link_local(struct overlay *o, struct error *err)
{
	int outcome = NODE_OK;
	int r;

	r = node_parent_list(o->host, &o->link, o->on, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < o->on->addrs.count; i++) {
		const struct netlink_addr *addr = &o->on->addrs.items[i];

		if (addr->address.addr.family != AF_INET6 ||
		    addr->scope != RT_SCOPE_LINK)
			continue;
		if (o->how == NODE_LOOK)
			return shared_wrong(err, &o->link,
					    "has an IPv6 link-local address");
		if (netlink_addr_del(o->host, addr, err) < 0)
			return error_context(err,
					     "delete IPv6 link-local address");
		outcome = shared_changed(&o->link,
					 "IPv6 link-local address deleted");
	}
	return outcome;
}

static int overlay_fix_quiet(struct overlay *o, struct error *err)
{
	static const struct netlink_link_change none = { .addr_gen_none =
								 true };
	int r;

	if (!o->link.has_inet6)
		return NODE_OK;
	if (o->link.addr_gen_mode == IN6_ADDR_GEN_MODE_NONE)
		return overlay_del_link_local(o, err);
	if (o->how == NODE_LOOK)
		return shared_wrong(err, &o->link,
				    "makes an IPv6 link-local address");
	r = netlink_link_set(o->host, o->link.index, &none, err);
	if (shared_must(r, err) < 0)
		return error_context(err, "set addrgenmode none");
	r = overlay_del_link_local(o, err);
	return r < 0 ? r : NODE_CHANGED;
}

static int overlay_fix_arp(struct overlay *o, struct error *err)
{
	static const struct shared_sysctl ignore = { AF_INET, "arp_ignore", 1 };
	const struct netlink_addrs *addrs = &o->on->addrs;
	int r;

	r = node_parent_list(o->host, &o->link, o->on, err);
	if (r < 0)
		return r;
	/* IPv4 comes first. */
	if (addrs->count > 0 && addrs->items[0].address.addr.family == AF_INET)
		return NODE_OK;
	return shared_sysctls(&o->link, &ignore, 1, o->how, err);
}

static int overlay_fix_up(struct overlay *o, struct error *err)
{
	static const struct netlink_link_change up = { .set_up = true,
						       .up = true };
	int r;

	if (o->link.flags & IFF_UP)
		return NODE_OK;
	if (o->how == NODE_LOOK)
		return shared_wrong(err, &o->link, "is down");
	r = netlink_link_set(o->host, o->link.index, &up, err);
	if (r == NETLINK_BUSY)
		return overlay_refuse_clash(o, err);
	if (shared_must(r, err) < 0)
		return error_context(err, "set up");
	return shared_changed(&o->link, "set up");
}

/* The order is told at the top. */
static int (*const overlay_fixes[])(struct overlay *, struct error *) = {
	overlay_fix_device, overlay_fix_mtu, overlay_fix_quiet,
	overlay_fix_flood,  overlay_fix_arp, overlay_fix_up,
};

static int overlay_fix(struct overlay *o, struct error *err)
{
	int outcome = NODE_OK;

	for (size_t i = 0; i < ARRAY_SIZE(overlay_fixes); i++) {
		int r;

		shared_checked();
		r = overlay_fixes[i](o, err);
		if (r < 0 || r == NODE_WRONG)
			return r;
		if (r == NODE_CHANGED)
			outcome = NODE_CHANGED;
	}
	return outcome;
}

/* --- from nothing ------------------------------------------------------------ */

static int overlay_create(struct overlay *o, struct shared_link *made,
			  struct error *err)
{
	struct inet_mac mac;
	struct netlink_link_new link = {
		.name = o->config->master,
		.kind = "vxlan",
		.netns = -1,
		.mtu = o->config->vxlan.mtu,
		.mac = &mac,
		.vxlan = o->want,
	};
	int r;

	r = shared_mac(o->node, o->want.local.bytes,
		       inet_family_len(o->want.local.family), link.name, &mac,
		       err);
	if (r < 0)
		return r;
	r = link.mtu ? overlay_warn_mtu(o, err)
		     : overlay_path_mtu(o, &link.mtu, err);
	if (r < 0)
		return r;

	r = shared_create(o->host, &link, link.name, &o->link, made, err);
	if (r == NETLINK_EXISTS || r == NETLINK_BUSY)
		return overlay_refuse_clash(o, err);
	if (r < 0)
		return r;
	return shared_changed(&o->link, "created");
}

/* The whole pass; @o->link is the overlay afterwards. */
static int overlay_pass(struct overlay *o, struct error *err)
{
	struct shared_link made = { 0 };
	cleanup_undo struct undo undo = { 0 };
	int created = NODE_OK;
	int r;

	r = overlay_find_local(o, err);
	if (r < 0)
		return r;
	r = netlink_link_get(o->host, o->config->master, &o->link, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT && o->how == NODE_LOOK) {
		o->link = (struct netlink_link){ 0 };
		error_set(err, ERROR_OVERLAY, 0, "%s does not exist",
			  o->config->master);
		return NODE_WRONG;
	}
	if (r == NETLINK_ABSENT) {
		o->link = (struct netlink_link){ 0 };
		created = overlay_create(o, &made, err);
		if (created < 0)
			return created;
		undo_push(&undo, shared_undo_link, &made);
	}

	r = overlay_verify(o, err);
	if (r < 0)
		return r;
	r = overlay_fix(o, err);
	if (r < 0)
		return r;
	undo_commit(&undo);
	return r == NODE_OK ? created : r;
}

int overlay_ensure(struct netlink *host, const struct config *config,
		   const struct node *node, enum node_ensure how,
		   struct node_parent *ret, struct error *err)
{
	const struct config_vxlan *vxlan = &config->vxlan;
	struct overlay o = {
		.host = host,
		.config = config,
		.node = node,
		.how = how,
		.on = ret,
		.want = {
			.id = vxlan->id,
			.port = vxlan->port,
			.ttl = vxlan->ttl,
			.ageing = vxlan->ageing,
			.learning = vxlan->learning,
			.udpcsum = true, /* the kernel's default */
		},
	};
	int r;

	r = overlay_pass(&o, err);
	ret->link = o.link;
	if (r == NODE_CHANGED) {
		ret->is_listed = false;
		if (shared_must(netlink_link_get_index(host, o.link.index,
						       &ret->link, err),
				err) < 0)
			r = error_return(err);
	}
	if ((r < 0 || r == NODE_WRONG) && err->code == ERROR_LINK)
		error_class(err, ERROR_OVERLAY);
	if (r < 0)
		return error_context(err, "overlay %s", config->master);
	return r;
}
