#include "ipam/beside.h"

#include "ipam/cluster-pod.h"
#include "ipam/table.h"
#include "ipam/worlds.h"

#include "lib/hash.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BESIDE_NAME      "beside"
#define BESIDE_LOCK_MS   200
#define BESIDE_PERIOD_MS 60000
#define BESIDE_NONE_MS   600000 /* the server has no such thing, or not for us */

/* What is remembered. */
struct memory {
	uint64_t next_ms; /* when to ask again; CLOCK_BOOTTIME */
	struct beside beside;
};

struct asking {
	const struct ipam_config *config;
	struct cluster cluster;
	struct worlds_keys keys;
	struct range_set reserved[2]; /* IPv4, IPv6 */
	struct memory memory;
};

static void asking_clear(struct asking *asking)
{
	worlds_keys_clear(&asking->keys);
	range_set_clear(&asking->reserved[0]);
	range_set_clear(&asking->reserved[1]);
	kube_close(asking->cluster.kube);
}
#define cleanup_asking cleanup(asking_clear)

/* --- memory -------------------------------------------------------------------- */

/* By the ranges: several networks over one range ask once. */
static void memory_key(const struct ipam_config *config, struct table_key *key)
{
	uint64_t hash = HASH_INIT;

	for (size_t i = 0; i < config->n_sets; i++)
		for (size_t j = 0; j < config->sets[i].count; j++) {
			const struct inet_prefix *network =
				&config->sets[i].ranges[j].range.network;

			hash = hash_add(hash, network, sizeof(*network));
		}
	table_key_init(key, config->store == IPAM_STORE_KUBERNETES ? 'P' : 'O');
	table_key_add_text(key, config->pool);
	table_key_add_uint(key, hash, sizeof(hash));
}

static int memory_read(const struct ipam_config *config, struct memory *ret,
		       struct error *err)
{
	cleanup_table struct table *table = NULL;
	struct table_value value;
	struct table_key key;
	int r;

	memory_key(config, &key);
	r = table_open(config->state_dir, BESIDE_NAME, TABLE_READ_ONLY, &table,
		       err);
	if (r == 0)
		r = table_begin(table, false, BESIDE_LOCK_MS, err);
	if (r == 0)
		r = table_get(table, &key, &value, err);
	if (r == 0 && value.len == sizeof(*ret))
		memcpy(ret, value.data, sizeof(*ret));
	return r;
}

static int memory_write(const struct ipam_config *config,
			const struct memory *memory, struct error *err)
{
	cleanup_table struct table *table = NULL;
	struct table_key key;
	int r;

	memory_key(config, &key);
	r = table_open(config->state_dir, BESIDE_NAME, 0, &table, err);
	if (r == 0)
		r = table_begin(table, true, BESIDE_LOCK_MS, err);
	if (r == 0)
		r = table_put(table, &key, memory, sizeof(*memory), err);
	return r == 0 ? table_commit(table, err) : r;
}

/* --- asking -------------------------------------------------------------------- */

static int read_reserved(struct asking *asking, struct error *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	char selector[160];
	int r = 0;

	snprintf(selector, sizeof(selector), "%s=%s", RESERVATION_LABEL_POOL,
		 asking->config->pool);
	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++)
		r = cluster_list_taken(&asking->cluster, selector, families[i],
				       &asking->reserved[i], err);
	return r;
}

static const struct range_set *reserved_of(const struct asking *asking,
					   uint8_t family)
{
	return &asking->reserved[family == AF_INET6];
}

static void strange(struct asking *asking, const struct inet_addr *addr,
		    const char *owner)
{
	struct beside *beside = &asking->memory.beside;
	char text[INET_ADDR_TEXT];

	beside->is_strange = true;
	snprintf(beside->example, sizeof(beside->example), "%s%s%.300s",
		 inet_addr_format(addr, text), *owner ? ": " : "", owner);
}

/* A key that is not reserved, and whose pod or node is there. */
static int ask_pools(struct asking *asking, struct error *err)
{
	int r = worlds_read_keys(&asking->cluster, asking->config,
				 &asking->keys, err);

	asking->memory.beside.is_used = asking->keys.count > 0;
	if (r == 0 && asking->keys.count)
		r = read_reserved(asking, err);
	for (size_t i = 0; i < asking->keys.count && r == 0; i++) {
		const struct worlds_key *key = &asking->keys.items[i];
		char owner[WORLDS_OWNER];

		if (range_set_contains(reserved_of(asking, key->addr.family),
				       inet_addr_to_uint(&key->addr)))
			continue;
		r = worlds_is_gone(&asking->cluster, key, err);
		if (r == 0) {
			strange(asking, &key->addr,
				worlds_key_owner(key, owner));
			return 0;
		}
		r = r < 0 ? r : 0;
	}
	return r;
}

static void ask_object(struct asking *asking, const struct inet_addr *addr)
{
	struct beside *beside = &asking->memory.beside;

	if (!worlds_is_in_ranges(asking->config, addr))
		return;
	beside->is_used = true;
	if (!beside->is_strange && !worlds_find_key(&asking->keys, addr))
		strange(asking, addr, "");
}

/* A reservation that is no key. */
static int ask_objects(struct asking *asking, struct error *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = read_reserved(asking, err);

	if (r == 0 && (asking->reserved[0].count || asking->reserved[1].count))
		r = worlds_read_keys(&asking->cluster, asking->config,
				     &asking->keys, err);
	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++) {
		const struct range_set *set = &asking->reserved[i];
		inet_uint value = 0;

		while (range_set_next(set, value, &value)) {
			const struct inet_addr addr =
				inet_addr_from_uint(families[i], value);

			ask_object(asking, &addr);
			if (++value == 0)
				break;
		}
	}
	return r;
}

static void ask(const struct ipam_config *config, unsigned int limit_ms,
		struct memory *memory)
{
	cleanup_asking struct asking asking = {
		.config = config,
		.cluster = { .config = config },
	};
	const uint64_t now = file_boottime_ms();
	struct error err = { 0 };
	int r;

	cluster_limit(&asking.cluster, limit_ms);
	r = config->store == IPAM_STORE_KUBERNETES ? ask_pools(&asking, &err)
						   : ask_objects(&asking, &err);
	memory->next_ms = now + BESIDE_PERIOD_MS;
	if (r == 0) {
		memory->beside = asking.memory.beside;
	} else if (err.code == ERROR_CONFIG) {
		memory->beside = (struct beside){ 0 };
		memory->next_ms = now + BESIDE_NONE_MS;
	}
	if (r < 0)
		log_debug("what else serves the range: %s", err.details);
}

/* --- the answer ------------------------------------------------------------------ */

/* Is there a world to look for, without asking anybody? */
static bool is_possible(const struct ipam_config *config)
{
	switch (config->store) {
	case IPAM_STORE_KUBERNETES:
		return config->n_sets > 0;
	case IPAM_STORE_WHEREABOUTS:
		return config->n_sets > 0 &&
		       store_exists(config, IPAM_STORE_KUBERNETES);
	case IPAM_STORE_LOCAL:
	case IPAM_STORE_BOTH:
		break;
	}
	return false;
}

void beside_look(const struct ipam_config *config, bool read_only,
		 unsigned int limit_ms, struct beside *ret)
{
	struct memory memory = { 0 };
	struct error lost = { 0 };

	*ret = (struct beside){ 0 };
	if (!is_possible(config))
		return;
	if (memory_read(config, &memory, &lost) < 0) {
		log_debug("%s", lost.details);
		memory = (struct memory){ 0 };
	}
	/* A person who asks has changed something just now. */
	if (read_only || file_boottime_ms() >= memory.next_ms) {
		ask(config, limit_ms, &memory);
		lost = (struct error){ 0 };
		if (!read_only && memory_write(config, &memory, &lost) < 0)
			log_debug("%s", lost.details);
	}
	*ret = memory.beside;
}

const char *beside_text(const struct ipam_config *config,
			const struct beside *beside,
			char buf[static BESIDE_TEXT])
{
	char range[RANGE_TEXT];
	const bool is_kube = config->store == IPAM_STORE_KUBERNETES;

	range_format(&config->sets[0].ranges[0].range, range);
	snprintf(
		buf, BESIDE_TEXT,
		"range %s: %s too, and one address may be given twice (%s): \"store\": \"both\" on every network of it, then shimctl ipam adopt %s whereabouts",
		range,
		is_kube ? "Whereabouts serves it"
			: "store \"kubernetes\" serves it",
		beside->example, is_kube ? "--from" : "--to");
	return buf;
}
