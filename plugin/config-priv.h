#ifndef PLUGIN_CONFIG_PRIV_H
#define PLUGIN_CONFIG_PRIV_H

/*
 * The reading of a configuration in parts: sections (config-section.c), the
 * node table (config-nodes.c), what the runtime adds (config-runtime.c), and
 * the check of the whole (config-check.c). Only config*.c include this.
 */

#include "lib/json.h"
#include "plugin/config.h"

/* A configuration half read: keys that mean something only together with the
 * version, CNI_ARGS or each other wait as places in the document. */
struct config_input {
	struct config config;
	struct json_at mac; /* node NULL: not given, likewise the next three */
	struct json_at runtime;
	struct json_at args;
	struct json_at prev;
};

/* A reader that gets the whole struct instead of one member. */
#define JSON_WHOLE(key, reader, flags)                                         \
	{                                                                      \
		key, reader, 0, flags                                          \
	}

int config_read_mode(const struct json_at *at, void *member, struct error *err);
int config_read_mtu(const struct json_at *at, void *member, struct error *err);

/** config_read_master() - Name of an existing link, alternative ones too */
int config_read_master(const struct json_at *at, void *member,
		       struct error *err);

/** config_read_vxlan() - Into a struct config_vxlan */
int config_read_vxlan(const struct json_at *at, void *member,
		      struct error *err);

/** config_read_shim() - Into a struct config_shim */
int config_read_shim(const struct json_at *at, void *member, struct error *err);

/**
 * config_read_host_addresses() - One address with prefix length, or an array
 *
 * At most one of a family, each one that a host may bear.
 */
int config_read_host_addresses(const struct json_at *at,
			       struct inet_prefix ret[static 2], size_t *ret_n,
			       struct error *err);

/** config_read_nodes() - The table, or the file with it, into a struct config */
int config_read_nodes(const struct json_at *at, void *member,
		      struct error *err);

void config_nodes_clear(struct config *config);

/* What the runtime adds. For DEL, only the first of these is asked. */
int config_read_prev(struct config_input *input, struct error *err);
int config_read_runtime(struct config_input *input,
			const struct request *request, struct error *err);
int config_read_valid(const struct json_at *root, struct config *config,
		      struct error *err);
void config_valid_clear(struct config *config);

/**
 * config_check_delegate() - Is an "ipam.type" that is not built in a plugin's?
 *
 * A name; and not our own, which would be us again, and again.
 */
int config_check_delegate(const struct config *config,
			  const struct request *request, struct error *err);

/**
 * config_check() - Everything that is known from the whole only
 *
 * Also settles what follows from several keys: no shim where none can be, and
 * the nodes' addresses taken out of the pods'.
 */
int config_check(struct config *config, const struct request *request,
		 struct error *err);

#endif
