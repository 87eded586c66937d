#ifndef PLUGIN_SHARED_H
#define PLUGIN_SHARED_H

/*
 * What overlay and shim have in common: links that all attachments of this node
 * share. How they are born, marked, recognised, compared and refused.
 *
 * The mark is the interface alias "hostshim:<parent>". An overlay and its shim
 * carry the same one (an overlay is its own parent), so that "ip link | grep
 * hostshim:" lists what we made, grouped. Only marked links are ever deleted.
 */

#include "lib/undo.h"
#include "plugin/node.h"

/** shared_mark() - "hostshim:<parent>", returns @buf */
const char *shared_mark(const char *parent,
			char buf[static NETLINK_ALIAS_TEXT]);

/** shared_is_marked() - Did we make this link? */
bool shared_is_marked(const struct netlink_link *link);

/**
 * shared_temporary_name() - What a link is called until it is marked
 * @name:	Its final name
 *
 * "vethhs" and eight hex digits of a hash of @name: the next run knows it
 * again; NetworkManager leaves veth* alone while it is half made.
 */
const char *shared_temporary_name(const char *name, char buf[static IFNAMSIZ]);

/**
 * shared_mac() - A MAC that is the same after each boot, and nobody else's
 * @basis:	VTEP or parent MAC: tells nodes apart whose machine id was
 *		cloned
 */
int shared_mac(const struct node *node, const void *basis, size_t len,
	       const char *name, struct inet_mac *ret, struct error *err);

/** shared_mac_on() - The same for a link on @parent (an overlay is its own): what
 * tells this node from a clone is the VTEP, else the NIC's MAC */
int shared_mac_on(const struct node *node, const struct netlink_link *parent,
		  const char *name, struct inet_mac *ret, struct error *err);

/* A link that we made and would take back. */
struct shared_link {
	struct netlink *host;
	int index; /* 0: we made none in this call */
};

/** shared_undo_link() - An undo_fn for a struct shared_link */
int shared_undo_link(void *step, struct error *err);

/**
 * shared_create() - Make a link, or complete what a killed run left of it
 * @link:	With its final name, and its final MAC
 * @parent:	For the mark
 * @ret:	The link under its final name, marked, DOWN
 * @made:	Its index is set if it was made in this call
 *
 * On failure nothing that this call made is left.
 *
 * Return: 0; NETLINK_EXISTS (the kernel has an equal one); NETLINK_BUSY (the parent is held; the kernel's words are in
 * @err); or negative
 */
int shared_create(struct netlink *host, const struct netlink_link_new *link,
		  const char *parent, struct netlink_link *ret,
		  struct shared_link *made, struct error *err) warn_unused;

/**
 * shared_must() - A change that had to succeed
 * @r:		What the change returned
 *
 * Return: 0; negative also for an outcome: the link that we just looked at was
 * changed by somebody else
 */
int shared_must(int r, struct error *err);

/**
 * shared_wrong() - NODE_LOOK found a difference
 *
 * Return: NODE_WRONG, with the text in @err->details; while a plan is watched,
 * NODE_CHANGED, so that the look goes on as a repair would
 */
int shared_wrong(struct error *err, const struct netlink_link *link,
		 const char *fmt, ...) printf_like(3, 4);

/** shared_changed() - NODE_REPAIR repaired one, which is worth a line for
 * people. Return: NODE_CHANGED */
int shared_changed(const struct netlink_link *link, const char *fmt, ...)
	printf_like(2, 3);

struct shared_sysctl {
	int family;
	const char *key;
	int value;
};

/** shared_sysctls() - Compare or set switches of a link; what the kernel does
 * not have (IPv6 is off) is skipped. Return: a NODE_ outcome, or negative */
int shared_sysctls(const struct netlink_link *link,
		   const struct shared_sysctl *wanted, size_t count,
		   enum node_ensure how, struct error *err);

/* Somebody who looks on: shimctl, which tells people what was changed. The
 * plugin has nobody. */
struct shared_watch {
	bool plan; /* a look goes on behind a difference, and tells them all */
	void (*tell)(struct shared_watch *watch, const char *link,
		     const char *text);
	unsigned int checks; /* properties that were compared */
};

/** shared_watch() - From now on; NULL: nobody */
void shared_watch(struct shared_watch *watch);

/** shared_checked() - A property is about to be compared */
void shared_checked(void);

/* Keys that differ and that we cannot or may not change: "id is 5, not 100;
 * port is 8472, not 4789". All-zero is the empty one. */
struct shared_diff {
	char text[400];
	size_t len;
};

/** shared_diff_text() / shared_diff_u32() - Note a key if it differs */
void shared_diff_text(struct shared_diff *diff, const char *key,
		      const char *have, const char *want);
void shared_diff_u32(struct shared_diff *diff, const char *key, uint32_t have,
		     uint32_t want);

#endif
