#include "plugin/request.h"

#include "lib/file.h"

#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The variables of a request, in the order of complaints. */
enum request_variable {
	REQUEST_CONTAINERID,
	REQUEST_NETNS,
	REQUEST_IFNAME,
	REQUEST_ARGS,
	REQUEST_PATH,
	REQUEST_VARIABLES,
};

#define BIT(n)     (1u << (n))
#define KEY        (BIT(REQUEST_CONTAINERID) | BIT(REQUEST_IFNAME))
#define NETNS      BIT(REQUEST_NETNS)
#define PATH       BIT(REQUEST_PATH)
#define EVERYTHING (BIT(REQUEST_VARIABLES) - 1)

/* What each verb requires, and what else it looks at: GC and STATUS arrive with
 * an empty id, netns and ifname, VERSION with placeholders in them. CNI_PATH is
 * missed where a delegate has to be found, not here. */
static const struct request_rule {
	const char *command;
	enum request_verb verb;
	unsigned int required;
	unsigned int used;
	unsigned int budget_ms;
} request_rules[] = {
	{ "ADD", REQUEST_ADD, KEY | NETNS, EVERYTHING, 20000 },
	{ "DEL", REQUEST_DEL, KEY, EVERYTHING, 4000 },
	{ "CHECK", REQUEST_CHECK, KEY | NETNS, EVERYTHING, 2000 },
	{ "GC", REQUEST_GC, 0, PATH, 10000 },
	{ "STATUS", REQUEST_STATUS, 0, PATH, 2000 },
	{ "VERSION", REQUEST_VERSION, 0, 0, 2000 },
};

const char *request_verb_text(enum request_verb verb)
{
	for (size_t i = 0; i < ARRAY_SIZE(request_rules); i++) {
		if (request_rules[i].verb == verb)
			return request_rules[i].command;
	}
	return "";
}

bool request_ifname_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ)
		return false;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (const char *p = name; *p; p++) {
		unsigned char c = (unsigned char)*p;

		/* 0xa0: a space to the kernel (lib/ctype.c), which reads
		 * Latin-1 and refuses such a name. */
		if (c <= ' ' || c == 0x7f || c == 0xa0 || strchr("/:%", c))
			return false;
	}
	return true;
}

bool request_id_is_valid(const char *id)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	if (!*id || !strchr(first, *id))
		return false;
	for (const char *p = id; *p; p++) {
		if (!strchr(first, *p) && !strchr("_.-", *p))
			return false;
	}
	return true;
}

static const char *request_getenv(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static int request_store(char **member, const char *value, struct error *err)
{
	char *copy = strdup(value);

	if (!copy)
		return error_oom(err);
	free(*member);
	*member = copy;
	return 0;
}

static int request_read_id(struct request *request, const char *value,
			   struct error *err)
{
	if (*value && !request_id_is_valid(value))
		return error_set(err, ERROR_ENVIRONMENT, 0,
				 "CNI_CONTAINERID: \"%s\" is not valid: it "
				 "begins with a letter or digit, and goes on "
				 "with these, '_', '.' and '-'",
				 value);
	return request_store(&request->container_id, value, err);
}

static int request_read_netns(struct request *request, const char *value,
			      struct error *err)
{
	if (*value && *value != '/')
		return error_set(err, ERROR_ENVIRONMENT, 0,
				 "CNI_NETNS: \"%s\" is no absolute path",
				 value);
	return request_store(&request->netns, value, err);
}

static int request_read_ifname(struct request *request, const char *value,
			       struct error *err)
{
	if (*value && !request_ifname_is_valid(value))
		return error_set(err, ERROR_ENVIRONMENT, 0,
				 "CNI_IFNAME: \"%s\" is no interface name: 1 "
				 "to 15 bytes, not \".\" or \"..\", without "
				 "'/', ':', '%%' and white space",
				 value);
	return request_store(&request->ifname, value, err);
}

static int request_read_path(struct request *request, const char *value,
			     struct error *err)
{
	return request_store(&request->path, value, err);
}

/* One address of IP=; a prefix length is accepted and means nothing. */
static int request_add_ip(struct request_args *args, const char *text,
			  struct error *err)
{
	struct inet_prefix prefix;
	struct inet_addr *grown;

	if (!inet_addr_parse(text, &prefix.addr) &&
	    !inet_prefix_parse(text, &prefix))
		return error_set(err, ERROR_ENVIRONMENT, 0,
				 "CNI_ARGS: IP: \"%s\" is no address", text);

	for (size_t i = 0; i < args->n_ips; i++) {
		if (inet_addr_equal(&args->ips[i], &prefix.addr))
			return 0;
	}
	grown = reallocarray(args->ips, args->n_ips + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	args->ips = grown;
	args->ips[args->n_ips++] = prefix.addr;
	return 0;
}

static int request_read_ips(struct request_args *args, char *list,
			    struct error *err)
{
	char *rest = list;
	char *text;
	int r;

	while ((text = strsep(&rest, ","))) {
		text += strspn(text, " ");
		text[strcspn(text, " ")] = '\0';
		if (!*text)
			continue;
		r = request_add_ip(args, text, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * CNI_ARGS come from several hands at once: Multus repeats what it inherited,
 * containerd emits them in random order, values may be empty. The runtime sends
 * MAC and IP with ADD only, so a DEL must never stumble over them.
 */
static int request_read_args(struct request *request, const char *value,
			     struct error *err)
{
	struct request_args *args = &request->args;
	const struct {
		const char *key;
		char **member;
	} texts[] = {
		{ "MAC", &args->mac },
		{ "K8S_POD_NAMESPACE", &args->pod_namespace },
		{ "K8S_POD_NAME", &args->pod_name },
		{ "K8S_POD_UID", &args->pod_uid },
	};
	cleanup_free char *copy = strdup(value);
	char *ips = NULL;
	char *rest = copy;
	char *piece;
	int r;

	if (!copy)
		return error_oom(err);

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		r = request_store(texts[i].member, "", err);
		if (r < 0)
			return r;
	}

	while ((piece = strsep(&rest, ";"))) {
		char *text = strchr(piece, '=');

		if (!text)
			continue;
		*text++ = '\0';
		if (strcmp(piece, "IP") == 0)
			ips = text;
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
			if (strcmp(piece, texts[i].key) != 0)
				continue;
			r = request_store(texts[i].member, text, err);
			if (r < 0)
				return r;
		}
	}
	if (!ips || request->verb != REQUEST_ADD)
		return 0;
	return request_read_ips(args, ips, err);
}

static const struct request_field {
	const char *name;
	int (*read)(struct request *request, const char *value,
		    struct error *err);
} request_fields[REQUEST_VARIABLES] = {
	[REQUEST_CONTAINERID] = { "CNI_CONTAINERID", request_read_id },
	[REQUEST_NETNS] = { "CNI_NETNS", request_read_netns },
	[REQUEST_IFNAME] = { "CNI_IFNAME", request_read_ifname },
	[REQUEST_ARGS] = { "CNI_ARGS", request_read_args },
	[REQUEST_PATH] = { "CNI_PATH", request_read_path },
};

/* A malformed value ends it at once; what is missing is told all together. */
static int request_read_environment(const struct request_rule *rule,
				    struct request *ret, struct error *err)
{
	char missing[128] = "";
	size_t used = 0;
	int r;

	for (unsigned int i = 0; i < REQUEST_VARIABLES; i++) {
		const struct request_field *field = &request_fields[i];
		const char *value = "";

		if (rule->used & BIT(i))
			value = request_getenv(field->name);
		if (!*value && rule->required & BIT(i))
			used += (size_t)snprintf(missing + used,
						 sizeof(missing) - used, "%s%s",
						 used ? "," : "", field->name);
		r = field->read(ret, value, err);
		if (r < 0)
			return r;
	}
	if (used)
		return error_set(err, ERROR_ENVIRONMENT, 0,
				 "required environment variables are missing: "
				 "%s",
				 missing);
	return 0;
}

static const struct request_rule *request_find_rule(const char *command)
{
	for (size_t i = 0; i < ARRAY_SIZE(request_rules); i++) {
		if (strcmp(request_rules[i].command, command) == 0)
			return &request_rules[i];
	}
	return NULL;
}

/* A runtime that never closes our stdin must not hang us for ever. Files and
 * broken descriptors are ready at once; read() tells about the latter. */
static int request_wait_stdin(uint64_t deadline_ms, struct error *err)
{
	struct pollfd poller = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t now;
	int r;

	do {
		now = file_boottime_ms();
		if (now >= deadline_ms)
			return error_set(err, ERROR_IO, ETIMEDOUT,
					 "stdin: no end of it");
		r = poll(&poller, 1, (int)(deadline_ms - now));
	} while (r == 0 || (r < 0 && errno == EINTR));

	return r < 0 ? error_set(err, ERROR_IO, errno, "stdin") : 0;
}

static int request_read_stdin(struct request *ret, struct error *err)
{
	cleanup_free char *text = malloc(REQUEST_STDIN_MAX + 2);
	size_t len = 0;
	ssize_t n;
	int r;

	if (!text)
		return error_oom(err);
	do {
		r = request_wait_stdin(ret->deadline_ms, err);
		if (r < 0)
			return r;
		n = read(STDIN_FILENO, text + len, REQUEST_STDIN_MAX + 1 - len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return error_set(err, ERROR_IO, errno, "read stdin");
		if (n > 0)
			len += (size_t)n;
		if (len > REQUEST_STDIN_MAX)
			return error_set(err, ERROR_IO, EFBIG,
					 "stdin: more than %zu bytes",
					 REQUEST_STDIN_MAX);
	} while (n != 0);

	text[len] = '\0';
	ret->config = take_ptr(text);
	ret->config_len = len;
	return 0;
}

static bool request_is_true(const char *value)
{
	return strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0;
}

int request_read(struct request *ret, struct error *err)
{
	const char *command = request_getenv("CNI_COMMAND");
	const struct request_rule *rule;
	int r;

	*ret = (struct request){ .verb = REQUEST_NONE };
	if (!*command)
		return 0;

	rule = request_find_rule(command);
	if (!rule)
		return error_set(err, ERROR_ENVIRONMENT, 0,
				 "CNI_COMMAND: \"%s\" is no command", command);
	ret->verb = rule->verb;
	ret->deadline_ms = file_boottime_ms() + rule->budget_ms;
	ret->netns_override =
		request_is_true(request_getenv("CNI_NETNS_OVERRIDE"));

	r = request_read_environment(rule, ret, err);
	if (r < 0 || rule->verb == REQUEST_VERSION)
		return r;
	return request_read_stdin(ret, err);
}

void request_clear(struct request *request)
{
	free(request->container_id);
	free(request->netns);
	free(request->ifname);
	free(request->path);
	free(request->args.mac);
	free(request->args.ips);
	free(request->args.pod_namespace);
	free(request->args.pod_name);
	free(request->args.pod_uid);
	free(request->config);
	*request = (struct request){ 0 };
}
