#ifndef PLUGIN_CTL_RULESET_PRIV_H
#define PLUGIN_CTL_RULESET_PRIV_H

/* What the parts of ruleset share: the objects of a document, and whether an
 * expression of a rule holds for a packet. */

#include "plugin/ctl/ruleset.h"

/* In this order the smaller one wins an "and". */
enum ruleset_answer {
	RULESET_NO,
	RULESET_MAYBE,
	RULESET_YES,
};

enum ruleset_kind {
	RULESET_CHAIN,
	RULESET_RULE, /* named by its chain */
	RULESET_SET,
};

struct ruleset_object {
	enum ruleset_kind kind;
	const char *family;
	const char *table;
	const char *name;
	struct json_at element; /* the way to at */
	struct json_at at;
};

struct ruleset {
	struct json_at root, list;
	struct ruleset_object *items; /* as in the document */
	size_t count;
	const struct ruleset_object **sorted; /* by kind and names */
};

struct ruleset_table {
	const struct ruleset *ruleset;
	const char *family;
	const char *name;
};

/** ruleset_find() - Those of a table that bear a name, in the document's order
 * @ret_count:	How many; the rules of a chain stand together */
const struct ruleset_object *const *
ruleset_find(const struct ruleset_table *table, enum ruleset_kind kind,
	     const char *name, size_t *ret_count);

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
