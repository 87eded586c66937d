#include "ipam/store.h"

#include "ipam/ledger.h"

#include "lib/file.h"
#include "lib/hash.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* No ADD takes this long: its own deadline is 20 s of wall clock. */
#define STORE_ADD_MAX_MS 60000

void store_record_clear(struct store_record *record)
{
	free(record->network);
	free(record->container_id);
	free(record->ifname);
	free(record->netns);
	free(record->pod_namespace);
	free(record->pod_name);
	free(record->pod_uid);
	free(record->pool);
	*record = (struct store_record){ 0 };
}

struct store_attachment
store_record_attachment(const struct store_record *record)
{
	return (struct store_attachment){
		.network = record->network,
		.container_id = record->container_id,
		.ifname = record->ifname,
		.pod_namespace = record->pod_namespace,
		.pod_name = record->pod_name,
	};
}

void store_records_clear(struct store_records *records)
{
	for (size_t i = 0; i < records->count; i++)
		store_record_clear(&records->items[i]);
	free(records->items);
	*records = (struct store_records){ 0 };
}

int store_records_add(struct store_records *records,
		      struct store_record *record, struct error *err)
{
	struct store_record *grown;

	/* Powers of two, from the count alone. */
	if ((records->count & (records->count - 1)) == 0) {
		size_t room = records->count ? records->count * 2 : 1;

		grown = reallocarray(records->items, room, sizeof(*grown));
		if (!grown)
			return error_oom(err);
		records->items = grown;
	}
	records->items[records->count++] = *record;
	*record = (struct store_record){ 0 };
	return 0;
}

static bool is_listed(const struct store_records *records, size_t count,
		      const struct store_record *record)
{
	for (size_t i = 0; i < count; i++) {
		const struct store_record *have = &records->items[i];

		if (strcmp(have->network, record->network) == 0 &&
		    strcmp(have->container_id, record->container_id) == 0 &&
		    strcmp(have->ifname, record->ifname) == 0)
			return true;
	}
	return false;
}

int store_records_unite(struct store_records *records,
			struct store_records *from, struct error *err)
{
	const size_t count = records->count;
	struct store_record *grown;

	grown = reallocarray(records->items, count + from->count + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	records->items = grown;
	for (size_t i = 0; i < from->count; i++) {
		if (is_listed(records, count, &from->items[i]))
			continue;
		grown[records->count++] = from->items[i];
		from->items[i] = (struct store_record){ 0 };
	}
	return 0;
}

bool store_exists(const struct ipam_config *config, enum ipam_store which)
{
	static const char *const tables[] = {
		[IPAM_STORE_LOCAL] = "attachments",
		[IPAM_STORE_KUBERNETES] = LEDGER_CLUSTER,
		[IPAM_STORE_WHEREABOUTS] = LEDGER_WHEREABOUTS,
		[IPAM_STORE_BOTH] = "",
	};
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s.mdb", config->state_dir,
		 tables[which]);
	return *tables[which] && access(path, F_OK) == 0;
}

struct store *store_close(struct store *store)
{
	return store ? store->ops->close(store) : NULL;
}

/* The strings of a record, in the order in which they are kept. */
static const size_t record_strings[] = {
	offsetof(struct store_record, network),
	offsetof(struct store_record, container_id),
	offsetof(struct store_record, ifname),
	offsetof(struct store_record, netns),
	offsetof(struct store_record, pod_namespace),
	offsetof(struct store_record, pod_name),
	offsetof(struct store_record, pod_uid),
	offsetof(struct store_record, pool),
};

#define STORE_STRINGS ARRAY_SIZE(record_strings)

static char **record_string_at(struct store_record *record, size_t i)
{
	void *member = (char *)record + record_strings[i];

	return member;
}

static const char *record_string(const struct store_record *record, size_t i)
{
	const void *member = (const char *)record + record_strings[i];

	return *(char *const *)member;
}

int store_record_fill(struct store_record *record,
		      const struct store_attachment *attachment,
		      const char *pool, struct error *err)
{
	const char *const from[STORE_STRINGS] = {
		attachment->network,       attachment->container_id,
		attachment->ifname,        attachment->netns,
		attachment->pod_namespace, attachment->pod_name,
		attachment->pod_uid,       pool,
	};

	for (size_t i = 0; i < STORE_STRINGS; i++) {
		char **to = record_string_at(record, i);

		free(*to);
		*to = strdup(from[i] ? from[i] : "");
		if (!*to)
			return error_oom(err);
	}
	record->netns_cookie = attachment->netns_cookie;
	record->place = attachment->place;
	return 0;
}

int store_record_is_in_progress(const struct store_record *record,
				struct error *err)
{
	int r;

	if (record->state != STORE_STATE_PENDING)
		return 0;
	r = process_look(&record->process, err);
	if (r < 0)
		return r;
	if (r == PROCESS_UNKNOWN)
		return file_boottime_ms() - record->since_ms < STORE_ADD_MAX_MS;
	return r != PROCESS_DEAD;
}

bool store_record_is_same(const struct store_record *a,
			  const struct store_record *b)
{
	return a->since_ms == b->since_ms && a->state == b->state &&
	       process_is_same(&a->process, &b->process);
}

int store_owner(const char *pod_namespace, const char *pod_name,
		const char *container_id, const char *ifname, char **ret,
		struct error *err)
{
	int n;

	if (pod_name && *pod_name)
		n = asprintf(ret, "pod %s/%s/%s", pod_namespace, pod_name,
			     ifname);
	else
		n = asprintf(ret, "container %s/%s", container_id, ifname);
	if (n >= 0)
		return 0;
	*ret = NULL;
	return error_oom(err);
}

uint64_t store_hash(const char *pool, const char *owner)
{
	uint64_t hash = hash_add(HASH_INIT, pool, strlen(pool) + 1);

	return hash_add(hash, owner, strlen(owner));
}

/* One that was asked for need not be a candidate. */
struct store_address store_address_of(const struct ipam_range_set *set,
				      const struct inet_addr *addr)
{
	const struct ipam_range *range =
		ipam_range_set_candidate(set, inet_addr_to_uint(addr));

	if (!range)
		range = ipam_range_set_find(set, addr);
	return (struct store_address){
		.address = { *addr, range->range.network.len },
		.gateway = range->gateway,
	};
}

/* Everything but the strings. The bytes never leave the machine, nor the boot,
 * so they are in its own order. */
struct record_head {
	uint64_t since_ms;
	uint64_t netns_cookie;
	uint64_t pid_start;
	uint64_t pid_ns;
	uint32_t pid;
	uint16_t lengths[STORE_STRINGS];
	uint8_t state;
	uint8_t n_addresses;
	uint8_t version; /* 0: no tail follows */
	uint8_t zero;
};

/* What came with version 1, right behind the head. */
struct record_tail {
	struct store_place place;
	uint64_t dead_ms;
};

#define RECORD_VERSION 1

int store_record_encode(const struct store_record *record, uint8_t **ret,
			size_t *ret_len, struct error *err)
{
	size_t addresses = record->n_addresses * sizeof(*record->addresses);
	const struct record_tail tail = { record->place, record->dead_ms };
	size_t len = sizeof(struct record_head) + sizeof(tail) + addresses;
	struct record_head head = {
		.since_ms = record->since_ms,
		.netns_cookie = record->netns_cookie,
		.pid_start = record->process.start,
		.pid_ns = record->process.ns,
		.pid = (uint32_t)record->process.pid,
		.state = (uint8_t)record->state,
		.n_addresses = (uint8_t)record->n_addresses,
		.version = RECORD_VERSION,
	};
	uint8_t *data, *p;

	for (size_t i = 0; i < STORE_STRINGS; i++) {
		const char *string = record_string(record, i);
		size_t n = strlen(string);

		if (n > UINT16_MAX)
			return error_set(err, ERROR_CONFIG, ENAMETOOLONG,
					 "\"%.32s...\"", string);
		head.lengths[i] = (uint16_t)n;
		len += n;
	}

	data = malloc(len);
	if (!data)
		return error_oom(err);
	p = mempcpy(data, &head, sizeof(head));
	p = mempcpy(p, &tail, sizeof(tail));
	p = mempcpy(p, record->addresses, addresses);
	for (size_t i = 0; i < STORE_STRINGS; i++) {
		p = mempcpy(p, record_string(record, i), head.lengths[i]);
	}
	*ret = data;
	*ret_len = len;
	return 0;
}

static int record_bad(struct error *err)
{
	return error_set(err, ERROR_STORE, 0,
			 "an attachment's record is not readable");
}

static int record_decode_strings(const struct record_head *head,
				 const uint8_t *data, size_t len,
				 struct store_record *record, struct error *err)
{
	for (size_t i = 0; i < STORE_STRINGS; i++) {
		char **to = record_string_at(record, i);
		size_t n = head->lengths[i];

		if (n > len)
			return record_bad(err);
		*to = strndup((const char *)data, n);
		if (!*to)
			return error_oom(err);
		data += n;
		len -= n;
	}
	return len == 0 ? 0 : record_bad(err);
}

int store_record_decode(const uint8_t *data, size_t len,
			struct store_record *ret, struct error *err)
{
	cleanup_store_record struct store_record record = { 0 };
	struct record_tail tail = { 0 };
	struct record_head head;
	size_t addresses, fixed;
	int r;

	if (len < sizeof(head))
		return record_bad(err);
	memcpy(&head, data, sizeof(head));
	addresses = head.n_addresses * sizeof(*record.addresses);
	fixed = sizeof(head) + (head.version ? sizeof(tail) : 0);
	if (head.version > RECORD_VERSION ||
	    head.n_addresses > STORE_MAX_ADDRESSES || len < fixed ||
	    len - fixed < addresses || head.state > STORE_STATE_LIVE)
		return record_bad(err);
	if (head.version)
		memcpy(&tail, data + sizeof(head), sizeof(tail));

	record.since_ms = head.since_ms;
	record.netns_cookie = head.netns_cookie;
	record.process = (struct process){ (int)head.pid, head.pid_start,
					   head.pid_ns };
	record.state = (enum store_state)head.state;
	record.n_addresses = head.n_addresses;
	record.place = tail.place;
	record.dead_ms = tail.dead_ms;
	memcpy(record.addresses, data + fixed, addresses);
	r = record_decode_strings(&head, data + fixed + addresses,
				  len - fixed - addresses, &record, err);
	if (r < 0)
		return r;
	store_record_clear(ret);
	*ret = record;
	record = (struct store_record){ 0 };
	return 0;
}
