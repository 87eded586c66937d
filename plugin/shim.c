#include "plugin/shim.h"

#include "lib/log.h"
#include "plugin/shim-priv.h"

#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

/*
 * As the overlay, the shim is a list of properties that are compared and
 * repaired one by one, from whatever is there; creation makes the barest link.
 * Their order, and why:
 *
 *	mode, queue, mtu
 *	sysctls		before it is up: rp_filter=2 first, and kept (a reply
 *			that is steered to the shim while the parent's route
 *			still wins is dropped by strict filtering); it answers
 *			and asks with its own address only (arp_ignore,
 *			arp_announce): beside a NIC it would answer for the
 *			NIC's and poison the neighbours' caches
 *	up
 *	what the parent still carries is moved (migrate.c)
 *	address added, announced
 *	routes added	beside a NIC only (shim-route.c)
 *	stale address and stale routes deleted: never before their successors
 *	a tunnel without an address of its own kept from answering for the shim's
 *
 * Killed anywhere, the next run finds what is missing. Which shim it is: the one
 * of the configured name; else the one that carries our mark on this parent,
 * made by another network (one parent, one shim: a second one would need the
 * same address); else a macvlan on this parent that bears the wanted address.
 *
 * What is not marked is somebody's: used if its kind, parent, mode and address
 * fit, completed in place, and never deleted.
 */

bool shim_is_possible(const struct config *config)
{
	return config->shim.mode != CONFIG_SHIM_NEVER &&
	       config->mode != MACVLAN_MODE_PASSTHRU &&
	       !config->link_in_container;
}

void shim_clear(struct shim *s)
{
	netlink_addrs_clear(&s->addrs);
	netlink_routes_clear(&s->routes);
	migrate_clear(&s->move);
	free(s->want_routes.items);
	s->want_routes = (struct shim_routes){ 0 };
}

/* --- which link -------------------------------------------------------------- */

/* A macvlan on a macvlan is attached to the lower one's own parent
 * (drivers/net/macvlan.c, macvlan_common_newlink). */
static bool shim_is_on(const struct netlink_link *link,
		       const struct netlink_link *parent)
{
	if (!link->is_macvlan)
		return false;
	if (parent->is_macvlan)
		return link->parent == parent->parent &&
		       link->parent_netns == parent->parent_netns;
	return link->parent == parent->index && link->parent_netns == -1;
}

bool shim_is_here(const struct shim *s, const struct netlink_link *link)
{
	return shim_is_on(link, s->parent);
}

static int shim_find_marked(struct netlink *host,
			    const struct netlink_link *parent,
			    struct netlink_link *ret, struct error *err)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	int r;

	r = netlink_link_list(host, &links, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < links.count; i++) {
		if (!shim_is_on(&links.items[i], parent) ||
		    !shared_is_marked(&links.items[i]))
			continue;
		*ret = links.items[i];
		return 0;
	}
	return NETLINK_ABSENT;
}

static const char *shim_name(const struct config *config,
			     const struct netlink_link *parent,
			     char buf[static IFNAMSIZ])
{
	return config->shim.name ? config->shim.name
				 : config_shim_name(parent->name, buf);
}

int shim_find(struct netlink *host, const struct config *config,
	      const struct netlink_link *parent, struct netlink_link *ret,
	      struct error *err)
{
	char name[IFNAMSIZ];
	int r;

	r = netlink_link_get(host, shim_name(config, parent, name), ret, err);
	if (r != NETLINK_ABSENT)
		return r;
	return shim_find_marked(host, parent, ret, err);
}

/* A NAD that asks for nothing and finds no link of that name pays for no list
 * of all links. */
static int shim_look_up(struct shim *s, struct error *err)
{
	const struct config_node *row = s->node->row;
	int r;

	if (s->config->shim.present || (row && row->n_addresses > 0) ||
	    shim_has_host_range(s))
		r = shim_find(s->host, s->config, s->parent, &s->link, err);
	else
		r = netlink_link_get(s->host, s->name, &s->link, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT)
		s->link = (struct netlink_link){ 0 };
	return shim_load(s, err);
}

/* --- no address, no shim ------------------------------------------------------- */

static int shim_do_without(const struct shim *s, struct error *err)
{
	const struct node *node = s->node;
	const char *missing = node->row ? "no address" : "no row";

	if (s->config->shim.mode == CONFIG_SHIM_ALWAYS)
		return error_set(
			err, ERROR_SHIM, 0,
			"no address for it, but hostShim.mode is \"always\": hostShim.address is not given, node \"%s\" (from %s) has %s in \"nodes\", and no shim bears one already",
			node->name, node->name_source, missing);
	if (s->config->shim.present)
		log_warning(
			"no host shim on %s: hostShim.address is not given, and node \"%s\" (from %s) has %s in \"nodes\"",
			s->parent->name, node->name, node->name_source,
			missing);
	return NODE_OK;
}

/* --- from nothing --------------------------------------------------------------------- */

static int shim_refuse_busy(const struct shim *s, struct error *err)
{
	struct error ignored = { 0 };
	struct netlink_link holder;

	if (s->parent->master &&
	    netlink_link_get_index(s->host, s->parent->master, &holder,
				   &ignored) == 0)
		return error_context(
			err, "%s is a port of %s, name %s as \"master\"",
			s->parent->name, holder.name, holder.name);
	return error_context(
		err,
		"%s is held by another driver (bridge, bond, team, Open vSwitch, ipvlan)",
		s->parent->name);
}

static int shim_create(struct shim *s, struct error *err)
{
	struct inet_mac mac;
	const struct netlink_link_new link = {
		.name = s->name,
		.kind = "macvlan",
		.parent = s->parent->index,
		.netns = -1,
		.mtu = s->config->shim.mtu,
		.mac = &mac,
		.macvlan = { .mode = MACVLAN_MODE_BRIDGE,
			     .bc_queue_len = s->config->bc_queue_len },
	};
	int r;

	if (s->how == NODE_LOOK) {
		error_set(err, ERROR_SHIM, 0, "%s does not exist", link.name);
		return NODE_WRONG;
	}
	r = shared_mac_on(s->node, s->parent, link.name, &mac, err);
	if (r < 0)
		return r;
	r = shared_create(s->host, &link, s->parent->name, &s->link, &s->made,
			  err);
	if (r != 0)
		s->link = (struct netlink_link){ 0 };
	if (r == NETLINK_BUSY)
		return shim_refuse_busy(s, err);
	if (shared_must(r, err) < 0)
		return error_return(err);
	return shared_changed(&s->link, "created on %s", s->parent->name);
}

/* --- all of it ---------------------------------------------------------------- */

/* The order is told at the top. */
static int (*const shim_fixes[])(struct shim *, struct error *) = {
	shim_fix_mode,         shim_fix_queue,  shim_fix_mtu,
	shim_fix_sysctls,      shim_fix_up,     migrate_fix,
	shim_fix_addresses,    shim_fix_routes, shim_fix_stale_addresses,
	shim_fix_stale_routes, shim_fix_parent,
};

static int shim_fix(struct shim *s, struct error *err)
{
	int outcome = NODE_OK;

	for (size_t i = 0; i < ARRAY_SIZE(shim_fixes); i++) {
		int r;

		shared_checked();
		r = shim_fixes[i](s, err);
		if (r < 0 || r == NODE_WRONG)
			return r;
		if (r == NODE_CHANGED)
			outcome = NODE_CHANGED;
	}
	return outcome;
}

/* The plan: all that can be refused is refused here, before anything changes. */
static int shim_prepare(struct shim *s, struct error *err)
{
	int r;

	r = shim_check_mtu(s, err);
	if (r < 0)
		return r;
	r = shim_check_addresses(s, err);
	if (r < 0)
		return r;
	r = shim_plan_routes(s, err);
	if (r < 0)
		return r;
	r = shim_load_routes(s, err);
	if (r < 0)
		return r;
	if (s->link.index && s->link.is_macvlan && !shim_is_here(s, &s->link) &&
	    shared_is_marked(&s->link))
		return shim_leave_parent(s, err);
	if (s->link.index)
		return shim_verify(s, err);
	return 0;
}

static int shim_steps(struct shim *s, struct error *err)
{
	int created = NODE_OK;
	int r;

	r = shim_look_up(s, err);
	if (r < 0)
		return r;
	r = shim_choose_addresses(s, err);
	if (r != 0)
		return r;
	if (s->n_want == 0) {
		s->link = (struct netlink_link){ 0 };
		return shim_do_without(s, err);
	}
	r = shim_prepare(s, err);
	if (r < 0 || r == NODE_WRONG)
		return r;
	if (s->link.index == 0) {
		created = shim_create(s, err);
		if (created < 0 || created == NODE_WRONG)
			return created;
		undo_push(&s->undo, shared_undo_link, &s->made);
	}
	r = shim_fix(s, err);
	return r == NODE_OK ? created : r;
}

static int shim_pass(struct shim *s, struct error *err)
{
	int r = shim_steps(s, err);

	if (r < 0)
		undo_run(&s->undo);
	else
		undo_commit(&s->undo);
	return r;
}

int shim_ensure(struct netlink *host, const struct config *config,
		const struct node *node, struct node_parent *parent,
		enum node_ensure how, struct netlink_link *ret,
		struct error *err)
{
	cleanup_shim struct shim s = {
		.host = host,
		.config = config,
		.node = node,
		.on = parent,
		.parent = &parent->link,
		.how = how,
	};
	char name[IFNAMSIZ];
	int r;

	*ret = (struct netlink_link){ 0 };
	if (!shim_is_possible(config))
		return NODE_OK;
	s.name = shim_name(config, s.parent, name);
	r = shim_pass(&s, err);
	*ret = s.link;
	if (r == NODE_CHANGED &&
	    shared_must(netlink_link_get_index(host, s.link.index, ret, err),
			err) < 0)
		r = error_return(err);
	if ((r < 0 || r == NODE_WRONG) && err->code == ERROR_LINK)
		error_class(err, ERROR_SHIM);
	if (r < 0)
		return error_context(err, "host shim %s",
				     s.link.index ? s.link.name : s.name);
	return r;
}
