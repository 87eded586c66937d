#ifndef IPAM_IPAM_H
#define IPAM_IPAM_H

/*
 * The face of the addresses: reserve, confirm, release, check. Knows no
 * interface; attach.c brings the two together. The protocol, and what is true
 * if we die on each line, is told at the top of ipam.c.
 */

#include "ipam/config.h"
#include "ipam/store.h"

enum {
	IPAM_ABSENT = 1, /* no such attachment */
	IPAM_LIVE = 2, /* the attachment exists already */
	IPAM_DUE = 3, /* it is time */
};

struct ipam;

/* What is handed to the pod, in the order of the sets, statics last. */
struct ipam_result {
	struct store_address *addresses;
	size_t n_addresses;
	struct inet_route *routes;
	size_t n_routes;
	struct ipam_dns dns;
};
void ipam_result_clear(struct ipam_result *result);
#define cleanup_ipam_result cleanup(ipam_result_clear)

/**
 * ipam_open() - Open the store that the section names
 * @config:	Validated, built in; must outlive the handle
 * @read_only:	For CHECK and STATUS
 */
int ipam_open(const struct ipam_config *config, bool read_only,
	      struct ipam **ret, struct error *err);

/** ipam_close() - Returns NULL; NULL is fine */
struct ipam *ipam_close(struct ipam *ipam);

static inline void ipam_cleanup(struct ipam **ipam)
{
	ipam_close(*ipam);
}
#define cleanup_ipam cleanup(ipam_cleanup)

/**
 * ipam_reserve() - One address of each set, committed as pending
 * @attachment:	Whose
 * @requested:	Addresses that were asked for; each must fit one set
 * @ret:	Yours
 *
 * A record that a killed ADD of the same attachment left is taken over.
 *
 * Return: 0; IPAM_LIVE (nothing changed; the caller decides whether its
 * interface still exists); or negative: ERROR_POOL_EXHAUSTED with numbers,
 * ERROR_ADDRESS_TAKEN, ERROR_ADDRESS_INVALID, ERROR_AGAIN (another ADD of it is
 * in progress, or the lock's deadline passed), ERROR_IO, ERROR_STORE
 */
int ipam_reserve(struct ipam *ipam, const struct store_attachment *attachment,
		 const struct inet_addr *requested, size_t n_requested,
		 struct ipam_result *ret, struct error *err) warn_unused;

/** ipam_confirm() - The attachment is live; last step of an ADD
 * Return: 0, IPAM_ABSENT (somebody released it meanwhile), or negative */
int ipam_confirm(struct ipam *ipam, const struct store_attachment *attachment,
		 struct error *err) warn_unused;

/**
 * ipam_refuse() - The segment says that @addr is somebody's
 * @whose:	MAC, as text
 *
 * It rests for ten minutes, for everybody. The attachment's reservation is gone,
 * its other addresses are free at once: reserve again.
 *
 * Return: 0, IPAM_ABSENT, or negative
 */
int ipam_refuse(struct ipam *ipam, const struct store_attachment *attachment,
		const struct inet_addr *addr, const char *whose,
		struct error *err) warn_unused;

/**
 * ipam_release() - Give its addresses back; they rest for reuseDelay
 *
 * Return: 0, IPAM_ABSENT, or negative
 */
int ipam_release(struct ipam *ipam, const struct store_attachment *attachment,
		 struct error *err) warn_unused;

/**
 * ipam_reap() - Release what was found dead, if it is still that record
 *
 * Return: 0, IPAM_ABSENT (released, or attached anew meanwhile), or negative
 */
int ipam_reap(struct ipam *ipam, const struct store_record *record,
	      struct error *err) warn_unused;

/** ipam_mark() - Keep when a record was first seen dead; 0: it lives
 * Return: as ipam_reap() */
int ipam_mark(struct ipam *ipam, const struct store_record *record,
	      uint64_t dead_ms, struct error *err) warn_unused;

/**
 * ipam_due() - Is it @period_ms since @task was last done on this node?
 *
 * Return: IPAM_DUE to one caller, 0 to the others, or negative
 */
int ipam_due(struct ipam *ipam, const char *task, uint64_t period_ms,
	     struct error *err) warn_unused;

/** ipam_limit() - Another deadline for each of its locks; returns the old one */
unsigned int ipam_limit(struct ipam *ipam, unsigned int timeout_ms);

/** ipam_find() - The record of an attachment
 * Return: 0, IPAM_ABSENT, or negative */
int ipam_find(struct ipam *ipam, const struct store_attachment *attachment,
	      struct store_record *ret, struct error *err) warn_unused;

/** ipam_is_damaged() - Did the last call fail because the store is damaged?
 * Then ipam_rebuild() makes a new one, and the call may be repeated */
bool ipam_is_damaged(const struct ipam *ipam);

/**
 * ipam_rebuild() - A new store in place of the damaged one, which is kept aside
 * @known:	What it holds from the beginning. Of two that claim one address
 *		the first has it
 *
 * Return: 0 (also if another process was first), or negative
 */
int ipam_rebuild(struct ipam *ipam, const struct store_records *known,
		 struct error *err);

/**
 * ipam_audit() - Compare with the server that all nodes share
 * @repair:	What is alive here is reserved again, what nobody knows is released
 * @tell:	Each difference
 *
 * Return: 0 (also for a store of this node alone), or negative
 */
int ipam_audit(struct ipam *ipam, bool repair, store_tell tell, void *arg,
	       struct error *err);

#define IPAM_COLLECT_MS 61000 /* between its two looks */

/**
 * ipam_collect() - Release what dead nodes left in the API server
 * @kubeconfig:	NULL: of the pod that we are in
 * @pause_ms:	IPAM_COLLECT_MS; a test may not have the time
 * @dry_run:	Only tell
 * @tell:	Each that is dead, twice
 */
int ipam_collect(const char *kubeconfig, unsigned int pause_ms, bool dry_run,
		 store_tell tell, void *arg, struct error *err);

/** ipam_list() - All records of this node, every network */
int ipam_list(struct ipam *ipam, struct store_records *ret, struct error *err);

/** ipam_usage() - What one set of ranges has, and has given; read-only */
int ipam_usage(struct ipam *ipam, size_t set, struct store_usage *ret,
	       struct error *err);

/**
 * ipam_status() - Would a reservation succeed? Read-only
 * @dead:	What would be reaped before it fails; NULL if nothing
 *
 * Return: 0, or negative: ERROR_POOL_EXHAUSTED, ERROR_IO, ERROR_STORE
 */
int ipam_status(struct ipam *ipam, const struct store_records *dead,
		struct error *err);

#endif
