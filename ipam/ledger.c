/*
 * Kinds of records:
 *
 *	A network, container id, ifname	-> the entry
 *	X pool, family, address		-> key of the entry that holds it
 *	R pool, family, address		-> until when it rests, and after whom
 *	T until when, key of the rest	-> nothing: the rests, in order
 *	L number			-> a line
 *	F name				-> a fact
 *
 * An entry names its addresses, and X finds the entry by them: both are written
 * in one transaction. What is there after a death is told in store-kube.c, where
 * the order of transactions and requests is.
 *
 * The table's uuid is drawn when the first attempt is named. A table that was
 * lost and begun anew has another one, so that what the lost one reserved is
 * known as nobody's.
 */

#include "ipam/ledger-priv.h"

#include "lib/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define FACT_NUMBER "number"

void ledger_entry_clear(struct ledger_entry *entry)
{
	store_record_clear(&entry->record);
	memset(entry->refs, 0, sizeof(entry->refs));
}

static int open_table(const char *dir, const char *name, unsigned int flags,
		      struct ledger **ret, struct error *err)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	int r;

	if (!ledger)
		return error_oom(err);
	r = table_open(dir, name, flags, &ledger->table, err);
	if (r < 0) {
		ledger_close(ledger);
		return r;
	}
	*ret = ledger;
	return 0;
}

int ledger_open(const struct ipam_config *config, const char *name,
		bool read_only, struct ledger **ret, struct error *err)
{
	cleanup_ledger struct ledger *ledger = NULL;
	int r;

	r = open_table(config->state_dir, name, read_only ? TABLE_READ_ONLY : 0,
		       &ledger, err);
	if (r == 0)
		r = table_set_witness(ledger->table, config->data_dir, err);
	if (r == 0)
		*ret = take_ptr(ledger);
	return r;
}

int ledger_open_journal(const struct ipam_config *config, const char *name,
			bool read_only, struct ledger **ret, struct error *err)
{
	return open_table(config->data_dir, name,
			  TABLE_SYNCED | (read_only ? TABLE_READ_ONLY : 0), ret,
			  err);
}

struct ledger *ledger_close(struct ledger *ledger)
{
	if (ledger)
		table_close(ledger->table);
	free(ledger);
	return NULL;
}

struct table *ledger_table(struct ledger *ledger)
{
	return ledger->table;
}

int ledger_begin(struct ledger *ledger, bool write, unsigned int timeout_ms,
		 struct error *err)
{
	int r = table_begin(ledger->table, write, timeout_ms, err);

	/* Another process may have renewed the table meanwhile. */
	ledger->uuid[0] = '\0';
	return r == TABLE_BUSY ? STORE_BUSY : r;
}

int ledger_end(struct ledger *ledger, int r, struct error *err)
{
	if (r == 0)
		return table_commit(ledger->table, err);
	table_abort(ledger->table);
	return r;
}

int ledger_unreadable(struct ledger *ledger, const char *what,
		      struct error *err)
{
	return table_damaged(ledger->table, err, "%s is not readable", what);
}

/* --- entries ------------------------------------------------------------------- */

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

	/* The next possible key; one of full length has none longer. */
	if (from.len < TABLE_KEY_MAX)
		table_key_add(&from, "", 1);
	else
		from.bytes[from.len - 1]++;
	r = table_seek(ledger->table, &from, 1, key, &value, err);
	if (r == TABLE_ABSENT)
		return STORE_ABSENT;
	return r < 0 ? r : entry_decode(ledger, &value, ret, err);
}

/* --- facts ------------------------------------------------------------------------ */

static void fact_key(const char *name, struct table_key *key)
{
	table_key_init(key, 'F');
	table_key_add_text(key, name);
}

int ledger_fact(struct ledger *ledger, const char *name, uint64_t *ret,
		struct error *err)
{
	struct table_value value;
	struct table_key key;
	int r;

	fact_key(name, &key);
	r = table_get(ledger->table, &key, &value, err);
	if (r == TABLE_ABSENT)
		return STORE_ABSENT;
	if (r < 0)
		return r;
	if (value.len != sizeof(*ret))
		return ledger_unreadable(ledger, name, err);
	memcpy(ret, value.data, sizeof(*ret));
	return 0;
}

int ledger_fact_set(struct ledger *ledger, const char *name, uint64_t value,
		    struct error *err)
{
	struct table_key key;

	fact_key(name, &key);
	return table_put(ledger->table, &key, &value, sizeof(value), err);
}

int ledger_fact_drop(struct ledger *ledger, const char *name, struct error *err)
{
	struct table_key key;
	int r;

	fact_key(name, &key);
	r = table_del(ledger->table, &key, err);
	return r == TABLE_ABSENT ? 0 : r;
}

/* The next number: of a line, or of an attempt. */
static int next_number(struct ledger *ledger, uint64_t *ret, struct error *err)
{
	int r = ledger_fact(ledger, FACT_NUMBER, ret, err);

	if (r < 0)
		return r;
	*ret = r == STORE_ABSENT ? 1 : *ret + 1;
	return ledger_fact_set(ledger, FACT_NUMBER, *ret, err);
}

static int draw_uuid(char ret[static LEDGER_NAME], struct error *err)
{
	uint8_t bytes[16];
	char *p = ret;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return error_set(err, ERROR_IO, errno, "random bytes");
	for (size_t i = 0; i < sizeof(bytes); i++)
		p += sprintf(p, "%s%02x",
			     i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			     bytes[i]);
	return 0;
}

/* "" in a table that has none yet. */
static int read_uuid(struct ledger *ledger, struct error *err)
{
	struct table_value value;
	struct table_key key;
	int r;

	if (*ledger->uuid)
		return 0;
	fact_key("uuid", &key);
	r = table_get(ledger->table, &key, &value, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (value.len != sizeof(ledger->uuid))
		return ledger_unreadable(ledger, "uuid", err);
	memcpy(ledger->uuid, value.data, sizeof(ledger->uuid));
	ledger->uuid[sizeof(ledger->uuid) - 1] = '\0';
	return 0;
}

static int make_uuid(struct ledger *ledger, struct error *err)
{
	struct table_key key;
	int r = read_uuid(ledger, err);

	if (r < 0 || *ledger->uuid)
		return r;
	r = draw_uuid(ledger->uuid, err);
	if (r < 0)
		return r;
	fact_key("uuid", &key);
	return table_put(ledger->table, &key, ledger->uuid,
			 sizeof(ledger->uuid), err);
}

int ledger_name(struct ledger *ledger, bool write, char ret[static LEDGER_NAME],
		struct error *err)
{
	int r = write ? make_uuid(ledger, err) : read_uuid(ledger, err);

	if (r == 0)
		memcpy(ret, ledger->uuid, LEDGER_NAME);
	return r;
}

int ledger_attempt(struct ledger *ledger, char ret[static LEDGER_ATTEMPT],
		   struct error *err)
{
	uint64_t number;
	int r;

	r = make_uuid(ledger, err);
	if (r == 0)
		r = next_number(ledger, &number, err);
	if (r == 0)
		snprintf(ret, LEDGER_ATTEMPT, "%s.%" PRIu64, ledger->uuid,
			 number);
	return r;
}

int ledger_is_own_attempt(struct ledger *ledger, const char *attempt,
			  struct error *err)
{
	size_t len;
	int r = read_uuid(ledger, err);

	if (r < 0)
		return r;
	len = strlen(ledger->uuid);
	return len > 0 && strncmp(attempt, ledger->uuid, len) == 0 &&
	       attempt[len] == '.';
}

/* --- lines ----------------------------------------------------------------------- */

static void line_key(uint64_t number, struct table_key *key)
{
	table_key_init(key, 'L');
	table_key_add_uint(key, number, sizeof(number));
}

static int line_decode(struct ledger *ledger, const struct table_value *value,
		       struct ledger_line *ret, struct error *err)
{
	if (value->len != sizeof(*ret))
		return ledger_unreadable(ledger, "a line", err);
	memcpy(ret, value->data, sizeof(*ret));
	return 0;
}

int ledger_line_save(struct ledger *ledger, const struct ledger_line *line,
		     struct error *err)
{
	struct table_key key;

	line_key(line->number, &key);
	return table_put(ledger->table, &key, line, sizeof(*line), err);
}

int ledger_line_add(struct ledger *ledger, struct ledger_line *line,
		    struct error *err)
{
	int r = process_self(&line->process, err);

	if (r < 0)
		return r;
	r = next_number(ledger, &line->number, err);
	if (r < 0)
		return r;
	line->since_ms = file_boottime_ms();
	return ledger_line_save(ledger, line, err);
}

int ledger_line_load(struct ledger *ledger, uint64_t number,
		     struct ledger_line *ret, struct error *err)
{
	struct table_value value;
	struct table_key key;
	int r;

	line_key(number, &key);
	r = table_get(ledger->table, &key, &value, err);
	if (r == TABLE_ABSENT)
		return STORE_ABSENT;
	return r < 0 ? r : line_decode(ledger, &value, ret, err);
}

int ledger_line_del(struct ledger *ledger, uint64_t number, struct error *err)
{
	struct table_key key;
	int r;

	line_key(number, &key);
	r = table_del(ledger->table, &key, err);
	return r == TABLE_ABSENT ? 0 : r;
}

int ledger_line_next(struct ledger *ledger, uint64_t number,
		     struct ledger_line *ret, struct error *err)
{
	struct table_key from, found;
	struct table_value value;
	int r;

	line_key(number, &from);
	r = table_seek(ledger->table, &from, 1, &found, &value, err);
	if (r == TABLE_ABSENT)
		return STORE_ABSENT;
	return r < 0 ? r : line_decode(ledger, &value, ret, err);
}
