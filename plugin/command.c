#include "plugin/command.h"

#include "lib/file.h"
#include "lib/json-write.h"
#include "lib/log.h"
#include "plugin/attach.h"
#include "plugin/role-ipam.h"

#include <stdio.h>
#include <string.h>

/*
 * One executable, two roles: the network's plugin, and the IPAM of another
 * network plugin ("type": "macvlan", "ipam": {"type": "hostshim"}). Environment
 * and stdin are the same in both; which one is meant is told by the name that
 * we were called by (config_role): it is the one in "type", or else it is the
 * one in "ipam.type". Everything below is the same for both.
 */

struct command_role {
	int (*add)(const struct request *request, const struct config *config,
		   struct result *ret, struct error *err);
	int (*del)(const struct request *request, const struct config *config,
		   struct error *err);
	int (*check)(const struct request *request, const struct config *config,
		     struct error *err);
	int (*gc)(const struct request *request, const struct config *config,
		  struct error *err);
	int (*status)(const struct request *request,
		      const struct config *config, struct error *err);
};

static const struct command_role command_roles[] = {
	[CONFIG_ROLE_MAIN] = { attach_add, attach_del, attach_check, attach_gc,
			       attach_status },
	[CONFIG_ROLE_IPAM] = { role_ipam_add, role_ipam_del, role_ipam_check,
			       role_ipam_gc, role_ipam_status },
};

/* What goes to stdout; most verbs have nothing to say there. */
struct command_answer {
	char *text;
	size_t len;
};

static void command_answer_clear(struct command_answer *answer)
{
	free(answer->text);
}

/* For the runtime, an ADD that has no result has not happened. */
static void command_undo_add(const struct request *request,
			     const struct config *config)
{
	struct error err = { 0 };

	if (command_roles[config->role].del(request, config, &err) < 0)
		log_warning("undo: %s", err.details);
}

static int command_add(const struct request *request,
		       const struct config *config, struct command_answer *ret,
		       struct error *err)
{
	cleanup_result struct result result = { 0 };
	int r;

	r = command_roles[config->role].add(request, config, &result, err);
	if (r < 0)
		return r;
	r = result_format(&result, config->version, &ret->text, &ret->len, err);
	if (r < 0)
		command_undo_add(request, config);
	return r;
}

static int command_version(struct command_answer *ret, struct error *err)
{
	struct json_writer w = { 0 };

	json_write_object(&w, NULL);
	json_write_string(&w, "cniVersion", version_text(VERSION_NEWEST));
	json_write_array(&w, "supportedVersions");
	for (unsigned int i = 0; i < VERSION_COUNT; i++)
		json_write_string(&w, NULL, version_text((enum version)i));
	json_write_end(&w);
	json_write_end(&w);
	return json_write_finish(&w, &ret->text, &ret->len, err);
}

static int command_banner(void)
{
	dprintf(STDERR_FILENO,
		"hostshim %s: CNI plugin, macvlan for storage networks with a "
		"leg for the node itself\n"
		"CNI protocol versions supported: %s\n",
		HOSTSHIM_VERSION, VERSION_LIST);
	return 0;
}

static int command_serve(const struct request *request, struct config *config,
			 struct command_answer *ret, struct error *err)
{
	const struct command_role *role;
	int r;

	if (request->verb == REQUEST_NONE)
		return command_banner();
	if (request->verb == REQUEST_VERSION)
		return command_version(ret, err);

	r = config_read(request, config, err);
	if (r < 0)
		return r;

	role = &command_roles[config->role];
	switch (request->verb) {
	case REQUEST_ADD:
		return command_add(request, config, ret, err);
	case REQUEST_DEL:
		return role->del(request, config, err);
	case REQUEST_CHECK:
		return role->check(request, config, err);
	case REQUEST_GC:
		return role->gc(request, config, err);
	case REQUEST_STATUS:
		return role->status(request, config, err);
	case REQUEST_NONE:
	case REQUEST_VERSION:
		break;
	}
	return 0;
}

/* Replaces in place: @by is shorter than @phrase. */
static void command_replace(char *text, const char *phrase, const char *by)
{
	char *at;

	while ((at = strcasestr(text, phrase))) {
		const char *rest = at + strlen(phrase);

		at = mempcpy(at, by, strlen(by));
		memmove(at, rest, strlen(rest) + 1);
	}
}

void command_rephrase_del(struct error *err)
{
	static const struct {
		const char *phrase;
		const char *by;
	} phrases[] = {
		{ "no such file or directory", "does not exist" },
		{ "not found", "missing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(phrases); i++) {
		command_replace(err->msg, phrases[i].phrase, phrases[i].by);
		command_replace(err->details, phrases[i].phrase, phrases[i].by);
	}
}

/* stdout may already hold half an answer: nothing is put behind it. */
static int command_print(const struct request *request,
			 const struct config *config,
			 const struct command_answer *answer)
{
	struct error err = { 0 };

	if (file_write_all(STDOUT_FILENO, answer->text, answer->len, &err) == 0)
		return 0;
	log_warning("stdout: %s", err.details);
	if (request->verb == REQUEST_ADD)
		command_undo_add(request, config);
	return 1;
}

static int command_fail(const struct request *request,
			const struct config *config, struct error *err)
{
	char text[RESULT_ERROR_TEXT];
	struct error unused = { 0 };
	size_t len;

	if (request->verb == REQUEST_DEL)
		command_rephrase_del(err);
	len = result_format_error(err, config->version, text);
	if (file_write_all(STDOUT_FILENO, text, len, &unused) < 0)
		log_warning("%s: %s", err->msg, err->details);
	return 1;
}

int command_run(const char *program)
{
	cleanup_request struct request request = { 0 };
	cleanup_config struct config config = { .version = VERSION_NEWEST };
	cleanup(command_answer_clear) struct command_answer answer = { 0 };
	struct error err = { 0 };
	int r;

	r = request_read(&request, &err);
	request.program = basename(program);
	if (r == 0)
		r = command_serve(&request, &config, &answer, &err);
	if (r < 0)
		return command_fail(&request, &config, &err);
	return answer.text ? command_print(&request, &config, &answer) : 0;
}
