#ifndef PLUGIN_CTL_CHILDREN_H
#define PLUGIN_CTL_CHILDREN_H

/*
 * Who lives on a parent: its macvlan children in all namespaces that can be
 * seen from here, and what the local table knows of them.
 */

#include "ipam/ipam.h"
#include "plugin/ctl/ctl.h"

struct child {
	char ifname[IFNAMSIZ];
	int index; /* in its own namespace */
	struct inet_mac mac;
	uint32_t mode; /* MACVLAN_MODE_* */
	uint32_t mtu;
	bool is_up;
	char *addresses; /* as ctl_addresses() */
	bool is_here; /* in the host namespace */
	bool is_shim;
	bool is_found; /* its link was; else there is only a record */
	ino_t netns;
	char *path; /* of that namespace; NULL in the host's */
	int pid; /* a process in its namespace, 0: none is seen */
	char *owner; /* "namespace/pod", else the container; "" if unknown */
};

struct children {
	struct child *items;
	size_t count;
};
void children_clear(struct children *children);
#define cleanup_children cleanup(children_clear)

/** children_owner() - "namespace/pod", else the container; replaces @ret */
int children_owner(const struct store_record *record, char **ret,
		   struct error *err);

/**
 * children_find() - The shim first, then other links of the host, then pods

 * @network:	Whose records are looked at; NULL: nobody's
 * @shim:	Index 0: there is none
 */
int children_find(struct ctl *ctl, const struct network *network,
		  const struct netlink_link *parent,
		  const struct netlink_link *shim, struct children *ret,
		  struct error *err);

/**
 * children_hidden() - How many more children the parent has that are UP
 *
 * In namespaces that no process, no mount and no record leads to. 0 also for a
 * parent that is a macvlan itself, whose children are its own parent's.
 */
int children_hidden(struct ctl *ctl, const struct netlink_link *parent,
		    const struct children *children, size_t *ret,
		    struct error *err);

#endif
