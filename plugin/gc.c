/*
 * GC works from the runtime's statement: cni.dev/valid-attachments lists all that
 * lives on this network; what is not on it is dead. Two things are trusted more
 * than the statement. An attachment younger than two minutes may have been made
 * after the runtime made its list (and by another runtime); and an interface
 * that is there is there: its address is in use, whatever the list says. Such an
 * attachment is kept, and named, so that somebody looks.
 *
 * Without a statement only what is provably dead goes (reclaim.c). Either way a
 * server that others share is told then what is left, which it may have
 * forgotten, and asked what it has that nobody here knows.
 */

#include "lib/log.h"
#include "lib/netlink.h"
#include "plugin/attach.h"
#include "plugin/delegate.h"
#include "plugin/rebuild.h"
#include "plugin/reclaim-priv.h"

#include <string.h>

#define GC_LIMIT_MS 8000 /* of the 10 s that GC has */

/* --- is it still attached? -------------------------------------------------------- */

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

static int is_attached(struct witness *witness,
		       const struct store_record *record, struct error *err)
{
	cleanup_close int netns = -1;
	int r = witness_find(witness, record, &netns, err);

	if (r != 0)
		return r < 0 ? r : RECLAIM_GONE;
	return holds_interface(netns, record->ifname, err);
}

int reclaim_is_attached(const struct store_record *record, struct error *err)
{
	cleanup_witness struct witness witness = { 0 };

	return is_attached(&witness, record, err);
}

/* --- GC --------------------------------------------------------------------------- */

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

static int gc_record(struct reclaim_pass *pass, const struct config *config,
		     const struct store_record *record, struct error *err)
{
	int r;

	if (strcmp(record->network, config->name) != 0 ||
	    is_listed(config, record) || reclaim_is_young(record))
		return 0;
	r = store_record_is_in_progress(record, err);
	if (r != 0)
		return r < 0 ? r : 0;

	r = is_attached(&pass->witness, record, err);
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
	r = ipam_reap(pass->ipam, record, err);
	return r < 0 ? r : 0;
}

static int gc_late(size_t others, struct error *err)
{
	return error_set(err, ERROR_AGAIN, 0,
			 "no time is left for this and %zu more", others);
}

/* What the runtime did not list. */
static int gc_stated(struct ipam *ipam, const struct config *config,
		     struct error *err)
{
	cleanup_store_records struct store_records records = { 0 };
	struct reclaim_pass pass = { .ipam = ipam };

	reclaim_pass_begin(&pass, GC_LIMIT_MS, &records, err);
	for (size_t i = 0; i < records.count; i++) {
		const struct store_record *record = &records.items[i];
		const bool is_late = reclaim_is_over(&pass);
		struct error next = { 0 };
		int r;

		r = is_late ? gc_late(records.count - i - 1, &next)
			    : gc_record(&pass, config, record, &next);
		if (r < 0)
			reclaim_context(record, &next);
		error_collect(err, &next);
		if (is_late)
			break;
	}
	witness_clear(&pass.witness);
	return error_return(err);
}

static void log_finding(void *arg, const struct store_finding *finding)
{
	char text[INET_ADDR_TEXT] = "";

	(void)arg;
	log_warning("%s %s%s", inet_addr_format(&finding->addr, text),
		    finding->text, finding->is_repaired ? ": repaired" : "");
}

static int gc(struct ipam *ipam, const struct config *config, struct error *err)
{
	struct error next = { 0 };

	if (config->has_valid_attachments)
		gc_stated(ipam, config, err);
	else
		reclaim_dead(ipam, config->name, GC_LIMIT_MS, err);
	if (!ipam_is_damaged(ipam) &&
	    ipam_audit(ipam, true, log_finding, NULL, &next) < 0)
		error_collect(err, &next);
	return error_return(err);
}

int attach_gc(const struct request *request, const struct config *config,
	      struct error *err)
{
	cleanup_ipam struct ipam *ipam = NULL;
	int r;

	if (delegate_is_wanted(config))
		return delegate_call(request, config, REQUEST_GC, err);
	if (!ipam_config_is_builtin(&config->ipam))
		return 0;
	r = ipam_open(&config->ipam, false, &ipam, err);
	if (r < 0)
		return r;
	r = gc(ipam, config, err);
	if (r < 0 && ipam_is_damaged(ipam) &&
	    rebuild_store(ipam, config, err) == 0)
		r = gc(ipam, config, err);
	return r < 0 ? error_return(err) : 0;
}
