#ifndef PLUGIN_CTL_RULESET_H
#define PLUGIN_CTL_RULESET_H

/*
 * What would a packet filter do to a datagram? What "nft -j list" says is walked
 * for it as the kernel would: base chains of a hook, rule by rule, with jumps,
 * sets and verdict maps (libnftables-json(5)). What is not understood may match
 * or not. Pure: no kernel.
 */

#include "lib/inet.h"
#include "lib/json.h"

/* Chains, rules and sets of a document, found by name. */
struct ruleset;

/** ruleset_open() - Of a document, which stays the caller's and goes last */
int ruleset_open(const struct json *json, struct ruleset **ret,
		 struct error *err);

/** ruleset_close() - Free it, returns NULL; NULL is fine */
struct ruleset *ruleset_close(struct ruleset *ruleset);

static inline void ruleset_cleanup(struct ruleset **ruleset)
{
	ruleset_close(*ruleset);
}
#define cleanup_ruleset cleanup(ruleset_cleanup)

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

/**
 * ruleset_filters() - The n-th table that has a base chain for what arrives at,
 * or leaves, this node
 * @ret_family:	Borrowed, as @ret_table
 *
 * Return: false if there are not so many
 */
bool ruleset_filters(const struct ruleset *ruleset, size_t n,
		     const char **ret_family, const char **ret_table);

#define RULESET_WHERE 256

/**
 * ruleset_judge() - Is it dropped, whatever the rules that we do not understand
 * do?
 * @where:	If it is: "rule 9 of inet fw input", "the policy of ..."
 * @step:	And how to let it pass, as a command
 */
enum ruleset_verdict ruleset_judge(const struct ruleset *ruleset,
				   const struct ruleset_packet *packet,
				   char where[static RULESET_WHERE],
				   char step[static RULESET_WHERE]);

#endif
