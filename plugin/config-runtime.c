/*
 * What the runtime adds to the network's own configuration. Where one thing is
 * said in several places, runtimeConfig comes before args.cni, and CNI_ARGS
 * last (CNI CONVENTIONS.md); but the MAC of CNI_ARGS beats the key, as in the
 * reference plugin.
 */
#include "plugin/config-priv.h"

#include <string.h>
#include <strings.h>

int config_read_prev(struct config_input *input, struct error *err)
{
	if (!input->prev.node)
		return 0;
	input->config.has_prev = true;
	return result_read(&input->prev, input->config.version,
			   &input->config.prev, err);
}

static bool config_mac_is_good(const char *text, struct inet_mac *ret)
{
	return inet_mac_parse(text, ret) && inet_mac_is_usable(ret);
}

/* From the key or from runtimeConfig; "" is none. */
static int config_read_mac(const struct json_at *at, struct config *config,
			   bool *ret_found, struct error *err)
{
	const char *text = json_text(at);

	if (!text)
		return json_expected(at, "a string", err);
	if (!*text)
		return 0;
	if (!config_mac_is_good(text, &config->mac))
		return json_error(at, err,
				  "\"%s\" is no MAC that a link may have: six "
				  "bytes, unicast, not zero",
				  text);
	*ret_found = true;
	return 0;
}

/* Only the winner is looked at, as in the reference plugin: a runtime may
 * override a key that it knows to be wrong. */
static int config_choose_mac(struct config_input *input,
			     const struct request *request, struct error *err)
{
	struct config *config = &input->config;
	const char *text = request->args.mac;
	struct json_at at;
	int r;

	if (input->runtime.node && json_member(&input->runtime, "mac", &at)) {
		r = config_read_mac(&at, config, &config->has_mac, err);
		if (r < 0 || config->has_mac)
			return r;
	}
	if (text && *text) {
		config->has_mac = config_mac_is_good(text, &config->mac);
		if (!config->has_mac)
			return error_set(err, ERROR_ENVIRONMENT, 0,
					 "CNI_ARGS: MAC: \"%s\" is no MAC that "
					 "a link may have: six bytes, unicast, "
					 "not zero",
					 text);
		return 0;
	}
	if (input->mac.node)
		return config_read_mac(&input->mac, config, &config->has_mac,
				       err);
	return 0;
}

/* Compared as addresses: the same one comes with and without a length. */
static int config_add_requested(struct config *config,
				const struct inet_addr *addr, struct error *err)
{
	struct inet_addr *grown;

	for (size_t i = 0; i < config->n_requested; i++) {
		if (inet_addr_equal(&config->requested[i], addr))
			return 0;
	}
	grown = reallocarray(config->requested, config->n_requested + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	config->requested = grown;
	config->requested[config->n_requested++] = *addr;
	return 0;
}

static int config_read_requested(const struct json_at *at,
				 struct config *config, struct error *err)
{
	int r;

	if (json_type(at) != JSON_TYPE_ARRAY)
		return json_expected(at, "an array", err);
	for (size_t i = 0; i < json_count(at); i++) {
		const struct json_at item = json_element(at, i);
		const char *text = json_text(&item);
		struct inet_prefix prefix;

		if (!text)
			return json_expected(&item, "an address", err);
		if (!inet_addr_parse(text, &prefix.addr) &&
		    !inet_prefix_parse(text, &prefix))
			return json_error(&item, err, "\"%s\" is no address",
					  text);
		r = config_add_requested(config, &prefix.addr, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int config_choose_requested(struct config_input *input,
				   const struct request *request,
				   struct error *err)
{
	struct config *config = &input->config;
	struct json_at cni, at;
	int r;

	if (input->runtime.node && json_member(&input->runtime, "ips", &at)) {
		r = config_read_requested(&at, config, err);
		if (r < 0 || config->n_requested)
			return r;
	}
	if (input->args.node && json_member(&input->args, "cni", &cni) &&
	    json_member(&cni, "ips", &at)) {
		r = config_read_requested(&at, config, err);
		if (r < 0 || config->n_requested)
			return r;
	}
	for (size_t i = 0; i < request->args.n_ips; i++) {
		r = config_add_requested(config, &request->args.ips[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int config_read_texts(const struct json_at *at, char ***ret,
			     size_t *ret_n, struct error *err)
{
	size_t count = json_count(at);
	int r;

	if (json_type(at) != JSON_TYPE_ARRAY)
		return json_expected(at, "an array", err);
	*ret = calloc(count + 1, sizeof(**ret));
	if (!*ret)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		const struct json_at item = json_element(at, i);

		r = json_read_string(&item, &(*ret)[*ret_n], err);
		if (r < 0)
			return r;
		(*ret_n)++;
	}
	return 0;
}

/* The capability's keys are not those of "dns". */
static int config_read_runtime_dns(const struct json_at *at,
				   struct ipam_dns *dns, struct error *err)
{
	const struct {
		const char *key;
		char ***texts;
		size_t *count;
	} lists[] = {
		{ "servers", &dns->nameservers, &dns->n_nameservers },
		{ "searches", &dns->search, &dns->n_search },
		{ "options", &dns->options, &dns->n_options },
	};
	struct json_at list;
	int r;

	if (json_type(at) != JSON_TYPE_OBJECT)
		return json_expected(at, "an object", err);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (!json_member(at, lists[i].key, &list))
			continue;
		r = config_read_texts(&list, lists[i].texts, lists[i].count,
				      err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Of the network, not of its addresses. */
static int config_read_runtime_main(struct config_input *input,
				    const struct request *request,
				    struct error *err)
{
	struct config *config = &input->config;
	struct json_at at;
	int r;

	r = config_choose_mac(input, request, err);
	if (r < 0)
		return r;
	if (input->runtime.node && ipam_dns_is_empty(&config->dns) &&
	    json_member(&input->runtime, "dns", &at))
		return config_read_runtime_dns(&at, &config->dns, err);
	return 0;
}

int config_read_runtime(struct config_input *input,
			const struct request *request, struct error *err)
{
	struct config *config = &input->config;
	struct json_at at;
	int r = 0;

	if (config->role == CONFIG_ROLE_MAIN)
		r = config_read_runtime_main(input, request, err);
	if (r < 0)
		return r;
	r = config_choose_requested(input, request, err);
	if (r < 0 || !input->runtime.node)
		return r;

	if (ipam_config_is_builtin(&config->ipam) &&
	    json_member(&input->runtime, "ipRanges", &at))
		return ipam_config_add_ranges(&config->ipam, &at, err);
	return 0;
}

static int config_read_attachment(const struct json_at *at, void *member,
				  struct error *err)
{
	static const struct json_field fields[] = {
		JSON_STRING("containerID", struct config_attachment,
			    container_id, JSON_REQUIRED),
		JSON_STRING("ifname", struct config_attachment, ifname,
			    JSON_REQUIRED),
		JSON_END
	};

	return json_read_object(at, fields, member, JSON_UNKNOWN_IGNORE, err);
}

static int config_read_attachments(const struct json_at *at,
				   struct config *config, struct error *err)
{
	size_t count = json_count(at);
	int r;

	if (json_type(at) != JSON_TYPE_ARRAY)
		return json_expected(at, "an array", err);
	config->valid_attachments = calloc(count + 1,
					   sizeof(*config->valid_attachments));
	if (!config->valid_attachments)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		const struct json_at item = json_element(at, i);
		size_t n = config->n_valid_attachments++;

		r = config_read_attachment(&item, &config->valid_attachments[n],
					   err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Unlike json_member(), this sees a null: libcni sends it for an empty list,
 * and that is a statement, where an absent key is none. */
static bool config_find_key(const struct json_at *root, const char *key,
			    struct json_at *ret)
{
	bool found = false;

	for (size_t i = 0; i < json_count(root); i++) {
		const struct json_at member = json_member_at(root, i);

		if (strcasecmp(member.key, key) != 0)
			continue;
		*ret = member;
		found = true;
	}
	return found;
}

int config_read_valid(const struct json_at *root, struct config *config,
		      struct error *err)
{
	/* The second is what libcni called it first, and still sends. */
	static const char *const keys[] = { "cni.dev/valid-attachments",
					    "cni.dev/attachments" };
	struct json_at at;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!config_find_key(root, keys[i], &at))
			continue;
		config->has_valid_attachments = true;
		if (json_type(&at) == JSON_TYPE_NULL)
			return 0;
		return config_read_attachments(&at, config, err);
	}
	return 0;
}

void config_valid_clear(struct config *config)
{
	for (size_t i = 0; i < config->n_valid_attachments; i++) {
		free(config->valid_attachments[i].container_id);
		free(config->valid_attachments[i].ifname);
	}
	free(config->valid_attachments);
	config->valid_attachments = NULL;
	config->n_valid_attachments = 0;
}
