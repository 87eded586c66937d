/* What moves: see migrate.c. */

#include "plugin/shim-priv.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

/* --- which ------------------------------------------------------------------------ */

bool migrate_is_link_local(const struct netlink_addr *addr)
{
	return addr->address.addr.family == AF_INET6 &&
	       addr->scope == RT_SCOPE_LINK;
}

bool migrate_has(const struct netlink_addrs *addrs,
		 const struct inet_prefix *address)
{
	for (size_t i = 0; i < addrs->count; i++)
		if (inet_prefix_equal(&addrs->items[i].address, address))
			return true;
	return false;
}

bool migrate_is_wanted(const struct shim *s, const struct inet_addr *addr)
{
	for (size_t i = 0; i < s->n_want; i++)
		if (inet_addr_equal(&s->want[i].subnet.addr, addr))
			return true;
	return false;
}

/* In the subnet of an address of the node that is on the parent? */
static bool migrate_accompanies(const struct shim *s,
				const struct inet_addr *addr)
{
	for (size_t i = 0; i < s->n_want; i++)
		if (inet_prefix_contains(&s->want[i].subnet, addr) &&
		    migrate_has(&s->on->addrs, &s->want[i].subnet))
			return true;
	return false;
}

static bool migrate_has_to_move(const struct shim *s,
				const struct netlink_addr *addr)
{
	const struct inet_addr *own = &addr->address.addr;

	if (migrate_is_link_local(addr))
		return false;
	if (migrate_is_wanted(s, own) || migrate_accompanies(s, own))
		return true;
	return migrate_is_for(s) &&
	       (migrate_has(&s->addrs, &addr->address) || migrate_is_ours(s));
}

bool migrate_is_moving(const struct shim *s, const struct netlink_addr *addr)
{
	return migrate_has(&s->move.addrs, &addr->address);
}

/* --- what speaks against it ------------------------------------------------------- */

static const struct shim_address *
migrate_subnet_of(const struct shim *s, const struct inet_prefix *address)
{
	for (size_t i = 0; i < s->n_want; i++)
		if (inet_prefix_contains(&s->want[i].subnet, &address->addr))
			return &s->want[i];
	return NULL;
}

/* The node's own, with another length than it is configured with: one of the
 * two is a mistake, and the subnet's other hosts hang on it. */
static int migrate_check_length(const struct shim *s,
				const struct inet_prefix *have,
				const struct inet_prefix *want,
				struct error *err)
{
	char have_text[INET_PREFIX_TEXT], want_text[INET_PREFIX_TEXT];

	if (have->len == want->len)
		return 0;
	return error_set(
		err, ERROR_SHIM, 0,
		"%s has %s, and the shim is to have %s: make the prefix lengths agree",
		s->parent->name, inet_prefix_format(have, have_text),
		inet_prefix_format(want, want_text));
}

/* Our overlay carries one of the node's subnet, and not the node's own. */
static int migrate_check_company(const struct shim *s,
				 const struct netlink_addr *addr,
				 const struct inet_prefix *want,
				 struct error *err)
{
	char have_text[INET_PREFIX_TEXT], want_text[INET_PREFIX_TEXT];

	if (migrate_accompanies(s, &addr->address.addr) ||
	    migrate_has(&s->addrs, &addr->address))
		return 0;
	inet_prefix_format(&addr->address, have_text);
	return error_set(
		err, ERROR_SHIM, 0,
		"%s carries %s, of the subnet of %s, which belongs on the shim: \"ip address del %s dev %s\", or make it this node's address",
		s->parent->name, have_text, inet_prefix_format(want, want_text),
		have_text, s->parent->name);
}

/* Linux 5.18 and later know whose an address is, lo's first of all. Before that,
 * one of the node's subnet beside the node's own would look like one that we
 * gave the shim and should take away (shim_is_stale()). */
static int migrate_check_owner(const struct shim *s,
			       const struct netlink_addr *addr,
			       struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs lo = { 0 };
	char text[INET_PREFIX_TEXT];
	int r;

	r = netlink_addr_list(s->host, 1, AF_UNSPEC, &lo, err);
	if (r < 0)
		return error_context(err, "addresses of lo");
	for (size_t i = 0; i < lo.count; i++)
		if (lo.items[i].protocol)
			return 0;
	return error_set(
		err, ERROR_SHIM, 0,
		"%s of %s cannot be told from an address of the shim by this kernel (before 5.18, or lo is down): give it the length of a host, or take it off",
		inet_prefix_format(&addr->address, text), s->parent->name);
}

static int migrate_check_relation(const struct shim *s,
				  const struct netlink_addr *addr,
				  struct error *err)
{
	const struct shim_address *want = migrate_subnet_of(s, &addr->address);
	int r;

	if (!want)
		return 0;
	if (inet_addr_equal(&want->subnet.addr, &addr->address.addr))
		return migrate_check_length(s, &addr->address, &want->subnet,
					    err);
	r = migrate_check_company(s, addr, &want->subnet, err);
	if (r < 0 || addr->address.len != want->subnet.len)
		return r;
	return migrate_check_owner(s, addr, err);
}

/* --- the plan --------------------------------------------------------------------- */

static int migrate_plan_one(struct shim *s, const struct netlink_addr *addr,
			    struct error *err)
{
	int r;

	if (!migrate_has_to_move(s, addr))
		return 0;
	r = migrate_check_relation(s, addr, err);
	if (r == 0)
		r = migrate_check(s, addr, err);
	if (r < 0)
		return r;
	s->move.addrs.items[s->move.addrs.count++] = *addr;
	return 0;
}

int migrate_plan(struct shim *s, struct error *err)
{
	size_t count = s->on->addrs.count;
	struct migration *move = &s->move;
	int r;

	if (count == 0)
		return 0;
	move->addrs.items = calloc(count, sizeof(*move->addrs.items));
	move->added = calloc(count, sizeof(*move->added));
	move->cut = calloc(count, sizeof(*move->cut));
	if (!move->addrs.items || !move->added || !move->cut)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		r = migrate_plan_one(s, &s->on->addrs.items[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}
