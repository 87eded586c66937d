/*
 * The node's own address, of each family. With a server it is that one's to say
 * (host-kube.c, host-whereabouts.c, host-both.c); here is what the local store
 * does, which can ask nobody: ipam.hostIndex says which it is, or what the node
 * remembers.
 */

#include "ipam/host-priv.h"

#include "lib/log.h"

#include <stdint.h>

/* One family on its way. */
struct host_step {
	const struct ipam_config *config;
	const struct ipam_host *host;
	const struct range *range;
	struct table_key key;
	bool claim;
};

static int host_ask_for_index(const struct host_step *step, struct error *err)
{
	cleanup_range_set struct range_set usable = { 0 };
	char text[RANGE_TEXT];
	int r = host_usable(step->config, step->range, &usable, err);

	if (r < 0)
		return r;
	if (range_set_size(&usable) == 0)
		return host_range_is_empty(step->range, err);
	return error_set(
		err, ERROR_CONFIG, 0,
		"ipam.hostRange: the \"local\" store cannot know which address of %s is this node's: write \"hostIndex\" into \"ipam\", a number from 0 to %ju that no other node has, or an \"address\" into the row of \"%s\" in \"nodes\"",
		range_format(step->range, text),
		(uintmax_t)(range_set_size(&usable) - 1), step->host->node);
}

static int host_judge_memory(const struct host_step *step,
			     const struct inet_prefix *have, struct error *err)
{
	cleanup_range_set struct range_set usable = { 0 };
	char text[INET_PREFIX_TEXT], range[RANGE_TEXT];
	int r = host_usable(step->config, step->range, &usable, err);

	if (r < 0)
		return r;
	if (range_set_contains(&usable, inet_addr_to_uint(&have->addr)))
		return 0;
	return error_set(
		err, ERROR_CONFIG, 0,
		"ipam.hostRange: %s, which this node had and remembers, is not one of %s any more: write \"hostIndex\" into \"ipam\"",
		inet_prefix_format(have, text),
		range_format(step->range, range));
}

static int host_from_memory(struct host_step *step, struct inet_prefix *ret,
			    struct error *err)
{
	struct host_memory memory = { 0 };
	int r = host_recall(step->config, &step->key,
			    step->range->network.addr.family, &memory, err);

	if (r == TABLE_ABSENT)
		return host_ask_for_index(step, err);
	*ret = memory.address;
	return r < 0 ? r : host_judge_memory(step, ret, err);
}

/* Only what differs is written: a claim that changes nothing costs no sync. */
static void host_remember(struct host_step *step,
			  const struct inet_prefix *address)
{
	char old_text[INET_PREFIX_TEXT], text[INET_PREFIX_TEXT];
	struct host_memory old = { 0 };
	struct error lost = { 0 };
	int r;

	inet_prefix_format(address, text);
	r = host_recall(step->config, &step->key, address->addr.family, &old,
			&lost);
	if (r == 0 && inet_prefix_equal(&old.address, address))
		return;
	if (r == 0)
		log_warning("ipam.hostIndex: this node's address is %s from "
			    "now on, and was %s",
			    text, inet_prefix_format(&old.address, old_text));
	if (r < 0)
		log_warning("%s", lost.details);
	if (host_write(step->config, &step->key, step->host, address, &lost) <
	    0)
		log_warning("%s is not remembered, and is this node's only as "
			    "long as ipam.hostIndex says so: %s",
			    text, lost.details);
}

static int host_step(struct host_step *step, struct inet_prefix *ret,
		     struct error *err)
{
	int r;

	r = host_key(step->config, step->host,
		     host_network(step->config, step->range), &step->key, err);
	if (r < 0)
		return r;
	if (!step->config->has_host_index)
		return host_from_memory(step, ret, err);
	r = host_by_index(step->config, step->range, ret, err);
	if (r == 0 && step->claim)
		host_remember(step, ret);
	return r;
}

static int host_all(const struct ipam_config *config,
		    const struct ipam_host *host, bool claim,
		    struct ipam_host_addresses *ret, struct error *err)
{
	struct host_step step = {
		.config = config,
		.host = host,
		.claim = claim,
	};
	int r = 0;

	if (config->store == IPAM_STORE_KUBERNETES ||
	    config->store == IPAM_STORE_BOTH)
		return host_kube(config, host, claim, ret, err);
	if (config->store == IPAM_STORE_WHEREABOUTS)
		return host_whereabouts(config, host, claim, ret, err);
	ret->count = 0;
	for (size_t i = 0; i < config->n_host_ranges && r == 0; i++) {
		step.range = &config->host_ranges[i];
		r = host_step(&step, &ret->items[ret->count++], err);
	}
	return r;
}

int ipam_host_find(const struct ipam_config *config,
		   const struct ipam_host *host,
		   struct ipam_host_addresses *ret, struct error *err)
{
	return host_all(config, host, false, ret, err);
}

int ipam_host_claim(const struct ipam_config *config,
		    const struct ipam_host *host,
		    struct ipam_host_addresses *ret, struct error *err)
{
	return host_all(config, host, true, ret, err);
}
