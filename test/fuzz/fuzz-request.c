/*
 * Lines of an environment, an empty line, and what stands on stdin. The real
 * thing reads both: environ and descriptor 0 are replaced.
 */
#include "lib/log.h"
#include "plugin/request.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#define VARIABLES_MAX 32

/* Descriptor 0 becomes a file in memory that holds @text. */
static void set_stdin(const char *text, size_t len)
{
	cleanup_close int fd = memfd_create("stdin", MFD_CLOEXEC);
	ssize_t n = write(fd, text, len);
	int r;

	assert(n == (ssize_t)len);
	r = dup2(fd, STDIN_FILENO);
	assert(r == STDIN_FILENO);
	lseek(STDIN_FILENO, 0, SEEK_SET);
}

static void check_ips(const struct request_args *args)
{
	for (size_t i = 0; i < args->n_ips; i++)
		for (size_t j = 0; j < i; j++)
			assert(!inet_addr_equal(&args->ips[i], &args->ips[j]));
}

static void check_request(const struct request *request, size_t stdin_len)
{
	bool reads = request->verb != REQUEST_NONE &&
		     request->verb != REQUEST_VERSION;

	assert(lseek(STDIN_FILENO, 0, SEEK_CUR) ==
	       (reads ? (off_t)stdin_len : 0));
	assert(request->config_len == (reads ? stdin_len : 0));
	assert(!reads || request->config[request->config_len] == '\0');
	if (request->verb == REQUEST_NONE)
		return;
	assert(!*request->netns || *request->netns == '/');
	assert(request->verb == REQUEST_ADD || request->args.n_ips == 0);
	check_ips(&request->args);
	if (request->verb == REQUEST_ADD || request->verb == REQUEST_DEL ||
	    request->verb == REQUEST_CHECK) {
		assert(request_id_is_valid(request->container_id));
		assert(request_ifname_is_valid(request->ifname));
		assert(request->verb == REQUEST_DEL || *request->netns);
	}
}

static void read_request(size_t stdin_len)
{
	cleanup_request struct request request = { 0 };
	struct error err = { 0 };
	int r;

	r = request_read(&request, &err);
	assert((r < 0) == error_is_set(&err));
	if (r == 0)
		check_request(&request, stdin_len);
	else
		assert(err.code == ERROR_ENVIRONMENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);
	char *variables[VARIABLES_MAX + 1] = { NULL };
	char **saved = environ;
	size_t count = 0;
	char *rest = text;
	char *line;

	log_init("fuzz-request", LOG_LEVEL_QUIET);
	memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n")) && *line)
		if (count < VARIABLES_MAX)
			variables[count++] = line;
	size = rest ? size - (size_t)(rest - text) : 0;

	set_stdin(rest, size);
	environ = variables;
	read_request(size);
	environ = saved;
	return 0;
}
