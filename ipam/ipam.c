/*
 * What is true if we die, on each line of an ADD and of a DEL:
 *
 *	ADD	1 reserve	nothing is kept, or all addresses of all sets
 *				are, by a record that is pending and names this
 *				process. Pending and dead, it keeps the addresses
 *				from everybody but a repeated ADD of the same
 *				attachment, which takes it over, until DEL or GC.
 *		2 create the link, configure it, announce
 *				as before, and there is an interface. It never
 *				bears an address that is not kept: reserve comes
 *				first, and whoever takes the record over finds
 *				the interface by its name.
 *		3 confirm	the record is live. A repeated ADD is answered
 *				"exists already"; a runtime that never saw our
 *				result sends DEL.
 *		4 print the result
 *	DEL	1 delete the link
 *				the record is there without an interface: the
 *				next DEL, or GC, finds it.
 *		2 release	the record is gone and its addresses rest.
 *
 * So an address is given back only after the interface that bore it is gone,
 * and borne only after it was given. Between two lines no lock is held: a DEL
 * may come in the middle of an ADD that takes too long. It finds the pending
 * record, and confirm then finds none (IPAM_ABSENT): the ADD fails and undoes.
 */

#include "ipam/ipam-priv.h"

#include <stdlib.h>

#define LOCK_MS       5000
#define LOCK_CHECK_MS 1000 /* CHECK has 2 s in all */

typedef int (*store_open)(const struct ipam_config *config, bool read_only,
			  unsigned int timeout_ms, struct store **ret,
			  struct error *err);

static const store_open stores[] = {
	[IPAM_STORE_LOCAL] = store_local_open,
	[IPAM_STORE_KUBERNETES] = store_kube_open,
	[IPAM_STORE_WHEREABOUTS] = store_whereabouts_open,
	[IPAM_STORE_BOTH] = store_both_open,
};

int ipam_open(const struct ipam_config *config, bool read_only,
	      struct ipam **ret, struct error *err)
{
	cleanup_ipam struct ipam *ipam = NULL;
	int r;

	ipam = calloc(1, sizeof(*ipam));
	if (!ipam)
		return error_oom(err);
	ipam->config = config;
	ipam->elsewhere = (struct elsewhere){
		.config = config,
		.read_only = read_only,
	};
	r = stores[config->store](config, read_only,
				  read_only ? LOCK_CHECK_MS : LOCK_MS,
				  &ipam->store, err);
	if (r < 0)
		return r;
	*ret = take_ptr(ipam);
	return 0;
}

struct ipam *ipam_close(struct ipam *ipam)
{
	if (ipam) {
		store_close(ipam->store);
		elsewhere_clear(&ipam->elsewhere);
	}
	free(ipam);
	return NULL;
}

static int busy(const struct ipam *ipam, struct error *err)
{
	return error_set(err, ERROR_AGAIN, 0,
			 "the %s address store in %s is locked by another "
			 "process for more than %u ms",
			 ipam->store->ops->name, ipam->config->state_dir,
			 ipam->store->timeout_ms);
}

int ipam_outcome(const struct ipam *ipam, int r, struct error *err)
{
	switch (r) {
	case STORE_ABSENT:
		return IPAM_ABSENT;
	case STORE_LIVE:
		return IPAM_LIVE;
	case STORE_DUE:
		return IPAM_DUE;
	case STORE_BUSY:
		return busy(ipam, err);
	default:
		return r;
	}
}

/* --- an attachment ---------------------------------------------------------------- */

int ipam_confirm(struct ipam *ipam, const struct store_attachment *attachment,
		 struct error *err)
{
	int r = ipam->store->ops->confirm(ipam->store, attachment, err);

	return ipam_outcome(ipam, r, err);
}

int ipam_refuse(struct ipam *ipam, const struct store_attachment *attachment,
		const struct inet_addr *addr, const char *whose,
		struct error *err)
{
	int r = ipam->store->ops->refuse(ipam->store, attachment, addr, whose,
					 err);

	return ipam_outcome(ipam, r, err);
}

int ipam_release(struct ipam *ipam, const struct store_attachment *attachment,
		 struct error *err)
{
	int r = ipam->store->ops->release(ipam->store, attachment, err);
	int other = STORE_ABSENT;

	if (r == 0 || r == STORE_ABSENT)
		other = elsewhere_release(&ipam->elsewhere,
					  ipam->store->timeout_ms, attachment,
					  err);
	if (other != STORE_ABSENT)
		r = other;
	return ipam_outcome(ipam, r, err);
}

int ipam_find(struct ipam *ipam, const struct store_attachment *attachment,
	      struct store_record *ret, struct error *err)
{
	int r = ipam->store->ops->find(ipam->store, attachment, ret, err);

	if (r == STORE_ABSENT)
		r = elsewhere_find(&ipam->elsewhere, ipam->store->timeout_ms,
				   attachment, ret, err);
	return ipam_outcome(ipam, r, err);
}

/* --- what was looked at before ---------------------------------------------------- */

int ipam_list(struct ipam *ipam, struct store_records *ret, struct error *err)
{
	int r = ipam->store->ops->list(ipam->store, ret, err);

	if (r == 0)
		r = elsewhere_list(&ipam->elsewhere, ipam->store->timeout_ms,
				   ret, err);
	return ipam_outcome(ipam, r, err);
}

int ipam_reap(struct ipam *ipam, const struct store_record *record,
	      struct error *err)
{
	int r = ipam->store->ops->reap(ipam->store, record, err);

	if (r == STORE_ABSENT)
		r = elsewhere_reap(&ipam->elsewhere, ipam->store->timeout_ms,
				   record, err);
	return ipam_outcome(ipam, r, err);
}

int ipam_mark(struct ipam *ipam, const struct store_record *record,
	      uint64_t dead_ms, struct error *err)
{
	int r = ipam->store->ops->mark(ipam->store, record, dead_ms, err);

	if (r == STORE_ABSENT)
		r = elsewhere_mark(&ipam->elsewhere, ipam->store->timeout_ms,
				   record, dead_ms, err);
	return ipam_outcome(ipam, r, err);
}

int ipam_due(struct ipam *ipam, const char *task, uint64_t period_ms,
	     struct error *err)
{
	int r = ipam->store->ops->due(ipam->store, task, period_ms, err);

	return ipam_outcome(ipam, r, err);
}

/* --- the store -------------------------------------------------------------------- */

bool ipam_is_damaged(const struct ipam *ipam)
{
	return ipam->store->ops->is_damaged(ipam->store);
}

int ipam_rebuild(struct ipam *ipam, const struct store_records *known,
		 struct error *err)
{
	int r = ipam->store->ops->rebuild(ipam->store, known, err);

	return ipam_outcome(ipam, r, err);
}

int ipam_audit(struct ipam *ipam, bool repair, store_tell tell, void *arg,
	       struct error *err)
{
	int r;

	if (!ipam->store->ops->audit)
		return 0;
	r = ipam->store->ops->audit(ipam->store, repair, tell, arg, err);
	return ipam_outcome(ipam, r, err);
}

int ipam_usage(struct ipam *ipam, size_t set, struct store_usage *ret,
	       struct error *err)
{
	int r = ipam->store->ops->usage(ipam->store, set, ret, err);

	return ipam_outcome(ipam, r, err);
}

unsigned int ipam_limit(struct ipam *ipam, unsigned int timeout_ms)
{
	unsigned int before = ipam->store->timeout_ms;

	ipam->store->timeout_ms = timeout_ms;
	return before;
}
