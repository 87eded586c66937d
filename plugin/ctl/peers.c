#include "plugin/ctl/peers.h"

#include <string.h>
#include <sys/socket.h>

void peers_clear(struct peers *peers)
{
	for (size_t i = 0; i < peers->count; i++)
		free(peers->items[i].route);
	free(peers->items);
	*peers = (struct peers){ 0 };
}

static int peers_route(struct ctl *ctl, struct peer *peer, struct error *err)
{
	struct netlink_route route = { 0 };
	struct netlink_link link = { 0 };
	char via[INET_ADDR_TEXT];
	int r;

	r = netlink_route_get(ctl->host, &peer->vtep, &route, err);
	if (r < 0)
		return r;
	if (r == 0 && route.index) {
		r = netlink_link_get_index(ctl->host, route.index, &link, err);
		if (r < 0)
			return r;
	}
	peer->link = link.index;
	inet_addr_format(&route.gw, via);
	if (asprintf(&peer->route, "%s%s%s%s%s", *via ? "via " : "", via,
		     *via ? " " : "", *link.name ? "dev " : "",
		     link.name) < 0) {
		peer->route = NULL;
		return error_oom(err);
	}
	return 0;
}

static struct peer *peers_get(struct ctl *ctl, struct peers *peers,
			      const char *name, const struct inet_addr *vtep,
			      struct error *err)
{
	struct peer *grown;

	for (size_t i = 0; i < peers->count; i++)
		if (inet_addr_equal(&peers->items[i].vtep, vtep))
			return &peers->items[i];
	grown = reallocarray(peers->items, peers->count + 1, sizeof(*grown));
	if (!grown) {
		error_oom(err);
		return NULL;
	}
	peers->items = grown;
	grown += peers->count++;
	*grown = (struct peer){ .name = name, .vtep = *vtep };
	return peers_route(ctl, grown, err) < 0 ? NULL : grown;
}

static int peers_add_rows(struct ctl *ctl, const struct network *network,
			  const struct netlink_link *overlay,
			  struct peers *peers, struct error *err)
{
	const struct config *config = &network->config;

	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		if (row == network->node.row || row->vtep.family == 0 ||
		    inet_addr_equal(&row->vtep, &overlay->vxlan.local))
			continue;
		if (!peers_get(ctl, peers, row->name, &row->vtep, err))
			return error_return(err);
	}
	peers->n_rows = peers->count;
	return 0;
}

static int peers_add_entries(struct ctl *ctl,
			     const struct netlink_link *overlay,
			     struct peers *peers, struct error *err)
{
	static const struct inet_mac flood;
	cleanup_netlink_fdb struct netlink_fdb fdb = { 0 };
	int r = netlink_fdb_list(ctl->host, overlay->index, &fdb, err);

	for (size_t i = 0; i < fdb.count && r == 0; i++) {
		const struct netlink_fdb_entry *entry = &fdb.items[i];
		struct peer *peer;

		if (entry->dst.family == 0)
			continue;
		peer = peers_get(ctl, peers, "", &entry->dst, err);
		if (!peer)
			return error_return(err);
		if (!inet_mac_equal(&entry->mac, &flood))
			peer->learned++;
		else if (!peer->flooded && *peer->name)
			peers->n_flooded++;
		if (inet_mac_equal(&entry->mac, &flood))
			peer->flooded = true;
	}
	return r;
}

int peers_find(struct ctl *ctl, const struct network *network,
	       const struct netlink_link *overlay, struct peers *ret,
	       struct error *err)
{
	int r = peers_add_rows(ctl, network, overlay, ret, err);

	if (r == 0 && overlay->index)
		r = peers_add_entries(ctl, overlay, ret, err);
	return r < 0 ? error_context(err, "peers of %s", network->config.master)
		     : 0;
}

static const struct ctl_column peer_columns[] = {
	{ NULL, "", CTL_TEXT },        { "name", "PEER", CTL_TEXT },
	{ "vtep", "VTEP", CTL_TEXT },  { "route", "ROUTE", CTL_TEXT },
	{ NULL, "STATE", CTL_TEXT }, /* the next two, in words */
	{ "flooded", NULL, CTL_BOOL }, { "learned", NULL, CTL_NUMBER },
	{ NULL, NULL, CTL_TEXT },
};

int peers_report(struct report *report, const struct peers *peers,
		 unsigned int indent, bool titles, struct error *err)
{
	cleanup_ctl_table struct ctl_table table = { .columns = peer_columns };

	for (size_t i = 0; i < peers->count; i++) {
		const struct peer *peer = &peers->items[i];
		char vtep[INET_ADDR_TEXT];

		ctl_table_add(&table, "%s", titles ? "" : "peer");
		ctl_table_add(&table, "%s", peer->name);
		ctl_table_add(&table, "%s",
			      inet_addr_format(&peer->vtep, vtep));
		ctl_table_add(&table, "%s", peer->route);
		ctl_table_add(&table, "%s, %zu learned",
			      peer->flooded ? "flooded" : "not flooded",
			      peer->learned);
		ctl_table_add(&table, "%s", peer->flooded ? "yes" : "no");
		ctl_table_add(&table, "%zu", peer->learned);
	}
	return report_table(report, "peers", &table, indent, titles, err);
}
