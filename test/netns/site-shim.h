#ifndef TEST_NETNS_SITE_SHIM_H
#define TEST_NETNS_SITE_SHIM_H

/*
 * A site whose parent is there, and the shim that is to be on it: what the tests
 * of the shim, beside a NIC or not, and of migration do to it. A test is a
 * process of its own, so there is one of each.
 */

#include "test/netns/site.h"

extern struct site site;
extern struct netlink_link parent;
extern struct netlink_link shim;

/** site_shim_find_parent() - Look the parent up again, after it was changed */
void site_shim_find_parent(void);

/** site_shim_stop() - End of a test; the shim's configured name is freed */
void site_shim_stop(void);

/** site_shim_ensure() - shim_ensure() on the parent; errors go to site.err */
int site_shim_ensure(enum node_ensure how);

/** site_shim_make() - Repair, which must change something */
void site_shim_make(void);

/** site_shim_expect_right() - A look and a repair find nothing, and write
 * nothing */
void site_shim_expect_right(const char *what);

/** site_shim_expect_refused() - A look and a repair fail with @code and @text,
 * and nothing was changed */
void site_shim_expect_refused(enum error_code code, const char *text);

/** site_shim_pod() - A pod on the parent: a namespace with one macvlan */
int site_shim_pod(const char *mode, const char *address);

#endif
