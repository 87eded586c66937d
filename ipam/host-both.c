/*
 * With "both", what is a node's own as an object is its key in Whereabouts' pool
 * as well: the object first. Where the key is somebody else's, an object that was
 * made for it is deleted, and the next address is tried; a node that has a key
 * already is given that address as an object before the range is walked.
 */

#include "ipam/host-kube-priv.h"
#include "ipam/worlds.h"

#include <stdio.h>
#include <string.h>

static void holder_fill(const struct whereabouts_owner *owner,
			const struct inet_addr *addr, struct reservation *ret)
{
	const char *node = whereabouts_host(owner->podref, owner->id);
	const char *slash = strchr(owner->podref, '/');

	*ret = (struct reservation){ .address = *addr, .is_host = node };
	snprintf(ret->node, sizeof(ret->node), "%s", node ? node : "");
	snprintf(ret->pod_namespace, sizeof(ret->pod_namespace), "%.*s",
		 slash ? (int)(slash - owner->podref) : 0, owner->podref);
	snprintf(ret->pod_name, sizeof(ret->pod_name), "%.253s",
		 slash ? slash + 1 : owner->id);
	snprintf(ret->ifname, sizeof(ret->ifname), "%s", owner->ifname);
}

int host_both_take(struct host_kube *step, const struct inet_addr *addr,
		   struct reservation *ret, struct error *err)
{
	cleanup_whereabouts_view struct whereabouts_view view =
		WHEREABOUTS_VIEW_INIT;
	const char *node = step->host->node;
	struct whereabouts_got got = { 0 };
	struct whereabouts_claim claim;
	char id[WHEREABOUTS_NAME + 4];
	int r;

	if (step->config->store != IPAM_STORE_BOTH ||
	    !worlds_is_in_ranges(step->config, addr))
		return 0;
	if (worlds_claim_host(step->config, node, addr, id, &claim) != 0)
		return host_no_name(node, err);
	r = whereabouts_take(step->cluster, &claim, addr, &view, &got, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(step->cluster, err);
	if (r != WHEREABOUTS_TAKEN)
		return r;
	holder_fill(&got.owner, addr, ret);
	return CLUSTER_TAKEN;
}

int host_both_find(struct host_kube *step, const struct range_set *usable,
		   uint8_t family, struct inet_addr *ret, struct error *err)
{
	cleanup_worlds_keys struct worlds_keys keys = { 0 };
	int r;

	if (step->config->store != IPAM_STORE_BOTH)
		return CLUSTER_ABSENT;
	r = worlds_read_keys(step->cluster, step->config, &keys, err);

	for (size_t i = 0; i < keys.count && r == 0; i++) {
		const struct worlds_key *key = &keys.items[i];
		const char *own = whereabouts_host(key->podref, key->id);

		if (!own || strcmp(own, step->host->node) != 0 ||
		    key->addr.family != family ||
		    !range_set_contains(usable, inet_addr_to_uint(&key->addr)))
			continue;
		*ret = key->addr;
		return 0;
	}
	return r < 0 ? r : CLUSTER_ABSENT;
}
