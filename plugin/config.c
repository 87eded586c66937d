/*
 * The document is read in this order, so that the first complaint is the one
 * that the specification asks for: JSON, name, version, verb at that version;
 * then every key by the table below; then what the runtime adds; then what only
 * the whole can tell. Nothing outside the process has been touched by then.
 */
#include "plugin/config-priv.h"
#include "plugin/node.h"

#include "lib/hash.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static int config_keep(const struct json_at *at, void *member,
		       struct error *err)
{
	(void)err;
	*(struct json_at *)member = *at;
	return 0;
}

static int config_keep_object(const struct json_at *at, void *member,
			      struct error *err)
{
	if (json_type(at) != JSON_TYPE_OBJECT)
		return json_expected(at, "an object", err);
	return config_keep(at, member, err);
}

/* Every key, in the order of the reference table in README. Others belong to
 * the runtime or to nobody, and are ignored. */
static const struct json_field config_fields[] = {
	JSON_STRING("type", struct config_input, config.type, 0),
	JSON_WITH("master", config_read_master, struct config_input,
		  config.master, 0),
	JSON_WITH("mode", config_read_mode, struct config_input, config.mode,
		  0),
	JSON_WITH("mtu", config_read_mtu, struct config_input, config.mtu, 0),
	JSON_WITH("mac", config_keep, struct config_input, mac, 0),
	JSON_BOOL("linkInContainer", struct config_input,
		  config.link_in_container, 0),
	JSON_U32("bcqueuelen", struct config_input, config.bc_queue_len, 0),
	JSON_WITH("vxlan", config_read_vxlan, struct config_input, config.vxlan,
		  0),
	JSON_WITH("hostShim", config_read_shim, struct config_input,
		  config.shim, 0),
	JSON_WITH("nodes", config_read_nodes, struct config_input, config, 0),
	JSON_BOOL("resultShim", struct config_input, config.result_shim, 0),
	JSON_WITH("dns", ipam_dns_read, struct config_input, config.dns, 0),
	JSON_WITH("ipam", ipam_config_read, struct config_input, config.ipam,
		  0),
	JSON_WITH("runtimeConfig", config_keep_object, struct config_input,
		  runtime, 0),
	JSON_WITH("args", config_keep, struct config_input, args, 0),
	JSON_WITH("prevResult", config_keep, struct config_input, prev, 0),
	JSON_END
};

/* As another plugin's IPAM: the rest, "dns" too, is its affair. */
static const struct json_field config_ipam_fields[] = {
	JSON_STRING("type", struct config_input, config.type, 0),
	JSON_WITH("ipam", ipam_config_read, struct config_input, config.ipam,
		  0),
	JSON_WITH("runtimeConfig", config_keep_object, struct config_input,
		  runtime, 0),
	JSON_WITH("args", config_keep, struct config_input, args, 0),
	JSON_WITH("prevResult", config_keep, struct config_input, prev, 0),
	JSON_END
};

static const struct json_field *const config_tables[] = {
	[CONFIG_ROLE_MAIN] = config_fields,
	[CONFIG_ROLE_IPAM] = config_ipam_fields,
};

static bool config_says(const struct json_at *at, const char *key,
			const char *name)
{
	struct json_at member;

	return json_member(at, key, &member) && json_text(&member) &&
	       strcmp(json_text(&member), name) == 0;
}

/* The main plugin runs us with its own stdin. Called by a name that is neither
 * (a renamed file), we are the network's plugin. */
static enum config_role config_role(const struct json_at *root,
				    const char *program)
{
	struct json_at ipam;

	if (!program || config_says(root, "type", program) ||
	    !json_member(root, "ipam", &ipam) ||
	    json_type(&ipam) != JSON_TYPE_OBJECT)
		return CONFIG_ROLE_MAIN;
	return config_says(&ipam, "type", program) ? CONFIG_ROLE_IPAM
						   : CONFIG_ROLE_MAIN;
}

static int config_read_name(const struct json_at *root, struct config *config,
			    struct error *err)
{
	static const struct json_field fields[] = {
		JSON_STRING("name", struct config, name, JSON_REQUIRED),
		JSON_END
	};
	int r;

	r = json_read_object(root, fields, config, JSON_UNKNOWN_IGNORE, err);
	if (r < 0)
		return r;
	if (!request_id_is_valid(config->name))
		return error_set(err, ERROR_CONFIG, 0,
				 "name: \"%s\" is not valid: it begins with a "
				 "letter or digit, and goes on with these, "
				 "'_', '.' and '-'",
				 config->name);
	return 0;
}

static int config_read_version(const struct json_at *root, enum version *ret,
			       struct error *err)
{
	const char *text = NULL;
	struct json_at at;

	if (json_member(root, "cniVersion", &at)) {
		text = json_text(&at);
		if (!text) {
			json_expected(&at, "a string", err);
			return error_class(err, ERROR_DECODE);
		}
	}
	return version_parse(text, ret, err);
}

static int config_check_verb(enum version version, enum request_verb verb,
			     struct error *err)
{
	enum version since = VERSION_0_1_0;

	if (verb == REQUEST_CHECK)
		since = VERSION_0_4_0;
	if (verb == REQUEST_GC || verb == REQUEST_STATUS)
		since = VERSION_1_1_0;
	if (version >= since)
		return 0;
	return error_set(err, ERROR_VERSION, 0,
			 "cniVersion: %s has no %s, which came with %s",
			 version_text(version), request_verb_text(verb),
			 version_text(since));
}

/* The version is read first, so that every complaint is made in it. */
static int config_read_head(const struct json_at *root, enum request_verb verb,
			    struct config *config, struct error *err)
{
	struct error version_err = { 0 };
	int version_r, r;

	version_r = config_read_version(root, &config->version, &version_err);
	r = config_read_name(root, config, err);
	if (r < 0)
		return r;
	if (version_r < 0) {
		*err = version_err;
		return version_r;
	}
	return config_check_verb(config->version, verb, err);
}

/* Each key by itself: one that is wrong does not hide the others. */
static void config_read_tolerantly(const struct json_at *root,
				   struct config_input *input)
{
	const struct json_field *f = config_tables[input->config.role];

	for (; f->key; f++) {
		const struct json_field one[] = { *f, JSON_END };
		struct error err = { 0 };

		if (json_read_object(root, one, input, JSON_UNKNOWN_IGNORE,
				     &err) < 0)
			log_warning("ignored for DEL: %s", err.details);
	}
}

static int config_read_del(const struct json_at *root,
			   const struct request *request,
			   struct config_input *input)
{
	struct ipam_config *ipam = &input->config.ipam;
	struct error err = { 0 };

	config_read_tolerantly(root, input);
	if (config_read_prev(input, &err) < 0)
		log_warning("ignored for DEL: %s", err.details);
	if (config_check_delegate(&input->config, request, &err) < 0) {
		log_warning("ignored for DEL: %s", err.details);
		ipam->present = false;
	}
	return 0;
}

static int config_read_strictly(const struct json_at *root,
				const struct request *request,
				struct config_input *input, struct error *err)
{
	int r;

	r = json_read_object(root, config_tables[input->config.role], input,
			     JSON_UNKNOWN_IGNORE, err);
	if (r < 0)
		return r;
	r = config_read_prev(input, err);
	if (r < 0)
		return r;
	r = config_read_runtime(input, request, err);
	if (r < 0)
		return r;
	if (request->verb == REQUEST_GC) {
		r = config_read_valid(root, &input->config, err);
		if (r < 0)
			return r;
	}
	return config_check(&input->config, request, err);
}

/* A store that asks a server asks in the node's name, and until a moment. The
 * local one asks nobody; but what is released may have been another's. */
static int config_read_call(const struct request *request,
			    struct config *config, struct error *err)
{
	struct ipam_config *ipam = &config->ipam;
	struct error unknown = { 0 };
	struct node node = { 0 };
	int r;

	ipam->deadline_ms = request->deadline_ms;
	if (!ipam_config_is_builtin(ipam))
		return 0;
	r = node_find(config, &node, &unknown);
	if (r < 0 && ipam->store == IPAM_STORE_LOCAL)
		return 0;
	if (r < 0) {
		*err = unknown;
		return r;
	}
	free(ipam->node);
	ipam->node = take_ptr(node.name);
	return 0;
}

static int config_read_document(const struct json *json,
				const struct request *request,
				struct config *ret, struct error *err)
{
	struct config_input input = { .config = *ret };
	struct json_at root = json_root(json);
	int r;

	input.config.role = config_role(&root, request->program);
	r = config_read_head(&root, request->verb, &input.config, err);
	if (r == 0 && request->verb == REQUEST_DEL)
		r = config_read_del(&root, request, &input);
	else if (r == 0)
		r = config_read_strictly(&root, request, &input, err);
	if (r == 0)
		r = config_read_call(request, &input.config, err);
	*ret = input.config;
	return r;
}

static struct config config_default(void)
{
	return (struct config){ .version = VERSION_NEWEST,
				.mode = MACVLAN_MODE_BRIDGE };
}

int config_read(const struct request *request, struct config *ret,
		struct error *err)
{
	cleanup_json struct json *json = NULL;
	int r;

	*ret = config_default();
	r = json_parse(request->config, request->config_len, &json, err);
	if (r < 0)
		return error_context(err, "stdin");
	return config_read_document(json, request, ret, err);
}

int config_read_text(const char *text, size_t len, struct config *ret,
		     struct error *err)
{
	static char none[] = "";
	const struct request request = {
		.verb = REQUEST_NONE,
		.args = { .mac = none },
	};
	cleanup_json struct json *json = NULL;
	int r;

	*ret = config_default();
	r = json_parse(text, len, &json, err);
	if (r < 0)
		return r;
	return config_read_document(json, &request, ret, err);
}

void config_clear(struct config *config)
{
	free(config->name);
	free(config->type);
	free(config->master);
	free(config->vxlan.device);
	free(config->shim.name);
	config_nodes_clear(config);
	ipam_dns_clear(&config->dns);
	ipam_config_clear(&config->ipam);
	free(config->requested);
	result_clear(&config->prev);
	config_valid_clear(config);
	*config = (struct config){ 0 };
}

const char *config_shim_name(const char *parent, char ret[static IFNAMSIZ])
{
	size_t len = strlen(parent);
	uint64_t hash;

	if (len <= IFNAMSIZ - sizeof("hs-")) {
		snprintf(ret, IFNAMSIZ, "hs-%s", parent);
		return ret;
	}
	/* The low bits: a byte at the end does not reach FNV's high ones. */
	hash = hash_add(HASH_INIT, parent, len);
	snprintf(ret, IFNAMSIZ, "hs-%.7s-%04x", parent,
		 (unsigned int)(hash & 0xffff));
	return ret;
}
