#include "plugin/ctl/ruleset-priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/*
 * One walk per base chain: what one accepts the next may still drop. A rule that
 * may or may not match is followed for what it may accept, because behind it
 * nothing is dropped for sure, and for whether it may leave the chain: then the
 * rest of that chain may or may not matter. That it may drop is no finding: it is
 * a limit, a mark, a state that we cannot know.
 */

#define JUMPS_MAX 16 /* as the kernel: NFT_JUMP_STACK_SIZE */
#define RULES_MAX                                                              \
	(1 << 20) /* that are looked at; a packet meets a few hundred */

/* How a chain, or a statement, ends for the packet. */
enum end {
	END_NEXT, /* the next one */
	END_RETURN,
	END_ACCEPT,
	END_DROP,
};

struct walk {
	struct ruleset_table table;
	const struct ruleset_packet *packet;
	int jumps;
	size_t rules; /* looked at so far */
	bool may_pass; /* something behind us may have accepted it */
	char *where;
	char *step;
};

static enum end walk_chain(struct walk *w, const char *name);

/* --- one rule ------------------------------------------------------------------------------- */

static enum end walk_jump(struct walk *w, const struct json_at *jump,
			  bool is_goto)
{
	enum end end = END_NEXT;

	if (w->jumps < JUMPS_MAX) {
		w->jumps++;
		end = walk_chain(w, ruleset_member(jump, "target"));
		w->jumps--;
	}
	if (end == END_NEXT || end == END_RETURN)
		return is_goto ? END_RETURN : END_NEXT;
	return end;
}

/* A statement that ends the rule, or END_NEXT. */
static enum end walk_verdict(struct walk *w, const char *key,
			     const struct json_at *value)
{
	if (strcmp(key, "accept") == 0)
		return END_ACCEPT;
	if (strcmp(key, "drop") == 0 || strcmp(key, "reject") == 0)
		return END_DROP;
	if (strcmp(key, "return") == 0)
		return END_RETURN;
	if (strcmp(key, "jump") == 0)
		return walk_jump(w, value, false);
	if (strcmp(key, "goto") == 0)
		return walk_jump(w, value, true);
	if (strcmp(key, "xt") == 0 &&
	    strcmp(ruleset_member(value, "name"), "REJECT") == 0)
		return END_DROP;
	return END_NEXT;
}

/* [[53, {"accept": null}], ...]: of the first element that is it. */
static enum ruleset_answer walk_pairs(struct walk *w, const struct json_at *key,
				      const struct json_at *set, enum end *ret)
{
	for (size_t i = 0; i < ruleset_count(set); i++) {
		struct json_at pair = json_element(set, i);
		struct json_at first, second, verdict;
		enum ruleset_answer is;

		if (ruleset_count(&pair) != 2)
			return RULESET_MAYBE;
		first = json_element(&pair, 0);
		second = json_element(&pair, 1);
		is = ruleset_is(&w->table, w->packet, key, &first);
		if (is == RULESET_MAYBE || !ruleset_only(&second, &verdict))
			return RULESET_MAYBE;
		if (is == RULESET_NO)
			continue;
		*ret = walk_verdict(w, verdict.key, &verdict);
		return RULESET_YES;
	}
	return RULESET_NO;
}

/* One that we cannot follow may accept. */
static enum ruleset_answer walk_vmap(struct walk *w, const struct json_at *vmap,
				     enum end *ret)
{
	enum ruleset_answer is = RULESET_MAYBE;
	struct json_at key, data, set;

	if (json_member(vmap, "key", &key) &&
	    json_member(vmap, "data", &data) && json_member(&data, "set", &set))
		is = walk_pairs(w, &key, &set, ret);
	if (is == RULESET_MAYBE)
		w->may_pass = true;
	return is;
}

static bool is_neutral(const char *key)
{
	static const char *const keys[] = {
		"counter", "log", "mangle", "notrack", "ct helper", "ct timeout"
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

/* Does the rule go on behind this statement? */
static enum ruleset_answer
walk_statement(struct walk *w, const struct json_at *statement, enum end *ret)
{
	struct json_at value;

	*ret = END_NEXT;
	if (!ruleset_only(statement, &value))
		return RULESET_MAYBE;
	if (strcmp(value.key, "match") == 0)
		return ruleset_match(&w->table, w->packet, &value);
	if (strcmp(value.key, "vmap") == 0)
		return walk_vmap(w, &value, ret);
	*ret = walk_verdict(w, value.key, &value);
	if (*ret != END_NEXT || is_neutral(value.key) ||
	    strcmp(value.key, "jump") == 0 || strcmp(value.key, "goto") == 0)
		return RULESET_YES;
	return RULESET_MAYBE; /* limit, xt, queue, ... */
}

static void walk_remember(struct walk *w, const char *chain,
			  const struct json_at *rule)
{
	const struct ruleset_table *table = &w->table;
	struct json_at member;
	uint64_t handle = 0;

	if (*w->where) /* of the chain that was jumped to */
		return;
	if (json_member(rule, "handle", &member) && !json_u64(&member, &handle))
		handle = 0;
	snprintf(w->where, RULESET_WHERE, "rule %" PRIu64 " of %s %s %s",
		 handle, table->family, table->name, chain);
	snprintf(w->step, RULESET_WHERE,
		 "nft insert rule %s %s %s position %" PRIu64
		 " udp dport %u accept",
		 table->family, table->name, chain, handle, w->packet->port);
}

/* What a rule does that may match or not: what it accepts, nobody drops for
 * sure; whether it leaves the chain is for walk_chain(). */
static enum end walk_unsure(struct walk *w, enum end end, bool *ret_left)
{
	*w->where = '\0';
	if (end == END_ACCEPT)
		w->may_pass = true;
	if (end == END_RETURN)
		*ret_left = true;
	return END_NEXT;
}

static enum end walk_rule(struct walk *w, const char *chain,
			  const struct json_at *rule, bool *ret_left)
{
	enum ruleset_answer sure = RULESET_YES;
	struct json_at list;

	if (!json_member(rule, "expr", &list))
		return END_NEXT;
	for (size_t i = 0; i < ruleset_count(&list); i++) {
		struct json_at statement = json_element(&list, i);
		enum ruleset_answer is;
		enum end end;

		is = walk_statement(w, &statement, &end);
		if (is == RULESET_NO)
			return END_NEXT;
		if (is < sure)
			sure = is;
		if (end == END_NEXT)
			continue;
		if (sure != RULESET_YES)
			return walk_unsure(w, end, ret_left);
		if (end == END_DROP)
			walk_remember(w, chain, rule);
		return end;
	}
	return END_NEXT;
}

/* --- chains ----------------------------------------------------------------------------------- */

static enum end walk_chain(struct walk *w, const char *name)
{
	const struct ruleset_object *const *rules;
	bool left = false; /* perhaps */
	size_t n;

	rules = ruleset_find(&w->table, RULESET_RULE, name, &n);
	for (size_t i = 0; i < n; i++) {
		enum end end;

		if (w->rules++ == RULES_MAX) {
			w->may_pass = true; /* for all that we know */
			return END_ACCEPT;
		}
		end = walk_rule(w, name, &rules[i]->at, &left);
		if (end == END_NEXT)
			continue;
		return left ? walk_unsure(w, end, &left) : end;
	}
	return END_NEXT;
}

/* At ingress and egress a chain belongs to links. nft before 1.0.8 does not say
 * to which: then it is none that we know of. */
static bool is_on_link(const struct json_at *chain, const char *link)
{
	struct json_at dev;

	if (!json_member(chain, "dev", &dev))
		return strcmp(ruleset_member(chain, "family"), "netdev") != 0;
	if (json_text(&dev))
		return strcmp(json_text(&dev), link) == 0;
	for (size_t i = 0; i < ruleset_count(&dev); i++) {
		struct json_at one = json_element(&dev, i);

		if (json_text(&one) && strcmp(json_text(&one), link) == 0)
			return true;
	}
	return false;
}

/* What arrives passes the hooks of the first row, what leaves the second's. */
static const char *const hooks[2][3] = {
	{ "ingress", "prerouting", "input" },
	{ "output", "postrouting", "egress" },
};

static bool is_filter(const struct json_at *chain, bool is_out)
{
	const char *hook = ruleset_member(chain, "hook");
	const char *family = ruleset_member(chain, "family");

	if (strcmp(ruleset_member(chain, "type"), "filter") != 0 ||
	    strcmp(family, "bridge") == 0 || strcmp(family, "arp") == 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(hooks[0]); i++)
		if (strcmp(hook, hooks[is_out][i]) == 0)
			return true;
	return false;
}

static bool is_passed(const struct json_at *chain,
		      const struct ruleset_packet *packet)
{
	bool ipv6 = packet->source.family == AF_INET6;

	return is_filter(chain, packet->is_out) &&
	       strcmp(ruleset_member(chain, "family"), ipv6 ? "ip" : "ip6") !=
		       0 &&
	       is_on_link(chain, packet->link);
}

static bool walk_base(struct walk *w, const struct json_at *chain)
{
	const char *name = ruleset_member(chain, "name");
	enum end end;

	w->may_pass = false;
	*w->where = '\0';
	end = walk_chain(w, name);
	if (end == END_DROP)
		return !w->may_pass;
	if (end == END_ACCEPT || w->may_pass ||
	    strcmp(ruleset_member(chain, "policy"), "drop") != 0)
		return false;
	snprintf(w->where, RULESET_WHERE, "the policy of %s %s %s",
		 w->table.family, w->table.name, name);
	snprintf(w->step, RULESET_WHERE,
		 "nft add rule %s %s %s udp dport %u accept", w->table.family,
		 w->table.name, name, w->packet->port);
	return true;
}

enum ruleset_verdict ruleset_judge(const struct ruleset *ruleset,
				   const struct ruleset_packet *packet,
				   char where[static RULESET_WHERE],
				   char step[static RULESET_WHERE])
{
	*where = *step = '\0';
	for (size_t i = 0; i < ruleset->count; i++) {
		const struct ruleset_object *chain = &ruleset->items[i];
		struct walk w = {
			.table = { ruleset, chain->family, chain->table },
			.packet = packet,
			.where = where,
			.step = step,
		};

		if (chain->kind == RULESET_CHAIN &&
		    is_passed(&chain->at, packet) && walk_base(&w, &chain->at))
			return RULESET_DROPS;
	}
	return RULESET_PASSES;
}

/* --- tables ------------------------------------------------------------------------------------ */

static bool is_of_table(const struct ruleset_object *a,
			const struct ruleset_object *b)
{
	return strcmp(a->family, b->family) == 0 &&
	       strcmp(a->table, b->table) == 0;
}

/* The sorted chains of a table stand together. */
bool ruleset_filters(const struct ruleset *ruleset, size_t n,
		     const char **ret_family, const char **ret_table)
{
	const struct ruleset_object *last = NULL;

	for (size_t i = 0; i < ruleset->count; i++) {
		const struct ruleset_object *chain = ruleset->sorted[i];

		if (chain->kind != RULESET_CHAIN ||
		    (last && is_of_table(chain, last)) ||
		    (!is_filter(&chain->at, false) &&
		     !is_filter(&chain->at, true)))
			continue;
		last = chain;
		if (n-- > 0)
			continue;
		*ret_family = chain->family;
		*ret_table = chain->table;
		return true;
	}
	return false;
}
