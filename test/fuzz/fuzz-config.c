/*
 * Any bytes as a configuration, for any verb (the first byte): it is read, or
 * refused with a class and a place, and what is read keeps its promises.
 */
#include "lib/log.h"
#include "plugin/config.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static const enum request_verb verbs[] = { REQUEST_ADD, REQUEST_DEL,
					   REQUEST_CHECK, REQUEST_GC,
					   REQUEST_STATUS };

static bool is_candidate(const struct ipam_config *ipam,
			 const struct inet_addr *addr)
{
	for (size_t s = 0; s < ipam->n_sets; s++) {
		for (size_t i = 0; i < ipam->sets[s].count; i++) {
			const struct ipam_range *range =
				&ipam->sets[s].ranges[i];

			if (ipam->sets[s].family == addr->family &&
			    range_set_contains(&range->candidates,
					       inet_addr_to_uint(addr)))
				return true;
		}
	}
	return false;
}

static void check_nodes(const struct config *config)
{
	if (!ipam_config_is_builtin(&config->ipam))
		return;
	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		for (size_t a = 0; a < row->n_addresses; a++)
			assert(!is_candidate(&config->ipam,
					     &row->addresses[a].addr));
	}
}

static void check_values(const struct config *config)
{
	assert(config->mtu == 0 || config->mtu >= 68);
	assert(!config->has_mac || inet_mac_is_usable(&config->mac));
	assert(!config->vxlan.present ||
	       (config->master && request_ifname_is_valid(config->master)));
	assert(!config->shim.name ||
	       request_ifname_is_valid(config->shim.name));
	assert(config->shim.n_addresses <= 2);
	check_nodes(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = NULL;
	cleanup_config struct config config = { 0 };
	struct request request = { .args.mac = (char[]){ "" } };
	struct error err = { 0 };
	int r;

	log_init("fuzz-config", LOG_LEVEL_QUIET);
	if (size == 0)
		return 0;
	text = malloc(size);
	assert(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	request.verb = verbs[data[0] % ARRAY_SIZE(verbs)];
	request.config = text;
	request.config_len = size - 1;

	r = config_read(&request, &config, &err);
	assert((r < 0) == error_is_set(&err));
	assert(config.version < VERSION_COUNT);
	if (r < 0) {
		assert(*err.details);
		return 0;
	}
	assert(request_id_is_valid(config.name));
	if (request.verb != REQUEST_DEL)
		check_values(&config);
	return 0;
}
