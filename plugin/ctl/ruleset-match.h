#ifndef PLUGIN_CTL_RULESET_MATCH_H
#define PLUGIN_CTL_RULESET_MATCH_H

/* Does an expression of a rule hold for a packet? */

#include "plugin/ctl/ruleset.h"

/* In this order the smaller one wins an "and". */
enum ruleset_answer {
	RULESET_NO,
	RULESET_MAYBE,
	RULESET_YES,
};

struct ruleset_table {
	const struct json_at *list; /* all objects of the ruleset */
	const char *family;
	const char *name;
};

/** ruleset_object() - The object of @type in element @index, if it belongs to
 * @table (NULL: to any)
 * @at, @ret:	Memory for the way to it */
bool ruleset_object(const struct json_at *list, size_t index, const char *type,
		    const struct ruleset_table *table, struct json_at *at,
		    struct json_at *ret) warn_unused;

/** ruleset_count() - Elements of an array; 0 for what is none */
size_t ruleset_count(const struct json_at *at);

/** ruleset_only() - The only member of an object; false if it has not just one */
bool ruleset_only(const struct json_at *at, struct json_at *ret) warn_unused;

/** ruleset_member() - Text of a member, borrowed; "" if it is none */
const char *ruleset_member(const struct json_at *at, const char *key);

/** ruleset_match() - The value of a "match" statement */
enum ruleset_answer ruleset_match(const struct ruleset_table *table,
				  const struct ruleset_packet *packet,
				  const struct json_at *match);

/** ruleset_is() - Is what the expression @left names in @right? */
enum ruleset_answer ruleset_is(const struct ruleset_table *table,
			       const struct ruleset_packet *packet,
			       const struct json_at *left,
			       const struct json_at *right);

#endif
