/*
 * Whereabouts' flat file: an "ipam" object of defaults for all networks of a
 * node (research: Whereabouts 0.9.4 pkg/config, GetFlatIPAM). The first one that
 * exists is read, and no other. There need not be one, other than there.
 *
 * "configuration_path" names the file, but Whereabouts' installer writes its
 * folder under that key: then it is the file of the usual name in it.
 */

#include "ipam/config-priv.h"
#include "lib/file.h"

#include <stdio.h>
#include <sys/stat.h>

#define FLAT_MAX  ((size_t)1 << 20)
#define FLAT_NAME "whereabouts.conf"

static const char *const flat_paths[] = {
	"/etc/kubernetes/cni/net.d/whereabouts.d/" FLAT_NAME,
	"/etc/cni/net.d/whereabouts.d/" FLAT_NAME,
	"/host/etc/cni/net.d/whereabouts.d/" FLAT_NAME,
};

void ipam_flat_clear(struct ipam_flat *flat)
{
	flat->filled = json_free(flat->filled);
	flat->file = json_free(flat->file);
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The path that the section names, NULL if it names none. */
static int flat_own_path(const struct json_at *at, char **ret,
			 struct error *err)
{
	cleanup_free char *path = NULL;
	struct json_at place;
	int r;

	*ret = NULL;
	if (!json_member(at, "configuration_path", &place))
		return 0;
	r = ipam_read_path(&place, &path, err);
	if (r < 0 || !path)
		return r;
	if (!is_folder(path)) {
		*ret = take_ptr(path);
		return 0;
	}
	if (asprintf(ret, "%s/" FLAT_NAME, path) < 0) {
		*ret = NULL;
		return error_oom(err);
	}
	return 0;
}

/* Return: 0, FILE_ABSENT, or negative */
static int flat_fill(const struct json_at *at, const char *path,
		     struct ipam_flat *ret, struct error *err)
{
	cleanup_free char *text = NULL;
	struct json_at root;
	size_t len;
	int r;

	r = file_read(path, FLAT_MAX, &text, &len, err);
	if (r == FILE_ABSENT)
		return r;
	if (r == 0)
		r = json_parse(text, len, &ret->file, err);
	if (r == 0) {
		root = json_root(ret->file);
		r = json_fill(at, &root, &ret->filled, err);
	}
	if (r < 0) {
		error_class(err, ERROR_CONFIG);
		return error_context(err, "defaults of Whereabouts, %s", path);
	}
	root = json_root(ret->filled);
	ret->at.node = root.node;
	return 0;
}

int ipam_flat_read(const struct json_at *at, struct ipam_flat *ret,
		   struct error *err)
{
	cleanup_free char *own = NULL;
	int r;

	ret->at = *at;
	r = flat_own_path(at, &own, err);
	if (r < 0)
		return r;
	r = own ? flat_fill(at, own, ret, err) : FILE_ABSENT;
	for (size_t i = 0; i < ARRAY_SIZE(flat_paths) && r == FILE_ABSENT; i++)
		r = flat_fill(at, flat_paths[i], ret, err);
	return r < 0 ? r : 0;
}
