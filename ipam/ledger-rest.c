/*
 * What this node knows of single addresses: which of them its own attachments
 * hold, and which rest. A request for one of the first would be for nothing; the
 * second are left alone while there are others.
 */

#include "ipam/ledger-priv.h"
#include "lib/file.h"
#include "lib/hash.h"

#include <string.h>
#include <sys/socket.h>

static size_t space_key(char kind, const char *pool, uint8_t family,
			struct table_key *key)
{
	uint8_t version = family == AF_INET ? 4 : 6;

	table_key_init(key, kind);
	table_key_add_text(key, pool);
	table_key_add(key, &version, sizeof(version));
	return key->len;
}

static void address_key(char kind, const char *pool,
			const struct inet_addr *addr, struct table_key *key)
{
	space_key(kind, pool, addr->family, key);
	table_key_add(key, addr->bytes, inet_family_len(addr->family));
}

int ledger_hold(struct ledger *ledger, const char *pool,
		const struct inet_addr *addr, const struct table_key *holder,
		struct error *err)
{
	struct table_key key;
	int r;

	address_key('R', pool, addr, &key);
	r = table_del(ledger->table, &key, err);
	if (r < 0)
		return r;
	address_key('X', pool, addr, &key);
	return table_put(ledger->table, &key, holder->bytes, holder->len, err);
}

int ledger_unhold(struct ledger *ledger, const char *pool,
		  const struct inet_addr *addr, struct error *err)
{
	struct table_key key;
	int r;

	address_key('X', pool, addr, &key);
	r = table_del(ledger->table, &key, err);
	return r == TABLE_ABSENT ? 0 : r;
}

/* --- rests ------------------------------------------------------------------------ */

#define REST_EXPIRE 4 /* with each that begins: more than are added */

struct rest_value {
	uint64_t until_ms;
	uint64_t owner;
};

/* T, until when, and the address' own key: the rests in the order in which they
 * end. One that ended early is left there until then. */
static void until_key(uint64_t until_ms, const struct table_key *rest,
		      struct table_key *key)
{
	table_key_init(key, 'T');
	table_key_add_uint(key, until_ms, sizeof(until_ms));
	table_key_add(key, rest->bytes, rest->len);
}

uint64_t ledger_owner(const char *owner)
{
	return hash_add(HASH_INIT, owner, strlen(owner));
}

static int rest_decode(struct ledger *ledger, const struct table_value *value,
		       struct rest_value *ret, struct error *err)
{
	if (value->len != sizeof(*ret))
		return ledger_unreadable(ledger, "a resting address", err);
	memcpy(ret, value->data, sizeof(*ret));
	return 0;
}

/* Forget the first that has ended. Return: 0, STORE_ABSENT, or negative */
static int rest_expire(struct ledger *ledger, uint64_t now_ms,
		       struct error *err)
{
	struct table_key from, found, key;
	struct rest_value rest = { 0 };
	struct table_value value;
	const size_t head = 1 + sizeof(now_ms);
	int r;

	table_key_init(&from, 'T');
	r = table_seek(ledger->table, &from, 1, &found, &value, err);
	if (r != 0)
		return r < 0 ? r : STORE_ABSENT;
	if (found.len < head ||
	    table_key_uint(&found, 1, sizeof(now_ms)) > now_ms)
		return STORE_ABSENT;
	key.len = found.len - head;
	memcpy(key.bytes, found.bytes + head, key.len);
	r = table_get(ledger->table, &key, &value, err);
	if (r == 0)
		r = rest_decode(ledger, &value, &rest, err);
	if (r == 0 && rest.until_ms <= now_ms)
		r = table_del(ledger->table, &key, err);
	return r < 0 ? r : table_del(ledger->table, &found, err);
}

int ledger_rest(struct ledger *ledger, const char *pool,
		const struct inet_addr *addr, const char *owner,
		uint64_t rest_ms, struct error *err)
{
	const uint64_t now_ms = file_boottime_ms();
	const struct rest_value rest = {
		.until_ms = now_ms + rest_ms,
		.owner = ledger_owner(owner),
	};
	struct table_key key, until;
	int r;

	address_key('R', pool, addr, &key);
	until_key(rest.until_ms, &key, &until);
	r = table_put(ledger->table, &key, &rest, sizeof(rest), err);
	if (r == 0)
		r = table_put(ledger->table, &until, NULL, 0, err);
	for (unsigned int i = 0; i < REST_EXPIRE && r == 0; i++)
		r = rest_expire(ledger, now_ms, err);
	return r < 0 ? r : 0;
}

int ledger_rest_next(struct ledger *ledger, const char *pool, uint8_t family,
		     inet_uint from, struct ledger_rest *ret, struct error *err)
{
	const uint64_t now_ms = file_boottime_ms();
	struct inet_addr addr = inet_addr_from_uint(family, from);
	struct table_key key, found;
	size_t prefix = space_key('R', pool, family, &key);

	address_key('R', pool, &addr, &key);
	for (;;) {
		struct rest_value rest = { 0 };
		struct table_value value;
		int r;

		r = table_seek(ledger->table, &key, prefix, &found, &value,
			       err);
		if (r == TABLE_ABSENT)
			return STORE_ABSENT;
		if (r == 0)
			r = rest_decode(ledger, &value, &rest, err);
		if (r < 0)
			return r;
		*ret = (struct ledger_rest){
			.addr = { .family = family },
			.until_ms = rest.until_ms,
			.owner = rest.owner,
		};
		memcpy(ret->addr.bytes, found.bytes + prefix,
		       inet_family_len(family));
		if (rest.until_ms > now_ms)
			return 0;
		key = found;
		table_key_after(&key);
	}
}

int ledger_rest_oldest(struct ledger *ledger, const char *pool, uint8_t family,
		       ledger_accept accept, void *arg, struct inet_addr *ret,
		       struct error *err)
{
	uint64_t best = UINT64_MAX;
	inet_uint from = 0;

	do {
		struct ledger_rest rest;
		int r = ledger_rest_next(ledger, pool, family, from, &rest,
					 err);

		if (r < 0)
			return r;
		if (r == STORE_ABSENT)
			break;
		if (rest.until_ms < best && accept(arg, &rest)) {
			best = rest.until_ms;
			*ret = rest.addr;
		}
		from = inet_addr_to_uint(&rest.addr) + 1;
	} while (from != 0);
	return best == UINT64_MAX ? STORE_ABSENT : 0;
}

static int look_held(struct ledger *ledger, const char *pool,
		     const struct inet_addr *addr, struct table_key *ret_holder,
		     struct error *err)
{
	struct table_value value;
	struct table_key key;
	int r;

	address_key('X', pool, addr, &key);
	r = table_get(ledger->table, &key, &value, err);
	if (r != 0)
		return r < 0 ? r : LEDGER_FREE;
	if (value.len > TABLE_KEY_MAX)
		return ledger_unreadable(ledger, "an address in use", err);
	if (ret_holder) {
		ret_holder->len = value.len;
		memcpy(ret_holder->bytes, value.data, value.len);
	}
	return LEDGER_HELD;
}

int ledger_look(struct ledger *ledger, const char *pool,
		const struct inet_addr *addr, const char *owner,
		struct table_key *ret_holder, struct error *err)
{
	struct rest_value rest = { 0 };
	struct table_value value;
	struct table_key key;
	int r;

	r = look_held(ledger, pool, addr, ret_holder, err);
	if (r != LEDGER_FREE)
		return r;
	address_key('R', pool, addr, &key);
	r = table_get(ledger->table, &key, &value, err);
	if (r != 0)
		return r < 0 ? r : LEDGER_FREE;
	r = rest_decode(ledger, &value, &rest, err);
	if (r < 0)
		return r;
	return rest.until_ms > file_boottime_ms() &&
			       rest.owner != ledger_owner(owner)
		       ? LEDGER_RESTS
		       : LEDGER_FREE;
}
