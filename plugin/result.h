#ifndef PLUGIN_RESULT_H
#define PLUGIN_RESULT_H

/*
 * A CNI result, in the newest shape; older shapes exist only as text.
 */

#include "ipam/ipam.h"
#include "lib/json.h"
#include "plugin/version.h"

#include <net/if.h>

struct result_interface {
	char *name;
	char *mac; /* text, or NULL */
	char *sandbox; /* NULL or "" for a host interface */
	uint32_t mtu;
	char *socket_path;
	char *pci_id;
};

struct result_ip {
	struct inet_prefix address;
	struct inet_addr gateway;
	int interface; /* index, -1: none */
};

struct result {
	struct result_interface *interfaces;
	size_t n_interfaces;
	struct result_ip *ips;
	size_t n_ips;
	struct inet_route *routes;
	size_t n_routes;
	struct ipam_dns dns;
};
void result_clear(struct result *result);
#define cleanup_result cleanup(result_clear)

/**
 * result_read() - A result (prevResult, a delegate's) of a given version
 *
 * A cniVersion inside that differs from @version is an error. @ret is
 * yours to clear, also on failure.
 */
int result_read(const struct json_at *at, enum version version,
		struct result *ret, struct error *err);

/**
 * result_check_version() - Can it be said in @version?
 *
 * Asked before anything is created: at 0.1.0 and 0.2.0 a result needs an
 * address, and bears one per family (ERROR_VERSION).
 */
int result_check_version(enum version version, size_t n_ipv4, size_t n_ipv6,
			 struct error *err);

/**
 * result_format() - The JSON text of a result in a version
 *
 * Fields newer than the version are left out; interface index 0 is written.
 * Before 0.3.0 there is room for the first address of each family, and for the
 * routes of those.
 */
int result_format(const struct result *result, enum version version, char **ret,
		  size_t *ret_len, struct error *err);

/* Enough for every error, each byte of it escaped. */
#define RESULT_ERROR_TEXT 8192

/**
 * result_format_error() - The JSON text of an error; needs no memory
 *
 * Always one valid document, whatever bytes are in the error's texts.
 *
 * Return: bytes in @buf, newline included
 */
size_t result_format_error(const struct error *error, enum version version,
			   char buf[static RESULT_ERROR_TEXT]);

#endif
