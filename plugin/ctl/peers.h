#ifndef PLUGIN_CTL_PEERS_H
#define PLUGIN_CTL_PEERS_H

/*
 * The other ends of the overlay: what the node table says, what the forwarding
 * database has, and the route to each.
 */

#include "plugin/ctl/ctl.h"

struct peer {
	const char *name; /* of its row; "" for one that no row owns */
	struct inet_addr vtep;
	bool flooded; /* it is in the flood list */
	size_t learned; /* MACs known to be behind it */
	int link; /* index of the one that the route leaves by, 0: none */
	char *route; /* "via 10.0.2.1 dev under2"; "" for none */
};

struct peers {
	struct peer *items;
	size_t count;
	size_t n_flooded; /* of those that a row owns */
	size_t n_rows;
};
void peers_clear(struct peers *peers);
#define cleanup_peers cleanup(peers_clear)

/** peers_find() - Those of the table first, in its order
 * @overlay:	Index 0: there is none yet */
int peers_find(struct ctl *ctl, const struct network *network,
	       const struct netlink_link *overlay, struct peers *ret,
	       struct error *err);

/** peers_report() - As a table */
int peers_report(struct report *report, const struct peers *peers,
		 unsigned int indent, bool titles, struct error *err);

#endif
