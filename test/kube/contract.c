/*
 * kube-contract - the contract of every store, over the store of a real server
 *
 * Started by test/kube/contract, which has set KUBECONFIG to an administrator's
 * and CONTRACT_KUBECONFIG to that of the node that support.c names.
 */

#include "test/store/contract.h"

#include "test/store/local-dir.h"

#include <stdio.h>

static void nothing_is_reserved(void)
{
	local_dir_init();
	if (system("kubectl delete reservations --all >/dev/null") != 0)
		abort();
}

static const char *keys(void)
{
	static char text[1024];

	snprintf(text, sizeof(text),
		 "'store': 'kubernetes', %s, "
		 "'kubernetes': {'kubeconfig': '%s'}",
		 local_dir_keys(), getenv("CONTRACT_KUBECONFIG"));
	return text;
}

static int open_store(const struct ipam_config *config, struct store **ret,
		      struct error *err)
{
	return store_kube_open(config, false, 20000, ret, err);
}

const struct contract_fixture contract_fixture = {
	.name = "kubernetes",
	.init = nothing_is_reserved,
	.fini = local_dir_fini,
	.keys = keys,
	.open = open_store,
};
