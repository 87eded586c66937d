#ifndef IPAM_ELSEWHERE_H
#define IPAM_ELSEWHERE_H

/*
 * What this node has in stores that the configuration does not name: an
 * attachment may be older than the configuration that its DEL comes with, or the
 * other way round, since runtimes keep the one that they attached with. So
 * whatever is released is released wherever it is known.
 */

#include "ipam/store.h"

struct elsewhere {
	const struct ipam_config *config;
	bool read_only;
	struct store *stores[4]; /* by enum ipam_store; NULL: not opened */
};
void elsewhere_clear(struct elsewhere *elsewhere);

/**
 * elsewhere_release() - As store_ops.release, in every other store
 * @timeout_ms:	Deadline of each lock
 *
 * One whose table knows the attachment; and one that others know to hold
 * something of these ranges (beside.h), which asks its server for it.
 *
 * Return: 0, STORE_ABSENT, STORE_BUSY, or negative
 */
int elsewhere_release(struct elsewhere *elsewhere, unsigned int timeout_ms,
		      const struct store_attachment *attachment,
		      struct error *err);

/** elsewhere_find() - As store_ops.find */
int elsewhere_find(struct elsewhere *elsewhere, unsigned int timeout_ms,
		   const struct store_attachment *attachment,
		   struct store_record *ret, struct error *err) warn_unused;

/** elsewhere_list() - What the others have, and @records has not, is added */
int elsewhere_list(struct elsewhere *elsewhere, unsigned int timeout_ms,
		   struct store_records *records, struct error *err);

/** elsewhere_reap() / elsewhere_mark() - As store_ops.reap, .mark, in the one
 * that @record is of */
int elsewhere_reap(struct elsewhere *elsewhere, unsigned int timeout_ms,
		   const struct store_record *record, struct error *err);
int elsewhere_mark(struct elsewhere *elsewhere, unsigned int timeout_ms,
		   const struct store_record *record, uint64_t dead_ms,
		   struct error *err);

#endif
