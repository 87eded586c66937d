#include "plugin/rebuild.h"

#include "lib/file.h"
#include "lib/log.h"
#include "lib/netlink.h"
#include "lib/netns.h"
#include "plugin/result.h"
#include "plugin/witness.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/*
 * libcni writes one file for each attachment when its ADD has succeeded, and
 * removes it after its DEL (pkg libcni, api.go, cachedInfo: kind "cniCacheV1"):
 *
 *	{ "kind", "containerId", "ifName", "networkName", "netns",
 *	  "config": base64 of the configuration as the administrator wrote it,
 *	  "cniArgs": [[key, value], ...], "result": as the last plugin said it }
 *
 * The files outlive the boot, the pods do not: a file whose namespace is there
 * without the interface, or that was written before this boot and has no
 * namespace, is a dead pod's. One of this boot whose namespace we do not see may
 * be in another mount namespace: its address is kept.
 */

#define CACHE_MAX     (4 << 20) /* bytes of one file */
#define CACHE_SLACK_S 60

static const char *const cache_dirs[] = {
	"/var/lib/cni/results",
	"/var/lib/cni/multus/results",
};

/* One cached result on its way. */
struct cache {
	const struct config *config;
	struct json_at root;
	struct stat st;
	struct store_record *record;
};

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* RFC 4648, as encoding/json writes bytes. NULL: it is none, or no memory. */
static char *base64_decode(const char *text, size_t *ret_len)
{
	char *data = malloc(strlen(text) / 4 * 3 + 4);
	unsigned int bits = 0, n_bits = 0;
	size_t len = 0;

	for (; data && *text && *text != '='; text++) {
		int digit = base64_digit(*text);

		if (digit < 0) {
			free(data);
			return NULL;
		}
		bits = bits << 6 | (unsigned int)digit;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			data[len++] = (char)(bits >> n_bits);
			bits &= (1u << n_bits) - 1;
		}
	}
	*ret_len = len;
	return data;
}

static const char *member_text(const struct json_at *at, const char *key)
{
	struct json_at member;
	const char *text = NULL;

	if (json_member(at, key, &member))
		text = json_text(&member);
	return text ? text : "";
}

/* --- whose is it? --------------------------------------------------------------- */

/* Are the plugin's addresses of our store, in the same directory? Its pool then,
 * which is yours. */
static bool plugin_is_ours(const struct cache *cache,
			   const struct json_at *plugin, char **ret_pool)
{
	const struct ipam_config *mine = &cache->config->ipam;
	struct ipam_config ipam = { 0 };
	struct error ignored = { 0 };
	struct json_at at;
	bool ours = false;

	if (!json_member(plugin, "ipam", &at))
		return false;
	/* A range that is wrong by now does not matter. */
	if (ipam_config_read(&at, &ipam, &ignored) < 0)
		log_debug("%s", ignored.details);
	if (ipam_config_is_builtin(&ipam) && ipam.store == mine->store &&
	    ipam.state_dir && strcmp(ipam.state_dir, mine->state_dir) == 0 &&
	    (strcmp(ipam.type, "hostshim") == 0 ||
	     strcmp(member_text(plugin, "type"), "hostshim") == 0)) {
		*ret_pool = strdup(ipam.pool ? ipam.pool : "");
		ours = *ret_pool;
	}
	ipam_config_clear(&ipam);
	return ours;
}

static bool list_is_ours(const struct cache *cache, const struct json_at *list,
			 char **ret_pool, const char **ret_version)
{
	struct json_at plugins;

	*ret_version = member_text(list, "cniVersion");
	if (!json_member(list, "plugins", &plugins))
		return plugin_is_ours(cache, list, ret_pool);
	for (size_t i = 0; i < json_count(&plugins); i++) {
		struct json_at plugin = json_element(&plugins, i);

		if (plugin_is_ours(cache, &plugin, ret_pool))
			return true;
	}
	return false;
}

/* --- what does it say? ------------------------------------------------------------ */

/* The value of K8S_POD_NAME and its like. */
static const char *cni_arg(const struct json_at *root, const char *key)
{
	struct json_at args;

	if (!json_member(root, "cniArgs", &args))
		return "";
	for (size_t i = 0; i < json_count(&args); i++) {
		struct json_at pair = json_element(&args, i);
		struct json_at name, value;

		if (json_type(&pair) != JSON_TYPE_ARRAY ||
		    json_count(&pair) != 2)
			continue;
		name = json_element(&pair, 0);
		value = json_element(&pair, 1);
		if (json_text(&name) && json_text(&value) &&
		    strcmp(json_text(&name), key) == 0)
			return json_text(&value);
	}
	return "";
}

static int read_addresses(const struct cache *cache, const char *version_name,
			  struct error *err)
{
	cleanup_result struct result result = { 0 };
	struct store_record *record = cache->record;
	enum version version;
	struct json_at at;
	int r;

	if (!json_member(&cache->root, "result", &at))
		return error_set(err, ERROR_DECODE, 0, "it has no result");
	if (*member_text(&at, "cniVersion"))
		version_name = member_text(&at, "cniVersion");
	r = version_parse(version_name, &version, err);
	if (r == 0)
		r = result_read(&at, version, &result, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < result.n_ips; i++) {
		if (record->n_addresses == STORE_MAX_ADDRESSES)
			break;
		record->addresses[record->n_addresses++] =
			(struct store_address){
				.address = result.ips[i].address,
				.gateway = result.ips[i].gateway,
			};
	}
	return 0;
}

static int fill_record(const struct cache *cache, const char *pool,
		       struct error *err)
{
	const struct json_at *root = &cache->root;
	const struct store_attachment attachment = {
		.network = member_text(root, "networkName"),
		.container_id = member_text(root, "containerId"),
		.ifname = member_text(root, "ifName"),
		.netns = member_text(root, "netns"),
		.netns_cookie = cache->record->netns_cookie,
		.place = cache->record->place,
		.pod_namespace = cni_arg(root, "K8S_POD_NAMESPACE"),
		.pod_name = cni_arg(root, "K8S_POD_NAME"),
		.pod_uid = cni_arg(root, "K8S_POD_UID"),
	};

	return store_record_fill(cache->record, &attachment, pool, err);
}

/* --- does it live? ---------------------------------------------------------------- */

static bool is_of_this_boot(const struct stat *st)
{
	struct timespec now, up;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return st->st_mtim.tv_sec >= now.tv_sec - up.tv_sec - CACHE_SLACK_S;
}

/* 1 or 0, or negative. */
static int may_live(const struct cache *cache, struct error *err)
{
	const char *path = member_text(&cache->root, "netns");
	cleanup_netlink struct netlink *pod = NULL;
	struct error unknown = { 0 };
	cleanup_close int netns = -1;
	struct netlink_link link;
	int r;

	r = *path ? netns_open(path, &netns, err) : NETNS_ABSENT;
	if (r < 0)
		return r;
	if (r != 0)
		return is_of_this_boot(&cache->st);
	netns_cookie(netns, &cache->record->netns_cookie, &unknown);
	cache->record->place = witness_place(path, netns);
	r = netlink_open(netns, &pod, err);
	if (r < 0)
		return r;
	r = netlink_link_get(pod, member_text(&cache->root, "ifName"), &link,
			     err);
	return r < 0 ? r : r == 0;
}

/* --- all files -------------------------------------------------------------------- */

/* 1: the record is filled; 0: it is none of ours, or a dead one; or negative. */
static int read_cache(struct cache *cache, struct error *err)
{
	const char *text = member_text(&cache->root, "config");
	cleanup_json struct json *json = NULL;
	cleanup_free char *config = NULL;
	cleanup_free char *pool = NULL;
	const char *version;
	struct json_at root;
	size_t len;
	int r;

	if (strcmp(member_text(&cache->root, "kind"), "cniCacheV1") != 0)
		return 0;
	config = base64_decode(text, &len);
	if (!config)
		return error_set(err, ERROR_DECODE, 0, "config: no base64");
	r = json_parse(config, len, &json, err);
	if (r < 0)
		return r;
	root = json_root(json);
	if (!list_is_ours(cache, &root, &pool, &version))
		return 0;
	r = may_live(cache, err);
	if (r <= 0)
		return r;
	r = fill_record(cache, pool, err);
	if (r == 0)
		r = read_addresses(cache, version, err);
	return r < 0 ? r : 1;
}

static int read_file(const struct config *config, const char *path,
		     struct store_record *ret, struct error *err)
{
	struct cache cache = { .config = config, .record = ret };
	cleanup_json struct json *json = NULL;
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	if (stat(path, &cache.st) < 0)
		return errno == ENOENT
			       ? 0
			       : error_set(err, ERROR_IO, errno, "look at it");
	r = file_read(path, CACHE_MAX, &text, &len, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = json_parse(text, len, &json, err);
	if (r < 0)
		return r;
	cache.root = json_root(json);
	return read_cache(&cache, err);
}

/* A file that cannot be read says nothing; if its pod lives, its interface does
 * (rebuild.c). */
static int add_file(const struct config *config, const char *dir,
		    const char *name, struct store_records *records,
		    struct error *err)
{
	cleanup_free char *path = NULL;
	struct error unreadable = { 0 };
	struct store_record *record;
	int r;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return error_oom(err);
	}
	r = rebuild_add(records, &record, err);
	if (r < 0)
		return r;
	r = read_file(config, path, record, &unreadable);
	if (r < 0)
		log_warning("cached result %s: %s", path, unreadable.details);
	if (r != 1) {
		store_record_clear(record);
		records->count--;
	}
	return 0;
}

static int read_dir(const struct config *config, const char *path,
		    struct store_records *records, struct error *err)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!dir && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!dir)
		return error_set(err, ERROR_IO, errno, "cached results in %s",
				 path);
	while (r == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = add_file(config, path, entry->d_name, records, err);
	closedir(dir);
	return r;
}

int rebuild_read_caches(const struct config *config,
			struct store_records *records, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cache_dirs) && r == 0; i++)
		r = read_dir(config, cache_dirs[i], records, err);
	return r;
}
