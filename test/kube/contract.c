/*
 * kube-contract - the contract of every store, over a store of a real server
 *
 * Started by test/kube/contract, which has set KUBECONFIG to an administrator's,
 * CONTRACT_KUBECONFIG to that of the node that support.c names, CONTRACT_STORE,
 * and CONTRACT_KINDS to what that store makes.
 */

#include "test/store/contract.h"

#include "test/store/local-dir.h"

#include <stdio.h>
#include <string.h>

/* Those that ask a server. CONTRACT_STORE names one. */
static const struct {
	const char *name;
	int (*open)(const struct ipam_config *config, bool read_only,
		    unsigned int timeout_ms, struct store **ret,
		    struct error *err);
} stores[] = {
	{ "kubernetes", store_kube_open },
	{ "whereabouts", store_whereabouts_open },
	{ "both", store_both_open },
};

static size_t chosen(void)
{
	const char *name = getenv("CONTRACT_STORE");

	for (size_t i = 0; name && i < ARRAY_SIZE(stores); i++)
		if (strcmp(name, stores[i].name) == 0)
			return i;
	abort();
}

static void nothing_is_reserved(void)
{
	local_dir_init();
	if (system("kubectl delete $CONTRACT_KINDS --all --namespace "
		   "kube-system >/dev/null") != 0)
		abort();
}

static const char *keys(void)
{
	static char text[1024];

	snprintf(text, sizeof(text),
		 "'store': '%s', %s, "
		 "'kubernetes': {'kubeconfig': '%s'}",
		 stores[chosen()].name, local_dir_keys(),
		 getenv("CONTRACT_KUBECONFIG"));
	return text;
}

static int open_store(const struct ipam_config *config, struct store **ret,
		      struct error *err)
{
	return stores[chosen()].open(config, false, 20000, ret, err);
}

const struct contract_fixture contract_fixture = {
	.name = "cluster",
	.init = nothing_is_reserved,
	.fini = local_dir_fini,
	.keys = keys,
	.open = open_store,
};
