#include "test/support/cni.h"

#include "lib/json.h"
#include "test/support/ns.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* One environment variable with its value. */
#define CNI_ENV_TEXT 512
#define CNI_ENV_MAX  10

struct cni_env {
	char text[CNI_ENV_MAX][CNI_ENV_TEXT];
	const char *list[CNI_ENV_MAX + 1];
	size_t count;
};

static void __attribute__((noreturn)) cni_die(const char *what, const char *why)
{
	fprintf(stderr, "cni: %s: %s\n", what, why);
	abort();
}

void cni_init(void)
{
	static const char *const dirs[] = { "/run", "/var/lib" };

	ns_fresh();
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mount("tmpfs", dirs[i], "tmpfs", MS_NODEV | MS_NOSUID,
			  "mode=0755") < 0)
			cni_die(dirs[i], strerror(errno));
}

void cni_answer_clear(struct cni_answer *answer)
{
	free(answer->out);
	free(answer->err);
}

/* --- calling ------------------------------------------------------------------ */

static void cni_setenv(struct cni_env *env, const char *name, const char *value)
{
	if (env->count == CNI_ENV_MAX)
		cni_die(name, "too many variables");
	snprintf(env->text[env->count], CNI_ENV_TEXT, "%s=%s", name, value);
	env->list[env->count] = env->text[env->count];
	env->count++;
}

static void cni_environment(const struct cni_call *call, struct cni_env *env)
{
	char path[NS_PATH] = "";

	if (call->pod)
		ns_path(call->pod, path);
	cni_setenv(env, "CNI_COMMAND", call->verb);
	cni_setenv(env, "CNI_CONTAINERID", call->id ? call->id : "c1");
	cni_setenv(env, "CNI_IFNAME", call->ifname ? call->ifname : "net1");
	cni_setenv(env, "CNI_NETNS", call->netns ? call->netns : path);
	if (!call->path || strcmp(call->path, "-") != 0)
		cni_setenv(env, "CNI_PATH",
			   call->path ? call->path : "/opt/cni/bin");
	cni_setenv(env, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
	if (call->args)
		cni_setenv(env, "CNI_ARGS", call->args);
	if (call->env)
		env->list[env->count++] = call->env;
}

static const char *cni_program(char buf[static CNI_ENV_TEXT])
{
	const char *build = getenv("HOSTSHIM_BUILD");

	if (!build)
		cni_die("HOSTSHIM_BUILD", "not set: start through ctest");
	snprintf(buf, CNI_ENV_TEXT, "%s/plugin/hostshim", build);
	return buf;
}

static void cni_judge(const struct cni_call *call,
		      const struct run_answer *answer)
{
	bool has_document = answer->status != 0 ||
			    strcmp(call->verb, "ADD") == 0;

	if (answer->timed_out)
		cni_die(call->verb, "no end within 30 s");
	if (answer->status < 0)
		cni_die(call->verb, strsignal(answer->signal));
	if (has_document != (answer->out_len > 0))
		cni_die(call->verb,
			answer->out_len ? answer->out : "no answer");
}

/* What a program is started with, and room for it. */
struct cni_run {
	struct cni_env env;
	char program[CNI_ENV_TEXT];
	char node[NS_PATH + 8];
	const char *argv[4];
	struct run_request request;
};

static void cni_prepare(const struct cni_call *call, struct cni_run *run)
{
	char path[NS_PATH];
	size_t n = 0;

	*run = (struct cni_run){ .env = { .count = 0 } };
	cni_environment(call, &run->env);
	if (call->node) {
		snprintf(run->node, sizeof(run->node), "--net=%s",
			 ns_path(call->node, path));
		run->argv[n++] = "/usr/bin/nsenter";
		run->argv[n++] = run->node;
	}
	run->argv[n] = cni_program(run->program);
	run->request.argv = run->argv;
	run->request.env = run->env.list;
	run->request.input = call->config;
}

void cni_call(const struct cni_call *call, struct cni_answer *ret)
{
	struct run_answer answer = { 0 };
	struct cni_run run;

	cni_prepare(call, &run);
	run_program(&run.request, &answer);
	cni_judge(call, &answer);

	ret->status = answer.status;
	ret->out = take_ptr(answer.out);
	ret->err = take_ptr(answer.err);
	run_answer_clear(&answer);
}

void cni_kill(const struct cni_call *call, const struct kill_plan *plan,
	      struct kill_answer *ret)
{
	struct cni_run run;

	cni_prepare(call, &run);
	kill_program(&run.request, plan, ret);
}

int cni_spawn(const struct cni_call *call)
{
	struct cni_run run;

	cni_prepare(call, &run);
	return run_detached(&run.request);
}

static void cni_save(const char *stem, const char *suffix, const char *text)
{
	char path[CNI_ENV_TEXT];
	FILE *file;

	snprintf(path, sizeof(path), "%s.%s", stem, suffix);
	file = fopen(path, "we");
	if (!file || fputs(text, file) < 0 || fclose(file) < 0)
		cni_die(path, strerror(errno));
}

int cni_start(const struct cni_call *call, const char *stem)
{
	struct cni_answer answer = { 0 };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	cni_call(call, &answer);
	cni_save(stem, "out", answer.out);
	cni_save(stem, "err", answer.err);
	_exit(answer.status);
}

/* --- reading the answer ---------------------------------------------------------- */

static bool cni_step(const struct json_at *at, const char *name,
		     struct json_at *ret)
{
	if (!isdigit((unsigned char)name[0]))
		return json_member(at, name, ret);
	if ((size_t)atoi(name) >= json_count(at))
		return false;
	*ret = json_element(at, (size_t)atoi(name));
	return true;
}

static void cni_value(const struct json_at *at, char buf[static CNI_TEXT])
{
	uint64_t number;

	if (json_text(at))
		snprintf(buf, CNI_TEXT, "%s", json_text(at));
	else if (json_u64(at, &number))
		snprintf(buf, CNI_TEXT, "%llu", (unsigned long long)number);
	else
		snprintf(buf, CNI_TEXT, "%zu", json_count(at));
}

/* The chain of places lives on the stack: each step calls the next. */
static void cni_walk(const struct json_at *at, char *path,
		     char buf[static CNI_TEXT])
{
	char *rest = NULL;
	const char *name = strtok_r(path, ".", &rest);
	struct json_at next;

	if (!name)
		cni_value(at, buf);
	else if (cni_step(at, name, &next))
		cni_walk(&next, rest, buf);
}

const char *cni_get(const struct cni_answer *answer, const char *path,
		    char buf[static CNI_TEXT])
{
	cleanup_json struct json *json = NULL;
	char copy[CNI_TEXT];
	struct error err = { 0 };
	struct json_at root;

	buf[0] = '\0';
	if (json_parse(answer->out, strlen(answer->out), &json, &err) < 0)
		cni_die("answer", err.details);
	root = json_root(json);
	snprintf(copy, sizeof(copy), "%s", path);
	cni_walk(&root, copy, buf);
	return buf;
}

int cni_code(const struct cni_answer *answer)
{
	char code[CNI_TEXT];

	return answer->status ? atoi(cni_get(answer, "code", code)) : 0;
}

char *cni_prev(const char *config, const struct cni_answer *answer)
{
	size_t len = strlen(config);
	char *prev;

	while (len && config[len - 1] != '}')
		len--;
	if (!len || asprintf(&prev, "%.*s, \"prevResult\": %s }", (int)len - 1,
			     config, answer->out) < 0)
		cni_die("prevResult", "no object to put it in");
	return prev;
}
