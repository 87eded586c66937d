#include "ipam/ipam.h"
#include "lib/netns.h"
#include "plugin/attach.h"
#include "plugin/reclaim.h"
#include "plugin/witness.h"
#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

/*
 * What proves that an attachment is dead, and what does not. The attachment is
 * made as a runtime does, the looks are taken in this process, where the clock
 * is ours.
 */

static void open_pod(void);

TestSuite(witness, .init = open_pod, .fini = seed_close, .timeout = 120);
TestSuite(care, .init = open_pod, .fini = seed_close, .timeout = 120);

#define ONE_ADDRESS                                                            \
	"\"ipam\": { \"type\": \"hostshim\", \"range\": \"10.100.1.0/24\", "   \
	"\"range_start\": \"10.100.1.20\", "                                   \
	"\"range_end\": \"10.100.1.20\" }"

/* Under one minute's rule, and under the two minutes of the young. */
#define LATER_MS  130000
#define MINUTE_MS 60000

uint64_t __real_file_boottime_ms(void);
uint64_t __wrap_file_boottime_ms(void);

static uint64_t later_ms;

uint64_t __wrap_file_boottime_ms(void)
{
	return __real_file_boottime_ms() + later_ms;
}

static struct config config;
static struct ipam *ipam;

static void read_config(const char *text)
{
	static char empty[] = "";
	struct request request = {
		.verb = REQUEST_STATUS,
		.container_id = empty,
		.netns = empty,
		.ifname = empty,
		.path = empty,
		.args = { .mac = empty,
			  .pod_namespace = empty,
			  .pod_name = empty,
			  .pod_uid = empty },
	};
	cleanup_free char *copy = strdup(text);
	struct error err = { 0 };

	ipam = ipam_close(ipam);
	config_clear(&config);
	config = (struct config){ 0 };
	request.config = copy;
	request.config_len = strlen(copy);
	cr_assert_eq(config_read(&request, &config, &err), 0, "%s",
		     err.details);
	cr_assert_eq(ipam_open(&config.ipam, false, &ipam, &err), 0, "%s",
		     err.details);
}

static struct cni_call call_at(const char *verb, const char *text,
			       const char *id, const char *netns)
{
	struct cni_call call = seed_call(verb, text);

	call.pod = 0;
	call.id = id;
	call.netns = netns;
	return call;
}

static void add_at(const char *text, const char *id, const char *netns)
{
	struct cni_call call = call_at("ADD", text, id, netns);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
}

/* The pod is at /run/netns/p1, as "ip netns" and container runtimes have it. */
static void open_pod(void)
{
	seed_open();
	ns_do(-1, "ip netns add p1");
	read_config(seed_config);
}

static size_t count_records(void)
{
	cleanup_store_records struct store_records records = { 0 };
	struct error err = { 0 };

	cr_assert_eq(ipam_list(ipam, &records, &err), 0, "%s", err.details);
	return records.count;
}

/* When the only record was first seen dead. */
static uint64_t first_seen(void)
{
	cleanup_store_records struct store_records records = { 0 };
	struct error err = { 0 };

	cr_assert_eq(ipam_list(ipam, &records, &err), 0, "%s", err.details);
	cr_assert_eq(records.count, 1);
	return records.items[0].dead_ms;
}

/* Return: how many were released */
static unsigned int look_at(uint64_t ms)
{
	struct error err = { 0 };
	unsigned int released;

	later_ms = ms;
	released = reclaim_dead(ipam, NULL, 0, &err);
	later_ms = 0;
	cr_expect_not(error_is_set(&err), "%s", err.details);
	return released;
}

/* Two looks that are far enough apart: what is dead is gone then. */
static void look_twice(void)
{
	look_at(LATER_MS);
	look_at(LATER_MS + MINUTE_MS + 1000);
}

/* --- each way in which a namespace is gone, or seems to be ----------------------- */

static const struct {
	const char *name;
	bool is_dead;
	const char *commands;
} worlds[] = {
	{ "nothing happened", false, ":" },
	{ "the namespace is gone", true, "ip netns add p2; ip netns del p1" },
	{ "the last one of the folder is gone", true, "ip netns del p1" },
	{ "its path was given to another pod", true,
	  "ip netns del p1; ip netns add p1" },
	{ "unmounted, beside others", true,
	  "ip netns add p2; umount -l /run/netns/p1" },
	{ "unmounted, alone: so it looks where it is not visible", false,
	  "umount -l /run/netns/p1" },
	{ "the folder is another one", false,
	  "ip netns add p2; ip netns del p1; umount -l /run/netns;"
	  " mv /run/netns /run/former; mkdir /run/netns; ip netns add p3" },
	{ "the folder is hidden", false,
	  "mount -t tmpfs tmpfs /run/netns; ip netns add p3" },
	{ "the folder is gone", false,
	  "ip netns del p1; umount -l /run/netns; rmdir /run/netns" },
	{ "mounted elsewhere too", false,
	  "ip netns add p2; touch /run/other;"
	  " mount --bind /run/netns/p1 /run/other; ip netns del p1" },
	{ "mounted elsewhere, at a name with blanks", false,
	  "ip netns add p2; touch '/run/an \\ other';"
	  " mount --bind /run/netns/p1 '/run/an \\ other'; ip netns del p1" },
	{ "the runtime keeps its result", false,
	  "ip netns add p2; ip netns del p1; mkdir -p /var/lib/cni/results;"
	  " touch /var/lib/cni/results/storage-c1-net1" },
	{ "Multus keeps its result", false,
	  "ip netns add p2; ip netns del p1;"
	  " mkdir -p /var/lib/cni/multus/results;"
	  " echo x >/var/lib/cni/multus/results/storage-c1-net1" },
	{ "its result cannot be looked for", false,
	  "ip netns add p2; ip netns del p1; mkdir -p /var/lib/cni;"
	  " ln -s results /var/lib/cni/results" },
	{ "results of others are kept", true,
	  "ip netns add p2; ip netns del p1; mkdir -p /var/lib/cni/results;"
	  " touch /var/lib/cni/results/storage-c1-net2"
	  " /var/lib/cni/results/storage-c2-net1"
	  " /var/lib/cni/results/other-c1-net1" },
};

Test(witness, only_all_of_them_together_are_death)
{
	for (size_t i = 0; i < ARRAY_SIZE(worlds); i++) {
		int status;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			if (unshare(CLONE_NEWNS) < 0)
				_exit(2);
			ns_do(-1, "mount -t tmpfs tmpfs /run;"
				  " mount -t tmpfs tmpfs /var/lib;"
				  " ip netns add p1");
			add_at(seed_config, "c1", "/run/netns/p1");
			ns_do(-1, "%s", worlds[i].commands);
			look_twice();
			_exit(count_records() == 0);
		}
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFEXITED(status), "%s", worlds[i].name);
		cr_expect_eq(WEXITSTATUS(status), worlds[i].is_dead, "%s",
			     worlds[i].name);
	}
}

/* The mount namespace of a container that was started before the pod was. */
Test(witness, a_mount_namespace_that_does_not_show_it_proves_nothing)
{
	int made[2], added[2];
	int status;
	char byte;
	pid_t pid;

	ns_do(-1, "ip netns add p0; mount --make-rprivate /run");
	cr_assert_eq(pipe(made), 0);
	cr_assert_eq(pipe(added), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || write(made[1], "x", 1) != 1 ||
		    read(added[0], &byte, 1) != 1)
			_exit(2);
		/* The host is not shown either. */
		ns_do(-1, "umount -l /run/netns/p0; umount -l /run/netns/p1");
		look_twice();
		_exit(count_records() == 1 && first_seen() == 0 ? 0 : 1);
	}
	cr_assert_eq(read(made[0], &byte, 1), 1);
	add_at(seed_config, "c1", "/run/netns/p1");
	cr_assert_eq(write(added[1], "x", 1), 1);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0);
	cr_expect_eq(count_records(), 1);
}

Test(witness, a_process_keeps_it_alive)
{
	pid_t pid;

	ns_do(-1, "ip netns add p2");
	add_at(seed_config, "c1", "/run/netns/p1");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		execlp("ip", "ip", "netns", "exec", "p1", "sleep", "100", NULL);
		_exit(1);
	}
	while (!ns_has(-1, "sleep", "cat /proc/%d/comm", pid))
		ns_sleep_ms(10);
	ns_do(-1, "ip netns del p1");
	look_twice();
	cr_expect_eq(first_seen(), 0);

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	look_twice();
	cr_expect_eq(count_records(), 0);
}

struct guest {
	sem_t entered;
	sem_t leave;
};

static void *live_in_p1(void *arg)
{
	struct guest *guest = arg;
	struct error err = { 0 };
	int fd = -1;

	if (netns_open("/run/netns/p1", &fd, &err) != 0 ||
	    setns(fd, CLONE_NEWNET) < 0)
		abort();
	close(fd);
	sem_post(&guest->entered);
	sem_wait(&guest->leave);
	return NULL;
}

Test(witness, a_thread_keeps_it_alive)
{
	struct guest guest;
	pthread_t thread;

	sem_init(&guest.entered, 0, 0);
	sem_init(&guest.leave, 0, 0);
	ns_do(-1, "ip netns add p2");
	add_at(seed_config, "c1", "/run/netns/p1");
	cr_assert_eq(pthread_create(&thread, NULL, live_in_p1, &guest), 0);
	sem_wait(&guest.entered);
	ns_do(-1, "ip netns del p1");
	look_twice();
	cr_expect_eq(first_seen(), 0);

	sem_post(&guest.leave);
	pthread_join(thread, NULL);
	look_twice();
	cr_expect_eq(count_records(), 0);
}

/* The processes that we see are not those among which it was made. */
Test(witness, another_pid_namespace_proves_nothing)
{
	int status;
	pid_t pid;

	add_at(seed_config, "c1", "/run/netns/p1");
	ns_do(-1, "ip netns add p2; ip netns del p1");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
			_exit(2);
		pid = fork();
		if (pid == 0) {
			ns_do(-1, "mount -t proc proc /proc");
			look_twice();
			_exit(first_seen() != 0);
		}
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0);
	look_twice();
	cr_expect_eq(count_records(), 0);
}

/* --- twice, a minute apart -------------------------------------------------------- */

static void attach_and_lose(void)
{
	add_at(seed_config, "c1", "/run/netns/p1");
	ns_do(-1, "ip netns add p2; ip netns del p1");
}

Test(witness, one_look_is_not_enough_nor_two_within_a_minute)
{
	uint64_t first;

	attach_and_lose();
	cr_expect_eq(look_at(LATER_MS), 0);
	first = first_seen();
	cr_expect_neq(first, 0);
	cr_expect_eq(look_at(LATER_MS), 0);
	cr_expect_eq(look_at(LATER_MS + MINUTE_MS - 5000), 0);
	cr_expect_eq(first_seen(), first);
	cr_expect_eq(look_at(LATER_MS + MINUTE_MS), 1);
	cr_expect_eq(count_records(), 0);
}

Test(witness, who_is_seen_alive_begins_anew)
{
	cleanup_store_records struct store_records records = { 0 };
	struct error err = { 0 };

	add_at(seed_config, "c1", "/run/netns/p1");
	cr_assert_eq(ipam_list(ipam, &records, &err), 0);
	cr_assert_eq(ipam_mark(ipam, records.items, 1, &err), 0);
	cr_expect_eq(look_at(LATER_MS), 0);
	cr_expect_eq(first_seen(), 0);
}

Test(witness, the_young_are_not_looked_at)
{
	attach_and_lose();
	cr_expect_eq(look_at(0), 0);
	cr_expect_eq(look_at(100000), 0);
	cr_expect_eq(first_seen(), 0);
}

/* A clock that shows less than it did, as after a restored snapshot. */
Test(witness, what_was_made_in_the_future_is_young)
{
	cleanup_store_records struct store_records records = { 0 };
	struct error err = { 0 };
	const struct store_attachment key = {
		.network = "storage",
		.container_id = "c9",
		.ifname = "net1",
		.netns = "/run/netns/gone",
		.place = { 1, 2, 3, 4 },
	};
	struct ipam_result result = { 0 };

	later_ms = 3600000;
	cr_assert_eq(ipam_reserve(ipam, &key, NULL, 0, &result, &err), 0);
	cr_assert_eq(ipam_confirm(ipam, &key, &err), 0);
	ipam_result_clear(&result);
	cr_assert_eq(ipam_list(ipam, &records, &err), 0);
	cr_assert_eq(ipam_mark(ipam, records.items, 3600000 * 2, &err), 0);
	look_twice();
	cr_expect_eq(count_records(), 1);
}

/* --- pending ---------------------------------------------------------------------- */

/* As an ADD that got no further. */
static void reserve_only(const char *id)
{
	struct store_attachment key = {
		.network = "storage",
		.container_id = id,
		.ifname = "net1",
		.netns = "/run/netns/p1",
	};
	cleanup_close int fd = -1;
	struct ipam_result result = { 0 };
	struct error err = { 0 };

	cr_assert_eq(netns_open(key.netns, &fd, &err), 0);
	cr_assert_eq(netns_cookie(fd, &key.netns_cookie, &err), 0);
	key.place = witness_place(key.netns, fd);
	cr_assert_eq(ipam_reserve(ipam, &key, NULL, 0, &result, &err), 0, "%s",
		     err.details);
	ipam_result_clear(&result);
}

static void confirm(const char *id)
{
	const struct store_attachment key = {
		.network = "storage",
		.container_id = id,
		.ifname = "net1",
	};
	struct error err = { 0 };

	cr_assert_eq(ipam_confirm(ipam, &key, &err), 0, "%s", err.details);
}

Test(witness, an_add_in_progress_is_left_alone_and_a_killed_one_is_not)
{
	int status;
	pid_t pid;

	reserve_only("c1");
	ns_do(-1, "ip netns add p2; ip netns del p1");
	look_twice();
	cr_expect_eq(first_seen(), 0);
	ns_do(-1, "ip netns add p1;"
		  " rm -r /run/hostshim /var/lib/cni/hostshim");

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		read_config(seed_config);
		reserve_only("c1");
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	look_twice();
	cr_expect_eq(first_seen(), 0);
	ns_do(-1, "ip netns del p1");
	look_twice();
	cr_expect_eq(count_records(), 0);
}

/* --- self-care -------------------------------------------------------------------- */

static const char one_config[] = "{ " SEED_OVERLAY ", " ONE_ADDRESS " }";

static int add_here(uint64_t ms, const char *text, struct error *err)
{
	static char id[] = "c2";
	static char netns[] = "/run/netns/p2";
	static char ifname[] = "net1";
	static char empty[] = "";
	cleanup_free char *copy = strdup(text);
	cleanup_config struct config parsed = { 0 };
	cleanup_result struct result result = { 0 };
	struct request request = {
		.verb = REQUEST_ADD,
		.container_id = id,
		.netns = netns,
		.ifname = ifname,
		.path = empty,
		.args = { .mac = empty,
			  .pod_namespace = empty,
			  .pod_name = empty,
			  .pod_uid = empty },
	};
	int r;

	setenv("NODENAME", "k8s-1", 1);
	request.config = copy;
	request.config_len = strlen(copy);
	cr_assert_eq(config_read(&request, &parsed, err), 0);
	later_ms = ms;
	r = attach_add(&request, &parsed, &result, err);
	later_ms = 0;
	return r;
}

Test(care, an_add_without_an_address_takes_one_of_the_dead)
{
	struct error err = { 0 };

	read_config(one_config);
	add_at(one_config, "c1", "/run/netns/p1");
	ns_do(-1, "ip netns add p2; ip netns del p1");
	cr_expect_lt(add_here(0, one_config, &err), 0);
	cr_expect_eq(err.code, ERROR_POOL_EXHAUSTED, "%s", err.details);
	err = (struct error){ 0 };
	/* The first sighting is this ADD's. */
	cr_expect_lt(add_here(LATER_MS, one_config, &err), 0);
	cr_expect_eq(err.code, ERROR_POOL_EXHAUSTED, "%s", err.details);
	err = (struct error){ 0 };
	cr_expect_eq(add_here(LATER_MS + MINUTE_MS, one_config, &err), 0, "%s",
		     err.details);
	cr_expect(ns_has(-1, "10.100.1.20", "ip netns exec p2 ip addr"));
	cr_expect_eq(count_records(), 1);
}

Test(care, an_add_that_asks_for_the_address_of_a_dead_one_gets_it)
{
	static const char asking[] =
		"{ " SEED_OVERLAY ", " SEED_IPAM
		", \"runtimeConfig\": { \"ips\": [ \"10.100.1.16\" ] } }";
	struct error err = { 0 };

	attach_and_lose();
	cr_expect_lt(add_here(LATER_MS, asking, &err), 0);
	cr_expect_eq(err.code, ERROR_ADDRESS_TAKEN, "%s", err.details);
	err = (struct error){ 0 };
	cr_expect_eq(add_here(LATER_MS + MINUTE_MS, asking, &err), 0, "%s",
		     err.details);
}

/* Any ADD of any network, once a minute. */
Test(care, the_dead_go_without_anybody_asking)
{
	cleanup_store_records struct store_records records = { 0 };
	struct error err = { 0 };

	attach_and_lose();
	cr_assert_eq(add_here(LATER_MS, seed_config, &err), 0);
	ns_do(-1, "ip -n p2 link del net1");
	cr_expect_eq(count_records(), 2);
	cr_assert_eq(ipam_list(ipam, &records, &err), 0);
	cr_expect_neq(records.items[0].dead_ms, 0);
	later_ms = LATER_MS + 30000;
	reclaim_care(ipam);
	cr_expect_eq(count_records(), 2);
	later_ms = LATER_MS + MINUTE_MS + 1000;
	reclaim_care(ipam);
	cr_expect_eq(count_records(), 1);
}

/* A pool full of the dead is as good as an empty one; of the living, it is 50. */
Test(care, status_counts_the_dead_as_free)
{
	struct request request = { .verb = REQUEST_STATUS };
	struct error err = { 0 };

	setenv("NODENAME", "k8s-1", 1);
	read_config(one_config);
	add_at(one_config, "c1", "/run/netns/p1");
	cr_expect_lt(attach_status(&request, &config, &err), 0);
	cr_expect_eq(err.code, ERROR_NOT_AVAILABLE);
	err = (struct error){ 0 };
	ns_do(-1, "ip netns add p2; ip netns del p1");
	look_at(LATER_MS);
	cr_expect_lt(attach_status(&request, &config, &err), 0);
	err = (struct error){ 0 };
	later_ms = LATER_MS + MINUTE_MS;
	cr_expect_eq(attach_status(&request, &config, &err), 0, "%s",
		     err.details);
	later_ms = 0;
	/* Only looked at. */
	cr_expect_eq(count_records(), 1);
}

/* What another boot left is nobody's. */
Test(care, another_boot_begins_with_nothing)
{
	add_at(seed_config, "c1", "/run/netns/p1");
	cr_expect_eq(count_records(), 1);
	ns_do(-1, "ip netns add p2;"
		  " echo 11111111-2222-3333-4444-555555555555 >/run/boot;"
		  " mount --bind /run/boot /proc/sys/kernel/random/boot_id");
	seed_do("STATUS", seed_config);
	add_at(seed_config, "c2", "/run/netns/p2");
	cr_expect(ns_has(-1, "10.100.1.16", "ip netns exec p2 ip addr"));
	read_config(seed_config);
	cr_expect_eq(count_records(), 1);
}

#define MANY 250
static const char wide_config[] =
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"storage\", "
	"\"type\": \"hostshim\", \"master\": \"under0\", \"ipam\": "
	"{ \"type\": \"hostshim\", \"range\": \"10.200.0.0/16\" } }";

static long care_us(void)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	reclaim_care(ipam);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (to.tv_sec - from.tv_sec) * 1000000 +
	       (to.tv_nsec - from.tv_nsec) / 1000;
}

/* Prints what it costs; the bounds are for a busy machine. */
Test(care, is_cheap_where_nothing_is_suspicious)
{
	long pass, none, proof;

	read_config(wide_config);
	for (int i = 0; i < MANY; i++) {
		char id[32];

		snprintf(id, sizeof(id), "c%d", i);
		reserve_only(id);
		confirm(id);
	}
	later_ms = LATER_MS;
	pass = care_us();
	none = care_us();
	fprintf(stderr, "%d attachments: a pass %ld us, no pass %ld us\n", MANY,
		pass, none);
	cr_expect_lt(pass, 100000);
	cr_expect_lt(none, 10000);

	/* All of them at once, with a look at every thread of the machine. */
	ns_do(-1, "ip netns add p2; ip netns del p1");
	later_ms += MINUTE_MS;
	proof = care_us();
	fprintf(stderr, "a pass that finds all of them dead: %ld us\n", proof);
	cr_expect_lt(proof, 1000000);
}
