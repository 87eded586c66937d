#include "lib/json-write.h"

#include "lib/cleanup.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(json_pretty);

/* A document read, written again, and laid out. */
static char *pretty(const char *text, unsigned int indent)
{
	cleanup_json_writer struct json_writer w = { 0 };
	cleanup_json struct json *json = NULL;
	cleanup_free char *plain = NULL;
	struct error err = { 0 };
	struct json_at root;
	char *ret = NULL;
	size_t len;

	cr_assert_eq(json_parse(text, strlen(text), &json, &err), 0, "%s",
		     err.details);
	root = json_root(json);
	cr_assert_eq(json_write_copy(&w, NULL, &root, &err), 0, "%s",
		     err.details);
	cr_assert_eq(json_write_finish(&w, &plain, &len, &err), 0);
	cr_assert_eq(json_write_pretty(plain, indent, &ret, &err), 0);
	return ret;
}

Test(json_pretty, what_fits_on_a_line_stays_on_it)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{ "{}", "{}" },
		{ "[]", "[]" },
		{ "17", "17" },
		{ "\"a\"", "\"a\"" },
		{ "{\"a\":1}", "{\n  \"a\": 1\n}" },
		{ "[1,[2,3],{\"a\":{}}]",
		  "[\n  1,\n  [2, 3],\n  { \"a\": {} }\n]" },
		{ "{\"a\":[\"x,y\",\"}\"],\"b\":{\"c\":null,\"d\":true}}",
		  "{\n  \"a\": [\"x,y\", \"}\"],\n"
		  "  \"b\": { \"c\": null, \"d\": true }\n}" },
		{ "{\"s\":\"\\\"{[:,\\\\\"}",
		  "{\n  \"s\": \"\\\"{[:,\\\\\"\n}" },
		{ "{\"long\":[\"0123456789012345678901234567890123456789\","
		  "\"0123456789012345678901234567890123456789\"]}",
		  "{\n  \"long\": [\n"
		  "    \"0123456789012345678901234567890123456789\",\n"
		  "    \"0123456789012345678901234567890123456789\"\n  ]\n}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *got = pretty(cases[i].text, 0);

		cr_expect_str_eq(got, cases[i].want, "%s:\n%s", cases[i].text,
				 got);
	}
}

Test(json_pretty, every_line_is_indented)
{
	cleanup_free char *got = pretty("{\"a\":1,\"b\":2}", 4);

	cr_expect_str_eq(got, "    {\n      \"a\": 1,\n      \"b\": 2\n    }");
}

Test(json_pretty, numbers_are_copied_digit_by_digit)
{
	cleanup_free char *got = pretty("[1.50,1e3,-0,123456789012345678901]",
					0);

	cr_expect_str_eq(got, "[\n  1.50,\n  1e3,\n  -0,\n  "
			      "123456789012345678901\n]");
}

/* A writer has room for fewer levels than a reader. */
Test(json_pretty, a_copy_that_is_too_deep_is_an_error_with_its_place)
{
	static const char text[] = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1"
				   "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]";
	cleanup_json_writer struct json_writer w = { 0 };
	cleanup_json struct json *json = NULL;
	struct error err = { 0 };
	struct json_at root;

	cr_assert_eq(json_parse(text, strlen(text), &json, &err), 0);
	root = json_root(json);
	cr_expect_lt(json_write_copy(&w, NULL, &root, &err), 0);
	cr_expect(strstr(err.details, "is nested too deeply"), "%s",
		  err.details);
}
