#ifndef PLUGIN_RECLAIM_H
#define PLUGIN_RECLAIM_H

/*
 * What becomes of attachments whose DEL never came.
 */

#include "ipam/ipam.h"

#define RECLAIM_LIMIT_MS 100 /* what an ADD or a STATUS may spend */

enum {
	RECLAIM_GONE = 0,
	RECLAIM_ATTACHED = 1,
};

/**
 * reclaim_is_attached() - Does the recorded namespace still hold the interface?
 *
 * "Gone" is what we see from here: in another mount namespace the recorded path
 * may lead somewhere else. Only for callers with a second witness.
 *
 * Return: RECLAIM_GONE, RECLAIM_ATTACHED (also when it cannot be told), or
 * negative
 */
int reclaim_is_attached(const struct store_record *record, struct error *err)
	warn_unused;

/**
 * reclaim_dead() - Release what is provably dead, on this node
 * @network:	Of this network only; NULL: of all
 * @limit_ms:	Time for all of it; 0: what it needs
 *
 * What is seen dead for the first time is only marked; what was marked at least
 * a minute ago, and still is dead, is released, and named on stderr.
 *
 * Return: the number of attachments released. What fails is collected in @err,
 * and does not stop the rest.
 */
unsigned int reclaim_dead(struct ipam *ipam, const char *network,
			  unsigned int limit_ms, struct error *err);

/**
 * reclaim_status() - Would an ADD find addresses, after what it would release?
 *
 * Changes nothing. Return: 0, or negative with ERROR_NOT_AVAILABLE
 */
int reclaim_status(const struct ipam_config *config, struct error *err);

/**
 * reclaim_care() - The part of an ADD in the care for all attachments
 *
 * Of all ADDs of a minute one looks for the dead, for 100 ms at most. Never
 * fails: nothing of it is the attachment's business.
 */
void reclaim_care(struct ipam *ipam);

#endif
