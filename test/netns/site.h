#ifndef TEST_NETNS_SITE_H
#define TEST_NETNS_SITE_H

/*
 * A node of a cluster, by hand: configuration, node, session, and what counts
 * or refuses the changes that the code under test makes. Programs that use it
 * wrap netlink_change and write.
 */

#include "plugin/node.h"

#define SITE_ROWS 4

struct site {
	struct config config;
	struct config_node rows[SITE_ROWS];
	struct node node;
	struct netlink *host;
	struct error err;
};

/**
 * site_init() - Node "k8s-1" of three, in a fresh namespace
 *
 * VTEP 10.100.100.1 on lo; "under2" and "under3", veth with mtu 9000, lead to
 * the VTEPs .2 and .3. Overlay "vxlan-storage", id 100, port 4789; the nodes'
 * addresses are 10.100.1.1/24 and so on, pods have 10.100.1.16 to .254.
 */
void site_init(struct site *site);

/** site_init_plain() - The same without underlay and overlay: eth1, a veth with
 * 192.168.7.1/24, is the parent; no row has an address yet */
void site_init_plain(struct site *site);

void site_clear(struct site *site);

/** site_rows() - Let the table have @count rows, and find ours again */
void site_rows(struct site *site, size_t count);

/** site_peer() - Node "k8s-2" behind under2, in the namespace that is returned:
 * its overlay with 10.100.1.2 and fd00:1::2, and 10.200.0.5 and fd00:200::5 behind
 * it */
int site_peer(void);

/** site_rp_filter() - Set it wherever the kernel looks */
void site_rp_filter(int value);

/** site_range() - Let pods have @first to @last of @network */
void site_range(struct site *site, const char *network, const char *first,
		const char *last);

struct inet_addr site_addr(const char *text);
struct inet_prefix site_prefix(const char *text);

/** site_expect() / site_expect_not() - Does a command's output contain @text? */
void site_expect(const char *text, const char *command);
void site_expect_not(const char *text, const char *command);

/** site_overlay_ensure() - overlay_ensure(); errors go to @site->err */
int site_overlay_ensure(struct site *site, enum node_ensure how,
			struct netlink_link *ret);

/** site_changes() - Changes sent to the kernel since the last call: netlink
 * messages and bytes written to files */
unsigned int site_changes(void);

/** site_fail() - Let the @nth change over netlink from now fail; 0: none */
void site_fail(unsigned int nth);

/** site_die() - Let SIGKILL hit this process before its @nth change */
void site_die(unsigned int nth);

/** site_dies() - Does a process of its own, with a session of its own, come to
 * its @nth change in @run? It dies there; else @run must return true */
bool site_dies(unsigned int nth, bool (*run)(struct netlink *host));

/** site_is_dead() - Did it? @status is waitpid's */
bool site_is_dead(int status);

/** site_failed() - Did it come to that? */
bool site_failed(void);

#endif
