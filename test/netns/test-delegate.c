#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * "ipam.type" of other plugins. The delegates are shell scripts in
 * /run/plugins: what matters is what is done to them, and what they do to us.
 * Each notes its calls in /run/calls.
 */

#define DELEGATED                                                              \
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"n\", "                       \
	"\"type\": \"hostshim\", \"master\": \"under0\", "                     \
	"\"ipam\": { \"type\": \"other\", \"key\": 1.50 } }"

static void plugin(const char *dir, const char *script)
{
	cleanup_free char *path = NULL;
	FILE *file;

	cr_assert_gt(asprintf(&path, "/run/%s/other", dir), 0);
	ns_do(-1, "mkdir -p /run/%s", dir);
	file = fopen(path, "we");
	cr_assert(file);
	fprintf(file,
		"#!/bin/sh\n"
		"echo \"$CNI_COMMAND $CNI_IFNAME\" >>/run/calls\n%s\n",
		script);
	fclose(file);
	ns_do(-1, "chmod +x %s", path);
}

static const char gives[] =
	"cat >/run/stdin; [ $CNI_COMMAND = ADD ] || exit 0; cat <<EOF\n"
	"{ \"cniVersion\": \"1.0.0\",\n"
	"  \"ips\": [ { \"address\": \"172.16.0.77/24\",\n"
	"    \"gateway\": \"172.16.0.2\" } ],\n"
	"  \"routes\": [ { \"dst\": \"10.66.0.0/16\" } ],\n"
	"  \"dns\": { \"nameservers\": [ \"172.16.0.53\" ] } }\n"
	"EOF";

static void open_delegate(void)
{
	seed_open();
	plugin("plugins", gives);
}

TestSuite(delegate, .init = open_delegate, .fini = seed_close, .timeout = 60);

static struct cni_call delegated(const char *verb)
{
	struct cni_call call = seed_call(verb, DELEGATED);

	call.path = "/run/nowhere:/run:/run/plugins";
	return call;
}

static void expect_calls(const char *calls)
{
	cleanup_free char *have = ns_exec(-1, "cat /run/calls 2>&1 | "
					      "tr '\\n' ','");

	cr_expect_str_eq(have, calls);
}

Test(delegate, its_addresses_routes_and_dns_are_used)
{
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
	seed_says(&answer, "ips.0.address", "172.16.0.77/24");
	seed_says(&answer, "ips.0.interface", "0");
	seed_says(&answer, "routes.0.gw", "172.16.0.2");
	seed_says(&answer, "dns.nameservers.0", "172.16.0.53");
	seed_has(seed_pod, "172.16.0.77/24", "ip addr show net1");
	seed_has(seed_pod, "10.66.0.0/16 via 172.16.0.2 dev net1", "ip route");
	cr_expect_eq(ns_ping(seed_pod, "172.16.0.2", 2), 2);
	expect_calls("ADD net1,");
}

/* Its addresses are the pod's interface's, whatever it says of interfaces. */
Test(delegate, interface_indexes_are_not_its_to_give, .description = "CI-5")
{
	static const char *const indexes[] = { "", ", \"interface\": 0",
					       ", \"interface\": 7" };

	for (size_t i = 0; i < ARRAY_SIZE(indexes); i++) {
		struct cni_call call = delegated("ADD");
		cleanup_cni_answer struct cni_answer answer = { 0 };
		char script[400];

		snprintf(script, sizeof(script),
			 "[ $CNI_COMMAND = ADD ] || exit 0; echo '"
			 "{ \"cniVersion\": \"1.0.0\", \"interfaces\": [ {"
			 " \"name\": \"other0\" } ], \"ips\": [ {"
			 " \"address\": \"172.16.0.77/24\"%s } ] }'",
			 indexes[i]);
		plugin("plugins", script);
		seed_must(&call, &answer);
		seed_says(&answer, "interfaces.0.name", "net1");
		seed_says(&answer, "interfaces.1.name", "");
		seed_says(&answer, "ips.0.interface", "0");
		ns_do(seed_pod, "ip link del net1");
	}
}

Test(delegate, it_is_given_our_stdin_byte_for_byte)
{
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };
	cleanup_free char *text = NULL;

	seed_must(&call, &answer);
	text = ns_exec(-1, "cat /run/stdin");
	cr_expect_str_eq(text, DELEGATED);
}

Test(delegate, the_interface_exists_when_it_is_called)
{
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };
	char script[1024];

	snprintf(script, sizeof(script),
		 "nsenter --net=$CNI_NETNS ip link show $CNI_IFNAME >/run/seen "
		 "2>&1; %s",
		 gives);
	plugin("plugins", script);
	seed_must(&call, &answer);
	seed_has(-1, "net1", "cat /run/seen");
}

Test(delegate, every_verb_reaches_it, .description = "TY-10")
{
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };
	cleanup_free char *prev = NULL;
	static const char *const verbs[] = { "CHECK", "STATUS", "GC", "DEL" };

	seed_must(&call, &answer);
	prev = cni_prev(DELEGATED, &answer);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		cleanup_cni_answer struct cni_answer next = { 0 };

		call.verb = verbs[i];
		call.config = strcmp(verbs[i], "CHECK") == 0 ? prev : DELEGATED;
		seed_must(&call, &next);
	}
	expect_calls("ADD net1,CHECK net1,STATUS net1,GC net1,DEL net1,");
	seed_has_not(seed_pod, "net1", "ip link");
}

Test(delegate, the_first_regular_file_along_the_path_wins,
     .description = "TY-10")
{
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };

	ns_do(-1, "mkdir -p /run/folder/other");
	plugin("later", "echo wrong >&2; exit 9");
	call.path = "/run/folder:/run/plugins:/run/later";
	seed_must(&call, &answer);
}

/* Each leaves nothing, and is called with DEL. */
Test(delegate, one_that_fails_is_called_with_DEL_and_nothing_stays,
     .description = "TY-10")
{
	static const struct {
		char script[200];
		int code;
		char text[80];
	} cases[] = {
		{ "[ $CNI_COMMAND = ADD ] || exit 0; echo '{ \"code\": 42, "
		  "\"msg\": \"no luck\", \"details\": \"here\" }'; exit 1",
		  42, "no luck" },
		{ "[ $CNI_COMMAND = ADD ] || exit 0; exit 3", 107,
		  "exit status 3" },
		{ "[ $CNI_COMMAND = ADD ] || exit 0; echo panic; exit 2", 107,
		  "panic" },
		{ "[ $CNI_COMMAND = ADD ] || exit 0; kill -9 $$", 107,
		  "signal 9" },
		{ "[ $CNI_COMMAND = ADD ] || exit 0; echo not json", 107,
		  "\"other\\\"" },
		{ "[ $CNI_COMMAND = ADD ] || exit 0; exit 0", 107, "other" },
		{ "[ $CNI_COMMAND = ADD ] || exit 0; echo '{}'", 107,
		  "no address" },
		{ "[ $CNI_COMMAND = ADD ] || exit 0; "
		  "echo '{ \"cniVersion\": \"7.0.0\" }'",
		  107, "7.0.0" },
		{ "[ $CNI_COMMAND = ADD ] || exit 0; head -c 2000000 /dev/zero",
		  107, "more than" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cni_call call = delegated("ADD");

		plugin("plugins", cases[i].script);
		ns_do(-1, "rm -f /run/calls");
		seed_fails(&call, cases[i].code, cases[i].text);
		expect_calls("ADD net1,DEL net1,");
		seed_has_not(seed_pod, "net1", "ip link");
	}
}

Test(delegate, its_error_reaches_the_runtime_word_for_word,
     .description = "SK-22")
{
	static const char *const verbs[] = { "CHECK", "STATUS", "GC", "DEL",
					     "ADD" };
	cleanup_cni_answer struct cni_answer answer = { 0 };
	cleanup_free char *prev = NULL;
	struct cni_call call = delegated("ADD");

	seed_must(&call, &answer);
	prev = cni_prev(DELEGATED, &answer);
	plugin("plugins", "echo '{ \"code\": 4242, \"msg\": \"no \\u00e4 "
			  "luck\", \"details\": \"here: there\" }'; exit 1");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		cleanup_cni_answer struct cni_answer next = { 0 };

		call.verb = verbs[i];
		call.config = strcmp(verbs[i], "CHECK") == 0 ? prev : DELEGATED;
		cni_call(&call, &next);
		cr_expect_eq(cni_code(&next), 4242, "%s: %s", verbs[i],
			     next.out);
		seed_says(&next, "msg", "no ä luck");
		seed_says(&next, "details", "here: there");
	}
}

Test(delegate, its_stderr_and_our_environment_are_passed_on,
     .description = "TY-10")
{
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };
	char script[1024];

	snprintf(script, sizeof(script),
		 "echo heard $CNI_ARGS $TRACEPARENT $CNI_CONTAINERID >&2; %s",
		 gives);
	plugin("plugins", script);
	call.args = "IgnoreUnknown=1;A=B";
	call.env = "TRACEPARENT=00-1";
	seed_must(&call, &answer);
	cr_expect(strstr(answer.err, "heard IgnoreUnknown=1;A=B 00-1 c1"), "%s",
		  answer.err);
}

/* The ADD has 20 s; the DEL that is owed then gets its own two. */
Test(delegate, an_ADD_that_hangs_is_killed_and_followed_by_DEL)
{
	struct cni_call call = delegated("ADD");

	plugin("plugins", "[ $CNI_COMMAND = ADD ] && sleep 4322");
	seed_fails(&call, 107, "in time");
	expect_calls("ADD net1,DEL net1,");
	seed_has_not(seed_pod, "net1", "ip link");
	cr_expect_neq(ns_try(-1, NULL, "ps ax | grep -q '[s]leep 4322'"), 0);
}

/* Who could be told by no result of that version is not attached. */
Test(delegate, what_an_old_version_cannot_say_is_given_back)
{
	static const char old[] =
		"{ \"cniVersion\": \"0.2.0\", \"name\": \"n\", "
		"\"type\": \"hostshim\", \"master\": \"under0\", "
		"\"ipam\": { \"type\": \"other\" } }";
	struct cni_call call = delegated("ADD");

	plugin("plugins",
	       "[ $CNI_COMMAND = ADD ] || exit 0; echo '{ \"cniVersion\": "
	       "\"1.0.0\", \"ips\": [ { \"address\": \"172.16.0.77/24\" }, "
	       "{ \"address\": \"172.16.0.78/24\" } ] }'");
	call.config = old;
	seed_fails(&call, 1, "0.2.0");
	expect_calls("ADD net1,DEL net1,");
	seed_has_not(seed_pod, "net1", "ip link");
}

Test(delegate, whereabouts_is_one_where_nodes_have_slices)
{
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };

	ns_do(-1, "mv /run/plugins/other /run/plugins/whereabouts");
	call.config = "{ \"cniVersion\": \"1.1.0\", \"name\": \"n\", "
		      "\"type\": \"hostshim\", \"master\": \"under0\", "
		      "\"ipam\": { \"type\": \"whereabouts\", "
		      "\"node_slice_size\": \"/28\", "
		      "\"range\": \"172.16.0.0/24\" } }";
	seed_must(&call, &answer);
	seed_says(&answer, "ips.0.address", "172.16.0.77/24");
}

/* Neither can have been attached: a DEL has nothing to ask of it. */
Test(delegate, a_path_and_ourselves_are_no_plugins, .description = "TY-10")
{
	static const struct {
		char type[40];
		int code;
	} cases[] = {
		{ "../plugins/other", 7 },
		{ "/run/plugins/other", 7 },
		{ "me", 2 },
	};
	char config[400];

	ns_do(-1, "ln -s $HOSTSHIM_BUILD/plugin/hostshim /run/plugins/me");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cni_call call = delegated("ADD");
		cleanup_cni_answer struct cni_answer answer = { 0 };

		snprintf(config, sizeof(config),
			 "{ \"cniVersion\": \"1.1.0\", \"name\": \"n\", "
			 "\"type\": \"hostshim\", \"master\": \"under0\", "
			 "\"ipam\": { \"type\": \"%s\" } }",
			 cases[i].type);
		call.config = config;
		seed_fails(&call, cases[i].code, cases[i].type);
		seed_has_not(seed_pod, "net1", "ip link");
		expect_calls("cat: /run/calls: No such file or directory,");
		call.verb = "DEL";
		seed_must(&call, &answer);
	}
}

Test(delegate, a_missing_one_is_named_with_the_path, .description = "TY-10")
{
	struct cni_call call = delegated("ADD");

	call.path = "/run/nowhere";
	seed_fails(&call, 107, "/run/nowhere");
	call.path = "-";
	seed_fails(&call, 4, "CNI_PATH");
	seed_has_not(seed_pod, "net1", "ip link");
}

/* Its end is what counts, not the end of its output. */
Test(delegate, one_that_leaves_its_output_open_does_not_hold_us_up)
{
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };
	char script[1024];
	time_t from = time(NULL);

	snprintf(script, sizeof(script), "sleep 20 2>/dev/null & %s", gives);
	plugin("plugins", script);
	seed_must(&call, &answer);
	cr_expect_lt(time(NULL) - from, 20);
}

Test(delegate, one_that_hangs_is_ended_with_what_it_started)
{
	struct cni_call call = delegated("DEL");

	plugin("plugins", "sleep 4321 & sleep 4321");
	seed_fails(&call, 107, "in time");
	cr_expect_neq(ns_try(-1, NULL, "ps ax | grep -q '[s]leep 4321'"), 0);
}

/* The link goes with the first DEL, whatever becomes of the address. */
Test(delegate, every_verb_tells_what_went_wrong)
{
	static const char *const verbs[] = { "CHECK", "STATUS", "GC", "DEL" };
	static const struct {
		const char *script;
		const char *path;
		const char *text;
	} cases[] = {
		{ "echo panic; exit 2", "/run/plugins", "panic" },
		{ "exit 3", "/run/plugins", "exit status 3" },
		{ "kill -9 $$", "/run/plugins", "signal 9" },
		{ "head -c 2000000 /dev/zero", "/run/plugins", "more than" },
		{ "exit 0", "/run/nowhere", "/run/nowhere" },
	};
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };
	cleanup_free char *prev = NULL;

	seed_must(&call, &answer);
	prev = cni_prev(DELEGATED, &answer);
	for (size_t v = 0; v < ARRAY_SIZE(verbs); v++) {
		bool is_status = strcmp(verbs[v], "STATUS") == 0;

		call.verb = verbs[v];
		call.config = strcmp(verbs[v], "CHECK") == 0 ? prev : DELEGATED;
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			call.path = cases[i].path;
			plugin("plugins", cases[i].script);
			seed_fails(&call, is_status ? 50 : 107, cases[i].text);
		}
	}
	seed_has_not(seed_pod, "net1", "ip link");
}

Test(delegate, one_that_hangs_is_ended_in_CHECK_and_STATUS_too)
{
	static const char *const verbs[] = { "CHECK", "STATUS" };
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };
	cleanup_free char *prev = NULL;

	seed_must(&call, &answer);
	prev = cni_prev(DELEGATED, &answer);
	plugin("plugins", "sleep 4323");
	for (size_t v = 0; v < ARRAY_SIZE(verbs); v++) {
		call.verb = verbs[v];
		call.config = v == 0 ? prev : DELEGATED;
		seed_fails(&call, v == 0 ? 107 : 50, "in time");
	}
	cr_expect_neq(ns_try(-1, NULL, "ps ax | grep -q '[s]leep 4323'"), 0);
}

Test(delegate, a_DEL_that_fails_is_told)
{
	struct cni_call call = delegated("DEL");

	plugin("plugins",
	       "echo '{ \"code\": 11, \"msg\": \"later\" }'; exit 1");
	seed_fails(&call, 11, "later");
}

Test(delegate, old_versions_get_its_address_in_their_shape)
{
	static const char old[] =
		"{ \"cniVersion\": \"0.2.0\", \"name\": \"n\", "
		"\"type\": \"hostshim\", \"master\": \"under0\", "
		"\"ipam\": { \"type\": \"other\" } }";
	struct cni_call call = delegated("ADD");
	cleanup_cni_answer struct cni_answer answer = { 0 };

	call.config = old;
	seed_must(&call, &answer);
	seed_says(&answer, "ip4.ip", "172.16.0.77/24");
}
