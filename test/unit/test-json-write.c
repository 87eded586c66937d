#include "lib/json-write.h"
#include "lib/json.h"

#include <criterion/criterion.h>
#include <string.h>

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

static int reallocs_left = -1; /* then they fail; negative: never */

void *__wrap_realloc(void *p, size_t size)
{
	if (reallocs_left == 0)
		return NULL;
	if (reallocs_left > 0)
		reallocs_left--;
	return __real_realloc(p, size);
}

static void expect_text(struct json_writer *w, const char *expected)
{
	cleanup_free char *text = NULL;
	struct error err = { 0 };
	size_t len = 0;

	cr_assert_eq(json_write_finish(w, &text, &len, &err), 0);
	cr_expect_str_eq(text, expected, "%s", text);
	cr_expect_eq(len, strlen(expected));
}

Test(json_write, structure_and_order_are_the_callers)
{
	struct json_writer w = { 0 };

	json_write_object(&w, NULL);
	json_write_string(&w, "cniVersion", "1.1.0");
	json_write_array(&w, "ips");
	json_write_object(&w, NULL);
	json_write_uint(&w, "interface", 0);
	json_write_end(&w);
	json_write_object(&w, NULL);
	json_write_end(&w);
	json_write_end(&w);
	json_write_array(&w, "none");
	json_write_end(&w);
	json_write_array(&w, "mixed");
	json_write_bool(&w, NULL, true);
	json_write_bool(&w, NULL, false);
	json_write_null(&w, NULL);
	json_write_string(&w, NULL, NULL);
	json_write_int(&w, NULL, INT64_MIN);
	json_write_uint(&w, NULL, UINT64_MAX);
	json_write_milli(&w, NULL, 1042);
	json_write_end(&w);
	json_write_end(&w);

	expect_text(&w, "{\"cniVersion\":\"1.1.0\","
			"\"ips\":[{\"interface\":0},{}],\"none\":[],"
			"\"mixed\":[true,false,null,null,"
			"-9223372036854775808,18446744073709551615,1.042]}\n");
}

Test(json_write, a_writer_can_be_used_again)
{
	struct json_writer w = { 0 };

	for (int i = 0; i < 2; i++) {
		json_write_string(&w, NULL, "x");
		expect_text(&w, "\"x\"\n");
	}
}

static const struct {
	const char *text;
	const char *expected;
} escape_cases[] = {
	{ "", "\"\"\n" },
	{ "\"\\/", "\"\\\"\\\\/\"\n" },
	{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"\n" },
	{ "\x01\x1b[31m\x1f\x7f", "\"\\u0001\\u001b[31m\\u001f\x7f\"\n" },
	{ "\xe2\x82\xac\xf0\x9f\x98\x80",
	  "\"\xe2\x82\xac\xf0\x9f\x98\x80\"\n" },
	{ "cut \xe2\x82", "\"cut \xef\xbf\xbd\xef\xbf\xbd\"\n" },
	{ "M\xfcller", "\"M\xef\xbf\xbdller\"\n" },
};

Test(json_write, text_is_escaped_and_always_utf8)
{
	for (size_t i = 0; i < ARRAY_SIZE(escape_cases); i++) {
		struct json_writer w = { 0 };

		json_write_string(&w, NULL, escape_cases[i].text);
		expect_text(&w, escape_cases[i].expected);
	}
}

Test(json_write, keys_are_escaped_too)
{
	struct json_writer w = { 0 };

	json_write_object(&w, NULL);
	json_write_null(&w, "a\"\n\xff");
	json_write_end(&w);
	expect_text(&w, "{\"a\\\"\\n\xef\xbf\xbd\":null}\n");
}

static void write_long(struct json_writer *w)
{
	json_write_array(w, NULL);
	for (unsigned int i = 0; i < 1000; i++)
		json_write_uint(w, NULL, i);
	json_write_end(w);
}

Test(json_write, long_documents_grow)
{
	struct json_writer w = { 0 };
	cleanup_json struct json *json = NULL;
	cleanup_free char *text = NULL;
	struct error err = { 0 };
	struct json_at root;
	size_t len;

	write_long(&w);
	cr_assert_eq(json_write_finish(&w, &text, &len, &err), 0);
	cr_assert_eq(json_parse(text, len, &json, &err), 0);
	root = json_root(json);
	cr_expect_eq(json_count(&root), 1000);
}

Test(json_write, lack_of_memory_is_remembered)
{
	struct error err = { 0 };
	char *text = NULL;
	size_t len;
	int n = 0;

	for (;; n++) {
		struct json_writer w = { 0 };
		int r;

		reallocs_left = n;
		write_long(&w);
		r = json_write_finish(&w, &text, &len, &err);
		reallocs_left = -1;
		if (r == 0)
			break;
		cr_expect_eq(err.code, ERROR_INTERNAL);
		cr_expect_null(text);
	}
	cr_expect_gt(n, 2);
	free(text);
}

Test(json_write, a_fixed_buffer_needs_no_memory)
{
	struct error err = { 0 };
	struct json_writer w;
	char buf[16], *text = NULL;
	size_t len = 0;

	reallocs_left = 0;
	json_write_init_fixed(&w, buf, sizeof(buf));
	json_write_string(&w, NULL, "123456789012");
	cr_expect_eq(json_write_finish(&w, &text, &len, &err), 0);
	cr_expect_eq(text, buf);
	cr_expect_eq(len, 15);
	cr_expect_str_eq(buf, "\"123456789012\"\n");

	json_write_init_fixed(&w, buf, sizeof(buf));
	json_write_string(&w, NULL, "1234567890123");
	cr_expect_lt(json_write_finish(&w, &text, &len, &err), 0);
}

Test(json_write, an_unfinished_document_is_dropped)
{
	cleanup_json_writer struct json_writer w = { 0 };

	json_write_object(&w, NULL);
	json_write_string(&w, "a", "b");
}
