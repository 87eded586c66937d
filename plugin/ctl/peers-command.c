#include "plugin/ctl/ctl.h"
#include "plugin/ctl/peers.h"

#include <string.h>

/*
 * "up" removes a peer that left the table while it repairs everything else; this
 * shows them, and removes nothing but what leads to addresses that no row owns:
 * what was learned first, the flood entry last, so that a run that is killed in
 * between is completed by the next.
 */

static bool peers_is_owned(const struct peers *peers,
			   const struct inet_addr *dst)
{
	for (size_t i = 0; i < peers->n_rows; i++)
		if (inet_addr_equal(&peers->items[i].vtep, dst))
			return true;
	return false;
}

/* --- prune ------------------------------------------------------------------------------ */

static int prune_entries(struct ctl *ctl, const struct netlink_link *overlay,
			 const struct peers *peers, bool flood,
			 struct error *err)
{
	static const struct inet_mac zero;
	cleanup_netlink_fdb struct netlink_fdb fdb = { 0 };
	int r = netlink_fdb_list(ctl->host, overlay->index, &fdb, err);

	for (size_t i = 0; i < fdb.count && r == 0; i++) {
		const struct netlink_fdb_entry *entry = &fdb.items[i];

		if (entry->dst.family == 0 ||
		    inet_mac_equal(&entry->mac, &zero) != flood ||
		    peers_is_owned(peers, &entry->dst))
			continue;
		r = netlink_fdb_del(ctl->host, overlay->index, entry, err);
		if (r == NETLINK_ABSENT)
			r = 0;
	}
	return r;
}

static int prune(struct ctl *ctl, const struct network *network,
		 const struct netlink_link *overlay, const struct peers *peers,
		 struct error *err)
{
	cleanup_close int lock = -1;
	int r;

	if (ctl->dry_run)
		return 0;
	r = node_lock(&network->config, &lock, err);
	if (r < 0)
		return error_context(err, "link lock");
	r = prune_entries(ctl, overlay, peers, false, err);
	if (r < 0)
		return r;
	return prune_entries(ctl, overlay, peers, true, err);
}

static int prune_network(struct ctl *ctl, const struct network *network,
			 const struct netlink_link *overlay,
			 const struct peers *peers, struct error *err)
{
	struct report *report = &ctl->report;
	int r = 0;

	if (peers->count > peers->n_rows)
		r = prune(ctl, network, overlay, peers, err);
	if (r < 0)
		return r;
	report_array(report, "removed");
	for (size_t i = peers->n_rows; i < peers->count; i++) {
		char vtep[INET_ADDR_TEXT];

		inet_addr_format(&peers->items[i].vtep, vtep);
		report_line(report, "%s  %s  %s", overlay->name, vtep,
			    ctl->dry_run ? "would be removed" : "removed");
		report_string(report, NULL, vtep);
	}
	report_end(report);
	if (peers->count == peers->n_rows)
		report_line(report, "no change");
	return 0;
}

/* --- show ------------------------------------------------------------------------------- */

static void show_findings(struct report *report, const struct peers *peers)
{
	for (size_t i = 0; i < peers->count; i++) {
		const struct peer *peer = &peers->items[i];
		char vtep[INET_ADDR_TEXT];

		inet_addr_format(&peer->vtep, vtep);
		if (i >= peers->n_rows)
			report_fail(report, vtep, "shimctl peers prune",
				    "is in the forwarding database, and no "
				    "row of \"nodes\" has it");
		else if (!peer->flooded)
			report_fail(report, peer->name, "shimctl up",
				    "is not in the flood list");
		else if (!*peer->route)
			report_fail(report, peer->name,
				    "give the underlay a route to it",
				    "no route leads to %s", vtep);
	}
}

static int show_network(struct ctl *ctl, const struct peers *peers,
			bool has_table, struct error *err)
{
	int r = peers_report(&ctl->report, peers, 0, true, err);

	if (r == 0 && has_table)
		show_findings(&ctl->report, peers);
	return r;
}

/* --- both ------------------------------------------------------------------------------- */

static int peers_cannot(struct ctl *ctl, const char *name, const char *next,
			const char *why)
{
	report_fail(&ctl->report, name, next, "%s", why);
	return CTL_CANNOT;
}

static int peers_network(struct ctl *ctl, const struct network *network,
			 bool pruning, struct error *err)
{
	const struct config *config = &network->config;
	cleanup_peers struct peers peers = { 0 };
	struct netlink_link overlay;
	int r;

	if (!config->vxlan.present)
		return peers_cannot(
			ctl, config->name,
			"give it a \"vxlan\" section if it is meant "
			"to have one",
			"has no overlay, so no peers");
	r = ctl_parent(ctl, network, &overlay, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT || !overlay.is_vxlan)
		return peers_cannot(ctl, config->master, "shimctl up",
				    "is no VXLAN device of this node");
	if (pruning && config->n_nodes == 0)
		return peers_cannot(ctl, config->name,
				    "name the nodes in \"nodes\"",
				    "has no node table: every peer would be "
				    "removed");
	r = peers_find(ctl, network, &overlay, &peers, err);
	if (r < 0)
		return r;
	report_object(&ctl->report, NULL);
	report_string(&ctl->report, "network", config->name);
	report_string(&ctl->report, "overlay", overlay.name);
	r = pruning ? prune_network(ctl, network, &overlay, &peers, err)
		    : show_network(ctl, &peers, config->n_nodes > 0, err);
	if (r == 0)
		report_end(&ctl->report);
	return r;
}

int ctl_peers(struct ctl *ctl, struct error *err)
{
	bool pruning = ctl->n_args > 0;
	int status = CTL_OK;

	if (pruning && strcmp(ctl->args[0], "prune") != 0)
		return ctl_usage("peers: \"%s\" is not \"prune\"",
				 ctl->args[0]);
	report_array(&ctl->report, "networks");
	for (size_t i = 0; i < ctl->n_networks; i++) {
		int r = peers_network(ctl, &ctl->networks[i], pruning, err);

		if (r < 0)
			return r;
		if (r > status)
			status = r;
	}
	report_end(&ctl->report);
	return status;
}
