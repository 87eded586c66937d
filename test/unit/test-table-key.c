#include "ipam/table.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(table_key, .timeout = 10);

static int compare(const struct table_key *a, const struct table_key *b)
{
	int r = memcmp(a->bytes, b->bytes, a->len < b->len ? a->len : b->len);

	return r ? r : (a->len > b->len) - (a->len < b->len);
}

/* Of full length, with @filler behind the kind and @tail at the end. */
static struct table_key full(uint8_t filler, uint8_t tail)
{
	struct table_key key;

	table_key_init(&key, 'A');
	while (key.len < TABLE_KEY_MAX)
		table_key_add(&key, &filler, 1);
	key.bytes[key.len - 1] = tail;
	return key;
}

Test(table_key, what_is_behind_a_key_begins_with_it_where_there_is_room)
{
	struct table_key key, next;

	table_key_init(&key, 'A');
	table_key_add_text(&key, "net");
	next = key;
	table_key_after(&next);
	cr_assert_eq(next.len, key.len + 1);
	cr_assert_arr_eq(next.bytes, key.bytes, key.len);
	cr_assert_eq(next.bytes[key.len], 0);
}

Test(table_key, what_is_behind_a_key_of_full_length_is_higher_and_fits)
{
	const struct table_key keys[] = {
		full('x', 0),
		full('x', UINT8_MAX),
		full(UINT8_MAX, UINT8_MAX),
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		struct table_key next = keys[i];

		table_key_after(&next);
		cr_expect_gt(compare(&next, &keys[i]), 0, "case %zu", i);
		cr_expect(table_key_fits(&next), "case %zu", i);
	}
}
