#ifndef PLUGIN_REQUEST_H
#define PLUGIN_REQUEST_H

/*
 * What the runtime asks: environment and stdin (CNI specification 1.1.0,
 * "Section 2: Execution Protocol"), checked but not yet interpreted.
 */

#include "lib/error.h"
#include "lib/inet.h"

#define REQUEST_STDIN_MAX ((size_t)1 << 20)

enum request_verb {
	REQUEST_NONE, /* no CNI_COMMAND: say who we are */
	REQUEST_ADD,
	REQUEST_DEL,
	REQUEST_CHECK,
	REQUEST_GC,
	REQUEST_STATUS,
	REQUEST_VERSION,
};

/* CNI_ARGS, read tolerantly: split at ';', the last duplicate wins, pieces that
 * we do not know are ignored. */
struct request_args {
	char *mac; /* MAC; "" if not given, likewise the texts below */
	struct inet_addr *ips; /* IP, a comma list without duplicates; ADD */
	size_t n_ips;
	char *pod_namespace;
	char *pod_name;
	char *pod_uid;
};

struct request {
	const char *program; /* the name that we were called by, without its
			      * folder; NULL: it does not matter */
	enum request_verb verb;
	char *container_id; /* "" if not given, likewise the next three */
	char *netns;
	char *ifname;
	char *path; /* CNI_PATH */
	bool netns_override; /* CNI_NETNS_OVERRIDE: the guard is off */
	struct request_args args;
	char *config; /* stdin, NUL-terminated; NULL for VERSION */
	size_t config_len;
	uint64_t deadline_ms; /* CLOCK_BOOTTIME: when to have given up */
};
void request_clear(struct request *request);
#define cleanup_request cleanup(request_clear)

/**
 * request_read() - Environment and stdin into a request
 *
 * Validates what the verb uses and nothing else; an empty variable is an
 * absent one. VERSION and REQUEST_NONE read no byte of stdin.
 *
 * The deadline is the verb's wall clock budget, counted from here. Nothing
 * interrupts us at it, because an interrupted ADD leaves things behind: whoever
 * waits (for stdin, a delegate, a lock, duplicate address detection) waits for
 * a bounded time, and no longer than until the deadline.
 *
 * Return: 0, or negative: ERROR_ENVIRONMENT names the variables, ERROR_IO
 */
int request_read(struct request *ret, struct error *err);

/**
 * request_ifname_is_valid() - 1 to 15 bytes, as the kernel takes them
 *
 * No '/', ':', white space, control bytes, "." or "..", and no '%', which the
 * kernel takes for a template.
 */
bool request_ifname_is_valid(const char *name);

/**
 * request_id_is_valid() - Container id and network name
 *
 * An ASCII letter or digit, then these, '_', '.' and '-'.
 */
bool request_id_is_valid(const char *id);

/** request_verb_text() - "ADD"; "" for REQUEST_NONE */
const char *request_verb_text(enum request_verb verb);

#endif
