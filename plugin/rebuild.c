#include "plugin/rebuild.h"

#include "lib/file.h"
#include "lib/log.h"
#include "lib/netlink.h"
#include "lib/netns.h"
#include "plugin/witness.h"

#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Two witnesses say which addresses are in use when the table does not:
 *
 *	cached results	of the runtime and of Multus: attachment and addresses,
 *			of pods whose interface is there or cannot be looked for
 *			(rebuild-cache.c)
 *	interfaces	macvlans in all namespaces that we can reach, by the
 *			paths of the caches, mounts and processes: what they bear
 *			is in use, whoever made them. So is, on an interface of
 *			any kind, an address of this network's own ranges: of a
 *			pod that has our addresses, but another plugin's link
 *
 * An address that only an interface speaks for gets a record by the namespace's
 * cookie and the interface's name: its DEL and CHECK, which come with a container
 * id that nobody remembers, find it by these. It is kept in each pool that is
 * known, because it cannot be told which one it came from.
 *
 * All of this is looked for before the store's lock is taken, then written in
 * one transaction. Processes that find the damage at the same time all look, and
 * the first one writes. An ADD that holds a reservation in the damaged table and
 * has no interface yet is seen by nobody: it finds its reservation gone when it
 * confirms, and fails. What is not covered: a pod in a namespace that no process,
 * path or cache leads to, or in a pool that only the damaged table knew; that
 * addresses were resting.
 */

/* No container id has a colon (CNI specification, CNI_CONTAINERID). */
#define ADOPTED_ID   "netns:%" PRIu64 ":"
#define ADOPTED_TEXT 32

struct places {
	struct stat *items; /* namespaces that were looked into */
	size_t count;
};

struct rebuild {
	const struct config *config;
	struct store_records records;
	size_t n_cached; /* the first of them */
	size_t n_adopted; /* addresses of the others */
	struct places seen;
};

static void rebuild_clear(struct rebuild *rebuild)
{
	store_records_clear(&rebuild->records);
	free(rebuild->seen.items);
}
#define cleanup_rebuild cleanup(rebuild_clear)

int rebuild_add(struct store_records *records, struct store_record **ret,
		struct error *err)
{
	struct store_record *grown;

	grown = reallocarray(records->items, records->count + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	records->items = grown;
	*ret = grown + records->count++;
	**ret = (struct store_record){
		.state = STORE_STATE_LIVE,
		.since_ms = file_boottime_ms(),
	};
	/* Whose processes are those that a later look compares with. */
	return process_self(&(*ret)->process, err);
}

/* --- one interface ---------------------------------------------------------------- */

/* Before Linux 5.14 there are no cookies: the inode then. */
static uint64_t netns_name(int netns)
{
	struct error unknown = { 0 };
	struct stat st = { 0 };
	uint64_t cookie = 0;

	if (netns_cookie(netns, &cookie, &unknown) == 0 && cookie)
		return cookie;
	return fstat(netns, &st) == 0 ? st.st_ino : 0;
}

static bool is_known(const struct store_records *records, const char *pool,
		     const struct inet_addr *addr)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct store_record *record = &records->items[i];

		if (strcmp(record->pool, pool) != 0)
			continue;
		for (size_t j = 0; j < record->n_addresses; j++)
			if (inet_addr_equal(&record->addresses[j].address.addr,
					    addr))
				return true;
	}
	return false;
}

struct found {
	const char *path;
	int netns;
	const struct netlink_link *link;
	const struct inet_prefix *address;
};

/* The record of the interface in @pool; one for all its addresses. */
static int adopted_record(struct rebuild *rebuild, const char *pool,
			  const struct found *found, struct store_record **ret,
			  struct error *err)
{
	cleanup_free char *id = NULL;
	struct store_attachment attachment = {
		.network = rebuild->config->name,
		.ifname = found->link->name,
		.netns = found->path,
		.netns_cookie = netns_name(found->netns),
		.place = witness_place(found->path, found->netns),
	};
	int r;

	if (asprintf(&id, ADOPTED_ID "%s", attachment.netns_cookie, pool) < 0) {
		id = NULL;
		return error_oom(err);
	}
	for (size_t i = rebuild->n_cached; i < rebuild->records.count; i++) {
		*ret = &rebuild->records.items[i];
		if (strcmp((*ret)->container_id, id) == 0 &&
		    strcmp((*ret)->ifname, found->link->name) == 0)
			return 0;
	}
	r = rebuild_add(&rebuild->records, ret, err);
	if (r < 0)
		return r;
	attachment.container_id = id;
	return store_record_fill(*ret, &attachment, pool, err);
}

static int adopt(struct rebuild *rebuild, const char *pool,
		 const struct found *found, struct error *err)
{
	struct store_record *record;
	int r = adopted_record(rebuild, pool, found, &record, err);

	if (r < 0)
		return r;
	if (record->n_addresses == STORE_MAX_ADDRESSES)
		return error_set(err, ERROR_STORE, 0,
				 "%s in %s has more than %d addresses",
				 found->link->name, found->path,
				 STORE_MAX_ADDRESSES);
	record->addresses[record->n_addresses++].address = *found->address;
	rebuild->n_adopted++;
	return 0;
}

/* In this network's pool, and in all that a cached result names. */
static int adopt_everywhere(struct rebuild *rebuild, const struct found *found,
			    struct error *err)
{
	const struct inet_addr *addr = &found->address->addr;
	const char *mine = rebuild->config->ipam.pool;
	int r = 0;

	/* What speaks for it knows its pool. */
	for (size_t i = 0; i < rebuild->n_cached; i++)
		if (is_known(&rebuild->records, rebuild->records.items[i].pool,
			     addr))
			return 0;
	if (!is_known(&rebuild->records, mine, addr))
		r = adopt(rebuild, mine, found, err);
	for (size_t i = 0; i < rebuild->n_cached && r == 0; i++) {
		/* The records move when one is added. */
		cleanup_free char *pool =
			strdup(rebuild->records.items[i].pool);

		if (!pool)
			return error_oom(err);
		if (!is_known(&rebuild->records, pool, addr))
			r = adopt(rebuild, pool, found, err);
	}
	return r;
}

static bool is_in_ranges(const struct config *config,
			 const struct inet_addr *addr)
{
	for (size_t i = 0; i < config->ipam.n_sets; i++)
		if (ipam_range_set_find(&config->ipam.sets[i], addr))
			return true;
	return false;
}

static int look_link(struct rebuild *rebuild, struct netlink *pod,
		     struct found *found, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	int r;

	r = netlink_addr_list(pod, found->link->index, AF_UNSPEC, &addrs, err);
	for (size_t i = 0; i < addrs.count && r == 0; i++) {
		const struct netlink_addr *have = &addrs.items[i];

		if (have->scope != RT_SCOPE_UNIVERSE ||
		    (!found->link->is_macvlan &&
		     !is_in_ranges(rebuild->config, &have->address.addr)))
			continue;
		found->address = &have->address;
		r = adopt_everywhere(rebuild, found, err);
	}
	return r;
}

/* --- all namespaces ----------------------------------------------------------------- */

static bool was_seen(const struct places *seen, const struct stat *st)
{
	for (size_t i = 0; i < seen->count; i++)
		if (seen->items[i].st_dev == st->st_dev &&
		    seen->items[i].st_ino == st->st_ino)
			return true;
	return false;
}

/* Return: 1 if it is seen for the first time, 0, or negative */
static int see(struct places *seen, const struct stat *st, struct error *err)
{
	struct stat *grown;

	if (was_seen(seen, st))
		return 0;
	grown = reallocarray(seen->items, seen->count + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	seen->items = grown;
	grown[seen->count++] = *st;
	return 1;
}

static int look_links(struct rebuild *rebuild, const char *path, int netns,
		      struct error *err)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	cleanup_netlink struct netlink *pod = NULL;
	struct found found = { .path = path, .netns = netns };
	int r;

	r = netlink_open(netns, &pod, err);
	if (r == 0)
		r = netlink_link_list(pod, &links, err);
	for (size_t i = 0; i < links.count && r == 0; i++) {
		found.link = &links.items[i];
		if (!(found.link->flags & IFF_LOOPBACK))
			r = look_link(rebuild, pod, &found, err);
	}
	return r < 0 ? error_context(err, "interfaces in %s", path) : 0;
}

/* A process that ended, and a name that leads nowhere any more, are nothing. */
static int look_path(struct rebuild *rebuild, const char *path,
		     struct error *err)
{
	cleanup_close int netns = -1;
	struct stat st;
	int r;

	if (stat(path, &st) < 0 || was_seen(&rebuild->seen, &st))
		return 0;
	r = netns_open(path, &netns, err);
	if (r != 0) {
		if (r < 0 && access(path, F_OK) < 0) {
			*err = (struct error){ 0 };
			return 0;
		}
		return r < 0 ? r : 0;
	}
	r = see(&rebuild->seen, &st, err);
	return r == 1 ? look_links(rebuild, path, netns, err) : r;
}

static int look_place(const struct netns_place *place, void *rebuild,
		      struct error *err)
{
	return look_path(rebuild, place->path, err);
}

/* The node's own links are no pod's. */
static int see_self(struct rebuild *rebuild, struct error *err)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st) < 0)
		return error_set(err, ERROR_IO, errno, "/proc/self/ns/net");
	return see(&rebuild->seen, &st, err);
}

static int look_everywhere(struct rebuild *rebuild, struct error *err)
{
	int r = see_self(rebuild, err);

	if (r < 0)
		return r;
	r = 0;
	for (size_t i = 0; i < rebuild->n_cached && r == 0; i++) {
		cleanup_free char *path =
			strdup(rebuild->records.items[i].netns);

		if (!path)
			return error_oom(err);
		r = look_path(rebuild, path, err);
	}
	if (r == 0)
		r = netns_each_mount(look_place, rebuild, err);
	if (r == 0)
		r = netns_each_process(look_place, rebuild, err);
	return r;
}

static int rebuild_from_witnesses(struct ipam *ipam, struct rebuild *rebuild,
				  struct error *err)
{
	int r;

	r = rebuild_read_caches(rebuild->config, &rebuild->records, err);
	if (r < 0)
		return r;
	rebuild->n_cached = rebuild->records.count;
	r = look_everywhere(rebuild, err);
	if (r < 0)
		return r;
	return ipam_rebuild(ipam, &rebuild->records, err);
}

int rebuild_store(struct ipam *ipam, const struct config *config,
		  struct error *err)
{
	cleanup_rebuild struct rebuild rebuild = { .config = config };
	const struct error damage = *err;
	int r;

	log_warning("%s", damage.details);
	*err = (struct error){ 0 };
	r = rebuild_from_witnesses(ipam, &rebuild, err);
	if (r < 0) {
		error_context(err, "make a new one");
		return error_context(err, "%.300s", damage.details);
	}
	log_warning("the table of addresses in %s was made anew: %zu "
		    "attachments from cached results, %zu addresses from the "
		    "interfaces that bear them",
		    config->ipam.state_dir, rebuild.n_cached,
		    rebuild.n_adopted);
	return 0;
}

/* --- afterwards ---------------------------------------------------------------------- */

static bool is_adopted(const struct store_record *record, const char *id,
		       const char *ifname)
{
	return strncmp(record->container_id, id, strlen(id)) == 0 &&
	       strcmp(record->ifname, ifname) == 0;
}

int rebuild_find(struct ipam *ipam, int netns, const char *ifname,
		 struct store_record *ret, struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	char id[ADOPTED_TEXT];
	int r;

	snprintf(id, sizeof(id), ADOPTED_ID, netns_name(netns));
	r = ipam_list(ipam, &records, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < records.count; i++) {
		if (!is_adopted(&records.items[i], id, ifname))
			continue;
		*ret = records.items[i];
		records.items[i] = (struct store_record){ 0 };
		return 0;
	}
	return IPAM_ABSENT;
}
