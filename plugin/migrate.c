#include "plugin/migrate.h"

#include "lib/sysctl.h"
#include "plugin/shim-priv.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * From a parent, the node reaches no pod of its own; so an address that the node
 * has on the parent goes to the shim, while it is in use:
 *
 *	0  the shim is there and UP, rp_filter=2 (shim.c): it takes what arrives
 *	   while the parent's routes still win
 *	1  addresses added on the shim, IPv6 without duplicate address detection;
 *	   and waited for: IPv6 takes a new one late
 *	2  the parent's routes, of all tables, appended on the shim: the parent's
 *	   still win
 *	3  announced: whatever arrives from now on arrives at the shim. Before
 *	   anything goes from the parent: one without an address drops what is
 *	   sent to its MAC at rp_filter 1 and 2
 *	4  arp_ignore=1 on the parent, or it would go on answering for the shim's
 *	   address with its own MAC
 *	5  routes deleted on the parent (IPv6: or they were half of every flow's
 *	   way), then the addresses, last come first gone: an IPv4 secondary
 *	   before its primary, which would take it along
 *	6  looked at, and announced again, for who missed the first
 *
 * Nothing is lost on the way, and nothing if we are killed on it: until 5 the
 * parent serves with all that it had, from 3 on the shim does too. The mark of
 * an unfinished migration is the address that is still on the parent: the
 * routes go before it, because one that was left on an address-less parent would
 * need a dump of all routes in every run to be seen. What is there already is
 * left as it is in 1 and 2, so the next run takes the same way from any point.
 * The way back, if a change fails, is the same: the parent first, then the shim.
 *
 * What moves:
 *
 *	the node's address, when it is on the parent;
 *	what shares its subnet there (IPv4 secondaries go with their primary);
 *	what is on both, left by a run that was killed;
 *	from our own overlay everything but link-local IPv6: it has no use for an
 *	address, and answers in the shim's place. But one in the node's subnet
 *	that is not the node's, alone, is refused: we cannot know whose it is.
 *
 * From somebody else's overlay only the first three: an address of another
 * subnet is a matter of who made it, and the parent still reaches with it what
 * it always reached. A route follows the address that it depends on: its
 * preferred source, else the subnet that its gateway or its destination is in,
 * else the oldest address of the link, which is its source.
 *
 * From which parent: one that encapsulates, or any other with "migrate"; never
 * one with the default route, which the kernel deletes with the last address and
 * without which a node is off its network if we die. A subnet of pods that we do
 * not know (a delegate's) makes somebody else's address ours with "migrate" only.
 * An address with a lifetime belongs to a DHCP client or to router
 * advertisements, which would put it back: refused.
 *
 * Sockets stay as they are. What names the parent does not follow: rules,
 * firewalls, sockets bound to the device, permanent neighbours.
 */

void migrate_clear(struct migration *move)
{
	netlink_addrs_clear(&move->addrs);
	netlink_saved_clear(&move->routes);
	free(move->added);
	free(move->cut);
	*move = (struct migration){ 0 };
}

/* --- 1: addresses on the shim ------------------------------------------------------------- */

/* The same on the shim: ours by its protocol if it is the node's own; a label
 * that is only the link's name becomes that of the shim. */
static struct netlink_addr migrate_on_shim(const struct shim *s,
					   const struct netlink_addr *from)
{
	struct netlink_addr addr = *from;

	addr.index = s->link.index;
	if (addr.address.addr.family == AF_INET6)
		addr.flags |= IFA_F_NODAD;
	if (migrate_is_wanted(s, &addr.address.addr))
		addr.protocol = SHIM_PROTOCOL;
	if (strcmp(addr.label, s->parent->name) == 0)
		addr.label[0] = '\0';
	return addr;
}

/* On the shim it is not ours to delete unless it is on the parent again. */
static int migrate_undo_add(void *step, struct error *err)
{
	struct shim *s = step;
	struct migration *move = &s->move;

	for (size_t i = move->addrs.count; i-- > 0 && !move->stuck;) {
		struct netlink_addr addr;

		if (!move->added[i])
			continue;
		addr = migrate_on_shim(s, &move->addrs.items[i]);
		if (netlink_addr_del(s->host, &addr, err) < 0)
			return error_context(err, "take back the address");
	}
	return 0;
}

static int migrate_add(struct shim *s, struct error *err)
{
	struct migration *move = &s->move;

	undo_push(&s->undo, migrate_undo_add, s);
	for (size_t i = 0; i < move->addrs.count; i++) {
		struct netlink_addr addr =
			migrate_on_shim(s, &move->addrs.items[i]);
		int r;

		r = netlink_addr_add(s->host, &addr, err);
		if (r < 0)
			return r;
		move->added[i] = r != NETLINK_EXISTS;
	}
	return 0;
}

static int migrate_settle(struct shim *s, struct error *err)
{
	for (size_t i = 0; i < s->move.addrs.count; i++) {
		struct netlink_addr addr =
			migrate_on_shim(s, &s->move.addrs.items[i]);

		if (netlink_addr_settle(s->host, &addr, err) < 0)
			return error_return(err);
	}
	return 0;
}

/* --- 2: routes on the shim ------------------------------------------------------------------ */

static int migrate_undo_routes(void *step, struct error *err)
{
	struct shim *s = step;

	if (s->move.stuck)
		return 0;
	return netlink_routes_take_back(s->host, &s->move.routes, s->link.index,
					err);
}

static bool migrate_is_connected(const struct netlink_routes *routes,
				 const struct inet_prefix *address)
{
	for (size_t i = 0; i < routes->count; i++)
		if (routes->items[i].protocol == RTPROT_KERNEL &&
		    inet_prefix_same_network(&routes->items[i].dst, address))
			return true;
	return false;
}

/* An address that was on the shim already has its connected route there, or gets
 * the parent's; the others' are the kernel's work. */
static int migrate_find_cut(struct shim *s, struct error *err)
{
	cleanup_netlink_routes struct netlink_routes routes = { 0 };
	struct migration *move = &s->move;
	int r;

	r = netlink_route_list(s->host, s->link.index, AF_UNSPEC, &routes, err);
	for (size_t i = 0; i < move->addrs.count && r == 0; i++) {
		const struct netlink_addr *addr = &move->addrs.items[i];

		move->cut[i] = !move->added[i] &&
			       !(addr->flags & IFA_F_NOPREFIXROUTE) &&
			       !migrate_is_connected(&routes, &addr->address);
	}
	return r;
}

static int migrate_carry_routes(struct shim *s, struct error *err)
{
	struct migration *move = &s->move;
	int r;

	r = migrate_find_cut(s, err);
	if (r < 0)
		return r;
	r = netlink_routes_save_if(s->host, s->parent->index, AF_UNSPEC,
				   migrate_takes_route, s, &move->routes, err);
	if (r < 0)
		return r;
	undo_push(&s->undo, migrate_undo_routes, s);
	return netlink_routes_replay(s->host, &move->routes, s->link.index,
				     err);
}

/* --- 3 and 6: announced ------------------------------------------------------------------------ */

static int migrate_announce(struct shim *s, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < s->move.addrs.count; i++)
		shim_announce(s, &s->link,
			      &s->move.addrs.items[i].address.addr);
	return 0;
}

/* --- 4: the parent is silent -------------------------------------------------------------------- */

static int migrate_undo_quiet(void *step, struct error *err)
{
	struct shim *s = step;
	int r;

	if (s->move.stuck)
		return 0;
	r = sysctl_ensure(-1, AF_INET, s->parent->name, "arp_ignore",
			  s->move.arp_ignore, err);
	return r < 0 ? r : 0;
}

static bool migrate_moves_family(const struct shim *s, uint8_t family)
{
	for (size_t i = 0; i < s->move.addrs.count; i++)
		if (s->move.addrs.items[i].address.addr.family == family)
			return true;
	return false;
}

/* 2 and above say less still; our overlay has 1 (overlay.c). */
static int migrate_quiet(struct shim *s, struct error *err)
{
	static const struct shared_sysctl ignore = { AF_INET, "arp_ignore", 1 };
	int *have = &s->move.arp_ignore;
	int r;

	if (!migrate_moves_family(s, AF_INET))
		return 0;
	r = sysctl_get(-1, AF_INET, s->parent->name, ignore.key, have, err);
	if (r < 0)
		return r;
	if (r != 0 || (*have > 0 && !migrate_is_ours(s)))
		return 0;
	undo_push(&s->undo, migrate_undo_quiet, s);
	r = shared_sysctls(s->parent, &ignore, 1, NODE_REPAIR, err);
	return r < 0 ? r : 0;
}

/* --- 5: gone from the parent ---------------------------------------------------------------------- */

/* What was there comes back as it was, but that IPv6 does not look for
 * duplicates of an address that it had a moment ago. */
static int migrate_restore(struct shim *s, struct error *err)
{
	struct migration *move = &s->move;

	for (size_t i = 0; i < move->addrs.count; i++) {
		struct netlink_addr addr = move->addrs.items[i];

		if (addr.address.addr.family == AF_INET6)
			addr.flags |= IFA_F_NODAD;
		if (netlink_addr_add(s->host, &addr, err) < 0 ||
		    netlink_addr_settle(s->host, &addr, err) < 0)
			return error_context(err, "put the address back");
	}
	return netlink_routes_replay(s->host, &move->routes, s->parent->index,
				     err);
}

/* If the way back fails, the shim keeps what it has: the next run goes on. */
static int migrate_undo_leave(void *step, struct error *err)
{
	struct shim *s = step;

	if (migrate_restore(s, err) < 0) {
		s->move.stuck = true;
		s->made.index = 0;
		return error_context(err, "%s keeps what was moved",
				     s->link.name);
	}
	for (size_t i = 0; i < s->move.addrs.count; i++)
		shim_announce(s, s->parent,
			      &s->move.addrs.items[i].address.addr);
	return 0;
}

static int migrate_leave(struct shim *s, struct error *err)
{
	struct migration *move = &s->move;
	char text[INET_PREFIX_TEXT];
	int r;

	undo_push(&s->undo, migrate_undo_leave, s);
	r = netlink_routes_drop(s->host, &move->routes, err);
	if (r < 0)
		return r;
	for (size_t i = move->addrs.count; i-- > 0;) {
		const struct netlink_addr *addr = &move->addrs.items[i];

		r = netlink_addr_del(s->host, addr, err);
		if (r < 0)
			return r;
		shared_changed(&s->link, "%s moved here from %s",
			       inet_prefix_format(&addr->address, text),
			       s->parent->name);
	}
	return 0;
}

/* --- 6: looked at ------------------------------------------------------------------------------------- */

static int migrate_verify(struct shim *s, struct error *err)
{
	char text[INET_PREFIX_TEXT];
	int r;

	s->on->is_listed = false;
	r = node_parent_list(s->host, s->parent, s->on, err);
	if (r == 0)
		r = shim_load(s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->move.addrs.count; i++) {
		const struct inet_prefix *address =
			&s->move.addrs.items[i].address;

		if (!migrate_has(&s->addrs, address) ||
		    migrate_has(&s->on->addrs, address))
			return error_set(
				err, ERROR_SHIM, 0,
				"%s is not where it was put: who manages %s (NetworkManager, systemd-networkd, ifupdown) has to leave it alone",
				inet_prefix_format(address, text),
				s->parent->name);
	}
	return 0;
}

/* The order is told at the top. */
static int (*const migrate_steps[])(struct shim *, struct error *) = {
	migrate_add,   migrate_settle, migrate_carry_routes, migrate_announce,
	migrate_quiet, migrate_leave,  migrate_verify,       migrate_announce,
};

int migrate_fix(struct shim *s, struct error *err)
{
	char text[INET_PREFIX_TEXT];

	if (s->move.addrs.count == 0)
		return NODE_OK;
	inet_prefix_format(&s->move.addrs.items[0].address, text);
	if (s->how == NODE_LOOK)
		return shared_wrong(err, s->parent, "%s has to move to %s",
				    text, s->link.name);
	for (size_t i = 0; i < ARRAY_SIZE(migrate_steps); i++)
		if (migrate_steps[i](s, err) < 0)
			return error_context(err, "move %s from %s", text,
					     s->parent->name);
	return NODE_CHANGED;
}
