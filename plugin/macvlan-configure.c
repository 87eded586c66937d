#include "plugin/macvlan.h"

#include "lib/log.h"
#include "lib/netns.h"
#include "lib/sysctl.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

/*
 * The order is the kernel's: arp_notify and ndisc_notify act when the link comes
 * UP, so both and the addresses precede it; routes need it UP; whether a MAC or
 * an IPv6 address is somebody else's shows only when it is UP.
 */

/* How long a MAC may be held by a namespace that is being torn down. */
#define MAC_WAIT_MS 3000
#define MAC_POLL_MS 20

/* Duplicate address detection takes one to two seconds (RFC 4862, 5.4). */
#define SETTLE_WAIT_MS 5000
#define SETTLE_POLL_MS 50

static void sleep_ms(unsigned int ms)
{
	struct timespec left = { .tv_sec = ms / 1000,
				 .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static bool has_family(const struct result_ip *ips, size_t n_ips,
		       uint8_t family)
{
	for (size_t i = 0; i < n_ips; i++)
		if (ips[i].address.addr.family == family)
			return true;
	return false;
}

/* --- sysctls --------------------------------------------------------------- */

struct switches {
	const struct netlink_link *link; /* as it was born */
	bool has_ipv6; /* bears an IPv6 address */
};

static int set_switch(const struct netlink_link *link, int family,
		      const char *key, int value, struct error *err)
{
	int have;

	if (netlink_link_conf(link, family, key, &have) == NETLINK_ABSENT)
		return sysctl_ensure(-1, family, link->name, key, value, err);
	if (have == value)
		return 0;
	return sysctl_set(-1, family, link->name, key, value, err);
}

static int require_ipv6(int r, const char *ifname, struct error *err)
{
	if (r == SYSCTL_ABSENT)
		return error_set(err, ERROR_LINK, EAFNOSUPPORT,
				 "%s: an IPv6 address is configured, and this "
				 "kernel has IPv6 off",
				 ifname);
	return r;
}

/* Container engines switch IPv6 off in new namespaces, on lo too. */
static int set_ipv6_switches(const struct netlink_link *link, struct error *err)
{
	int r;

	r = sysctl_ensure(-1, AF_INET6, "lo", "disable_ipv6", 0, err);
	r = require_ipv6(r, "lo", err);
	if (r < 0)
		return r;
	r = set_switch(link, AF_INET6, "disable_ipv6", 0, err);
	r = require_ipv6(r, link->name, err);
	if (r < 0)
		return r;
	r = set_switch(link, AF_INET6, "keep_addr_on_down", 1, err);
	return r < 0 ? r : 0;
}

/* Without them the kernel does not announce; we do that ourselves too. */
static void set_notify_switches(const struct netlink_link *link)
{
	struct error err = { 0 };

	if (set_switch(link, AF_INET, "arp_notify", 1, &err) < 0)
		log_warning("%s", err.details);
	if (set_switch(link, AF_INET6, "ndisc_notify", 1, &err) < 0)
		log_warning("%s", err.details);
}

static int set_switches(void *arg, struct error *err)
{
	const struct switches *switches = arg;

	set_notify_switches(switches->link);
	if (!switches->has_ipv6)
		return 0;
	return set_ipv6_switches(switches->link, err);
}

/* --- addresses and UP -------------------------------------------------------- */

/* What was probed for already is not left to the kernel's detection, which would
 * give it up to a probe of somebody else (conflict.c). */
static int add_addresses(struct netlink *pod, const struct config *config,
			 int index, const struct result_ip *ips, size_t n_ips,
			 struct error *err)
{
	bool probed = config->ipam.conflict_probe || config->ipam.shared;
	char text[INET_PREFIX_TEXT];

	for (size_t i = 0; i < n_ips; i++) {
		bool ipv6 = ips[i].address.addr.family == AF_INET6;
		const struct netlink_addr addr = {
			.index = index,
			.address = ips[i].address,
			.flags = probed && ipv6 ? IFA_F_NODAD : 0,
		};
		int r = netlink_addr_add(pod, &addr, err);

		if (r == NETLINK_EXISTS)
			return error_set(err, ERROR_CONFIG, EEXIST,
					 "address %s is given twice",
					 inet_prefix_format(&ips[i].address,
							    text));
		if (r < 0)
			return r;
	}
	return 0;
}

/* A MAC that was ours to choose is in use: choose another. */
static int replace_mac(struct netlink *pod, struct netlink_link *link,
		       struct error *err)
{
	struct inet_mac mac;
	const struct netlink_link_change change = { .mac = &mac };
	int r;

	r = macvlan_random_mac(&mac, err);
	if (r < 0)
		return r;
	r = netlink_link_set(pod, link->index, &change, err);
	if (r < 0)
		return error_context(err, "choose another MAC");
	if (r == 0)
		link->mac = mac;
	return 0;
}

static int mac_in_use(const struct netlink_link *link, struct error *err)
{
	char text[INET_MAC_TEXT];

	return error_set(err, ERROR_AGAIN, EADDRINUSE,
			 "MAC %s is in use on the same master, still after "
			 "%u ms",
			 inet_mac_format(&link->mac, text), MAC_WAIT_MS);
}

/*
 * MACs are compared with the siblings' only here. A namespace is torn down some
 * time after its pod is gone, so a pod that comes back with its MAC waits.
 */
int macvlan_up(struct netlink *pod, const struct config *config,
	       struct netlink_link *link, struct error *err)
{
	const struct netlink_link_change up = { .set_up = true, .up = true };
	unsigned int waited = 0;

	for (;;) {
		int r = netlink_link_set(pod, link->index, &up, err);

		if (r == NETLINK_ABSENT)
			return error_set(err, ERROR_LINK, 0,
					 "set UP: the link is gone");
		if (r < 0)
			return error_context(err, "set UP");
		if (r == 0) {
			*err = (struct error){ 0 };
			return 0;
		}
		if (waited >= MAC_WAIT_MS)
			return mac_in_use(link, err);

		if (macvlan_chooses_mac(config)) {
			r = replace_mac(pod, link, err);
			if (r < 0)
				return r;
		}
		sleep_ms(MAC_POLL_MS);
		waited += MAC_POLL_MS;
	}
}

/* --- IPv6 ------------------------------------------------------------------- */

enum {
	SETTLE_DONE,
	SETTLE_TENTATIVE,
};

static int look_settled(struct netlink *pod, int index, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	int r = netlink_addr_list(pod, index, AF_INET6, &addrs, err);
	int tentative = SETTLE_DONE;

	if (r < 0)
		return r;
	for (size_t i = 0; i < addrs.count; i++) {
		const struct netlink_addr *addr = &addrs.items[i];
		char text[INET_PREFIX_TEXT];

		if (addr->flags & IFA_F_DADFAILED)
			return error_set(err, ERROR_LINK, EADDRINUSE,
					 "another host on the segment has %s",
					 inet_prefix_format(&addr->address,
							    text));
		if (addr->flags & IFA_F_TENTATIVE)
			tentative = SETTLE_TENTATIVE;
	}
	return tentative;
}

/* Without a carrier detection does not run, and begins when there is one. The
 * flag is the carrier itself; the operational state follows it with a delay. */
static int has_carrier(struct netlink *pod, int index, struct error *err)
{
	struct netlink_link link;
	int r = netlink_link_get_index(pod, index, &link, err);

	if (r == NETLINK_ABSENT)
		return error_set(err, ERROR_LINK, 0,
				 "the link went away while IPv6 settled");
	if (r < 0)
		return r;
	return (link.flags & IFF_LOWER_UP) != 0;
}

/* Until then the pod could not send from its IPv6 addresses. */
static int settle_ipv6(struct netlink *pod, int index, struct error *err)
{
	unsigned int waited;
	int r;

	for (waited = 0; waited < SETTLE_WAIT_MS; waited += SETTLE_POLL_MS) {
		r = look_settled(pod, index, err);
		if (r != SETTLE_TENTATIVE)
			return r;
		r = has_carrier(pod, index, err);
		if (r <= 0)
			return r;
		sleep_ms(SETTLE_POLL_MS);
	}
	return error_set(err, ERROR_LINK, ETIMEDOUT,
			 "IPv6 addresses are still tentative after %u ms",
			 SETTLE_WAIT_MS);
}

/* --- routes ------------------------------------------------------------------ */

/* Is @gw reached without a further gateway, by what the link bears? */
static bool is_on_link(const struct inet_addr *gw, const struct result_ip *ips,
		       size_t n_ips)
{
	static const struct inet_prefix link_local = {
		.addr = { .family = AF_INET6, .bytes = { 0xfe, 0x80 } },
		.len = 10,
	};

	if (inet_prefix_contains(&link_local, gw))
		return true;
	for (size_t i = 0; i < n_ips; i++)
		if (inet_prefix_contains(&ips[i].address, gw))
			return true;
	return false;
}

static void warn_default_route(const char *ifname,
			       const struct inet_route *route)
{
	if (!inet_prefix_is_default(&route->dst) || strcmp(ifname, "eth0") == 0)
		return;
	if (route->has_table && route->table != RT_TABLE_MAIN)
		return;
	log_warning("%s: a default route on a secondary network takes the "
		    "pod's traffic away from eth0 (ipam.routes)",
		    ifname);
}

/*
 * Protocol and scope as the reference plugins send them, so that "ip route"
 * shows the same. A gateway outside of every subnet is legitimate (a router with
 * one address for all) and needs the onlink flag.
 */
static int add_route(struct netlink *pod, const struct netlink_link *link,
		     const struct result_ip *ips, size_t n_ips,
		     const struct inet_route *route, struct error *err)
{
	const struct netlink_route want = {
		.dst = route->dst,
		.gw = route->gw,
		.index = link->index,
		.table = route->has_table ? route->table : 0,
		.priority = route->priority,
		.protocol = RTPROT_BOOT,
		.scope = route->has_scope ? route->scope : RT_SCOPE_UNIVERSE,
		.has_scope = true,
		.onlink = route->gw.family &&
			  !is_on_link(&route->gw, ips, n_ips),
		.mtu = route->mtu,
		.advmss = route->advmss,
	};
	char dst[INET_PREFIX_TEXT];
	int r = netlink_route_add(pod, &want, err);

	if (r == NETLINK_EXISTS)
		return error_set(err, ERROR_CONFIG, EEXIST,
				 "route to %s is given twice, or the address' "
				 "own",
				 inet_prefix_format(&route->dst, dst));
	return r;
}

static int add_routes(struct netlink *pod, const struct netlink_link *link,
		      const struct result_ip *ips, size_t n_ips,
		      const struct inet_route *routes, size_t n_routes,
		      struct error *err)
{
	for (size_t i = 0; i < n_routes; i++) {
		int r;

		warn_default_route(link->name, &routes[i]);
		r = add_route(pod, link, ips, n_ips, &routes[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int macvlan_configure(struct netlink *pod, int pod_netns,
		      const struct config *config, struct netlink_link *link,
		      const struct result_ip *ips, size_t n_ips,
		      const struct inet_route *routes, size_t n_routes,
		      struct error *err)
{
	struct switches switches = { link, has_family(ips, n_ips, AF_INET6) };
	int r;

	/* Without an address there is nothing to announce, now or later. */
	r = n_ips ? netns_run(pod_netns, set_switches, &switches, err) : 0;
	if (r < 0)
		return r;
	r = add_addresses(pod, config, link->index, ips, n_ips, err);
	if (r < 0)
		return r;
	r = macvlan_up(pod, config, link, err);
	if (r < 0)
		return r;
	if (switches.has_ipv6) {
		r = settle_ipv6(pod, link->index, err);
		if (r < 0)
			return r;
	}
	return add_routes(pod, link, ips, n_ips, routes, n_routes, err);
}
