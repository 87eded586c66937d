#ifndef PLUGIN_REQUEST_H
#define PLUGIN_REQUEST_H

/*
 * What the runtime asks: environment and stdin (CNI specification 1.1.0,
 * "Section 2: Execution Protocol"), checked but not yet interpreted.
 */

#include "lib/error.h"
#include "lib/inet.h"

enum request_verb {
	REQUEST_NONE, /* no CNI_COMMAND: say who we are */
	REQUEST_ADD,
	REQUEST_DEL,
	REQUEST_CHECK,
	REQUEST_GC,
	REQUEST_STATUS,
	REQUEST_VERSION,
};

/* CNI_ARGS, read tolerantly: split at ';', the last duplicate wins, unknown
 * keys ignored. */
struct request_args {
	char *mac; /* MAC, or NULL */
	struct inet_addr *ips; /* IP, a comma list, prefix lengths dropped */
	size_t n_ips;
	char *pod_namespace; /* "" if not given, likewise the next two */
	char *pod_name;
	char *pod_uid;
};

struct request {
	enum request_verb verb;
	char *container_id; /* "" if not given, likewise the next three */
	char *netns;
	char *ifname;
	char *path; /* CNI_PATH */
	bool netns_override; /* CNI_NETNS_OVERRIDE: the guard is off */
	struct request_args args;
	char *config; /* stdin, NUL-terminated; NULL for VERSION */
	size_t config_len;
};
void request_clear(struct request *request);
#define cleanup_request cleanup(request_clear)

/**
 * request_read() - Environment and stdin into a request
 *
 * Validates what the verb needs and nothing else; an empty variable is an
 * absent one. VERSION and REQUEST_NONE read no byte of stdin.
 *
 * Return: 0, or negative: ERROR_ENVIRONMENT names the variables, ERROR_IO
 */
int request_read(struct request *ret, struct error *err);

/** request_ifname_is_valid() - 1 to 15 bytes, as the kernel takes them */
bool request_ifname_is_valid(const char *name);

/** request_id_is_valid() - Container id and network name: alphanumeric, then
 * also '_', '.', '-' */
bool request_id_is_valid(const char *id);

#endif
