#include "plugin/reclaim.h"

#include "ipam/ipam.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/netlink.h"
#include "lib/netns.h"
#include "plugin/attach.h"
#include "plugin/delegate.h"
#include "plugin/macvlan.h"
#include "plugin/node.h"

#include <string.h>

/*
 * GC works from the runtime's statement: cni.dev/valid-attachments lists all that
 * lives on this network; what is not on it is dead. Two things are trusted more
 * than the statement. An attachment younger than two minutes may have been made
 * after the runtime made its list (and by another runtime); and an interface
 * that is there is there: its address is in use, whatever the list says. Such an
 * attachment is kept, and named, so that somebody looks.
 *
 * Without the key nothing is stated. What the last boot left is gone without
 * us: the store's environment of another boot is empty by definition.
 */

#define GC_GRACE_MS 120000

/* --- is it still there? ------------------------------------------------------- */

/* Is @netns the namespace of the record? Unknown cookies match. */
static bool is_recorded_netns(const struct store_record *record, int netns)
{
	struct error unknown = { 0 };
	uint64_t cookie = 0;

	if (!record->netns_cookie || netns_cookie(netns, &cookie, &unknown) < 0)
		return true;
	return cookie == record->netns_cookie;
}

static int holds_interface(int netns, const char *ifname, struct error *err)
{
	cleanup_netlink struct netlink *pod = NULL;
	struct netlink_link link;
	int r;

	r = netlink_open(netns, &pod, err);
	if (r < 0)
		return r;
	r = netlink_link_get(pod, ifname, &link, err);
	if (r < 0)
		return r;
	/* Of any kind: addresses are given to other plugins' interfaces too. */
	return r == 0 ? RECLAIM_ATTACHED : RECLAIM_GONE;
}

int reclaim_is_attached(const struct store_record *record, struct error *err)
{
	cleanup_close int netns = -1;
	int r;

	if (!record->netns || !record->netns[0])
		return RECLAIM_GONE;
	r = netns_open(record->netns, &netns, err);
	if (r != 0)
		return r < 0 ? r : RECLAIM_GONE;
	if (!is_recorded_netns(record, netns))
		return RECLAIM_GONE;
	return holds_interface(netns, record->ifname, err);
}

/* --- GC ------------------------------------------------------------------------ */

static bool is_listed(const struct config *config,
		      const struct store_record *record)
{
	for (size_t i = 0; i < config->n_valid_attachments; i++) {
		const struct config_attachment *valid =
			&config->valid_attachments[i];

		if (strcmp(valid->container_id, record->container_id) == 0 &&
		    strcmp(valid->ifname, record->ifname) == 0)
			return true;
	}
	return false;
}

static bool is_young(const struct store_record *record)
{
	return file_boottime_ms() < record->since_ms + GC_GRACE_MS;
}

static int gc_release(struct ipam *ipam, const struct store_record *record,
		      struct error *err)
{
	const struct store_attachment key = {
		.network = record->network,
		.container_id = record->container_id,
		.ifname = record->ifname,
		.netns = record->netns,
		.netns_cookie = record->netns_cookie,
		.pod_namespace = record->pod_namespace,
		.pod_name = record->pod_name,
		.pod_uid = record->pod_uid,
	};
	int r = ipam_release(ipam, &key, err);

	return r < 0 ? r : 0;
}

static int gc_record(struct ipam *ipam, const struct config *config,
		     const struct store_record *record, struct error *err)
{
	int r;

	if (strcmp(record->network, config->name) != 0 ||
	    is_listed(config, record) || is_young(record))
		return 0;
	r = store_record_is_in_progress(record, err);
	if (r != 0)
		return r < 0 ? r : 0;

	r = reclaim_is_attached(record, err);
	if (r == RECLAIM_ATTACHED) {
		log_warning("kept: %s of container %s is not among the valid "
			    "attachments of network \"%s\", but %s still "
			    "holds it",
			    record->ifname, record->container_id, config->name,
			    record->netns);
		return 0;
	}
	if (r < 0)
		return r;
	return gc_release(ipam, record, err);
}

static int gc_records(struct ipam *ipam, const struct config *config,
		      struct error *err)
{
	struct store_records records = { 0 };
	int r = ipam_list(ipam, &records, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < records.count; i++) {
		const struct store_record *record = &records.items[i];
		struct error next = { 0 };

		if (gc_record(ipam, config, record, &next) < 0)
			error_context(&next, "release %s of container %s",
				      record->ifname, record->container_id);
		error_keep_first(err, &next);
	}
	store_records_clear(&records);
	return error_return(err);
}

int attach_gc(const struct request *request, const struct config *config,
	      struct error *err)
{
	cleanup_ipam struct ipam *ipam = NULL;
	int r;

	if (delegate_is_wanted(config))
		return delegate_call(request, config, REQUEST_GC, err);
	if (!ipam_config_is_builtin(&config->ipam) ||
	    !config->has_valid_attachments)
		return 0;
	r = ipam_open(&config->ipam, false, &ipam, err);
	if (r < 0)
		return r;
	return gc_records(ipam, config, err);
}

/* --- STATUS --------------------------------------------------------------------- */

/*
 * What ADD would create or repair is no error: a runtime takes a node out of
 * service on our word. A shim that cannot be made is the one thing of which the
 * pods that run already suffer.
 */
static int status_node(const struct config *config, struct error *err)
{
	cleanup_netlink struct netlink *host = NULL;
	cleanup_node struct node node = { 0 };
	struct netlink_link parent;
	struct error wrong = { 0 };
	int r;

	/* The parent is in the pod: there is none to ask about. */
	if (config->link_in_container)
		return 0;
	r = netlink_open(-1, &host, err);
	if (r < 0)
		return r;
	r = node_find(config, &node, err);
	if (r < 0)
		return r;
	r = node_look(host, config, &node, &parent, &wrong);
	if (r < 0) {
		*err = wrong;
		return r;
	}
	return r == NODE_OK ? macvlan_verify(config, &parent, err) : 0;
}

static int status_addresses(const struct config *config, struct error *err)
{
	cleanup_ipam struct ipam *ipam = NULL;
	int r;

	if (!ipam_config_is_builtin(&config->ipam))
		return 0;
	r = ipam_open(&config->ipam, true, &ipam, err);
	if (r < 0)
		return r;
	return ipam_status(ipam, err);
}

int attach_status(const struct request *request, const struct config *config,
		  struct error *err)
{
	int r;

	if (delegate_is_wanted(config)) {
		r = delegate_call(request, config, REQUEST_STATUS, err);
		if (r < 0)
			return error_class(err, ERROR_NOT_AVAILABLE);
	}
	r = status_addresses(config, err);
	if (r < 0)
		return error_class(err, ERROR_NOT_AVAILABLE);
	r = status_node(config, err);
	if (r < 0)
		return error_class(err, err->code == ERROR_SHIM
						? ERROR_LIMITED
						: ERROR_NOT_AVAILABLE);
	return 0;
}
