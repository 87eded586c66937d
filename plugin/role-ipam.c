#include "plugin/role-ipam.h"

#include "lib/undo.h"
#include "plugin/attach.h"
#include "plugin/claim.h"
#include "plugin/pod.h"
#include "plugin/reclaim.h"

/*
 * The interface is the other plugin's: made before we are asked (macvlan,
 * bridge) or after it (ptp), and gone before or after we are told (DEL). So an
 * address is in use from our answer on, and the record is live when we print
 * it; "pending" would say that an ADD of this process goes on, and that it is
 * dead as soon as we end. What is there if we die:
 *
 *	reserve		a pending record of a dead process: the next ADD of this
 *			attachment takes it over, DEL releases it
 *	confirm		a live record. The other plugin never saw our result and
 *			fails; it, or the runtime, sends DEL
 *	print		the other plugin owns the address until DEL
 *
 * A DEL that never comes is found as for our own interfaces: the record has the
 * namespace's path and cookie, and an interface of the recorded name in it, of
 * whatever kind, keeps the address.
 */

static void count_family(uint8_t family, size_t *n_ipv4, size_t *n_ipv6)
{
	if (family == AF_INET6)
		(*n_ipv6)++;
	else
		(*n_ipv4)++;
}

static int check_version(const struct config *config, struct error *err)
{
	const struct ipam_config *ipam = &config->ipam;
	size_t n_ipv4 = 0;
	size_t n_ipv6 = 0;

	for (size_t i = 0; i < ipam->n_sets; i++)
		count_family(ipam->sets[i].family, &n_ipv4, &n_ipv6);
	for (size_t i = 0; i < ipam->n_statics; i++)
		count_family(ipam->statics[i].address.addr.family, &n_ipv4,
			     &n_ipv6);
	return result_check_version(config->version, n_ipv4, n_ipv6, err);
}

static int undo_reserve(void *step, struct error *err)
{
	return claim_release(step, err);
}

/* Gateways of routes are left to the other plugin, as all IPAMs do it. */
static int fill_result(struct ipam_result *given, struct result *ret,
		       struct error *err)
{
	ret->ips = calloc(given->n_addresses + 1, sizeof(*ret->ips));
	if (!ret->ips)
		return error_oom(err);
	for (size_t i = 0; i < given->n_addresses; i++)
		ret->ips[ret->n_ips++] = (struct result_ip){
			.address = given->addresses[i].address,
			.gateway = given->addresses[i].gateway,
			.interface = -1,
		};
	ret->routes = take_ptr(given->routes);
	ret->n_routes = given->n_routes;
	given->n_routes = 0;
	return ipam_dns_copy(&given->dns, &ret->dns, err);
}

static int add(struct claim *claim, struct result *ret, struct error *err)
{
	cleanup_undo struct undo undo = { 0 };
	cleanup_close int netns = -1;
	int r;

	r = pod_open(claim->request, &netns, err);
	if (r < 0)
		return r;
	r = check_version(claim->config, err);
	if (r < 0)
		return r;
	r = claim_reserve(claim, netns, err);
	if (r < 0)
		return r;
	undo_push(&undo, undo_reserve, claim);
	r = fill_result(&claim->given, ret, err);
	if (r < 0)
		return r;
	r = claim_confirm(claim, err);
	if (r < 0)
		return r;
	undo_commit(&undo);
	return 0;
}

int role_ipam_add(const struct request *request, const struct config *config,
		  struct result *ret, struct error *err)
{
	cleanup_claim struct claim claim = claim_init(request, config);
	int r = add(&claim, ret, err);

	return r < 0 ? error_context(err, "ipam for %s", request->ifname) : 0;
}

int role_ipam_del(const struct request *request, const struct config *config,
		  struct error *err)
{
	cleanup_claim struct claim claim = claim_init(request, config);

	return claim_release(&claim, err);
}

int role_ipam_check(const struct request *request, const struct config *config,
		    struct error *err)
{
	cleanup_claim struct claim claim = claim_init(request, config);

	return claim_check(&claim, err);
}

int role_ipam_gc(const struct request *request, const struct config *config,
		 struct error *err)
{
	return attach_gc(request, config, err);
}

int role_ipam_status(const struct request *request, const struct config *config,
		     struct error *err)
{
	(void)request;
	return reclaim_status(&config->ipam, err);
}
