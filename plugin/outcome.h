#ifndef PLUGIN_OUTCOME_H
#define PLUGIN_OUTCOME_H

/*
 * The result of an ADD while it comes about: what the chain brought
 * (prevResult), then ours.
 */

#include "ipam/ipam.h"
#include "lib/netlink.h"
#include "plugin/config.h"
#include "plugin/result.h"

struct outcome {
	struct result result;
	size_t first_ip; /* ours begin here */
	size_t first_route;
};

static inline void outcome_clear(struct outcome *outcome)
{
	result_clear(&outcome->result);
}
#define cleanup_outcome cleanup(outcome_clear)

/**
 * outcome_check_version() - Can the result be told in the configuration's version?
 * @given:	What a delegate gave; empty before, and where the addresses are
 *		ours (it is known how many there will be)
 *
 * Return: 0, also while it is not known; negative with ERROR_VERSION
 */
int outcome_check_version(const struct config *config,
			  const struct ipam_result *given, struct error *err);

/**
 * outcome_begin() - prevResult, then the addresses and routes of the pod's link
 *
 * Every route has its gateway spelled out: its own, else that of the first
 * address of its family.
 */
int outcome_begin(struct outcome *outcome, const struct config *config,
		  const struct ipam_result *given, struct error *err);

/**
 * outcome_finish() - The pod's interface, the shim if asked for, and dns
 * @link:	The pod's, as it is now
 * @shim:	NULL: not listed
 */
int outcome_finish(struct outcome *outcome, const struct config *config,
		   const struct ipam_result *given,
		   const struct netlink_link *link, const char *sandbox,
		   const struct netlink_link *shim, struct error *err);

#endif
