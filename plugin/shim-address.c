#include "plugin/shim-priv.h"

#include "lib/announce.h"
#include "lib/log.h"
#include "lib/sysctl.h"

#include <linux/if_addr.h>
#include <string.h>
#include <sys/socket.h>

/*
 * The node's own addresses: whether the shim may bear them, and putting them
 * there. A wanted address is always added before another
 * one goes, so that there is no moment without.
 */

/* --- may the shim bear them ---------------------------------------------------- */

static void shim_judge_parent_addr(struct shim_address *want,
				   const struct inet_prefix *have)
{
	if (!inet_prefix_contains(have, &want->subnet.addr))
		return;
	want->beside = true;
	want->nic = *have;
	want->address = inet_prefix_host(&want->subnet.addr);
}

/* What the parent keeps of the subnets, the shim stands beside. */
static int shim_check_parent(struct shim *s, struct error *err)
{
	int r;

	r = node_parent_list(s->host, s->parent, s->on, err);
	if (r == 0)
		r = migrate_plan(s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n_want; i++)
		for (size_t j = 0; j < s->on->addrs.count; j++) {
			const struct netlink_addr *have =
				&s->on->addrs.items[j];

			if (!migrate_is_moving(s, have))
				shim_judge_parent_addr(&s->want[i],
						       &have->address);
		}
	return 0;
}

static bool shim_has(const struct shim *s, const struct inet_prefix *address)
{
	for (size_t i = 0; i < s->addrs.count; i++)
		if (inet_prefix_equal(&s->addrs.items[i].address, address))
			return true;
	return false;
}

static bool shim_lacks_any(const struct shim *s)
{
	if (s->move.addrs.count > 0)
		return true;
	for (size_t i = 0; i < s->n_want; i++)
		if (!shim_has(s, &s->want[i].address))
			return true;
	return false;
}

/* One of the addresses is on another link of this node. A macvlan on our parent
 * is a shim that somebody made before us, under a name of his own. */
static int shim_judge_elsewhere(struct shim *s, const struct netlink_addr *addr,
				struct error *err)
{
	char text[INET_PREFIX_TEXT];
	struct netlink_link link;
	int r;

	r = netlink_link_get_index(s->host, addr->index, &link, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT)
		return 0;
	if (s->link.index == 0 && shim_is_here(s, &link)) {
		s->link = link;
		return shim_load(s, err);
	}
	return error_set(
		err, ERROR_SHIM, 0,
		"%s, the node's address, is on %s already: one address, one link; take it off there or give the shim another",
		inet_prefix_format(&addr->address, text), link.name);
}

static int shim_check_elsewhere(struct shim *s, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	int r;

	if (!shim_lacks_any(s))
		return 0;
	r = netlink_addr_list(s->host, 0, AF_UNSPEC, &addrs, err);
	if (r < 0)
		return error_context(err, "addresses of the node");
	for (size_t i = 0; i < s->n_want; i++)
		for (size_t j = 0; j < addrs.count; j++) {
			const struct netlink_addr *have = &addrs.items[j];

			if (have->index == s->link.index ||
			    have->index == s->parent->index ||
			    !inet_addr_equal(&have->address.addr,
					     &s->want[i].subnet.addr))
				continue;
			r = shim_judge_elsewhere(s, have, err);
			if (r < 0)
				return r;
		}
	return 0;
}

static int shim_check_candidates(const struct shim *s,
				 const struct shim_address *want,
				 struct error *err)
{
	const struct ipam_config *ipam = &s->config->ipam;
	inet_uint value = inet_addr_to_uint(&want->subnet.addr);
	char text[INET_ADDR_TEXT];

	for (size_t i = 0; i < ipam->n_sets; i++) {
		const struct ipam_range_set *set = &ipam->sets[i];

		if (set->family != want->subnet.addr.family)
			continue;
		for (size_t j = 0; j < set->count; j++)
			if (range_set_contains(&set->ranges[j].candidates,
					       value))
				return error_set(
					err, ERROR_CONFIG, 0,
					"a pod could be given %s, the shim's address: put it into ipam.exclude",
					inet_addr_format(&want->subnet.addr,
							 text));
	}
	return 0;
}

int shim_check_addresses(struct shim *s, struct error *err)
{
	int r;

	for (size_t i = 0; i < s->n_want; i++) {
		r = shim_check_candidates(s, &s->want[i], err);
		if (r < 0)
			return r;
	}
	r = shim_check_parent(s, err);
	if (r < 0)
		return r;
	return shim_check_elsewhere(s, err);
}

/* --- putting them there --------------------------------------------------------- */

int shim_load(struct shim *s, struct error *err)
{
	int r;

	netlink_addrs_clear(&s->addrs);
	if (s->link.index == 0)
		return 0;
	r = netlink_addr_list(s->host, s->link.index, AF_UNSPEC, &s->addrs,
			      err);
	if (r < 0)
		return error_context(err, "addresses of %s", s->link.name);
	return 0;
}

bool shim_is_told(const struct shim *s)
{
	for (size_t i = 0; i < s->addrs.count; i++)
		if (s->addrs.items[i].protocol == SHIM_PROTOCOL)
			return true;
	return false;
}

/* Ours, by what tells it: the wanted address in another form, one of the subnet
 * with the subnet's length that we added, or one that our routes prefer. Others
 * (a virtual IP, one that came with the node's from the parent) are somebody's. */
bool shim_is_stale(const struct shim *s, const struct netlink_addr *addr)
{
	bool told = shim_is_told(s);

	for (size_t i = 0; i < s->n_want; i++) {
		const struct shim_address *want = &s->want[i];

		if (inet_prefix_equal(&addr->address, &want->address))
			return false;
		if (inet_addr_equal(&addr->address.addr, &want->address.addr))
			return true;
		if (inet_prefix_contains(&want->subnet, &addr->address.addr) &&
		    ((addr->address.len == want->subnet.len &&
		      (!told || addr->protocol == SHIM_PROTOCOL)) ||
		     shim_is_source(s, &addr->address.addr)))
			return true;
	}
	return false;
}

static int shim_del_addr(const struct shim *s, const struct netlink_addr *addr,
			 struct error *err)
{
	char text[INET_PREFIX_TEXT];

	inet_prefix_format(&addr->address, text);
	if (netlink_addr_del(s->host, addr, err) < 0)
		return error_context(err, "remove address %s", text);
	return shared_changed(&s->link, "address %s removed", text);
}

/* IPv6 knows an address once per link, whatever its prefix length: there the
 * old form has to go first. */
static int shim_readd(struct shim *s, const struct netlink_addr *addr,
		      struct error *err)
{
	int r;

	for (size_t i = 0; i < s->addrs.count; i++) {
		const struct netlink_addr *have = &s->addrs.items[i];

		if (!inet_addr_equal(&have->address.addr, &addr->address.addr))
			continue;
		r = shim_del_addr(s, have, err);
		if (r < 0)
			return r;
		return shared_must(netlink_addr_add(s->host, addr, err), err);
	}
	return 0; /* somebody added just this one meanwhile */
}

void shim_announce(const struct shim *s, const struct netlink_link *link,
		   const struct inet_addr *addr)
{
	char text[INET_ADDR_TEXT];
	struct error err = { 0 };

	if (!(s->parent->flags & IFF_UP))
		return;
	if (announce_address(-1, link->index, &link->mac, addr, &err) < 0)
		log_warning("%s: announce %s: %s", link->name,
			    inet_addr_format(addr, text), err.details);
}

static int shim_add_addr(struct shim *s, const struct inet_prefix *address,
			 struct error *err)
{
	struct netlink_addr addr = {
		.index = s->link.index,
		.address = *address,
		.protocol = SHIM_PROTOCOL,
		/* DAD would leave the node without it for a second. */
		.flags = address->addr.family == AF_INET6 ? IFA_F_NODAD : 0,
	};
	char text[INET_PREFIX_TEXT];
	int r;

	inet_prefix_format(address, text);
	if (s->how == NODE_LOOK)
		return shared_wrong(err, &s->link, "does not have %s", text);
	r = netlink_addr_add(s->host, &addr, err);
	if (r == NETLINK_EXISTS)
		r = shim_readd(s, &addr, err);
	if (shared_must(r, err) < 0)
		return error_context(err, "add address %s", text);
	shim_announce(s, &s->link, &address->addr);
	return shared_changed(&s->link, "address %s added", text);
}

int shim_fix_addresses(struct shim *s, struct error *err)
{
	int outcome = NODE_OK;

	for (size_t i = 0; i < s->n_want; i++) {
		int r;

		if (shim_has(s, &s->want[i].address))
			continue;
		r = shim_add_addr(s, &s->want[i].address, err);
		if (r < 0 || r == NODE_WRONG)
			return r;
		outcome = r;
	}
	return outcome;
}

/* Deleting an IPv4 primary takes its secondaries with it, and the address that
 * we just added is one: unless they are promoted. */
static int shim_del_stale(struct shim *s, const struct netlink_addr *addr,
			  struct error *err)
{
	static const struct shared_sysctl promote = { AF_INET,
						      "promote_secondaries",
						      1 };
	char text[INET_PREFIX_TEXT];
	int r;

	if (s->how == NODE_LOOK)
		return shared_wrong(err, &s->link,
				    "has %s, which is not wanted",
				    inet_prefix_format(&addr->address, text));
	r = shared_sysctls(&s->link, &promote, 1, s->how, err);
	if (r < 0)
		return r;
	return shim_del_addr(s, addr, err);
}

int shim_fix_stale_addresses(struct shim *s, struct error *err)
{
	int outcome = NODE_OK;

	for (size_t i = 0; i < s->addrs.count; i++) {
		int r;

		if (!shim_is_stale(s, &s->addrs.items[i]))
			continue;
		r = shim_del_stale(s, &s->addrs.items[i], err);
		if (r < 0 || r == NODE_WRONG)
			return r;
		outcome = r;
	}
	return outcome;
}
