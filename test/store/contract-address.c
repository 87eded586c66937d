/* Which address it is. */

#include "test/store/use.h"

#include <stdio.h>
#include <string.h>

Test(contract, every_address_is_given_once_and_then_none, .description = "AL-1")
{
	cleanup_use struct use use;
	bool seen[8] = { 0 };

	use_open(&use, USE_SMALL);
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

Test(contract, a_requested_address_is_given_or_its_holder_named)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_use struct use use;
	char buf[2][32];
	struct store_attachment a = contract_attachment(buf[0], 0);
	struct store_attachment b = contract_attachment(buf[1], 1);
	char text[INET_ADDR_TEXT];

	use_open(&use, USE_SMALL ", 'exclude': ['10.1.2.5']");
	cr_expect_eq(use_reserve_requested(use.store, &use.config, &a,
					   "10.1.2.5", &record, &use.err),
		     0);
	cr_expect_str_eq(inet_addr_format(&record.addresses[0].address.addr,
					  text),
			 "10.1.2.5");
	cr_expect_eq(record.addresses[0].address.len, 29);
	store_record_clear(&record);
	cr_expect_eq(use_reserve_requested(use.store, &use.config, &b,
					   "10.1.2.5", &record, &use.err),
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

	use_open(&use, USE_SMALL ", 'ipRanges': [{'range': '10.1.2.0/29'}]");
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
	cr_expect_eq(use_reserve_requested(use.store, &use.config, &a,
					   use.address, &record, &use.err),
		     0);
}
