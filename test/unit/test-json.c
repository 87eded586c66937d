#include "lib/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct json *parse(const char *text)
{
	struct error err = { 0 };
	struct json *json = NULL;

	cr_assert_eq(json_parse(text, strlen(text), &json, &err), 0, "%s: %s",
		     text, err.details);
	return json;
}

/* Bytes may be NUL: hence the length. */
#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t len;
	const char *details;
} syntax_cases[] = {
	{ TEXT(""), "the input is empty" },
	{ NULL, 0, "the input is empty" },
	{ TEXT(" \n\t\r "), "the input is empty" },
	{ TEXT("\xef\xbb\xbf{}"), "line 1, column 1: a byte order mark" },
	{ TEXT("{} x"), "line 1, column 4: expected nothing after the "
			"document, got 'x'" },
	{ TEXT("{}{}"), "line 1, column 3: expected nothing after the "
			"document, got '{'" },
	{ TEXT("{}\0"), "line 1, column 3: expected nothing after the "
			"document, got the byte 0x00" },
	{ TEXT("{\"a\":1,\n \"b\" 2}"),
	  "line 2, column 6: expected ':', got '2'" },
	{ TEXT("{\"a\":1,}"),
	  "line 1, column 8: expected a key in quotes, got '}'" },
	{ TEXT("{a:1}"), "line 1, column 2: expected a key in quotes, got "
			 "'a'" },
	{ TEXT("{\"a\":1"), "line 1, column 7: expected ',' or '}', got the "
			    "end of the input" },
	{ TEXT("[1,]"), "line 1, column 4: expected a value, got ']'" },
	{ TEXT("[1 2]"), "line 1, column 4: expected ',' or ']', got '2'" },
	{ TEXT("[1}"), "line 1, column 3: expected ',' or ']', got '}'" },
	{ TEXT("// no\n{}"), "line 1, column 1: expected a value, got '/': "
			     "JSON has no comments" },
	{ TEXT("[/**/]"), "line 1, column 2: expected a value, got '/': JSON "
			  "has no comments" },
	{ TEXT("[\0]"), "line 1, column 2: expected a value, got the byte "
			"0x00" },
	{ TEXT("[\f]"), "line 1, column 2: expected a value, got the byte "
			"0x0c" },
	{ TEXT("\"a"), "line 1, column 3: expected the string's end, got the "
		       "end of the input" },
	{ TEXT("\"a\nb\""),
	  "line 1, column 3: a control character (0x0a) in a string" },
	{ TEXT("\"a\0b\""),
	  "line 1, column 3: a control character (0x00) in a string" },
	{ TEXT("\"\\u0000\""), "line 1, column 2: \\u0000 in a string" },
	{ TEXT("{\"\\u0000\":1}"), "line 1, column 3: \\u0000 in a string" },
	{ TEXT("\"\\x41\""), "line 1, column 2: not an escape that JSON has" },
	{ TEXT("\"\\u12g4\""),
	  "line 1, column 2: not an escape that JSON has" },
	{ TEXT("\"\\u+123\""),
	  "line 1, column 2: not an escape that JSON has" },
	{ TEXT("\"\\u12"), "line 1, column 2: not an escape that JSON has" },
	{ TEXT("\"\\"), "line 1, column 2: not an escape that JSON has" },
	{ TEXT("\"\\\0"), "line 1, column 2: not an escape that JSON has" },
	{ TEXT("[01]"), "line 1, column 3: a number must not begin with 0" },
	{ TEXT("[-01]"), "line 1, column 4: a number must not begin with 0" },
	{ TEXT("[+1]"), "line 1, column 2: expected a value, got '+'" },
	{ TEXT("[.5]"), "line 1, column 2: expected a value, got '.'" },
	{ TEXT("[1.]"), "line 1, column 4: expected a digit, got ']'" },
	{ TEXT("[1.e3]"), "line 1, column 4: expected a digit, got 'e'" },
	{ TEXT("[1e]"), "line 1, column 4: expected a digit, got ']'" },
	{ TEXT("[1e+]"), "line 1, column 5: expected a digit, got ']'" },
	{ TEXT("-"), "line 1, column 2: expected a digit, got the end of the "
		     "input" },
	{ TEXT("[0x10]"), "line 1, column 3: expected ',' or ']', got 'x'" },
	{ TEXT("[NaN]"), "line 1, column 2: expected a value, got 'N'" },
	{ TEXT("[Infinity]"), "line 1, column 2: expected a value, got 'I'" },
	{ TEXT("[True]"), "line 1, column 2: expected a value, got 'T'" },
	{ TEXT("nul"), "line 1, column 1: expected a value, got 'n'" },
	{ TEXT("[nullx]"), "line 1, column 6: expected ',' or ']', got 'x'" },
	{ TEXT("'a'"), "line 1, column 1: expected a value, got '''" },
	{ TEXT("1111111111111111111111111111111111111111111111111111111111111"
	       "111"),
	  "line 1, column 65: a number of more than 63 characters" },
};

Test(json, what_is_not_json_is_refused_with_its_place)
{
	for (size_t i = 0; i < ARRAY_SIZE(syntax_cases); i++) {
		cleanup_json struct json *json = NULL;
		struct error err = { 0 };
		int r;

		r = json_parse(syntax_cases[i].text, syntax_cases[i].len, &json,
			       &err);
		cr_expect_lt(r, 0, "%s", syntax_cases[i].text);
		cr_expect_eq(err.code, ERROR_DECODE);
		cr_expect_str_eq(err.details, syntax_cases[i].details, "%s: %s",
				 syntax_cases[i].text, err.details);
	}
}

static const char *const document_cases[] = {
	"null",
	"true",
	"0",
	"-0",
	"-1.5e-7",
	"1E+400",
	"\"\"",
	"[]",
	"{}",
	" [ 1 , 2 ] ",
	"\r\n{ \"a\" : [ { } , [ ] ] }\n",
	"{\"\":\"\"}",
	"\"\x7f\"",
	"111111111111111111111111111111111111111111111111111111111111111",
};

Test(json, what_is_json_is_taken)
{
	for (size_t i = 0; i < ARRAY_SIZE(document_cases); i++)
		json_free(parse(document_cases[i]));
}

Test(json, the_length_bounds_the_text)
{
	cleanup_json struct json *json = NULL;
	struct error err = { 0 };

	cr_expect_eq(json_parse("12", 1, &json, &err), 0);
	cr_expect_lt(json_parse("true", 3, &json, &err), 0);
}

Test(json, nesting_is_bounded)
{
	char text[2 * 129 + 1] = { 0 };
	struct error err = { 0 };
	struct json *json;

	memset(text, '[', 128);
	memset(text + 128, ']', 128);
	json_free(parse(text));

	memset(text, '[', 129);
	memset(text + 129, ']', 129);
	cr_expect_lt(json_parse(text, 2 * 129, &json, &err), 0);
	cr_expect_str_eq(err.details, "line 1, column 129: nested deeper than "
				      "128 levels");
}

/* Right: what Go 1.26 decodes. */
static const struct {
	const char *text;
	const char *expected;
} string_cases[] = {
	{ "\"\"", "" },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
	{ "\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac" },
	{ "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" },
	{ "\"\\ud83d\"", "\xef\xbf\xbd" },
	{ "\"\\ude00x\"", "\xef\xbf\xbdx" },
	{ "\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
				"A" },
	{ "\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
	{ "\"\\ud83d\\n\"", "\xef\xbf\xbd\n" },
	{ "\"\xe2\x82\xac\"", "\xe2\x82\xac" },
	{ "\"M\xfcller\"", "M\xef\xbf\xbdller" },
	{ "\"\xe2\x82\"", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\"\xc0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\"\xed\xa0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\"\xf4\x90\x80\x80\"",
	  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\"\xf4\x8f\xbf\xbf\"", "\xf4\x8f\xbf\xbf" },
	{ "\"\xff\"", "\xef\xbf\xbd" },
};

Test(json, strings_decode_as_in_go)
{
	for (size_t i = 0; i < ARRAY_SIZE(string_cases); i++) {
		cleanup_json struct json *json = parse(string_cases[i].text);
		struct json_at root = json_root(json);

		cr_expect_str_eq(json_text(&root), string_cases[i].expected,
				 "%s: %s", string_cases[i].text,
				 json_text(&root));
	}
}

static const struct {
	const char *text;
	bool ok;
	uint64_t value;
} integer_cases[] = {
	{ "0", true, 0 },
	{ "1500", true, 1500 },
	{ "9007199254740992", true, UINT64_C(1) << 53 },
	{ "9007199254740993", false, 0 },
	{ "18446744073709551616", false, 0 },
	{ "1500.0", false, 0 },
	{ "1.5", false, 0 },
	{ "1e3", false, 0 },
	{ "1E3", false, 0 },
	{ "0e0", false, 0 },
	{ "-1", false, 0 },
	{ "-0", false, 0 },
	{ "\"1\"", false, 0 },
	{ "true", false, 0 },
	{ "null", false, 0 },
	{ "[]", false, 0 },
};

Test(json, an_integer_is_written_as_one_and_loses_no_digit)
{
	for (size_t i = 0; i < ARRAY_SIZE(integer_cases); i++) {
		cleanup_json struct json *json = parse(integer_cases[i].text);
		struct json_at root = json_root(json);
		uint64_t value = 0;

		cr_expect_eq(json_u64(&root, &value), integer_cases[i].ok, "%s",
			     integer_cases[i].text);
		cr_expect_eq(value, integer_cases[i].value, "%s",
			     integer_cases[i].text);
	}
}

/* Digits and signs in strings and keys must not be taken for numbers. */
Test(json, each_number_keeps_its_own_text)
{
	cleanup_json struct json *json = parse(
		"{\"7\":[1,\"-8\\\"9\",{\"\\\\\":2.5,\"a-1\":3}],\"4\":[[],"
		"4],\"x\":5}");
	struct json_at root = json_root(json), list, last, inner, at;
	uint64_t value;

	cr_assert(json_member(&root, "7", &list));
	at = json_element(&list, 0);
	cr_expect(json_u64(&at, &value) && value == 1);
	last = json_element(&list, 2);
	inner = json_member_at(&last, 0);
	cr_expect_not(json_u64(&inner, &value));
	inner = json_member_at(&last, 1);
	cr_expect(json_u64(&inner, &value) && value == 3);
	cr_assert(json_member(&root, "4", &list));
	at = json_element(&list, 1);
	cr_expect(json_u64(&at, &value) && value == 4);
	cr_assert(json_member(&root, "x", &at));
	cr_expect(json_u64(&at, &value) && value == 5);
}

Test(json, members_fold_case_and_the_last_wins_unless_null)
{
	cleanup_json struct json *json =
		parse("{\"mtu\":1,\"MTU\":2,\"Mtu\":null,\"none\":null}");
	struct json_at root = json_root(json), at;
	uint64_t value = 0;

	cr_assert(json_member(&root, "mtu", &at));
	cr_expect(json_u64(&at, &value));
	cr_expect_eq(value, 2);
	cr_expect_str_eq(at.key, "MTU");
	cr_expect_not(json_member(&root, "none", &at));
	cr_expect_not(json_member(&root, "mt", &at));
	cr_expect_eq(json_count(&root), 4);

	cr_assert(json_member(&root, "mtu", &at));
	struct json_at below;
	cr_expect_not(json_member(&at, "mtu", &below), "a number has none");
}

Test(json, places_are_named)
{
	cleanup_json struct json *json =
		parse("{\"ipam\":{\"ranges\":[[],[{\"sub\\u001bnet\":1}]]}}");
	struct json_at root = json_root(json), ipam, ranges, set, range, at;
	char path[JSON_PATH];

	cr_expect_str_eq(json_path(&root, path, sizeof(path)), "document");
	cr_assert(json_member(&root, "ipam", &ipam));
	cr_assert(json_member(&ipam, "ranges", &ranges));
	set = json_element(&ranges, 1);
	range = json_element(&set, 0);
	at = json_member_at(&range, 0);
	cr_expect_str_eq(json_path(&at, path, sizeof(path)),
			 "ipam.ranges[1][0].sub?net");
	cr_expect_str_eq(json_path(&at, path, 8), "ipam.ra");
	cr_expect_str_eq(json_path(&at, path, 1), "");
}

struct inner {
	uint32_t id;
	bool learning;
};

struct outer {
	char *name;
	uint32_t mtu;
	bool on;
	struct inner vxlan;
	unsigned int reads;
};

static const struct json_field inner_fields[] = {
	JSON_U32("id", struct inner, id, JSON_REQUIRED),
	JSON_BOOL("learning", struct inner, learning, 0), JSON_END
};

static int read_inner(const struct json_at *at, void *member, struct error *err)
{
	return json_read_object(at, inner_fields, member, JSON_UNKNOWN_REFUSE,
				err);
}

static int read_counted(const struct json_at *at, void *member,
			struct error *err)
{
	unsigned int *reads = member;

	(void)at;
	(void)err;
	++*reads;
	return 0;
}

static const struct json_field outer_fields[] = {
	JSON_STRING("name", struct outer, name, JSON_REQUIRED),
	JSON_U32("mtu", struct outer, mtu, 0),
	JSON_BOOL("on", struct outer, on, 0),
	JSON_WITH("vxlan", read_inner, struct outer, vxlan, 0),
	JSON_WITH("counted", read_counted, struct outer, reads, 0),
	JSON_END
};

static int read_outer(const char *text, struct outer *ret, struct error *err)
{
	cleanup_json struct json *json = parse(text);
	struct json_at root = json_root(json);

	return json_read_object(&root, outer_fields, ret, JSON_UNKNOWN_IGNORE,
				err);
}

Test(json, a_table_fills_a_struct)
{
	struct outer outer = { .mtu = 7, .on = true, .vxlan.learning = true };
	struct error err = { 0 };
	int r;

	r = read_outer("{\"NAME\":\"a\",\"name\":\"storage\",\"mtu\":null,"
		       "\"vxlan\":{\"id\":100},\"float\":1.5,\"big\":1e400,"
		       "\"counted\":1,\"Counted\":2}",
		       &outer, &err);

	cr_assert_eq(r, 0, "%s", err.details);
	cr_expect_str_eq(outer.name, "storage");
	cr_expect_eq(outer.mtu, 7, "null leaves the default");
	cr_expect(outer.on, "so does an absent key");
	cr_expect_eq(outer.vxlan.id, 100);
	cr_expect(outer.vxlan.learning);
	cr_expect_eq(outer.reads, 1, "of duplicates only the last is read");
	free(outer.name);
}

Test(json, an_owned_string_is_replaced)
{
	struct outer outer = { .name = strdup("old") };
	struct error err = { 0 };

	cr_assert_eq(read_outer("{\"name\":\"new\"}", &outer, &err), 0);
	cr_expect_str_eq(outer.name, "new");
	free(outer.name);
}

static const struct {
	const char *text;
	enum error_code code;
	const char *details;
} read_cases[] = {
	{ "null", ERROR_DECODE, "document: expected an object, got null" },
	{ "[]", ERROR_DECODE, "document: expected an object, got an array" },
	{ "\"{}\"", ERROR_DECODE,
	  "document: expected an object, got a string" },
	{ "{}", ERROR_CONFIG, "name: required, but not given" },
	{ "{\"name\":null}", ERROR_CONFIG, "name: required, but not given" },
	{ "{\"name\":1}", ERROR_CONFIG,
	  "name: expected a string, got a "
	  "number" },
	{ "{\"name\":{}}", ERROR_CONFIG,
	  "name: expected a string, got an object" },
	{ "{\"name\":\"a\",\"on\":\"true\"}", ERROR_CONFIG,
	  "on: expected a boolean, got a string" },
	{ "{\"name\":\"a\",\"mtu\":\"1500\"}", ERROR_CONFIG,
	  "mtu: expected an integer, got a string" },
	{ "{\"name\":\"a\",\"mtu\":true}", ERROR_CONFIG,
	  "mtu: expected an integer, got a boolean" },
	{ "{\"name\":\"a\",\"MTU\":1500.0}", ERROR_CONFIG,
	  "MTU: expected an integer from 0 to 4294967295, got 1500.0" },
	{ "{\"name\":\"a\",\"mtu\":-1,\"on\":true}", ERROR_CONFIG,
	  "mtu: expected an integer from 0 to 4294967295, got -1" },
	{ "{\"name\":\"a\",\"mtu\":1e3}", ERROR_CONFIG,
	  "mtu: expected an integer from 0 to 4294967295, got 1e3" },
	{ "{\"name\":\"a\",\"mtu\":4294967296}", ERROR_CONFIG,
	  "mtu: expected an integer from 0 to 4294967295, got 4294967296" },
	{ "{\"name\":\"a\",\"mtu\":99999999999999999999}", ERROR_CONFIG,
	  "mtu: expected an integer from 0 to 4294967295, got "
	  "99999999999999999999" },
	{ "{\"name\":\"a\",\"vxlan\":[]}", ERROR_CONFIG,
	  "vxlan: expected an object, got an array" },
	{ "{\"name\":\"a\",\"vxlan\":{}}", ERROR_CONFIG,
	  "vxlan.id: required, but not given" },
	{ "{\"name\":\"a\",\"vxlan\":{\"id\":1,\"learnig\":false}}",
	  ERROR_CONFIG,
	  "vxlan.learnig: unknown key, did you mean \"learning\"?" },
	{ "{\"name\":\"a\",\"vxlan\":{\"id\":1,\"Larning\":false}}",
	  ERROR_CONFIG,
	  "vxlan.Larning: unknown key, did you mean \"learning\"?" },
	{ "{\"name\":\"a\",\"vxlan\":{\"vid\":1}}", ERROR_CONFIG,
	  "vxlan.vid: unknown key, did you mean \"id\"?" },
	{ "{\"name\":\"a\",\"vxlan\":{\"id\":1,\"port\":1}}", ERROR_CONFIG,
	  "vxlan.port: unknown key" },
	{ "{\"name\":\"a\",\"vxlan\":{\"id\":1,\"\":1}}", ERROR_CONFIG,
	  "vxlan.: unknown key" },
};

Test(json, every_complaint_names_its_place)
{
	for (size_t i = 0; i < ARRAY_SIZE(read_cases); i++) {
		struct outer outer = { 0 };
		struct error err = { 0 };
		int r = read_outer(read_cases[i].text, &outer, &err);

		cr_expect_lt(r, 0, "%s", read_cases[i].text);
		cr_expect_eq(err.code, read_cases[i].code, "%s",
			     read_cases[i].text);
		cr_expect_str_eq(err.details, read_cases[i].details, "%s: %s",
				 read_cases[i].text, err.details);
		free(outer.name);
	}
}

Test(json, keys_of_any_length_are_refused_or_ignored)
{
	char text[9000], key[8000];
	struct outer outer = { 0 };
	struct error err = { 0 };

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	snprintf(text, sizeof(text), "{\"name\":\"a\",\"%s\":1}", key);
	cr_expect_eq(read_outer(text, &outer, &err), 0);
	snprintf(text, sizeof(text), "{\"name\":\"a\",\"vxlan\":{\"%s\":1}}",
		 key);
	cr_expect_lt(read_outer(text, &outer, &err), 0);
	cr_expect_eq(strncmp(err.details, "vxlan.kkk", 9), 0);
	free(outer.name);
}

Test(json, limits_of_smaller_integers_are_named)
{
	cleanup_json struct json *json = parse("{\"port\":65536}");
	struct json_at root = json_root(json), port;
	struct error err = { 0 };
	uint64_t value = 5;

	cr_assert(json_member(&root, "port", &port));
	cr_expect_lt(json_read_uint(&port, 1, 65535, &value, &err), 0);
	cr_expect_str_eq(err.details, "port: expected an integer from 1 to "
				      "65535, got 65536");
	cr_expect_eq(value, 5);
	cr_expect_eq(json_read_uint(&port, 1, 65536, &value, &err), 0);
	cr_expect_eq(value, 65536);
}

Test(json, unknown_keys_can_be_only_warned_of)
{
	cleanup_json struct json *json = parse("{\"id\":1,\"sleep\":2}");
	struct json_at root = json_root(json);
	struct inner inner = { 0 };
	struct error err = { 0 };

	cr_expect_eq(json_read_object(&root, inner_fields, &inner,
				      JSON_UNKNOWN_WARN, &err),
		     0);
	cr_expect_eq(inner.id, 1);
	cr_expect_not(error_is_set(&err));
}

/* --- filling ----------------------------------------------------------------- */

/* Quotes written as '. */
static struct json *parse_quoted(const char *text)
{
	char document[256];

	snprintf(document, sizeof(document), "%s", text);
	for (char *p = document; *p; p++)
		if (*p == '\'')
			*p = '"';
	return parse(document);
}

static const char *filled_text(const struct json *json, const char *section,
			       const char *key)
{
	struct json_at root = json_root(json);
	struct json_at at = root;
	struct json_at member;

	if (section && !json_member(&root, section, &at))
		return "no section";
	if (!json_member(&at, key, &member))
		return NULL;
	if (json_type(&member) == JSON_TYPE_ARRAY) {
		struct json_at item = json_element(&member, 0);

		return json_text(&item);
	}
	return json_type(&member) == JSON_TYPE_STRING ? json_text(&member)
						      : "something";
}

Test(json, what_an_object_lacks_is_taken_from_another)
{
	static const struct {
		const char *object, *other, *section, *key, *expected;
	} cases[] = {
		{ "{}", "{'a':'o'}", NULL, "a", "o" },
		{ "{'a':'g'}", "{'a':'o'}", NULL, "a", "g" },
		{ "{'a':'g'}", "{'b':'o'}", NULL, "b", "o" },
		{ "{'a':'g'}", "{}", NULL, "b", NULL },
		{ "{'a':''}", "{'a':'o'}", NULL, "a", "o" },
		{ "{'a':null}", "{'a':'o'}", NULL, "a", "o" },
		{ "{'a':[]}", "{'a':['o']}", NULL, "a", "o" },
		{ "{'a':{}}", "{'a':'o'}", NULL, "a", "o" },
		{ "{'a':0}", "{'a':'o'}", NULL, "a", "something" },
		{ "{'a':false}", "{'a':'o'}", NULL, "a", "something" },
		/* Lists are not joined. */
		{ "{'a':['g']}", "{'a':['o','p']}", NULL, "a", "g" },
		/* Case is folded, the last duplicate wins. */
		{ "{'A':'g'}", "{'a':'o'}", NULL, "a", "g" },
		{ "{'a':'x','a':'g'}", "{'a':'o'}", NULL, "a", "g" },
		{ "{}", "{'a':'x','a':'o'}", NULL, "a", "o" },
		/* An empty text is no duplicate of what is given. */
		{ "{'a':'g','a':''}", "{'a':'o'}", NULL, "a", "g" },
		/* Objects of both are filled in the same way. */
		{ "{'s':{'a':'g'}}", "{'s':{'a':'o','b':'p'}}", "s", "a", "g" },
		{ "{'s':{'a':'g'}}", "{'S':{'a':'o','b':'p'}}", "s", "b", "p" },
		{ "{'s':{'a':''}}", "{'s':{'a':'o'}}", "s", "a", "o" },
		{ "{'s':{}}", "{'s':{'a':'o'}}", "s", "a", "o" },
		{ "{'s':{'a':'g'}}", "{'s':'o'}", "s", "a", "g" },
		{ "{'s':'g'}", "{'s':{'a':'o'}}", NULL, "s", "g" },
		{ "{}", "{'s':{'a':'o'}}", "s", "a", "o" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_json struct json *object =
			parse_quoted(cases[i].object);
		cleanup_json struct json *other = parse_quoted(cases[i].other);
		cleanup_json struct json *filled = NULL;
		struct json_at at = json_root(object);
		struct json_at from = json_root(other);
		struct error err = { 0 };
		const char *text;

		cr_assert_eq(json_fill(&at, &from, &filled, &err), 0);
		text = filled_text(filled, cases[i].section, cases[i].key);
		cr_expect_str_eq(text ? text : "-",
				 cases[i].expected ? cases[i].expected : "-",
				 "%s from %s", cases[i].object, cases[i].other);
	}
}

Test(json, only_objects_can_be_filled)
{
	cleanup_json struct json *object = parse("{}");
	cleanup_json struct json *list = parse("[]");
	struct json_at at = json_root(object);
	struct json_at other = json_root(list);
	struct json *filled = NULL;
	struct error err = { 0 };

	cr_expect_lt(json_fill(&at, &other, &filled, &err), 0);
	cr_expect_lt(json_fill(&other, &at, &filled, &err), 0);
	cr_expect_null(filled);
}
