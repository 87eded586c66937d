#include "plugin/claim.h"

#include "lib/netns.h"
#include "plugin/delegate.h"
#include "plugin/rebuild.h"
#include "plugin/reclaim.h"
#include "plugin/witness.h"

#include <string.h>

struct claim claim_init(const struct request *request,
			const struct config *config)
{
	return (struct claim){
		.request = request,
		.config = config,
		.key = {
			.network = config->name,
			.container_id = request->container_id,
			.ifname = request->ifname,
			.netns = request->netns,
			.pod_namespace = request->args.pod_namespace,
			.pod_name = request->args.pod_name,
			.pod_uid = request->args.pod_uid,
		},
	};
}

void claim_clear(struct claim *claim)
{
	ipam_result_clear(&claim->given);
	claim->ipam = ipam_close(claim->ipam);
}

bool claim_is_ours(const struct claim *claim)
{
	return ipam_config_is_builtin(&claim->config->ipam);
}

bool claim_is_delegated(const struct claim *claim)
{
	return delegate_is_wanted(claim->config);
}

/* A DHCP client tells the server over the link that its lease has ended. */
bool claim_needs_link(const struct claim *claim)
{
	return claim_is_delegated(claim) &&
	       strcmp(claim->config->ipam.type, "dhcp") == 0;
}

static int open_ipam(struct claim *claim, bool read_only, struct error *err)
{
	if (claim->ipam)
		return 0;
	return ipam_open(&claim->config->ipam, read_only, &claim->ipam, err);
}

/* After a failure: was it the store, and is it a new one now? Then the step may
 * be repeated. */
static bool was_repaired(struct claim *claim, struct error *err)
{
	return ipam_is_damaged(claim->ipam) &&
	       rebuild_store(claim->ipam, claim->config, err) == 0;
}

/* --- ADD -------------------------------------------------------------------- */

int claim_is_unfinished(struct claim *claim, struct error *err)
{
	struct store_record record = { 0 };
	int r;

	if (!claim_is_ours(claim))
		return 0;
	r = open_ipam(claim, false, err);
	if (r < 0)
		return r;
	r = ipam_find(claim->ipam, &claim->key, &record, err);
	if (r < 0 && was_repaired(claim, err))
		r = ipam_find(claim->ipam, &claim->key, &record, err);
	if (r < 0)
		return error_return(err);
	r = r == 0 && record.state == STORE_STATE_PENDING;
	store_record_clear(&record);
	return r;
}

static int reserve(struct claim *claim, struct error *err)
{
	const struct config *config = claim->config;

	return ipam_reserve(claim->ipam, &claim->key, config->requested,
			    config->n_requested, &claim->given, err);
}

static bool is_short(const struct error *err)
{
	return err->code == ERROR_POOL_EXHAUSTED ||
	       err->code == ERROR_ADDRESS_TAKEN;
}

/* The dead make room; the error stays that of the pool. */
static int reserve_or_reclaim(struct claim *claim, struct error *err)
{
	struct error unknown = { 0 };
	int r = reserve(claim, err);

	if (r >= 0 || !is_short(err) ||
	    reclaim_dead(claim->ipam, NULL, RECLAIM_LIMIT_MS, &unknown) == 0)
		return r;
	*err = (struct error){ 0 };
	return reserve(claim, err);
}

/* Return: RECLAIM_GONE, RECLAIM_ATTACHED, or negative */
static int look_attached(struct claim *claim, struct error *err)
{
	struct store_record record = { 0 };
	int r = ipam_find(claim->ipam, &claim->key, &record, err);

	if (r == IPAM_ABSENT)
		return RECLAIM_GONE;
	if (r < 0)
		return r;
	r = reclaim_is_attached(&record, err);
	store_record_clear(&record);
	return r;
}

/*
 * The store says that it is attached. That no interface bears it out, and that
 * the runtime asks for it anew, are two witnesses that the DEL was lost.
 */
static int reserve_again(struct claim *claim, struct error *err)
{
	int r = look_attached(claim, err);

	if (r < 0)
		return r;
	if (r == RECLAIM_ATTACHED)
		return error_set(err, ERROR_IFNAME_EXISTS, 0,
				 "container %s has interface \"%s\" on network "
				 "\"%s\" already",
				 claim->key.container_id, claim->key.ifname,
				 claim->key.network);

	r = ipam_release(claim->ipam, &claim->key, err);
	if (r < 0)
		return r;
	r = reserve(claim, err);
	if (r == IPAM_LIVE)
		return error_set(err, ERROR_AGAIN, 0,
				 "another process attaches it");
	return r;
}

int claim_reserve(struct claim *claim, int pod_netns, struct error *err)
{
	struct error unknown = { 0 };
	int r;

	r = open_ipam(claim, false, err);
	if (r < 0)
		return r;
	/* Before Linux 5.14 there is none: 0. */
	if (!claim->key.netns_cookie)
		netns_cookie(pod_netns, &claim->key.netns_cookie, &unknown);
	claim->key.place = witness_place(claim->request->netns, pod_netns);
	r = reserve_or_reclaim(claim, err);
	if (r < 0 && was_repaired(claim, err))
		r = reserve_or_reclaim(claim, err);
	if (r == IPAM_LIVE)
		r = reserve_again(claim, err);
	return r < 0 ? error_context(err, "reserve an address") : 0;
}

int claim_refuse(struct claim *claim, const struct inet_addr *addr,
		 const char *whose, int pod_netns, struct error *err)
{
	int r = ipam_refuse(claim->ipam, &claim->key, addr, whose, err);

	if (r == IPAM_ABSENT)
		return error_set(err, ERROR_AGAIN, 0,
				 "the reservation was released meanwhile");
	if (r < 0)
		return error_context(err, "refuse the address");
	ipam_result_clear(&claim->given);
	return claim_reserve(claim, pod_netns, err);
}

int claim_confirm(struct claim *claim, struct error *err)
{
	int r = ipam_confirm(claim->ipam, &claim->key, err);

	if (r == IPAM_ABSENT)
		return error_set(err, ERROR_AGAIN, 0,
				 "the reservation was released meanwhile");
	if (r < 0)
		return error_context(err, "confirm the reservation");
	reclaim_care(claim->ipam);
	return 0;
}

int claim_delegate(struct claim *claim, struct error *err)
{
	return delegate_add(claim->request, claim->config, &claim->given, err);
}

/* --- DEL -------------------------------------------------------------------- */

static int release_record(struct claim *claim,
			  const struct store_record *record, struct error *err)
{
	const struct store_attachment key = store_record_attachment(record);

	return ipam_release(claim->ipam, &key, err);
}

/* What a rebuild made for it: a record in each pool. */
static int release_adopted(struct claim *claim, struct error *err)
{
	cleanup_close int netns = -1;
	struct error unknown = { 0 };
	int r = 0;

	if (!*claim->key.netns ||
	    netns_open(claim->key.netns, &netns, &unknown) != 0)
		return IPAM_ABSENT;
	while (r == 0) {
		struct store_record record = { 0 };

		r = rebuild_find(claim->ipam, netns, claim->key.ifname, &record,
				 err);
		if (r == 0)
			r = release_record(claim, &record, err);
		store_record_clear(&record);
	}
	return r;
}

static int release(struct claim *claim, struct error *err)
{
	int r = ipam_release(claim->ipam, &claim->key, err);

	return r == IPAM_ABSENT ? release_adopted(claim, err) : r;
}

int claim_release(struct claim *claim, struct error *err)
{
	int r;

	if (claim_is_delegated(claim))
		return delegate_call(claim->request, claim->config, REQUEST_DEL,
				     err);
	if (!claim_is_ours(claim))
		return 0;
	r = open_ipam(claim, false, err);
	if (r < 0)
		return r;
	r = release(claim, err);
	if (r < 0 && was_repaired(claim, err))
		r = release(claim, err);
	return r < 0 ? error_context(err, "release the address") : 0;
}

/* --- CHECK ------------------------------------------------------------------ */

static int check_prev(const struct config *config,
		      const struct inet_prefix *address, struct error *err)
{
	char text[INET_PREFIX_TEXT];

	for (size_t i = 0; i < config->prev.n_ips; i++)
		if (inet_prefix_equal(&config->prev.ips[i].address, address))
			return 0;
	return error_set(err, ERROR_STORE, 0,
			 "address %s is reserved for it, but is not in "
			 "prevResult",
			 inet_prefix_format(address, text));
}

static int compare(const struct config *config,
		   const struct store_record *record, struct error *err)
{
	const struct ipam_config *ipam = &config->ipam;
	int r = 0;

	if (!config->has_prev)
		return 0;
	for (size_t i = 0; i < record->n_addresses && r == 0; i++)
		r = check_prev(config, &record->addresses[i].address, err);
	for (size_t i = 0; i < ipam->n_statics && r == 0; i++)
		r = check_prev(config, &ipam->statics[i].address, err);
	return r;
}

/* The record; or, by namespace and interface, what a rebuild knew of it. */
static int find(struct claim *claim, struct store_record *ret, bool *ret_is_own,
		struct error *err)
{
	cleanup_close int netns = -1;
	struct error unknown = { 0 };
	int r = ipam_find(claim->ipam, &claim->key, ret, err);

	*ret_is_own = true;
	if (r != IPAM_ABSENT || !*claim->key.netns ||
	    netns_open(claim->key.netns, &netns, &unknown) != 0)
		return r;
	*ret_is_own = false;
	return rebuild_find(claim->ipam, netns, claim->key.ifname, ret, err);
}

int claim_check(struct claim *claim, struct error *err)
{
	struct store_record record = { 0 };
	bool is_own;
	int r;

	if (claim_is_delegated(claim))
		return delegate_call(claim->request, claim->config,
				     REQUEST_CHECK, err);
	if (!claim_is_ours(claim))
		return 0;
	r = open_ipam(claim, true, err);
	if (r < 0)
		return r;
	r = find(claim, &record, &is_own, err);
	if (r == IPAM_ABSENT)
		return error_set(err, ERROR_STORE, 0,
				 "no address is reserved for it");
	/* A rebuild took all that the interface bore, whoever put it there. */
	if (r == 0 && is_own)
		r = compare(claim->config, &record, err);
	store_record_clear(&record);
	return r;
}
