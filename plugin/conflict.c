#include "plugin/conflict.h"

#include "lib/log.h"
#include "lib/probe.h"
#include "plugin/macvlan.h"

#include <linux/if.h>
#include <stdlib.h>
#include <time.h>

/*
 * The question is asked over the pod's own link, before it bears an address: from
 * there the node's other pods, which a parent never hears, answer as well as the
 * rest of the segment. The link has to be UP for it, and is set DOWN again, since
 * addresses are configured before it comes UP.
 *
 * The reservation comes first, so that no other ADD of this node tries the same
 * one; no lock is held while we wait for silence. Two nodes that share a range
 * and probe for one address at the same time see each other's probes, and the
 * lower MAC wins (lib/probe.c).
 *
 * Between our silence and our answers the address is nobody's: a node that probes
 * in just that gap hears nothing, as we did. So both ask once more when they bear
 * the address. Of any two, the later one to ask is answered by the other, and
 * gives way; that both do is possible, and harmless. The kernel's own detection
 * (RFC 4862) would add nothing but a second of another gap: while it lasts a
 * link does not answer, and gives up its address to whoever asks for it. These
 * addresses are added without it.
 *
 * What is answered for rests, under an owner that nobody is, so that the next
 * ADDs do not ask for it again. It comes back by itself: stations leave.
 */

#define CONFLICT_TRIES    32
#define CONFLICT_PROBE_MS 500 /* three probes; stations answer in a few */
#define CONFLICT_AGAIN_MS 200 /* the same, of an address that we bear */
#define CARRIER_WAIT_MS   1000
#define CARRIER_POLL_MS   20

struct conflict {
	struct claim *claim;
	struct netlink *pod;
	int pod_netns;
	struct netlink_link *link;
	struct inet_addr refused[CONFLICT_TRIES];
	size_t n_refused;
};

bool conflict_is_asked(const struct config *config)
{
	return ipam_config_is_builtin(&config->ipam) &&
	       (config->ipam.conflict_probe || config->ipam.shared);
}

/* --- the link ---------------------------------------------------------------------- */

/* Return: 1 or 0, or negative */
static int has_carrier(const struct conflict *conflict, struct error *err)
{
	struct netlink_link link;
	int r = netlink_link_get_index(conflict->pod, conflict->link->index,
				       &link, err);

	if (r == NETLINK_ABSENT)
		return error_set(err, ERROR_LINK, 0, "the link is gone");
	return r < 0 ? r : (link.flags & IFF_LOWER_UP) != 0;
}

/* Into silence nobody answers: without a carrier an address proves nothing. */
static int wait_carrier(const struct conflict *conflict, struct error *err)
{
	const struct timespec pause = { .tv_nsec = CARRIER_POLL_MS * 1000000 };

	for (int waited = 0; waited < CARRIER_WAIT_MS;
	     waited += CARRIER_POLL_MS) {
		int r = has_carrier(conflict, err);

		if (r != 0)
			return r < 0 ? r : 0;
		nanosleep(&pause, NULL);
	}
	return error_set(err, ERROR_AGAIN, 0,
			 "the segment cannot be asked for addresses in use: "
			 "the master has no carrier");
}

static int set_down(const struct conflict *conflict, struct error *err)
{
	const struct netlink_link_change down = { .set_up = true };
	int r = netlink_link_set(conflict->pod, conflict->link->index, &down,
				 err);

	if (r > 0)
		return error_set(err, ERROR_LINK, 0, "set DOWN");
	return r < 0 ? error_context(err, "set DOWN") : 0;
}

/* --- the addresses ----------------------------------------------------------------- */

/* The pod's other links answer for this one's addresses too, once it bears them:
 * the segment hears one station on all of them. The link's own MAC comes first. */
static int list_own(const struct conflict *conflict, struct inet_mac **ret,
		    size_t *ret_n, struct error *err)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	int r = netlink_link_list(conflict->pod, &links, err);

	if (r < 0)
		return r;
	*ret = calloc(links.count + 1, sizeof(**ret));
	if (!*ret)
		return error_oom(err);
	(*ret)[0] = conflict->link->mac;
	for (size_t i = 0; i < links.count; i++)
		(*ret)[i + 1] = links.items[i].mac;
	*ret_n = links.count + 1;
	return 0;
}

/* Return: 0, PROBE_ANSWERED, or negative */
static int probe_all(const struct conflict *conflict, unsigned int timeout_ms,
		     struct inet_addr *ret, struct inet_mac *ret_mac,
		     struct error *err)
{
	const struct ipam_result *given = &conflict->claim->given;
	cleanup_free struct inet_mac *own = NULL;
	size_t n_own;
	int r = list_own(conflict, &own, &n_own, err);

	for (size_t i = 0; i < given->n_addresses && r == 0; i++) {
		*ret = given->addresses[i].address.addr;
		r = probe_conflict(conflict->pod_netns, conflict->link->index,
				   own, n_own, ret, timeout_ms, ret_mac, err);
	}
	return r;
}

static bool was_asked_for(const struct config *config,
			  const struct inet_addr *addr)
{
	for (size_t i = 0; i < config->n_requested; i++)
		if (inet_addr_equal(&config->requested[i], addr))
			return true;
	for (size_t i = 0; i < config->ipam.n_statics; i++)
		if (inet_addr_equal(&config->ipam.statics[i].address.addr,
				    addr))
			return true;
	return false;
}

static bool was_refused(const struct conflict *conflict,
			const struct inet_addr *addr)
{
	for (size_t i = 0; i < conflict->n_refused; i++)
		if (inet_addr_equal(&conflict->refused[i], addr))
			return true;
	return false;
}

/* Exchange @addr for the next one. */
static int refuse(struct conflict *conflict, const struct inet_addr *addr,
		  const struct inet_mac *mac, struct error *err)
{
	char text[INET_ADDR_TEXT], mac_text[INET_MAC_TEXT];

	inet_addr_format(addr, text);
	inet_mac_format(mac, mac_text);
	if (was_asked_for(conflict->claim->config, addr))
		return error_set(err, ERROR_ADDRESS_TAKEN, 0,
				 "%s is answered for by %s on the segment",
				 text, mac_text);
	/* What was refused comes again only if nothing else is left. */
	if (conflict->n_refused == CONFLICT_TRIES ||
	    was_refused(conflict, addr))
		return error_set(err, ERROR_POOL_EXHAUSTED, 0,
				 "%zu addresses, all that were tried, are "
				 "answered for on the segment (%s by %s): is "
				 "the range another network's?",
				 conflict->n_refused, text, mac_text);
	conflict->refused[conflict->n_refused++] = *addr;
	log_warning("%s is answered for by %s on the segment, though the "
		    "address store has it free: another one is taken",
		    text, mac_text);
	return claim_refuse(conflict->claim, addr, mac_text,
			    conflict->pod_netns, err);
}

static int settle(struct conflict *conflict, struct error *err)
{
	struct inet_addr addr;
	struct inet_mac mac;
	int r;

	r = macvlan_up(conflict->pod, conflict->claim->config, conflict->link,
		       err);
	if (r == 0)
		r = wait_carrier(conflict, err);
	if (r < 0)
		return r;
	while ((r = probe_all(conflict, CONFLICT_PROBE_MS, &addr, &mac, err)) ==
	       PROBE_ANSWERED) {
		r = refuse(conflict, &addr, &mac, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : set_down(conflict, err);
}

int conflict_settle(struct claim *claim, struct netlink *pod, int pod_netns,
		    struct netlink_link *link, struct error *err)
{
	struct conflict conflict = {
		.claim = claim,
		.pod = pod,
		.pod_netns = pod_netns,
		.link = link,
	};
	int r = settle(&conflict, err);

	return r < 0 ? error_context(err, "conflict probe") : 0;
}

/* --- and once more ------------------------------------------------------------------ */

static int del_addresses(const struct conflict *conflict, struct error *err)
{
	const struct ipam_result *given = &conflict->claim->given;

	for (size_t i = 0; i < given->n_addresses; i++) {
		const struct netlink_addr addr = {
			.index = conflict->link->index,
			.address = given->addresses[i].address,
		};
		int r = netlink_addr_del(conflict->pod, &addr, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The address goes before another one is asked for: its holder is using it. */
static int give_way(struct conflict *conflict, const struct inet_addr *addr,
		    const struct inet_mac *mac, struct error *err)
{
	int r;

	r = set_down(conflict, err);
	if (r < 0)
		return r;
	r = del_addresses(conflict, err);
	if (r < 0)
		return r;
	return refuse(conflict, addr, mac, err);
}

int conflict_verify(struct claim *claim, struct netlink *pod, int pod_netns,
		    struct netlink_link *link, struct error *err)
{
	struct conflict conflict = {
		.claim = claim,
		.pod = pod,
		.pod_netns = pod_netns,
		.link = link,
	};
	struct inet_addr addr;
	struct inet_mac mac;
	int r;

	r = probe_all(&conflict, CONFLICT_AGAIN_MS, &addr, &mac, err);
	if (r == PROBE_ANSWERED) {
		r = give_way(&conflict, &addr, &mac, err);
		if (r == 0)
			return CONFLICT_LOST;
	}
	return r < 0 ? error_context(err, "conflict probe") : 0;
}
