/*
 * A node's own addresses, the server against what the node bears and remembers.
 *
 * An ensure asks nobody as long as what it remembers fits. So what the server
 * loses (an administrator's deletion, a backup) is not noticed by it: here it is
 * asked for all. What the node bears is reserved again, whatever it remembers;
 * what it neither bears nor remembers is only told, since a node that has just
 * booted bears nothing yet.
 *
 * Given back is what the server has under the node's name. The memory goes first:
 * dead in between, the next ensure finds the object, where the other way round it
 * would not ask for the address that is anybody's by now.
 */

#include "ipam/host-kube-priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct host_audit {
	struct host_kube step;
	struct cluster_list list;
	bool repair;
	store_tell tell;
	void *arg;
};

static void host_audit_clear(struct host_audit *audit)
{
	cluster_list_clear(&audit->list);
}
#define cleanup_host_audit cleanup(host_audit_clear)

static void tell(struct host_audit *audit, enum store_difference kind,
		 const struct inet_addr *addr, bool is_repaired,
		 const char *fmt, ...) printf_like(5, 6);

static void tell(struct host_audit *audit, enum store_difference kind,
		 const struct inet_addr *addr, bool is_repaired,
		 const char *fmt, ...)
{
	struct store_finding finding = {
		.kind = kind,
		.addr = *addr,
		.is_repaired = is_repaired,
	};
	va_list args;

	va_start(args, fmt);
	vsnprintf(finding.text, sizeof(finding.text), fmt, args);
	va_end(args);
	audit->tell(audit->arg, &finding);
}

/* --- what the node bears ---------------------------------------------------------- */

static void tell_taken(struct host_audit *audit, const struct reservation *have)
{
	tell(audit, STORE_TAKEN_BY_ANOTHER, &have->address, false,
	     "is borne by this node, and reserved for %s %s%s%s on node %s: delete one of the two",
	     have->is_host ? "node" : "pod", have->pod_namespace,
	     have->is_host ? "" : "/", have->is_host ? "" : have->pod_name,
	     have->node);
}

static int is_there(struct host_audit *audit, const struct inet_addr *addr,
		    struct reservation *ret, struct error *err)
{
	struct cluster *cluster = audit->step.cluster;
	char name[RESERVATION_NAME];
	int r;

	reservation_name(audit->step.config->pool, addr, name);
	r = cluster_get(cluster, name, ret, err);
	return r == CLUSTER_UNKNOWN ? cluster_unknown(cluster, err) : r;
}

static int reserve_again(struct host_audit *audit, const struct inet_addr *addr,
			 struct error *err)
{
	struct reservation have;
	int r = 0;

	if (audit->repair)
		r = host_kube_create(&audit->step, addr, &have, err);
	if (r < 0)
		return r;
	if (r == CLUSTER_TAKEN)
		tell_taken(audit, &have);
	else
		tell(audit, STORE_FORGOTTEN, addr, audit->repair && r == 0,
		     "is borne by this node, and the server does not know it");
	return 0;
}

static int compare_vtep(struct host_audit *audit,
			const struct reservation *have, struct error *err)
{
	char now[INET_ADDR_TEXT] = "none", was[INET_ADDR_TEXT] = "none";
	int r = 0;

	if (host_kube_has_vtep(&audit->step, &have->vtep))
		return 0;
	if (audit->repair)
		r = host_kube_patch(&audit->step, have, err);
	if (r < 0)
		return r;
	inet_addr_format(&audit->step.host->vtep, now);
	if (have->vtep.family)
		inet_addr_format(&have->vtep, was);
	tell(audit, STORE_OUTDATED, &have->address, audit->repair,
	     "is reached by VTEP %s for the server, and by %s", was, now);
	return 0;
}

static int audit_borne(struct host_audit *audit, const struct inet_addr *addr,
		       struct error *err)
{
	struct reservation have;
	int r = is_there(audit, addr, &have, err);

	if (r < 0)
		return r;
	if (r == CLUSTER_ABSENT)
		return reserve_again(audit, addr, err);
	if (host_kube_is_own(&audit->step, &have))
		return compare_vtep(audit, &have, err);
	tell_taken(audit, &have);
	return 0;
}

/* --- what the server has -------------------------------------------------------------- */

static int remembers(const struct host_kube *step, const struct table_key *key,
		     const struct inet_addr *addr, struct error *err)
{
	struct host_memory memory;
	int r = host_recall(step->config, key, addr->family, &memory, err);

	return r < 0 ? r
		     : r == 0 && inet_addr_equal(&memory.address.addr, addr);
}

/* Each key that it may be remembered under: its own, and those of the ranges. */
static int each_key(struct host_kube *step, const struct inet_addr *addr,
		    int (*act)(const struct host_kube *step,
			       const struct table_key *key,
			       const struct inet_addr *addr, struct error *err),
		    struct error *err)
{
	const struct ipam_config *config = step->config;
	int r;

	r = host_kube_held_key(step, addr, &step->key, err);
	if (r == 0)
		r = act(step, &step->key, addr, err);
	for (size_t i = 0; i < config->n_host_ranges && r == 0; i++) {
		const struct range *range = &config->host_ranges[i];

		if (range->network.addr.family != addr->family)
			continue;
		r = host_key(config, step->host, host_network(config, range),
			     &step->key, err);
		if (r == 0)
			r = act(step, &step->key, addr, err);
	}
	return r;
}

static int audit_object(struct host_audit *audit,
			const struct reservation *have, struct error *err)
{
	struct error unreadable = { 0 };
	int r;

	if (!host_kube_is_own(&audit->step, have))
		return 0;
	r = each_key(&audit->step, &have->address, remembers, &unreadable);
	if (r < 0)
		*err = unreadable;
	if (r != 0)
		return r < 0 ? r : 0;
	tell(audit, STORE_UNUSED, &have->address, false,
	     "is reserved for this node, which does not bear it");
	return 0;
}

static bool is_borne(const struct inet_addr *addr,
		     const struct inet_addr *borne, size_t n_borne)
{
	for (size_t i = 0; i < n_borne; i++)
		if (inet_addr_equal(addr, &borne[i]))
			return true;
	return false;
}

static int audit_all(struct host_audit *audit, const struct inet_addr *borne,
		     size_t n_borne, struct error *err)
{
	int r = host_kube_list(&audit->step, &audit->list, err);

	for (size_t i = 0; i < n_borne && r == 0; i++)
		r = audit_borne(audit, &borne[i], err);
	for (size_t i = 0; i < audit->list.count && r == 0; i++)
		if (!is_borne(&audit->list.items[i].address, borne, n_borne))
			r = audit_object(audit, &audit->list.items[i], err);
	return r;
}

int ipam_host_audit(const struct ipam_config *config,
		    const struct ipam_host *host, const struct inet_addr *borne,
		    size_t n_borne, bool repair, store_tell tell_fn, void *arg,
		    struct error *err)
{
	cleanup_store struct store *store = NULL;
	cleanup_host_audit struct host_audit audit = {
		.step = { .config = config, .host = host },
		.repair = repair,
		.tell = tell_fn,
		.arg = arg,
	};
	int r;

	if (config->store != IPAM_STORE_KUBERNETES)
		return 0;
	r = host_kube_open(&audit.step, &store, err);
	if (r == 0)
		r = audit_all(&audit, borne, n_borne, err);
	return r < 0 ? error_context(err, "the node's address") : 0;
}

/* --- giving back ------------------------------------------------------------------------ */

static int forget(const struct host_kube *step, const struct table_key *key,
		  const struct inet_addr *addr, struct error *err)
{
	int r = remembers(step, key, addr, err);

	return r > 0 ? host_forget(step->config, key, err) : r;
}

static int release(struct host_audit *audit, const struct inet_addr *addr,
		   bool dry_run, struct error *err)
{
	struct cluster *cluster = audit->step.cluster;
	struct reservation have;
	int r = is_there(audit, addr, &have, err);

	if (r < 0)
		return r;
	if (r == CLUSTER_ABSENT || !host_kube_is_own(&audit->step, &have))
		return IPAM_HOST_UNCLAIMED;
	if (dry_run)
		return 0;
	r = each_key(&audit->step, addr, forget, err);
	if (r == 0)
		r = cluster_delete(cluster, have.name, have.uid, err);
	return r == CLUSTER_UNKNOWN ? cluster_unknown(cluster, err) : r;
}

int ipam_host_release(const struct ipam_config *config,
		      const struct ipam_host *host,
		      const struct inet_addr *addr, bool dry_run,
		      struct error *err)
{
	cleanup_store struct store *store = NULL;
	cleanup_host_audit struct host_audit audit = {
		.step = { .config = config, .host = host },
	};
	int r;

	if (config->store != IPAM_STORE_KUBERNETES)
		return IPAM_HOST_UNCLAIMED;
	r = host_kube_open(&audit.step, &store, err);
	return r < 0 ? r : release(&audit, addr, dry_run, err);
}
