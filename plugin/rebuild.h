#ifndef PLUGIN_REBUILD_H
#define PLUGIN_REBUILD_H

/*
 * A damaged address store is given a new table, from what can be known without
 * it (rebuild.c says what that is).
 */

#include "ipam/ipam.h"
#include "plugin/config.h"

/**
 * rebuild_store() - After ipam_is_damaged()
 *
 * Return: 0 (also if another process was first), or negative: nothing changed
 */
int rebuild_store(struct ipam *ipam, const struct config *config,
		  struct error *err);

/**
 * rebuild_find() - The record that a rebuild made for an interface that no
 * cached result named
 * @netns:	Of the pod
 *
 * Return: 0, IPAM_ABSENT, or negative
 */
int rebuild_find(struct ipam *ipam, int netns, const char *ifname,
		 struct store_record *ret, struct error *err) warn_unused;

/** rebuild_add() - One more live record, of now, to be filled */
int rebuild_add(struct store_records *records, struct store_record **ret,
		struct error *err);

/**
 * rebuild_read_caches() - Attachments that runtimes have cached results of
 *
 * Of our own address store only, and of pods that may still live.
 */
int rebuild_read_caches(const struct config *config,
			struct store_records *records, struct error *err);

#endif
