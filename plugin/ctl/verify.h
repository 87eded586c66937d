#ifndef PLUGIN_CTL_VERIFY_H
#define PLUGIN_CTL_VERIFY_H

/*
 * What the parts of verify share: who is there (verify-find.c), what was asked
 * along each leg and what came back (verify-legs.c), why it did not
 * (verify-cause.c), and how it is told (verify-report.c).
 */

#include "lib/echo.h"
#include "lib/sweep.h"
#include "lib/transfer.h"
#include "plugin/ctl/children.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/probe-pods.h"

struct peer;
struct peers;

enum verify_place {
	VERIFY_LOCAL_HOST,
	VERIFY_LOCAL_POD,
	VERIFY_REMOTE_HOST,
	VERIFY_REMOTE_POD,
};

/* Where targets live. The first is this node, the last nobody knows which. */
struct verify_node {
	const char *name; /* borrowed; NULL: text */
	char text[INET_ADDR_TEXT];
	struct inet_addr vtep; /* family 0: not known */
};

struct verify_target {
	enum verify_place place;
	size_t node;
	const char *name; /* borrowed; "" if not known */
	const struct child *child; /* on this node */
	struct inet_addr addr;
};

/* Who asks. */
struct verify_source {
	const struct child *child; /* NULL: the host */
	int netns; /* -1: our own */
};

enum verify_size {
	VERIFY_SMALL,
	VERIFY_FULL, /* the overlay's MTU, with --mtu */
	VERIFY_SIZES,
};

struct verify_leg {
	const struct verify_source *from;
	const struct verify_target *to;
	struct echo echo[VERIFY_SIZES]; /* sent 0: not asked */
	uint32_t widest; /* what passes of too large a packet; 0: not known */
	bool is_explained; /* a finding names why it is lost */
	bool has_tcp;
	struct transfer tcp; /* with --tcp */
};

struct verify {
	struct ctl *ctl;
	const struct network *network;
	struct netlink_link parent;
	struct netlink_link shim; /* index 0: none */
	bool is_hostless; /* it is to have none: the host is no end of a leg */
	struct probe_pods pods;
	struct children children;
	struct verify_node *nodes;
	size_t n_nodes;
	struct verify_source *sources;
	size_t n_sources;
	struct verify_target *targets;
	size_t n_targets;
	struct verify_leg *legs;
	size_t n_legs;
	bool is_sampled; /* too many pods for every pair of them */
	struct sweep sweep;
};

/** verify_find() - Sources, targets, and who answers for the subnet's addresses
 */
int verify_find(struct verify *v, struct error *err);

/** verify_sweep() - Who answers for which address of the subnets, and for those
 * that are known by name */
int verify_sweep(struct verify *v, struct error *err);

/** verify_node_name() - Of v->nodes */
const char *verify_node_name(const struct verify *v, size_t node);

/** verify_is_elsewhere() - Nobody knows which node it is */
bool verify_is_elsewhere(const struct verify *v, size_t node);

/** verify_answer() - The first who answered for it; NULL: nobody */
const struct sweep_answer *verify_answer(const struct verify *v,
					 const struct inet_addr *addr);

/** verify_child_addr() - The @nth address of a child; false: it has fewer */
bool verify_child_addr(const struct child *child, size_t nth,
		       struct inet_addr *ret);

/** verify_ask() - Ask along all legs */
int verify_ask(struct verify *v, struct error *err);

/** verify_is_remote() - Does it leave this node? */
bool verify_is_remote(const struct verify_leg *leg);

/** verify_is_lost() - Was it asked with packets of that size, and not all came
 * back? */
bool verify_is_lost(const struct verify_leg *leg, enum verify_size size);

/** verify_is_open() - Is it, and is not explained yet? */
bool verify_is_open(const struct verify_leg *leg, enum verify_size size);

/** verify_is_broken() - Does that hold of either size, or did the transfer fail?
 */
bool verify_is_broken(const struct verify_leg *leg);

/** verify_lost() - Legs for which that holds */
size_t verify_lost(const struct verify *v, bool remote);

/** verify_tcp() - Transfers along the legs that answered */
int verify_tcp(struct verify *v, struct error *err);

/** verify_tcp_failed() - Refused is none, where nobody is known to serve */
bool verify_tcp_failed(const struct verify_leg *leg);

/** verify_tcp_causes() - What failed ones have in common, as findings */
void verify_tcp_causes(struct verify *v);

/** verify_tcp_report() - A table for programs */
int verify_tcp_report(struct verify *v, struct error *err);

/** verify_dad() - Addresses that two answer for, as findings; with --dad the
 * shim's own too, and who answers for what */
int verify_dad(struct verify *v, struct error *err);

/** verify_compare() - Warn of legs that answer, but go the wrong way */
int verify_compare(struct verify *v, struct error *err);

/**
 * verify_count() - What links send while packets go along a leg
 * @count:	Of packets; 0: none, for as long as some take
 * @links:	Indexes; 0: none
 * @ret:	Packets that each of the @n has sent
 */
int verify_count(struct verify *v, const struct verify_leg *leg,
		 unsigned int count, const int *links, size_t n, uint64_t *ret,
		 struct error *err);

/** verify_add_ends() - From whom to whom, in six cells of a table */
void verify_add_ends(struct ctl_table *table, const struct verify *v,
		     const struct verify_leg *leg);

/** verify_serve() - Be the other end of other nodes' transfers for a while */
int verify_serve(struct ctl *ctl, struct error *err);

/** verify_causes() - What the kernel and the underlay say about lost ones, as
 * findings */
int verify_causes(struct verify *v, struct error *err);

/** verify_peer_causes() - The part that is about other nodes
 * @is_wrong:	This node is not as it should be, which was told */
int verify_peer_causes(struct verify *v, bool is_wrong, struct error *err);

/** verify_moved() - Pods of that node whose packets leave over the link to
 * another than @peer, as findings that explain their legs */
int verify_moved(struct verify *v, const struct peers *peers,
		 const struct peer *peer, size_t node, struct error *err);

/** verify_report() - Tables and the verdict */
int verify_report(struct verify *v, struct error *err);

#endif
