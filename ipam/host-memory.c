/*
 * What is remembered is remembered under the node's name: a disk that was cloned
 * for another node brings no address with it. The key has the pods' network too,
 * since a node may have an address in several.
 *
 * The record is written before the address is used, and synced. An address that
 * the configuration names needs no memory to be the same again, so one that
 * cannot be written (a read-only /var) is a warning then.
 */

#include "ipam/host-priv.h"

#include "lib/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

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

/* --- reading and writing ---------------------------------------------------------- */

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
