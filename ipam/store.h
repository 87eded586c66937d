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
#include "lib/process.h"

#define STORE_MAX_ADDRESSES 16 /* of one attachment */

enum {
	STORE_EXHAUSTED = 1, /* no candidate is free; *ret_set says where */
	STORE_TAKEN = 2, /* a requested address is somebody's */
	STORE_ABSENT = 3, /* no such attachment */
	STORE_PENDING = 4, /* an ADD of it is in progress, its process lives */
	STORE_LIVE = 5, /* it is attached already */
	STORE_BUSY = 6, /* the lock's deadline passed */
	STORE_DUE = 7, /* it is time; see store_ops.due */
};

/* Where a namespace was seen when it was recorded: what a later look is compared
 * with. All-zero is "not known", and proves nothing. */
struct store_place {
	uint64_t netns_ino; /* of nsfs; reused, unlike the cookie */
	uint64_t netns_ctime; /* of that inode, in ns */
	uint64_t dir_dev; /* the folder of its path */
	uint64_t dir_ino;
};

/* (network, container id, ifname), and what is known about it. Strings are
 * borrowed. */
struct store_attachment {
	const char *network;
	const char *container_id;
	const char *ifname;
	const char *netns;
	uint64_t netns_cookie;
	struct store_place place;
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
	struct store_place place;
	char *pod_namespace;
	char *pod_name;
	char *pod_uid;
	char *pool;
	enum store_state state;
	struct process process; /* the ADD that made it */
	uint64_t since_ms; /* CLOCK_BOOTTIME of its reservation */
	uint64_t
		dead_ms; /* the same, of when it was first seen dead; 0: never */
	struct store_address addresses[STORE_MAX_ADDRESSES];
	size_t n_addresses;
};
void store_record_clear(struct store_record *record);
#define cleanup_store_record cleanup(store_record_clear)

/** store_record_fill() - Own copies of what the attachment says */
int store_record_fill(struct store_record *record,
		      const struct store_attachment *attachment,
		      const char *pool, struct error *err);

/** store_record_attachment() - Whose it is, and its pod; borrows the names */
struct store_attachment
store_record_attachment(const struct store_record *record);

/**
 * store_record_is_in_progress() - Pending, and may its ADD still finish?
 *
 * Not if its process is gone; of one in another pid namespace only the age is
 * known, and no ADD takes as long as a minute.
 *
 * Return: 1 or 0, or negative
 */
int store_record_is_in_progress(const struct store_record *record,
				struct error *err) warn_unused;

/** store_record_is_same() - The same reservation, not a later one of the same
 * attachment; and as far as it was */
bool store_record_is_same(const struct store_record *a,
			  const struct store_record *b);

/**
 * store_owner() - Who may have an address back before it has rested
 *
 * The pod's interface, under whatever container id; without a pod's name, the
 * container's.
 */
int store_owner(const char *pod_namespace, const char *pod_name,
		const char *container_id, const char *ifname, char **ret,
		struct error *err);

/** store_hash() - Where the permutation of the pool's addresses begins for an
 * owner: in every store the same, so that a move from one to another keeps it */
uint64_t store_hash(const char *pool, const char *owner);

/** store_address_of() - An address of a set, as it is recorded */
struct store_address store_address_of(const struct ipam_range_set *set,
				      const struct inet_addr *addr);

/** store_record_encode() / store_record_decode() - For keeping it as bytes
 *
 * Records of the first version, which knew no place, are read as well: a new
 * program serves what an old one attached.
 *
 * Decoding answers negative with ERROR_STORE if @data is no record. */
int store_record_encode(const struct store_record *record, uint8_t **ret,
			size_t *ret_len, struct error *err);
int store_record_decode(const uint8_t *data, size_t len,
			struct store_record *ret, struct error *err);

struct store_records {
	struct store_record *items;
	size_t count;
};
void store_records_clear(struct store_records *records);
#define cleanup_store_records cleanup(store_records_clear)

/** store_records_add() - @record is the last one then, and empty */
int store_records_add(struct store_records *records,
		      struct store_record *record, struct error *err);

/** store_records_unite() - Those of @from whose attachment @records has not; the
 * rest stays @from's */
int store_records_unite(struct store_records *records,
			struct store_records *from, struct error *err);

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

/* Where the server and this node differ. */
enum store_difference {
	STORE_FORGOTTEN, /* alive here, and not reserved */
	STORE_NAMELESS, /* the same, of a container that is not known here */
	STORE_TAKEN_BY_ANOTHER, /* alive here, and reserved for another */
	STORE_NOBODYS, /* reserved for this node, which does not know it */
	STORE_LOST, /* the same, and its pod may live */
	STORE_OUTDATED, /* what is reserved says what was true before */
	STORE_UNUSED, /* reserved for this node itself, which does not bear it */
	STORE_RESTORED, /* the server knows less than it did */
};

struct store_finding {
	enum store_difference kind;
	struct inet_addr addr; /* family 0: of all */
	bool is_repaired;
	char text[1024];
};
typedef void (*store_tell)(void *arg, const struct store_finding *finding);

struct store;

/* All answer STORE_BUSY if the lock's deadline passed. */
struct store_ops {
	const char *name;

	/* One address of each set, kept as pending, or nothing. A record whose
	 * ADD is dead is taken over, with its addresses where they still fit.
	 * 0; STORE_EXHAUSTED: @ret_set; STORE_TAKEN: @ret_set, and @ret is the
	 * holder; STORE_PENDING, STORE_LIVE: @ret is the record. @ret is the
	 * caller's to clear in any case. */
	int (*reserve)(struct store *store, const struct store_wish *wish,
		       struct store_record *ret, size_t *ret_set,
		       struct error *err);

	/* The attachment that this process reserved is live.
	 * 0, STORE_ABSENT (gone, or another process has it). */
	int (*confirm)(struct store *store,
		       const struct store_attachment *attachment,
		       struct error *err);

	/* Its addresses rest, and are free then. 0, STORE_ABSENT. */
	int (*release)(struct store *store,
		       const struct store_attachment *attachment,
		       struct error *err);

	/* As release, and only while the record is what @record was read as: a
	 * DEL and a new ADD may have passed meanwhile. 0, STORE_ABSENT. */
	int (*reap)(struct store *store, const struct store_record *record,
		    struct error *err);

	/* Keep when it was first seen dead; 0: it was seen alive. The condition
	 * is that of reap. 0, STORE_ABSENT. */
	int (*mark)(struct store *store, const struct store_record *record,
		    uint64_t dead_ms, struct error *err);

	/* Has this store's @task not been done for @period_ms? Then it counts as
	 * done now, and the answer is STORE_DUE: of many callers, one does it. */
	int (*due)(struct store *store, const char *task, uint64_t period_ms,
		   struct error *err);

	/* @addr is somebody's whom no store knows (@whose): it rests for long,
	 * the attachment's other addresses are free. 0, STORE_ABSENT. */
	int (*refuse)(struct store *store,
		      const struct store_attachment *attachment,
		      const struct inet_addr *addr, const char *whose,
		      struct error *err);

	/* 0, STORE_ABSENT. */
	int (*find)(struct store *store,
		    const struct store_attachment *attachment,
		    struct store_record *ret, struct error *err);

	int (*list)(struct store *store, struct store_records *ret,
		    struct error *err);
	int (*usage)(struct store *store, size_t set, struct store_usage *ret,
		     struct error *err);

	/* Did the last call fail because the store is damaged? */
	bool (*is_damaged)(const struct store *store);

	/* A new one in its place, that holds @known. 0, also if another process
	 * was first. */
	int (*rebuild)(struct store *store, const struct store_records *known,
		       struct error *err);

	/* Compare with the server that others share; @repair: this node's word
	 * counts. Each difference is told. NULL where there is no server. */
	int (*audit)(struct store *store, bool repair, store_tell tell,
		     void *arg, struct error *err);

	/* Could it be written to? Changes nothing. */
	int (*ready)(struct store *store, struct error *err);

	struct store *(*close)(struct store *store);
};

struct store { /* first member of each backend */
	const struct store_ops *ops;
	unsigned int timeout_ms; /* deadline of each transaction's lock */
};

/** store_close() - Returns NULL; NULL is fine */
struct store *store_close(struct store *store);

static inline void store_cleanup(struct store **store)
{
	store_close(*store);
}
#define cleanup_store cleanup(store_cleanup)

/**
 * store_local_open() - The local table (LMDB)
 * @config:	Must outlive the store
 * @read_only:	For CHECK and STATUS: creates nothing; an absent table is empty
 * @timeout_ms:	Deadline of each transaction's lock
 */
int store_local_open(const struct ipam_config *config, bool read_only,
		     unsigned int timeout_ms, struct store **ret,
		     struct error *err);

/**
 * store_whereabouts_open() - Whereabouts' pools in the API server
 *
 * As store_kube_open().
 */
int store_whereabouts_open(const struct ipam_config *config, bool read_only,
			   unsigned int timeout_ms, struct store **ret,
			   struct error *err);

/**
 * store_kube_open() - Reservations in the API server
 *
 * As store_local_open(); @config names the node and the kubeconfig, which is read
 * with the first request.
 */
int store_kube_open(const struct ipam_config *config, bool read_only,
		    unsigned int timeout_ms, struct store **ret,
		    struct error *err);

/**
 * store_both_open() - Whereabouts' pools and Reservations, every address in both
 *
 * As store_kube_open(); while a range moves from the one to the other.
 */
int store_both_open(const struct ipam_config *config, bool read_only,
		    unsigned int timeout_ms, struct store **ret,
		    struct error *err);

/** store_exists() - Has this node used that store in this boot? A hint: there is
 * a file */
bool store_exists(const struct ipam_config *config, enum ipam_store which);

#endif
