#ifndef TEST_CONFORMANCE_PLUGIN_H
#define TEST_CONFORMANCE_PLUGIN_H

/*
 * The built hostshim, executed as a runtime executes it: no libcni between, so
 * that exit status, error codes and the bytes on stdout are seen as they are.
 */

#include "lib/json.h"
#include "test/support/run.h"

/* One invocation. NULL: the variable is not set. */
struct plugin {
	const char *command;
	const char *container_id;
	const char *netns;
	const char *ifname;
	const char *args;
	const char *path;
	const char *override; /* CNI_NETNS_OVERRIDE */
	const char *config; /* stdin */
	bool input_open; /* stdin does not end */
	int in; /* RUN_PIPE, RUN_CLOSED or a descriptor, likewise out */
	int out;
};

/** plugin_init() - @command as libcni would send it, with @config on stdin */
struct plugin plugin_init(const char *command, const char *config);

/**
 * plugin_run() - Execute it
 *
 * Claims what holds for every invocation: it ends in time, and both outputs end
 * with it (a child that keeps them open would hang the runtime).
 */
void plugin_run(const struct plugin *plugin, struct run_answer *ret);

/** plugin_silent() - It succeeds and says nothing on stdout */
void plugin_silent(const struct plugin *plugin);

/**
 * plugin_refuses() - It fails with one JSON object on stdout
 * @text:	Part of details
 */
void plugin_refuses(const struct plugin *plugin, unsigned int code,
		    const char *text);

/** plugin_result() - It succeeds; the document on stdout, json_free() */
struct json *plugin_result(const struct plugin *plugin);

/* Members of a result or error; what is missing fails the test. */
const char *plugin_text(const struct json_at *at, const char *key);
uint64_t plugin_number(const struct json_at *at, const char *key);

#endif
