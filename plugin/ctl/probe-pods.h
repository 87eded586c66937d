#ifndef PLUGIN_CTL_PROBE_PODS_H
#define PLUGIN_CTL_PROBE_PODS_H

/*
 * Pods of our own: a namespace with one macvlan child of the parent, and an
 * address out of the store, made by the plugin's modules. They are gone when the
 * process is, however it ends; what its end may leave in the store, the next run
 * gives back, and so does an ADD.
 */

#include "plugin/ctl/ctl.h"

#define PROBE_PODS 2 /* so that there is a leg between two */

struct probe_pod;

struct probe_pods {
	struct probe_pod *items[PROBE_PODS];
	size_t count;
	bool is_guarded; /* signals wait until they are closed */
};

enum {
	PROBE_PODS_FOREIGN = 1, /* addresses are given by another plugin */
};

/**
 * probe_pods_open() - Make them
 *
 * From here to probe_pods_close(), SIGINT, SIGTERM and SIGHUP wait.
 *
 * Return: 0, PROBE_PODS_FOREIGN, or negative; close it in any case
 */
int probe_pods_open(struct ctl *ctl, const struct network *network,
		    const struct netlink_link *parent, struct probe_pods *ret,
		    struct error *err) warn_unused;

/** probe_pods_close() - Undo all; a signal that waited strikes now */
void probe_pods_close(struct probe_pods *pods);

/** probe_pods_is_interrupted() - Does a signal wait? Then come to an end */
bool probe_pods_is_interrupted(void);

#endif
