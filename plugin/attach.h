#ifndef PLUGIN_ATTACH_H
#define PLUGIN_ATTACH_H

/*
 * ADD, DEL and CHECK beside each other, because their correctness is their
 * symmetry; and GC and STATUS, which are about all attachments. The order of
 * their steps, and what is true if we die between two, is told in attach.c.
 */

#include "plugin/config.h"
#include "plugin/request.h"
#include "plugin/result.h"

/** attach_add() - CNI ADD; on failure everything it made is undone */
int attach_add(const struct request *request, const struct config *config,
	       struct result *ret, struct error *err);

/** attach_del() - CNI DEL; best effort, missing things are success */
int attach_del(const struct request *request, const struct config *config,
	       struct error *err);

/** attach_check() - CNI CHECK */
int attach_check(const struct request *request, const struct config *config,
		 struct error *err);

/** attach_gc() - CNI GC */
int attach_gc(const struct request *request, const struct config *config,
	      struct error *err);

/** attach_status() - CNI STATUS; ERROR_NOT_AVAILABLE or ERROR_LIMITED */
int attach_status(const struct request *request, const struct config *config,
		  struct error *err);

#endif
