#ifndef PLUGIN_CONFIG_H
#define PLUGIN_CONFIG_H

/*
 * The network configuration (README, "Configuration"): one typed value,
 * validated as a whole, const from then on.
 */

#include "ipam/config.h"
#include "plugin/request.h"
#include "plugin/result.h"
#include "plugin/version.h"

#include <linux/if_link.h>
#include <net/if.h>

/* Seconds. Below the time for which a neighbour stays reachable, frames to who
 * is silent are flooded for good. */
#define CONFIG_AGEING_MIN 120

struct config_vxlan {
	bool present;
	uint32_t id;
	uint16_t port;
	bool learning;
	uint32_t ageing;
	char *device; /* NULL: none */
	uint32_t mtu; /* 0: by underlay path */
	uint8_t ttl;
};

enum config_shim_mode {
	CONFIG_SHIM_AUTO,
	CONFIG_SHIM_ALWAYS,
	CONFIG_SHIM_NEVER,
};

struct config_shim {
	bool present;
	char *name; /* NULL: config_shim_name() of the parent */
	enum config_shim_mode mode;
	struct inet_prefix addresses[2]; /* literals, at most one per family */
	size_t n_addresses;
	uint32_t mtu; /* 0: the parent's */
	bool migrate;
};

struct config_node {
	char *name;
	struct inet_addr vtep; /* family 0: not given */
	struct inet_prefix addresses[2];
	size_t n_addresses;
};

struct config_attachment {
	char *container_id;
	char *ifname;
};

enum config_role {
	CONFIG_ROLE_MAIN,
	CONFIG_ROLE_IPAM, /* we are the IPAM of another plugin's network */
};

struct config {
	enum config_role role;
	enum version version;
	char *name;
	char *type;

	char *master; /* NULL: the default route's interface */
	uint32_t mode; /* MACVLAN_MODE_* */
	uint32_t mtu; /* 0: the parent's */
	bool has_mac;
	struct inet_mac mac; /* after precedence: config, CNI_ARGS, runtime */
	bool link_in_container;
	uint32_t bc_queue_len;

	struct config_vxlan vxlan;
	struct config_shim shim;
	struct config_node *nodes;
	size_t n_nodes;
	bool result_shim;

	struct ipam_dns dns;
	struct ipam_config ipam;

	/* After precedence: runtimeConfig.ips, args.cni.ips, CNI_ARGS IP. */
	struct inet_addr *requested;
	size_t n_requested;

	bool has_prev;
	struct result prev;

	bool has_valid_attachments; /* GC: the key was present */
	struct config_attachment *valid_attachments;
	size_t n_valid_attachments;
};
void config_clear(struct config *config);
#define cleanup_config cleanup(config_clear)

/**
 * config_read() - stdin into a validated configuration
 * @request:	Verb, CNI_ARGS and the text
 *
 * Order of complaints: not JSON (6), name (7), cniVersion (6, 1), the verb at
 * that version (1), then the keys (2, 7). For DEL only what DEL needs is an
 * error; the rest is left at its default with a warning on stderr: a pod must
 * not hang in Terminating because of a typo.
 *
 * The role is the IPAM's if "ipam.type" is the name that we were called by, and
 * "type" is another. The document is the other plugin's then: of its own keys
 * none is looked at.
 *
 * On failure @ret holds the version to answer in, as far as it is known, and
 * is still yours to clear.
 */
int config_read(const struct request *request, struct config *ret,
		struct error *err);

/**
 * config_read_text() - The same of a document that no runtime sent (shimctl)
 *
 * All keys are checked as for ADD; there is no CNI_ARGS, and what the runtime
 * adds is read if it is there.
 */
int config_read_text(const char *text, size_t len, struct config *ret,
		     struct error *err);

/** config_mode_text() - "bridge" */
const char *config_mode_text(uint32_t mode);

/**
 * config_shim_name() - The shim's name where the configuration gives none
 * @parent:	The parent link's own name, never an alternative one: a parent
 *		has one shim, whatever "master" calls it
 *
 * "hs-<parent>"; a parent of more than 12 bytes is cut, and ends in a hash of
 * the whole name, so that two parents never share a shim's name.
 *
 * Return: @ret
 */
const char *config_shim_name(const char *parent, char ret[static IFNAMSIZ]);

#endif
