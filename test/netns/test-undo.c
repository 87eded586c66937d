#include "ipam/ipam.h"
#include "plugin/attach.h"
#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/*
 * The n-th change fails, for every n: a netlink message, a commit of the store,
 * a record that does not fit. What ADD made is gone then, the error names the
 * step, and the next ADD succeeds.
 */

TestSuite(undo, .init = seed_open, .fini = seed_close, .timeout = 240);

/* lib/netlink-priv.h, without libnl: only passed on here. */
struct nl_msg;
struct netlink_outcome;
struct netlink;

int __real_netlink_change(struct netlink *nl, struct nl_msg *msg,
			  const struct netlink_outcome *outcomes,
			  struct error *err);
int __wrap_netlink_change(struct netlink *nl, struct nl_msg *msg,
			  const struct netlink_outcome *outcomes,
			  struct error *err);
int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __real_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data,
		   unsigned int flags);
int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data,
		   unsigned int flags);

enum point {
	POINT_NETLINK,
	POINT_COMMIT,
	POINT_PUT,
	POINT_COUNT
};

static const char *const point_names[] = { "netlink change", "commit",
					   "record" };
static enum point point;
static bool kills; /* what fails dies */
static unsigned int countdown;
static bool failed;

static bool fails_now(enum point here)
{
	if (here != point || countdown == 0 || --countdown > 0)
		return false;
	if (kills)
		raise(SIGKILL);
	failed = true;
	return true;
}

int __wrap_netlink_change(struct netlink *nl, struct nl_msg *msg,
			  const struct netlink_outcome *outcomes,
			  struct error *err)
{
	if (fails_now(POINT_NETLINK))
		return error_set(err, ERROR_LINK, EIO, "injected");
	return __real_netlink_change(nl, msg, outcomes, err);
}

int __wrap_mdb_txn_commit(MDB_txn *txn)
{
	if (fails_now(POINT_COMMIT)) {
		mdb_txn_abort(txn);
		return ENOSPC;
	}
	return __real_mdb_txn_commit(txn);
}

int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data,
		   unsigned int flags)
{
	if (fails_now(POINT_PUT))
		return MDB_MAP_FULL;
	return __real_mdb_put(txn, dbi, key, data, flags);
}

static void inject(enum point where, unsigned int nth)
{
	point = where;
	countdown = nth;
	failed = false;
}

/* --- calls from inside -------------------------------------------------------- */

static const char routed[] =
	"{ " SEED_OVERLAY ", \"mtu\": 1400, \"ipam\": { "
	"\"type\": \"hostshim\", \"ipRanges\": [ "
	"{ \"range\": \"10.100.1.16-10.100.1.99/24\" }, "
	"{ \"range\": \"fd10::100-fd10::1ff/64\" } ], "
	"\"routes\": [ { \"dst\": \"10.77.0.0/16\", \"gw\": \"10.100.1.9\" }, "
	"{ \"dst\": \"fd77::/64\", \"gw\": \"fd10::9\" } ] } }";

static char text[2048];
static char path[NS_PATH];
static char id[] = "c1";
static char ifname[] = "net1";
static char empty[] = "";

static struct request request(enum request_verb verb, const char *from)
{
	snprintf(text, sizeof(text), "%s", from);
	ns_path(seed_pod, path);
	return (struct request){
		.verb = verb,
		.container_id = id,
		.netns = path,
		.ifname = ifname,
		.path = empty,
		.args = { .mac = empty,
			  .pod_namespace = empty,
			  .pod_name = empty,
			  .pod_uid = empty },
		.config = text,
		.config_len = strlen(text),
	};
}

static int run(enum request_verb verb, const char *from, struct error *err)
{
	struct request call = request(verb, from);
	cleanup_config struct config config = { 0 };
	cleanup_result struct result result = { 0 };
	int r = config_read(&call, &config, err);

	cr_assert_eq(r, 0, "%s", err->details);
	if (verb == REQUEST_ADD)
		return attach_add(&call, &config, &result, err);
	return attach_del(&call, &config, err);
}

static size_t count_records(const char *from)
{
	struct request call = request(REQUEST_ADD, from);
	cleanup_config struct config config = { 0 };
	cleanup_ipam struct ipam *ipam = NULL;
	struct store_records records = { 0 };
	struct error err = { 0 };
	size_t count;

	cr_assert_eq(config_read(&call, &config, &err), 0);
	cr_assert_eq(ipam_open(&config.ipam, true, &ipam, &err), 0);
	cr_assert_eq(ipam_list(ipam, &records, &err), 0, "%s", err.details);
	count = records.count;
	store_records_clear(&records);
	return count;
}

static void names_the_step(const struct error *err, unsigned int nth)
{
	static const char start[] = "attach net1: ";

	cr_expect_neq(err->code, 0);
	cr_expect_eq(strncmp(err->details, start, strlen(start)), 0, "%s",
		     err->details);
	cr_expect_str_neq(err->details, "attach net1: injected: Input/output "
					"error");
	cr_log_info("%s %u: %s", point_names[point], nth, err->details);
}

/* Let the n-th change fail. Return: did it come to that? */
static bool fail_once(const char *from, enum point where, unsigned int nth)
{
	cleanup_free char *before = ns_snapshot(seed_pod);
	cleanup_free char *after = NULL;
	struct error err = { 0 };
	int r;

	inject(where, nth);
	r = run(REQUEST_ADD, from, &err);
	countdown = 0;
	if (!failed) {
		cr_assert_eq(r, 0, "%s", err.details);
		return false;
	}
	cr_assert_lt(r, 0, "%s %u goes unnoticed", point_names[where], nth);
	names_the_step(&err, nth);
	after = ns_snapshot(seed_pod);
	cr_expect(ns_same(before, after), "%s %u", point_names[where], nth);
	cr_expect_eq(count_records(from), 0, "%s %u", point_names[where], nth);
	return true;
}

static unsigned int fail_all(const char *from, enum point where)
{
	struct error err = { 0 };
	unsigned int nth = 1;

	while (fail_once(from, where, nth))
		nth++;
	cr_assert_eq(run(REQUEST_DEL, from, &err), 0, "%s", err.details);
	return nth - 1;
}

/* --- claims -------------------------------------------------------------------- */

/* From nothing: the node's leg is made, in full or not at all or repaired. */
Test(undo, every_change_that_fails_leaves_nothing_in_the_pod_and_the_store)
{
	setenv("NODENAME", "k8s-1", 1);
	for (int where = 0; where < POINT_COUNT; where++) {
		unsigned int count = fail_all(seed_config, (enum point)where);

		cr_expect_gt(count, 0, "%s", point_names[where]);
	}
	cr_expect_eq(ns_ping(-1, "10.100.1.16", 1), 0);
}

Test(undo, routes_and_both_families_are_taken_back_too)
{
	struct error err = { 0 };

	setenv("NODENAME", "k8s-1", 1);
	cr_assert_eq(run(REQUEST_ADD, routed, &err), 0, "%s", err.details);
	cr_assert_eq(run(REQUEST_DEL, routed, &err), 0, "%s", err.details);
	cr_expect_geq(fail_all(routed, POINT_NETLINK), 7);
}

Test(undo, the_nodes_leg_is_as_before_when_it_was_right)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	struct error err = { 0 };

	setenv("NODENAME", "k8s-1", 1);
	cr_assert_eq(run(REQUEST_ADD, seed_config, &err), 0, "%s", err.details);
	cr_assert_eq(run(REQUEST_DEL, seed_config, &err), 0, "%s", err.details);
	before = ns_snapshot(-1);
	for (int where = 0; where < POINT_COUNT; where++)
		fail_all(seed_config, (enum point)where);
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

/* While the link may answer for it, the address is not given to another. */
Test(undo, a_DEL_that_cannot_delete_the_link_keeps_the_address)
{
	struct error err = { 0 };

	setenv("NODENAME", "k8s-1", 1);
	cr_assert_eq(run(REQUEST_ADD, seed_config, &err), 0, "%s", err.details);
	inject(POINT_NETLINK, 1);
	cr_expect_lt(run(REQUEST_DEL, seed_config, &err), 0);
	cr_expect(strstr(err.details, "detach net1: "), "%s", err.details);
	cr_expect_eq(count_records(seed_config), 1);
	err = (struct error){ 0 };
	cr_expect_eq(run(REQUEST_DEL, seed_config, &err), 0, "%s", err.details);
	cr_expect_eq(count_records(seed_config), 0);
}

Test(undo, a_DEL_whose_release_fails_is_told_and_can_be_repeated)
{
	struct error err = { 0 };

	setenv("NODENAME", "k8s-1", 1);
	cr_assert_eq(run(REQUEST_ADD, seed_config, &err), 0, "%s", err.details);
	inject(POINT_COMMIT, 1);
	cr_expect_lt(run(REQUEST_DEL, seed_config, &err), 0);
	cr_expect_eq(count_records(seed_config), 1);
	err = (struct error){ 0 };
	cr_expect_eq(run(REQUEST_DEL, seed_config, &err), 0, "%s", err.details);
	cr_expect_eq(count_records(seed_config), 0);
}

/* Create, name, address, UP: one message each, and none for the node's leg. */
Test(undo, a_warm_ADD_sends_four_changes)
{
	struct error err = { 0 };

	setenv("NODENAME", "k8s-1", 1);
	cr_assert_eq(run(REQUEST_ADD, seed_config, &err), 0, "%s", err.details);
	cr_assert_eq(run(REQUEST_DEL, seed_config, &err), 0, "%s", err.details);
	inject(POINT_NETLINK, 1000);
	cr_assert_eq(run(REQUEST_ADD, seed_config, &err), 0, "%s", err.details);
	cr_expect_eq(1000 - countdown, 4);
	inject(POINT_COMMIT, 1000);
	cr_assert_eq(run(REQUEST_DEL, seed_config, &err), 0, "%s", err.details);
	cr_expect_eq(1000 - countdown, 1);
}

/* --- death ----------------------------------------------------------------------- */

/* An ADD in a process of its own that dies before its n-th change.
 * Return: did it come to that? */
static bool die_once(const char *from, enum point where, unsigned int nth)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct error err = { 0 };

		kills = true;
		inject(where, nth);
		_exit(run(REQUEST_ADD, from, &err) < 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

Test(undo, an_ADD_killed_anywhere_is_cleaned_up_by_DEL)
{
	cleanup_free char *before = ns_snapshot(seed_pod);
	struct error err = { 0 };

	setenv("NODENAME", "k8s-1", 1);
	for (int where = 0; where < POINT_COUNT; where++) {
		unsigned int nth = 1;
		bool died;

		do {
			cleanup_free char *after = NULL;

			died = die_once(routed, (enum point)where, nth);
			cr_assert_eq(run(REQUEST_DEL, routed, &err), 0, "%s",
				     err.details);
			after = ns_snapshot(seed_pod);
			cr_expect(ns_same(before, after), "%s %u",
				  point_names[where], nth);
			cr_expect_eq(count_records(routed), 0, "%s %u",
				     point_names[where], nth);
			nth++;
		} while (died);
	}
}

Test(undo, an_ADD_killed_anywhere_can_be_repeated)
{
	setenv("NODENAME", "k8s-1", 1);
	for (int where = 0; where < POINT_COUNT; where++) {
		for (unsigned int nth = 1;; nth++) {
			struct error err = { 0 };
			bool died = die_once(seed_config, (enum point)where,
					     nth);

			if (died)
				cr_assert_eq(run(REQUEST_ADD, seed_config,
						 &err),
					     0, "%s %u: %s", point_names[where],
					     nth, err.details);
			cr_expect_eq(count_records(seed_config), 1);
			cr_expect_eq(ns_ping(-1, "10.100.1.16", 1), 1);
			cr_assert_eq(run(REQUEST_DEL, seed_config, &err), 0);
			if (!died)
				break;
		}
	}
}
