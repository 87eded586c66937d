#include "test/store/contract.h"

#include "ipam/ipam.h"
#include "lib/file.h"
#include "test/store/local-dir.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

const struct contract_fixture contract_fixture = {
	.name = "local",
	.init = local_dir_init,
	.fini = local_dir_fini,
	.keys = local_dir_keys,
	.open = local_dir_open,
};

TestSuite(store_local, .init = local_dir_init, .fini = local_dir_fini);

#define RANGE "'range': '10.1.2.0/24'"

static struct ipam_config config;
static struct store *store;
static struct error err;
static char address[INET_ADDR_TEXT];

static void open_store(const char *members)
{
	ipam_config_clear(&config);
	contract_config(&config, members);
	store = contract_open(&config);
}

static void close_store(void)
{
	store = store_close(store);
	ipam_config_clear(&config);
}

/* As a reboot: nothing that this boot knows of. */
static void forget_boot(void)
{
	cleanup_free char *command = NULL;

	cr_assert_gt(asprintf(&command, "rm -f %s/*.boot",
			      local_dir_path("data")),
		     0);
	cr_assert_eq(system(command), 0);
}

static void forget_table(void)
{
	unlink(local_dir_path("state/attachments.mdb"));
	forget_boot();
}

static int reserve(unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	err = (struct error){ 0 };
	return contract_reserve(store, &config, &a, address, &err);
}

static int confirm(unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	return store->ops->confirm(store, &a, &err);
}

static int release(unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	err = (struct error){ 0 };
	return store->ops->release(store, &a, &err);
}

Test(store_local, the_lowest_free_address_is_given)
{
	open_store(RANGE ", 'reuseDelay': 0, 'exclude': ['10.1.2.2']");
	cr_expect_eq(reserve(0), 0);
	cr_expect_str_eq(address, "10.1.2.1");
	cr_expect_eq(reserve(1), 0);
	cr_expect_str_eq(address, "10.1.2.3");
	cr_expect_eq(reserve(2), 0);
	cr_expect_eq(release(1), 0);
	cr_expect_eq(reserve(3), 0);
	cr_expect_str_eq(address, "10.1.2.3");
	close_store();
}

Test(store_local, an_address_is_free_for_all_when_it_has_rested)
{
	open_store(RANGE ", 'reuseDelay': 1");
	cr_expect_eq(reserve(0), 0);
	cr_expect_eq(release(0), 0);
	cr_expect_eq(reserve(1), 0);
	cr_expect_str_eq(address, "10.1.2.2");
	usleep(1100000);
	cr_expect_eq(reserve(2), 0);
	cr_expect_str_eq(address, "10.1.2.1");
	close_store();
}

Test(store_local, what_is_kept_outlives_the_process)
{
	open_store(RANGE);
	cr_expect_eq(reserve(0), 0);
	cr_expect_eq(confirm(0), 0);
	close_store();
	open_store(RANGE);
	cr_expect_eq(reserve(0), STORE_LIVE);
	cr_expect_eq(reserve(1), 0);
	cr_expect_str_eq(address, "10.1.2.2");
	close_store();
}

Test(store_local, the_directory_and_its_files_are_private)
{
	struct stat st;

	open_store(RANGE);
	cr_expect_neq(stat(local_dir_path("state"), &st), 0,
		      "opening makes nothing");
	cr_expect_eq(reserve(0), 0);
	cr_expect_eq(stat(local_dir_path("state"), &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0700);
	cr_expect_eq(stat(local_dir_path("state/attachments.mdb"), &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	cr_expect_lt(st.st_blocks, 256, "sparse");
	cr_expect_eq(stat(local_dir_path("state/attachments.lock"), &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	close_store();
}

Test(store_local, reading_makes_nothing)
{
	cleanup_store_records struct store_records records = { 0 };
	cleanup_store_record struct store_record record = { 0 };
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 0);
	struct stat st;

	contract_config(&config, RANGE);
	cr_assert_eq(store_local_open(&config, true, 100, &store, &err), 0);
	cr_expect_eq(store->ops->find(store, &a, &record, &err), STORE_ABSENT);
	cr_expect_eq(store->ops->list(store, &records, &err), 0);
	cr_expect_eq(records.count, 0);
	cr_expect_eq(contract_used(store), 0);
	cr_expect_eq(store->ops->ready(store, &err), 0, "%s", err.details);
	cr_expect_neq(stat(local_dir_path("state"), &st), 0);
	close_store();
}

Test(store_local, releasing_from_no_table_makes_none)
{
	struct stat st;

	open_store(RANGE);
	cr_expect_eq(release(0), STORE_ABSENT);
	cr_expect_neq(stat(local_dir_path("state"), &st), 0);
	close_store();
}

Test(store_local, a_reader_sees_what_a_writer_keeps)
{
	cleanup_store_record struct store_record record = { 0 };
	struct store *reader;
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 0);

	open_store(RANGE);
	cr_assert_eq(store_local_open(&config, true, 100, &reader, &err), 0);
	cr_expect_eq(reader->ops->find(reader, &a, &record, &err),
		     STORE_ABSENT);
	cr_assert_eq(reserve(0), 0);
	cr_expect_eq(reader->ops->find(reader, &a, &record, &err), 0);
	cr_expect_eq(contract_used(reader), 1);
	store_close(reader);
	close_store();
}

Test(store_local, a_held_lock_is_an_outcome_after_the_deadline)
{
	cleanup_close int lock = -1;
	uint64_t before;

	open_store(RANGE);
	cr_assert_eq(reserve(0), 0);
	cr_assert_eq(file_lock(local_dir_path("state/attachments.lock"), false,
			       0, &lock, &err),
		     0);
	store->timeout_ms = 60;
	before = file_boottime_ms();
	cr_expect_eq(reserve(1), STORE_BUSY);
	cr_expect_geq(file_boottime_ms() - before, 60);
	cr_expect_eq(release(0), STORE_BUSY);
	cr_expect_eq(contract_used(store), 1, "readers go together");
	close(take_fd(&lock));
	cr_expect_eq(reserve(1), 0);
	close_store();
}

/* Changes the boot id inside the table to another one. */
static void change_origin(size_t at)
{
	char kind[] = "M";
	MDB_val key = { 1, kind };
	MDB_val value;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	char data[64];
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	cr_assert_eq(mdb_env_create(&env), 0);
	cr_assert_eq(mdb_env_open(env, local_dir_path("state/attachments.mdb"),
				  MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600),
		     0);
	cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	cr_assert_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	cr_assert_eq(mdb_get(txn, dbi, &key, &value), 0);
	cr_assert_leq(value.mv_size, sizeof(data));
	memcpy(data, value.mv_data, value.mv_size);
	data[8 + at]++;
	hash = (hash ^ 'M') * UINT64_C(0x100000001b3);
	for (size_t i = 8; i < value.mv_size; i++)
		hash = (hash ^ (uint8_t)data[i]) * UINT64_C(0x100000001b3);
	memcpy(data, &hash, sizeof(hash));
	value.mv_data = data;
	cr_assert_eq(mdb_put(txn, dbi, &key, &value, 0), 0);
	cr_assert_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

Test(store_local, another_boots_table_is_empty_by_definition)
{
	struct store *reader;

	open_store(RANGE);
	cr_assert_eq(reserve(0), 0);
	cr_assert_eq(confirm(0), 0);
	close_store();
	change_origin(sizeof(uint32_t));
	forget_boot();

	open_store(RANGE);
	cr_assert_eq(store_local_open(&config, true, 100, &reader, &err), 0);
	cr_expect_eq(contract_used(reader), 0);
	cr_expect_eq(contract_used(store), 0);
	cr_expect_eq(release(0), STORE_ABSENT);
	cr_expect_eq(reserve(1), 0, "%s", err.details);
	cr_expect_str_eq(address, "10.1.2.1");
	cr_expect_eq(contract_used(reader), 1);
	store_close(reader);
	close_store();
}

Test(store_local, another_format_is_refused_not_wiped)
{
	open_store(RANGE);
	cr_assert_eq(reserve(0), 0);
	close_store();
	change_origin(0);
	open_store(RANGE);
	cr_expect_lt(reserve(1), 0);
	cr_expect_eq(err.code, ERROR_STORE);
	cr_expect(strstr(err.details, "format 2"), "%s", err.details);
	close_store();
}

static void expect_damaged(const char *why)
{
	static const char *const swallowed[] = { "not found", "no such file" };
	struct store *reader;

	cr_expect_lt(reserve(9), 0, "%s", why);
	cr_expect_eq(err.code, ERROR_STORE, "%s: %s", why, err.details);
	cr_expect(strstr(err.details, local_dir_path("state/attachments.mdb")),
		  "%s: %s", why, err.details);
	cr_expect_lt(release(0), 0);
	cr_expect_eq(err.code, ERROR_STORE);
	for (size_t i = 0; i < ARRAY_SIZE(swallowed); i++)
		cr_expect_null(strcasestr(err.details, swallowed[i]), "%s",
			       err.details);

	err = (struct error){ 0 };
	cr_assert_eq(store_local_open(&config, true, 100, &reader, &err), 0);
	cr_expect_lt(reader->ops->ready(reader, &err), 0, "%s", why);
	cr_expect_eq(err.code, ERROR_STORE);
	store_close(reader);
}

static const char *const lengths[] = {
	"0", "1", "100", "4096", "4200", "8191", "8192", "8193", "12288",
};

Test(store_local, a_truncated_file_is_refused_before_it_is_read)
{
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		open_store(RANGE);
		for (unsigned int n = 0; n < 60; n++)
			cr_assert_eq(reserve(n), 0, "%s", err.details);
		cr_assert_eq(truncate(local_dir_path("state/attachments.mdb"),
				      atol(lengths[i])),
			     0);
		expect_damaged(lengths[i]); /* while it is open */
		close_store();
		open_store(RANGE);
		expect_damaged(lengths[i]);
		close_store();
		forget_table();
	}
}

static void overwrite(off_t at, const void *data, size_t len)
{
	cleanup_close int fd = -1;

	fd = open(local_dir_path("state/attachments.mdb"), O_WRONLY);
	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, data, len, at), (ssize_t)len);
}

Test(store_local, damage_is_refused_wherever_it_is)
{
	static const char zeros[4096];
	static const uint32_t odd_size = 4095, zero_size;
	static const uint64_t far = 1 << 30;
	static const struct {
		const char *what;
		off_t at;
		const void *data;
		size_t len;
	} cases[] = {
		{ "first page", 0, zeros, 4096 },
		{ "second page", 4096, zeros, 4096 },
		{ "both", 0, zeros, 4096 },
		{ "page size odd", 40, &odd_size, 4 },
		{ "page size zero", 40, &zero_size, 4 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		open_store(RANGE);
		cr_assert_eq(reserve(0), 0);
		close_store();
		overwrite(cases[i].at, cases[i].data, cases[i].len);
		open_store(RANGE);
		expect_damaged(cases[i].what);
		close_store();
		forget_table();
	}

	/* Last page and roots of both meta pages. */
	for (int i = 0; i < 3; i++) {
		const off_t fields[] = { 136, 128, 80 };

		open_store(RANGE);
		cr_assert_eq(reserve(0), 0);
		close_store();
		overwrite(fields[i], &far, sizeof(far));
		overwrite(4096 + fields[i], &far, sizeof(far));
		open_store(RANGE);
		expect_damaged("page numbers");
		close_store();
		forget_table();
	}

	/* All pages of records. */
	open_store(RANGE);
	cr_assert_eq(reserve(0), 0);
	close_store();
	for (off_t page = 2; page < 12; page++)
		overwrite(page * 4096, zeros, sizeof(zeros));
	open_store(RANGE);
	expect_damaged("pages of records");
	close_store();
	forget_table();
}

Test(store_local, a_changed_byte_of_a_record_is_noticed)
{
	cleanup_free char *data = NULL;
	cleanup_close int fd = -1;
	const size_t len = 64 * 4096;
	unsigned int noticed = 0;

	open_store(RANGE);
	cr_assert_eq(reserve(0), 0);
	close_store();
	fd = open(local_dir_path("state/attachments.mdb"), O_RDONLY);
	data = malloc(len);
	cr_assert_eq(pread(fd, data, len, 0), (ssize_t)len);
	for (size_t at = 0; at + 14 < len; at++) {
		if (memcmp(data + at, "/run/netns/pod", 14) != 0)
			continue;
		overwrite((off_t)at, "X", 1);
		noticed++;
	}
	cr_assert_gt(noticed, 0);
	open_store(RANGE);
	cr_expect_lt(release(0), 0);
	cr_expect_eq(err.code, ERROR_STORE, "%s", err.details);
	close_store();
}

Test(store_local, what_is_in_the_way_is_named_and_left)
{
	static const char *const names[] = {
		"state/attachments.mdb",
		"state/attachments.lock",
		"state/attachments.mdb.new",
	};
	char elsewhere[256];
	struct stat st;

	snprintf(elsewhere, sizeof(elsewhere), "%s",
		 local_dir_path("elsewhere"));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		mkdir(local_dir_path("state"), 0700);
		unlink(local_dir_path("state/attachments.lock"));
		cr_assert_eq(mkdir(local_dir_path(names[i]), 0700), 0);
		open_store(RANGE);
		cr_expect_lt(reserve(0), 0);
		cr_expect_eq(err.code, ERROR_IO);
		cr_expect(strstr(err.details, local_dir_path(names[i])), "%s",
			  err.details);
		close_store();
		cr_assert_eq(rmdir(local_dir_path(names[i])), 0);

		/* A symlink leads nowhere. */
		cr_assert_eq(symlink(elsewhere, local_dir_path(names[i])), 0);
		open_store(RANGE);
		if (i < 2) {
			cr_expect_lt(reserve(0), 0);
			cr_expect_eq(err.code, ERROR_IO);
		} else {
			cr_expect_eq(reserve(0), 0, "%s", err.details);
		}
		cr_expect_neq(stat(elsewhere, &st), 0, "%s", names[i]);
		close_store();
		unlink(local_dir_path(names[i]));
		forget_table();
	}
}

Test(store_local, a_file_where_the_directory_should_be_is_named)
{
	cleanup_close int fd = -1;

	fd = open(local_dir_path("state"), O_WRONLY | O_CREAT, 0600);
	cr_assert_geq(fd, 0);
	open_store(RANGE);
	cr_expect_lt(reserve(0), 0);
	cr_expect_eq(err.code, ERROR_IO);
	cr_expect(strstr(err.details, local_dir_path("state")), "%s",
		  err.details);
	err = (struct error){ 0 };
	cr_expect_lt(store->ops->ready(store, &err), 0);
	cr_expect_eq(err.code, ERROR_IO);
	close_store();
}

Test(store_local, a_table_that_was_replaced_meanwhile_is_opened_anew)
{
	struct store *other;

	open_store(RANGE);
	cr_assert_eq(reserve(0), 0);
	cr_assert_eq(reserve(1), 0);
	other = contract_open(&config);
	forget_table();
	cr_expect_eq(contract_reserve(other, &config,
				      &(struct store_attachment){
					      .network = "n",
					      .container_id = "c",
					      .ifname = "i",
					      .pod_name = "" },
				      address, &err),
		     0);
	store_close(other);
	cr_expect_eq(contract_used(store), 1);
	cr_expect_eq(reserve(2), 0);
	cr_expect_str_eq(address, "10.1.2.2");
	close_store();
}

Test(store_local, names_that_are_too_long_are_refused_with_the_limit)
{
	char longest[600];
	struct store_attachment a = {
		.network = "net",
		.container_id = longest,
		.ifname = "net1",
		.pod_name = "",
	};

	memset(longest, 'c', sizeof(longest));
	longest[400] = '\0';
	open_store(RANGE);
	cr_expect_eq(contract_reserve(store, &config, &a, address, &err), 0);
	cr_expect_eq(store->ops->release(store, &a, &err), 0);
	longest[400] = 'c';
	longest[599] = '\0';
	cr_expect_lt(contract_reserve(store, &config, &a, address, &err), 0);
	cr_expect_eq(err.code, ERROR_CONFIG);
	cr_expect(strstr(err.details, "507"), "%s", err.details);
	close_store();
}

Test(store_local, the_longest_key_of_all_is_listed_too)
{
	cleanup_store_records struct store_records records = { 0 };
	char longest[600] = "";
	struct store_attachment a = {
		.network = "n",
		.container_id = longest,
		.ifname = "net1",
		.pod_name = "",
	};

	/* kind, "n", NUL, id, NUL, "net1", NUL */
	memset(longest, 'c', 511 - 1 - 2 - 1 - 5);
	open_store(RANGE);
	cr_expect_eq(contract_reserve(store, &config, &a, address, &err), 0);
	cr_expect_eq(reserve(0), 0);
	cr_expect_eq(store->ops->list(store, &records, &err), 0);
	cr_expect_eq(records.count, 2);
	close_store();
}

/* In a mount namespace of a child's own: a small or a read-only directory. */
static void mount_own(const char *options, unsigned long flags)
{
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir(local_dir_path("state"), 0700);
	cr_assert_eq(mount("tmpfs", local_dir_path("state"), "tmpfs", flags,
			   options),
		     0);
}

static void skip_unless_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("mounting needs root");
}

Test(store_local, a_full_disk_is_an_error_and_changes_nothing)
{
	unsigned int used = 0;

	skip_unless_root();
	mount_own("size=128k", 0);
	open_store("'range': '10.1.0.0/16', 'reuseDelay': 0");
	while (reserve(used) == 0)
		cr_assert_lt(++used, 10000);
	cr_expect_eq(err.code, ERROR_IO, "%s", err.details);
	cr_expect(strstr(err.details, "No space left"), "%s", err.details);
	cr_expect_gt(used, 10);
	cr_expect_eq(contract_used(store), used);
	close_store();
	open_store("'range': '10.1.0.0/16', 'reuseDelay': 0");
	cr_expect_eq(contract_used(store), used);
	close_store();
}

Test(store_local, a_disk_that_is_full_from_the_start_leaves_no_half_table)
{
	struct stat st;

	skip_unless_root();
	mount_own("size=4k", 0);
	open_store(RANGE);
	cr_expect_lt(reserve(0), 0);
	cr_expect_eq(err.code, ERROR_IO, "%s", err.details);
	cr_expect_neq(stat(local_dir_path("state/attachments.mdb"), &st), 0);
	cr_expect_neq(stat(local_dir_path("state/attachments.mdb.new"), &st),
		      0);
	cr_assert_eq(mount("tmpfs", local_dir_path("state"), "tmpfs",
			   MS_REMOUNT, "size=1m"),
		     0);
	cr_expect_eq(reserve(0), 0, "%s", err.details);
	close_store();
}

Test(store_local, a_read_only_directory_is_an_error_and_status_says_so)
{
	skip_unless_root();
	mount_own("size=1m", 0);
	open_store(RANGE);
	cr_assert_eq(reserve(0), 0);
	close_store();
	cr_assert_eq(mount("tmpfs", local_dir_path("state"), "tmpfs",
			   MS_REMOUNT | MS_RDONLY, NULL),
		     0);
	open_store(RANGE);
	cr_expect_lt(reserve(1), 0);
	cr_expect_eq(err.code, ERROR_IO);
	cr_expect(strstr(err.details, "Read-only file system"), "%s",
		  err.details);
	err = (struct error){ 0 };
	cr_expect_lt(store->ops->ready(store, &err), 0);
	close_store();
}
