#ifndef TEST_STORE_LOCAL_DIR_H
#define TEST_STORE_LOCAL_DIR_H

/*
 * A directory of the test's own, with the local table in its "state".
 */

#include "ipam/store.h"

void local_dir_init(void);
void local_dir_fini(void);

/** local_dir_path() - Path of @name in it; one of four rotating buffers */
const char *local_dir_path(const char *name);

/** local_dir_keys() - "'stateDir': '...'" */
const char *local_dir_keys(void);

/** local_dir_open() - store_local_open() with a generous deadline */
int local_dir_open(const struct ipam_config *config, struct store **ret,
		   struct error *err);

#endif
