#include "plugin/ctl/ruleset.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* What packet filters do to one datagram: from 10.100.100.2 to 10.100.100.1,
 * port 4789, which arrives by under2. */

static char where[RULESET_WHERE];
static char step[RULESET_WHERE];

static struct ruleset *open_ruleset(const char *objects, struct json **ret)
{
	struct ruleset *ruleset = NULL;
	cleanup_free char *text = NULL;
	struct error err = { 0 };

	cr_assert(asprintf(&text, "{\"nftables\":[%s]}", objects) > 0);
	cr_assert_eq(json_parse(text, strlen(text), ret, &err), 0, "%s\n%s",
		     err.details, text);
	cr_assert_eq(ruleset_open(*ret, &ruleset, &err), 0);
	return ruleset;
}

static bool drops(const char *objects, bool is_out)
{
	struct ruleset_packet packet = { .port = 4789,
					 .is_out = is_out,
					 .link = "under2" };
	cleanup_json struct json *json = NULL;
	cleanup_ruleset struct ruleset *ruleset = NULL;

	cr_assert(inet_addr_parse("10.100.100.2", &packet.source));
	cr_assert(inet_addr_parse("10.100.100.1", &packet.destination));
	ruleset = open_ruleset(objects, &json);
	return ruleset_judge(ruleset, &packet, where, step) == RULESET_DROPS;
}

#define NAMES "\"family\":\"inet\",\"table\":\"fw\","
#define CHAIN(policy)                                                          \
	"{\"chain\":{" NAMES "\"name\":\"input\",\"type\":\"filter\","         \
	"\"hook\":\"input\",\"policy\":\"" policy "\"}}"
#define RULE_IN(chain, handle, expr)                                           \
	",{\"rule\":{" NAMES "\"chain\":\"" chain "\",\"handle\":" handle      \
	",\"expr\":[" expr "]}}"
#define RULE(expr) RULE_IN("input", "7", expr)
#define MATCH(op, l, r)                                                        \
	"{\"match\":{\"op\":\"" op "\",\"left\":" l ",\"right\":" r "}}"
#define PAYLOAD(p, field)                                                      \
	"{\"payload\":{\"protocol\":\"" p "\",\"field\":\"" field "\"}}"
#define META(key) "{\"meta\":{\"key\":\"" key "\"}}"
#define CT(key)   "{\"ct\":{\"key\":\"" key "\"}}"
#define DPORT     PAYLOAD("udp", "dport")
#define DROP      "{\"drop\":null}"
#define ACCEPT    "{\"accept\":null}"

/* A match, and whether this packet is one. */
static const struct {
	const char *match;
	enum {
		NO,
		MAYBE,
		YES
	} is;
} matches[] = {
	{ MATCH("==", DPORT, "4789"), YES },
	{ MATCH("==", DPORT, "4790"), NO },
	{ MATCH("!=", DPORT, "4790"), YES },
	{ MATCH("<", DPORT, "5000"), MAYBE },
	{ MATCH("==", DPORT, "{\"range\":[4000,5000]}"), YES },
	{ MATCH("==", DPORT, "{\"range\":[1,1023]}"), NO },
	{ MATCH("==", DPORT, "{\"set\":[53,{\"range\":[4789,4790]}]}"), YES },
	{ MATCH("!=", DPORT, "{\"set\":[53,4789]}"), NO },
	{ MATCH("==", PAYLOAD("th", "dport"), "4789"), YES },
	{ MATCH("==", PAYLOAD("udp", "sport"), "4789"), MAYBE },
	{ MATCH("==", PAYLOAD("tcp", "dport"), "4789"), NO },
	{ MATCH("!=", PAYLOAD("tcp", "dport"), "22"), NO },
	{ MATCH("==", PAYLOAD("ip", "saddr"), "\"10.100.100.2\""), YES },
	{ MATCH("==", PAYLOAD("ip", "saddr"), "\"10.100.100.3\""), NO },
	{ MATCH("==", PAYLOAD("ip", "saddr"),
		"{\"prefix\":{\"addr\":\"10.100.0.0\",\"len\":16}}"),
	  YES },
	{ MATCH("!=", PAYLOAD("ip", "saddr"),
		"{\"prefix\":{\"addr\":\"10.0.0.0\",\"len\":24}}"),
	  YES },
	{ MATCH("==", PAYLOAD("ip", "daddr"),
		"{\"set\":[{\"range\":[\"10.100.100.0\",\"10.100.100.9\"]}]}"),
	  YES },
	{ MATCH("==", PAYLOAD("ip6", "saddr"), "\"fd00::2\""), NO },
	{ MATCH("==", PAYLOAD("ip", "ttl"), "1"), MAYBE },
	{ MATCH("==", PAYLOAD("ip", "protocol"), "\"udp\""), YES },
	{ MATCH("==", PAYLOAD("ip", "protocol"), "17"), YES },
	{ MATCH("==", META("l4proto"), "{\"set\":[\"icmp\",\"udp\"]}"), YES },
	{ MATCH("==", META("l4proto"), "\"tcp\""), NO },
	{ MATCH("==", META("nfproto"), "\"ipv6\""), NO },
	{ MATCH("==", META("iifname"), "\"under2\""), YES },
	{ MATCH("==", META("iifname"), "\"under*\""), YES },
	{ MATCH("!=", META("iifname"), "{\"set\":[\"eth0\",\"lo\"]}"), YES },
	{ MATCH("==", META("oifname"), "\"under2\""), NO },
	{ MATCH("==", META("mark"), "1"), MAYBE },
	{ MATCH("in", CT("state"), "[\"established\",\"related\"]"), NO },
	{ MATCH("in", CT("state"), "\"new\""), YES },
	{ MATCH("in", CT("status"), "\"dnat\""), NO },
	{ MATCH("==", CT("mark"), "1"), MAYBE },
	{ MATCH("==", PAYLOAD("ip", "saddr"), "\"@peers\""), YES },
	{ MATCH("==", PAYLOAD("ip", "saddr"), "\"@nobody\""), NO },
	{ MATCH("==", PAYLOAD("ip", "saddr"), "\"@unknown\""), MAYBE },
	{ MATCH("==", "{\"fib\":{\"result\":\"type\"}}", "\"local\""), MAYBE },
	{ "{\"xt\":{\"type\":\"match\",\"name\":\"recent\"}}", MAYBE },
	{ "{\"limit\":{\"rate\":5}}", MAYBE },
	{ "{\"counter\":{\"packets\":1}}", YES },
	{ "{\"log\":null}", YES },
	{ "{}", MAYBE },
};

#define SETS                                                                   \
	",{\"set\":{" NAMES "\"name\":\"peers\",\"elem\":["                    \
	"{\"elem\":{\"val\":\"10.100.100.2\",\"timeout\":5}}]}}"               \
	",{\"set\":{" NAMES "\"name\":\"nobody\"}}"

/* Before a drop, YES is a drop; behind a drop, before an accept, only NO is. */
Test(ruleset, each_match_holds_or_not_or_we_do_not_know)
{
	for (size_t i = 0; i < ARRAY_SIZE(matches); i++) {
		cleanup_free char *drop = NULL;
		cleanup_free char *pass = NULL;

		cr_assert(asprintf(&drop, CHAIN("accept") SETS RULE("%s," DROP),
				   matches[i].match) > 0);
		cr_assert(asprintf(&pass, CHAIN("drop") SETS RULE("%s," ACCEPT),
				   matches[i].match) > 0);
		cr_expect_eq(drops(drop, false), matches[i].is == YES, "%s",
			     matches[i].match);
		cr_expect_eq(drops(pass, false), matches[i].is == NO, "%s",
			     matches[i].match);
	}
}

#define JUMP(chain)  "{\"jump\":{\"target\":\"" chain "\"}}"
#define GOTO(chain)  "{\"goto\":{\"target\":\"" chain "\"}}"
#define RETURN       "{\"return\":null}"
#define PERHAPS      "{\"limit\":{\"rate\":5}}"
#define SUB(expr)    RULE_IN("sub", "9", expr)
#define VMAP(k, set) "{\"vmap\":{\"key\":" k ",\"data\":{\"set\":[" set "]}}}"

static const struct {
	const char *objects;
	const char *where; /* NULL: it passes */
} walks[] = {
	{ "", NULL },
	{ CHAIN("accept"), NULL },
	{ CHAIN("drop"), "the policy of inet fw input" },
	{ CHAIN("drop") RULE(ACCEPT), NULL },
	{ CHAIN("accept") RULE("{\"reject\":null}"),
	  "rule 7 of inet fw input" },
	{ CHAIN("accept")
		  RULE("{\"xt\":{\"type\":\"target\",\"name\":\"REJECT\"}}"),
	  "rule 7 of inet fw input" },
	{ CHAIN("accept") RULE(RETURN) RULE(DROP), NULL },
	{ CHAIN("drop") RULE(RETURN) RULE(ACCEPT),
	  "the policy of inet fw input" },
	/* jumps */
	{ CHAIN("accept") RULE(JUMP("sub")) SUB(DROP),
	  "rule 9 of inet fw sub" },
	{ CHAIN("drop") RULE(JUMP("sub")) SUB(ACCEPT), NULL },
	{ CHAIN("accept") RULE(JUMP("sub")) RULE(DROP) SUB(RETURN),
	  "rule 7 of inet fw input" },
	{ CHAIN("accept") RULE(GOTO("sub")) RULE(DROP) SUB(RETURN), NULL },
	{ CHAIN("accept") RULE(JUMP("none")), NULL },
	{ CHAIN("drop") RULE(JUMP("sub")) SUB(JUMP("sub")),
	  "the policy of inet fw input" },
	/* perhaps */
	{ CHAIN("drop") RULE(PERHAPS "," ACCEPT), NULL },
	{ CHAIN("accept") RULE(PERHAPS "," ACCEPT) RULE(DROP), NULL },
	{ CHAIN("accept") RULE(PERHAPS "," DROP) RULE(DROP),
	  "rule 7 of inet fw input" },
	{ CHAIN("accept") RULE(PERHAPS "," RETURN) RULE(DROP), NULL },
	{ CHAIN("drop") RULE(PERHAPS "," RETURN) RULE(DROP),
	  "the policy of inet fw input" },
	{ CHAIN("drop") RULE(PERHAPS "," RETURN) RULE(ACCEPT), NULL },
	{ CHAIN("drop") RULE(PERHAPS "," JUMP("sub")) SUB(DROP),
	  "the policy of inet fw input" },
	{ CHAIN("drop") RULE(PERHAPS "," JUMP("sub")) SUB(ACCEPT), NULL },
	{ CHAIN("drop") RULE(JUMP("sub")) SUB(PERHAPS "," RETURN) SUB(DROP),
	  "the policy of inet fw input" },
	{ CHAIN("drop") RULE(JUMP("sub")) SUB(PERHAPS "," RETURN) SUB(ACCEPT),
	  NULL },
	/* verdict maps */
	{ CHAIN("accept") RULE(VMAP(DPORT, "[53," ACCEPT "],[4789," DROP "]")),
	  "rule 7 of inet fw input" },
	{ CHAIN("drop") RULE(VMAP(DPORT, "[4789," ACCEPT "]")), NULL },
	{ CHAIN("drop") RULE(VMAP(DPORT, "[53," ACCEPT "]")),
	  "the policy of inet fw input" },
	{ CHAIN("drop") RULE(VMAP(META("mark"), "[1," ACCEPT "]")), NULL },
	{ CHAIN("accept") RULE(VMAP(DPORT, "[4789," JUMP("sub") "]")) SUB(DROP),
	  "rule 9 of inet fw sub" },
	/* other chains */
	{ "{\"chain\":{" NAMES "\"name\":\"n\",\"type\":\"nat\","
	  "\"hook\":\"prerouting\",\"policy\":\"drop\"}}",
	  NULL },
	{ "{\"chain\":{" NAMES "\"name\":\"o\",\"type\":\"filter\","
	  "\"hook\":\"output\",\"policy\":\"drop\"}}",
	  NULL },
	{ "{\"chain\":{\"family\":\"ip6\",\"table\":\"t\",\"name\":\"i\","
	  "\"type\":\"filter\",\"hook\":\"input\",\"policy\":\"drop\"}}",
	  NULL },
	{ "{\"chain\":{\"family\":\"netdev\",\"table\":\"t\",\"name\":\"i\","
	  "\"dev\":\"eth7\",\"type\":\"filter\",\"hook\":\"ingress\","
	  "\"policy\":\"drop\"}}",
	  NULL },
	{ "{\"chain\":{\"family\":\"netdev\",\"table\":\"t\",\"name\":\"i\","
	  "\"dev\":\"under2\",\"type\":\"filter\",\"hook\":\"ingress\","
	  "\"policy\":\"drop\"}}",
	  "the policy of netdev t i" },
	{ "{\"chain\":{\"family\":\"netdev\",\"table\":\"t\",\"name\":\"i\","
	  "\"dev\":[\"eth7\",\"under2\"],\"type\":\"filter\","
	  "\"hook\":\"ingress\",\"policy\":\"drop\"}}",
	  "the policy of netdev t i" },
	{ "{\"chain\":{\"family\":\"netdev\",\"table\":\"t\",\"name\":\"i\","
	  "\"type\":\"filter\",\"hook\":\"ingress\",\"policy\":\"drop\"}}",
	  NULL },
	{ CHAIN("accept") RULE(
		  ACCEPT) ",{\"chain\":{\"family\":\"ip\",\"table\":\"later\","
			  "\"name\":\"i\",\"type\":\"filter\",\"hook\":\"input\","
			  "\"policy\":\"drop\"}}",
	  "the policy of ip later i" },
};

Test(ruleset, chains_are_walked_as_the_kernel_does)
{
	for (size_t i = 0; i < ARRAY_SIZE(walks); i++) {
		bool dropped = drops(walks[i].objects, false);

		cr_expect_eq(dropped, walks[i].where != NULL, "%s",
			     walks[i].objects);
		if (dropped && walks[i].where)
			cr_expect_str_eq(where, walks[i].where, "%s",
					 walks[i].objects);
	}
}

Test(ruleset, the_step_is_a_command)
{
	cr_assert(drops(CHAIN("accept") RULE(DROP), false));
	cr_expect_str_eq(step, "nft insert rule inet fw input position 7 udp "
			       "dport 4789 accept");
	cr_assert(drops(CHAIN("drop"), false));
	cr_expect_str_eq(step, "nft add rule inet fw input udp dport 4789 "
			       "accept");
}

Test(ruleset, what_leaves_passes_other_chains)
{
	static const char output[] =
		"{\"chain\":{" NAMES "\"name\":\"o\",\"type\":\"filter\","
		"\"hook\":\"output\",\"policy\":\"drop\"}}";

	cr_expect(drops(output, true));
	cr_expect_not(drops(CHAIN("drop"), true));
}

static const struct {
	const char *family;
	const char *table;
	const char *type;
	const char *hook;
} bases[] = {
	{ "ip", "nat", "nat", "prerouting" },
	{ "inet", "fw", "filter", "input" },
	{ "inet", "fw", "filter", "output" },
	{ "inet", "fw", "filter", "forward" },
	{ "ip", "router", "filter", "forward" },
	{ "bridge", "fw", "filter", "input" },
	{ "ip", "mangle", "filter", "postrouting" },
};

Test(ruleset, tables_that_filter_what_is_ours_are_named_once)
{
	cleanup_json struct json *json = NULL;
	cleanup_ruleset struct ruleset *ruleset = NULL;
	cleanup_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const char *family, *table;

	cr_assert(out);
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
		fprintf(out,
			"%s{\"chain\":{\"family\":\"%s\",\"table\":\"%s\","
			"\"name\":\"a\",\"type\":\"%s\",\"hook\":\"%s\"}}",
			i ? "," : "", bases[i].family, bases[i].table,
			bases[i].type, bases[i].hook);
	cr_assert_eq(fclose(out), 0);
	ruleset = open_ruleset(text, &json);
	cr_assert(ruleset_filters(ruleset, 0, &family, &table));
	cr_expect_str_eq(family, "inet");
	cr_expect_str_eq(table, "fw");
	cr_assert(ruleset_filters(ruleset, 1, &family, &table));
	cr_expect_str_eq(family, "ip");
	cr_expect_str_eq(table, "mangle");
	cr_expect_not(ruleset_filters(ruleset, 2, &family, &table));
}

/* 16 chains of 16 jumps to the next one: 16 to the power of 16 rules. */
Test(ruleset, what_cannot_be_followed_to_its_end_drops_nothing)
{
	cleanup_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert(out);
	fprintf(out, CHAIN("drop") RULE(JUMP("c0")));
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 16; j++)
			fprintf(out,
				",{\"rule\":{" NAMES
				"\"chain\":\"c%d\",\"expr\":[{\"jump\":"
				"{\"target\":\"c%d\"}}]}}",
				i, i + 1);
	cr_assert_eq(fclose(out), 0);
	cr_expect_not(drops(text, false));
}

/* Whatever it is that nft, or somebody in its place, says. */
static const char *const odd[] = {
	"null",
	"1",
	"{}",
	"{\"chain\":null}",
	"{\"chain\":[]}",
	"{\"chain\":{\"type\":\"filter\",\"hook\":\"input\"}}",
	CHAIN("accept") ",{\"rule\":{" NAMES "\"chain\":\"input\"}}",
	CHAIN("accept") RULE("null,1,[],{}," DROP),
	CHAIN("accept") RULE("{\"vmap\":{\"key\":" DPORT
			     ",\"data\":{\"set\":{\"a\":1,\"b\":2}}}}"),
	CHAIN("accept")
		RULE(VMAP(DPORT, "{\"a\":1,\"b\":2},[4789,[1]],[4789,{}]")),
	CHAIN("accept") ",{\"rule\":{" NAMES
			"\"chain\":\"input\",\"expr\":{\"drop\":null}}}",
	CHAIN("accept") RULE(
		MATCH("==", DPORT, "{\"range\":{\"a\":1,\"b\":2}}") "," DROP),
	CHAIN("accept") ",{\"set\":{" NAMES
			"\"name\":\"odd\",\"elem\":{\"a\":1}}}" RULE(
				MATCH("==", DPORT, "\"@odd\"") "," DROP),
	CHAIN("accept") RULE("{\"match\":null}," DROP),
	CHAIN("accept") RULE("{\"vmap\":{\"key\":1,\"data\":2}}," DROP),
	CHAIN("accept") RULE(VMAP(DPORT, "1,[2],[4789,null]") "," DROP),
	CHAIN("accept") RULE(MATCH("==", DPORT, "{\"range\":[1]}") "," DROP),
	CHAIN("accept") RULE(
		MATCH("==", DPORT, "[[[[[[[[[[[[4789]]]]]]]]]]]]") "," DROP),
};

Test(ruleset, what_is_odd_drops_nothing)
{
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		cr_expect_not(drops(odd[i], false), "%s", odd[i]);
}
