/*
 * Would an ADD succeed, behind its own repair and reclaim? Nothing is written,
 * and no lock waited for: a store that is busy is one that works.
 */

#include "ipam/beside.h"
#include "ipam/ipam-priv.h"

#include "lib/log.h"

#include <string.h>

#define LOCK_STATUS_MS 200

/* Addresses of one set that a record holds. */
static inet_uint count_held(const struct ipam *ipam, size_t index,
			    const struct store_record *record)
{
	const struct ipam_range_set *set = &ipam->config->sets[index];
	inet_uint count = 0;

	if (strcmp(record->pool, ipam->config->pool) != 0)
		return 0;
	for (size_t i = 0; i < record->n_addresses; i++) {
		const struct inet_addr *addr =
			&record->addresses[i].address.addr;

		if (addr->family != set->family)
			continue;
		for (size_t j = 0; j < set->count; j++)
			count += range_set_contains(&set->ranges[j].candidates,
						    inet_addr_to_uint(addr));
	}
	return count;
}

/* Resting addresses are given when nothing else is free: only what is used
 * fills a set. */
static int status_set(struct ipam *ipam, size_t index,
		      const struct store_records *dead, struct error *err)
{
	struct store_usage usage;
	inet_uint spare = 0;
	int r;

	r = ipam->store->ops->usage(ipam->store, index, &usage, err);
	if (r != 0)
		return r;
	for (size_t i = 0; dead && i < dead->count; i++)
		spare += count_held(ipam, index, &dead->items[i]);
	if (usage.used < usage.candidates + spare)
		return 0;
	return ipam_exhausted(ipam, index, err);
}

static int status_beside(const struct ipam *ipam, struct error *err)
{
	struct beside beside;
	char text[BESIDE_TEXT];

	beside_look(ipam->config, true, IPAM_BESIDE_MS, &beside);
	if (!beside.is_strange)
		return 0;
	return error_set(err, ERROR_NOT_AVAILABLE, 0, "%s",
			 beside_text(ipam->config, &beside, text));
}

int ipam_status(struct ipam *ipam, const struct store_records *dead,
		struct error *err)
{
	unsigned int before = ipam_limit(ipam, LOCK_STATUS_MS);
	int r;

	r = ipam->store->ops->ready(ipam->store, err);
	for (size_t i = 0; i < ipam->config->n_sets && r == 0; i++)
		r = status_set(ipam, i, dead, err);
	ipam_limit(ipam, before);
	/* The first ADD makes a new one. */
	if (r < 0 && ipam_is_damaged(ipam)) {
		log_warning("%s", err->details);
		*err = (struct error){ 0 };
		return 0;
	}
	return r < 0 ? r : status_beside(ipam, err);
}
