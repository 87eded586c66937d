#include "test/store/contract.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

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

static int reserve_requested(struct store *store,
			     const struct ipam_config *config,
			     const struct store_attachment *attachment,
			     const char *requested, struct store_record *ret,
			     struct error *err)
{
	struct store_wish wish = { config, attachment, { { 0 } } };
	size_t set;

	cr_assert(inet_addr_parse(requested, &wish.requested[0]));
	return store->ops->reserve(store, &wish, ret, &set, err);
}

/* A store on one configuration, and what the last reservation was given. */
struct use {
	struct ipam_config config;
	struct store *store;
	struct error err;
	char address[INET_ADDR_TEXT];
};

static void use_open(struct use *use, const char *members)
{
	*use = (struct use){ 0 };
	contract_config(&use->config, members);
	use->store = contract_open(&use->config);
}

static void use_close(struct use *use)
{
	store_close(use->store);
	ipam_config_clear(&use->config);
}
#define cleanup_use cleanup(use_close)

static int use_reserve(struct use *use,
		       const struct store_attachment *attachment)
{
	return contract_reserve(use->store, &use->config, attachment,
				use->address, &use->err);
}

static int use_reserve_n(struct use *use, unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	return use_reserve(use, &a);
}

static int use_release_n(struct use *use, unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	return use->store->ops->release(use->store, &a, &use->err);
}

static int use_confirm_n(struct use *use, unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	return use->store->ops->confirm(use->store, &a, &use->err);
}

#define SMALL "'range': '10.1.2.0/29', 'reuseDelay': 0"

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

	use_open(&use, SMALL ", 'gateway': '10.1.2.1', 'pool': 'lh'");
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

Test(contract, every_address_is_given_once_and_then_none, .description = "AL-1")
{
	cleanup_use struct use use;
	bool seen[8] = { 0 };

	use_open(&use, SMALL);
	for (unsigned int i = 0; i < 6; i++) {
		struct inet_addr addr;
		unsigned int last;

		cr_assert_eq(use_reserve_n(&use, i), 0);
		cr_assert(inet_addr_parse(use.address, &addr));
		last = addr.bytes[3];
		cr_expect(last >= 1 && last <= 6 && !seen[last], "%s",
			  use.address);
		seen[last] = true;
	}
	cr_expect_eq(use_reserve_n(&use, 6), STORE_EXHAUSTED);
	cr_expect_not(error_is_set(&use.err));
	cr_expect_eq(contract_used(use.store), 6);
	cr_expect_eq(use_release_n(&use, 3), 0);
	cr_expect_eq(use_reserve_n(&use, 6), 0);
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

	use_open(&use, SMALL);
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

	use_open(&use, SMALL);
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

	use_open(&use, SMALL);
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

	use_open(&use, SMALL);
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

	use_open(&use, SMALL);
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

	use_open(&use, SMALL);
	cr_assert_eq(use_reserve_n(&use, 0), 0);
	use_open(&child, SMALL);
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

	use_open(&child, SMALL ", 'exclude': ['10.1.2.0/30']");
	contract_in_child(child_reserves, &child);
	use_close(&child);
	use_open(&use, SMALL);
	cr_expect_eq(contract_used(use.store), 1);
	use_open(&other, SMALL ", 'exclude': ['10.1.2.4/30']");
	cr_expect_eq(use_reserve_n(&other, 7), 0);
	cr_expect(strcmp(other.address, "10.1.2.1") >= 0 &&
			  strcmp(other.address, "10.1.2.3") <= 0,
		  "%s", other.address);
	cr_expect_eq(contract_used(use.store), 1, "the old one is free");
}

Test(contract, a_requested_address_is_given_or_its_holder_named)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_use struct use use;
	char buf[2][32];
	struct store_attachment a = contract_attachment(buf[0], 0);
	struct store_attachment b = contract_attachment(buf[1], 1);
	char text[INET_ADDR_TEXT];

	use_open(&use, SMALL ", 'exclude': ['10.1.2.5']");
	cr_expect_eq(reserve_requested(use.store, &use.config, &a, "10.1.2.5",
				       &record, &use.err),
		     0);
	cr_expect_str_eq(inet_addr_format(&record.addresses[0].address.addr,
					  text),
			 "10.1.2.5");
	cr_expect_eq(record.addresses[0].address.len, 29);
	store_record_clear(&record);
	cr_expect_eq(reserve_requested(use.store, &use.config, &b, "10.1.2.5",
				       &record, &use.err),
		     STORE_TAKEN);
	cr_expect_str_eq(record.container_id, buf[0]);
	store_record_clear(&record);
	cr_expect_eq(use.store->ops->find(use.store, &b, &record, &use.err),
		     STORE_ABSENT);
}

Test(contract, what_is_requested_of_one_set_no_other_set_takes)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_use struct use use;
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 0);
	struct store_wish wish = { &use.config, &a, { { 0 } } };
	size_t set;

	use_open(&use, SMALL ", 'ipRanges': [{'range': '10.1.2.0/29'}]");
	cr_assert(inet_addr_parse("10.1.2.1", &wish.requested[1]));
	cr_expect_eq(use.store->ops->reserve(use.store, &wish, &record, &set,
					     &use.err),
		     0);
	cr_expect_eq(record.addresses[1].address.addr.bytes[3], 1);
	cr_expect_neq(record.addresses[0].address.addr.bytes[3], 1);
}

Test(contract, networks_in_one_pool_never_collide_and_pools_are_apart)
{
	cleanup_use struct use use, apart;
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 0);
	struct store_attachment b = contract_attachment(buf, 0);
	char first[INET_ADDR_TEXT];

	use_open(&use, "'range': '10.1.2.1-10.1.2.2/24', 'reuseDelay': 0");
	use_open(&apart, "'range': '10.1.2.1-10.1.2.2/24', 'reuseDelay': 0,"
			 " 'pool': 'apart'");
	b.network = "other-net";
	cr_assert_eq(use_reserve(&use, &a), 0);
	memcpy(first, use.address, sizeof(first));
	cr_assert_eq(use_reserve(&use, &b), 0);
	cr_expect_str_neq(use.address, first);
	cr_expect_eq(use_reserve_n(&use, 1), STORE_EXHAUSTED);
	cr_expect_eq(use_reserve_n(&apart, 1), 0);
	cr_expect_eq(use_reserve_n(&apart, 2), 0);
	cr_expect_eq(use_reserve_n(&apart, 3), STORE_EXHAUSTED);
	/* By its network it is found, and released. */
	cr_expect_eq(use.store->ops->release(use.store, &b, &use.err), 0);
	cr_expect_eq(contract_used(use.store), 1);
}

Test(contract, ranges_that_overlap_share_their_addresses)
{
	cleanup_use struct use wide, narrow;

	use_open(&wide, "'range': '10.1.0.0/16', 'range_start': '10.1.2.1',"
			" 'range_end': '10.1.2.2', 'reuseDelay': 0");
	use_open(&narrow, "'range': '10.1.2.1-10.1.2.2/24', 'reuseDelay': 0");
	cr_expect_eq(use_reserve_n(&wide, 0), 0);
	cr_expect_eq(use_reserve_n(&narrow, 1), 0);
	cr_expect_eq(use_reserve_n(&wide, 2), STORE_EXHAUSTED);
	cr_expect_eq(use_reserve_n(&narrow, 3), STORE_EXHAUSTED);
}

Test(contract, two_interfaces_of_one_container_are_two_attachments,
     .description = "HL-2")
{
	cleanup_use struct use use;
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 0);
	struct store_attachment b = contract_attachment(buf, 0);

	use_open(&use, SMALL);
	b.ifname = "net2";
	cr_expect_eq(use_reserve(&use, &a), 0);
	cr_expect_eq(use_reserve(&use, &b), 0);
	cr_expect_eq(contract_used(use.store), 2);
	cr_expect_eq(use.store->ops->release(use.store, &a, &use.err), 0);
	cr_expect_eq(contract_used(use.store), 1);
}

Test(contract, alternatives_are_used_in_order, .description = "AL-1")
{
	cleanup_use struct use use;

	use_open(&use, "'reuseDelay': 0, 'order': 'lowest', 'ranges': ["
		       "[{'subnet': '10.1.2.0/30'}, {'subnet': '10.2.2.0/30'}],"
		       "[{'subnet': 'fd00::/64'}]]");
	cr_expect_eq(use_reserve_n(&use, 0), 0);
	cr_expect_str_eq(use.address, "10.1.2.2");
	cr_expect_eq(use_reserve_n(&use, 1), 0);
	cr_expect_str_eq(use.address, "10.2.2.2");
	cr_expect_eq(use_reserve_n(&use, 2), STORE_EXHAUSTED);
}

static int reserve_pod(struct use *use, const char *pod, unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	a.pod_namespace = "ns";
	a.pod_name = pod;
	return use_reserve(use, &a);
}

Test(contract, by_hash_a_pod_finds_its_address_again)
{
	cleanup_use struct use use;
	char before[8][INET_ADDR_TEXT];

	use_open(&use, "'range': '10.1.0.0/20', 'order': 'hash',"
		       " 'reuseDelay': 0");
	for (unsigned int i = 0; i < 8; i++) {
		char pod[16];

		snprintf(pod, sizeof(pod), "pod-%u", i);
		cr_assert_eq(reserve_pod(&use, pod, i), 0);
		memcpy(before[i], use.address, sizeof(before[i]));
		cr_assert_eq(use_release_n(&use, i), 0);
	}
	for (unsigned int i = 8; i-- > 0;) {
		char pod[16];

		snprintf(pod, sizeof(pod), "pod-%u", i);
		cr_assert_eq(reserve_pod(&use, pod, 100 + i), 0);
		cr_expect_str_eq(use.address, before[i]);
	}
}

Test(contract, a_released_address_rests_but_not_for_its_own_pod,
     .description = "AL-3")
{
	cleanup_use struct use use;
	char first[INET_ADDR_TEXT];

	use_open(&use, "'range': '10.1.2.0/29', 'reuseDelay': 3600");
	cr_assert_eq(reserve_pod(&use, "a", 0), 0);
	memcpy(first, use.address, sizeof(first));
	cr_assert_eq(use_release_n(&use, 0), 0);
	cr_expect_eq(contract_used(use.store), 0);
	cr_assert_eq(reserve_pod(&use, "b", 1), 0);
	cr_expect_str_neq(use.address, first);
	cr_assert_eq(reserve_pod(&use, "a", 2), 0);
	cr_expect_str_eq(use.address, first, "a new container of the pod");
}

/* Nor does it come back to the attachment that found out. */
Test(contract, a_refused_address_rests_for_everybody)
{
	cleanup_use struct use use;
	char first[INET_ADDR_TEXT];
	struct store_attachment a;
	struct inet_addr addr;
	char buf[32];

	use_open(&use, "'range': '10.1.2.0/29', 'reuseDelay': 3600");
	a = contract_attachment(buf, 0);
	cr_assert_eq(use_reserve_n(&use, 0), 0);
	memcpy(first, use.address, sizeof(first));
	cr_assert(inet_addr_parse(first, &addr));
	cr_assert_eq(use.store->ops->refuse(use.store, &a, &addr,
					    "02:00:00:00:00:01", &use.err),
		     0);
	cr_expect_eq(contract_used(use.store), 0);
	cr_expect_eq(use.store->ops->refuse(use.store, &a, &addr, "x",
					    &use.err),
		     STORE_ABSENT);
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(use_reserve_n(&use, i), 0);
		cr_expect_str_neq(use.address, first);
	}
}

Test(contract, the_longest_rested_is_given_when_nothing_else_is_free)
{
	cleanup_use struct use use;
	char released[2][INET_ADDR_TEXT];

	use_open(&use, "'range': '10.1.2.1-10.1.2.3/24', 'reuseDelay': 3600");
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(use_reserve_n(&use, i), 0);
	for (unsigned int i = 0; i < 2; i++) {
		const unsigned int order[] = { 2, 0 };
		cleanup_store_record struct store_record record = { 0 };
		char buf[32];
		struct store_attachment a;

		a = contract_attachment(buf, order[i]);
		cr_assert_eq(use.store->ops->find(use.store, &a, &record,
						  &use.err),
			     0);
		inet_addr_format(&record.addresses[0].address.addr,
				 released[i]);
		usleep(3000);
		cr_assert_eq(use_release_n(&use, order[i]), 0);
	}
	for (unsigned int i = 0; i < 2; i++) {
		cr_expect_eq(use_reserve_n(&use, 10 + i), 0);
		cr_expect_str_eq(use.address, released[i]);
	}
	cr_expect_eq(use_reserve_n(&use, 12), STORE_EXHAUSTED);
}

Test(contract, a_requested_address_is_given_though_it_rests)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_use struct use use;
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 1);

	use_open(&use, "'range': '10.1.2.0/24', 'reuseDelay': 3600");
	cr_assert_eq(use_reserve_n(&use, 0), 0);
	cr_assert_eq(use_release_n(&use, 0), 0);
	cr_expect_eq(reserve_requested(use.store, &use.config, &a, use.address,
				       &record, &use.err),
		     0);
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

/* Random calls against a table of who holds what. */
#define PODS 24

Test(contract, random_calls_agree_with_a_model)
{
	unsigned int seed = (unsigned int)time(NULL);
	unsigned int state = seed;
	char held[PODS][INET_ADDR_TEXT] = { "" };
	bool live[PODS] = { 0 };
	cleanup_use struct use use;
	unsigned int used = 0;

	use_open(&use, "'range': '10.1.2.0/28', 'reuseDelay': 0");
	for (int op = 0; op < 600; op++) {
		unsigned int n = (unsigned int)rand_r(&state) % PODS;
		bool had = held[n][0];
		int r;

		switch (rand_r(&state) % 3) {
		case 0:
			r = use_reserve_n(&use, n);
			if (had)
				cr_assert_eq(r,
					     live[n] ? STORE_LIVE
						     : STORE_PENDING,
					     "seed %u", seed);
			else
				cr_assert_eq(r, used < 14 ? 0 : STORE_EXHAUSTED,
					     "seed %u", seed);
			for (unsigned int i = 0; i < PODS && r == 0; i++)
				cr_assert_str_neq(held[i], use.address,
						  "seed %u", seed);
			if (r == 0)
				memcpy(held[n], use.address, sizeof(held[n]));
			used += r == 0;
			break;
		case 1:
			r = use_release_n(&use, n);
			cr_assert_eq(r, had ? 0 : STORE_ABSENT, "seed %u",
				     seed);
			used -= had;
			held[n][0] = '\0';
			live[n] = false;
			break;
		default:
			r = use_confirm_n(&use, n);
			cr_assert_eq(r, had ? 0 : STORE_ABSENT, "seed %u",
				     seed);
			live[n] = had;
		}
		cr_assert_eq(contract_used(use.store), used, "seed %u", seed);
	}
}

/* Several processes at once: nobody is given what another one holds. */
#define WORKERS 4
#define ROUNDS  60

struct hammer {
	int *holders; /* shared: one counter per address of the /28 */
	unsigned int worker;
	unsigned int seed;
};

static int hammer_mark(const struct hammer *hammer, const char *address,
		       int delta)
{
	struct inet_addr addr;

	if (!inet_addr_parse(address, &addr))
		_exit(2);
	return __atomic_add_fetch(&hammer->holders[addr.bytes[3] & 15], delta,
				  __ATOMIC_SEQ_CST);
}

static void hammer_run(const struct hammer *hammer)
{
	struct use use;
	char held[3][INET_ADDR_TEXT] = { "" };
	unsigned int state = hammer->seed;

	use_open(&use, "'range': '10.1.2.0/28', 'reuseDelay': 0");
	for (int round = 0; round < ROUNDS; round++) {
		unsigned int slot = (unsigned int)rand_r(&state) % 3;
		unsigned int n = hammer->worker * 10 + slot;
		int r;

		if (held[slot][0]) {
			hammer_mark(hammer, held[slot], -1);
			r = use_release_n(&use, n);
			held[slot][0] = '\0';
		} else {
			r = use_reserve_n(&use, n);
			if (r == 0) {
				if (hammer_mark(hammer, use.address, 1) != 1)
					_exit(3);
				memcpy(held[slot], use.address,
				       sizeof(use.address));
				r = use_confirm_n(&use, n);
			}
		}
		if (r != 0)
			_exit(4);
	}
	use_close(&use);
}

Test(contract, processes_at_once_are_never_given_the_same_address)
{
	unsigned int seed = (unsigned int)time(NULL);
	pid_t pids[WORKERS];
	int *holders;

	holders = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(holders, MAP_FAILED);
	fflush(NULL);
	for (unsigned int i = 0; i < WORKERS; i++) {
		const struct hammer hammer = { holders, i, seed + i };

		pids[i] = fork();
		if (pids[i] == 0) {
			hammer_run(&hammer);
			_exit(0);
		}
	}
	for (unsigned int i = 0; i < WORKERS; i++) {
		int status;

		cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
		cr_expect_eq(status, 0, "seed %u: %x", seed, status);
	}
	munmap(holders, 4096);
}
