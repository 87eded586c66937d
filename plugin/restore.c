#include "plugin/restore.h"

#include "lib/announce.h"
#include "lib/log.h"
#include "lib/sysctl.h"
#include "plugin/shim.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/*
 * migrate.c the other way round, while the addresses are in use:
 *
 *	0  the parent takes what arrives while the shim's routes still win: where
 *	   it filters strictly (rp_filter 1), 2 for now
 *	1  addresses added on the parent, IPv6 without duplicate address
 *	   detection, and waited for
 *	2  the shim's routes, of all tables, appended on the parent: the shim's
 *	   still win
 *	3  all routes deleted on the shim, the connected ones too: the parent's
 *	   serve. What arrives at the shim is still taken, its rp_filter is 2 and
 *	   it still has its addresses (one without any drops everything)
 *	4  the parent's rp_filter as it was, and its arp_ignore
 *	5  the shim says nothing any more (arp_ignore=8), the parent is announced
 *	6  the shim deleted, and with it its addresses
 *	7  looked at, and announced again, for who missed the first
 *
 * Until 6 the shim is there with all its addresses, which is the mark of an
 * unfinished run: the next one finds done what was done, and goes on. Nothing is
 * lost on the way: an address is on both, or on the parent.
 *
 * What rp_filter was must outlive us, or a run that is killed between 0 and 4
 * leaves the parent with a 2 that nobody set. It is kept in the shim's "tag"
 * (net.ipv4.conf.*.tag, a number for whoever needs one), which goes with the
 * shim. arp_ignore becomes what a new link has: nobody knows what it was before
 * the migration, and 0 is what it was nearly always.
 */

enum {
	RESTORE_STRICT = 1, /* rp_filter */
	RESTORE_LOOSE = 2,
	RESTORE_QUIET = 8, /* arp_ignore: answers for no local address */
};

void restore_clear(struct restore *restore)
{
	netlink_addrs_clear(&restore->addrs);
	netlink_saved_clear(&restore->routes);
	netlink_saved_clear(&restore->old);
}

/* --- what goes back ------------------------------------------------------------- */

static bool restore_has(const struct netlink_addrs *addrs,
			const struct inet_prefix *address)
{
	for (size_t i = 0; i < addrs->count; i++)
		if (inet_prefix_equal(&addrs->items[i].address, address))
			return true;
	return false;
}

/* Does the parent have a subnet for it that is not the shim's, too? */
static bool restore_is_beside(const struct netlink_addrs *parent,
			      const struct netlink_addrs *shim,
			      const struct netlink_addr *addr)
{
	for (size_t i = 0; i < parent->count; i++) {
		const struct inet_prefix *have = &parent->items[i].address;

		if (inet_prefix_contains(have, &addr->address.addr) &&
		    !inet_addr_equal(&have->addr, &addr->address.addr) &&
		    !restore_has(shim, have))
			return true;
	}
	return false;
}

static bool restore_is_link_local(const struct netlink_addr *addr)
{
	return addr->address.addr.family == AF_INET6 &&
	       addr->scope == RT_SCOPE_LINK;
}

static int restore_check(const struct restore *restore,
			 const struct netlink_addr *addr, struct error *err)
{
	char text[INET_PREFIX_TEXT];

	if (!addr->has_lifetime)
		return 0;
	return error_set(err, ERROR_SHIM, 0,
			 "%s of %s has a lifetime, so a DHCP client or router "
			 "advertisements own it: stop them, or make it a "
			 "static address",
			 inet_prefix_format(&addr->address, text),
			 restore->shim->name);
}

int restore_plan(struct restore *restore, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs parent = { 0 };
	cleanup_netlink_addrs struct netlink_addrs shim = { 0 };
	struct netlink_addrs *ret = &restore->addrs;
	int r;

	r = netlink_addr_list(restore->host, restore->parent->index, AF_UNSPEC,
			      &parent, err);
	if (r == 0)
		r = netlink_addr_list(restore->host, restore->shim->index,
				      AF_UNSPEC, &shim, err);
	if (r < 0)
		return r;
	ret->items = calloc(shim.count + 1, sizeof(*ret->items));
	if (!ret->items)
		return error_oom(err);
	for (size_t i = 0; i < shim.count && r == 0; i++) {
		const struct netlink_addr *addr = &shim.items[i];

		if (restore_is_link_local(addr) ||
		    restore_is_beside(&parent, &shim, addr))
			continue;
		r = restore_check(restore, addr, err);
		ret->items[ret->count++] = *addr;
	}
	netlink_addrs_sort_by_age(ret);
	if (r == 0 && ret->count && !(restore->parent->flags & IFF_UP))
		r = error_set(
			err, ERROR_SHIM, 0,
			"%s is down, and cannot carry the addresses of %s",
			restore->parent->name, restore->shim->name);
	return r;
}

static bool restore_moves_family(const struct restore *restore, uint8_t family)
{
	for (size_t i = 0; i < restore->addrs.count; i++)
		if (restore->addrs.items[i].address.addr.family == family)
			return true;
	return false;
}

/* --- 0 and 4: the parent's switches ----------------------------------------------- */

static int restore_switch(const struct netlink_link *link, const char *key,
			  int value, struct error *err)
{
	int r = sysctl_ensure(-1, AF_INET, link->name, key, value, err);

	return r < 0 ? r : 0;
}

/* 0 where there is no such switch, as a link that was never configured has. */
static int restore_read(const char *ifname, const char *key, int *ret,
			struct error *err)
{
	int r;

	*ret = 0;
	r = sysctl_get(-1, AF_INET, ifname, key, ret, err);
	return r < 0 ? r : 0;
}

static int restore_loosen(struct restore *restore, struct error *err)
{
	const char *parent = restore->parent->name;
	int all, own, tag;

	if (!restore_moves_family(restore, AF_INET))
		return 0;
	if (restore_read("all", "rp_filter", &all, err) < 0 ||
	    restore_read(parent, "rp_filter", &own, err) < 0 ||
	    restore_read(restore->shim->name, "tag", &tag, err) < 0)
		return error_return(err);
	/* The larger one counts. */
	if (tag == 0 && (all > own ? all : own) != RESTORE_STRICT)
		return 0;
	if (tag == 0 && restore_switch(restore->shim, "tag", own + 1, err) < 0)
		return error_return(err);
	return restore_switch(restore->parent, "rp_filter", RESTORE_LOOSE, err);
}

static int restore_tighten(struct restore *restore, struct error *err)
{
	int ignore, fresh, tag;

	if (!restore_moves_family(restore, AF_INET))
		return 0;
	if (restore_read(restore->shim->name, "tag", &tag, err) < 0 ||
	    restore_read(restore->parent->name, "arp_ignore", &ignore, err) <
		    0 ||
	    restore_read("default", "arp_ignore", &fresh, err) < 0)
		return error_return(err);
	if (tag > 0 &&
	    restore_switch(restore->parent, "rp_filter", tag - 1, err) < 0)
		return error_return(err);
	return ignore == 1 ? restore_switch(restore->parent, "arp_ignore",
					    fresh, err)
			   : 0;
}

/* --- 1: addresses on the parent ----------------------------------------------------- */

/* The same on the parent: nobody's any more, and a label that is only the
 * link's name becomes that of the parent. */
static struct netlink_addr restore_on_parent(const struct restore *restore,
					     const struct netlink_addr *from)
{
	struct netlink_addr addr = *from;

	addr.index = restore->parent->index;
	if (addr.address.addr.family == AF_INET6)
		addr.flags |= IFA_F_NODAD;
	if (addr.protocol == SHIM_PROTOCOL)
		addr.protocol = 0;
	if (strcmp(addr.label, restore->shim->name) == 0)
		addr.label[0] = '\0';
	return addr;
}

static int restore_add(struct restore *restore, struct error *err)
{
	for (size_t i = 0; i < restore->addrs.count; i++) {
		struct netlink_addr addr =
			restore_on_parent(restore, &restore->addrs.items[i]);

		if (netlink_addr_add(restore->host, &addr, err) < 0)
			return error_return(err);
	}
	return 0;
}

static int restore_settle(struct restore *restore, struct error *err)
{
	for (size_t i = 0; i < restore->addrs.count; i++) {
		struct netlink_addr addr =
			restore_on_parent(restore, &restore->addrs.items[i]);

		if (netlink_addr_settle(restore->host, &addr, err) < 0)
			return error_return(err);
	}
	return 0;
}

/* --- 2 and 3: routes ------------------------------------------------------------------- */

/* Connected by hand: nobody makes this route when the address comes. */
static bool restore_is_connected_by_hand(const struct restore *restore,
					 const struct netlink_route *route)
{
	for (size_t i = 0; i < restore->addrs.count; i++) {
		const struct netlink_addr *addr = &restore->addrs.items[i];
		struct inet_addr first = inet_prefix_first(&addr->address);

		if (addr->flags & IFA_F_NOPREFIXROUTE &&
		    addr->address.len == route->dst.len &&
		    inet_addr_equal(&first, &route->dst.addr))
			return true;
	}
	return false;
}

/* Our own ways to pods beside a NIC go with the shim. */
static bool restore_takes_route(const struct netlink_route *route, void *arg)
{
	if (route->protocol == RTPROT_KERNEL)
		return restore_is_connected_by_hand(arg, route);
	return route->protocol != SHIM_PROTOCOL;
}

static bool restore_drops_route(const struct netlink_route *route, void *arg)
{
	(void)arg;
	return route->protocol != SHIM_PROTOCOL;
}

static int restore_carry_routes(struct restore *restore, struct error *err)
{
	int r;

	r = netlink_routes_save_if(restore->host, restore->shim->index,
				   AF_UNSPEC, restore_takes_route, restore,
				   &restore->routes, err);
	return r < 0 ? r
		     : netlink_routes_replay(restore->host, &restore->routes,
					     restore->parent->index, err);
}

static int restore_drop_routes(struct restore *restore, struct error *err)
{
	int r;

	r = netlink_routes_save_if(restore->host, restore->shim->index,
				   AF_UNSPEC, restore_drops_route, restore,
				   &restore->old, err);
	return r < 0 ? r
		     : netlink_routes_drop(restore->host, &restore->old, err);
}

/* --- 5 to 7: announced, gone, looked at -------------------------------------------------- */

static int restore_quiet(struct restore *restore, struct error *err)
{
	return restore_switch(restore->shim, "arp_ignore", RESTORE_QUIET, err);
}

static int restore_announce(struct restore *restore, struct error *err)
{
	const struct netlink_link *parent = restore->parent;

	(void)err;
	for (size_t i = 0; i < restore->addrs.count; i++) {
		const struct inet_addr *addr =
			&restore->addrs.items[i].address.addr;
		struct error why = { 0 };
		char text[INET_ADDR_TEXT];

		if (announce_address(-1, parent->index, &parent->mac, addr,
				     &why) < 0)
			log_warning("%s: announce %s: %s", parent->name,
				    inet_addr_format(addr, text), why.details);
	}
	return 0;
}

static int restore_delete(struct restore *restore, struct error *err)
{
	int r = netlink_link_del(restore->host, restore->shim->index, err);

	return r < 0 ? r : 0;
}

static int restore_verify(struct restore *restore, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs parent = { 0 };
	char text[INET_PREFIX_TEXT];
	int r;

	r = netlink_addr_list(restore->host, restore->parent->index, AF_UNSPEC,
			      &parent, err);
	for (size_t i = 0; i < restore->addrs.count && r == 0; i++) {
		const struct inet_prefix *address =
			&restore->addrs.items[i].address;

		if (!restore_has(&parent, address))
			r = error_set(err, ERROR_SHIM, 0,
				      "%s is not where it was put: who manages "
				      "%s (NetworkManager, systemd-networkd, "
				      "ifupdown) has to leave it alone",
				      inet_prefix_format(address, text),
				      restore->parent->name);
	}
	return r;
}

/* The order is told at the top. Before 6, nothing goes that is not on the parent
 * by then: looked at twice. */
static int (*const restore_steps[])(struct restore *, struct error *) = {
	restore_loosen,       restore_add,         restore_settle,
	restore_carry_routes, restore_drop_routes, restore_tighten,
	restore_quiet,        restore_announce,    restore_verify,
	restore_delete,       restore_verify,      restore_announce,
};

int restore_run(struct restore *restore, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(restore_steps); i++)
		if (restore_steps[i](restore, err) < 0)
			return error_context(err,
					     "give the addresses of %s "
					     "back to %s",
					     restore->shim->name,
					     restore->parent->name);
	return 0;
}
