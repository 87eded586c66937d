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

#define IPAM_STATE_DIR  "/run/hostshim"
#define IPAM_DATA_DIR   "/var/lib/cni/hostshim"
#define IPAM_KUBECONFIG "/etc/cni/net.d/hostshim.d/kubeconfig"

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
#define cleanup_ipam_dns cleanup(ipam_dns_clear)

/** ipam_dns_is_empty() - Nothing in it */
bool ipam_dns_is_empty(const struct ipam_dns *dns);

/** ipam_dns_read() - A CNI dns object; a json_reader for tables */
int ipam_dns_read(const struct json_at *at, void *member, struct error *err);

/** ipam_dns_copy() - Deep copy */
int ipam_dns_copy(const struct ipam_dns *from, struct ipam_dns *ret,
		  struct error *err);

/** ipam_dns_load() - What a resolv.conf says */
int ipam_dns_load(const char *path, struct ipam_dns *ret, struct error *err);

/* One address is given per set; a set's ranges are alternatives in order
 * (host-local's "ranges": [[...]]); Whereabouts' ranges are sets of one. */
struct ipam_range {
	struct range range;
	struct inet_addr gateway; /* family 0: none */
	struct range_set candidates;
};

struct ipam_range_set {
	uint8_t family;
	bool host_local; /* host-local's rules: no two of these may overlap */
	struct ipam_range *ranges;
	size_t count;
};

/** ipam_range_set_candidate() - The first range whose candidate it is, or NULL */
const struct ipam_range *
ipam_range_set_candidate(const struct ipam_range_set *set, inet_uint value);

/** ipam_range_set_find() - The range whose network @addr is in, or NULL */
const struct ipam_range *ipam_range_set_find(const struct ipam_range_set *set,
					     const struct inet_addr *addr);

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
	/* Never a pod's, asked for or not: after ipam_config_reserve(). IPv4,
	 * then IPv6. */
	struct range_set reserved[2];
	uint32_t host_index; /* with has_host_index */
	bool has_host_index;
	enum ipam_order order;
	uint32_t reuse_delay; /* seconds */
	bool conflict_probe;
	bool shared;
	bool has_slices; /* node_slice_size: served by Whereabouts itself */
	bool overlap; /* enable_overlapping_ranges, of Whereabouts' pools */
	char *kubeconfig;
	char *state_dir;
	char *data_dir;
	/* What is known of the call, for stores that ask a server. */
	char *node; /* NULL: not known */
	uint64_t deadline_ms; /* CLOCK_BOOTTIME; 0: none */
};

void ipam_config_clear(struct ipam_config *config);
#define cleanup_ipam_config cleanup(ipam_config_clear)

/**
 * ipam_config_read() - Read and validate an "ipam" object; a json_reader
 *
 * The section's syntax and everything that can be known from it alone. A type
 * that is not built in is kept by name and its other keys are left to it. An
 * empty section is none.
 *
 * What finding and releasing an attachment needs (type, store, pool, paths) is
 * read first: after a failure it is there as far as it could be read, so that
 * DEL can go on.
 */
int ipam_config_read(const struct json_at *at, void *member, struct error *err);

/**
 * ipam_config_add_ranges() - runtimeConfig.ipRanges, prepended to the sets
 *
 * By host-local's rules; for a type that is not built in they are not ours.
 */
int ipam_config_add_ranges(struct ipam_config *config, const struct json_at *at,
			   struct error *err);

/**
 * ipam_config_reserve() - Take addresses out of every candidate set
 *
 * Node addresses, host ranges, gateways and static addresses are never given to
 * a pod. Called once, after the node table and the runtime's ranges are known.
 *
 * Return: 0, or negative with ERROR_CONFIG if there is no range, or a set has
 * nothing left
 */
int ipam_config_reserve(struct ipam_config *config,
			const struct inet_addr *addresses, size_t count,
			struct error *err);

/**
 * ipam_config_is_builtin() - Present, and served by ourselves
 *
 * "hostshim" and "whereabouts"; the latter with slices of nodes, which only
 * Whereabouts itself knows, is executed like any other type.
 */
bool ipam_config_is_builtin(const struct ipam_config *config);

/** ipam_route_read() - A CNI route object {dst, gw, mtu, ...} */
int ipam_route_read(const struct json_at *at, struct inet_route *ret,
		    struct error *err);

#endif
