/*
 * Any environment: lines are the values of the variables, in order. What is
 * taken is safe to put into a path or into the kernel.
 */
#include "lib/log.h"
#include "plugin/request.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>

static const char *const variables[] = {
	"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS",
	"CNI_IFNAME",  "CNI_ARGS",        "CNI_PATH",
};

static void set_environment(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);
	char *rest = text;

	assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *value = strsep(&rest, "\n");

		if (value)
			setenv(variables[i], value, 1);
		else
			unsetenv(variables[i]);
	}
}

static void check(const struct request *request)
{
	bool keyed = request->verb == REQUEST_ADD ||
		     request->verb == REQUEST_DEL ||
		     request->verb == REQUEST_CHECK;

	if (!keyed)
		return;
	assert(request_id_is_valid(request->container_id));
	assert(!strchr(request->container_id, '/'));
	assert(request_ifname_is_valid(request->ifname));
	assert(!strchr(request->ifname, '/'));
	assert(!*request->netns || *request->netns == '/');
	assert(request->verb == REQUEST_ADD || request->args.n_ips == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_request struct request request = { 0 };
	cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct error err = { 0 };
	int r;

	log_init("fuzz-request", LOG_LEVEL_QUIET);
	dup2(null, STDIN_FILENO);
	set_environment(data, size);
	r = request_read(&request, &err);
	assert((r < 0) == error_is_set(&err));
	assert(r == 0 || err.code == ERROR_ENVIRONMENT);
	if (r == 0)
		check(&request);
	return 0;
}
