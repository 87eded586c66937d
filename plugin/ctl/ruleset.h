#ifndef PLUGIN_CTL_RULESET_H
#define PLUGIN_CTL_RULESET_H

/*
 * What would a packet filter do to a datagram? "nft -j list ruleset" is walked
 * for it as the kernel would: base chains of a hook, rule by rule, with jumps,
 * sets and verdict maps (libnftables-json(5)). What is not understood may match
 * or not. Pure: no kernel.
 */

#include "lib/inet.h"
#include "lib/json.h"

/* The first of a flow, over UDP: connection tracking calls it new. */
struct ruleset_packet {
	struct inet_addr source;
	struct inet_addr destination;
	uint16_t port; /* destination */
	bool is_out; /* leaves this node; else it arrives */
	const char *link; /* by which */
};

enum ruleset_verdict {
	RULESET_PASSES, /* or nothing is known that would drop it for sure */
	RULESET_DROPS,
};

#define RULESET_WHERE 256

/**
 * ruleset_judge() - Is it dropped, whatever the rules that we do not understand
 * do?
 * @where:	If it is: "rule 9 of inet fw input", "the policy of ..."
 * @step:	And how to let it pass, as a command
 */
enum ruleset_verdict ruleset_judge(const struct json_at *root,
				   const struct ruleset_packet *packet,
				   char where[static RULESET_WHERE],
				   char step[static RULESET_WHERE]);

#endif
