#include "plugin/overlay-priv.h"

#include <string.h>
#include <sys/socket.h>

/*
 * The flood list: all-zero MAC entries, one per peer, where frames go whose
 * receiver is not known yet. With learning on that is the first frame of a
 * conversation; the rest is unicast.
 *
 * It is reconciled by difference (the kernel refuses to replace it: "Cannot
 * replace non-unicast fdb entries", and emptying it first would cut the overlay
 * off). The own VTEP is never in it: broadcasts would come back, and answer our
 * own duplicate address detection.
 *
 * A peer that left: first what was learned from it, then its flood entry. While
 * that entry is there the peer counts as one to remove, so a run that is killed
 * in between is completed by the next.
 */

const struct inet_addr *overlay_peer(const struct overlay *o, size_t i)
{
	const struct config_node *row = &o->config->nodes[i];

	if (row == o->node->row || row->vtep.family == 0 ||
	    inet_addr_equal(&row->vtep, &o->want.local))
		return NULL;
	return &row->vtep;
}

static bool overlay_is_peer(const struct overlay *o,
			    const struct inet_addr *vtep)
{
	for (size_t i = 0; i < o->config->n_nodes; i++) {
		const struct inet_addr *peer = overlay_peer(o, i);

		if (peer && inet_addr_equal(peer, vtep))
			return true;
	}
	return false;
}

static bool overlay_is_flood(const struct netlink_fdb_entry *entry)
{
	static const struct inet_mac zero;

	return entry->dst.family != 0 && inet_mac_equal(&entry->mac, &zero);
}

static bool overlay_floods_to(const struct netlink_fdb *fdb,
			      const struct inet_addr *vtep)
{
	for (size_t i = 0; i < fdb->count; i++)
		if (overlay_is_flood(&fdb->items[i]) &&
		    inet_addr_equal(&fdb->items[i].dst, vtep))
			return true;
	return false;
}

static int overlay_add_peer(struct overlay *o, const struct config_node *row,
			    struct error *err)
{
	struct netlink_fdb_entry entry = { .dst = row->vtep };
	char text[INET_ADDR_TEXT];

	inet_addr_format(&row->vtep, text);
	if (row->vtep.family != o->want.local.family)
		return error_set(
			err, ERROR_OVERLAY, 0,
			"nodes.%s.vtep %s is of another family than this node's VTEP",
			row->name, text);
	if (o->how == NODE_LOOK)
		return shared_wrong(err, &o->link, "does not flood to %s (%s)",
				    row->name, text);
	if (netlink_fdb_append(o->host, o->link.index, &entry, err) < 0)
		return error_context(err, "add peer %s (%s)", row->name, text);
	return shared_changed(&o->link, "peer %s (%s) added", row->name, text);
}

static int overlay_add_peers(struct overlay *o, const struct netlink_fdb *fdb,
			     struct error *err)
{
	int outcome = NODE_OK;

	for (size_t i = 0; i < o->config->n_nodes; i++) {
		const struct inet_addr *peer = overlay_peer(o, i);
		int r;

		if (!peer || overlay_floods_to(fdb, peer))
			continue;
		r = overlay_add_peer(o, &o->config->nodes[i], err);
		if (r < 0 || r == NODE_WRONG)
			return r;
		outcome = r;
	}
	return outcome;
}

/* Everything that leads to @gone; its flood entry, which caused this, last. */
static int overlay_del_peer(struct overlay *o, const struct netlink_fdb *fdb,
			    const struct netlink_fdb_entry *gone,
			    struct error *err)
{
	char text[INET_ADDR_TEXT];

	inet_addr_format(&gone->dst, text);
	if (o->how == NODE_LOOK)
		return shared_wrong(err, &o->link, "floods to %s, which is %s",
				    text,
				    inet_addr_equal(&gone->dst, &o->want.local)
					    ? "this node"
					    : "no peer");
	for (size_t i = 0; i < fdb->count; i++) {
		const struct netlink_fdb_entry *entry = &fdb->items[i];

		if (overlay_is_flood(entry) ||
		    !inet_addr_equal(&entry->dst, &gone->dst))
			continue;
		if (netlink_fdb_del(o->host, o->link.index, entry, err) < 0)
			return error_context(err, "forget what is behind %s",
					     text);
	}
	if (netlink_fdb_del(o->host, o->link.index, gone, err) < 0)
		return error_context(err, "remove peer %s", text);
	return shared_changed(&o->link, "peer %s removed", text);
}

static int overlay_del_peers(struct overlay *o, const struct netlink_fdb *fdb,
			     struct error *err)
{
	int outcome = NODE_OK;

	for (size_t i = 0; i < fdb->count; i++) {
		const struct netlink_fdb_entry *entry = &fdb->items[i];
		int r;

		if (!overlay_is_flood(entry) || overlay_is_peer(o, &entry->dst))
			continue;
		r = overlay_del_peer(o, fdb, entry, err);
		if (r < 0 || r == NODE_WRONG)
			return r;
		outcome = r;
	}
	return outcome;
}

int overlay_fix_flood(struct overlay *o, struct error *err)
{
	cleanup_netlink_fdb struct netlink_fdb fdb = { 0 };
	int added, removed;

	/* Without a table we do not know the peers; somebody else does. */
	if (o->config->n_nodes == 0)
		return NODE_OK;

	if (netlink_fdb_list(o->host, o->link.index, &fdb, err) < 0)
		return error_context(err, "list peers");
	added = overlay_add_peers(o, &fdb, err);
	if (added < 0 || added == NODE_WRONG)
		return added;
	removed = overlay_del_peers(o, &fdb, err);
	return removed == NODE_OK ? added : removed;
}
