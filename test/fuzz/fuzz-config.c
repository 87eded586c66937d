/*
 * The first line is a verb, the rest the document on stdin. A configuration
 * that is taken gives a pod no address of a node and none outside its ranges,
 * and its previous result can be said again.
 */
#include "lib/log.h"
#include "plugin/config.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

static enum request_verb read_verb(const char *text)
{
	enum request_verb verb = REQUEST_ADD;

	while (verb < REQUEST_VERSION &&
	       strcmp(request_verb_text(verb), text) != 0)
		verb++;
	return verb;
}

static void check_range(const struct ipam_range *range,
			const struct config *config)
{
	const struct inet_prefix *network = &range->range.network;
	const struct range_set *set = &range->candidates;

	for (size_t i = 0; i < set->count; i++) {
		uint8_t family = network->addr.family;
		struct inet_addr first, last;

		first = inet_addr_from_uint(family, set->items[i].first);
		last = inet_addr_from_uint(family, set->items[i].last);
		assert(inet_prefix_contains(network, &first));
		assert(inet_prefix_contains(network, &last));
	}
	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		for (size_t j = 0; j < row->n_addresses; j++)
			assert(row->addresses[j].addr.family !=
				       network->addr.family ||
			       !range_set_contains(
				       set, inet_addr_to_uint(
						    &row->addresses[j].addr)));
	}
}

/* NULL where the version has no words for it: no address before 0.3.0. */
static char *format_result(const struct result *result, enum version version)
{
	size_t n_ipv4 = 0;
	struct error err = { 0 };
	char *text = NULL;
	size_t len;
	int r;

	for (size_t i = 0; i < result->n_ips; i++)
		if (result->ips[i].address.addr.family == AF_INET)
			n_ipv4++;
	if (result_check_version(version, n_ipv4, result->n_ips - n_ipv4,
				 &err) < 0)
		return NULL;
	r = result_format(result, version, &text, &len, &err);
	assert(r == 0);
	return text;
}

/* Read, written, read and written: the two texts are one. */
static void check_result(const struct result *result, enum version version)
{
	cleanup_free char *first = format_result(result, version);
	cleanup_free char *second = NULL;
	cleanup_result struct result again = { 0 };
	cleanup_json struct json *json = NULL;
	struct error err = { 0 };
	struct json_at root;
	int r;

	if (!first)
		return;
	r = json_parse(first, strlen(first), &json, &err);
	assert(r == 0);
	root = json_root(json);
	r = result_read(&root, version, &again, &err);
	assert(r == 0);
	second = format_result(&again, version);
	assert(second && strcmp(first, second) == 0);
}

static void check_config(const struct config *config, enum request_verb verb)
{
	assert(request_id_is_valid(config->name));
	/* DEL keeps of a broken one what could be read. */
	if (config->has_prev && verb != REQUEST_DEL)
		check_result(&config->prev, config->version);
	if (verb == REQUEST_DEL)
		return;
	assert(config->mtu == 0 || config->mtu >= 68);
	assert(!config->has_mac || inet_mac_is_usable(&config->mac));
	assert(!config->vxlan.present ||
	       (config->master && request_ifname_is_valid(config->master)));
	assert(!config->shim.name ||
	       request_ifname_is_valid(config->shim.name));
	assert(config->shim.n_addresses <= 2);
	if (!ipam_config_is_builtin(&config->ipam))
		return;
	for (size_t i = 0; i < config->ipam.n_sets; i++)
		for (size_t j = 0; j < config->ipam.sets[i].count; j++)
			check_range(&config->ipam.sets[i].ranges[j], config);
}

static void check_error(const struct error *err, enum request_verb verb)
{
	char text[RESULT_ERROR_TEXT];
	cleanup_json struct json *json = NULL;
	struct error parse_err = { 0 };
	size_t len;
	int r;

	assert(*err->details);
	assert(err->code == ERROR_VERSION || err->code == ERROR_DECODE ||
	       err->code == ERROR_CONFIG ||
	       (verb != REQUEST_DEL &&
		(err->code == ERROR_UNSUPPORTED || err->code == ERROR_IO ||
		 err->code == ERROR_ADDRESS_INVALID)));
	len = result_format_error(err, VERSION_NEWEST, text);
	r = json_parse(text, len, &json, &parse_err);
	assert(r == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);
	cleanup_config struct config config = { 0 };
	struct request request = { .program = "hostshim",
				   .args.mac = (char[]){ "" } };
	struct error err = { 0 };
	char *rest = text;
	int r;

	log_init("fuzz-config", LOG_LEVEL_QUIET);
	memcpy(text, data, size);
	text[size] = '\0';
	request.verb = read_verb(strsep(&rest, "\n"));
	if (!rest || request.verb == REQUEST_VERSION)
		return 0;
	request.config = rest;
	request.config_len = size - (size_t)(rest - text);

	r = config_read(&request, &config, &err);
	assert((r < 0) == error_is_set(&err));
	assert(config.version < VERSION_COUNT);
	if (r == 0)
		check_config(&config, request.verb);
	else
		check_error(&err, request.verb);
	return 0;
}
