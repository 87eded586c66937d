#include "plugin/delegate.h"

#include "lib/log.h"
#include "plugin/delegate-run.h"

#include <stdio.h>
#include <string.h>

bool delegate_is_wanted(const struct config *config)
{
	return config->ipam.present && !ipam_config_is_builtin(&config->ipam);
}

/* --- its answer ---------------------------------------------------------------- */

static const char *text_of(const struct json_at *root, const char *key)
{
	struct json_at member;
	const char *text;

	text = json_member(root, key, &member) ? json_text(&member) : NULL;
	return text ? text : "";
}

/* An error object has a code; what it says goes to the runtime as it is. */
static bool read_error(const char *text, size_t len, struct error *err)
{
	cleanup_json struct json *json = NULL;
	struct error unused = { 0 };
	struct json_at root;
	struct json_at code;
	uint64_t number;

	if (json_parse(text, len, &json, &unused) < 0)
		return false;
	root = json_root(json);
	if (!json_member(&root, "code", &code) || !json_u64(&code, &number) ||
	    number == 0 || number > UINT32_MAX)
		return false;
	error_foreign(err, (unsigned int)number, text_of(&root, "msg"),
		      text_of(&root, "details"));
	return true;
}

/* The beginning of what it printed instead, on one line. */
static int no_answer(const struct delegate_run *run, const char *type,
		     struct error *err)
{
	size_t len = strcspn(run->out, "\r\n");

	return error_set(err, ERROR_DELEGATE, 0,
			 "ipam.type \"%s\": %s, and no CNI error on stdout%s"
			 "%.*s",
			 type, run->end, len ? " but: " : "",
			 (int)(len < 200 ? len : 200), run->out);
}

static int run_verb(const struct request *request, const struct config *config,
		    enum request_verb verb, struct delegate_run *run,
		    struct error *err)
{
	const char *type = config->ipam.type;
	int r = delegate_run(request, type, verb, run, err);

	if (r < 0)
		return error_context(err, "ipam.type \"%s\"", type);
	if (run->succeeded)
		return 0;
	if (read_error(run->out, run->out_len, err)) {
		log_warning("ipam.type \"%s\" failed: %s", type,
			    err->msg[0] ? err->msg : err->details);
		return error_return(err);
	}
	return no_answer(run, type, err);
}

int delegate_call(const struct request *request, const struct config *config,
		  enum request_verb verb, struct error *err)
{
	cleanup_delegate_run struct delegate_run run = { 0 };

	return run_verb(request, config, verb, &run, err);
}

/* --- ADD -------------------------------------------------------------------------- */

/* A result bears its own version, or else the configuration's. */
static int read_result(const struct json_at *root, const struct config *config,
		       struct result *ret, struct error *err)
{
	enum version version = config->version;
	struct json_at at;
	int r;

	if (json_member(root, "cniVersion", &at) && json_text(&at) &&
	    *json_text(&at)) {
		r = version_parse(json_text(&at), &version, err);
		if (r < 0)
			return r;
	}
	return result_read(root, version, ret, err);
}

static int take_addresses(const struct result *result, struct ipam_result *ret,
			  struct error *err)
{
	if (result->n_ips == 0)
		return error_set(err, ERROR_DELEGATE, 0,
				 "its result has no address");
	ret->addresses = calloc(result->n_ips, sizeof(*ret->addresses));
	if (!ret->addresses)
		return error_oom(err);
	for (size_t i = 0; i < result->n_ips; i++)
		ret->addresses[ret->n_addresses++] = (struct store_address){
			.address = result->ips[i].address,
			.gateway = result->ips[i].gateway,
		};
	return 0;
}

static int take_result(struct result *result, struct ipam_result *ret,
		       struct error *err)
{
	int r = take_addresses(result, ret, err);

	if (r < 0)
		return r;
	ret->routes = take_ptr(result->routes);
	ret->n_routes = result->n_routes;
	result->n_routes = 0;
	return ipam_dns_copy(&result->dns, &ret->dns, err);
}

int delegate_add(const struct request *request, const struct config *config,
		 struct ipam_result *ret, struct error *err)
{
	cleanup_delegate_run struct delegate_run run = { 0 };
	cleanup_result struct result result = { 0 };
	cleanup_json struct json *json = NULL;
	struct json_at root;
	int r;

	r = run_verb(request, config, REQUEST_ADD, &run, err);
	if (r < 0)
		return r;
	r = json_parse(run.out, run.out_len, &json, err);
	if (r == 0) {
		root = json_root(json);
		r = read_result(&root, config, &result, err);
	}
	if (r == 0)
		r = take_result(&result, ret, err);
	if (r < 0) {
		error_context(err, "ipam.type \"%s\"", config->ipam.type);
		return error_class(err, ERROR_DELEGATE);
	}
	return 0;
}
