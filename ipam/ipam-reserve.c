/*
 * The first step of an ADD: what is asked for, one address of each set, and what
 * the pod is told. When an ADD fails here, this is the only place that knows why:
 * so its errors name ranges, numbers and holders.
 */

#include "ipam/beside.h"
#include "ipam/ipam-priv.h"

#include "lib/log.h"

#include <stdio.h>

/* --- why not ---------------------------------------------------------------------- */

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

int ipam_exhausted(const struct ipam *ipam, size_t index, struct error *err)
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

/* --- what the pod is told --------------------------------------------------------- */

void ipam_result_clear(struct ipam_result *result)
{
	free(result->addresses);
	free(result->routes);
	ipam_dns_clear(&result->dns);
	*result = (struct ipam_result){ 0 };
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

/* --- the reservation -------------------------------------------------------------- */

static int reserve(struct ipam *ipam, const struct store_wish *wish,
		   struct store_record *record, struct error *err)
{
	size_t set = 0;
	int r;

	r = ipam->store->ops->reserve(ipam->store, wish, record, &set, err);
	switch (r) {
	case STORE_EXHAUSTED:
		return ipam_exhausted(ipam, set, err);
	case STORE_TAKEN:
		return taken(&wish->requested[set], record, err);
	case STORE_PENDING:
		return error_set(err, ERROR_AGAIN, 0,
				 "another ADD of container %s, %s is in "
				 "progress (process %d)",
				 wish->attachment->container_id,
				 wish->attachment->ifname, record->process.pid);
	default:
		return ipam_outcome(ipam, r, err);
	}
}

/* Nothing tells whether it will be: but that it can be must not be silent. */
static void warn_beside(const struct ipam *ipam)
{
	struct beside beside;
	char text[BESIDE_TEXT];

	beside_look(ipam->config, false, IPAM_BESIDE_MS, &beside);
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

	r = ipam_request(ipam->config, requested, n_requested, &wish, err);
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
