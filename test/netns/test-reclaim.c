#include "ipam/ipam.h"
#include "plugin/attach.h"
#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* GC of attachments that are old enough: the clock is ours. */

TestSuite(reclaim, .init = seed_open, .fini = seed_close, .timeout = 60);

uint64_t __real_file_boottime_ms(void);
uint64_t __wrap_file_boottime_ms(void);

static uint64_t later_ms;

uint64_t __wrap_file_boottime_ms(void)
{
	return __real_file_boottime_ms() + later_ms;
}

/* From here on all is older than the two minutes of grace. */
static void gc(const char *valid)
{
	static char empty[] = "";
	cleanup_free char *text = NULL;
	cleanup_config struct config config = { 0 };
	struct request request = {
		.verb = REQUEST_GC,
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

	cr_assert_gt(asprintf(&text,
			      "{ " SEED_OVERLAY ", " SEED_IPAM
			      ", \"cni.dev/valid-attachments\": %s }",
			      valid),
		     0);
	request.config = text;
	request.config_len = strlen(text);
	cr_assert_eq(config_read(&request, &config, &err), 0, "%s",
		     err.details);
	later_ms = 200000;
	cr_expect_eq(attach_gc(&request, &config, &err), 0, "%s", err.details);
	later_ms = 0;
}

static size_t count_records(void)
{
	struct ipam_config config = { 0 };
	cleanup_ipam struct ipam *ipam = NULL;
	cleanup_json struct json *json = NULL;
	struct store_records records = { 0 };
	struct error err = { 0 };
	static const char text[] = "{ " SEED_IPAM " }";
	struct json_at root;
	struct json_at at;
	size_t count;

	cr_assert_eq(json_parse(text, strlen(text), &json, &err), 0);
	root = json_root(json);
	cr_assert(json_member(&root, "ipam", &at));
	cr_assert_eq(ipam_config_read(&at, &config, &err), 0);
	cr_assert_eq(ipam_open(&config, true, &ipam, &err), 0);
	cr_assert_eq(ipam_list(ipam, &records, &err), 0, "%s", err.details);
	count = records.count;
	store_records_clear(&records);
	ipam = ipam_close(ipam);
	ipam_config_clear(&config);
	return count;
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
