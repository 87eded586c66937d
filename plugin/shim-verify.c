#include "plugin/shim-priv.h"

#include <linux/if_link.h>
#include <string.h>

/*
 * A link that is there but is not the shim that we need: refused with each key
 * that differs, or, if it is ours and nobody else's, deleted to be made anew.
 */

static void shim_diff_foreign(const struct shim *s, struct shared_diff *diff)
{
	const struct netlink_link *have = &s->link;
	char text[INET_PREFIX_TEXT], want[INET_PREFIX_TEXT];

	if (!shim_is_here(s, have))
		shared_diff_text(diff, "parent", "another link",
				 s->parent->name);
	shared_diff_text(diff, "mode", config_mode_text(have->macvlan.mode),
			 config_mode_text(MACVLAN_MODE_BRIDGE));
	for (size_t i = 0; i < s->addrs.count; i++) {
		const struct inet_prefix *address = &s->addrs.items[i].address;

		if (!shim_is_stale(s, &s->addrs.items[i]))
			continue;
		for (size_t j = 0; j < s->n_want; j++)
			if (s->want[j].address.addr.family ==
			    address->addr.family)
				inet_prefix_format(&s->want[j].address, want);
		shared_diff_text(diff, "address",
				 inet_prefix_format(address, text), want);
	}
}

int shim_verify(const struct shim *s, struct error *err)
{
	struct shared_diff diff = { 0 };

	if (!s->link.is_macvlan)
		return error_set(
			err, ERROR_SHIM, 0,
			"kind is %s, not macvlan: choose another hostShim.name",
			s->link.kind[0] ? s->link.kind : "a physical link");
	if (shared_is_marked(&s->link))
		return 0;
	shim_diff_foreign(s, &diff);
	if (diff.len == 0)
		return 0;
	return error_set(
		err, ERROR_SHIM, 0,
		"%s; hostshim did not make it: correct it, delete it, or choose another hostShim.name",
		diff.text);
}

int shim_check_mtu(const struct shim *s, struct error *err)
{
	if (s->config->shim.mtu <= s->parent->mtu)
		return 0;
	return error_set(err, ERROR_SHIM, 0,
			 "hostShim.mtu %u is more than the %u of its parent %s",
			 s->config->shim.mtu, s->parent->mtu, s->parent->name);
}

/* --- of another parent -------------------------------------------------------------- */

static bool shim_is_ours_alone(const struct shim *s,
			       const struct netlink_addr *addr)
{
	for (size_t i = 0; i < s->n_want; i++)
		if (inet_prefix_contains(&s->want[i].subnet,
					 &addr->address.addr))
			return true;
	return addr->scope != 0; /* link-local */
}

/*
 * A marked shim of our name on another parent. If it bears only what this
 * network wants, "master" was changed, and it is made anew. If it bears other
 * addresses it is at work for another network: two that share a name would take
 * the node from each other for ever.
 */
int shim_leave_parent(struct shim *s, struct error *err)
{
	char text[INET_PREFIX_TEXT];

	for (size_t i = 0; i < s->addrs.count; i++) {
		if (shim_is_ours_alone(s, &s->addrs.items[i]))
			continue;
		return error_set(
			err, ERROR_SHIM, 0,
			"it serves another network with %s (its mark is \"%s\"), and %s needs a shim of its own: choose another hostShim.name",
			inet_prefix_format(&s->addrs.items[i].address, text),
			s->link.alias, s->parent->name);
	}
	if (s->how == NODE_LOOK)
		return shared_wrong(err, &s->link, "is not on %s",
				    s->parent->name);
	if (netlink_link_del(s->host, s->link.index, err) < 0)
		return error_context(err, "delete it from another parent");
	shared_changed(&s->link, "deleted, it was not on %s", s->parent->name);
	s->link = (struct netlink_link){ 0 };
	netlink_routes_clear(&s->routes);
	return shim_load(s, err);
}
