/*
 * A kubeconfig, hostile or not, is read into one server and credentials that can
 * stand in a request, or refused in words.
 */
#include "lib/kube-priv.h"
#include "lib/log.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static void check(const struct kube_config *config)
{
	struct error err = { 0 };
	char *node;

	assert(config->server && *config->server);
	assert(!config->cert == !config->key);
	assert(!config->insecure || !config->ca);
	assert(!config->ca || kube_check_pem(config->ca, &err) == 0);
	assert(!config->cert || kube_check_pem(config->cert, &err) == 0);
	if (config->token) {
		assert(kube_check_token(config->token, &err) == 0);
		node = kube_token_node(config->token);
		assert(!node || *node);
		free(node);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_kube_config struct kube_config config = { 0 };
	struct kube_config again = { 0 };
	struct error err = { 0 };
	int r;

	log_init("fuzz-kubeconfig", LOG_LEVEL_QUIET);
	r = kube_config_parse((const char *)data, size, "/nowhere/kubeconfig",
			      &config, &err);
	if (r < 0) {
		assert(err.code == ERROR_CONFIG || err.code == ERROR_IO ||
		       err.code == ERROR_UNSUPPORTED);
		assert(*err.details && !config.server);
		return 0;
	}
	check(&config);
	r = kube_config_parse((const char *)data, size, "/nowhere/kubeconfig",
			      &again, &err);
	assert(r == 0 && kube_config_equal(&config, &again));
	kube_config_clear(&again);
	return 0;
}
