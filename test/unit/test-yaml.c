#include "lib/json-write.h"
#include "lib/json.h"
#include "lib/yaml.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void write_value(struct json_writer *w, const char *key,
			const struct json_at *at)
{
	struct error err = { 0 };
	struct json_at child;
	bool truth = false;
	bool is_array = json_type(at) == JSON_TYPE_ARRAY;

	if (json_text(at)) {
		json_write_string(w, key, json_text(at));
	} else if (json_type(at) == JSON_TYPE_BOOL) {
		cr_assert_eq(json_read_bool(at, &truth, &err), 0);
		json_write_bool(w, key, truth);
	} else if (json_type(at) == JSON_TYPE_NULL) {
		json_write_null(w, key);
	} else {
		if (is_array)
			json_write_array(w, key);
		else
			json_write_object(w, key);
		for (size_t i = 0; i < json_count(at); i++) {
			child = is_array ? json_element(at, i)
					 : json_member_at(at, i);
			write_value(w, child.key, &child);
		}
		json_write_end(w);
	}
}

/* The document as JSON without its newline. */
static char *as_json(const struct json *json)
{
	const struct json_at root = json_root(json);
	struct json_writer w = { 0 };
	struct error err = { 0 };
	char *text = NULL;
	size_t len;

	write_value(&w, NULL, &root);
	cr_assert_eq(json_write_finish(&w, &text, &len, &err), 0);
	text[len - 1] = '\0';
	return text;
}

struct good {
	const char *yaml;
	const char *json;
};

static const struct good goods[] = {
	{ "a: 1\nb: [x, 'y', \"z\"]\n",
	  "{\"a\":\"1\",\"b\":[\"x\",\"y\",\"z\"]}" },
	{ "{\"a\": true, \"b\": null, \"c\": {\"d\": []}}",
	  "{\"a\":true,\"b\":null,\"c\":{\"d\":[]}}" },
	{ "- ~\n- null\n- Null\n-\n- 'null'\n",
	  "[null,null,null,null,\"null\"]" },
	{ "- true\n- False\n- TRUE\n- 'true'\n- yes\n- on\n",
	  "[true,false,true,\"true\",\"yes\",\"on\"]" },
	{ "- 007\n- 0x1f\n- 1e3\n- 12345678901234567890\n- .inf\n",
	  "[\"007\",\"0x1f\",\"1e3\",\"12345678901234567890\",\".inf\"]" },
	{ "- !!str true\n- !!str 5\n- !!int 5\n- !!null ''\n",
	  "[\"true\",\"5\",\"5\",null]" },
	{ "a: &x {b: c}\nd: *x\ne: *x\n",
	  "{\"a\":{\"b\":\"c\"},\"d\":{\"b\":\"c\"},\"e\":{\"b\":\"c\"}}" },
	{ "a: &x 1\nb: &x 2\nc: *x\n",
	  "{\"a\":\"1\",\"b\":\"2\",\"c\":\"2\"}" },
	{ "&r {a: b}\n", "{\"a\":\"b\"}" },
	{ "a: |\n  one\n  two\nb: >\n  three\n  four\n",
	  "{\"a\":\"one\\ntwo\\n\",\"b\":\"three four\\n\"}" },
	{ "---\na: b # comment\n...\n---\n", "{\"a\":\"b\"}" },
	{ "\xef\xbb\xbf"
	  "a: b\n",
	  "{\"a\":\"b\"}" },
	{ "a: \"q\\\"\\u00e9\\x01\\n\"\r\n", "{\"a\":\"q\\\"é\\u0001\\n\"}" },
	{ "text", "\"text\"" },
	{ "'': 1\n? b\n: 2\n", "{\"\":\"1\",\"b\":\"2\"}" },
};

Test(yaml, is_read_as_json_without_numbers)
{
	for (size_t i = 0; i < ARRAY_SIZE(goods); i++) {
		cleanup_json struct json *json = NULL;
		cleanup_free char *text = NULL;
		struct error err = { 0 };

		cr_assert_eq(yaml_parse(goods[i].yaml, strlen(goods[i].yaml),
					&json, &err),
			     0, "%s: %s", goods[i].yaml, err.details);
		text = as_json(json);
		cr_expect_str_eq(text, goods[i].json);
	}
}

struct bad {
	const char *yaml;
	const char *words;
	enum error_code code;
};

static const struct bad bads[] = {
	{ "", "the input is empty", ERROR_DECODE },
	{ "# nothing\n", "the input is empty", ERROR_DECODE },
	{ "a: b\nc: [d\n", "line 3, column 1", ERROR_DECODE },
	{ "a: b\n\tc: d\n", "line 2, column 1", ERROR_DECODE },
	{ "a: b: c\n", "line 1, column 5", ERROR_DECODE },
	{ "a: 1\nb: 2\na: 3\n",
	  "line 3, column 1: the key \"a\" is given twice", ERROR_DECODE },
	{ "a: {b: 1, \"b\": 2}\n", "the key \"b\" is given twice",
	  ERROR_DECODE },
	{ "[a]: b\n", "a key that is not text", ERROR_DECODE },
	{ "a: 1\n---\nb: 2\n", "a second document", ERROR_DECODE },
	{ "a: *b\n", "the alias *b has no anchor", ERROR_DECODE },
	{ "&a [*a]\n", "the alias *a has no anchor", ERROR_DECODE },
	{ "a: &x {b: 1}\nc: {<<: *x}\n", "line 2, column 5: merge keys",
	  ERROR_UNSUPPORTED },
	{ "a: !!binary aGVsbG8=\n", "the tag tag:yaml.org,2002:binary",
	  ERROR_UNSUPPORTED },
	{ "a: !thing x\n", "the tag !thing", ERROR_UNSUPPORTED },
	{ "a: !!map x\n", "the tag", ERROR_UNSUPPORTED },
	{ "a: \"\\0\"\n", "a NUL in a string", ERROR_DECODE },
	{ "\"a\\0b\": c\n", "a NUL in a string", ERROR_DECODE },
	{ "a: \xff\xfe\n", "byte 3", ERROR_DECODE },
	{ "a: \xed\xa0\x80\n", "byte 3", ERROR_DECODE },
	{ "a: \x01\n", "byte 3", ERROR_DECODE },
	{ "%YAML 3.0\n---\na: b\n", "line 1", ERROR_DECODE },
	{ "a: 'b\n", "line 2", ERROR_DECODE },
	{ "@", "line 1, column 1", ERROR_DECODE },
};

static void refuse(const char *text, size_t len, const char *words,
		   enum error_code code)
{
	cleanup_json struct json *json = NULL;
	struct error err = { 0 };

	cr_expect_lt(yaml_parse(text, len, &json, &err), 0, "%.40s", text);
	cr_expect_eq(err.code, code, "%.40s: %s", text, err.details);
	cr_expect(strstr(err.details, words), "%.40s: %s", text, err.details);
	cr_expect_null(json);
}

Test(yaml, complaints_name_the_line)
{
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++)
		refuse(bads[i].yaml, strlen(bads[i].yaml), bads[i].words,
		       bads[i].code);
}

Test(yaml, bytes_are_not_taken_for_text)
{
	static const char wide[] = "\xff\xfe"
				   "a\0:\0 \0b\0";
	static const char nul[] = "a: b\0c";

	refuse(wide, sizeof(wide) - 1, "byte 0", ERROR_DECODE);
	refuse(nul, sizeof(nul) - 1, "byte 4", ERROR_DECODE);
}

Test(yaml, laughs_end)
{
	char text[4096];
	int len;

	len = snprintf(text, sizeof(text), "a0: &a0 [lol,lol,lol,lol,lol]\n");
	for (int i = 1; i < 30; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				"a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
				i - 1, i - 1, i - 1, i - 1, i - 1);
	refuse(text, (size_t)len, "aliases that expand without end",
	       ERROR_DECODE);
}

Test(yaml, laughs_that_fit_by_themselves_end_where_the_whole_does)
{
	char text[2048];
	int len;

	len = snprintf(text, sizeof(text), "a: &a \"%01000d\"\nb: &b [*a", 0);
	for (int i = 1; i < 40; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, ",*a");
	len += snprintf(text + len, sizeof(text) - (size_t)len,
			"]\nc: &c [*b]\nd: e\n");
	refuse(text, (size_t)len, "aliases that expand without end",
	       ERROR_DECODE);
}

/* @unit so often that it is more than any limit. */
static void refuse_many(const char *unit, size_t times, const char *words)
{
	cleanup_free char *text = malloc(strlen(unit) * times + 1);
	char *p = text;

	cr_assert(text);
	for (size_t i = 0; i < times; i++)
		p = stpcpy(p, unit);
	refuse(text, (size_t)(p - text), words, ERROR_DECODE);
}

Test(yaml, more_than_an_honest_file_has_is_refused, .timeout = 60)
{
	refuse_many("[", 100000, "nested deeper than 32 levels");
	refuse_many("{a: ", 100000, "nested deeper than 32 levels");
	refuse_many("- ", 100000, "nested deeper than 32 levels");
	refuse_many("- &a x\n", 1000, "more than 64 anchors");
	refuse_many("a", YAML_MAX + 1, "more than 1048576 bytes");
}

Test(yaml, mappings_have_an_end)
{
	char text[8192];
	int len = 0;

	for (int i = 0; i <= YAML_MEMBERS; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				"k%d: v\n", i);
	refuse(text, (size_t)len, "a mapping of more than 256", ERROR_DECODE);
}
