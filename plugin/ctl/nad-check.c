#include "plugin/ctl/nad.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/*
 * What is reported most when a storage network does not work, and is seen in no
 * ping from pod to pod: a default route that takes the pods off the cluster's
 * network; the same address on two nodes, because the one configuration that a
 * NetworkAttachmentDefinition is, is every node's; a host that cannot reach the
 * pods of its own node; an address that the storage system does not take.
 */

#define SYSTEM(name) (1U << (name))
#define ALL_SYSTEMS  UINT_MAX

static void nad_refuse(struct nad *nad, const char *subject, const char *next,
		       const char *fmt, ...) printf_like(4, 5);
static void nad_refuse(struct nad *nad, const char *subject, const char *next,
		       const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	nad->refused = true;
	report_fail(&nad->ctl->report, subject, next, "%s", text);
}

/* In YAML it is a comment: what follows it may be piped to kubectl. */
static void nad_warn(struct nad *nad, const char *subject, const char *next,
		     const char *fmt, ...) printf_like(4, 5);
static void nad_warn(struct nad *nad, const char *subject, const char *next,
		     const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ctl_table_add(&nad->warnings, "WARN %s: %s -> %s", subject, text, next);
	if (nad->ctl->json)
		report_warn(&nad->ctl->report, subject, next, "%s", text);
}

/* --- routes ------------------------------------------------------------------------ */

static bool nad_route(const struct json_at *at, struct inet_prefix *ret)
{
	struct json_at dst;

	return json_member(at, "dst", &dst) && json_text(&dst) &&
	       inet_prefix_parse(json_text(&dst), ret);
}

static void nad_check_routes(struct nad *nad)
{
	struct json_at routes;

	if (!json_member(&nad->ipam, "routes", &routes))
		return;
	for (size_t i = 0; i < json_count(&routes); i++) {
		struct json_at route = json_element(&routes, i);
		struct inet_prefix dst;

		if (nad_route(&route, &dst) && inet_prefix_is_default(&dst))
			nad_refuse(
				nad, "ipam.routes",
				"route the storage subnets by name, or leave "
				"routes out",
				"a default route on the storage network "
				"takes the pods off the cluster's network");
	}
}

static bool nad_has_route(const struct nad *nad, const struct inet_addr *addr)
{
	struct json_at routes;

	if (!json_member(&nad->ipam, "routes", &routes))
		return false;
	for (size_t i = 0; i < json_count(&routes); i++) {
		struct json_at route = json_element(&routes, i);
		struct inet_prefix dst;

		if (nad_route(&route, &dst) && inet_prefix_contains(&dst, addr))
			return true;
	}
	return false;
}

static bool nad_has_family(const struct nad *nad, uint8_t family)
{
	for (size_t i = 0; i < nad->n_ranges; i++)
		if (nad->ranges[i].network.addr.family == family)
			return true;
	return false;
}

/* From a pod to the node that it runs on, and to the others. */
static void nad_check_way_to_nodes(struct nad *nad)
{
	const struct config *config = &nad->network->config;

	for (size_t i = 0; i < config->n_nodes; i++) {
		for (size_t j = 0; j < config->nodes[i].n_addresses; j++) {
			const struct inet_addr *addr =
				&config->nodes[i].addresses[j].addr;
			char text[INET_ADDR_TEXT];

			if (!nad_has_family(nad, addr->family) ||
			    nad_is_in_range(nad, addr) ||
			    nad_has_route(nad, addr))
				continue;
			nad_refuse(nad, config->nodes[i].name,
				   "add a route to the nodes' range to "
				   "ipam.routes",
				   "pods have no way to its address %s: it is "
				   "in no range of theirs, and no route leads "
				   "to it",
				   inet_addr_format(addr, text));
			return; /* the others are of the same kind */
		}
	}
}

/* --- the same address twice ---------------------------------------------------------- */

static void nad_check_uniqueness(struct nad *nad)
{
	const struct config *config = &nad->network->config;
	const struct ipam_config *ipam = &config->ipam;
	const char *next = "use \"store\": \"kubernetes\", or --per-node with "
			   "each node's part in its own file";

	if (!ipam->present) {
		nad_refuse(nad, "ipam", "add an ipam section",
			   "gives no addresses: nothing can listen on the "
			   "network");
		return;
	}
	if (strcmp(ipam->type, "host-local") == 0 ||
	    strcmp(ipam->type, "static") == 0)
		nad_refuse(nad, "ipam.type", next,
			   "\"%s\" gives the same addresses on every node",
			   ipam->type);
	if (ipam->n_statics)
		nad_refuse(nad, "ipam.addresses", "give a range",
			   "each pod of the network would have the same "
			   "address");
	if (!ipam_config_is_builtin(ipam) || ipam->store != IPAM_STORE_LOCAL ||
	    nad->ctl->per_node || config->n_nodes == 1)
		return;
	if (ipam->shared)
		nad_warn(nad, "ipam.shared", next,
			 "nodes give addresses without knowing of each other; "
			 "a probe of the segment is all that finds duplicates");
	else
		nad_refuse(nad, "ipam.store", next,
			   "\"local\" knows this node only, and every node "
			   "reads this definition: they would give the same "
			   "addresses");
}

/* --- the host's leg ------------------------------------------------------------------- */

static bool nad_has_host_address(const struct config *config)
{
	if (config->shim.n_addresses || config->ipam.n_host_ranges)
		return true;
	for (size_t i = 0; i < config->n_nodes; i++)
		if (config->nodes[i].n_addresses)
			return true;
	return false;
}

static void nad_check_shim(struct nad *nad)
{
	const struct config *config = &nad->network->config;
	const char *why =
		nad->system == NAD_LONGHORN
			? "the node is the iSCSI initiator of volumes "
			  "whose target is a pod beside it"
			: "the node mounts and maps what pods beside "
			  "it serve";

	if (config->mode != MACVLAN_MODE_BRIDGE || config->link_in_container) {
		nad_refuse(
			nad,
			config->link_in_container ? "linkInContainer" : "mode",
			"\"mode\": \"bridge\", with the parent on the host",
			"the host shim reaches pods in bridge mode only, and "
			"%s",
			why);
	} else if (config->shim.mode == CONFIG_SHIM_NEVER) {
		if (nad->system == NAD_LINSTOR)
			nad_warn(nad, "hostShim.mode",
				 "leave it out unless no satellite runs on the "
				 "host's network",
				 "\"never\": the node has no address on the "
				 "network");
		else
			nad_refuse(nad, "hostShim.mode",
				   "leave it out, or say \"always\"",
				   "\"never\" leaves the node without a way to "
				   "its own pods, and %s",
				   why);
	} else if (!nad_has_host_address(config)) {
		nad_warn(nad, "nodes",
			 "give each node an address in \"nodes\", or name an "
			 "ipam.hostRange",
			 "no node has an address: the shim gets one only where "
			 "the parent has it already");
	}
}

/* --- what the system takes -------------------------------------------------------------- */

/* Longhorn sorts the addresses of an attachment as strings and takes the first;
 * what runs in its pods takes the first IPv4 address. */
static void nad_check_longhorn(struct nad *nad)
{
	char first4[INET_PREFIX_TEXT] = "";
	size_t n4 = 0;

	for (size_t i = 0; i < nad->n_ranges; i++)
		if (nad->ranges[i].network.addr.family == AF_INET && n4++ == 0)
			inet_prefix_format(&nad->ranges[i].network, first4);
	if (nad->n_ranges == 0)
		return;
	if (n4 != 1) {
		nad_refuse(nad, "ipam", "give exactly one IPv4 range",
			   n4 ? "%zu IPv4 ranges: Longhorn takes whichever "
				"address sorts first"
			      : "%zu IPv4 ranges: Longhorn uses the pod "
				"network instead, without a word",
			   n4);
		return;
	}
	for (size_t i = 0; i < nad->n_ranges; i++) {
		char text[INET_PREFIX_TEXT];

		if (nad->ranges[i].network.addr.family == AF_INET)
			continue;
		inet_prefix_format(&nad->ranges[i].network, text);
		if (strcmp(text, first4) < 0)
			nad_refuse(nad, "ipam", "leave the IPv6 range out",
				   "Longhorn takes the address that sorts "
				   "first as text: of %s before that of %s",
				   text, first4);
		else
			nad_warn(nad, "ipam", "leave the IPv6 range out",
				 "Longhorn uses one IPv4 address; %s is of no "
				 "use to it",
				 text);
	}
}

/* Instance managers and what runs beside them, old and new ones in an upgrade;
 * OSDs and the rest of Ceph. */
static void nad_check_demand(struct nad *nad)
{
	const struct config *config = &nad->network->config;
	size_t each = nad->system == NAD_ROOK ? 10 : 4;
	inet_uint most = 0;

	if (nad->ctl->per_node || nad->system == NAD_LINSTOR)
		return;
	for (size_t i = 0; i < config->ipam.n_sets; i++) {
		inet_uint count = 0;

		for (size_t j = 0; j < config->ipam.sets[i].count; j++)
			count += range_set_size(
				&config->ipam.sets[i].ranges[j].candidates);
		if (count > most)
			most = count;
	}
	if (config->ipam.n_sets && most < config->n_nodes * each)
		nad_warn(nad, "ipam.range", "take a wider range",
			 "%u addresses for %zu nodes: count on %zu for each, "
			 "and more for disks and upgrades",
			 (unsigned int)most, config->n_nodes, each);
}

static void nad_check_rook(struct nad *nad)
{
	const struct config *config = &nad->network->config;

	if (config->ipam.present &&
	    strcmp(config->ipam.type, "whereabouts") != 0)
		nad_warn(nad, "ipam.type",
			 "for ODF: \"type\": \"whereabouts\" with range",
			 "Rook takes any IPAM, OpenShift Data Foundation "
			 "whereabouts only");
}

void nad_check(struct nad *nad)
{
	static const struct {
		unsigned int systems;
		void (*check)(struct nad *nad);
	} checks[] = {
		{ ALL_SYSTEMS, nad_check_uniqueness },
		{ ALL_SYSTEMS, nad_check_routes },
		{ ALL_SYSTEMS, nad_check_way_to_nodes },
		{ ALL_SYSTEMS, nad_check_shim },
		{ SYSTEM(NAD_LONGHORN), nad_check_longhorn },
		{ ALL_SYSTEMS, nad_check_demand },
		{ SYSTEM(NAD_ROOK), nad_check_rook },
	};

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i].systems & SYSTEM(nad->system))
			checks[i].check(nad);
}
