#ifndef PLUGIN_CTL_CTL_H
#define PLUGIN_CTL_CTL_H

/*
 * One invocation of shimctl: what was asked for, the networks it is about, and
 * what is said. It adds presentation to the plugin's modules, and no policy.
 */

#include "plugin/config.h"
#include "plugin/ctl/report.h"
#include "plugin/node.h"

/* Exit statuses. */
enum {
	CTL_OK = 0,
	CTL_FAILED = 1, /* a check failed */
	CTL_USAGE = 2, /* usage or configuration */
	CTL_CANNOT = 3, /* cannot be tested: privilege, no such thing here */
	CTL_REFUSED = 4, /* for safety */
};

/* A configuration and what it means on this node. */
struct network {
	char *path; /* of its file */
	struct config config;
	struct node node;
};

struct ctl {
	/* Options; which of them a command has is told in main.c. */
	const char **files;
	size_t n_files;
	bool json;
	bool dry_run;
	bool quiet;
	bool verbose;
	bool ready;
	bool force;
	bool restore; /* the addresses, to the parent */
	bool repair; /* ipam check */
	bool cluster; /* ipam gc */
	const char *from; /* ipam adopt */
	const char *to;
	const char *kubeconfig; /* ipam; instead of the configuration's */
	bool wait;
	bool mtu;
	unsigned int count; /* packets along each leg */
	bool tcp;
	bool serve;
	bool dad;
	bool probe_pods;
	unsigned int timeout; /* seconds, for wait */
	const char *probe;
	const char *log; /* doctor: a file, or "-" */

	/* nad */
	bool per_node;
	const char *name;
	const char *namespace;

	/* traffic */
	bool watch;
	bool again; /* out: run it once more, in a report of its own */
	unsigned int window; /* seconds */
	unsigned int threshold; /* thousandths of a per cent, 0: not asked */
	unsigned int speed; /* Mb/s, 0: ask the driver */

	char **args; /* after the command */
	int n_args;

	struct network *networks;
	size_t n_networks;
	struct netlink *host;
	struct report report;
};

/** ctl_networks_read() - Every configuration that was named, or all of
 * /etc/cni/net.d/hostshim.d */
int ctl_networks_read(struct ctl *ctl, struct error *err);
void ctl_networks_clear(struct ctl *ctl);

/** ctl_network_has() - Is it in a subnet of the ranges, or of a node's address?
 * Of a network whose addresses another plugin gives any may be. */
bool ctl_network_has(const struct network *network,
		     const struct inet_addr *addr);

/** ctl_parent() - The parent link as it is now, whatever is wrong with it
 * Return: 0, NETLINK_ABSENT, or negative */
int ctl_parent(struct ctl *ctl, const struct network *network,
	       struct netlink_link *ret, struct error *err) warn_unused;

/** ctl_shim() - The node's leg on @parent, likewise */
int ctl_shim(struct ctl *ctl, const struct network *network,
	     const struct netlink_link *parent, struct netlink_link *ret,
	     struct error *err) warn_unused;

/** ctl_addresses() - "10.100.1.2/24, fd10::2/64" of a link; "" for none;
 * link-local ones are left out. Yours */
int ctl_addresses(struct netlink *nl, int index, char **ret, struct error *err);

/** ctl_usage() - Say on stderr what is wrong with the arguments
 * Return: CTL_USAGE */
int ctl_usage(const char *fmt, ...) printf_like(1, 2);

/* Commands return an exit status, or negative. What they fail to do is in err,
 * what they find is in the report. */
int ctl_status(struct ctl *ctl, struct error *err);
int ctl_up(struct ctl *ctl, struct error *err);
int ctl_down(struct ctl *ctl, struct error *err);
int ctl_needs(struct ctl *ctl, struct error *err);
int ctl_peers(struct ctl *ctl, struct error *err);
int ctl_announce(struct ctl *ctl, struct error *err);
int ctl_nad(struct ctl *ctl, struct error *err);
int ctl_traffic(struct ctl *ctl, struct error *err);
int ctl_verify(struct ctl *ctl, struct error *err);
int ctl_ipam(struct ctl *ctl, struct error *err);
int ctl_doctor(struct ctl *ctl, struct error *err);

#endif
