/*
 * What a reservation costs, in look-ups and changes of the table: times would
 * depend on the machine. Each of them is one walk down a tree of at most four
 * levels.
 */

#include "test/store/contract.h"
#include "test/store/local-dir.h"

#include <lmdb.h>
#include <stdio.h>
#include <string.h>

static unsigned int calls;

/* The names that ld --wrap wants. */
int __real_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __real_mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data,
			  MDB_cursor_op op);
int __wrap_mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data,
			  MDB_cursor_op op);
int __real_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data,
		   unsigned int flags);
int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data,
		   unsigned int flags);
int __real_mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __wrap_mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);

int __wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	calls++;
	return __real_mdb_get(txn, dbi, key, data);
}

int __wrap_mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data,
			  MDB_cursor_op op)
{
	calls++;
	return __real_mdb_cursor_get(cursor, key, data, op);
}

int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data,
		   unsigned int flags)
{
	calls++;
	return __real_mdb_put(txn, dbi, key, data, flags);
}

int __wrap_mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	calls++;
	return __real_mdb_del(txn, dbi, key, data);
}

const struct contract_fixture contract_fixture = {
	.name = "local",
	.init = local_dir_init,
	.fini = local_dir_fini,
	.keys = local_dir_keys,
	.open = local_dir_open,
};

TestSuite(store_scale, .init = local_dir_init, .fini = local_dir_fini);

static struct ipam_config config;
static struct store *store;

/* Return: calls that it took */
static unsigned int reserve(unsigned int n, int expected)
{
	char text[INET_ADDR_TEXT], buf[32];
	struct store_attachment a = contract_attachment(buf, n);
	struct error err = { 0 };
	int r;

	calls = 0;
	r = contract_reserve(store, &config, &a, text, &err);
	cr_assert_eq(r, expected, "%u: %d %s", n, r, err.details);
	return calls;
}

static unsigned int release(unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);
	struct error err = { 0 };

	calls = 0;
	cr_assert_eq(store->ops->release(store, &a, &err), 0, "%s",
		     err.details);
	return calls;
}

static void begin(const char *members)
{
	contract_config(&config, members);
	store = contract_open(&config);
	reserve(0, 0); /* makes the table */
}

static void end(void)
{
	store = store_close(store);
	ipam_config_clear(&config);
}

#define IN_USE 65000

Test(store_scale, what_is_in_use_does_not_make_the_next_one_dearer)
{
	unsigned int empty, full, freed, again;

	begin("'range': '10.1.0.0/16', 'reuseDelay': 3600");
	empty = reserve(1, 0);
	for (unsigned int i = 2; i < IN_USE; i++)
		reserve(i, 0);
	full = reserve(IN_USE, 0);
	cr_expect_leq(full, empty + empty / 2, "%u against %u", full, empty);

	/* Every 50th is released and rests: as many runs, none in the way. */
	freed = release(50);
	for (unsigned int i = 100; i < IN_USE; i += 50)
		freed = release(i);
	cr_expect_leq(freed, 12);
	again = reserve(IN_USE + 1, 0);
	cr_expect_leq(again, empty + empty / 2, "%u against %u", again, empty);

	/* To the last address, and one more. */
	for (unsigned int i = IN_USE + 2; i < 65534; i++)
		reserve(i, 0);
	again = reserve(65534, 0);
	cr_expect_leq(again, 2 * empty, "a rested one: %u against %u", again,
		      empty);
	end();
}

Test(store_scale, gaps_all_over_do_not_either)
{
	unsigned int empty, gaps;

	begin("'range': '10.1.0.0/18', 'reuseDelay': 0");
	empty = reserve(1, 0);
	for (unsigned int i = 2; i < 8000; i++)
		reserve(i, 0);
	for (unsigned int i = 1; i < 8000; i += 2)
		release(i);
	gaps = reserve(9000, 0);
	cr_expect_leq(gaps, empty + empty / 2, "%u against %u", gaps, empty);
	end();
}

Test(store_scale, a_permutation_is_bounded_too)
{
	unsigned int most = 0;

	begin("'range': '10.1.0.0/21', 'order': 'hash', 'reuseDelay': 0");
	for (unsigned int i = 1; i < 2046; i++) {
		unsigned int n = reserve(i, 0);

		most = n > most ? n : most;
	}
	cr_expect_leq(most, 50, "%u", most);
	cr_expect_leq(reserve(5000, STORE_EXHAUSTED), 50);
	end();
}

Test(store_scale, what_has_rested_is_freed_in_small_portions)
{
	unsigned int n;

	begin("'range': '10.1.0.0/16', 'reuseDelay': 1");
	for (unsigned int i = 1; i < 500; i++)
		reserve(i, 0);
	for (unsigned int i = 1; i < 500; i++)
		release(i);
	usleep(1100000);
	n = reserve(1000, 0);
	cr_expect_leq(n, 100, "%u", n);
	for (unsigned int i = 1001; i < 1100; i++)
		reserve(i, 0);
	end();
}
