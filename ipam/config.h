#ifndef IPAM_CONFIG_H
#define IPAM_CONFIG_H

/*
 * The "ipam" section (README, "Configuration"), with what the runtime adds to
 * it, as one validated value.
 */

#include "ipam/range.h"
#include "lib/json.h"

enum ipam_store {
	IPAM_STORE_LOCAL,
	IPAM_STORE_KUBERNETES,
	IPAM_STORE_WHEREABOUTS,
	IPAM_STORE_BOTH,
};

enum ipam_order {
	IPAM_ORDER_LOWEST,
	IPAM_ORDER_HASH,
};

struct ipam_dns {
	char **nameservers;
	size_t n_nameservers;
	char *domain;
	char **search;
	size_t n_search;
	char **options;
	size_t n_options;
};
void ipam_dns_clear(struct ipam_dns *dns);

/** ipam_dns_is_empty() - Nothing in it */
bool ipam_dns_is_empty(const struct ipam_dns *dns);

/** ipam_dns_read() - A CNI dns object; a json_reader for tables */
int ipam_dns_read(const struct json_at *at, void *member, struct error *err);

/** ipam_dns_copy() - Deep copy */
int ipam_dns_copy(const struct ipam_dns *from, struct ipam_dns *ret,
		  struct error *err);

/* One address is given per set; a set's ranges are alternatives in order
 * (host-local's "ranges": [[...]]); Whereabouts' ranges are sets of one. */
struct ipam_range {
	struct range range;
	struct inet_addr gateway; /* family 0: none */
	struct range_set candidates;
};

struct ipam_range_set {
	uint8_t family;
	struct ipam_range *ranges;
	size_t count;
};

struct ipam_static {
	struct inet_prefix address;
	struct inet_addr gateway;
};

struct ipam_config {
	bool present; /* there is a section with a type */
	char *type; /* "hostshim", "whereabouts": built in; else a delegate */
	enum ipam_store store;
	char *pool; /* "" for none */
	struct ipam_range_set *sets;
	size_t n_sets;
	struct ipam_static *statics; /* "addresses": given, never reserved */
	size_t n_statics;
	struct inet_route *routes;
	size_t n_routes;
	struct ipam_dns dns;
	struct range *host_ranges; /* at most one per family */
	size_t n_host_ranges;
	uint32_t host_index; /* with has_host_index */
	bool has_host_index;
	enum ipam_order order;
	uint32_t reuse_delay; /* seconds */
	bool conflict_probe;
	bool shared;
	char *kubeconfig;
	char *state_dir;
	char *data_dir;
};

void ipam_config_clear(struct ipam_config *config);

/**
 * ipam_config_read() - Read and validate an "ipam" object; a json_reader
 *
 * The section's syntax and everything that can be known from it alone. A type
 * that is not built in is kept by name and its other keys are left to it.
 */
int ipam_config_read(const struct json_at *at, void *member, struct error *err);

/**
 * ipam_config_add_ranges() - runtimeConfig.ipRanges, prepended to the sets
 */
int ipam_config_add_ranges(struct ipam_config *config, const struct json_at *at,
			   struct error *err);

/**
 * ipam_config_reserve() - Take addresses out of every candidate set
 *
 * Node addresses, host ranges and gateways are never given to a pod. Called
 * once, after the node table is known.
 *
 * Return: 0, or negative with ERROR_CONFIG if a range has nothing left
 */
int ipam_config_reserve(struct ipam_config *config,
			const struct inet_addr *addresses, size_t count,
			struct error *err);

/** ipam_config_is_builtin() - Present, and a type that we serve ourselves */
bool ipam_config_is_builtin(const struct ipam_config *config);

/** ipam_route_read() - A CNI route object {dst, gw, mtu, ...} */
int ipam_route_read(const struct json_at *at, struct inet_route *ret,
		    struct error *err);

#endif
