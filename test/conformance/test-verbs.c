/*
 * ADD, DEL, CHECK, GC and STATUS of the built plugin on a real parent and a real
 * pod namespace: what each answers in each version, and what is left behind
 * when the answer does not arrive.
 */
#include "plugin/version.h"
#include "test/conformance/plugin.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define IPAM                                                                   \
	"\"ipam\":{\"type\":\"hostshim\",\"range\":\"10.1.2.0/24\","           \
	"\"gateway\":\"10.1.2.1\",\"reuseDelay\":0,"                           \
	"\"routes\":[{\"dst\":\"192.168.7.0/24\"}]}"
#define IPAM_DUAL                                                              \
	"\"ipam\":{\"type\":\"hostshim\",\"ipRanges\":"                        \
	"[{\"range\":\"10.1.2.0/24\"},{\"range\":\"fd00:1::/64\"}]}"

struct site {
	int peer; /* the other end of the parent */
	int pod;
	char netns[NS_PATH];
	char config[8192];
};

static struct site site;

/* Private state: what one test leaves is not the next one's. */
static void setup(void)
{
	ns_fresh();
	cr_assert_eq(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0);
	cr_assert_eq(mount("tmpfs", "/var/lib", "tmpfs", 0, NULL), 0);
	site.peer = ns_new();
	site.pod = ns_new();
	ns_veth(-1, "eth0", site.peer, "peer0");
	ns_path(site.pod, site.netns);
}

TestSuite(verbs, .init = setup);

/* @command on the pod; @keys follow the usual head of a configuration. */
static struct plugin invoke(const char *command, enum version version,
			    const char *keys)
{
	struct plugin plugin = plugin_init(command, site.config);

	snprintf(site.config, sizeof(site.config),
		 "{\"cniVersion\":\"%s\",\"name\":\"storage\","
		 "\"type\":\"hostshim\",\"master\":\"eth0\"%s%s}",
		 version_text(version), *keys ? "," : "", keys);
	plugin.netns = site.netns;
	return plugin;
}

static bool pod_has(const char *ifname)
{
	return ns_try(site.pod, NULL, "ip link show %s", ifname) == 0;
}

static struct json_at member(const struct json_at *at, const char *key)
{
	struct json_at ret;

	cr_assert(json_member(at, key, &ret), "no member \"%s\"", key);
	return ret;
}

static void expect_old_result(const struct json_at *root)
{
	struct json_at ip4 = member(root, "ip4");
	struct json_at routes = member(&ip4, "routes");
	struct json_at route = json_element(&routes, 0);
	struct json_at unused;

	cr_expect_not_null(strstr(plugin_text(&ip4, "ip"), "10.1.2."));
	cr_expect_str_eq(plugin_text(&ip4, "gateway"), "10.1.2.1");
	cr_expect_str_eq(plugin_text(&route, "gw"), "10.1.2.1");
	cr_expect_not(json_member(root, "interfaces", &unused));
	cr_expect_not(json_member(root, "ips", &unused));
}

static void expect_interface(const struct json_at *root, enum version version)
{
	struct json_at interfaces = member(root, "interfaces");
	struct json_at interface = json_element(&interfaces, 0);
	struct json_at unused;

	cr_expect_eq(json_count(&interfaces), 1);
	cr_expect_str_eq(plugin_text(&interface, "name"), "net1");
	cr_expect_str_eq(plugin_text(&interface, "sandbox"), site.netns);
	cr_expect(ns_has(site.pod, plugin_text(&interface, "mac"),
			 "ip link show net1"));
	cr_expect_eq(json_member(&interface, "mtu", &unused),
		     version >= VERSION_1_1_0);
}

static void expect_new_result(const struct json_at *root, enum version version)
{
	struct json_at ips = member(root, "ips");
	struct json_at ip = json_element(&ips, 0);
	struct json_at routes = member(root, "routes");
	struct json_at route = json_element(&routes, 0);
	struct json_at family;

	expect_interface(root, version);
	cr_expect_eq(json_count(&ips), 1);
	cr_expect_eq(plugin_number(&ip, "interface"), 0);
	cr_expect(ns_has(site.pod, plugin_text(&ip, "address"),
			 "ip addr show net1"));
	cr_expect_str_eq(plugin_text(&route, "gw"), "10.1.2.1");
	cr_expect_eq(json_member(&ip, "version", &family),
		     version < VERSION_1_0_0);
	if (version < VERSION_1_0_0)
		cr_expect_str_eq(json_text(&family), "4");
}

static void expect_result(const char *text, enum version version)
{
	cleanup_json struct json *json = NULL;
	struct error err = { 0 };
	struct json_at root;

	cr_assert_eq(json_parse(text, strlen(text), &json, &err), 0, "%s",
		     err.details);
	root = json_root(json);
	cr_expect_str_eq(plugin_text(&root, "cniVersion"),
			 version_text(version));
	if (version <= VERSION_0_2_0)
		expect_old_result(&root);
	else
		expect_new_result(&root, version);
}

/* The caller frees the text. */
static char *add(enum version version, const char *keys)
{
	const struct plugin plugin = invoke("ADD", version, keys);
	struct run_answer answer;
	char *text;

	plugin_run(&plugin, &answer);
	cr_assert_eq(answer.status, 0, "%s%s", answer.out, answer.err);
	text = strdup(answer.out);
	run_answer_clear(&answer);
	return text;
}

static void check(enum version version, const char *keys, const char *result)
{
	char with[4096];
	struct plugin plugin;

	snprintf(with, sizeof(with), "%s,\"prevResult\":%s", keys, result);
	plugin = invoke("CHECK", version, with);
	plugin_silent(&plugin);
}

static void del(enum version version, const char *keys)
{
	const struct plugin plugin = invoke("DEL", version, keys);

	plugin_silent(&plugin);
	cr_expect_not(pod_has("net1"));
}

Test(verbs, add_check_del_in_every_version)
{
	for (unsigned int v = 0; v < VERSION_COUNT; v++) {
		cleanup_free char *result = add((enum version)v, IPAM);

		expect_result(result, (enum version)v);
		cr_expect(pod_has("net1"));
		if (v >= VERSION_0_4_0)
			check((enum version)v, IPAM, result);
		del((enum version)v, IPAM);
		del((enum version)v, IPAM);
	}
}

/* @verb on the attachment, which it leaves as it is. */
static void expect_only_looks(const char *verb, const char *keys,
			      const char *before)
{
	const struct plugin plugin = invoke(verb, VERSION_1_1_0, keys);
	cleanup_free char *after = NULL;
	struct run_answer answer;

	plugin_run(&plugin, &answer);
	cr_expect_eq(answer.status, 0, "%s: %s", verb, answer.out);
	run_answer_clear(&answer);
	after = ns_snapshot(site.pod);
	cr_expect(ns_same(before, after), "%s", verb);
}

Test(verbs, each_does_its_own_work_and_no_other, .description = "SK-1")
{
	static const char *const others[] = { "CHECK", "STATUS", "GC",
					      "VERSION" };
	cleanup_free char *before = ns_snapshot(site.pod);
	cleanup_free char *result = add(VERSION_1_1_0, IPAM);
	cleanup_free char *added = NULL;
	cleanup_free char *after = NULL;
	char keys[4096];

	snprintf(keys, sizeof(keys), "%s,\"prevResult\":%s", IPAM, result);
	ns_settle(site.pod);
	added = ns_snapshot(site.pod);
	cr_expect_str_neq(before, added);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		expect_only_looks(others[i], keys, added);
	del(VERSION_1_1_0, IPAM);
	after = ns_snapshot(site.pod);
	cr_expect(ns_same(before, after));
}

Test(verbs, what_is_optional_may_be_missing, .description = "SK-9")
{
	static const char *const missing[] = { NULL, "" };

	for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
		struct plugin plugin = invoke("ADD", VERSION_1_1_0, IPAM);

		plugin.args = plugin.path = missing[i];
		json_free(plugin_result(&plugin));
		plugin.command = "DEL";
		plugin_silent(&plugin);
		plugin.netns = missing[i];
		plugin_silent(&plugin);
		plugin.container_id = plugin.ifname = missing[i];
		plugin.command = "STATUS";
		plugin_silent(&plugin);
		plugin.command = "GC";
		plugin_silent(&plugin);
	}
}

Test(verbs, without_a_version_it_is_the_first, .description = "SK-11")
{
	struct plugin plugin = invoke("ADD", VERSION_1_1_0, IPAM);
	cleanup_json struct json *json = NULL;
	struct json_at root;

	plugin.config = "{\"name\":\"storage\",\"type\":\"hostshim\","
			"\"master\":\"eth0\"," IPAM "}";
	json = plugin_result(&plugin);
	root = json_root(json);
	cr_expect_str_eq(plugin_text(&root, "cniVersion"), "0.1.0");
	expect_old_result(&root);
}

Test(verbs, both_families_in_every_version)
{
	for (unsigned int v = 0; v < VERSION_COUNT; v++) {
		cleanup_free char *result = add((enum version)v, IPAM_DUAL);

		cr_expect_not_null(strstr(result, "\"10.1.2."), "%s", result);
		cr_expect_not_null(strstr(result, "\"fd00:1::"), "%s", result);
		if (v >= VERSION_0_4_0)
			check((enum version)v, IPAM_DUAL, result);
		del((enum version)v, IPAM_DUAL);
	}
}

Test(verbs, without_an_address_from_0_3_0_on, .description = "TY-4")
{
	for (unsigned int v = 0; v < VERSION_COUNT; v++) {
		cleanup_free char *result = NULL;
		struct plugin plugin;

		if (v < VERSION_0_3_0) {
			plugin = invoke("ADD", (enum version)v, "");
			plugin_refuses(&plugin, 1, version_text(v));
			cr_expect_not(pod_has("net1"));
			continue;
		}
		result = add((enum version)v, "\"ipam\":{}");
		cr_expect_null(strstr(result, "\"ips\""));
		if (v >= VERSION_0_4_0)
			check((enum version)v, "\"ipam\":{}", result);
		del((enum version)v, "\"ipam\":{}");
	}
}

Test(verbs, gc_and_status_are_silent)
{
	static const char *const lists[] = {
		IPAM,
		IPAM ",\"cni.dev/valid-attachments\":null",
		IPAM ",\"cni.dev/valid-attachments\":[{\"containerID\":"
		     "\"container-1\",\"ifname\":\"net1\"}]",
	};
	struct plugin plugin;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		plugin = invoke("GC", VERSION_1_1_0, lists[i]);
		plugin.container_id = plugin.netns = plugin.ifname = "";
		plugin.args = "";
		plugin_silent(&plugin);
	}
	plugin = invoke("STATUS", VERSION_1_1_0, IPAM);
	plugin.container_id = plugin.netns = plugin.ifname = "";
	plugin.args = "";
	plugin_silent(&plugin);
}

Test(verbs, check_needs_the_previous_result, .description = "TY-8")
{
	const struct plugin plugin = invoke("CHECK", VERSION_1_1_0, IPAM);

	plugin_refuses(&plugin, 7, "prevResult");
}

Test(verbs, a_second_add_is_refused_and_the_first_one_stays,
     .description = "LI-1")
{
	cleanup_free char *result = add(VERSION_1_1_0, IPAM);
	const struct plugin plugin = invoke("ADD", VERSION_1_1_0, IPAM);

	plugin_refuses(&plugin, 103, "net1");
	check(VERSION_1_1_0, IPAM, result);
	del(VERSION_1_1_0, IPAM);
}

/* --- what is not a pod's namespace ---------------------------------------------- */

Test(verbs, add_needs_a_network_namespace, .description = "NS-1")
{
	static const char *const paths[] = { "/run/absent", "/proc/self/ns/mnt",
					     "/run", "/run/fifo", "/run/file" };
	int fd = open("/run/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	close(fd);
	cr_assert_eq(mkfifo("/run/fifo", 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct plugin plugin = invoke("ADD", VERSION_1_1_0, IPAM);

		plugin.netns = paths[i];
		plugin_refuses(&plugin, 8, paths[i]);
		plugin = invoke("DEL", VERSION_1_1_0, IPAM);
		plugin.netns = paths[i];
		plugin_silent(&plugin);
	}
}

Test(verbs, the_plugins_own_namespace_is_never_a_pods, .description = "SK-24")
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	char own[NS_PATH];
	struct plugin plugin;
	int self = ns_self();

	ns_do(-1, "ip link add net1 type bridge");
	before = ns_snapshot(-1);
	ns_path(self, own);

	plugin = invoke("ADD", VERSION_1_1_0, IPAM);
	plugin.netns = own;
	plugin_refuses(&plugin, 8, own);
	plugin = invoke("CHECK", VERSION_1_1_0, IPAM ",\"prevResult\":{}");
	plugin.netns = own;
	plugin_refuses(&plugin, 8, own);
	plugin = invoke("DEL", VERSION_1_1_0, IPAM);
	plugin.netns = own;
	plugin_silent(&plugin);
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));

	ns_do(-1, "ip link del net1");
	plugin = invoke("ADD", VERSION_1_1_0, IPAM);
	plugin.netns = own;
	plugin.override = "1";
	json_free(plugin_result(&plugin));
	cr_expect_eq(ns_try(-1, NULL, "ip link show net1"), 0);
	plugin = invoke("DEL", VERSION_1_1_0, IPAM);
	plugin.netns = own;
	plugin.override = "TRUE";
	plugin_silent(&plugin);
	cr_expect_neq(ns_try(-1, NULL, "ip link show net1"), 0);
	close(self);
}

/* --- DEL --------------------------------------------------------------------------- */

Test(verbs, del_succeeds_whatever_is_missing, .description = "LI-2")
{
	static const char *const keys[] = {
		"",
		IPAM,
		"\"ipam\":{\"type\":\"hostshim\",\"range\":\"banana\"}",
		"\"mtu\":\"x\",\"mode\":\"y\",\"vxlan\":{},\"nodes\":7",
		"\"prevResult\":{\"cniVersion\":\"0.1.0\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct plugin plugin = invoke("DEL", VERSION_1_1_0, keys[i]);

		plugin_silent(&plugin);
		plugin.netns = "";
		plugin_silent(&plugin);
		plugin.netns = NULL;
		plugin.path = NULL;
		plugin_silent(&plugin);
	}
}

Test(verbs, del_needs_neither_the_master_nor_valid_keys)
{
	static const char *const keys[] = {
		IPAM,
		"\"mtu\":-1,\"mode\":\"source\",\"nodes\":[],"
		"\"ipam\":{\"type\":\"hostshim\",\"range\":\"banana\"}",
		"\"runtimeConfig\":7,\"mac\":\"banana\"," IPAM,
	};
	struct plugin plugin;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		free(add(VERSION_1_1_0, IPAM));
		del(VERSION_1_1_0, keys[i]);
	}

	/* The address is free again: it can be asked for. */
	plugin = invoke("ADD", VERSION_1_1_0, IPAM);
	plugin.args = "IP=10.1.2.2";
	json_free(plugin_result(&plugin));

	ns_do(-1, "ip link del eth0");
	plugin = invoke("DEL", VERSION_1_1_0, IPAM);
	plugin_silent(&plugin);
}

/* --- an answer that does not arrive ------------------------------------------------- */

static void expect_undone(struct plugin *plugin)
{
	cleanup_free char *before = ns_snapshot(site.pod);
	cleanup_free char *after = NULL;
	struct run_answer answer;

	plugin_run(plugin, &answer);
	cr_expect_eq(answer.status, 1);
	run_answer_clear(&answer);
	after = ns_snapshot(site.pod);
	cr_expect(ns_same(before, after));

	/* Interface and address can be had by the next one. */
	*plugin = invoke("ADD", VERSION_1_1_0, IPAM);
	plugin->container_id = "container-2";
	plugin->args = "IP=10.1.2.9";
	json_free(plugin_result(plugin));
	plugin->command = "DEL";
	plugin_silent(plugin);
}

Test(verbs, an_add_whose_result_is_lost_is_undone, .description = "SK-23")
{
	struct plugin plugin = invoke("ADD", VERSION_1_1_0, IPAM);
	int fds[2];

	plugin.args = "IP=10.1.2.9";
	plugin.out = open("/dev/full", O_WRONLY | O_CLOEXEC);
	expect_undone(&plugin);

	plugin = invoke("ADD", VERSION_1_1_0, IPAM);
	plugin.args = "IP=10.1.2.9";
	plugin.out = RUN_CLOSED;
	expect_undone(&plugin);

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	plugin = invoke("ADD", VERSION_1_1_0, IPAM);
	plugin.args = "IP=10.1.2.9";
	plugin.out = fds[1];
	expect_undone(&plugin);
}

/* A closed descriptor must not become the first file that is opened. */
Test(verbs, closed_outputs_do_not_end_up_in_our_files)
{
	struct plugin plugin = invoke("ADD", VERSION_1_1_0, IPAM);
	struct run_answer answer;

	plugin.out = RUN_CLOSED;
	plugin_run(&plugin, &answer);
	run_answer_clear(&answer);
	free(add(VERSION_1_1_0, IPAM));
	del(VERSION_1_1_0, IPAM);
}

/* --- where the MAC comes from -------------------------------------------------------- */

Test(verbs, the_mac_of_arguments_and_runtime_is_used)
{
	static const struct {
		const char *keys;
		const char *args;
	} cases[] = {
		{ "\"mac\":\"c2:11:22:33:44:55\"", NULL },
		{ "\"mac\":\"c2:00:00:00:00:01\"",
		  "IgnoreUnknown=true;MAC=c2:11:22:33:44:55" },
		{ "\"capabilities\":{\"mac\":true},\"RuntimeConfig\":{\"mac\":"
		  "\"c2:11:22:33:44:55\"}",
		  "MAC=c2:00:00:00:00:02" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plugin plugin = invoke("ADD", VERSION_1_1_0,
					      cases[i].keys);

		plugin.args = cases[i].args;
		json_free(plugin_result(&plugin));
		cr_expect(ns_has(site.pod, "c2:11:22:33:44:55",
				 "ip link show net1"));
		del(VERSION_1_1_0, cases[i].keys);
	}
}
