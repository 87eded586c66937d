#include "plugin/ctl/ruleset-priv.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* What of a packet an expression names. */
struct value {
	enum {
		VALUE_UNKNOWN,
		VALUE_NONE, /* this packet has no such thing: nothing matches */
		VALUE_WORD, /* and number, if it is not 0 */
		VALUE_NUMBER,
		VALUE_ADDR,
	} kind;
	const char *word;
	uint64_t number;
	struct inet_addr addr;
};

/* --- what is named ------------------------------------------------------------------------ */

static struct value value_of_ip(const struct ruleset_packet *packet, int family,
				const char *field)
{
	if (packet->source.family != family)
		return (struct value){ .kind = VALUE_NONE };
	if (strcmp(field, "saddr") == 0)
		return (struct value){ .kind = VALUE_ADDR,
				       .addr = packet->source };
	if (strcmp(field, "daddr") == 0)
		return (struct value){ .kind = VALUE_ADDR,
				       .addr = packet->destination };
	if (strcmp(field, "protocol") == 0 || strcmp(field, "nexthdr") == 0)
		return (struct value){ .kind = VALUE_WORD,
				       .word = "udp",
				       .number = IPPROTO_UDP };
	return (struct value){ .kind = VALUE_UNKNOWN };
}

static struct value value_of_payload(const struct ruleset_packet *packet,
				     const struct json_at *payload)
{
	static const char *const others[] = { "tcp",  "icmp", "icmpv6", "sctp",
					      "dccp", "esp",  "udplite" };
	const char *protocol = ruleset_member(payload, "protocol");
	const char *field = ruleset_member(payload, "field");

	if (strcmp(protocol, "ip") == 0)
		return value_of_ip(packet, AF_INET, field);
	if (strcmp(protocol, "ip6") == 0)
		return value_of_ip(packet, AF_INET6, field);
	if ((strcmp(protocol, "udp") == 0 || strcmp(protocol, "th") == 0) &&
	    strcmp(field, "dport") == 0)
		return (struct value){ .kind = VALUE_NUMBER,
				       .number = packet->port };
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(protocol, others[i]) == 0)
			return (struct value){ .kind = VALUE_NONE };
	return (struct value){ .kind = VALUE_UNKNOWN };
}

static struct value value_of_meta(const struct ruleset_packet *packet,
				  const char *key)
{
	bool ipv6 = packet->source.family == AF_INET6;
	struct value word = { .kind = VALUE_WORD };

	if (strcmp(key, "l4proto") == 0) {
		word.word = "udp";
		word.number = IPPROTO_UDP;
	} else if (strcmp(key, "nfproto") == 0) {
		word.word = ipv6 ? "ipv6" : "ipv4";
	} else if (strcmp(key, "protocol") == 0) {
		word.word = ipv6 ? "ip6" : "ip";
	} else if (strcmp(key, "iifname") == 0 || strcmp(key, "iif") == 0) {
		word.word = packet->is_out ? "" : packet->link;
	} else if (strcmp(key, "oifname") == 0 || strcmp(key, "oif") == 0) {
		word.word = packet->is_out ? packet->link : "";
	} else {
		word.kind = VALUE_UNKNOWN;
	}
	return word;
}

/* The first packet of a flow whose addresses nobody translates. */
static struct value value_of_ct(const char *key)
{
	if (strcmp(key, "state") == 0)
		return (struct value){ .kind = VALUE_WORD, .word = "new" };
	if (strcmp(key, "status") == 0)
		return (struct value){ .kind = VALUE_WORD, .word = "" };
	return (struct value){ .kind = VALUE_UNKNOWN };
}

static struct value value_of(const struct ruleset_packet *packet,
			     const struct json_at *left)
{
	struct json_at inner;

	if (json_member(left, "payload", &inner))
		return value_of_payload(packet, &inner);
	if (json_member(left, "meta", &inner))
		return value_of_meta(packet, ruleset_member(&inner, "key"));
	if (json_member(left, "ct", &inner))
		return value_of_ct(ruleset_member(&inner, "key"));
	return (struct value){ .kind = VALUE_UNKNOWN };
}

/* --- what it is compared with ------------------------------------------------------------ */

static enum ruleset_answer answer(bool yes)
{
	return yes ? RULESET_YES : RULESET_NO;
}

/* "under*" is any that begins so. */
static bool word_is(const char *word, const char *pattern)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return strncmp(word, pattern, len - 1) == 0;
	return strcmp(word, pattern) == 0;
}

static enum ruleset_answer is_text(const struct value *value, const char *text)
{
	struct inet_addr addr;

	if (value->kind == VALUE_WORD)
		return answer(word_is(value->word, text));
	if (value->kind == VALUE_ADDR && inet_addr_parse(text, &addr))
		return answer(inet_addr_equal(&value->addr, &addr));
	return RULESET_MAYBE;
}

static enum ruleset_answer is_in_range(const struct value *value,
				       const struct json_at *range)
{
	struct json_at first, last;
	struct inet_addr from, to;
	uint64_t min, max;

	if (ruleset_count(range) != 2)
		return RULESET_MAYBE;
	first = json_element(range, 0);
	last = json_element(range, 1);
	if (value->kind == VALUE_NUMBER && json_u64(&first, &min) &&
	    json_u64(&last, &max))
		return answer(value->number >= min && value->number <= max);
	if (value->kind != VALUE_ADDR || !json_text(&first) ||
	    !json_text(&last) || !inet_addr_parse(json_text(&first), &from) ||
	    !inet_addr_parse(json_text(&last), &to))
		return RULESET_MAYBE;
	return answer(inet_addr_compare(&value->addr, &from) >= 0 &&
		      inet_addr_compare(&value->addr, &to) <= 0);
}

static enum ruleset_answer is_in_prefix(const struct value *value,
					const struct json_at *at)
{
	struct inet_prefix prefix;
	struct json_at member;
	uint64_t len;

	if (value->kind != VALUE_ADDR ||
	    !inet_addr_parse(ruleset_member(at, "addr"), &prefix.addr) ||
	    !json_member(at, "len", &member) || !json_u64(&member, &len) ||
	    len > inet_family_bits(prefix.addr.family))
		return RULESET_MAYBE;
	prefix.len = (uint8_t)len;
	return answer(inet_prefix_contains(&prefix, &value->addr));
}

static enum ruleset_answer is_in(const struct ruleset_table *table,
				 const struct value *value,
				 const struct json_at *right, int depth);

static enum ruleset_answer is_any(const struct ruleset_table *table,
				  const struct value *value,
				  const struct json_at *list, int depth)
{
	enum ruleset_answer best = RULESET_NO;

	for (size_t i = 0; i < ruleset_count(list); i++) {
		struct json_at one = json_element(list, i);
		enum ruleset_answer this = is_in(table, value, &one, depth);

		if (this > best)
			best = this;
	}
	return best;
}

/* A set of that name that is not there cannot be; one without elements has no
 * member for them. */
static enum ruleset_answer is_in_named(const struct ruleset_table *table,
				       const struct value *value,
				       const char *name, int depth)
{
	const struct ruleset_object *const *sets;
	struct json_at elements;
	size_t n;

	sets = ruleset_find(table, RULESET_SET, name, &n);
	if (n == 0)
		return RULESET_MAYBE;
	if (!json_member(&sets[0]->at, "elem", &elements))
		return RULESET_NO;
	return is_any(table, value, &elements, depth);
}

#define DEPTH_MAX 8

static enum ruleset_answer is_in_object(const struct ruleset_table *table,
					const struct value *value,
					const struct json_at *right, int depth)
{
	struct json_at inner, val;

	if (json_member(right, "range", &inner))
		return is_in_range(value, &inner);
	if (json_member(right, "prefix", &inner))
		return is_in_prefix(value, &inner);
	if (json_member(right, "set", &inner))
		return is_in(table, value, &inner, depth);
	if (json_member(right, "elem", &inner) &&
	    json_member(&inner, "val", &val))
		return is_in(table, value, &val, depth);
	return RULESET_MAYBE;
}

static enum ruleset_answer is_in(const struct ruleset_table *table,
				 const struct value *value,
				 const struct json_at *right, int depth)
{
	const char *text = json_text(right);
	uint64_t number;

	if (depth++ == DEPTH_MAX)
		return RULESET_MAYBE;
	if (text && *text == '@')
		return is_in_named(table, value, text + 1, depth);
	if (text)
		return is_text(value, text);
	if (json_u64(right, &number)) {
		if (value->kind == VALUE_NUMBER || value->number)
			return answer(value->number == number);
		return RULESET_MAYBE;
	}
	if (json_type(right) == JSON_TYPE_ARRAY)
		return is_any(table, value, right, depth);
	return is_in_object(table, value, right, depth);
}

/* --- both ----------------------------------------------------------------------------------- */

enum ruleset_answer ruleset_is(const struct ruleset_table *table,
			       const struct ruleset_packet *packet,
			       const struct json_at *left,
			       const struct json_at *right)
{
	struct value value = value_of(packet, left);

	if (value.kind == VALUE_NONE)
		return RULESET_NO;
	if (value.kind == VALUE_UNKNOWN)
		return RULESET_MAYBE;
	return is_in(table, &value, right, 0);
}

enum ruleset_answer ruleset_match(const struct ruleset_table *table,
				  const struct ruleset_packet *packet,
				  const struct json_at *match)
{
	const char *op = ruleset_member(match, "op");
	struct json_at left, right;
	enum ruleset_answer is;

	if (!json_member(match, "left", &left) ||
	    !json_member(match, "right", &right))
		return RULESET_MAYBE;
	if (value_of(packet, &left).kind == VALUE_NONE)
		return RULESET_NO; /* "tcp dport != 22" asks for TCP */
	is = ruleset_is(table, packet, &left, &right);
	if (strcmp(op, "==") == 0 || strcmp(op, "in") == 0)
		return is;
	if (strcmp(op, "!=") != 0 || is == RULESET_MAYBE)
		return RULESET_MAYBE;
	return answer(is == RULESET_NO);
}
