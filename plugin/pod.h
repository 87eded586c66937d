#ifndef PLUGIN_POD_H
#define PLUGIN_POD_H

/*
 * The pod's network namespace, as CNI_NETNS names it.
 */

#include "plugin/request.h"

enum {
	POD_NONE = 1, /* no namespace there (any more), or none given */
	POD_IS_OURS = 2, /* it is the one that we run in: hands off its links */
};

/**
 * pod_find() - Open CNI_NETNS, for verbs that can do without
 *
 * CNI_NETNS_OVERRIDE switches POD_IS_OURS off.
 *
 * Return: 0, POD_NONE, POD_IS_OURS, or negative with ERROR_NETNS
 */
int pod_find(const struct request *request, int *ret_fd, struct error *err)
	warn_unused;

/** pod_open() - The same for verbs that need it: all else is ERROR_NETNS */
int pod_open(const struct request *request, int *ret_fd, struct error *err);

#endif
