/*
 * What the CNI specification's test suites ask of every plugin before it does
 * anything: environment, stdin, versions, errors. Nothing here gets as far as
 * a network namespace.
 */
#include "plugin/version.h"
#include "test/conformance/plugin.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define CONFIG                                                                 \
	"{\"cniVersion\":\"1.1.0\",\"name\":\"storage\",\"type\":\"hostshim\"}"

static const char *const verbs[] = { "ADD", "DEL", "CHECK", "GC", "STATUS" };

TestSuite(protocol, .init = ns_fresh);

Test(protocol, a_required_variable_that_is_missing_is_named,
     .description = "SK-9")
{
	static const struct {
		const char *verb;
		bool id, netns, ifname;
	} required[] = {
		{ "ADD", true, true, true },
		{ "DEL", true, false, true },
		{ "CHECK", true, true, true },
	};
	static const char *const missing[] = { NULL, "" };

	for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
		for (size_t m = 0; m < ARRAY_SIZE(missing); m++) {
			struct plugin plugin = plugin_init(required[i].verb,
							   CONFIG);

			plugin.container_id = missing[m];
			plugin_refuses(&plugin, 4, "CNI_CONTAINERID");

			plugin = plugin_init(required[i].verb, CONFIG);
			plugin.ifname = missing[m];
			plugin_refuses(&plugin, 4, "CNI_IFNAME");

			plugin = plugin_init(required[i].verb, CONFIG);
			plugin.netns = missing[m];
			if (required[i].netns)
				plugin_refuses(&plugin, 4, "CNI_NETNS");
			else
				plugin_silent(&plugin);
		}
	}
}

Test(protocol, all_that_is_missing_is_told_at_once_and_in_order,
     .description = "SK-10")
{
	struct plugin plugin = plugin_init("ADD", CONFIG);

	plugin.container_id = NULL;
	plugin.netns = "";
	plugin.ifname = NULL;
	plugin_refuses(&plugin, 4, "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME");
}

Test(protocol, names_that_the_kernel_or_a_path_would_misread_are_refused,
     .description = "SK-2 SK-3 SK-4 SK-5 SK-6 SK-7 SK-8")
{
	static const char *const ids[] = { "some-%%id", "../../etc/passwd",
					   "a b", "-a", "_a" };
	static const char *const ifnames[] = {
		"1234567890123456",
		".",
		"..",
		"te/st",
		"te:st",
		"te st",
		"eth%d",
		"te\nst",
	};

	for (size_t v = 0; v < 3; v++) {
		struct plugin plugin = plugin_init(verbs[v], CONFIG);

		for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
			plugin.container_id = ids[i];
			plugin_refuses(&plugin, 4, ids[i]);
		}
		plugin = plugin_init(verbs[v], CONFIG);
		for (size_t i = 0; i < ARRAY_SIZE(ifnames); i++) {
			plugin.ifname = ifnames[i];
			plugin_refuses(&plugin, 4, ifnames[i]);
		}
		plugin = plugin_init(verbs[v], CONFIG);
		plugin.netns = "run/netns/relative";
		plugin_refuses(&plugin, 4, "CNI_NETNS");
	}
}

Test(protocol, arguments_are_read_tolerantly, .description = "TY-7")
{
	struct plugin plugin = plugin_init("CHECK", CONFIG);

	plugin.args = ";;IgnoreUnknown=perhaps;unknown=1;K8S_POD_NAME=a=b;x";
	plugin_refuses(&plugin, 7, "prevResult");
	plugin = plugin_init("ADD", CONFIG);
	plugin.args = "IP=banana";
	plugin_refuses(&plugin, 4, "banana");
	plugin.args = "MAC=ff:ff:ff:ff:ff:ff";
	plugin_refuses(&plugin, 4, "ff:ff:ff:ff:ff:ff");
}

Test(protocol, an_unknown_verb_is_refused, .description = "SK-18")
{
	static const char *const unknown[] = { "add", "NOPE", "ADD " };

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		const struct plugin plugin = plugin_init(unknown[i], CONFIG);

		plugin_refuses(&plugin, 4, "CNI_COMMAND");
	}
}

Test(protocol, without_a_verb_it_says_what_it_is, .description = "SK-19")
{
	static const char *const blank[] = { NULL, "" };

	for (size_t i = 0; i < ARRAY_SIZE(blank); i++) {
		struct plugin plugin = { .command = blank[i],
					 .input_open = true };
		struct run_answer answer;

		plugin_run(&plugin, &answer);
		cr_expect_eq(answer.status, 0);
		cr_expect_str_eq(answer.out, "");
		cr_expect_not_null(strstr(answer.err, "hostshim"));
		cr_expect_not_null(strstr(answer.err, VERSION_LIST), "%s",
				   answer.err);
		run_answer_clear(&answer);
	}
}

static void expect_versions(const struct plugin *plugin)
{
	cleanup_json struct json *json = plugin_result(plugin);
	struct json_at root = json_root(json);
	struct json_at list;

	cr_expect_str_eq(plugin_text(&root, "cniVersion"), "1.1.0");
	cr_assert(json_member(&root, "supportedVersions", &list));
	cr_assert_eq(json_count(&list), VERSION_COUNT);
	for (unsigned int v = 0; v < VERSION_COUNT; v++) {
		struct json_at item = json_element(&list, v);

		cr_expect_str_eq(json_text(&item),
				 version_text((enum version)v));
	}
}

Test(protocol, version_needs_nothing_and_reads_nothing, .description = "SK-17")
{
	struct plugin plugin = { .command = "VERSION", .input_open = true };

	expect_versions(&plugin);
	plugin.in = RUN_CLOSED;
	expect_versions(&plugin);

	/* libcni sends placeholders. */
	plugin = plugin_init("VERSION", "{\"cniVersion\":\"0.1.0\"}");
	plugin.netns = "dummy";
	plugin.ifname = "dummy/dummy";
	plugin.path = "dummy";
	plugin.container_id = "%";
	expect_versions(&plugin);
}

Test(protocol, stdin_that_cannot_be_read_is_an_io_error, .description = "SK-20")
{
	for (size_t v = 0; v < ARRAY_SIZE(verbs); v++) {
		struct plugin plugin = plugin_init(verbs[v], NULL);

		plugin.in = RUN_CLOSED;
		plugin_refuses(&plugin, 5, "stdin");
		plugin.in = open("/", O_RDONLY | O_CLOEXEC);
		plugin_refuses(&plugin, 5, "stdin");
		close(plugin.in);
	}
}

Test(protocol, stdin_without_end_or_measure_is_an_io_error)
{
	struct plugin plugin = plugin_init("STATUS", CONFIG);

	plugin.input_open = true;
	plugin_refuses(&plugin, 5, "stdin");

	plugin = plugin_init("ADD", NULL);
	plugin.in = memfd_create("config", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(plugin.in, (off_t)64 << 20), 0);
	plugin_refuses(&plugin, 5, "stdin");
	close(plugin.in);
}

Test(protocol, stdin_that_is_no_json_object_fails_to_decode,
     .description = "SK-21")
{
	static const char *const texts[] = { "",
					     "   ",
					     "{",
					     "[]",
					     "1",
					     CONFIG "x",
					     "\xef\xbb\xbf" CONFIG,
					     "/* a */" CONFIG };

	for (size_t v = 0; v < ARRAY_SIZE(verbs); v++) {
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
			const struct plugin plugin = plugin_init(verbs[v],
								 texts[i]);

			plugin_refuses(&plugin, 6, "");
		}
	}
}

Test(protocol, the_networks_name_is_required_and_checked,
     .description = "SK-16")
{
	static const char *const texts[] = {
		"{\"cniVersion\":\"1.1.0\"}",
		"{\"cniVersion\":\"1.1.0\",\"name\":\"\"}",
		"{\"cniVersion\":\"1.1.0\",\"name\":\"bad*name\"}",
		"{\"cniVersion\":\"1.1.0\",\"name\":\"../x\"}",
	};

	for (size_t v = 0; v < ARRAY_SIZE(verbs); v++) {
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
			const struct plugin plugin = plugin_init(verbs[v],
								 texts[i]);

			plugin_refuses(&plugin, 7, "name");
		}
	}
}

static void version_refused(const char *verb, const char *version,
			    unsigned int code, const char *text)
{
	struct plugin plugin;
	char config[256];

	snprintf(config, sizeof(config),
		 "{\"name\":\"storage\",\"cniVersion\":\"%s\"}", version);
	plugin = plugin_init(verb, config);
	plugin_refuses(&plugin, code, text);
}

Test(protocol, a_version_that_we_do_not_speak_is_refused,
     .description = "SK-12 SK-15 TY-9")
{
	static const char *const unsupported[] = { "1.2.0", "1.0", "0.3", "2",
						   "0.4.1" };
	static const char *const words[] = { "foo", "1.0.0.0", "1..0", "-1" };

	for (size_t v = 0; v < ARRAY_SIZE(verbs); v++) {
		for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++) {
			version_refused(verbs[v], unsupported[i], 1,
					unsupported[i]);
			version_refused(verbs[v], unsupported[i], 1,
					VERSION_LIST);
		}
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			version_refused(verbs[v], words[i], 6, words[i]);
	}
}

Test(protocol, a_verb_is_refused_before_its_version,
     .description = "SK-13 SK-14")
{
	for (unsigned int v = 0; v < VERSION_COUNT; v++) {
		const char *text = version_text((enum version)v);

		if (v < VERSION_0_4_0)
			version_refused("CHECK", text, 1, "0.4.0");
		if (v < VERSION_1_1_0) {
			version_refused("GC", text, 1, "1.1.0");
			version_refused("STATUS", text, 1, "1.1.0");
		}
	}
	version_refused("CHECK", "", 1, "0.1.0");
}

Test(protocol, an_error_is_told_in_the_version_of_the_configuration)
{
	struct plugin plugin = plugin_init("ADD", NULL);
	struct run_answer answer;

	plugin.config = "{\"name\":\"storage\",\"cniVersion\":\"0.3.1\","
			"\"mtu\":\"x\"}";
	plugin_run(&plugin, &answer);
	cr_expect_not_null(strstr(answer.out, "\"cniVersion\":\"0.3.1\""), "%s",
			   answer.out);
	run_answer_clear(&answer);
}

Test(protocol, the_previous_result_is_of_the_same_version,
     .description = "TY-8")
{
	static const char *const texts[] = { "1.0.0", "0.1.0", "9.9.9", "x" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct plugin plugin;
		char config[256];

		snprintf(config, sizeof(config),
			 "{\"name\":\"storage\",\"cniVersion\":\"1.1.0\","
			 "\"prevResult\":{\"cniVersion\":\"%s\"}}",
			 texts[i]);
		plugin = plugin_init("ADD", config);
		plugin_refuses(&plugin, 7, "prevResult.cniVersion");
		plugin = plugin_init("CHECK", config);
		plugin_refuses(&plugin, 7, "prevResult.cniVersion");
	}
}

Test(protocol, hostile_bytes_come_back_as_one_valid_document,
     .description = "SK-23")
{
	struct plugin plugin = plugin_init("ADD", CONFIG);

	plugin.ifname = "\"\\\x01\xff\xfe";
	plugin_refuses(&plugin, 4, "CNI_IFNAME");
	plugin = plugin_init("ADD", "{\"cniVersion\":\"1.1.0\",\"name\":"
				    "\"\\ud800\\\"\\u001f\"}");
	plugin_refuses(&plugin, 7, "name");
}

Test(protocol, a_stdout_that_takes_nothing_is_a_failure)
{
	struct plugin plugin = { .command = "VERSION" };
	struct run_answer answer;

	plugin.out = open("/dev/full", O_WRONLY | O_CLOEXEC);
	plugin_run(&plugin, &answer);
	cr_expect_eq(answer.status, 1);
	cr_expect_not_null(strstr(answer.err, "stdout"), "%s", answer.err);
	run_answer_clear(&answer);
	close(plugin.out);

	plugin.out = RUN_CLOSED;
	plugin_run(&plugin, &answer);
	cr_expect_eq(answer.status, 1);
	run_answer_clear(&answer);
}

Test(protocol, a_refused_request_changes_nothing)
{
	static const char *const configs[] = {
		"{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"mtu\":-1}",
		("{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"master\":\"vx\","
		 "\"vxlan\":{\"id\":0}}"),
		"{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"mode\":\"x\"}",
	};
	cleanup_free char *before = ns_snapshot(-1);
	cleanup_free char *after = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
		const struct plugin plugin = plugin_init("ADD", configs[i]);
		struct run_answer answer;

		plugin_run(&plugin, &answer);
		cr_expect_eq(answer.status, 1);
		run_answer_clear(&answer);
	}
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}
