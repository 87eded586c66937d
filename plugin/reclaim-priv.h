#ifndef PLUGIN_RECLAIM_PRIV_H
#define PLUGIN_RECLAIM_PRIV_H

/*
 * One pass over this node's records, for plugin/{reclaim,gc}.c only.
 */

#include "plugin/reclaim.h"
#include "plugin/witness.h"

struct reclaim_pass {
	struct ipam *ipam;
	struct witness witness;
	uint64_t now_ms;
	unsigned int released;
};

/** reclaim_pass_begin() - Reads the records
 * @limit_ms:	0: none */
int reclaim_pass_begin(struct reclaim_pass *pass, unsigned int limit_ms,
		       struct store_records *records, struct error *err);

/** reclaim_is_over() - Has the pass no time left? */
bool reclaim_is_over(const struct reclaim_pass *pass);

/** reclaim_is_young() - Younger than any list may be */
bool reclaim_is_young(const struct store_record *record);

/** reclaim_context() - Say of which attachment an error is */
int reclaim_context(const struct store_record *record, struct error *err);

#endif
