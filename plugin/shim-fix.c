#include "plugin/shim-priv.h"

#include <linux/if_link.h>
#include <sys/socket.h>

/* What the link itself must be, each property by itself: see shim.c. */

int shim_fix_mode(struct shim *s, struct error *err)
{
	static const struct netlink_macvlan bridge = {
		.mode = MACVLAN_MODE_BRIDGE
	};
	int r;

	if (s->link.macvlan.mode == MACVLAN_MODE_BRIDGE)
		return NODE_OK;
	if (s->how == NODE_LOOK)
		return shared_wrong(err, &s->link, "mode is %s, not bridge",
				    config_mode_text(s->link.macvlan.mode));
	r = netlink_macvlan_set(s->host, &s->link, &bridge, err);
	if (shared_must(r, err) < 0)
		return error_context(err, "set mode bridge");
	return shared_changed(&s->link, "mode set to bridge");
}

/* The largest request among a parent's children is in force, and the shim is
 * the child that stays: never lowered, another network may have asked for it. */
int shim_fix_queue(struct shim *s, struct error *err)
{
	const struct netlink_macvlan want = {
		.bc_queue_len = s->config->bc_queue_len,
	};
	int r;

	if (want.bc_queue_len <= s->link.macvlan.bc_queue_len)
		return NODE_OK;
	if (s->how == NODE_LOOK)
		return shared_wrong(err, &s->link, "bcqueuelen is %u, not %u",
				    s->link.macvlan.bc_queue_len,
				    want.bc_queue_len);
	r = netlink_macvlan_set(s->host, &s->link, &want, err);
	if (shared_must(r, err) < 0)
		return error_context(err, "set bcqueuelen %u",
				     want.bc_queue_len);
	return shared_changed(&s->link, "bcqueuelen set to %u",
			      want.bc_queue_len);
}

int shim_fix_mtu(struct shim *s, struct error *err)
{
	const struct netlink_link_change change = {
		.mtu = s->config->shim.mtu ? s->config->shim.mtu
					   : s->parent->mtu,
	};
	int r;

	if (s->link.mtu == change.mtu)
		return NODE_OK;
	if (s->how == NODE_LOOK)
		return shared_wrong(err, &s->link, "mtu is %u, not %u",
				    s->link.mtu, change.mtu);
	r = netlink_link_set(s->host, s->link.index, &change, err);
	if (shared_must(r, err) < 0)
		return error_context(err, "set mtu %u", change.mtu);
	return shared_changed(&s->link, "mtu set to %u", change.mtu);
}

static bool shim_wants_ipv6(const struct shim *s)
{
	for (size_t i = 0; i < s->n_want; i++)
		if (s->want[i].address.addr.family == AF_INET6)
			return true;
	for (size_t i = 0; i < s->move.addrs.count; i++)
		if (s->move.addrs.items[i].address.addr.family == AF_INET6)
			return true;
	return false;
}

int shim_fix_sysctls(struct shim *s, struct error *err)
{
	static const struct shared_sysctl wanted[] = {
		{ AF_INET, "rp_filter", 2 },     { AF_INET, "arp_ignore", 1 },
		{ AF_INET, "arp_announce", 2 },  { AF_INET6, "accept_ra", 0 },
		{ AF_INET6, "disable_ipv6", 0 },
	};
	/* Where no IPv6 is wanted, it is not for us to switch it on. */
	size_t count = ARRAY_SIZE(wanted) - (shim_wants_ipv6(s) ? 0 : 1);

	return shared_sysctls(&s->link, wanted, count, s->how, err);
}

int shim_fix_up(struct shim *s, struct error *err)
{
	static const struct netlink_link_change up = { .set_up = true,
						       .up = true };
	char mac[INET_MAC_TEXT];
	int r;

	if (s->link.flags & IFF_UP)
		return NODE_OK;
	if (s->how == NODE_LOOK)
		return shared_wrong(err, &s->link, "is down");
	r = netlink_link_set(s->host, s->link.index, &up, err);
	if (r == NETLINK_BUSY)
		return error_context(err,
				     "set up: MAC %s is in use on %s already",
				     inet_mac_format(&s->link.mac, mac),
				     s->parent->name);
	if (shared_must(r, err) < 0)
		return error_context(err, "set up");
	return shared_changed(&s->link, "set up");
}

/*
 * A link answers for any address of its node (arp_ignore=0), so that the other
 * nodes would learn the parent's MAC beside the shim's, and strict filtering drops
 * what they send there. Our own overlay is quiet before (overlay.c), one that an
 * address moved from as well (migrate.c); of what is left, only a tunnel without
 * an IPv4 address is touched: it has no other word to say. A NIC's switches are
 * its administrator's.
 */
int shim_fix_parent(struct shim *s, struct error *err)
{
	static const struct shared_sysctl ignore = { AF_INET, "arp_ignore", 1 };
	int r;

	if (migrate_is_ours(s) || !migrate_encapsulates(s->parent))
		return NODE_OK;
	r = node_parent_list(s->host, s->parent, s->on, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->on->addrs.count; i++)
		if (s->on->addrs.items[i].address.addr.family == AF_INET)
			return NODE_OK;
	return shared_sysctls(s->parent, &ignore, 1, s->how, err);
}
