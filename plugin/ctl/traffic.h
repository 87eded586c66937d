#ifndef PLUGIN_CTL_TRAFFIC_H
#define PLUGIN_CTL_TRAFFIC_H

/*
 * Where the bytes of a storage network go: the links that carry them, and what
 * each carried since it was first looked at.
 */

#include "plugin/ctl/counters.h"
#include "plugin/ctl/ctl.h"

#include <sys/types.h>

/* In the order in which they are shown. */
enum traffic_role {
	TRAFFIC_SHIM,
	TRAFFIC_POD, /* and whoever else is on the parent */
	TRAFFIC_PARENT,
	TRAFFIC_UNDERLAY, /* a route to a VTEP leaves by it */
	TRAFFIC_DEFAULT, /* the default route does, and none to a VTEP */
};

struct traffic_link {
	enum traffic_role role;
	char name[IFNAMSIZ];
	int index;
	ino_t netns; /* 0: the host's */
	bool is_default; /* the default route leaves by it, or by its lower
			  * link */
	bool is_reset; /* its counters began anew meanwhile */
	uint32_t speed; /* Mb/s, 0: unknown */
	struct netlink_stats last;
	struct netlink_stats step; /* between the last two looks */
	struct netlink_stats sum;

	/* Storage on this link, in thousandths of a per cent of its speed, the
	 * busier direction. */
	unsigned int n_samples;
	unsigned int n_above; /* the threshold */
	uint64_t percent_sum;
	uint64_t percent_max;
};

struct traffic {
	struct ctl *ctl;
	const struct network *network;
	struct netlink_link parent; /* index 0: there is none */
	size_t n_flooded; /* ends that unknown frames go to */
	bool has_addresses; /* the parent sends frames of its own */
	struct traffic_link *links;
	size_t count;
	uint64_t last_ms; /* of CLOCK_BOOTTIME */
	uint64_t step_ms;
	uint64_t ms; /* in all */
};
void traffic_clear(struct traffic *traffic);

/**
 * traffic_look() - Read all counters once more
 *
 * Links come and go meanwhile: one that is new counts from the next look.
 */
int traffic_look(struct traffic *traffic, struct error *err);

/** traffic_sum() - All links of a role */
struct netlink_stats traffic_sum(const struct traffic *traffic,
				 enum traffic_role role, bool step);

/** traffic_copies() - counters_copies() of all looks, or of the last step */
struct counters_copies traffic_copies(const struct traffic *traffic, bool step);

/** traffic_is_link() - Does storage leave the node by it? */
bool traffic_is_link(const struct traffic *traffic,
		     const struct traffic_link *link);

/**
 * traffic_sample() - How much of each link did storage take in the last step?
 *
 * An overlay's bytes with what encapsulation adds; where several links carry
 * them, in proportion to what each carried, and no more than that. Without an
 * overlay what the children sent beyond the node.
 */
void traffic_sample(struct traffic *traffic);

/** traffic_threshold() - What the samples say of each link
 * Return: CTL_OK, CTL_CANNOT where a speed is not known, or negative */
int traffic_threshold(struct traffic *traffic, struct error *err);

/** traffic_report() - Return: CTL_OK, CTL_CANNOT, or negative */
int traffic_report(struct traffic *traffic, struct error *err);

#endif
