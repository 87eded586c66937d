#ifndef PLUGIN_RECLAIM_H
#define PLUGIN_RECLAIM_H

/*
 * What becomes of attachments whose DEL never came.
 */

#include "ipam/store.h"

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

#endif
