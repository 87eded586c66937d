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

#include "ipam/ipam.h"

#include "ipam/beside.h"
#include "ipam/elsewhere.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define LOCK_MS         5000
#define LOCK_CHECK_MS   1000 /* CHECK has 2 s in all */
#define LOCK_STATUS_MS  200

#define BESIDE_LIMIT_MS 500

struct ipam {
	const struct ipam_config *config;
	struct store *store;
	struct elsewhere elsewhere;
};

typedef int (*store_open)(const struct ipam_config *config, bool read_only,
			  unsigned int timeout_ms, struct store **ret,
			  struct error *err);

static const store_open stores[] = {
	[IPAM_STORE_LOCAL] = store_local_open,
	[IPAM_STORE_KUBERNETES] = store_kube_open,
	[IPAM_STORE_WHEREABOUTS] = store_whereabouts_open,
	[IPAM_STORE_BOTH] = store_both_open,
};

void ipam_result_clear(struct ipam_result *result)
{
	free(result->addresses);
	free(result->routes);
	ipam_dns_clear(&result->dns);
	*result = (struct ipam_result){ 0 };
}

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

/* "range 10.1.2.0/24" or "ranges A, B": where an address was looked for. */
static void format_set(const struct ipam_range_set *set, char *buf, size_t len)
{
	size_t used;

	used = (size_t)snprintf(buf, len, "range%s", set->count > 1 ? "s" : "");
	for (size_t i = 0; i < set->count && used < len; i++) {
		char text[RANGE_TEXT];

		used += (size_t)snprintf(buf + used, len - used, "%s %s",
					 i ? "," : "",
					 range_format(&set->ranges[i].range,
						      text));
	}
}

static int exhausted(const struct ipam *ipam, size_t index, struct error *err)
{
	const struct ipam_range_set *set = &ipam->config->sets[index];
	inet_uint size = 0;
	char pool[80] = "";
	char ranges[512];

	for (size_t i = 0; i < set->count; i++)
		size += range_set_size(&set->ranges[i].candidates);
	if (*ipam->config->pool)
		snprintf(pool, sizeof(pool),
			 "pool \"%s\": ", ipam->config->pool);
	format_set(set, ranges, sizeof(ranges));
	return error_set(err, ERROR_POOL_EXHAUSTED, 0,
			 "%s%s: every one of %ju addresses is taken", pool,
			 ranges, (uintmax_t)size);
}

static int taken(const struct inet_addr *addr,
		 const struct store_record *holder, struct error *err)
{
	char text[INET_ADDR_TEXT];

	inet_addr_format(addr, text);
	if (!*holder->container_id)
		return error_set(err, ERROR_ADDRESS_TAKEN, 0,
				 "%s is held by node %s", text, holder->ifname);
	if (*holder->pod_name)
		return error_set(err, ERROR_ADDRESS_TAKEN, 0,
				 "%s is held by pod %s/%s, %s (network \"%s\")",
				 text, holder->pod_namespace, holder->pod_name,
				 holder->ifname, holder->network);
	return error_set(err, ERROR_ADDRESS_TAKEN, 0,
			 "%s is held by container %s, %s (network \"%s\")",
			 text, holder->container_id, holder->ifname,
			 holder->network);
}

static bool is_gateway(const struct ipam_config *config,
		       const struct inet_addr *addr)
{
	for (size_t i = 0; i < config->n_sets; i++)
		for (size_t j = 0; j < config->sets[i].count; j++)
			if (inet_addr_equal(addr,
					    &config->sets[i].ranges[j].gateway))
				return true;
	return false;
}

static bool is_static(const struct ipam_config *config,
		      const struct inet_addr *addr)
{
	for (size_t i = 0; i < config->n_statics; i++)
		if (inet_addr_equal(addr, &config->statics[i].address.addr))
			return true;
	return false;
}

static bool is_host_range(const struct ipam_config *config,
			  const struct inet_addr *addr)
{
	inet_uint value = inet_addr_to_uint(addr);
	inet_uint first, last;

	for (size_t i = 0; i < config->n_host_ranges; i++) {
		const struct range *range = &config->host_ranges[i];

		range_span(range, &first, &last);
		if (range->network.addr.family == addr->family &&
		    value >= first && value <= last)
			return true;
	}
	return false;
}

/* Why no pod may have it, asked for or not; NULL if one may. What is excluded,
 * or outside of the window, may be asked for: that is what for it is left out. */
static const char *why_not(const struct ipam_config *config,
			   const struct inet_prefix *network,
			   const struct inet_addr *addr)
{
	const struct inet_addr first = inet_prefix_first(network);
	const struct inet_addr last = inet_prefix_last(network);

	if (inet_addr_equal(addr, &first))
		return "is the network's own address";
	if (addr->family == AF_INET && inet_addr_equal(addr, &last))
		return "is the broadcast address";
	if (is_gateway(config, addr))
		return "is a gateway";
	if (is_static(config, addr))
		return "is one of ipam.addresses";
	if (is_host_range(config, addr))
		return "is in ipam.hostRange, which is the nodes'";
	if (range_set_contains(&config->reserved[addr->family != AF_INET],
			       inet_addr_to_uint(addr)))
		return "is a node's address";
	return NULL;
}

static int request_one(const struct ipam_config *config,
		       const struct inet_addr *addr, struct store_wish *wish,
		       struct error *err)
{
	const char *why = "is in no range of this network";
	char text[INET_ADDR_TEXT];

	for (size_t i = 0; i < config->n_sets; i++) {
		const struct ipam_range *range;

		range = ipam_range_set_find(&config->sets[i], addr);
		if (!range)
			continue;
		why = why_not(config, &range->range.network, addr);
		if (why)
			break;
		if (!wish->requested[i].family) {
			wish->requested[i] = *addr;
			return 0;
		}
		why = "is one more than its range gives an attachment";
	}
	return error_set(err, ERROR_ADDRESS_INVALID, 0,
			 "requested address %s %s",
			 inet_addr_format(addr, text), why);
}

static bool is_repeated(const struct inet_addr *addrs, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (inet_addr_equal(&addrs[i], &addrs[index]))
			return true;
	return false;
}

static int request_all(const struct ipam_config *config,
		       const struct inet_addr *requested, size_t n,
		       struct store_wish *wish, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		if (!is_repeated(requested, i))
			r = request_one(config, &requested[i], wish, err);
	return r;
}

static void result_move(struct ipam_result *to, struct ipam_result *from)
{
	*to = *from;
	*from = (struct ipam_result){ 0 };
}

static int result_fill(const struct ipam_config *config,
		       const struct store_record *record,
		       struct ipam_result *ret, struct error *err)
{
	cleanup_ipam_result struct ipam_result result = { 0 };
	size_t n = record->n_addresses;
	int r;

	result.addresses = calloc(n + config->n_statics + 1,
				  sizeof(*result.addresses));
	result.routes = calloc(config->n_routes + 1, sizeof(*result.routes));
	if (!result.addresses || !result.routes)
		return error_oom(err);
	for (size_t i = 0; i < n; i++)
		result.addresses[i] = record->addresses[i];
	for (size_t i = 0; i < config->n_statics; i++)
		result.addresses[n + i] = (struct store_address){
			.address = config->statics[i].address,
			.gateway = config->statics[i].gateway,
		};
	result.n_addresses = n + config->n_statics;
	for (size_t i = 0; i < config->n_routes; i++)
		result.routes[i] = config->routes[i];
	result.n_routes = config->n_routes;
	r = ipam_dns_copy(&config->dns, &result.dns, err);
	if (r < 0)
		return r;

	result_move(ret, &result);
	return 0;
}

static int reserve(struct ipam *ipam, const struct store_wish *wish,
		   struct store_record *record, struct error *err)
{
	size_t set = 0;
	int r;

	r = ipam->store->ops->reserve(ipam->store, wish, record, &set, err);
	switch (r) {
	case STORE_EXHAUSTED:
		return exhausted(ipam, set, err);
	case STORE_TAKEN:
		return taken(&wish->requested[set], record, err);
	case STORE_PENDING:
		return error_set(err, ERROR_AGAIN, 0,
				 "another ADD of container %s, %s is in "
				 "progress (process %d)",
				 wish->attachment->container_id,
				 wish->attachment->ifname, record->process.pid);
	case STORE_LIVE:
		return IPAM_LIVE;
	case STORE_BUSY:
		return busy(ipam, err);
	default:
		return r;
	}
}

/* Nothing tells whether it will be: but that it can be must not be silent. */
static void warn_beside(const struct ipam *ipam)
{
	struct beside beside;
	char text[BESIDE_TEXT];

	beside_look(ipam->config, false, BESIDE_LIMIT_MS, &beside);
	if (beside.is_strange)
		log_warning("%s", beside_text(ipam->config, &beside, text));
}

int ipam_reserve(struct ipam *ipam, const struct store_attachment *attachment,
		 const struct inet_addr *requested, size_t n_requested,
		 struct ipam_result *ret, struct error *err)
{
	cleanup_store_record struct store_record record = { 0 };
	struct store_wish wish = { .config = ipam->config,
				   .attachment = attachment };
	struct error lost = { 0 };
	int r;

	r = request_all(ipam->config, requested, n_requested, &wish, err);
	if (r < 0)
		return r;
	r = reserve(ipam, &wish, &record, err);
	if (r != 0)
		return r;
	warn_beside(ipam);
	r = result_fill(ipam->config, &record, ret, err);
	if (r < 0 && ipam_release(ipam, attachment, &lost) < 0)
		error_context(err, "and could not be undone: %s", lost.details);
	return r;
}

int ipam_confirm(struct ipam *ipam, const struct store_attachment *attachment,
		 struct error *err)
{
	int r = ipam->store->ops->confirm(ipam->store, attachment, err);

	if (r == STORE_BUSY)
		return busy(ipam, err);
	return r == STORE_ABSENT ? IPAM_ABSENT : r;
}

int ipam_refuse(struct ipam *ipam, const struct store_attachment *attachment,
		const struct inet_addr *addr, const char *whose,
		struct error *err)
{
	int r = ipam->store->ops->refuse(ipam->store, attachment, addr, whose,
					 err);

	if (r == STORE_BUSY)
		return busy(ipam, err);
	return r == STORE_ABSENT ? IPAM_ABSENT : r;
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
	if (r == STORE_BUSY)
		return busy(ipam, err);
	return r == STORE_ABSENT ? IPAM_ABSENT : r;
}

int ipam_find(struct ipam *ipam, const struct store_attachment *attachment,
	      struct store_record *ret, struct error *err)
{
	int r = ipam->store->ops->find(ipam->store, attachment, ret, err);

	if (r == STORE_ABSENT)
		r = elsewhere_find(&ipam->elsewhere, ipam->store->timeout_ms,
				   attachment, ret, err);
	if (r == STORE_BUSY)
		return busy(ipam, err);
	return r == STORE_ABSENT ? IPAM_ABSENT : r;
}

bool ipam_is_damaged(const struct ipam *ipam)
{
	return ipam->store->ops->is_damaged(ipam->store);
}

int ipam_rebuild(struct ipam *ipam, const struct store_records *known,
		 struct error *err)
{
	int r = ipam->store->ops->rebuild(ipam->store, known, err);

	return r == STORE_BUSY ? busy(ipam, err) : r;
}

int ipam_audit(struct ipam *ipam, bool repair, store_tell tell, void *arg,
	       struct error *err)
{
	int r;

	if (!ipam->store->ops->audit)
		return 0;
	r = ipam->store->ops->audit(ipam->store, repair, tell, arg, err);
	return r == STORE_BUSY ? busy(ipam, err) : r;
}

int ipam_list(struct ipam *ipam, struct store_records *ret, struct error *err)
{
	int r = ipam->store->ops->list(ipam->store, ret, err);

	if (r == 0)
		r = elsewhere_list(&ipam->elsewhere, ipam->store->timeout_ms,
				   ret, err);
	return r == STORE_BUSY ? busy(ipam, err) : r;
}

int ipam_reap(struct ipam *ipam, const struct store_record *record,
	      struct error *err)
{
	int r = ipam->store->ops->reap(ipam->store, record, err);

	if (r == STORE_ABSENT)
		r = elsewhere_reap(&ipam->elsewhere, ipam->store->timeout_ms,
				   record, err);
	if (r == STORE_BUSY)
		return busy(ipam, err);
	return r == STORE_ABSENT ? IPAM_ABSENT : r;
}

int ipam_mark(struct ipam *ipam, const struct store_record *record,
	      uint64_t dead_ms, struct error *err)
{
	int r = ipam->store->ops->mark(ipam->store, record, dead_ms, err);

	if (r == STORE_ABSENT)
		r = elsewhere_mark(&ipam->elsewhere, ipam->store->timeout_ms,
				   record, dead_ms, err);
	if (r == STORE_BUSY)
		return busy(ipam, err);
	return r == STORE_ABSENT ? IPAM_ABSENT : r;
}

int ipam_due(struct ipam *ipam, const char *task, uint64_t period_ms,
	     struct error *err)
{
	int r = ipam->store->ops->due(ipam->store, task, period_ms, err);

	if (r == STORE_BUSY)
		return busy(ipam, err);
	return r == STORE_DUE ? IPAM_DUE : r;
}

unsigned int ipam_limit(struct ipam *ipam, unsigned int timeout_ms)
{
	unsigned int before = ipam->store->timeout_ms;

	ipam->store->timeout_ms = timeout_ms;
	return before;
}

/* Addresses of one set that a record holds. */
static inet_uint count_held(const struct ipam *ipam, size_t index,
			    const struct store_record *record)
{
	const struct ipam_range_set *set = &ipam->config->sets[index];
	inet_uint count = 0;

	if (strcmp(record->pool, ipam->config->pool) != 0)
		return 0;
	for (size_t i = 0; i < record->n_addresses; i++) {
		const struct inet_addr *addr =
			&record->addresses[i].address.addr;

		if (addr->family != set->family)
			continue;
		for (size_t j = 0; j < set->count; j++)
			count += range_set_contains(&set->ranges[j].candidates,
						    inet_addr_to_uint(addr));
	}
	return count;
}

/* Resting addresses are given when nothing else is free: only what is used
 * fills a set. */
static int status_set(struct ipam *ipam, size_t index,
		      const struct store_records *dead, struct error *err)
{
	struct store_usage usage;
	inet_uint spare = 0;
	int r;

	r = ipam->store->ops->usage(ipam->store, index, &usage, err);
	if (r != 0)
		return r;
	for (size_t i = 0; dead && i < dead->count; i++)
		spare += count_held(ipam, index, &dead->items[i]);
	if (usage.used < usage.candidates + spare)
		return 0;
	return exhausted(ipam, index, err);
}

int ipam_usage(struct ipam *ipam, size_t set, struct store_usage *ret,
	       struct error *err)
{
	int r = ipam->store->ops->usage(ipam->store, set, ret, err);

	return r == STORE_BUSY ? busy(ipam, err) : r;
}

static int status_beside(const struct ipam *ipam, struct error *err)
{
	struct beside beside;
	char text[BESIDE_TEXT];

	beside_look(ipam->config, true, BESIDE_LIMIT_MS, &beside);
	if (!beside.is_strange)
		return 0;
	return error_set(err, ERROR_NOT_AVAILABLE, 0, "%s",
			 beside_text(ipam->config, &beside, text));
}

/* A store that is busy is one that works. */
int ipam_status(struct ipam *ipam, const struct store_records *dead,
		struct error *err)
{
	unsigned int before = ipam_limit(ipam, LOCK_STATUS_MS);
	int r;

	r = ipam->store->ops->ready(ipam->store, err);
	for (size_t i = 0; i < ipam->config->n_sets && r == 0; i++)
		r = status_set(ipam, i, dead, err);
	ipam_limit(ipam, before);
	/* The first ADD makes a new one. */
	if (r < 0 && ipam_is_damaged(ipam)) {
		log_warning("%s", err->details);
		*err = (struct error){ 0 };
		return 0;
	}
	return r < 0 ? r : status_beside(ipam, err);
}
