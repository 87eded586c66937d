#ifndef LIB_NETLINK_H
#define LIB_NETLINK_H

/*
 * The wall around libnl: plain structs and verbs above, libnl below. A session
 * is a socket in a namespace, so the first argument of each verb says where it
 * acts, and the process itself never moves.
 *
 * Every change waits for its acknowledgement. A refusal carries the kernel's
 * errno and its own words (NLM_F_EXT_ACK) in details, class ERROR_LINK; callers
 * that know better give it another class. Single objects are looked up, lists
 * are snapshots: a dump that the kernel marks interrupted is repeated up to five
 * times.
 */

#include "lib/error.h"
#include "lib/inet.h"

#include <linux/if_link.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NETLINK_ABSENT = 1, /* no such link, address, route, entry */
	NETLINK_EXISTS = 2, /* it is there already */
	NETLINK_BUSY = 3, /* EBUSY / EADDRINUSE: somebody holds it; the kernel's
			     * words are in err although this is an outcome */
};

#define NETLINK_ALIAS_TEXT 256

struct netlink;

/**
 * netlink_open() - A session in a namespace
 * @netns:	Descriptor, -1 for our own
 * @ret:	Yours, netlink_close()
 */
int netlink_open(int netns, struct netlink **ret, struct error *err);

/** netlink_cookie() - netns_cookie() of the session's namespace; 0 before Linux
 * 5.14, which has none */
uint64_t netlink_cookie(const struct netlink *nl);

/** netlink_close() - Returns NULL; NULL is fine */
struct netlink *netlink_close(struct netlink *nl);

static inline void netlink_cleanup(struct netlink **nl)
{
	netlink_close(*nl);
}
#define cleanup_netlink cleanup(netlink_cleanup)

/* --- links ------------------------------------------------------------- */

struct netlink_vxlan {
	uint32_t id;
	struct inet_addr local;
	struct inet_addr group; /* family 0: none */
	uint16_t port;
	uint8_t ttl;
	uint32_t ageing; /* seconds */
	uint32_t device; /* IFLA_VXLAN_LINK, 0: none */
	bool learning;
	bool udpcsum;
	bool collect_metadata;
};

struct netlink_macvlan {
	uint32_t mode; /* enum macvlan_mode of linux/if_link.h */
	uint32_t bc_queue_len; /* requested by this link */
	uint32_t bc_queue_used; /* in force at the parent: largest of all */
};

/* net/<family>/conf/<link>, as the kernel tells it with the link */
struct netlink_conf {
	uint32_t count; /* what it knows; 0 where the family is off */
	int32_t values[64];
};

struct netlink_link {
	int index;
	char name[IFNAMSIZ];
	char kind[16]; /* "" for physical links and lo */
	char alias[NETLINK_ALIAS_TEXT];
	unsigned int flags; /* IFF_* */
	uint16_t type; /* ARPHRD_* */
	uint8_t operstate;
	uint8_t addr_gen_mode; /* IN6_ADDR_GEN_MODE_*, 0 without IPv6 */
	bool has_inet6;
	struct netlink_conf inet;
	struct netlink_conf inet6;
	uint32_t mtu;
	struct inet_mac mac;
	int parent; /* IFLA_LINK, 0: none */
	int parent_netns; /* IFLA_LINK_NETNSID, -1: same namespace */
	int master; /* IFLA_MASTER, 0: none */
	bool is_vxlan; /* kind "vxlan": vxlan is filled */
	bool is_macvlan; /* kind "macvlan": macvlan is filled */
	struct netlink_vxlan vxlan;
	struct netlink_macvlan macvlan;
};

struct netlink_links {
	struct netlink_link *items;
	size_t count;
};
void netlink_links_clear(struct netlink_links *links);
#define cleanup_netlink_links cleanup(netlink_links_clear)

/**
 * netlink_link_get() - Look a link up by name, or alternative name
 *
 * Return: 0, NETLINK_ABSENT, or negative
 */
int netlink_link_get(struct netlink *nl, const char *name,
		     struct netlink_link *ret, struct error *err) warn_unused;

/** netlink_link_get_index() - The same by ifindex */
int netlink_link_get_index(struct netlink *nl, int index,
			   struct netlink_link *ret, struct error *err)
	warn_unused;

/**
 * netlink_link_conf() - A switch of a link, as it was when that was looked up
 * @key:	For example "arp_ignore"; sysctl_get() has the others
 *
 * Return: 0, or NETLINK_ABSENT (nothing is known of it)
 */
int netlink_link_conf(const struct netlink_link *link, int family,
		      const char *key, int *ret) warn_unused;

/** netlink_link_list() - All links of the namespace */
int netlink_link_list(struct netlink *nl, struct netlink_links *ret,
		      struct error *err);

/*
 * What a new link is made with, all in the one create message. The kernel
 * ignores an alias there and refuses the IPv6 address generation mode
 * (EAFNOSUPPORT): both go into the netlink_link_set() that gives the link its
 * final name.
 */
struct netlink_link_new {
	const char *name;
	const char *kind; /* "macvlan", "vxlan", "veth", "bridge" */
	int parent; /* macvlan: ifindex in the session's namespace */
	int netns; /* born there; -1: here */
	int index; /* wanted ifindex, 0: the kernel's choice */
	uint32_t mtu; /* 0: not sent */
	const struct inet_mac *mac; /* NULL: the kernel's choice */
	struct netlink_vxlan vxlan; /* kind vxlan: id and learning always sent,
				     * the rest unless zero; checksums are on */
	struct netlink_macvlan macvlan; /* mode always sent, queue if > 0 */
	const char *peer; /* veth: the other end's name */
};

/**
 * netlink_link_add() - RTM_NEWLINK with CREATE | EXCL
 *
 * Return: 0, NETLINK_EXISTS (name taken), NETLINK_BUSY (the parent is held, or
 * another VXLAN link has the id on this port), or negative
 */
int netlink_link_add(struct netlink *nl, const struct netlink_link_new *link,
		     struct error *err) warn_unused;

/*
 * Changes of a link, in one RTM_SETLINK. Unset members are not sent. The kernel
 * sets the link up before it looks at addr_gen_none, which is then too late to
 * keep a link-local address away: not both at once.
 */
struct netlink_link_change {
	const char *name;
	const char *alias;
	const struct inet_mac *mac;
	uint32_t mtu;
	bool set_up;
	bool up; /* with set_up */
	bool addr_gen_none;
};

/**
 * netlink_link_set() - Change a link in place
 *
 * Return: 0, NETLINK_ABSENT, NETLINK_EXISTS (new name taken), NETLINK_BUSY
 * (EBUSY, or EADDRINUSE on the way up), or negative
 */
int netlink_link_set(struct netlink *nl, int index,
		     const struct netlink_link_change *change,
		     struct error *err) warn_unused;

/** netlink_macvlan_set() - Change mode, or queue length (> 0), in place */
int netlink_macvlan_set(struct netlink *nl, const struct netlink_link *link,
			const struct netlink_macvlan *want, struct error *err)
	warn_unused;

/**
 * netlink_vxlan_set() - Change local, learning, ageing, ttl in place
 *
 * Id, port and checksum cannot change in place (drivers/net/vxlan,
 * vxlan_changelink).
 */
int netlink_vxlan_set(struct netlink *nl, const struct netlink_link *link,
		      const struct netlink_vxlan *want, struct error *err)
	warn_unused;

/** netlink_link_del() - Return: 0, NETLINK_ABSENT, or negative */
int netlink_link_del(struct netlink *nl, int index, struct error *err)
	warn_unused;

/**
 * netlink_nsid() - The number by which links of a namespace name another one
 * @nl:		Session in the namespace that does the naming
 * @netns:	Descriptor of the other
 * @ret:	What netlink_link.parent_netns would say
 *
 * Return: 0, NETLINK_ABSENT (no link has named it yet), or negative
 */
int netlink_nsid(struct netlink *nl, int netns, int *ret, struct error *err)
	warn_unused;

/* What a link has counted since it was made, or since its driver began anew. */
struct netlink_stats {
	uint64_t tx_bytes;
	uint64_t tx_packets;
	uint64_t tx_dropped;
	uint64_t rx_bytes;
	uint64_t rx_packets;
	uint64_t rx_dropped;
	uint64_t rx_multicast; /* macvlan: broadcasts too */
	uint64_t rx_otherhost; /* IP for another MAC; Linux 5.19 */
};

/** netlink_stats_get() - Return: 0, NETLINK_ABSENT, or negative */
int netlink_stats_get(struct netlink *nl, int index, struct netlink_stats *ret,
		      struct error *err) warn_unused;

/* --- addresses ---------------------------------------------------------- */

/* As listed, an address can be added to another link and is the same there. */
struct netlink_addr {
	int index; /* of the link */
	struct inet_prefix address;
	struct inet_addr peer; /* family 0: none */
	struct inet_addr broadcast; /* IPv4; family 0: see no_broadcast */
	bool no_broadcast; /* it has none; else a new one gets the usual one */
	uint32_t flags; /* IFA_F_*; deprecated ones are added as such */
	uint8_t scope;
	uint8_t protocol; /* IFA_PROTO: whose it is; 0: nobody's, or a kernel
			   * before 5.18 */
	char label[IFNAMSIZ];
	uint32_t metric; /* IFA_RT_PRIORITY, 0: none */
	bool has_lifetime; /* a finite one: a DHCP client or RA owns it */
};

struct netlink_addrs {
	struct netlink_addr *items;
	size_t count;
};
void netlink_addrs_clear(struct netlink_addrs *addrs);
#define cleanup_netlink_addrs cleanup(netlink_addrs_clear)

/** netlink_addrs_sort_by_age() - Oldest first, of a list as the kernel gives it:
 * IPv4 first and so, IPv6 the other way round */
void netlink_addrs_sort_by_age(struct netlink_addrs *addrs);

/**
 * netlink_addr_list() - Addresses of one link
 * @index:	0 for all links
 * @family:	AF_UNSPEC for both
 */
int netlink_addr_list(struct netlink *nl, int index, int family,
		      struct netlink_addrs *ret, struct error *err);

/**
 * netlink_addr_add() - RTM_NEWADDR with CREATE | EXCL
 *
 * IPv4 prefixes shorter than /31 get their broadcast address unless told
 * otherwise, as ip(8) and the reference plugins give them.
 *
 * Return: 0, NETLINK_EXISTS, or negative
 */
int netlink_addr_add(struct netlink *nl, const struct netlink_addr *addr,
		     struct error *err) warn_unused;

/**
 * netlink_addr_settle() - Wait until what arrives for a new address is taken
 *
 * The kernel adds the local route of an IPv6 address from a work queue, without
 * duplicate address detection too (net/ipv6/addrconf.c, addrconf_dad_work). It
 * takes as long as the machine is busy; after a second it is an error.
 */
int netlink_addr_settle(struct netlink *nl, const struct netlink_addr *addr,
			struct error *err);

/**
 * netlink_addr_del() - Remove an address, by link, address and prefix length
 *
 * Return: 0, NETLINK_ABSENT (also: the link is gone), or negative
 */
int netlink_addr_del(struct netlink *nl, const struct netlink_addr *addr,
		     struct error *err) warn_unused;

/* --- routes -------------------------------------------------------------- */

struct netlink_route {
	struct inet_prefix dst;
	struct inet_addr gw; /* family 0: none */
	struct inet_addr src; /* preferred source, family 0: none */
	int index; /* outgoing link, 0: none (lookup: several hops) */
	uint32_t table; /* 0: main */
	uint32_t priority;
	uint8_t protocol; /* 0: static */
	uint8_t type; /* RTN_*; 0: unicast */
	uint8_t scope;
	bool has_scope;
	bool onlink;
	uint32_t mtu;
	uint32_t advmss;
};

struct netlink_routes {
	struct netlink_route *items;
	size_t count;
};
void netlink_routes_clear(struct netlink_routes *routes);
#define cleanup_netlink_routes cleanup(netlink_routes_clear)

/**
 * netlink_route_list() - Routes of all tables but "local"
 * @index:	Only routes with a hop over this link; 0 for all
 * @family:	AF_INET, AF_INET6, AF_UNSPEC for both
 */
int netlink_route_list(struct netlink *nl, int index, int family,
		       struct netlink_routes *ret, struct error *err);

/**
 * netlink_route_get() - The route that the kernel takes to @dst
 *
 * With the source that it would use, and the route's own MTU if it has one.
 *
 * Return: 0, NETLINK_ABSENT (none, or one that says unreachable), or negative
 */
int netlink_route_get(struct netlink *nl, const struct inet_addr *dst,
		      struct netlink_route *ret, struct error *err) warn_unused;

/** netlink_route_get_from() - The same for packets from @src (policy rules);
 * also absent if @src is no address of ours. NULL: no source */
int netlink_route_get_from(struct netlink *nl, const struct inet_addr *dst,
			   const struct inet_addr *src,
			   struct netlink_route *ret, struct error *err)
	warn_unused;

/**
 * netlink_route_add() - RTM_NEWROUTE with CREATE only, as the reference does
 *
 * IPv4 goes before routes of the same prefix and metric, IPv6 becomes another
 * hop of theirs. Without has_scope the scope is ip(8)'s: link without a
 * gateway, else global.
 *
 * Return: 0, NETLINK_EXISTS (exact duplicate), or negative
 */
int netlink_route_add(struct netlink *nl, const struct netlink_route *route,
		      struct error *err) warn_unused;

/**
 * netlink_route_del() - Remove the first route that matches
 *
 * Unset members (priority, type, protocol, scope, gateway, link) match any.
 *
 * Return: 0, NETLINK_ABSENT, or negative
 */
int netlink_route_del(struct netlink *nl, const struct netlink_route *route,
		      struct error *err) warn_unused;

/* Routes over one link, as the kernel gave them. */
struct netlink_saved {
	int index; /* the link */
	struct netlink_saved_route {
		size_t offset;
		size_t len;
	} * items;
	size_t count;
	char *bytes;
};
void netlink_saved_clear(struct netlink_saved *saved);
#define cleanup_netlink_saved cleanup(netlink_saved_clear)

/**
 * netlink_routes_save() - Keep the routes over a link, of all tables
 * @family:	AF_INET, AF_INET6, AF_UNSPEC for both
 *
 * But for those that the kernel makes with an address, and those with a
 * lifetime.
 */
int netlink_routes_save(struct netlink *nl, int index, int family,
			struct netlink_saved *ret, struct error *err);

/* A route with several hops over the link is asked for once for each. */
typedef bool (*netlink_route_wanted)(const struct netlink_route *route,
				     void *arg);

/** netlink_routes_save_if() - The same, but those that @wanted takes; it is
 * asked about those that the kernel makes with an address too */
int netlink_routes_save_if(struct netlink *nl, int index, int family,
			   netlink_route_wanted wanted, void *arg,
			   struct netlink_saved *ret, struct error *err);

/**
 * netlink_routes_replay() - Add saved routes over another link
 * @to:		Has the addresses that they need
 *
 * Behind what is there; routes that need each other may be in any order, and
 * what is there already stays.
 */
int netlink_routes_replay(struct netlink *nl, const struct netlink_saved *saved,
			  int to, struct error *err);

/** netlink_routes_drop() - Delete what is left of saved routes on their own
 * link, after the replay */
int netlink_routes_drop(struct netlink *nl, const struct netlink_saved *saved,
			struct error *err);

/** netlink_routes_take_back() - Delete what a replay, or a part of one, added */
int netlink_routes_take_back(struct netlink *nl,
			     const struct netlink_saved *saved, int to,
			     struct error *err);

/* --- forwarding database -------------------------------------------------- */

struct netlink_fdb_entry {
	struct inet_mac mac; /* zero: the flood list */
	struct inet_addr dst;
	uint16_t state; /* NUD_* */
	uint8_t flags; /* NTF_* */
};

struct netlink_fdb {
	struct netlink_fdb_entry *items;
	size_t count;
};
void netlink_fdb_clear(struct netlink_fdb *fdb);
#define cleanup_netlink_fdb cleanup(netlink_fdb_clear)

/** netlink_fdb_list() - Entries of a VXLAN link, each destination by itself */
int netlink_fdb_list(struct netlink *nl, int index, struct netlink_fdb *ret,
		     struct error *err);

/** netlink_fdb_append() - Add a destination (CREATE | APPEND), permanent; one
 * that is there already is left as it is */
int netlink_fdb_append(struct netlink *nl, int index,
		       const struct netlink_fdb_entry *entry,
		       struct error *err);

/**
 * netlink_fdb_del() - Remove one destination of a MAC, others stay
 *
 * Return: 0 (also for a destination that this MAC did not have: the kernel does
 * not tell), NETLINK_ABSENT (the MAC has none, or the link is gone), or negative
 */
int netlink_fdb_del(struct netlink *nl, int index,
		    const struct netlink_fdb_entry *entry, struct error *err)
	warn_unused;

/* --- neighbours ------------------------------------------------------------ */

struct netlink_neigh {
	struct inet_addr addr;
	struct inet_mac mac; /* zero while it is not known */
	uint16_t state; /* NUD_* */
};

struct netlink_neighs {
	struct netlink_neigh *items;
	size_t count;
};
void netlink_neighs_clear(struct netlink_neighs *neighs);
#define cleanup_netlink_neighs cleanup(netlink_neighs_clear)

/** netlink_neigh_list() - ARP and ND entries of a link, both families */
int netlink_neigh_list(struct netlink *nl, int index,
		       struct netlink_neighs *ret, struct error *err);

#endif
