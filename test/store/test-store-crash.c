/*
 * The local table under a process that dies at its n-th write, and under a
 * disk that refuses it: for every n, whoever looks next finds the state before
 * the call or the state after it, never a third. The linker puts our functions
 * in place of the system's, also inside LMDB, which this program links
 * statically.
 */

#include "test/store/contract.h"

#include "ipam/host.h"
#include "test/store/local-dir.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define WRITES_MAX 200

enum fault {
	FAULT_NONE,
	FAULT_DIE, /* before the write */
	FAULT_DIE_HALF, /* in the middle of it */
	FAULT_DIE_AFTER,
	FAULT_ENOSPC,
	FAULT_EIO,
};

static enum fault fault;
static int countdown; /* of calls that change something */

/* A sanitizer that is being initialised calls some of what is replaced here,
 * before it can be told anything. */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))

/* true: fail with errno; does not return where the fault is to die. */
static UNCHECKED bool strike(bool *half)
{
	*half = false;
	if (fault == FAULT_NONE || --countdown != 0)
		return false;
	switch (fault) {
	case FAULT_NONE:
	case FAULT_DIE_AFTER:
		return false;
	case FAULT_DIE:
		raise(SIGKILL);
		return false;
	case FAULT_DIE_HALF:
		*half = true;
		return false;
	case FAULT_ENOSPC:
		errno = ENOSPC;
		return true;
	case FAULT_EIO:
		errno = EIO;
		return true;
	}
	return false;
}

static UNCHECKED void after(void)
{
	if (fault == FAULT_DIE_AFTER && countdown == 0)
		raise(SIGKILL);
}

/* The names that ld --wrap wants. */
ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __real_writev(int fd, const struct iovec *iov, int n);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int n);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __real_truncate(const char *path, off_t len);
int __wrap_truncate(const char *path, off_t len);
int __real_ftruncate(int fd, off_t len);
int __wrap_ftruncate(int fd, off_t len);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_msync(void *p, size_t len, int flags);
int __wrap_msync(void *p, size_t len, int flags);

#define WRAP(call)                                                             \
	({                                                                     \
		bool half_;                                                    \
		__typeof__(call) r_ = -1;                                      \
		if (!strike(&half_)) {                                         \
			if (half_)                                             \
				raise(SIGKILL);                                \
			r_ = (call);                                           \
			after();                                               \
		}                                                              \
		r_;                                                            \
	})

UNCHECKED ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at)
{
	bool half;
	ssize_t r;

	if (strike(&half))
		return -1;
	if (half) {
		__real_pwrite(fd, data, len / 2, at);
		raise(SIGKILL);
	}
	r = __real_pwrite(fd, data, len, at);
	after();
	return r;
}

UNCHECKED ssize_t __wrap_writev(int fd, const struct iovec *iov, int n)
{
	bool half;
	ssize_t r;

	if (strike(&half))
		return -1;
	if (half) {
		__real_writev(fd, iov, n / 2);
		raise(SIGKILL);
	}
	r = __real_writev(fd, iov, n);
	after();
	return r;
}

UNCHECKED ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	return WRAP(__real_write(fd, data, len));
}

UNCHECKED int __wrap_rename(const char *from, const char *to)
{
	return WRAP(__real_rename(from, to));
}

UNCHECKED int __wrap_link(const char *from, const char *to)
{
	return WRAP(__real_link(from, to));
}

UNCHECKED int __wrap_truncate(const char *path, off_t len)
{
	return WRAP(__real_truncate(path, len));
}

UNCHECKED int __wrap_ftruncate(int fd, off_t len)
{
	return WRAP(__real_ftruncate(fd, len));
}

UNCHECKED int __wrap_unlink(const char *path)
{
	return WRAP(__real_unlink(path));
}

UNCHECKED int __wrap_mkdir(const char *path, mode_t mode)
{
	return WRAP(__real_mkdir(path, mode));
}

UNCHECKED int __wrap_fdatasync(int fd)
{
	return WRAP(__real_fdatasync(fd));
}

UNCHECKED int __wrap_fsync(int fd)
{
	return WRAP(__real_fsync(fd));
}

UNCHECKED int __wrap_msync(void *p, size_t len, int flags)
{
	return WRAP(__real_msync(p, len, flags));
}

const struct contract_fixture contract_fixture = {
	.name = "local",
	.init = local_dir_init,
	.fini = local_dir_fini,
	.keys = local_dir_keys,
	.open = local_dir_open,
};

TestSuite(store_crash, .init = local_dir_init, .fini = local_dir_fini);

#define KEYS "'range': '10.1.2.0/24', 'ipRanges': [{'range': 'fd00::/64'}]"

static struct ipam_config config;

static void attachment(unsigned int n, char buf[static 32],
		       struct store_attachment *ret)
{
	*ret = contract_attachment(buf, n);
}

static int do_reserve(struct store *store, unsigned int n, struct error *err)
{
	char text[INET_ADDR_TEXT], buf[32];
	struct store_attachment a;

	attachment(n, buf, &a);
	return contract_reserve(store, &config, &a, text, err);
}

/* The calls under test, each from its own state before. */
static int call_reserve(struct store *store, struct error *err)
{
	return do_reserve(store, 100, err);
}

static int call_confirm(struct store *store, struct error *err)
{
	struct store_attachment a;
	char buf[32];

	attachment(101, buf, &a);
	return store->ops->confirm(store, &a, err);
}

static int call_release(struct store *store, struct error *err)
{
	struct store_attachment a;
	char buf[32];

	int r;

	attachment(3, buf, &a);
	r = store->ops->release(store, &a, err);
	return r == STORE_ABSENT ? 0 : r;
}

static int call_takeover(struct store *store, struct error *err)
{
	return do_reserve(store, 5, err);
}

/* Everything that can be told apart from outside, as text. */
static char *snapshot(void)
{
	cleanup_store_records struct store_records records = { 0 };
	cleanup_store struct store *store = contract_open(&config);
	struct error err = { 0 };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int r;

	r = store->ops->list(store, &records, &err);
	cr_assert_eq(r, 0, "%s", err.details);
	for (size_t i = 0; i < records.count; i++) {
		const struct store_record *record = &records.items[i];

		fprintf(out, "%s %s", record->container_id,
			record->state == STORE_STATE_LIVE ? "live" : "pending");
		for (size_t j = 0; j < record->n_addresses; j++) {
			char addr[INET_ADDR_TEXT];

			fprintf(out, " %s",
				inet_addr_format(
					&record->addresses[j].address.addr,
					addr));
		}
		fputc('\n', out);
	}
	for (size_t i = 0; i < config.n_sets; i++) {
		struct store_usage usage;

		r = store->ops->usage(store, i, &usage, &err);
		cr_assert_eq(r, 0, "%s", err.details);
		fprintf(out, "used %u resting %u\n", (unsigned int)usage.used,
			(unsigned int)usage.resting);
		/* What is in use, and what the attachments say, agree. */
		cr_assert(usage.used == records.count);
	}
	fclose(out);
	return text;
}

/* Runs @call with the fault at its @n-th write, in a process of its own.
 * Return: 0 if it did all it had to, 1 if it failed or died, 2 if it did all it
 * had to though a write failed: one that it can do without */
static int run(int (*call)(struct store *, struct error *), bool reserve_first,
	       enum fault kind, int n)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct store *store = contract_open(&config);
		struct error err = { 0 };
		int r;

		r = reserve_first ? do_reserve(store, 101, &err) : 0;
		if (r == STORE_LIVE)
			_exit(0);
		if (r != 0)
			_exit(3);
		countdown = n;
		fault = kind;
		r = call(store, &err);
		fault = FAULT_NONE;
		if (r < 0 && err.code != ERROR_IO)
			_exit(4);
		if (r > 0)
			_exit(5);
		store_close(store);
		if (r < 0)
			_exit(1);
		_exit(n > 0 && countdown <= 0 ? 2 : 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		cr_assert_eq(WTERMSIG(status), SIGKILL);
		return 1;
	}
	cr_assert_leq(WEXITSTATUS(status), 2, "status %d", status);
	return WEXITSTATUS(status);
}

/* A table with a history: pods live, pending and dead, addresses resting. */
static void prepare(bool fresh)
{
	struct store *store;
	struct error err = { 0 };
	pid_t pid;

	local_dir_fini();
	local_dir_init();
	ipam_config_clear(&config);
	contract_config(&config, KEYS);
	if (fresh)
		return;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		store = contract_open(&config);
		for (unsigned int i = 0; i < 30; i++) {
			struct store_attachment a;
			char buf[32];

			attachment(i, buf, &a);
			if (do_reserve(store, i, &err) != 0)
				_exit(1);
			if (i != 5 && store->ops->confirm(store, &a, &err) != 0)
				_exit(1);
			if (i % 4 == 2 &&
			    store->ops->release(store, &a, &err) != 0)
				_exit(1);
		}
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &(int){ 0 }, 0), pid);
}

static const struct {
	const char *name;
	int (*call)(struct store *store, struct error *err);
	bool reserve_first;
	bool fresh;
	bool same; /* only its process tells the new state from the old */
} calls[] = {
	{ "first reservation of all", call_reserve, false, true, false },
	{ "reserve", call_reserve, false, false, false },
	{ "confirm", call_confirm, true, false, false },
	{ "release", call_release, false, false, false },
	{ "take over", call_takeover, false, false, true },
};

static void every_write(enum fault kind)
{
	for (size_t c = 0; c < ARRAY_SIZE(calls); c++) {
		int n;

		for (n = 1; n < WRITES_MAX; n++) {
			cleanup_free char *before = NULL;
			cleanup_free char *between = NULL;
			cleanup_free char *final = NULL;
			int died;

			prepare(calls[c].fresh);
			if (calls[c].reserve_first) {
				/* The state before includes it. */
				run(call_confirm, true, FAULT_DIE, 1);
			}
			before = snapshot();
			died = run(calls[c].call, calls[c].reserve_first, kind,
				   n);
			between = snapshot();
			if (died == 1) {
				if (kind == FAULT_ENOSPC || kind == FAULT_EIO)
					cr_assert_str_eq(between, before,
							 "%s, write %d:\n%s",
							 calls[c].name, n,
							 between);
				cr_assert_eq(run(calls[c].call,
						 calls[c].reserve_first,
						 FAULT_NONE, 0),
					     0, "%s again after write %d",
					     calls[c].name, n);
			}
			final = snapshot();
			if (strcmp(between, before) != 0)
				cr_assert_str_eq(between, final,
						 "%s, write %d: a third state",
						 calls[c].name, n);
			cr_assert_eq(strcmp(final, before) == 0, calls[c].same,
				     "%s", calls[c].name);
			if (!died)
				break;
		}
		cr_assert_lt(n, WRITES_MAX);
		cr_assert_gt(n, 2, "%s wrote nothing", calls[c].name);
	}
}

Test(store_crash, dying_before_any_write_leaves_the_old_or_the_new_state)
{
	every_write(FAULT_DIE);
}

Test(store_crash, dying_in_the_middle_of_any_write_does_too)
{
	every_write(FAULT_DIE_HALF);
}

Test(store_crash, dying_after_any_write_does_too)
{
	every_write(FAULT_DIE_AFTER);
}

Test(store_crash, a_disk_that_is_full_at_any_write_changes_nothing)
{
	every_write(FAULT_ENOSPC);
}

Test(store_crash, a_disk_that_fails_at_any_write_changes_nothing)
{
	every_write(FAULT_EIO);
}

Test(store_crash, after_a_failed_write_the_same_handle_works_on)
{
	unsigned int id = 200;

	for (int n = 1; n < 6; n++) {
		struct error err = { 0 };
		struct store *store;

		prepare(false);
		store = contract_open(&config);
		fault = FAULT_EIO;
		do {
			countdown = n;
		} while (do_reserve(store, id++, &err) == 0 && id < 300);
		fault = FAULT_NONE;
		err = (struct error){ 0 };
		cr_expect_eq(do_reserve(store, id++, &err), 0, "%s",
			     err.details);
		store_close(store);
	}
}

/* --- a damaged table ------------------------------------------------------------ */

/* Reserves; rebuilds first if it has to, with one pod that is known to live. */
static int reserve_or_rebuild(struct error *err)
{
	struct store *store = contract_open(&config);
	cleanup_store_record struct store_record pod = { 0 };
	struct store_records known = { &pod, 1 };
	struct store_attachment a;
	char buf[32];
	int r;

	attachment(1, buf, &a);
	cr_assert_eq(store_record_fill(&pod, &a, config.pool, err), 0);
	pod.state = STORE_STATE_LIVE;
	pod.n_addresses = 1;
	cr_assert(inet_prefix_parse("10.1.2.1/24", &pod.addresses[0].address));
	r = do_reserve(store, 100, err);
	if (r < 0 && store->ops->is_damaged(store)) {
		*err = (struct error){ 0 };
		r = store->ops->rebuild(store, &known, err);
		if (r == 0)
			r = do_reserve(store, 100, err);
	}
	store_close(store);
	return r;
}

static int run_rebuild(enum fault kind, int n)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct error err = { 0 };
		int r;

		countdown = n;
		fault = kind;
		r = reserve_or_rebuild(&err);
		fault = FAULT_NONE;
		_exit(r != 0 ? 1 : countdown <= 0 ? 2 : 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return 1;
	return WEXITSTATUS(status);
}

/* Whatever it dies of, the table is damaged or complete; never empty, and never
 * gone: the living pod's address is given to nobody. */
static void every_write_of_a_rebuild(enum fault kind)
{
	for (int n = 1; n < WRITES_MAX; n++) {
		struct store_attachment pod;
		struct error err = { 0 };
		char text[INET_ADDR_TEXT];
		struct store *store;
		char buf[32];
		int done, r;

		prepare(false);
		cr_assert_eq(truncate(local_dir_path("state/attachments.mdb"),
				      4096),
			     0);
		done = run_rebuild(kind, n);
		cr_assert_eq(access(local_dir_path("state/attachments.mdb"),
				    F_OK),
			     0);
		if (done == 1) {
			r = reserve_or_rebuild(&err);
			/* The dead one's record is taken over, or is there. */
			cr_assert(r == 0 || r == STORE_LIVE, "write %d: %s", n,
				  err.details);
		}
		store = contract_open(&config);
		attachment(1, buf, &pod);
		cr_assert_eq(store->ops->release(store, &pod, &err), 0,
			     "write %d: the pod is unknown", n);
		cr_assert_eq(contract_reserve(store, &config, &pod, text, &err),
			     0);
		cr_assert_str_eq(text, "10.1.2.1", "write %d", n);
		store_close(store);
		if (done == 0)
			return;
	}
	cr_assert_fail("it never ends");
}

Test(store_crash, a_rebuild_that_dies_before_a_write_leaves_it_damaged_or_done)
{
	every_write_of_a_rebuild(FAULT_DIE);
}

Test(store_crash, a_rebuild_that_dies_in_a_write_does_too)
{
	every_write_of_a_rebuild(FAULT_DIE_HALF);
}

Test(store_crash, a_rebuild_that_dies_after_a_write_does_too)
{
	every_write_of_a_rebuild(FAULT_DIE_AFTER);
}

Test(store_crash, a_rebuild_on_a_full_disk_does_too)
{
	every_write_of_a_rebuild(FAULT_ENOSPC);
}

/* --- the node's address ----------------------------------------------------------- */

#define HOSTS "'range': '10.1.2.0/24', 'hostRange': '10.1.2.0/28'"

/* The address, or "" without one. */
static void claim_host(const char *members, char ret[static INET_PREFIX_TEXT])
{
	const struct ipam_host host = { .node = "node-1" };
	struct ipam_host_addresses found = { .count = 0 };
	struct ipam_config hosts = { 0 };
	struct error err = { 0 };

	*ret = '\0';
	contract_config(&hosts, members);
	if (ipam_host_claim(&hosts, &host, &found, &err) == 0)
		inet_prefix_format(&found.items[0], ret);
	else
		cr_assert_eq(err.code, ERROR_CONFIG, "%s", err.details);
	ipam_config_clear(&hosts);
}

static bool claim_host_until(enum fault kind, int n)
{
	char text[INET_PREFIX_TEXT];
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		countdown = n;
		fault = kind;
		claim_host(HOSTS ", 'hostIndex': 7", text);
		fault = FAULT_NONE;
		_exit(countdown > 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static void every_write_of_a_claim(enum fault kind, const char *before)
{
	for (int n = 1; n < WRITES_MAX; n++) {
		char text[INET_PREFIX_TEXT];
		bool done;

		local_dir_fini();
		local_dir_init();
		if (*before)
			claim_host(HOSTS ", 'hostIndex': 2", text);
		done = claim_host_until(kind, n);
		claim_host(HOSTS, text);
		cr_assert(strcmp(text, before) == 0 ||
				  strcmp(text, "10.1.2.8/24") == 0,
			  "write %d: %s", n, text);
		claim_host(HOSTS ", 'hostIndex': 7", text);
		claim_host(HOSTS, text);
		cr_assert_str_eq(text, "10.1.2.8/24", "write %d", n);
		if (done) {
			cr_assert_gt(n, 2);
			return;
		}
	}
	cr_assert_fail("it never ends");
}

static const enum fault every_fault[] = {
	FAULT_DIE, FAULT_DIE_HALF, FAULT_DIE_AFTER, FAULT_ENOSPC, FAULT_EIO,
};

Test(store_crash, a_nodes_first_claim_is_kept_or_not_made)
{
	for (size_t i = 0; i < ARRAY_SIZE(every_fault); i++)
		every_write_of_a_claim(every_fault[i], "");
}

Test(store_crash, a_changed_claim_is_the_old_one_or_the_new)
{
	for (size_t i = 0; i < ARRAY_SIZE(every_fault); i++)
		every_write_of_a_claim(every_fault[i], "10.1.2.3/24");
}
