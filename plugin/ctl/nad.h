#ifndef PLUGIN_CTL_NAD_H
#define PLUGIN_CTL_NAD_H

/*
 * A NetworkAttachmentDefinition for a storage system, out of the configuration.
 */

#include "lib/json.h"
#include "plugin/ctl/ctl.h"

enum nad_system {
	NAD_LONGHORN,
	NAD_LINSTOR,
	NAD_ROOK,
};

struct nad {
	struct ctl *ctl;
	const struct network *network;
	enum nad_system system;
	const char *name;
	const char *namespace;
	struct json_at ipam; /* of the document; node NULL: there is none */
	struct range *ranges; /* what pods are given addresses from */
	size_t n_ranges;
	struct inet_prefix *excluded; /* "exclude" as it is */
	size_t n_excluded;
	struct ctl_table warnings; /* one cell each */
	bool refused;
};

/** nad_read_ipam() - Fill @ranges and @excluded
 * @root:	The document; outlives @nad */
int nad_read_ipam(struct nad *nad, const struct json_at *root,
		  struct error *err);
void nad_clear(struct nad *nad);

/** nad_check() - Refuse what is known to end badly, warn of the rest */
void nad_check(struct nad *nad);

/** nad_is_excluded() - Never a pod's by "exclude" */
bool nad_is_excluded(const struct nad *nad, const struct inet_addr *addr);

/** nad_is_in_range() - In a network that pods are given addresses from */
bool nad_is_in_range(const struct nad *nad, const struct inet_addr *addr);

#endif
