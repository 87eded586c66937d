/* What becomes of a reservation: made, confirmed, found dead, released. */

#include "test/store/use.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void contract_init(void)
{
	log_init("test", LOG_LEVEL_QUIET);
	contract_fixture.init();
}

static void contract_fini(void)
{
	contract_fixture.fini();
}

TestSuite(contract, .init = contract_init, .fini = contract_fini);

Test(contract, a_reservation_carries_length_gateway_and_who)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_use struct use use;
	struct store_attachment a = {
		.network = "storage",
		.container_id = "c1",
		.ifname = "net7",
		.netns = "/run/netns/x",
		.netns_cookie = UINT64_MAX,
		.pod_namespace = "longhorn-system",
		.pod_name = "instance-manager-1",
		.pod_uid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	};
	char text[INET_ADDR_TEXT];

	use_open(&use, USE_SMALL ", 'gateway': '10.1.2.1', 'pool': 'lh'");
	cr_assert_eq(use_reserve(&use, &a), 0, "%s", use.err.details);
	cr_assert_eq(use.store->ops->find(use.store, &a, &record, &use.err), 0);
	cr_expect_str_eq(record.network, "storage");
	cr_expect_str_eq(record.container_id, "c1");
	cr_expect_str_eq(record.ifname, "net7");
	cr_expect_str_eq(record.netns, "/run/netns/x");
	cr_expect_eq(record.netns_cookie, UINT64_MAX);
	cr_expect_str_eq(record.pod_namespace, "longhorn-system");
	cr_expect_str_eq(record.pod_name, "instance-manager-1");
	cr_expect_str_eq(record.pod_uid,
			 "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
	cr_expect_str_eq(record.pool, "lh");
	cr_expect_eq(record.state, STORE_STATE_PENDING);
	cr_expect_eq(record.process.pid, getpid());
	cr_expect_eq(record.n_addresses, 1);
	cr_expect_eq(record.addresses[0].address.len, 29);
	cr_expect_str_eq(inet_addr_format(&record.addresses[0].address.addr,
					  text),
			 use.address);
	cr_expect_str_eq(inet_addr_format(&record.addresses[0].gateway, text),
			 "10.1.2.1");
}

Test(contract, all_sets_or_none)
{
	cleanup_use struct use use;
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 2);
	const struct store_wish wish = { &use.config, &a, { { 0 } } };
	cleanup_store_record struct store_record record = { 0 };
	size_t set = 99;

	use_open(&use, "'range': '10.1.2.0/24', 'reuseDelay': 0, 'ipRanges':"
		       " [{'range': 'fd00::/126'}]");
	cr_assert_eq(use_reserve_n(&use, 0), 0);
	cr_assert_eq(use_reserve_n(&use, 1), 0);
	cr_expect_eq(use.store->ops->reserve(use.store, &wish, &record, &set,
					     &use.err),
		     STORE_EXHAUSTED);
	cr_expect_eq(set, 1);
	cr_expect_eq(contract_used(use.store), 2);
	store_record_clear(&record);
	cr_expect_eq(use.store->ops->find(use.store, &a, &record, &use.err),
		     STORE_ABSENT);
	cr_expect_eq(use_release_n(&use, 0), 0);
	cr_expect_eq(use.store->ops->reserve(use.store, &wish, &record, &set,
					     &use.err),
		     0);
	cr_expect_eq(record.n_addresses, 2);
	cr_expect_eq(record.addresses[0].address.addr.family, AF_INET);
	cr_expect_eq(record.addresses[1].address.addr.family, AF_INET6);
	cr_expect_eq(record.addresses[1].address.len, 126);
}

Test(contract, releasing_twice_and_releasing_nothing_are_outcomes,
     .description = "HL-5")
{
	cleanup_use struct use use;

	use_open(&use, USE_SMALL);
	cr_expect_eq(use_release_n(&use, 0), STORE_ABSENT);
	cr_expect_eq(use_confirm_n(&use, 0), STORE_ABSENT);
	cr_assert_eq(use_reserve_n(&use, 0), 0);
	cr_expect_eq(use_release_n(&use, 0), 0);
	cr_expect_eq(use_release_n(&use, 0), STORE_ABSENT);
	cr_expect_eq(use_confirm_n(&use, 0), STORE_ABSENT);
	cr_expect_eq(contract_used(use.store), 0);
	cr_expect_not(error_is_set(&use.err));
}

/* What was read may be another one by the time that it is acted on. */
Test(contract, only_the_record_that_was_looked_at_is_reaped)
{
	cleanup_use struct use use;
	struct store_records old = { 0 };
	struct store_records now = { 0 };
	struct store_ops const *ops;

	use_open(&use, USE_SMALL);
	ops = use.store->ops;
	cr_assert_eq(use_reserve_n(&use, 0), 0);
	cr_assert_eq(ops->list(use.store, &old, &use.err), 0);
	/* Confirmed meanwhile: not the pending one that was seen. */
	cr_assert_eq(use_confirm_n(&use, 0), 0);
	cr_expect_eq(ops->reap(use.store, old.items, &use.err), STORE_ABSENT);
	cr_expect_eq(ops->mark(use.store, old.items, 7, &use.err),
		     STORE_ABSENT);
	cr_assert_eq(ops->list(use.store, &now, &use.err), 0);
	cr_assert_eq(now.count, 1);
	cr_expect_eq(now.items->dead_ms, 0);
	cr_expect_eq(ops->reap(use.store, now.items, &use.err), 0);
	cr_expect_eq(contract_used(use.store), 0);
	cr_expect_eq(ops->reap(use.store, now.items, &use.err), STORE_ABSENT);
	store_records_clear(&old);
	store_records_clear(&now);
}

Test(contract, a_first_sighting_is_kept_and_taken_back)
{
	static const uint64_t times[] = { 4711, 0 };
	cleanup_use struct use use;

	use_open(&use, USE_SMALL);
	cr_assert_eq(use_reserve_n(&use, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct store_records records = { 0 };
		struct store_records after = { 0 };
		struct store_ops const *ops = use.store->ops;

		cr_assert_eq(ops->list(use.store, &records, &use.err), 0);
		cr_expect_eq(ops->mark(use.store, records.items, times[i],
				       &use.err),
			     0);
		cr_assert_eq(ops->list(use.store, &after, &use.err), 0);
		cr_expect_eq(after.items->dead_ms, times[i]);
		cr_expect(store_record_is_same(after.items, records.items));
		store_records_clear(&records);
		store_records_clear(&after);
	}
	cr_expect_eq(contract_used(use.store), 1);
}

Test(contract, a_task_is_due_once_in_its_period)
{
	cleanup_use struct use use;
	struct store_ops const *ops;

	use_open(&use, USE_SMALL);
	ops = use.store->ops;
	/* Nothing was ever done: nothing to care for, and nothing written. */
	cr_expect_eq(ops->due(use.store, "t", 60000, &use.err), 0);
	cr_assert_eq(use_reserve_n(&use, 0), 0);
	cr_expect_eq(ops->due(use.store, "t", 60000, &use.err), STORE_DUE);
	cr_expect_eq(ops->due(use.store, "t", 60000, &use.err), 0);
	cr_expect_eq(ops->due(use.store, "u", 60000, &use.err), STORE_DUE);
	cr_expect_eq(ops->due(use.store, "t", 0, &use.err), STORE_DUE);
}

Test(contract, a_second_reservation_of_the_living_is_refused,
     .description = "HL-3")
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_use struct use use;
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 0);
	const struct store_wish wish = { &use.config, &a, { { 0 } } };
	size_t set;

	use_open(&use, USE_SMALL);
	cr_assert_eq(use_reserve(&use, &a), 0);
	cr_expect_eq(use.store->ops->reserve(use.store, &wish, &record, &set,
					     &use.err),
		     STORE_PENDING);
	cr_expect_eq(record.process.pid, getpid());
	store_record_clear(&record);
	cr_assert_eq(use_confirm_n(&use, 0), 0);
	cr_expect_eq(use.store->ops->reserve(use.store, &wish, &record, &set,
					     &use.err),
		     STORE_LIVE);
	cr_expect_str_eq(record.container_id, buf);
	cr_expect_eq(contract_used(use.store), 1);
}

static void child_reserves(void *arg)
{
	struct use *use = arg;

	if (use_reserve_n(use, 7) != 0)
		_exit(1);
}

Test(contract, what_a_dead_process_left_is_taken_over_with_its_address)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_use struct use use;
	struct use child;
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 7);
	char left[INET_ADDR_TEXT];

	use_open(&use, USE_SMALL);
	cr_assert_eq(use_reserve_n(&use, 0), 0);
	use_open(&child, USE_SMALL);
	contract_in_child(child_reserves, &child);
	use_close(&child);
	cr_assert_eq(use_release_n(&use, 0), 0);

	cr_assert_eq(use.store->ops->find(use.store, &a, &record, &use.err), 0);
	cr_expect_neq(record.process.pid, getpid());
	inet_addr_format(&record.addresses[0].address.addr, left);
	cr_expect_eq(use_confirm_n(&use, 7), STORE_ABSENT,
		     "it is not this process's");
	cr_expect_eq(use_reserve(&use, &a), 0);
	cr_expect_str_eq(use.address, left);
	cr_expect_eq(contract_used(use.store), 1);
	cr_expect_eq(use_confirm_n(&use, 7), 0);
}

Test(contract, a_takeover_chooses_anew_where_the_address_does_not_fit)
{
	cleanup_use struct use use, other;
	struct use child;

	use_open(&child, USE_SMALL ", 'exclude': ['10.1.2.0/30']");
	contract_in_child(child_reserves, &child);
	use_close(&child);
	use_open(&use, USE_SMALL);
	cr_expect_eq(contract_used(use.store), 1);
	use_open(&other, USE_SMALL ", 'exclude': ['10.1.2.4/30']");
	cr_expect_eq(use_reserve_n(&other, 7), 0);
	cr_expect(strcmp(other.address, "10.1.2.1") >= 0 &&
			  strcmp(other.address, "10.1.2.3") <= 0,
		  "%s", other.address);
	cr_expect_eq(contract_used(use.store), 1, "the old one is free");
}

Test(contract, two_interfaces_of_one_container_are_two_attachments,
     .description = "HL-2")
{
	cleanup_use struct use use;
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 0);
	struct store_attachment b = contract_attachment(buf, 0);

	use_open(&use, USE_SMALL);
	b.ifname = "net2";
	cr_expect_eq(use_reserve(&use, &a), 0);
	cr_expect_eq(use_reserve(&use, &b), 0);
	cr_expect_eq(contract_used(use.store), 2);
	cr_expect_eq(use.store->ops->release(use.store, &a, &use.err), 0);
	cr_expect_eq(contract_used(use.store), 1);
}

Test(contract, the_list_has_every_network)
{
	cleanup_store_records struct store_records records = { 0 };
	cleanup_use struct use use;
	char buf[32];

	use_open(&use, "'range': '10.1.2.0/24'");
	for (unsigned int i = 0; i < 20; i++) {
		struct store_attachment a = contract_attachment(buf, i);

		a.network = i % 2 ? "odd" : "even";
		cr_assert_eq(use_reserve(&use, &a), 0);
		if (i % 3 == 0)
			cr_assert_eq(use.store->ops->confirm(use.store, &a,
							     &use.err),
				     0);
	}
	cr_expect_eq(use.store->ops->list(use.store, &records, &use.err), 0);
	cr_expect_eq(records.count, 20);
	for (size_t i = 0; i < records.count; i++) {
		const struct store_record *record = &records.items[i];
		unsigned int n;

		cr_expect_eq(sscanf(record->container_id, "container-%u", &n),
			     1);
		cr_expect_str_eq(record->network, n % 2 ? "odd" : "even");
		cr_expect_eq(record->state, n % 3 == 0 ? STORE_STATE_LIVE
						       : STORE_STATE_PENDING);
		cr_expect_eq(record->n_addresses, 1);
	}
}

Test(contract, an_attachment_may_have_no_address_of_ours)
{
	cleanup_use struct use use;
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 0);
	cleanup_store_record struct store_record record = { 0 };
	const struct store_wish wish = { &use.config, &a, { { 0 } } };
	size_t set;

	use_open(&use, "'addresses': [{'address': '10.1.2.1/24'}]");
	cr_expect_eq(use.store->ops->reserve(use.store, &wish, &record, &set,
					     &use.err),
		     0);
	cr_expect_eq(record.n_addresses, 0);
	cr_expect_eq(use_confirm_n(&use, 0), 0);
	cr_expect_eq(use_release_n(&use, 0), 0);
}
