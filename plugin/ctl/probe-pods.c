#include "plugin/ctl/probe-pods.h"

#include "lib/announce.h"
#include "lib/log.h"
#include "lib/netns.h"
#include "lib/undo.h"
#include "plugin/conflict.h"
#include "plugin/macvlan.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/*
 * As an ADD does it (attach.c), but for overlay and shim, which are looked at
 * here and not repaired: reserve -> link in the namespace -> address, UP ->
 * confirm -> announce. The namespace has no name and is held by a descriptor of
 * ours: if we are killed the kernel removes it with the link. The reservation
 * then names a process that is dead, under an id that nobody else uses.
 */

#define PROBE_ID     "shimctl-verify-"
#define PROBE_IFNAME "probe0"
#define PROBE_TEXT   64

struct probe_pod {
	struct request request;
	char id[PROBE_TEXT];
	char path[PROBE_TEXT];
	char ifname[sizeof(PROBE_IFNAME)];
	char none[1];
	int netns;
	struct netlink *nl;
	struct claim claim;
	struct netlink_link link;
	bool is_reserved;
};

/* --- signals ------------------------------------------------------------------------ */

static void probe_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGHUP);
}

bool probe_pods_is_interrupted(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && (sigismember(&pending, SIGINT) ||
					     sigismember(&pending, SIGTERM) ||
					     sigismember(&pending, SIGHUP));
}

/* --- what a killed run left ----------------------------------------------------------- */

static bool probe_is_leftover(const struct store_record *record,
			      const char *network, struct error *err)
{
	return strcmp(record->network, network) == 0 &&
	       strncmp(record->container_id, PROBE_ID, strlen(PROBE_ID)) == 0 &&
	       process_look(&record->process, err) == PROCESS_DEAD;
}

/* Best effort: an ADD's self-care finds them as well. */
static void probe_reap(const struct network *network)
{
	cleanup_store_records struct store_records records = { 0 };
	cleanup_ipam struct ipam *ipam = NULL;
	struct error err = { 0 };

	if (ipam_open(&network->config.ipam, false, &ipam, &err) < 0 ||
	    ipam_list(ipam, &records, &err) < 0)
		return;
	for (size_t i = 0; i < records.count; i++) {
		struct error unknown = { 0 };

		if (!probe_is_leftover(&records.items[i], network->config.name,
				       &unknown))
			continue;
		if (ipam_reap(ipam, &records.items[i], &unknown) == 0)
			log_info("%s: what a killed verify left is given back",
				 records.items[i].container_id);
	}
}

/* --- one pod -------------------------------------------------------------------------- */

static void probe_close(struct probe_pod *pod)
{
	struct error err = { 0 };

	if (pod->nl && macvlan_del(pod->nl, pod->ifname, &err) < 0)
		log_warning("%s", err.details);
	err = (struct error){ 0 };
	if (pod->is_reserved && claim_release(&pod->claim, &err) < 0)
		log_warning("%s", err.details);
	claim_clear(&pod->claim);
	netlink_close(pod->nl);
	if (pod->netns >= 0)
		close(pod->netns);
	free(pod);
}

static int probe_open_netns(struct probe_pod *pod, size_t number,
			    struct error *err)
{
	int r = netns_new(&pod->netns, err);

	if (r < 0)
		return r;
	snprintf(pod->id, sizeof(pod->id), PROBE_ID "%d-%zu", (int)getpid(),
		 number);
	snprintf(pod->path, sizeof(pod->path), "/proc/%d/fd/%d", (int)getpid(),
		 pod->netns);
	pod->request = (struct request){
		.verb = REQUEST_ADD,
		.container_id = pod->id,
		.netns = pod->path,
		.ifname = pod->ifname,
		.path = pod->none,
		.args = { .mac = pod->none,
			  .pod_namespace = pod->none,
			  .pod_name = pod->none,
			  .pod_uid = pod->none },
	};
	return netlink_open(pod->netns, &pod->nl, err);
}

static int probe_configure(struct probe_pod *pod, const struct config *config,
			   struct error *err)
{
	const struct ipam_result *given = &pod->claim.given;
	struct result_ip *ips = calloc(given->n_addresses + 1, sizeof(*ips));
	int r;

	if (!ips)
		return error_oom(err);
	for (size_t i = 0; i < given->n_addresses; i++)
		ips[i] = (struct result_ip){
			.address = given->addresses[i].address,
			.interface = -1,
		};
	r = macvlan_configure(pod->nl, pod->netns, config, &pod->link, ips,
			      given->n_addresses, NULL, 0, err);
	free(ips);
	return r;
}

static int probe_settle(struct probe_pod *pod, const struct config *config,
			struct error *err)
{
	int r = conflict_settle(&pod->claim, pod->nl, pod->netns, &pod->link,
				err);

	if (r == 0)
		r = probe_configure(pod, config, err);
	if (r == 0)
		r = conflict_verify(&pod->claim, pod->nl, pod->netns,
				    &pod->link, err);
	if (r == CONFLICT_LOST)
		return error_set(err, ERROR_AGAIN, 0,
				 "another node took the same address");
	return r;
}

/* Peers may still know another MAC behind the address. */
static void probe_announce(const struct probe_pod *pod)
{
	const struct ipam_result *given = &pod->claim.given;

	for (size_t i = 0; i < given->n_addresses; i++) {
		struct error err = { 0 };

		announce_address(pod->netns, pod->link.index, &pod->link.mac,
				 &given->addresses[i].address.addr, &err);
	}
}

static int probe_make(struct ctl *ctl, const struct config *config,
		      const struct netlink_link *parent, struct probe_pod *pod,
		      struct error *err)
{
	int r;

	pod->claim = claim_init(&pod->request, config);
	r = claim_reserve(&pod->claim, pod->netns, err);
	if (r < 0)
		return r;
	pod->is_reserved = true;
	r = macvlan_add(ctl->host, pod->nl, pod->netns, config, parent,
			pod->ifname, &pod->link, err);
	if (r == 0)
		r = probe_settle(pod, config, err);
	if (r == 0)
		r = claim_confirm(&pod->claim, err);
	if (r == 0)
		probe_announce(pod);
	return r;
}

static int probe_open(struct ctl *ctl, const struct config *config,
		      const struct netlink_link *parent,
		      struct probe_pods *pods, struct error *err)
{
	struct probe_pod *pod = calloc(1, sizeof(*pod));
	int r;

	if (!pod)
		return error_oom(err);
	pod->netns = -1;
	memcpy(pod->ifname, PROBE_IFNAME, sizeof(pod->ifname));
	pods->items[pods->count++] = pod;
	r = probe_open_netns(pod, pods->count, err);
	return r == 0 ? probe_make(ctl, config, parent, pod, err) : r;
}

/* --- both ----------------------------------------------------------------------------- */

int probe_pods_open(struct ctl *ctl, const struct network *network,
		    const struct netlink_link *parent, struct probe_pods *ret,
		    struct error *err)
{
	const struct config *config = &network->config;
	sigset_t signals;
	int r;

	if (!ipam_config_is_builtin(&config->ipam) || config->link_in_container)
		return PROBE_PODS_FOREIGN;
	r = macvlan_verify(config, parent, err);
	if (r < 0)
		return r;
	probe_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	ret->is_guarded = true;
	probe_reap(network);
	for (int i = 0; i < PROBE_PODS && r == 0; i++)
		r = probe_open(ctl, config, parent, ret, err);
	return r < 0 ? error_context(err, "make a pod to probe from") : 0;
}

void probe_pods_close(struct probe_pods *pods)
{
	sigset_t signals;

	for (size_t i = pods->count; i > 0; i--)
		probe_close(pods->items[i - 1]);
	pods->count = 0;
	if (!pods->is_guarded)
		return;
	pods->is_guarded = false;
	probe_signals(&signals);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}
