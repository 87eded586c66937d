#ifndef PLUGIN_CTL_DOCTOR_H
#define PLUGIN_CTL_DOCTOR_H

/*
 * What goes wrong with a node of a storage network: drift from its
 * configuration, and other programs that interfere. Each check of the table in
 * doctor.c looks at one topic, and says of each thing that it finds where it is
 * (interface, address, process), what it does, and one step to take. A check
 * that finds nothing says nothing.
 *
 * A fault gives one line: what the plugin's own look tells (doctor-drift.c) is
 * left alone by the others.
 */

#include "plugin/ctl/children.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/doctor-log.h"
#include "plugin/ctl/doctor-process.h"
#include "plugin/ctl/peers.h"

struct doctor_check;

/* The overlay's and its children's counters at one moment. */
struct flood_sample {
	uint64_t at_ms; /* 0: not looked at */
	struct netlink_stats parent;
	struct netlink_stats children; /* their sum */
};

struct doctor {
	struct ctl *ctl;
	const struct network *network;
	const struct doctor_log *log; /* NULL: none is given */
	struct netlink_link parent; /* index 0: there is none */
	struct netlink_link shim; /* likewise */
	struct netlink_links links; /* all of the host */
	struct netlink_fdb fdb; /* of the parent, if it is a VXLAN device */
	struct peers peers; /* likewise, and those of the table */
	struct children children;
	struct doctor_processes processes;
	struct flood_sample sample; /* before the checks */
	bool refused; /* up could not make it right: see doctor_drift() */

	const struct doctor_check *check; /* the one that runs */
	char step[256]; /* of the next finding; "": the check's */
	struct ctl_table skipped;
	size_t n_found;
};

/* What must be there for a check to make sense. */
enum {
	DOCTOR_PARENT = 1 << 0,
	DOCTOR_SHIM = 1 << 1, /* and its parent */
	DOCTOR_VXLAN = 1 << 2, /* the parent is a VXLAN device, whoever's */
};

struct doctor_check {
	const char *name; /* begins the line: "FAIL mtu: ..." */
	enum {
		DOCTOR_FAIL,
		DOCTOR_WARN
	} severity;
	const char *next; /* the step, unless a finding has its own */
	unsigned int needs;
	int (*run)(struct doctor *d, struct error *err); /* 0, or negative */
};

/** doctor_step() - The step of the next finding, instead of the check's */
void doctor_step(struct doctor *d, const char *fmt, ...) printf_like(2, 3);

/** doctor_found() - What, where, and what it does; the same one told twice is
 * told once (networks share parents) */
void doctor_found(struct doctor *d, const char *fmt, ...) printf_like(2, 3);

/** doctor_found_as() - The same under another name than the check's */
void doctor_found_as(struct doctor *d, const char *name, const char *fmt, ...)
	printf_like(3, 4);

/** doctor_skip() - It cannot be looked at, and why */
void doctor_skip(struct doctor *d, const char *fmt, ...) printf_like(2, 3);

/** doctor_who() - "longhorn/im-1 (net1)", or the interface of the host */
#define DOCTOR_WHO 256
const char *doctor_who(const struct child *child, char buf[static DOCTOR_WHO]);

/** doctor_peer_who() - "k8s-2 (10.100.100.2)", or the address alone */
const char *doctor_peer_who(const struct doctor *d,
			    const struct inet_addr *vtep,
			    char buf[static DOCTOR_WHO]);

/* --- the checks, by file ---------------------------------------------------- */

/* doctor-drift.c: is it as configured? */
int doctor_drift(struct doctor *d, struct error *err);
int doctor_down(struct doctor *d, struct error *err);
int doctor_missing(struct doctor *d, struct error *err);

/* doctor-link.c: parent, shim and pods, as links */
int doctor_mode(struct doctor *d, struct error *err);
int doctor_mtu(struct doctor *d, struct error *err);
int doctor_mac(struct doctor *d, struct error *err);
int doctor_arp(struct doctor *d, struct error *err);

/* doctor-peer.c: the overlay's other ends, and the way to them */
int doctor_stale(struct doctor *d, struct error *err);
int doctor_double(struct doctor *d, struct error *err);
int doctor_hub(struct doctor *d, struct error *err);
int doctor_path(struct doctor *d, struct error *err);
int doctor_port(struct doctor *d, struct error *err);

/* doctor-firewall.c: rules that drop the tunnel */
int doctor_firewall(struct doctor *d, struct error *err);

/* doctor-legacy.c: rules that cannot be read */
int doctor_legacy(struct doctor *d, struct error *err);

/* doctor-flood.c: frames that go to every peer */
int doctor_neigh(struct doctor *d, struct error *err);
int doctor_copies(struct doctor *d, struct error *err);

/** doctor_sample() - Before the checks, for the last of them */
int doctor_sample(struct doctor *d, struct error *err);

/* doctor-count.c: what the kernel has counted */
int doctor_checksum(struct doctor *d, struct error *err);
int doctor_broadcast(struct doctor *d, struct error *err);

/* doctor-manager.c: programs that take links for theirs */
int doctor_manager(struct doctor *d, struct error *err);
int doctor_cilium(struct doctor *d, struct error *err);

/* doctor-iscsi.c: who logs in to the pods' targets */
int doctor_iscsid(struct doctor *d, struct error *err);
int doctor_ifaces(struct doctor *d, struct error *err);

/* doctor-leg.c: what the log complains of */
int doctor_leg(struct doctor *d, struct error *err);

#endif
