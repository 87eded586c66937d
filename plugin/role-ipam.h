#ifndef PLUGIN_ROLE_IPAM_H
#define PLUGIN_ROLE_IPAM_H

/*
 * The IPAM of another plugin's network: addresses, and no interface. That
 * plugin runs us with its own environment and stdin (CNI specification 1.1.0,
 * "Section 4: Plugin Delegation").
 */

#include "plugin/config.h"
#include "plugin/request.h"
#include "plugin/result.h"

/** role_ipam_add() - Addresses, routes and dns; no interface, and no index */
int role_ipam_add(const struct request *request, const struct config *config,
		  struct result *ret, struct error *err);

/** role_ipam_del() - Give back; having none is success */
int role_ipam_del(const struct request *request, const struct config *config,
		  struct error *err);

/** role_ipam_check() - Is there a reservation, and is it what prevResult says? */
int role_ipam_check(const struct request *request, const struct config *config,
		    struct error *err);

/** role_ipam_gc() - As attach_gc(), of this network's addresses */
int role_ipam_gc(const struct request *request, const struct config *config,
		 struct error *err);

/** role_ipam_status() - Would a reservation succeed? ERROR_NOT_AVAILABLE */
int role_ipam_status(const struct request *request, const struct config *config,
		     struct error *err);

#endif
