#include "lib/announce.h"

#include "lib/netns.h"
#include "plugin/ctl/children.h"
#include "plugin/ctl/ctl.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

/*
 * After a change behind the kernel's back (a peer that was restored from a
 * snapshot, a switch that lost its table), caches are wrong until somebody
 * speaks. Announces what is there; changes nothing here.
 */

struct announce {
	struct ctl *ctl;
	struct inet_addr only; /* family 0: every address of the shim */
	struct ctl_table done;
};

static const struct ctl_column announce_columns[] = {
	{ "network", NULL, CTL_TEXT }, { "link", "", CTL_TEXT },
	{ "address", "", CTL_TEXT },   { "mac", "", CTL_TEXT },
	{ NULL, NULL, CTL_TEXT },
};

static int announce_one(struct announce *a, const struct network *network,
			int netns, const struct netlink_link *link,
			const struct inet_addr *addr, struct error *err)
{
	char address[INET_ADDR_TEXT];
	char mac[INET_MAC_TEXT];
	int r;

	r = announce_address(netns, link->index, &link->mac, addr, err);
	if (r < 0)
		return r;
	ctl_table_add(&a->done, "%s", network->config.name);
	ctl_table_add(&a->done, "%s", link->name);
	ctl_table_add(&a->done, "%s", inet_addr_format(addr, address));
	ctl_table_add(&a->done, "%s", inet_mac_format(&link->mac, mac));
	return 0;
}

static int announce_link(struct announce *a, const struct network *network,
			 int netns, const struct netlink_link *link,
			 struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	cleanup_netlink struct netlink *nl = NULL;
	int r;

	r = netlink_open(netns, &nl, err);
	if (r < 0)
		return r;
	r = netlink_addr_list(nl, link->index, AF_UNSPEC, &addrs, err);
	for (size_t i = 0; i < addrs.count && r == 0; i++) {
		const struct netlink_addr *addr = &addrs.items[i];

		if (addr->scope == RT_SCOPE_LINK ||
		    (a->only.family &&
		     !inet_addr_equal(&addr->address.addr, &a->only)))
			continue;
		r = announce_one(a, network, netns, link, &addr->address.addr,
				 err);
	}
	return r;
}

/* A pod that goes in this moment is no failure. */
static int announce_child(struct announce *a, const struct network *network,
			  const struct child *child, struct error *err)
{
	cleanup_netlink struct netlink *nl = NULL;
	cleanup_close int netns = -1;
	struct netlink_link link;
	struct error gone = { 0 };
	int r;

	if (!child->path || netns_open(child->path, &netns, &gone) != 0)
		return 0;
	r = netlink_open(netns, &nl, err);
	if (r < 0)
		return r;
	r = netlink_link_get(nl, child->ifname, &link, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return announce_link(a, network, netns, &link, err);
}

static int announce_pods(struct announce *a, const struct network *network,
			 const struct netlink_link *parent,
			 const struct netlink_link *shim, struct error *err)
{
	cleanup_children struct children children = { 0 };
	int r;

	r = children_find(a->ctl, network, parent, shim, &children, err);
	for (size_t i = 0; i < children.count && r == 0; i++)
		r = announce_child(a, network, &children.items[i], err);
	return r;
}

static int announce_network(struct announce *a, const struct network *network,
			    struct error *err)
{
	struct netlink_link parent, shim;
	int r;

	r = ctl_parent(a->ctl, network, &parent, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = ctl_shim(a->ctl, network, &parent, &shim, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT)
		shim = (struct netlink_link){ 0 };
	if (shim.index) {
		r = announce_link(a, network, -1, &shim, err);
		if (r < 0)
			return r;
	}
	if (!a->only.family)
		return 0;
	return announce_pods(a, network, &parent, &shim, err);
}

static int announce_report(struct announce *a, struct error *err)
{
	struct report *report = &a->ctl->report;
	int r;

	r = report_table(report, "announced", &a->done, 0, false, err);
	if (r < 0)
		return r;
	if (ctl_table_rows(&a->done) > 0)
		return CTL_OK;
	report_fail(report, a->ctl->n_args ? a->ctl->args[0] : "host shim",
		    "shimctl status",
		    a->ctl->n_args ? "neither the shim's nor a pod's of this "
				     "node"
				   : "there is none with an address");
	return CTL_CANNOT;
}

int ctl_announce(struct ctl *ctl, struct error *err)
{
	struct announce a = { .ctl = ctl,
			      .done = { .columns = announce_columns } };
	int r = 0;

	if (ctl->n_args && !inet_addr_parse(ctl->args[0], &a.only))
		return ctl_usage("announce: \"%s\" is no address",
				 ctl->args[0]);
	for (size_t i = 0; i < ctl->n_networks && r == 0; i++)
		r = announce_network(&a, &ctl->networks[i], err);
	if (r == 0)
		r = announce_report(&a, err);
	ctl_table_clear(&a.done);
	return r;
}
