/* The parent as a source of addresses: from which parent one may leave, and which
 * those are that are this node's. Why: see migrate.c. */

#include "lib/log.h"
#include "plugin/shim-priv.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* --- from which parent ------------------------------------------------------------ */

bool migrate_encapsulates(const struct netlink_link *parent)
{
	static const char *const kinds[] = { "vxlan", "geneve", "gretap",
					     "ip6gretap" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(parent->kind, kinds[i]) == 0)
			return true;
	return false;
}

bool migrate_is_ours(const struct shim *s)
{
	return s->config->vxlan.present;
}

bool migrate_is_for(const struct shim *s)
{
	return migrate_encapsulates(s->parent) || s->config->shim.migrate;
}

/* Policy tables may have a default route of their own: it moves as any other. */
static bool migrate_is_default(const struct netlink_route *route)
{
	return route->dst.len == 0 && route->type == RTN_UNICAST &&
	       (route->table == RT_TABLE_MAIN ||
		route->table == RT_TABLE_DEFAULT);
}

static int migrate_check_default(const struct shim *s, const char *address,
				 struct error *err)
{
	cleanup_netlink_routes struct netlink_routes routes = { 0 };
	const char *parent = s->parent->name;
	int r;

	r = netlink_route_list(s->host, s->parent->index, AF_UNSPEC, &routes,
			       err);
	if (r < 0)
		return error_context(err, "routes over %s", parent);
	for (size_t i = 0; i < routes.count; i++)
		if (migrate_is_default(&routes.items[i]))
			return error_set(
				err, ERROR_SHIM, 0,
				"%s stays on %s, which has the default route: without it the node would be off its network; give the shim another address",
				address, parent);
	return 0;
}

static int migrate_check_lifetime(const struct shim *s,
				  const struct netlink_addr *addr,
				  const char *address, struct error *err)
{
	if (!addr->has_lifetime)
		return 0;
	return error_set(
		err, ERROR_SHIM, 0,
		"%s stays on %s: it has a lifetime, so a DHCP client or router advertisements own it; make it a static address, or give the shim another",
		address, s->parent->name);
}

int migrate_check(const struct shim *s, const struct netlink_addr *addr,
		  struct error *err)
{
	char address[INET_PREFIX_TEXT];
	int r;

	inet_prefix_format(&addr->address, address);
	if (!migrate_is_for(s))
		return error_set(
			err, ERROR_SHIM, 0,
			"%s is the address of %s itself: give the shim another address of that subnet, or let it move with \"hostShim\": {\"migrate\": true}",
			address, s->parent->name);
	r = migrate_check_lifetime(s, addr, address, err);
	if (r < 0)
		return r;
	return migrate_check_default(s, address, err);
}

/* --- which ------------------------------------------------------------------------ */

static bool migrate_is_candidate(const struct shim *s,
				 const struct netlink_addr *addr)
{
	if (addr->scope != RT_SCOPE_UNIVERSE ||
	    addr->flags & (IFA_F_DEPRECATED | IFA_F_SECONDARY) ||
	    !shim_is_in_ranges(s, &addr->address.addr))
		return false;
	for (size_t i = 0; i < s->n_want; i++)
		if (s->want[i].subnet.addr.family == addr->address.addr.family)
			return false;
	return true;
}

/* Now that this network has an address it uses the parent's shim, whoever made
 * it: shim_look_up() did not ask for one. */
static int migrate_want(struct shim *s, const struct inet_prefix *address,
			struct error *err)
{
	int r;

	shim_want(s, address);
	if (s->link.index != 0)
		return 0;
	r = shim_find(s->host, s->config, s->parent, &s->link, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT)
		s->link = (struct netlink_link){ 0 };
	return shim_load(s, err);
}

static int migrate_consider(struct shim *s, const struct netlink_addr *addr,
			    struct error *err)
{
	struct error why = { 0 };

	if (!migrate_is_candidate(s, addr))
		return 0;
	if (migrate_check(s, addr, &why) == 0)
		return migrate_want(s, &addr->address, err);
	if (s->config->shim.present || why.code != ERROR_SHIM) {
		*err = why;
		return error_return(err);
	}
	if (s->how == NODE_REPAIR)
		log_warning("no host shim: %s", why.details);
	return 0;
}

int migrate_from_parent(struct shim *s, struct error *err)
{
	int r;

	if (!migrate_is_for(s) ||
	    (!s->config->shim.migrate && !migrate_is_ours(s) &&
	     s->config->ipam.n_sets == 0))
		return 0;
	r = node_parent_list(s->host, s->parent, s->on, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->on->addrs.count; i++) {
		r = migrate_consider(s, &s->on->addrs.items[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}
