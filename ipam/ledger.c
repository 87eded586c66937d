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
 * known as nobody's; and its numbers begin elsewhere, so that no line of the lost
 * one is taken for one of it.
 */

#include "ipam/ledger-priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FACT_NUMBER "number"

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

/* --- numbers and names ------------------------------------------------------------ */

static int draw(void *ret, size_t size, struct error *err)
{
	if (getrandom(ret, size, 0) != (ssize_t)size)
		return error_set(err, ERROR_IO, errno, "random bytes");
	return 0;
}

/* Who has a line of a table in mind that is lost by now means none of the one
 * that was begun in its place: so each begins somewhere else, with room above. */
static int draw_number(uint64_t *ret, struct error *err)
{
	int r = draw(ret, sizeof(*ret), err);

	*ret = *ret / 2 + 1;
	return r;
}

int ledger_number(struct ledger *ledger, uint64_t *ret, struct error *err)
{
	int r = ledger_fact(ledger, FACT_NUMBER, ret, err);

	if (r == 0)
		++*ret;
	else if (r == STORE_ABSENT)
		r = draw_number(ret, err);
	return r < 0 ? r : ledger_fact_set(ledger, FACT_NUMBER, *ret, err);
}

static int draw_uuid(char ret[static LEDGER_NAME], struct error *err)
{
	uint8_t bytes[16];
	char *p = ret;
	int r = draw(bytes, sizeof(bytes), err);

	if (r < 0)
		return r;
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
		r = ledger_number(ledger, &number, err);
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
