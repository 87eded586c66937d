#include "ipam/ledger.h"
#include "lib/file.h"
#include "test/store/contract.h"
#include "test/store/local-dir.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

const struct contract_fixture contract_fixture = {
	.name = "ledger",
	.init = local_dir_init,
	.fini = local_dir_fini,
	.keys = local_dir_keys,
};

static struct ipam_config config;
static struct ledger *ledger;
static struct error err;

static void begin(void)
{
	local_dir_init();
	contract_config(&config, "'range': '10.1.2.0/24'");
	cr_assert_eq(ledger_open(&config, LEDGER_CLUSTER, false, &ledger, &err),
		     0);
	cr_assert_eq(ledger_begin(ledger, true, 5000, &err), 0, "%s",
		     err.details);
}

static void end(void)
{
	cr_expect_eq(ledger_end(ledger, 0, &err), 0, "%s", err.details);
	ledger_close(ledger);
	ipam_config_clear(&config);
	local_dir_fini();
}

TestSuite(ledger, .init = begin, .fini = end);

static struct inet_addr addr_of(const char *text)
{
	struct inet_addr addr;

	cr_assert(inet_addr_parse(text, &addr));
	return addr;
}

/* Container @n with one address */
static void entry_of(unsigned int n, const char *text, struct ledger_entry *ret,
		     struct table_key *ret_key)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	*ret = (struct ledger_entry){ 0 };
	cr_assert_eq(store_record_fill(&ret->record, &a, "lh", &err), 0);
	ret->record.n_addresses = 1;
	ret->record.addresses[0].address = (struct inet_prefix){ addr_of(text),
								 24 };
	strcpy(ret->refs[0].uid, "uid-1");
	strcpy(ret->refs[0].attempt, "a.1");
	cr_assert_eq(ledger_key(&a, ret_key, &err), 0);
}

Test(ledger, an_entry_is_found_by_its_attachment_and_by_its_address)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	cleanup_ledger_entry struct ledger_entry found = { 0 };
	const struct inet_addr addr = addr_of("10.1.2.3");
	struct table_key key, holder;

	entry_of(1, "10.1.2.3", &entry, &key);
	cr_assert_eq(ledger_entry_load(ledger, &key, &found, &err),
		     STORE_ABSENT);
	cr_assert_eq(ledger_look(ledger, "lh", &addr, "", NULL, &err),
		     LEDGER_FREE);
	cr_assert_eq(ledger_entry_save(ledger, &key, &entry, &err), 0);
	cr_expect_eq(ledger_look(ledger, "lh", &addr, "", &holder, &err),
		     LEDGER_HELD);
	cr_expect_eq(ledger_look(ledger, "other", &addr, "", NULL, &err),
		     LEDGER_FREE);
	cr_assert_eq(ledger_entry_load(ledger, &holder, &found, &err), 0);
	cr_expect_str_eq(found.record.container_id, "container-1");
	cr_expect_str_eq(found.refs[0].uid, "uid-1");
	cr_expect_str_eq(found.refs[0].attempt, "a.1");
	cr_expect_eq(ledger_entry_drop(ledger, &key, &entry, 0, &err), 0);
	cr_expect_eq(ledger_look(ledger, "lh", &addr, "", NULL, &err),
		     LEDGER_FREE);
}

Test(ledger, what_was_dropped_rests_for_all_but_its_owner)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	const struct inet_addr addr = addr_of("10.1.2.3");
	cleanup_free char *owner = NULL;
	struct ledger_rest rest;
	struct table_key key;

	entry_of(1, "10.1.2.3", &entry, &key);
	cr_assert_eq(ledger_entry_save(ledger, &key, &entry, &err), 0);
	cr_assert_eq(ledger_entry_drop(ledger, &key, &entry, 60000, &err), 0);
	cr_assert_eq(store_owner("", "", "container-1", "net1", &owner, &err),
		     0);
	cr_expect_eq(ledger_look(ledger, "lh", &addr, "x", NULL, &err),
		     LEDGER_RESTS);
	cr_expect_eq(ledger_look(ledger, "lh", &addr, owner, NULL, &err),
		     LEDGER_FREE);
	cr_assert_eq(ledger_rest_next(ledger, "lh", AF_INET, 0, &rest, &err),
		     0);
	cr_expect(inet_addr_equal(&rest.addr, &addr));
	cr_expect_eq(rest.owner, ledger_owner(owner));
	cr_expect_eq(ledger_rest_next(ledger, "lh", AF_INET,
				      inet_addr_to_uint(&addr) + 1, &rest,
				      &err),
		     STORE_ABSENT);
	cr_expect_eq(ledger_rest_next(ledger, "lh", AF_INET6, 0, &rest, &err),
		     STORE_ABSENT);
	/* Held again, it does not rest. */
	cr_assert_eq(ledger_entry_save(ledger, &key, &entry, &err), 0);
	cr_expect_eq(ledger_rest_next(ledger, "lh", AF_INET, 0, &rest, &err),
		     STORE_ABSENT);
}

static unsigned int count_kind(char kind)
{
	struct table_key from, found;
	struct table_value value;
	unsigned int n = 0;

	table_key_init(&from, kind);
	while (table_seek(ledger_table(ledger), &from, 1, &found, &value,
			  &err) == 0) {
		n++;
		from = found;
		table_key_add(&from, "", 1);
	}
	return n;
}

Test(ledger, what_has_rested_is_forgotten)
{
	struct ledger_rest rest;

	for (unsigned int i = 1; i <= 200; i++) {
		const struct inet_addr addr =
			inet_addr_from_uint(AF_INET, 0x0a010200 + i);

		cr_assert_eq(ledger_rest(ledger, "lh", &addr, "x", i <= 100,
					 &err),
			     0);
	}
	usleep(5000);
	for (unsigned int i = 0; i < 100; i++) {
		const struct inet_addr addr = addr_of("10.9.9.9");

		cr_assert_eq(ledger_rest(ledger, "lh", &addr, "x", 60000, &err),
			     0);
	}
	cr_expect_leq(count_kind('R'), 2, "%u", count_kind('R'));
	cr_assert_eq(ledger_rest_next(ledger, "lh", AF_INET, 0, &rest, &err),
		     0);
	cr_expect_eq(rest.addr.bytes[1], 9);
}

Test(ledger, attempts_are_never_the_same_and_known_as_its_own)
{
	char before[LEDGER_ATTEMPT] = "";

	cr_expect_eq(ledger_is_own_attempt(ledger, "x.1", &err), 0);
	for (int i = 0; i < 100; i++) {
		char attempt[LEDGER_ATTEMPT];

		cr_assert_eq(ledger_attempt(ledger, attempt, &err), 0);
		cr_expect_str_neq(attempt, before);
		cr_expect_eq(ledger_is_own_attempt(ledger, attempt, &err), 1);
		memcpy(before, attempt, sizeof(before));
	}
	cr_expect_eq(ledger_is_own_attempt(ledger,
					   "c9bcdb1b-361b-79a7-5474-"
					   "205dc562e3bd.1",
					   &err),
		     0);
}

Test(ledger, lines_are_walked_in_order_while_they_change)
{
	struct ledger_line line = { .kind = LEDGER_POST };
	uint64_t numbers[10];
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		cr_assert_eq(ledger_line_add(ledger, &line, &err), 0);
		numbers[i] = line.number;
		cr_expect_eq(line.process.pid, getpid());
	}
	cr_assert_eq(ledger_line_del(ledger, numbers[4], &err), 0);
	cr_assert_eq(ledger_line_del(ledger, numbers[4], &err), 0);
	line.number = 0;
	while (ledger_line_next(ledger, line.number + 1, &line, &err) == 0) {
		cr_expect_neq(line.number, numbers[4]);
		ledger_line_del(ledger, line.number, &err);
		n++;
	}
	cr_expect_eq(n, 9);
	cr_expect_eq(ledger_line_load(ledger, numbers[0], &line, &err),
		     STORE_ABSENT);
}

Test(ledger, no_line_is_taken_for_one_of_a_table_that_was_lost)
{
	struct ledger_line line = { .kind = LEDGER_POST };
	uint64_t numbers[10];

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		cr_assert_eq(ledger_line_add(ledger, &line, &err), 0);
		numbers[i] = line.number;
	}
	end();
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		cr_assert_eq(ledger_line_add(ledger, &line, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		cr_expect_eq(ledger_line_load(ledger, numbers[i], &line, &err),
			     STORE_ABSENT);
}

/* As a journal has them that is older than the program */
Test(ledger, lines_that_do_not_know_their_pod_are_read)
{
	const struct store_attachment a = {
		.network = "lh",
		.container_id = "c1",
		.ifname = "net1",
		.pod_namespace = "storage",
		.pod_name = "p",
	};
	struct ledger_line line = { .kind = LEDGER_RELEASE };
	struct table_key key;
	struct table_value value;

	ledger_line_fill(&line, "lh", &a);
	cr_expect_str_eq(line.pod, "storage/p");
	cr_assert_eq(ledger_line_add(ledger, &line, &err), 0);
	table_key_init(&key, 'L');
	cr_assert_eq(table_seek(ledger_table(ledger), &key, 1, &key, &value,
				&err),
		     0);
	cr_assert_eq(table_put(ledger_table(ledger), &key, &line, 800, &err),
		     0);
	cr_assert_eq(ledger_line_next(ledger, 1, &line, &err), 0, "%s",
		     err.details);
	cr_expect_str_eq(line.container_id, "c1");
	cr_expect_str_eq(line.pod, "");
}

Test(ledger, entries_are_walked_once_each)
{
	struct table_key key;
	unsigned int n = 0;

	for (unsigned int i = 0; i < 50; i++) {
		cleanup_ledger_entry struct ledger_entry entry = { 0 };
		char text[INET_ADDR_TEXT];

		snprintf(text, sizeof(text), "10.1.3.%u", i);
		entry_of(i, text, &entry, &key);
		cr_assert_eq(ledger_entry_save(ledger, &key, &entry, &err), 0);
	}
	ledger_entry_first(&key);
	for (;;) {
		cleanup_ledger_entry struct ledger_entry entry = { 0 };

		if (ledger_entry_next(ledger, &key, &entry, &err) != 0)
			break;
		n++;
	}
	cr_expect_eq(n, 50);
}

Test(ledger, facts_are_kept_and_dropped)
{
	uint64_t value = 0;

	cr_expect_eq(ledger_fact(ledger, "f", &value, &err), STORE_ABSENT);
	cr_assert_eq(ledger_fact_set(ledger, "f", UINT64_MAX, &err), 0);
	cr_assert_eq(ledger_fact(ledger, "f", &value, &err), 0);
	cr_expect_eq(value, UINT64_MAX);
	cr_assert_eq(ledger_fact_drop(ledger, "f", &err), 0);
	cr_assert_eq(ledger_fact_drop(ledger, "f", &err), 0);
	cr_expect_eq(ledger_fact(ledger, "f", &value, &err), STORE_ABSENT);
}

/* Records of this program's own making, and what became of them on a disk. */
Test(ledger, what_is_not_readable_is_damage)
{
	static const char *const kinds = "AFLR";

	for (const char *kind = kinds; *kind; kind++) {
		cleanup_ledger_entry struct ledger_entry entry = { 0 };
		const struct inet_addr addr = addr_of("10.1.2.3");
		struct table_key key, from;
		struct table_value value;
		struct ledger_line line;
		struct ledger_rest rest;
		uint64_t fact;
		int r = 0;

		err = (struct error){ 0 };
		entry_of(1, "10.1.2.3", &entry, &key);
		ledger_entry_save(ledger, &key, &entry, &err);
		ledger_fact_set(ledger, "f", 1, &err);
		line = (struct ledger_line){ 0 };
		ledger_line_add(ledger, &line, &err);
		ledger_rest(ledger, "lh", &addr, "x", 60000, &err);
		table_key_init(&from, *kind);
		cr_assert_eq(table_seek(ledger_table(ledger), &from, 1, &from,
					&value, &err),
			     0, "%c", *kind);
		table_put(ledger_table(ledger), &from, "xx", 2, &err);
		switch (*kind) {
		case 'A':
			ledger_entry_clear(&entry);
			r = ledger_entry_load(ledger, &from, &entry, &err);
			break;
		case 'F':
			r = ledger_fact(ledger, "f", &fact, &err);
			break;
		case 'L':
			r = ledger_line_next(ledger, 0, &line, &err);
			break;
		case 'R':
			r = ledger_rest_next(ledger, "lh", AF_INET, 0, &rest,
					     &err);
			break;
		default:
			break;
		}
		cr_expect_lt(r, 0, "%c", *kind);
		cr_expect_eq(err.code, ERROR_STORE, "%c", *kind);
		cr_expect_eq(table_del(ledger_table(ledger), &from, &err), 0);
	}
}
