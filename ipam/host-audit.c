/*
 * A node's own addresses, the server against what the node bears and remembers.
 *
 * An ensure asks nobody as long as what it remembers fits. So what the server
 * loses (an administrator's deletion, a backup) is not noticed by it: here it is
 * asked for all. What the node bears is taken again, whatever it remembers; what
 * it neither bears nor remembers is only told, since a node that has just booted
 * bears nothing yet.
 *
 * Given back is what the server has under the node's name. The memory goes first:
 * dead in between, the next ensure finds the address there, where the other way
 * round it would not ask for what is anybody's by now.
 *
 * With "both" each world is asked for itself: an address may be lost in one.
 */

#include "ipam/host-audit-priv.h"

#include <stdarg.h>
#include <stdio.h>

#define WORLDS_MAX 2

struct host_audit {
	const struct ipam_config *config;
	const struct ipam_host *host;
	struct host_world *worlds[WORLDS_MAX];
	size_t n_worlds;
	bool repair;
	store_tell tell;
	void *arg;
};

static void host_audit_clear(struct host_audit *audit)
{
	for (size_t i = 0; i < audit->n_worlds; i++)
		audit->worlds[i]->ops->close(audit->worlds[i]);
}
#define cleanup_host_audit cleanup(host_audit_clear)

static int open_worlds(struct host_audit *audit, struct error *err)
{
	static const struct {
		enum ipam_store alone;
		int (*open)(const struct ipam_config *config,
			    const struct ipam_host *host,
			    struct host_world **ret, struct error *err);
	} worlds[] = {
		{ IPAM_STORE_KUBERNETES, host_kube_world },
		{ IPAM_STORE_WHEREABOUTS, host_whereabouts_world },
	};
	const enum ipam_store store = audit->config->store;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(worlds) && r == 0; i++) {
		if (store != worlds[i].alone && store != IPAM_STORE_BOTH)
			continue;
		r = worlds[i].open(audit->config, audit->host,
				   &audit->worlds[audit->n_worlds], err);
		if (r == 0)
			audit->n_worlds++;
	}
	return r;
}

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

/* --- what the node remembers ------------------------------------------------------ */

typedef int (*each_act)(const struct host_audit *audit,
			const struct table_key *key,
			const struct inet_addr *addr, struct error *err);

/* Return: 1 or 0, or negative */
static int remembers(const struct host_audit *audit,
		     const struct table_key *key, const struct inet_addr *addr,
		     struct error *err)
{
	struct host_memory memory;
	int r = host_recall(audit->config, key, addr->family, &memory, err);

	return r < 0 ? r
		     : r == 0 && inet_addr_equal(&memory.address.addr, addr);
}

static int forget(const struct host_audit *audit, const struct table_key *key,
		  const struct inet_addr *addr, struct error *err)
{
	int r = remembers(audit, key, addr, err);

	return r > 0 ? host_forget(audit->config, key, err) : r;
}

/* Each key that it may be remembered under: its own, and those of the ranges. */
static int each_key(const struct host_audit *audit,
		    const struct inet_addr *addr, each_act act,
		    struct error *err)
{
	const struct inet_prefix own = inet_prefix_host(addr);
	const struct ipam_config *config = audit->config;
	struct table_key key;
	int r;

	r = host_key(config, audit->host, &own, &key, err);
	if (r == 0)
		r = act(audit, &key, addr, err);
	for (size_t i = 0; i < config->n_host_ranges && r == 0; i++) {
		const struct range *range = &config->host_ranges[i];

		if (range->network.addr.family != addr->family)
			continue;
		r = host_key(config, audit->host, host_network(config, range),
			     &key, err);
		if (r == 0)
			r = act(audit, &key, addr, err);
	}
	return r;
}

/* --- what the node bears ---------------------------------------------------------- */

static void tell_taken(struct host_audit *audit, const struct host_world *world,
		       const struct inet_addr *addr, const char *owner)
{
	tell(audit, STORE_TAKEN_BY_ANOTHER, addr, false,
	     "is borne by this node, and %s for %s: delete one of the two",
	     world->ops->kept, owner);
}

static int take_again(struct host_audit *audit, struct host_world *world,
		      const struct inet_addr *addr, struct error *err)
{
	char owner[WORLDS_OWNER];
	int r = 0;

	if (audit->repair)
		r = world->ops->take(world, addr, owner, err);
	if (r < 0)
		return r;
	if (r == CLUSTER_TAKEN)
		tell_taken(audit, world, addr, owner);
	else
		tell(audit, STORE_FORGOTTEN, addr, audit->repair && r == 0,
		     "is borne by this node, and %s does not know it",
		     world->ops->name);
	return 0;
}

static int compare(struct host_audit *audit, struct host_world *world,
		   const struct inet_addr *addr, struct error *err)
{
	char text[WORLDS_OWNER];
	int r;

	if (!world->ops->differs)
		return 0;
	r = world->ops->differs(world, audit->repair, text, err);
	if (r > 0)
		tell(audit, STORE_OUTDATED, addr, audit->repair, "%s", text);
	return r < 0 ? r : 0;
}

static int audit_borne(struct host_audit *audit, struct host_world *world,
		       const struct inet_addr *addr, struct error *err)
{
	char owner[WORLDS_OWNER];
	int r = world->ops->find(world, addr, owner, err);

	if (r < 0)
		return r;
	if (r == CLUSTER_ABSENT)
		return take_again(audit, world, addr, err);
	if (r == 0)
		return compare(audit, world, addr, err);
	tell_taken(audit, world, addr, owner);
	return 0;
}

/* --- what the server has ------------------------------------------------------------ */

static int audit_kept(struct host_audit *audit, const struct host_world *world,
		      const struct inet_addr *addr, struct error *err)
{
	int r = each_key(audit, addr, remembers, err);

	if (r == 0)
		tell(audit, STORE_UNUSED, addr, false,
		     "is %s for this node, which does not bear it",
		     world->ops->kept);
	return r < 0 ? r : 0;
}

static bool is_one_of(const struct inet_addr *addr,
		      const struct inet_addr *addrs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (inet_addr_equal(addr, &addrs[i]))
			return true;
	return false;
}

static int audit_world(struct host_audit *audit, struct host_world *world,
		       const struct inet_addr *borne, size_t n_borne,
		       struct error *err)
{
	cleanup_free struct inet_addr *kept = NULL;
	size_t n_kept = 0;
	int r = world->ops->list(world, &kept, &n_kept, err);

	for (size_t i = 0; i < n_borne && r == 0; i++)
		r = audit_borne(audit, world, &borne[i], err);
	for (size_t i = 0; i < n_kept && r == 0; i++)
		if (!is_one_of(&kept[i], borne, n_borne))
			r = audit_kept(audit, world, &kept[i], err);
	return r;
}

int ipam_host_audit(const struct ipam_config *config,
		    const struct ipam_host *host, const struct inet_addr *borne,
		    size_t n_borne, bool repair, store_tell tell_fn, void *arg,
		    struct error *err)
{
	cleanup_host_audit struct host_audit audit = {
		.config = config,
		.host = host,
		.repair = repair,
		.tell = tell_fn,
		.arg = arg,
	};
	int r = open_worlds(&audit, err);

	for (size_t i = 0; i < audit.n_worlds && r == 0; i++)
		r = audit_world(&audit, audit.worlds[i], borne, n_borne, err);
	return r < 0 ? error_context(err, "the node's address") : 0;
}

/* --- giving back ------------------------------------------------------------------------ */

static int release(struct host_audit *audit, const struct inet_addr *addr,
		   bool dry_run, struct error *err)
{
	struct host_world *own[WORLDS_MAX];
	char owner[WORLDS_OWNER];
	size_t n_own = 0;
	int r = 0;

	for (size_t i = 0; i < audit->n_worlds; i++) {
		struct host_world *world = audit->worlds[i];

		r = world->ops->find(world, addr, owner, err);
		if (r < 0)
			return r;
		if (r == 0)
			own[n_own++] = world;
	}
	if (n_own == 0)
		return IPAM_HOST_UNCLAIMED;
	if (dry_run)
		return 0;
	r = each_key(audit, addr, forget, err);
	for (size_t i = 0; i < n_own && r == 0; i++)
		r = own[i]->ops->give(own[i], addr, err);
	return r;
}

int ipam_host_release(const struct ipam_config *config,
		      const struct ipam_host *host,
		      const struct inet_addr *addr, bool dry_run,
		      struct error *err)
{
	cleanup_host_audit struct host_audit audit = {
		.config = config,
		.host = host,
	};
	int r = open_worlds(&audit, err);

	return r < 0 ? r : release(&audit, addr, dry_run, err);
}
