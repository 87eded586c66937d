#include "ipam/store.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

static void fill(struct store_record *record)
{
	const struct store_attachment attachment = {
		.network = "net",
		.container_id = "0123456789abcdef",
		.ifname = "net1",
		.netns = "/run/netns/x",
		.netns_cookie = 42,
		.place = { 1001, 1002, 1003, 1004 },
		.pod_namespace = "ns",
		.pod_name = "pod",
		.pod_uid = "",
	};
	struct error err = { 0 };

	cr_assert_eq(store_record_fill(record, &attachment, "p", &err), 0);
	record->state = STORE_STATE_LIVE;
	record->process = (struct process){ 7, 8, 9 };
	record->since_ms = 10;
	record->dead_ms = 11;
	record->n_addresses = 2;
	cr_assert(inet_prefix_parse("10.1.2.3/24",
				    &record->addresses[0].address));
	cr_assert(
		inet_prefix_parse("fd00::3/64", &record->addresses[1].address));
}

Test(store_record, comes_back_as_it_was)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_store_record struct store_record back = { 0 };
	cleanup_free uint8_t *data = NULL;
	struct error err = { 0 };
	size_t len;

	fill(&record);
	cr_assert_eq(store_record_encode(&record, &data, &len, &err), 0);
	cr_assert_eq(store_record_decode(data, len, &back, &err), 0);
	cr_expect_str_eq(back.container_id, record.container_id);
	cr_expect_str_eq(back.pool, "p");
	cr_expect_str_eq(back.pod_uid, "");
	cr_expect_eq(back.state, STORE_STATE_LIVE);
	cr_expect_eq(back.process.start, 8);
	cr_expect_eq(back.netns_cookie, 42);
	cr_expect_eq(back.since_ms, 10);
	cr_expect_eq(back.dead_ms, 11);
	cr_expect_eq(back.place.netns_ino, 1001);
	cr_expect_eq(back.place.netns_ctime, 1002);
	cr_expect_eq(back.place.dir_dev, 1003);
	cr_expect_eq(back.place.dir_ino, 1004);
	cr_expect_eq(back.n_addresses, 2);
	cr_expect(inet_prefix_equal(&back.addresses[1].address,
				    &record.addresses[1].address));
}

/* Written before there was a version: 56 bytes of head, and no tail behind. */
#define OLD_HEAD    56
#define OLD_VERSION 54
#define NEW_TAIL    40

Test(store_record, of_the_first_version_has_no_place)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_store_record struct store_record back = { 0 };
	cleanup_free uint8_t *data = NULL;
	struct error err = { 0 };
	size_t len;

	fill(&record);
	cr_assert_eq(store_record_encode(&record, &data, &len, &err), 0);
	cr_assert_eq(data[OLD_VERSION], 1);
	data[OLD_VERSION] = 0;
	memmove(data + OLD_HEAD, data + OLD_HEAD + NEW_TAIL,
		len - OLD_HEAD - NEW_TAIL);
	cr_assert_eq(store_record_decode(data, len - NEW_TAIL, &back, &err), 0,
		     "%s", err.details);
	cr_expect_str_eq(back.container_id, record.container_id);
	cr_expect(inet_prefix_equal(&back.addresses[1].address,
				    &record.addresses[1].address));
	cr_expect_eq(back.place.netns_ino, 0);
	cr_expect_eq(back.place.dir_ino, 0);
	cr_expect_eq(back.dead_ms, 0);
}

Test(store_record, of_a_later_version_is_refused)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_store_record struct store_record back = { 0 };
	cleanup_free uint8_t *data = NULL;
	struct error err = { 0 };
	size_t len;

	fill(&record);
	cr_assert_eq(store_record_encode(&record, &data, &len, &err), 0);
	data[OLD_VERSION] = 2;
	cr_expect_lt(store_record_decode(data, len, &back, &err), 0);
	cr_expect_eq(err.code, ERROR_STORE);
}

Test(store_record, is_refused_at_every_shorter_and_longer_length)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_free uint8_t *data = NULL;
	cleanup_free uint8_t *longer = NULL;
	struct error err = { 0 };
	size_t len;

	fill(&record);
	cr_assert_eq(store_record_encode(&record, &data, &len, &err), 0);
	longer = calloc(1, len + 1);
	memcpy(longer, data, len);
	for (size_t n = 0; n <= len + 1; n++) {
		cleanup_store_record struct store_record back = { 0 };
		/* Of its own size, so that reading on is seen. */
		cleanup_free uint8_t *part = malloc(n ? n : 1);
		int r;

		memcpy(part, longer, n);
		r = store_record_decode(part, n, &back, &err);
		cr_expect_eq(r == 0, n == len, "%zu of %zu", n, len);
		if (r < 0)
			cr_expect_eq(err.code, ERROR_STORE);
	}
}

Test(store_record, any_bytes_are_read_or_refused)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_free uint8_t *data = NULL;
	unsigned int state = (unsigned int)time(NULL);
	struct error err = { 0 };
	size_t len;

	fill(&record);
	cr_assert_eq(store_record_encode(&record, &data, &len, &err), 0);
	for (int i = 0; i < 20000; i++) {
		cleanup_store_record struct store_record back = { 0 };
		cleanup_free uint8_t *copy = malloc(len);
		int r;

		memcpy(copy, data, len);
		for (int n = rand_r(&state) % 4; n >= 0; n--)
			copy[(size_t)rand_r(&state) % len] =
				(uint8_t)rand_r(&state);
		r = store_record_decode(copy, len, &back, &err);
		cr_assert(r < 0 || back.n_addresses <= STORE_MAX_ADDRESSES);
	}
}

Test(store_record, a_pending_one_of_another_pid_namespace_is_judged_by_age)
{
	struct store_record record = { .state = STORE_STATE_PENDING };
	struct error err = { 0 };

	cr_assert_eq(process_self(&record.process, &err), 0);
	cr_expect_eq(store_record_is_in_progress(&record, &err), 1);
	record.process.start++;
	cr_expect_eq(store_record_is_in_progress(&record, &err), 0);
	record.process.ns++;
	record.since_ms = 0;
	cr_expect_eq(store_record_is_in_progress(&record, &err), 0);
	record.since_ms = UINT64_MAX / 2;
	record.state = STORE_STATE_LIVE;
	cr_expect_eq(store_record_is_in_progress(&record, &err), 0);
}
