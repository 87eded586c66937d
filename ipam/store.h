#ifndef IPAM_STORE_H
#define IPAM_STORE_H

/*
 * Where reservations are kept. A store chooses an address with the pure
 * allocator and keeps it in one atomic step, for all sets of one ADD together:
 * how it learns what is taken is what the stores differ in.
 *
 * Uniqueness is per (pool, address) in every store, whatever the network is
 * called.
 */

#include "ipam/config.h"

#define STORE_MAX_ADDRESSES 16 /* of one attachment */

enum {
	STORE_EXHAUSTED = 1, /* no candidate is free; *ret_set says where */
	STORE_TAKEN = 2, /* a requested address is somebody's */
	STORE_ABSENT = 3, /* no such attachment */
	STORE_PENDING = 4, /* an ADD of it is in progress, its process lives */
	STORE_LIVE = 5, /* it is attached already */
	STORE_BUSY = 6, /* the lock's deadline passed */
};

/* (network, container id, ifname), and what is known about it. Strings are
 * borrowed. */
struct store_attachment {
	const char *network;
	const char *container_id;
	const char *ifname;
	const char *netns;
	uint64_t netns_cookie;
	const char *pod_namespace; /* "" if unknown, likewise the next two */
	const char *pod_name;
	const char *pod_uid;
};

struct store_address {
	struct inet_prefix address; /* with the network's length */
	struct inet_addr gateway; /* family 0: none */
};

enum store_state {
	STORE_STATE_PENDING,
	STORE_STATE_LIVE,
};

/* A record as read back; strings are owned. */
struct store_record {
	char *network;
	char *container_id;
	char *ifname;
	char *netns;
	uint64_t netns_cookie;
	char *pod_namespace;
	char *pod_name;
	char *pod_uid;
	char *pool;
	enum store_state state;
	int pid; /* of the ADD that made it */
	uint64_t pid_start; /* its start time, /proc/PID/stat field 22 */
	uint64_t since_ms; /* CLOCK_BOOTTIME */
	struct store_address addresses[STORE_MAX_ADDRESSES];
	size_t n_addresses;
};
void store_record_clear(struct store_record *record);

struct store_records {
	struct store_record *items;
	size_t count;
};
void store_records_clear(struct store_records *records);

/* What an ADD wants: one address of each set, or the requested one. */
struct store_wish {
	const struct ipam_config *config;
	const struct store_attachment *attachment;
	/* Requested address per set; family 0: the store's choice. */
	struct inet_addr requested[STORE_MAX_ADDRESSES];
};

/* What is in a store, for STATUS and for people. */
struct store_usage {
	inet_uint candidates;
	inet_uint used;
	inet_uint resting;
};

struct store;

struct store_ops {
	const char *name;
	int (*reserve)(struct store *store, const struct store_wish *wish,
		       struct store_record *ret, size_t *ret_set,
		       struct error *err);
	int (*confirm)(struct store *store,
		       const struct store_attachment *attachment,
		       struct error *err);
	int (*release)(struct store *store,
		       const struct store_attachment *attachment,
		       struct error *err);
	int (*find)(struct store *store,
		    const struct store_attachment *attachment,
		    struct store_record *ret, struct error *err);
	int (*list)(struct store *store, struct store_records *ret,
		    struct error *err);
	int (*usage)(struct store *store, const struct ipam_config *config,
		     size_t set, struct store_usage *ret, struct error *err);
	struct store *(*close)(struct store *store);
};

struct store {
	const struct store_ops *ops; /* first member of each backend */
};

/**
 * store_local_open() - The local table (LMDB)
 * @read_only:	For CHECK and STATUS: creates nothing; an absent table is empty
 * @timeout_ms:	Deadline of each transaction's lock
 */
int store_local_open(const struct ipam_config *config, bool read_only,
		     unsigned int timeout_ms, struct store **ret,
		     struct error *err);

#endif
