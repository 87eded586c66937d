#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/*
 * A table of addresses that is damaged, or gone, under living pods.
 */

TestSuite(rebuild, .init = seed_open, .fini = seed_close, .timeout = 120);

#define TABLE "/run/hostshim/attachments.mdb"

struct pod {
	const char *id;
	int ns;
	char address[SEED_ADDRESS];
	char *prev; /* configuration with prevResult */
};

/* Held by a name, as runtimes hold a pod's namespace. */
static struct pod pod_new(const char *id)
{
	struct pod pod = { .id = id, .ns = ns_new() };
	char path[NS_PATH];

	ns_do(-1,
	      "mkdir -p /run/pods; touch /run/pods/%s;"
	      " mount --bind %s /run/pods/%s",
	      id, ns_path(pod.ns, path), id);
	return pod;
}

static void pod_clear(struct pod *pod)
{
	ns_do(-1, "umount /run/pods/%s", pod->id);
	close(pod->ns);
	free(pod->prev);
}

static struct cni_call pod_call(const struct pod *pod, const char *verb,
				const char *config)
{
	struct cni_call call = seed_call(verb, config);

	call.id = pod->id;
	call.pod = pod->ns;
	call.args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;"
		    "K8S_POD_NAME=web";
	return call;
}

static struct pod pod_add(const char *id)
{
	cleanup_cni_answer struct cni_answer answer = { 0 };
	struct pod pod = pod_new(id);
	struct cni_call call = pod_call(&pod, "ADD", seed_config);
	char text[CNI_TEXT];

	call.args = NULL;
	seed_must(&call, &answer);
	cni_get(&answer, "ips.0.address", text);
	snprintf(pod.address, sizeof(pod.address), "%.*s",
		 (int)strcspn(text, "/"), text);
	pod.prev = cni_prev(seed_config, &answer);
	return pod;
}

static void pod_check(const struct pod *pod)
{
	struct cni_call call = pod_call(pod, "CHECK", pod->prev);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
}

static void pod_del(const struct pod *pod)
{
	struct cni_call call = pod_call(pod, "DEL", pod->prev);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
}

/* --- damage ----------------------------------------------------------------- */

static void overwrite(off_t at, const void *data, size_t len)
{
	cleanup_close int fd = open(TABLE, O_WRONLY);

	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, data, len, at), (ssize_t)len);
}

static void damage_meta(void)
{
	static const char zeros[4096];

	overwrite(0, zeros, sizeof(zeros));
}

static void damage_size(void)
{
	cr_assert_eq(truncate(TABLE, 8192), 0);
}

static void damage_empty(void)
{
	cr_assert_eq(truncate(TABLE, 0), 0);
}

static void damage_garbage(void)
{
	ns_do(-1, "head -c 100000 /dev/urandom > " TABLE);
}

/* One byte of what says where the interface of the first pod is. */
static void damage_record(void)
{
	static char data[256 * 4096];
	cleanup_close int fd = open(TABLE, O_RDONLY);
	ssize_t len = pread(fd, data, sizeof(data), 0);
	unsigned int n = 0;

	for (ssize_t at = 0; at + 6 < len; at++) {
		if (memcmp(data + at, "/proc/", 6) != 0)
			continue;
		overwrite(at, "X", 1);
		n++;
	}
	cr_assert_gt(n, 0);
}

static void damage_gone(void)
{
	cr_assert_eq(unlink(TABLE), 0);
}

static void damage_dir_gone(void)
{
	ns_do(-1, "rm -rf /run/hostshim");
}

static const struct damage {
	const char *name;
	void (*damage)(void);
	bool is_kept; /* there is a file to be kept */
} damages[] = {
	{ "a meta page", damage_meta, true },
	{ "the size", damage_size, true },
	{ "an empty file", damage_empty, true },
	{ "garbage", damage_garbage, true },
	{ "a removed file", damage_gone, false },
	{ "a removed directory", damage_dir_gone, false },
};

static void expect_kept(const struct damage *damage)
{
	char *out = ns_exec(-1, "ls /run/hostshim");

	cr_expect_eq(strstr(out, "attachments.mdb.damaged-") != NULL,
		     damage->is_kept, "%s: %s", damage->name, out);
	free(out);
}

/* The next ADD finds two pods that it must not disturb. */
static void expect_rebuilt(const struct damage *damage, const struct pod *a,
			   const struct pod *b)
{
	struct pod next = pod_new("next");
	struct cni_call call = pod_call(&next, "ADD", seed_config);
	cleanup_cni_answer struct cni_answer answer = { 0 };
	char text[CNI_TEXT];

	seed_must(&call, &answer);
	cr_expect(strstr(answer.err, "made anew"), "%s: %s", damage->name,
		  answer.err);
	cni_get(&answer, "ips.0.address", text);
	cr_expect_str_eq(text, "10.100.1.18/24", "%s", damage->name);
	expect_kept(damage);
	pod_check(a);
	pod_check(b);
	cr_expect_eq(ns_ping(-1, a->address, 1), 1);
	pod_del(a);
	pod_del(a);
	seed_has_not(a->ns, "net1", "ip link");
	pod_check(b);
	pod_del(b);
	next.prev = cni_prev(seed_config, &answer);
	pod_check(&next);
	pod_del(&next);
	pod_clear(&next);
}

static void each_damage(const struct damage *damage)
{
	struct pod a = pod_add("a");
	struct pod b = pod_add("b");

	cr_assert_str_eq(b.address, "10.100.1.17");
	damage->damage();
	expect_rebuilt(damage, &a, &b);
	pod_clear(&a);
	pod_clear(&b);
	ns_do(-1, "rm -rf /run/hostshim /var/lib/cni/hostshim");
}

Test(rebuild, what_living_interfaces_bear_is_given_to_nobody)
{
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++)
		each_damage(&damages[i]);
}

/* Its address is noticed only by who looks at the record. */
Test(rebuild, a_changed_record_is_found_by_its_own_del)
{
	static const struct damage damage = { "a record", NULL, true };
	struct pod a = pod_add("a");
	struct pod b = pod_add("b");
	struct pod next;

	damage_record();
	pod_del(&a);
	expect_kept(&damage);
	pod_check(&b);
	next = pod_add("next");
	cr_expect_str_neq(next.address, b.address);
	pod_del(&b);
	pod_del(&next);
	pod_clear(&a);
	pod_clear(&b);
	pod_clear(&next);
}

/* Reading repairs nothing, and says who will. */
Test(rebuild, check_says_that_it_is_damaged_and_status_does_not_fail)
{
	cleanup_cni_answer struct cni_answer answer = { 0 };
	struct pod a = pod_add("a");
	struct cni_call call = pod_call(&a, "CHECK", a.prev);
	struct cni_call status = seed_call("STATUS", seed_config);

	damage_size();
	seed_fails(&call, 108, "the next ADD or DEL");
	cni_call(&status, &answer);
	cr_expect_eq(answer.status, 0, "%s", answer.out);
	cr_expect(strstr(answer.err, "is damaged"), "%s", answer.err);
	pod_del(&a);
	pod_clear(&a);
}

Test(rebuild, only_the_newest_three_are_kept)
{
	struct pod a = pod_add("a");
	char *out;

	for (int i = 0; i < 5; i++) {
		struct pod b;

		damage_size();
		b = pod_add("b");
		pod_del(&b);
		pod_clear(&b);
	}
	out = ns_exec(-1, "ls /run/hostshim | grep -c damaged-");
	cr_expect_eq(atoi(out), 3, "%s", out);
	free(out);
	pod_check(&a);
	pod_clear(&a);
}

/* --- cached results --------------------------------------------------------------- */

static char *base64(const char *text)
{
	char *out;

	FILE *in = fopen("/run/plain", "w");
	fputs(text, in);
	fclose(in);
	out = ns_exec(-1, "base64 -w0 /run/plain");
	return out;
}

/* As libcni writes it. */
static void cache(const struct pod *pod, const char *dir, const char *netns)
{
	char *config = base64(seed_config);
	char path[NS_PATH];
	FILE *out;

	ns_do(-1, "mkdir -p %s", dir);
	ns_path(pod->ns, path);
	snprintf(path, sizeof(path), "%s/storage-%s-net1", dir, pod->id);
	out = fopen(path, "w");
	cr_assert_not_null(out);
	fprintf(out,
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"%s\","
		"\"config\":\"%s\",\"ifName\":\"net1\","
		"\"networkName\":\"storage\",\"netns\":\"%s\","
		"\"cniArgs\":[[\"K8S_POD_NAMESPACE\",\"shop\"],"
		"[\"K8S_POD_NAME\",\"web-0\"]],"
		"\"result\":{\"cniVersion\":\"1.1.0\",\"interfaces\":[{"
		"\"name\":\"net1\",\"sandbox\":\"%s\"}],\"ips\":[{\"interface\":"
		"0,\"address\":\"%s/24\"}]}}",
		pod->id, config, netns, netns, pod->address);
	fclose(out);
	free(config);
}

/* A name that the pod had asks for its address: the answer says who has it. */
static void expect_holder(const struct pod *pod, const char *holder)
{
	struct pod next = pod_new("asks");
	cleanup_free char *args = NULL;
	struct cni_call call;

	cr_assert_gt(asprintf(&args, "IP=%s", pod->address), 0);
	call = pod_call(&next, "ADD", seed_config);
	call.args = args;
	seed_fails(&call, 101, holder);
	pod_clear(&next);
}

Test(rebuild, a_cached_result_says_whose_address_it_is)
{
	static const char *const dirs[] = { "/var/lib/cni/results",
					    "/var/lib/cni/multus/results" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct pod a = pod_add("a");
		char path[NS_PATH];

		cache(&a, dirs[i], ns_path(a.ns, path));
		damage_size();
		expect_holder(&a, "pod shop/web-0, net1");
		pod_check(&a);
		pod_del(&a);
		pod_clear(&a);
		ns_do(-1, "rm -rf /var/lib/cni/results /var/lib/cni/multus");
	}
}

/* In another mount namespace the path leads nowhere: that proves nothing. */
Test(rebuild, a_cached_result_without_a_namespace_counts_in_this_boot_only)
{
	struct pod a = pod_add("a");
	struct pod next;

	cache(&a, "/var/lib/cni/results", "/run/netns/elsewhere");
	ns_do(a.ns, "ip link del net1");
	damage_size();
	expect_holder(&a, "pod shop/web-0, net1");

	ns_do(-1, "touch -d '2001-01-01' /var/lib/cni/results/*");
	damage_size();
	next = pod_add("next");
	cr_expect_str_eq(next.address, a.address);
	pod_clear(&next);
	pod_clear(&a);
}

Test(rebuild, a_cached_result_whose_interface_is_gone_is_a_dead_pods)
{
	struct pod a = pod_add("a");
	struct pod next;
	char path[NS_PATH];

	cache(&a, "/var/lib/cni/results", ns_path(a.ns, path));
	ns_do(a.ns, "ip link del net1");
	damage_size();
	next = pod_add("next");
	cr_expect_str_eq(next.address, a.address);
	pod_clear(&next);
	pod_clear(&a);
}

/* What lies in the runtime's directory is not ours to trust. */
Test(rebuild, caches_that_are_no_caches_stop_nobody)
{
	struct pod a = pod_add("a");
	struct pod next;

	ns_do(-1,
	      "mkdir -p /var/lib/cni/results/dir; cd /var/lib/cni/results;"
	      " mkfifo fifo; : > empty; echo '{' > half; echo '[]' > list;"
	      " echo '{\"kind\":\"cniCacheV1\"}' > short;"
	      " echo '{\"kind\":\"cniCacheV1\",\"config\":\"*\"}' > stars;"
	      " echo '{\"kind\":\"cniCacheV1\",\"config\":\"e30=\"}' > none;"
	      " ln -s /nowhere link; head -c 9000 /dev/urandom > noise");
	damage_size();
	next = pod_add("next");
	cr_expect_str_neq(next.address, a.address);
	pod_check(&a);
	pod_clear(&next);
	pod_clear(&a);
}

/* --- many at once ------------------------------------------------------------------- */

Test(rebuild, adds_that_find_it_at_the_same_time_give_each_address_once)
{
	enum {
		COUNT = 8
	};
	struct pod a = pod_add("a");
	struct pod pods[COUNT];
	pid_t pids[COUNT];
	char *out;

	damage_size();
	for (int i = 0; i < COUNT; i++) {
		static char ids[COUNT][8];
		char stem[32];
		struct cni_call call;

		snprintf(ids[i], sizeof(ids[i]), "p%d", i);
		pods[i] = pod_new(ids[i]);
		call = pod_call(&pods[i], "ADD", seed_config);
		snprintf(stem, sizeof(stem), "/run/add-%d", i);
		pids[i] = cni_start(&call, stem);
	}
	for (int i = 0; i < COUNT; i++) {
		int status;

		waitpid(pids[i], &status, 0);
		cr_expect_eq(status, 0, "ADD %d", i);
	}
	out = ns_exec(-1,
		      "(grep -ho '10.100.1.[0-9]*/24' /run/add-*.out;"
		      " echo %s/24) | sort | uniq -d",
		      a.address);
	cr_expect_str_empty(out, "given twice: %s", out);
	free(out);
	out = ns_exec(-1, "ls /run/hostshim | grep -c damaged-");
	cr_expect_eq(atoi(out), 1, "%s", out);
	free(out);
	for (int i = 0; i < COUNT; i++)
		pod_clear(&pods[i]);
	pod_clear(&a);
}
