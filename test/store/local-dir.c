#include "test/store/local-dir.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define LOCK_MS 20000

static char dir[64];

void local_dir_init(void)
{
	snprintf(dir, sizeof(dir), "/tmp/hostshim-store-XXXXXX");
	if (!mkdtemp(dir))
		abort();
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void local_dir_fini(void)
{
	umount2(local_dir_path("state"), MNT_DETACH); /* where one is */
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *local_dir_path(const char *name)
{
	static char paths[4][192];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

const char *local_dir_keys(void)
{
	static char keys[192];

	snprintf(keys, sizeof(keys),
		 "'stateDir': '%s/state', 'dataDir': '%s/data'", dir, dir);
	return keys;
}

int local_dir_open(const struct ipam_config *config, struct store **ret,
		   struct error *err)
{
	return store_local_open(config, false, LOCK_MS, ret, err);
}
