/*
 * Entries: attachments, each with what the server knows its addresses by. An
 * entry and the marks of its addresses (ledger-rest.c) are written together.
 */

#include "ipam/ledger-priv.h"

#include <stdlib.h>
#include <string.h>

void ledger_entry_clear(struct ledger_entry *entry)
{
	store_record_clear(&entry->record);
	memset(entry->refs, 0, sizeof(entry->refs));
}

int ledger_key(const struct store_attachment *attachment, struct table_key *key,
	       struct error *err)
{
	return table_key_attachment(attachment->network,
				    attachment->container_id,
				    attachment->ifname, key, err);
}

int ledger_record_key(const struct store_record *record, struct table_key *key,
		      struct error *err)
{
	return table_key_attachment(record->network, record->container_id,
				    record->ifname, key, err);
}

/* --- one -------------------------------------------------------------------------- */

/* The references, then the record. */
static int entry_decode(struct ledger *ledger, const struct table_value *value,
			struct ledger_entry *ret, struct error *err)
{
	struct error inner = { 0 };
	uint32_t n;
	size_t refs;
	int r;

	if (value->len < sizeof(n))
		return ledger_unreadable(ledger, "an attachment", err);
	memcpy(&n, value->data, sizeof(n));
	refs = n * sizeof(*ret->refs);
	if (n > STORE_MAX_ADDRESSES || value->len - sizeof(n) < refs)
		return ledger_unreadable(ledger, "an attachment", err);
	memcpy(ret->refs, value->data + sizeof(n), refs);
	r = store_record_decode(value->data + sizeof(n) + refs,
				value->len - sizeof(n) - refs, &ret->record,
				&inner);
	if (r == 0 && ret->record.n_addresses == n)
		return 0;
	if (r == 0 || inner.code == ERROR_STORE)
		return ledger_unreadable(ledger, "an attachment", err);
	*err = inner;
	return r;
}

int ledger_entry_load(struct ledger *ledger, const struct table_key *key,
		      struct ledger_entry *ret, struct error *err)
{
	struct table_value value;
	int r;

	r = table_get(ledger->table, key, &value, err);
	if (r == TABLE_ABSENT)
		return STORE_ABSENT;
	return r < 0 ? r : entry_decode(ledger, &value, ret, err);
}

static int entry_put(struct ledger *ledger, const struct table_key *key,
		     const struct ledger_entry *entry, struct error *err)
{
	const uint32_t n = (uint32_t)entry->record.n_addresses;
	size_t refs = n * sizeof(*entry->refs);
	cleanup_free uint8_t *record = NULL;
	cleanup_free uint8_t *data = NULL;
	size_t len;
	uint8_t *p;
	int r;

	r = store_record_encode(&entry->record, &record, &len, err);
	if (r < 0)
		return r;
	data = malloc(sizeof(n) + refs + len);
	if (!data)
		return error_oom(err);
	p = mempcpy(data, &n, sizeof(n));
	p = mempcpy(p, entry->refs, refs);
	memcpy(p, record, len);
	return table_put(ledger->table, key, data, sizeof(n) + refs + len, err);
}

int ledger_entry_save(struct ledger *ledger, const struct table_key *key,
		      const struct ledger_entry *entry, struct error *err)
{
	const struct store_record *record = &entry->record;
	int r = entry_put(ledger, key, entry, err);

	for (size_t i = 0; i < record->n_addresses && r == 0; i++)
		r = ledger_hold(ledger, record->pool,
				&record->addresses[i].address.addr, key, err);
	return r;
}

static int entry_rest(struct ledger *ledger, const struct store_record *record,
		      uint64_t rest_ms, struct error *err)
{
	cleanup_free char *owner = NULL;
	int r;

	r = store_owner(record->pod_namespace, record->pod_name,
			record->container_id, record->ifname, &owner, err);
	for (size_t i = 0; i < record->n_addresses && r == 0; i++)
		r = ledger_rest(ledger, record->pool,
				&record->addresses[i].address.addr, owner,
				rest_ms, err);
	return r;
}

int ledger_entry_drop(struct ledger *ledger, const struct table_key *key,
		      const struct ledger_entry *entry, uint64_t rest_ms,
		      struct error *err)
{
	const struct store_record *record = &entry->record;
	int r = 0;

	for (size_t i = 0; i < record->n_addresses && r == 0; i++)
		r = ledger_unhold(ledger, record->pool,
				  &record->addresses[i].address.addr, err);
	if (r == 0 && rest_ms)
		r = entry_rest(ledger, record, rest_ms, err);
	if (r == 0)
		r = table_del(ledger->table, key, err);
	return r == TABLE_ABSENT ? 0 : r;
}

/* --- all -------------------------------------------------------------------------- */

void ledger_entry_first(struct table_key *key)
{
	table_key_init(key, 'A');
}

int ledger_entry_next(struct ledger *ledger, struct table_key *key,
		      struct ledger_entry *ret, struct error *err)
{
	struct table_key from = *key;
	struct table_value value;
	int r;

	table_key_after(&from);
	r = table_seek(ledger->table, &from, 1, key, &value, err);
	if (r == TABLE_ABSENT)
		return STORE_ABSENT;
	return r < 0 ? r : entry_decode(ledger, &value, ret, err);
}

void ledger_entries_clear(struct ledger_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		ledger_entry_clear(&entries->items[i]);
	free(entries->items);
	*entries = (struct ledger_entries){ 0 };
}

static int entries_add(struct ledger_entries *entries,
		       struct ledger_entry *entry, struct error *err)
{
	struct ledger_entry *grown;

	grown = reallocarray(entries->items, entries->count + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	entries->items = grown;
	grown[entries->count++] = *entry;
	*entry = (struct ledger_entry){ 0 };
	return 0;
}

int ledger_entries_read(struct ledger *ledger, struct ledger_entries *ret,
			struct error *err)
{
	struct table_key key;
	int r = 0;

	ledger_entry_first(&key);
	while (r == 0) {
		cleanup_ledger_entry struct ledger_entry entry = { 0 };

		r = ledger_entry_next(ledger, &key, &entry, err);
		if (r == 0)
			r = entries_add(ret, &entry, err);
	}
	return r < 0 ? r : 0;
}
