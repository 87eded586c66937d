#ifndef IPAM_RESERVATION_H
#define IPAM_RESERVATION_H

/*
 * A Reservation (hostshim.dev/v1alpha1): one address of one pool, as an object
 * of the API server. It is named by the address, so that the server itself keeps
 * two from having the same, and never changes hands: conf/kubernetes/crd.yaml.
 * Pure: text in, text out.
 */

#include "lib/inet.h"
#include "lib/json.h"

#define RESERVATION_PATH        "/apis/hostshim.dev/v1alpha1/reservations"
#define RESERVATION_ADOPTED     "adopted-" /* how attempts begin, see adopt.h */
#define RESERVATION_NAME        104 /* with terminator, likewise the next */
#define RESERVATION_LABEL       64
#define RESERVATION_LABEL_NODE  "hostshim.dev/node"
#define RESERVATION_LABEL_OWNER "hostshim.dev/attachment"
#define RESERVATION_LABEL_BLOCK "hostshim.dev/block"
#define RESERVATION_LABEL_POOL  "hostshim.dev/pool"

struct reservation {
	char name[RESERVATION_NAME];
	char uid[65];
	uint64_t version; /* resourceVersion */
	int64_t created; /* seconds since 1970, 0: unknown */
	bool is_going; /* deleted, and held by a finalizer */

	struct inet_addr address;
	bool is_host; /* a node's own address, not a pod's */
	struct inet_addr vtep; /* of a node; family 0: none */
	char pool[64];
	char node[254];
	char boot_id[65];
	char attempt[65];
	char pod_namespace[64];
	char pod_name[254];
	char pod_uid[65];
	char ifname[16];
	char container_id[257];
	char network[257];
};

/** reservation_name() - "[pool.]address", IPv6 in full with dashes */
const char *reservation_name(const char *pool, const struct inet_addr *addr,
			     char ret[static RESERVATION_NAME]);

/**
 * reservation_parse_name() - The address of a name in @pool
 *
 * Return: false if it is another pool's name, or none
 */
bool reservation_parse_name(const char *name, const char *pool,
			    struct inet_addr *ret) warn_unused;

/** reservation_block() - Label of an address' block: its first address, as in
 * names. Returns @ret */
const char *reservation_block(const struct inet_addr *addr,
			      char ret[static RESERVATION_LABEL]);

/** reservation_owner() - Label of an attachment: 32 hex digits of
 * SHA-256(container id, NUL, ifname). Returns @ret */
const char *reservation_owner(const char *container_id, const char *ifname,
			      char ret[static RESERVATION_LABEL]);

/** reservation_node() - Label of a node: its name, or 32 hex digits of its
 * SHA-256 where that is no label. Returns @ret */
const char *reservation_node(const char *node,
			     char ret[static RESERVATION_LABEL]);

/**
 * reservation_write() - As an object to create
 *
 * Without name, uid and version, which follow from the rest or are the server's.
 *
 * Return: 0, or negative: no memory; ERROR_CONFIG where something is longer than
 * the definition takes
 */
int reservation_write(const struct reservation *reservation, char **ret,
		      struct error *err);

/**
 * reservation_read() - An object as the server has it
 *
 * Whatever others wrote: what is missing is empty, but for name, uid, address
 * and kind, without which it is none of ours.
 *
 * Return: 0, or negative with ERROR_STORE
 */
int reservation_read(const struct json_at *at, struct reservation *ret,
		     struct error *err);

/** reservation_is_adopted() - Made by no ADD, but for what another store has
 * given (adopt.h): which of several networks over one range it was given in is
 * not known */
bool reservation_is_adopted(const struct reservation *reservation);

/** reservation_version() - A resourceVersion as a number; 0 if it is none */
uint64_t reservation_version(const struct json_at *metadata);

#endif
