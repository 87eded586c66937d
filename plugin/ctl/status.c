#include "plugin/ctl/children.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/peers.h"

#include <stdio.h>
#include <string.h>

/*
 * The tree of each network: parent, peers, shim, pods. Readiness is what the
 * plugin's own look says (node_look), so that "ready" means that an ADD would
 * find nothing to repair.
 */

/* --- readiness -------------------------------------------------------------------------- */

static int status_ready(struct ctl *ctl, const struct network *network,
			bool *ret, struct error *err)
{
	struct netlink_link parent;
	struct error wrong = { 0 };
	int r;

	r = node_look(ctl->host, &network->config, &network->node, &parent,
		      &wrong);
	*ret = r == NODE_OK && (parent.flags & IFF_UP);
	if (r < 0 && (wrong.sys == EPERM || wrong.sys == EACCES)) {
		*err = wrong;
		return r;
	}
	if (r < 0)
		report_fail(&ctl->report, network->config.name,
			    "correct what it names, then: shimctl up", "%s",
			    wrong.details);
	else if (r != NODE_OK)
		report_fail(&ctl->report, network->config.name, "shimctl up",
			    "%s", wrong.details);
	else if (!*ret)
		report_fail(&ctl->report, network->config.name,
			    "set it up where it is managed",
			    "%s is down, and is not ours", parent.name);
	return 0;
}

/* --- parts of the tree ------------------------------------------------------------------ */

static void status_ranges(const struct ipam_config *ipam, char *buf,
			  size_t size)
{
	size_t len = 0;

	*buf = '\0';
	for (size_t i = 0; i < ipam->n_sets; i++) {
		for (size_t j = 0; j < ipam->sets[i].count; j++) {
			char text[INET_PREFIX_TEXT];
			int n;

			inet_prefix_format(
				&ipam->sets[i].ranges[j].range.network, text);
			n = snprintf(buf + len, size - len, "%s%s",
				     len ? ", " : "", text);
			if (n < 0 || (size_t)n >= size - len)
				return;
			len += (size_t)n;
		}
	}
}

static int status_parent(struct ctl *ctl, const struct netlink_link *parent,
			 const struct peers *peers, struct error *err)
{
	struct report *report = &ctl->report;
	cleanup_free char *addresses = NULL;
	char local[INET_ADDR_TEXT];
	char vxlan[128] = "";
	bool up = parent->flags & IFF_UP;
	int r;

	r = ctl_addresses(ctl->host, parent->index, &addresses, err);
	if (r < 0)
		return r;
	inet_addr_format(&parent->vxlan.local, local);
	if (parent->is_vxlan)
		snprintf(vxlan, sizeof(vxlan),
			 "  vni %u port %u local %s  %zu/%zu peers",
			 parent->vxlan.id, parent->vxlan.port, local,
			 peers->n_flooded, peers->n_rows);
	report_line(report, "%s  %s  mtu %u  %s%s", parent->name,
		    up ? "up" : "down", parent->mtu,
		    *addresses ? addresses : "no address", vxlan);
	report_object(report, "parent");
	report_string(report, "name", parent->name);
	report_string(report, "kind", parent->kind);
	report_bool(report, "up", up);
	report_uint(report, "mtu", parent->mtu);
	report_string(report, "addresses", addresses);
	if (parent->is_vxlan) {
		report_uint(report, "vni", parent->vxlan.id);
		report_uint(report, "port", parent->vxlan.port);
		report_string(report, "local", local);
	}
	report_end(report);
	return 0;
}

static const struct ctl_column child_columns[] = {
	{ NULL, "", CTL_TEXT }, /* the branch */
	{ "role", NULL, CTL_TEXT },  { "name", "", CTL_TEXT },
	{ NULL, "", CTL_TEXT }, /* the pid, in words */
	{ "pid", NULL, CTL_NUMBER }, { "addresses", "", CTL_TEXT },
	{ "mac", "", CTL_TEXT },     { "owner", "", CTL_TEXT },
	{ "found", NULL, CTL_BOOL }, { NULL, NULL, CTL_TEXT },
};

static const char *child_owner(const struct child *child)
{
	if (!child->is_found)
		return "no interface: its pod is gone, or starts just now";
	if (child->is_shim)
		return "host";
	return *child->owner ? child->owner : "not ours";
}

static void child_row(struct ctl_table *table, const struct child *child,
		      bool last)
{
	char mac[INET_MAC_TEXT] = "";
	char pid[16] = "";

	if (child->is_found)
		inet_mac_format(&child->mac, mac);
	if (child->pid)
		snprintf(pid, sizeof(pid), "%d", child->pid);
	ctl_table_add(table, "%s", last ? "`-" : "|-");
	ctl_table_add(table, "%s",
		      child->is_shim   ? "shim"
		      : child->is_here ? "host"
				       : "pod");
	ctl_table_add(table, "%s", child->ifname);
	ctl_table_add(table, "%s%s", *pid ? "pid " : "", pid);
	ctl_table_add(table, "%s", pid);
	ctl_table_add(table, "%s", child->addresses);
	ctl_table_add(table, "%s", mac);
	ctl_table_add(table, "%s", child_owner(child));
	ctl_table_add(table, "%s", child->is_found ? "yes" : "no");
}

static int status_children(struct ctl *ctl, const struct network *network,
			   const struct netlink_link *parent, struct error *err)
{
	cleanup_ctl_table struct ctl_table table = { .columns = child_columns };
	cleanup_children struct children children = { 0 };
	struct netlink_link shim;
	int r;

	r = ctl_shim(ctl, network, parent, &shim, err);
	if (r < 0)
		return r;
	r = children_find(ctl, network, parent, &shim, &children, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < children.count; i++)
		child_row(&table, &children.items[i], i + 1 == children.count);
	return report_table(&ctl->report, "children", &table, 0, false, err);
}

/* --- all of it ---------------------------------------------------------------------------- */

static int status_tree(struct ctl *ctl, const struct network *network,
		       const struct netlink_link *parent, struct error *err)
{
	cleanup_peers struct peers peers = { 0 };
	int r;

	if (network->config.vxlan.present) {
		r = peers_find(ctl, network, parent, &peers, err);
		if (r < 0)
			return r;
	}
	r = status_parent(ctl, parent, &peers, err);
	if (r < 0)
		return r;
	if (network->config.vxlan.present) {
		r = peers_report(&ctl->report, &peers, 2, false, err);
		if (r < 0)
			return r;
	}
	return status_children(ctl, network, parent, err);
}

static int status_network(struct ctl *ctl, const struct network *network,
			  struct error *err)
{
	struct report *report = &ctl->report;
	struct netlink_link parent;
	char ranges[256];
	bool ready = false;
	int r;

	r = status_ready(ctl, network, &ready, err);
	if (r < 0)
		return r;
	status_ranges(&network->config.ipam, ranges, sizeof(ranges));
	report_line(report, "%s%s%s  %s", network->config.name,
		    *ranges ? "  " : "", ranges, ready ? "ready" : "not ready");
	report_object(report, NULL);
	report_string(report, "network", network->config.name);
	report_string(report, "node", network->node.name);
	report_string(report, "ranges", ranges);
	report_bool(report, "ready", ready);
	if (!ctl->ready) {
		r = ctl_parent(ctl, network, &parent, err);
		if (r == 0)
			r = status_tree(ctl, network, &parent, err);
		if (r < 0)
			return r;
	}
	report_end(report);
	return 0;
}

int ctl_status(struct ctl *ctl, struct error *err)
{
	report_array(&ctl->report, "networks");
	for (size_t i = 0; i < ctl->n_networks; i++) {
		int r = status_network(ctl, &ctl->networks[i], err);

		if (r < 0)
			return r;
	}
	report_end(&ctl->report);
	return CTL_OK;
}
