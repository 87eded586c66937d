#include "test/conformance/plugin.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A background child ends its outputs first of all, as soon as it runs. */
#define EOF_MAX_MS 4000

struct plugin plugin_init(const char *command, const char *config)
{
	return (struct plugin){
		.command = command,
		.container_id = "container-1",
		.netns = "/var/run/netns/absent",
		.ifname = "net1",
		.args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;"
			"K8S_POD_NAME=pod-1",
		.path = "/opt/cni/bin",
		.config = config,
	};
}

static void plugin_setenv(const char *env[], char text[], size_t len,
			  const char *key, const char *value)
{
	size_t n = 0;

	if (!value)
		return;
	while (env[n])
		n++;
	snprintf(text, len, "%s=%s", key, value);
	env[n] = text;
	env[n + 1] = NULL;
}

void plugin_run(const struct plugin *plugin, struct run_answer *ret)
{
	const struct {
		const char *key;
		const char *value;
	} variables[] = {
		{ "CNI_COMMAND", plugin->command },
		{ "CNI_CONTAINERID", plugin->container_id },
		{ "CNI_NETNS", plugin->netns },
		{ "CNI_IFNAME", plugin->ifname },
		{ "CNI_ARGS", plugin->args },
		{ "CNI_PATH", plugin->path },
		{ "CNI_NETNS_OVERRIDE", plugin->override },
		{ "PATH", "/usr/sbin:/usr/bin:/sbin:/bin" },
	};
	const char *build = getenv("HOSTSHIM_BUILD");
	char path[512];
	char texts[ARRAY_SIZE(variables)][1024];
	const char *env[ARRAY_SIZE(variables) + 1] = { NULL };
	const char *const argv[] = { path, NULL };
	const struct run_request request = {
		.argv = argv,
		.env = env,
		.input = plugin->config,
		.input_open = plugin->input_open,
		.in = plugin->in,
		.out = plugin->out,
	};

	cr_assert_not_null(build, "HOSTSHIM_BUILD is not set");
	snprintf(path, sizeof(path), "%s/plugin/hostshim", build);
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		plugin_setenv(env, texts[i], sizeof(texts[i]), variables[i].key,
			      variables[i].value);

	run_program(&request, ret);
	cr_expect_not(ret->timed_out, "%s hangs", plugin->command);
	cr_expect_eq(ret->signal, 0, "%s died by signal %d: %s",
		     plugin->command, ret->signal, ret->err);
	cr_expect_neq(ret->status, 127, "%s cannot be executed", path);
	cr_expect_leq(ret->eof_ms, ret->exit_ms + EOF_MAX_MS,
		      "%s: something holds its outputs open", plugin->command);
}

void plugin_silent(const struct plugin *plugin)
{
	struct run_answer answer;

	plugin_run(plugin, &answer);
	cr_expect_eq(answer.status, 0, "%s: %s%s", plugin->command, answer.out,
		     answer.err);
	cr_expect_str_eq(answer.out, "", "%s says something", plugin->command);
	run_answer_clear(&answer);
}

const char *plugin_text(const struct json_at *at, const char *key)
{
	struct json_at member;
	const char *text;

	cr_assert(json_member(at, key, &member), "no member \"%s\"", key);
	text = json_text(&member);
	cr_assert_not_null(text, "\"%s\" is no string", key);
	return text;
}

uint64_t plugin_number(const struct json_at *at, const char *key)
{
	struct json_at member;
	uint64_t number = 0;

	cr_assert(json_member(at, key, &member), "no member \"%s\"", key);
	cr_assert(json_u64(&member, &number), "\"%s\" is no number", key);
	return number;
}

/* stdout as one document: the reader refuses a second one behind it. */
static struct json *plugin_document(const struct plugin *plugin,
				    const struct run_answer *answer)
{
	struct error err = { 0 };
	struct json *json = NULL;
	int r;

	r = json_parse(answer->out, answer->out_len, &json, &err);
	cr_assert_eq(r, 0, "%s: \"%s\" %s: %s", plugin->command, answer->out,
		     answer->err, err.details);
	return json;
}

void plugin_refuses(const struct plugin *plugin, unsigned int code,
		    const char *text)
{
	struct run_answer answer;
	struct json *json;
	struct json_at root;

	plugin_run(plugin, &answer);
	cr_expect_eq(answer.status, 1, "%s: exit %d", plugin->command,
		     answer.status);
	json = plugin_document(plugin, &answer);
	root = json_root(json);
	cr_expect_eq(plugin_number(&root, "code"), code, "%s: wanted %u: %s",
		     plugin->command, code, answer.out);
	cr_expect_neq(strlen(plugin_text(&root, "msg")), 0);
	cr_expect_neq(strlen(plugin_text(&root, "cniVersion")), 0);
	cr_expect_not_null(strstr(plugin_text(&root, "details"), text),
			   "%s: wanted \"%s\": %s", plugin->command, text,
			   answer.out);
	json_free(json);
	run_answer_clear(&answer);
}

struct json *plugin_result(const struct plugin *plugin)
{
	struct run_answer answer;
	struct json *json;

	plugin_run(plugin, &answer);
	cr_assert_eq(answer.status, 0, "%s: %s%s", plugin->command, answer.out,
		     answer.err);
	json = plugin_document(plugin, &answer);
	run_answer_clear(&answer);
	return json;
}
