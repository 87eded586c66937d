#include "ipam/host-priv.h"

#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/*
 * What is remembered is remembered under the node's name: a disk that was cloned
 * for another node brings no address with it. The key has the pods' network too,
 * since a node may have an address in several.
 *
 * The record is written before the address is used, and synced. An address that
 * the configuration names needs no memory to be the same again, so one that
 * cannot be written (a read-only /var) is a warning then.
 */

#define HOST_NAME    "hosts"
#define HOST_FORMAT  1
#define HOST_LOCK_MS 5000

/* Kept for years: by bytes, whatever the compiler makes of structs. */
struct host_record {
	uint8_t format;
	uint8_t family; /* 4 or 6 */
	uint8_t len;
	uint8_t vtep_family; /* 0: none */
	uint8_t address[16];
	uint8_t vtep[16];
};

/* --- the range --------------------------------------------------------------- */

const struct inet_prefix *host_network(const struct ipam_config *config,
				       const struct range *range)
{
	inet_uint first, last;
	struct inet_addr addr;

	range_span(range, &first, &last);
	addr = inet_addr_from_uint(range->network.addr.family, first);
	for (size_t i = 0; i < config->n_sets; i++) {
		const struct ipam_range *found =
			ipam_range_set_find(&config->sets[i], &addr);

		if (found)
			return &found->range.network;
	}
	return &range->network;
}

static int host_remove(struct range_set *set, const struct inet_addr *addr,
		       uint8_t family, struct error *err)
{
	inet_uint value = inet_addr_to_uint(addr);

	if (addr->family != family)
		return 0;
	return range_set_remove(set, value, value, err);
}

int host_usable(const struct ipam_config *config, const struct range *range,
		struct range_set *ret, struct error *err)
{
	const struct inet_prefix *network = host_network(config, range);
	uint8_t family = network->addr.family;
	struct inet_addr low = inet_prefix_first(network);
	struct inet_addr high = inet_prefix_last(network);
	inet_uint first, last;
	int r;

	range_span(range, &first, &last);
	r = range_set_add(ret, first, last, err);
	if (r == 0)
		r = host_remove(ret, &low, family, err);
	if (r == 0 && family == AF_INET)
		r = host_remove(ret, &high, family, err);
	for (size_t i = 0; i < config->n_sets && r == 0; i++)
		for (size_t j = 0; j < config->sets[i].count && r == 0; j++)
			r = host_remove(ret, &config->sets[i].ranges[j].gateway,
					family, err);
	return r;
}

/* The @index-th member; false if there are not so many. */
static bool host_nth(const struct range_set *set, inet_uint index,
		     inet_uint *ret)
{
	for (size_t i = 0; i < set->count; i++) {
		inet_uint more = set->items[i].last - set->items[i].first;

		if (index <= more) {
			*ret = set->items[i].first + index;
			return true;
		}
		index -= more + 1;
	}
	return false;
}

static int host_by_index(const struct ipam_config *config,
			 const struct range *range, struct inet_prefix *ret,
			 struct error *err)
{
	const struct inet_prefix *network = host_network(config, range);
	cleanup_range_set struct range_set usable = { 0 };
	char text[RANGE_TEXT];
	inet_uint value;
	int r;

	r = host_usable(config, range, &usable, err);
	if (r < 0)
		return r;
	range_format(range, text);
	if (range_set_size(&usable) == 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "ipam.hostRange: %s has no address that a "
				 "node could bear",
				 text);
	if (!host_nth(&usable, config->host_index, &value))
		return error_set(
			err, ERROR_CONFIG, 0,
			"ipam.hostIndex: %" PRIu32
			" is out of range: %s has the indexes 0 to %ju",
			config->host_index, text,
			(uintmax_t)(range_set_size(&usable) - 1));
	*ret = (struct inet_prefix){
		inet_addr_from_uint(network->addr.family, value),
		network->len,
	};
	return 0;
}

bool ipam_host_is_former(const struct ipam_config *config,
			 const struct inet_addr *addr)
{
	inet_uint value = inet_addr_to_uint(addr);

	if (config->store != IPAM_STORE_LOCAL || !config->has_host_index)
		return false;
	for (size_t i = 0; i < config->n_host_ranges; i++) {
		const struct range *range = &config->host_ranges[i];
		struct error wrong = { 0 };
		struct inet_prefix now;
		inet_uint first, last;

		range_span(range, &first, &last);
		if (range->network.addr.family == addr->family &&
		    value >= first && value <= last)
			return host_by_index(config, range, &now, &wrong) < 0 ||
			       !inet_addr_equal(&now.addr, addr);
	}
	return false;
}

/* --- memory ------------------------------------------------------------------- */

int host_key(const struct ipam_config *config, const struct ipam_host *host,
	     const struct inet_prefix *network, struct table_key *key,
	     struct error *err)
{
	uint8_t version = network->addr.family == AF_INET ? 4 : 6;

	table_key_init(key, 'H');
	table_key_add_text(key, config->pool);
	table_key_add_text(key, host->node);
	table_key_add(key, &version, sizeof(version));
	table_key_add(key, network->addr.bytes,
		      inet_family_len(network->addr.family));
	table_key_add(key, &network->len, sizeof(network->len));
	if (table_key_fits(key))
		return 0;
	return error_set(err, ERROR_CONFIG, ENAMETOOLONG, "node name %.32s...",
			 host->node);
}

static uint8_t host_version(uint8_t family)
{
	if (!family)
		return 0;
	return family == AF_INET ? 4 : 6;
}

static struct host_record host_encode(const struct ipam_host *host,
				      const struct inet_prefix *address)
{
	struct host_record record = {
		.format = HOST_FORMAT,
		.family = host_version(address->addr.family),
		.len = address->len,
		.vtep_family = host_version(host->vtep.family),
	};

	memcpy(record.address, address->addr.bytes, sizeof(record.address));
	memcpy(record.vtep, host->vtep.bytes, sizeof(record.vtep));
	return record;
}

static uint8_t host_family(uint8_t version)
{
	if (!version)
		return 0;
	return version == 4 ? AF_INET : AF_INET6;
}

static int host_decode(struct table *table, const struct table_value *value,
		       uint8_t family, struct host_memory *ret,
		       struct error *err)
{
	struct host_record record;

	if (value->len == sizeof(record)) {
		memcpy(&record, value->data, sizeof(record));
		if (record.format == HOST_FORMAT &&
		    record.family == host_version(family) &&
		    record.len <= inet_family_bits(family)) {
			ret->address = (struct inet_prefix){
				{ .family = family },
				record.len,
			};
			ret->vtep.family = host_family(record.vtep_family);
			memcpy(ret->address.addr.bytes, record.address,
			       sizeof(record.address));
			memcpy(ret->vtep.bytes, record.vtep,
			       sizeof(record.vtep));
			return 0;
		}
	}
	return table_damaged(table, err, "a node's address is not readable");
}

static int host_begin(struct table *table, bool write, struct error *err)
{
	int r = table_begin(table, write, HOST_LOCK_MS, err);

	if (r != TABLE_BUSY)
		return r;
	return error_set(err, ERROR_AGAIN, 0,
			 "%s is locked by another process for more than %d ms",
			 table_path(table), HOST_LOCK_MS);
}

int host_recall(const struct ipam_config *config, const struct table_key *key,
		uint8_t family, struct host_memory *ret, struct error *err)
{
	cleanup_table struct table *table = NULL;
	struct table_value value;
	int r;

	r = table_open(config->data_dir, HOST_NAME,
		       TABLE_SYNCED | TABLE_READ_ONLY, &table, err);
	if (r == 0)
		r = host_begin(table, false, err);
	if (r < 0)
		return r;
	r = table_get(table, key, &value, err);
	if (r == 0)
		r = host_decode(table, &value, family, ret, err);
	return r;
}

int host_recall_whole(const struct ipam_config *config,
		      const struct table_key *key, uint8_t family,
		      struct host_memory *ret, struct error *err)
{
	struct error lost = { 0 };
	int r = host_recall(config, key, family, ret, &lost);

	if (r < 0 && lost.code == ERROR_STORE) {
		log_warning("%s", lost.details);
		return TABLE_ABSENT;
	}
	if (r < 0)
		*err = lost;
	return r;
}

static int host_save(struct table *table, const struct table_key *key,
		     const struct host_record *record, struct error *err)
{
	int r = table_put(table, key, record, sizeof(*record), err);

	if (r == 0)
		return table_commit(table, err);
	table_abort(table);
	return r;
}

static int host_renew(struct table *table, const struct table_key *key,
		      const struct host_record *record, struct error *err)
{
	int r = table_renew(table, HOST_LOCK_MS, err);

	if (r == TABLE_RENEWED)
		r = host_begin(table, true, err);
	if (r == TABLE_BUSY)
		return error_set(err, ERROR_AGAIN, 0, "%s is locked",
				 table_path(table));
	return r < 0 ? r : host_save(table, key, record, err);
}

int host_write(const struct ipam_config *config, const struct table_key *key,
	       const struct ipam_host *host, const struct inet_prefix *address,
	       struct error *err)
{
	const struct host_record encoded = host_encode(host, address);
	const struct host_record *record = &encoded;
	cleanup_table struct table *table = NULL;
	struct error damage = { 0 };
	int r;

	r = table_open(config->data_dir, HOST_NAME, TABLE_SYNCED, &table, err);
	if (r < 0)
		return r;
	r = host_begin(table, true, &damage);
	if (r == 0)
		r = host_save(table, key, record, &damage);
	if (r < 0 && table_is_damaged(table))
		return host_renew(table, key, record, err);
	if (r < 0)
		*err = damage;
	return r;
}

static int host_drop(struct table *table, const struct table_key *key,
		     struct error *err)
{
	int r = host_begin(table, true, err);

	if (r < 0)
		return r;
	r = table_del(table, key, err);
	if (r == 0)
		return table_commit(table, err);
	table_abort(table);
	return r < 0 ? r : 0;
}

int host_forget(const struct ipam_config *config, const struct table_key *key,
		struct error *err)
{
	cleanup_table struct table *table = NULL;
	int r = table_open(config->data_dir, HOST_NAME, TABLE_SYNCED, &table,
			   err);

	return r < 0 ? r : host_drop(table, key, err);
}

/* --- the node's address ------------------------------------------------------------ */

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
