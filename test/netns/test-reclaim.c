#include "ipam/ipam.h"
#include "plugin/attach.h"
#include "plugin/role-ipam.h"
#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* GC of attachments that are old enough: the clock is ours. */

TestSuite(reclaim, .init = seed_open, .fini = seed_close, .timeout = 60);

uint64_t __real_file_boottime_ms(void);
uint64_t __wrap_file_boottime_ms(void);

static uint64_t later_ms;
static uint64_t now_ms = 200000; /* of GC */

uint64_t __wrap_file_boottime_ms(void)
{
	return __real_file_boottime_ms() + later_ms;
}

static const char main_role[] = SEED_OVERLAY ", " SEED_IPAM;

/* Another plugin's network, whose addresses are ours. */
static const char ipam_role[] = "\"cniVersion\": \"1.1.0\", "
				"\"name\": \"storage\", "
				"\"type\": \"bridge\", " SEED_IPAM;

/* From here on all is older than the two minutes of grace. */
static void gc_role(const char *role, const char *members, struct error *ret)
{
	static char program[] = "hostshim";
	static char empty[] = "";
	cleanup_free char *text = NULL;
	cleanup_config struct config config = { 0 };
	struct request request = {
		.verb = REQUEST_GC,
		.program = program,
		.container_id = empty,
		.netns = empty,
		.ifname = empty,
		.path = empty,
		.args = { .mac = empty,
			  .pod_namespace = empty,
			  .pod_name = empty,
			  .pod_uid = empty },
	};
	struct error err = { 0 };
	int r;

	*ret = err;
	cr_assert_gt(asprintf(&text, "{ %s %s }", role, members), 0);
	request.config = text;
	request.config_len = strlen(text);
	cr_assert_eq(config_read(&request, &config, &err), 0, "%s",
		     err.details);
	cr_assert_eq(config.role == CONFIG_ROLE_IPAM, role == ipam_role);
	later_ms = now_ms;
	r = config.role == CONFIG_ROLE_IPAM
		    ? role_ipam_gc(&request, &config, ret)
		    : attach_gc(&request, &config, ret);
	cr_expect_eq(r, error_return(ret));
	later_ms = 0;
}

static void gc_config(const char *members, struct error *ret)
{
	gc_role(main_role, members, ret);
}

static void gc_of(const char *role, const char *valid)
{
	cleanup_free char *members = NULL;
	struct error err;

	cr_assert_gt(asprintf(&members, ", \"cni.dev/valid-attachments\": %s",
			      valid),
		     0);
	gc_role(role, members, &err);
	cr_expect_not(error_is_set(&err), "%s", err.details);
}

static void gc(const char *valid)
{
	gc_of(main_role, valid);
}

struct pool {
	struct ipam_config config;
	struct ipam *ipam;
};

static void pool_open(struct pool *pool)
{
	static const char text[] = "{ " SEED_IPAM " }";
	cleanup_json struct json *json = NULL;
	struct error err = { 0 };
	struct json_at root;
	struct json_at at;

	*pool = (struct pool){ 0 };
	cr_assert_eq(json_parse(text, strlen(text), &json, &err), 0);
	root = json_root(json);
	cr_assert(json_member(&root, "ipam", &at));
	cr_assert_eq(ipam_config_read(&at, &pool->config, &err), 0);
	cr_assert_eq(ipam_open(&pool->config, false, &pool->ipam, &err), 0);
}

static void pool_close(struct pool *pool)
{
	pool->ipam = ipam_close(pool->ipam);
	ipam_config_clear(&pool->config);
}
#define cleanup_pool cleanup(pool_close)

static size_t count_records(void)
{
	cleanup_store_records struct store_records records = { 0 };
	cleanup_pool struct pool pool;
	struct error err = { 0 };

	pool_open(&pool);
	cr_assert_eq(ipam_list(pool.ipam, &records, &err), 0, "%s",
		     err.details);
	return records.count;
}

/* An attachment without a namespace that could be opened. */
static void reserve_at(const char *id, const char *netns)
{
	const struct store_attachment key = {
		.network = "storage",
		.container_id = id,
		.ifname = "net1",
		.netns = netns,
	};
	struct ipam_result result = { 0 };
	cleanup_pool struct pool pool;
	struct error err = { 0 };

	pool_open(&pool);
	cr_assert_eq(ipam_reserve(pool.ipam, &key, NULL, 0, &result, &err), 0);
	cr_assert_eq(ipam_confirm(pool.ipam, &key, &err), 0);
	ipam_result_clear(&result);
}

static void attach_without_interface(void)
{
	seed_do("ADD", seed_config);
	ns_do(seed_pod, "ip link del net1");
}

Test(reclaim, what_is_not_listed_and_gone_is_released)
{
	attach_without_interface();
	gc("[]");
	cr_expect_eq(count_records(), 0);
}

Test(reclaim, null_lists_nothing)
{
	attach_without_interface();
	gc("null");
	cr_expect_eq(count_records(), 0);
}

Test(reclaim, what_is_listed_is_kept)
{
	attach_without_interface();
	gc("[ { \"containerID\": \"c1\", \"ifname\": \"net1\" } ]");
	cr_expect_eq(count_records(), 1);
	gc("[ { \"containerID\": \"c1\", \"ifname\": \"net2\" } ]");
	cr_expect_eq(count_records(), 0);
}

/* An address in use stays taken, whatever the list says. */
Test(reclaim, what_still_has_its_interface_is_kept)
{
	seed_do("ADD", seed_config);
	gc("[]");
	cr_expect_eq(count_records(), 1);
	cr_expect_eq(ns_ping(-1, "10.100.1.16", 1), 1);
}

Test(reclaim, another_network_is_left_alone)
{
	static const char other[] =
		"{ \"cniVersion\": \"1.1.0\", \"name\": \"other\", "
		"\"type\": \"hostshim\", \"master\": \"under0\", " SEED_IPAM
		" }";

	seed_do("ADD", other);
	ns_do(seed_pod, "ip link del net1");
	gc("[]");
	cr_expect_eq(count_records(), 1);
}

/* Another namespace at the recorded path is not the one that was recorded. */
Test(reclaim, a_path_that_was_given_to_another_pod_proves_nothing)
{
	struct cni_call call = seed_call("ADD", seed_config);
	char address[SEED_ADDRESS];
	int next = ns_new();

	seed_do("ADD", seed_config);
	cr_assert_eq(dup2(next, seed_pod), seed_pod);
	close(next);
	call.id = "c2";
	seed_add(&call, address);
	gc("[ { \"containerID\": \"c2\", \"ifname\": \"net1\" } ]");
	cr_expect_eq(count_records(), 1);
	cr_expect_eq(ns_ping(-1, address, 1), 1);
}

/* Two networks, one range, one pool: never one address twice, and the list of
 * the one says nothing about the other. */
Test(reclaim, two_networks_over_one_range_are_told_apart)
{
	static const char other[] =
		"{ \"cniVersion\": \"1.1.0\", \"name\": \"other\", "
		"\"type\": \"hostshim\", \"master\": \"under0\", " SEED_IPAM
		" }";
	struct cni_call first = seed_call("ADD", seed_config);
	struct cni_call second = seed_call("ADD", other);
	char one[SEED_ADDRESS], two[SEED_ADDRESS];

	second.ifname = "net2";
	seed_add(&first, one);
	seed_add(&second, two);
	cr_expect_str_neq(one, two);
	ns_do(seed_pod, "ip link del net1; ip link del net2");
	gc("[ { \"containerID\": \"c1\", \"ifname\": \"net2\" } ]");
	cr_expect_eq(count_records(), 1);
	gc("null");
	cr_expect_eq(count_records(), 1);
	second.verb = "DEL";
	{
		cleanup_cni_answer struct cni_answer answer = { 0 };

		seed_must(&second, &answer);
	}
	cr_expect_eq(count_records(), 0);
}

/* Its namespace lives on, only not at its path any more. */
Test(reclaim, what_has_its_interface_elsewhere_is_kept)
{
	struct cni_call call = seed_call("ADD", seed_config);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	ns_do(-1, "ip netns add p1; touch /run/elsewhere");
	call.pod = 0;
	call.netns = "/run/netns/p1";
	seed_must(&call, &answer);
	ns_do(-1, "mount --bind /run/netns/p1 /run/elsewhere;"
		  " ip netns del p1");
	gc("[]");
	cr_expect_eq(count_records(), 1);
	ns_do(-1, "umount -l /run/elsewhere");
	gc("[]");
	cr_expect_eq(count_records(), 0);
}

/* Nothing is stated: what is not proven dead is kept, of this network too. */
Test(reclaim, without_the_key_only_the_proven_go)
{
	struct cni_call call = seed_call("ADD", seed_config);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	struct error err;

	attach_without_interface();
	ns_do(-1, "ip netns add p1");
	call.pod = 0;
	call.id = "c2";
	call.netns = "/run/netns/p1";
	seed_must(&call, &answer);
	ns_do(-1, "ip netns add p2; ip netns del p1");
	gc_config("", &err);
	cr_expect_eq(count_records(), 2);
	now_ms = 270000;
	gc_config("", &err);
	cr_expect_eq(count_records(), 1);
}

/* A name that no open(2) takes: whether it is there cannot be told. */
Test(reclaim, what_fails_is_reported_together_and_stops_nothing)
{
	char netns[300] = "/run/";
	struct error err;

	memset(netns + 5, 'x', 260);
	reserve_at("c1", netns);
	reserve_at("c2", "/run/netns/gone");
	reserve_at("c3", netns);
	gc_config(", \"cni.dev/valid-attachments\": []", &err);
	cr_expect(strstr(err.details, "container c1: "), "%s", err.details);
	cr_expect(strstr(err.details, "; release net1 of container c3: "), "%s",
		  err.details);
	cr_expect_eq(count_records(), 2);
}

/* --- as the IPAM of another plugin's network ------------------------------------ */

/* @netns:	NULL for the seed's pod */
static void add_as_ipam(const char *id, const char *netns)
{
	cleanup_free char *config = NULL;
	cleanup_cni_answer struct cni_answer answer = { 0 };
	struct cni_call call;

	cr_assert_gt(asprintf(&config, "{ %s }", ipam_role), 0);
	call = seed_call("ADD", config);
	call.id = id;
	call.pod = netns ? 0 : seed_pod;
	call.netns = netns;
	seed_must(&call, &answer);
}

Test(reclaim, as_ipam_what_is_not_listed_and_gone_is_released)
{
	add_as_ipam("c1", NULL);
	add_as_ipam("c2", NULL);
	gc_of(ipam_role,
	      "[ { \"containerID\": \"c2\", \"ifname\": \"net1\" } ]");
	cr_expect_eq(count_records(), 1);
	gc_of(ipam_role, "null");
	cr_expect_eq(count_records(), 0);
}

/* The other plugin's interface, whatever it is, keeps its address. */
Test(reclaim, as_ipam_what_still_has_an_interface_is_kept)
{
	add_as_ipam("c1", NULL);
	ns_do(seed_pod, "ip link add net1 type bridge");
	gc_of(ipam_role, "[]");
	cr_expect_eq(count_records(), 1);
	ns_do(seed_pod, "ip link del net1");
	gc_of(ipam_role, "[]");
	cr_expect_eq(count_records(), 0);
}

Test(reclaim, as_ipam_without_the_key_only_the_proven_go)
{
	struct error err;

	ns_do(-1, "ip netns add p1");
	add_as_ipam("c1", NULL);
	add_as_ipam("c2", "/run/netns/p1");
	ns_do(-1, "ip netns add p2; ip netns del p1");
	gc_role(ipam_role, "", &err);
	cr_expect_eq(count_records(), 2);
	now_ms = 270000;
	gc_role(ipam_role, "", &err);
	cr_expect_eq(count_records(), 1);
}

#define FRESH 50

static void start_add(int i, int *ret_pid)
{
	struct cni_call call = seed_call("ADD", seed_config);
	char id[16], netns[32], stem[32];

	snprintf(id, sizeof(id), "f%d", i);
	snprintf(netns, sizeof(netns), "/run/netns/f%d", i);
	snprintf(stem, sizeof(stem), "/run/add%d", i);
	call.pod = 0;
	call.id = id;
	call.netns = netns;
	*ret_pid = cni_start(&call, stem);
}

/* GC without end, counted. */
static pid_t start_gc(unsigned int *passes)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	for (;;) {
		gc("[]");
		__atomic_add_fetch(passes, 1, __ATOMIC_RELAXED);
	}
}

static unsigned int *shared_counter(void)
{
	void *map = mmap(NULL, sizeof(unsigned int), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(map, MAP_FAILED);
	return map;
}

/*
 * The list was made before all of them, and the clock says that none is young:
 * what keeps them is that they are in progress, or attached, and that a record
 * which changed since it was read is not touched.
 */
Test(reclaim, gc_beside_fresh_adds_takes_nothing_from_them, .timeout = 120)
{
	unsigned int *passes = shared_counter();
	int pids[FRESH];
	int status;
	pid_t pid;

	ns_do(-1, "for i in $(seq 0 %d); do ip netns add f$i; done", FRESH - 1);
	seed_do("ADD", seed_config);
	pid = start_gc(passes);
	for (int i = 0; i < FRESH; i++)
		start_add(i, &pids[i]);
	for (int i = 0; i < FRESH; i++) {
		cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
		cr_expect_eq(status, 0, "ADD %d: %s", i,
			     ns_exec(-1, "cat /run/add%d.out", i));
	}
	fprintf(stderr, "%u passes of GC beside %d ADDs\n", *passes, FRESH);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	gc("[]");
	cr_expect_gt(*passes, 0);
	cr_expect_eq(count_records(), FRESH + 1);
	cr_expect_eq(ns_try(-1, NULL,
			    "test $(for i in $(seq 0 %d); do"
			    " ip -n f$i -4 -o addr show net1; done |"
			    " awk '{ print $4 }' | sort -u | wc -l) = %d",
			    FRESH - 1, FRESH),
		     0);
}
