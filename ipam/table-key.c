/* Keys of a table: a kind, then what it is sorted by. */

#include "ipam/table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void table_key_init(struct table_key *key, char kind)
{
	key->len = 1;
	key->bytes[0] = (uint8_t)kind;
}

void table_key_add(struct table_key *key, const void *data, size_t len)
{
	if (len > TABLE_KEY_MAX || key->len + len > TABLE_KEY_MAX) {
		key->len = TABLE_KEY_MAX + 1;
		return;
	}
	memcpy(key->bytes + key->len, data, len);
	key->len += len;
}

void table_key_add_text(struct table_key *key, const char *text)
{
	table_key_add(key, text, strlen(text) + 1);
}

void table_key_add_uint(struct table_key *key, unsigned __int128 value,
			size_t len)
{
	uint8_t bytes[16];

	assert(len <= sizeof(bytes));
	for (size_t i = len; i > 0; i--) {
		bytes[i - 1] = (uint8_t)value;
		value >>= 8;
	}
	table_key_add(key, bytes, len);
}

unsigned __int128 table_key_uint(const struct table_key *key, size_t at,
				 size_t len)
{
	unsigned __int128 value = 0;

	assert(at + len <= key->len);
	for (size_t i = 0; i < len; i++)
		value = value << 8 | key->bytes[at + i];
	return value;
}

bool table_key_fits(const struct table_key *key)
{
	return key->len <= TABLE_KEY_MAX;
}

int table_key_attachment(const char *network, const char *container_id,
			 const char *ifname, struct table_key *ret,
			 struct error *err)
{
	table_key_init(ret, 'A');
	table_key_add_text(ret, network);
	table_key_add_text(ret, container_id);
	table_key_add_text(ret, ifname);
	if (table_key_fits(ret))
		return 0;
	return error_set(err, ERROR_CONFIG, ENAMETOOLONG,
			 "network name, container id and interface name "
			 "together: more than %d bytes",
			 TABLE_KEY_MAX - 4);
}

void table_key_after(struct table_key *key)
{
	if (key->len < TABLE_KEY_MAX) {
		key->bytes[key->len++] = 0;
		return;
	}
	/* One of full length has none longer. */
	while (key->len > 1 && key->bytes[key->len - 1] == UINT8_MAX)
		key->len--;
	key->bytes[key->len - 1]++;
}
