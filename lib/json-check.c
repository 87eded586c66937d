/*
 * The strict pass. cJSON builds the tree, but it takes what is not JSON (bytes
 * after the document, comments where they look like white space, a byte order
 * mark, 01, 1., raw control characters, bytes that are no UTF-8) and loses what
 * is (everything of a string behind \u0000). So the whole grammar of RFC 8259 is
 * checked here first, and cJSON is given a cleaned copy:
 *
 *  - no white space, so that a number ends at one of ",]}" or at the NUL;
 *  - half a surrogate pair, which cJSON refuses, becomes \ufffd as in Go;
 *  - a byte that is no UTF-8 becomes U+FFFD as in Go. Refusing it would let a
 *    pod fail for a comment in Latin-1 under a key that nobody reads, with which
 *    the reference plugins work. A value that matters cannot slip through: names
 *    and addresses are ASCII, so their readers refuse U+FFFD and name the key.
 *
 * Refused although Go takes them: \u0000, for no name or path can bear it and C
 * would see a shorter string; more than 128 levels; numbers of more than 63
 * characters.
 */
#include "lib/json-priv.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct check {
	const char *text;
	const char *p;
	const char *end;
	char *out;
	size_t values;
	unsigned int depth;
	struct error *err;
};

static int check_value(struct check *c);

size_t json_utf8_len(const char *p, const char *end)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t have = (size_t)(end - p);
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (have < len)
		return 0;

	/* Overlong forms, surrogates, beyond U+10FFFF (RFC 3629, section 4). */
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* Complains about the byte at c->p: "line 2, column 7: <text>". */
static int __attribute__((format(printf, 2, 3)))
check_fail(struct check *c, const char *fmt, ...)
{
	size_t line = 1, column = 1;
	char clause[128];
	va_list args;

	for (const char *p = c->text; p < c->p; p++) {
		column++;
		if (*p == '\n') {
			line++;
			column = 1;
		}
	}

	va_start(args, fmt);
	vsnprintf(clause, sizeof(clause), fmt, args);
	va_end(args);
	return error_set(c->err, ERROR_DECODE, 0, "line %zu, column %zu: %s",
			 line, column, clause);
}

static int check_unexpected(struct check *c, const char *expected)
{
	unsigned char byte;

	if (c->p == c->end)
		return check_fail(c, "expected %s, got the end of the input",
				  expected);
	byte = (unsigned char)*c->p;
	if (byte == '/')
		return check_fail(c,
				  "expected %s, got '/': JSON has no "
				  "comments",
				  expected);
	if (isgraph(byte))
		return check_fail(c, "expected %s, got '%c'", expected, byte);
	return check_fail(c, "expected %s, got the byte 0x%02x", expected,
			  byte);
}

/* Is the next byte one of @set? */
static bool check_at(const struct check *c, const char *set)
{
	return c->p < c->end && *c->p && strchr(set, *c->p);
}

static void check_keep(struct check *c, size_t len)
{
	memcpy(c->out, c->p, len);
	c->out += len;
	c->p += len;
}

static bool check_keep_if(struct check *c, const char *set)
{
	if (!check_at(c, set))
		return false;
	check_keep(c, 1);
	return true;
}

static void check_replace(struct check *c, size_t len, const char *by)
{
	c->out = stpcpy(c->out, by);
	c->p += len;
}

static void check_space(struct check *c)
{
	while (check_at(c, " \t\n\r"))
		c->p++;
}

static int check_digits(struct check *c)
{
	if (!check_at(c, "0123456789"))
		return check_unexpected(c, "a digit");
	while (check_keep_if(c, "0123456789"))
		;
	return 0;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static int check_number(struct check *c)
{
	const char *begin = c->p;
	int r = 0;

	check_keep_if(c, "-");
	if (!check_keep_if(c, "0"))
		r = check_digits(c);
	else if (check_at(c, "0123456789"))
		return check_fail(c, "a number must not begin with 0");
	if (r == 0 && check_keep_if(c, "."))
		r = check_digits(c);
	if (r == 0 && check_keep_if(c, "eE")) {
		check_keep_if(c, "+-");
		r = check_digits(c);
	}
	if (r == 0 && c->p - begin > JSON_NUMBER)
		return check_fail(c, "a number of more than %d characters",
				  JSON_NUMBER);
	return r;
}

/* The code unit of "\uXXXX" at @p, or -1 if that is not what is there. */
static long check_code_unit(const char *p, const char *end)
{
	char digits[5] = { 0 };

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	memcpy(digits, p + 2, 4);
	if (strspn(digits, "0123456789abcdefABCDEF") != 4)
		return -1;
	return strtol(digits, NULL, 16);
}

static int check_escape(struct check *c)
{
	long unit, next;

	if (c->end - c->p > 1 && c->p[1] && strchr("\"\\/bfnrt", c->p[1])) {
		check_keep(c, 2);
		return 0;
	}
	unit = check_code_unit(c->p, c->end);
	if (unit < 0)
		return check_fail(c, "not an escape that JSON has");
	if (unit == 0)
		return check_fail(c, "\\u0000 in a string");
	if (unit < 0xd800 || unit > 0xdfff) {
		check_keep(c, 6);
		return 0;
	}
	next = check_code_unit(c->p + 6, c->end);
	if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff)
		check_keep(c, 12);
	else
		check_replace(c, 6, "\\ufffd");
	return 0;
}

static int check_string(struct check *c)
{
	check_keep(c, 1);
	while (!check_keep_if(c, "\"")) {
		size_t len;
		int r;

		if (c->p == c->end)
			return check_unexpected(c, "the string's end");
		if (*c->p == '\\') {
			r = check_escape(c);
			if (r < 0)
				return r;
			continue;
		}
		if ((unsigned char)*c->p < 0x20)
			return check_fail(c,
					  "a control character (0x%02x) in "
					  "a string",
					  (unsigned char)*c->p);
		len = json_utf8_len(c->p, c->end);
		if (len)
			check_keep(c, len);
		else
			check_replace(c, 1, JSON_REPLACEMENT);
	}
	return 0;
}

static int check_member(struct check *c)
{
	int r;

	check_space(c);
	if (!check_at(c, "\""))
		return check_unexpected(c, "a key in quotes");
	r = check_string(c);
	if (r < 0)
		return r;
	check_space(c);
	if (!check_keep_if(c, ":"))
		return check_unexpected(c, "':'");
	return check_value(c);
}

/* What stands between the brackets of an object or an array. */
static int check_list(struct check *c, int (*check_item)(struct check *),
		      const char *close, const char *expected)
{
	int r;

	if (c->depth == JSON_DEPTH)
		return check_fail(c, "nested deeper than %d levels",
				  JSON_DEPTH);
	c->depth++;
	check_keep(c, 1);
	check_space(c);
	if (!check_at(c, close)) {
		do {
			r = check_item(c);
			if (r < 0)
				return r;
			check_space(c);
		} while (check_keep_if(c, ","));
	}
	if (!check_keep_if(c, close))
		return check_unexpected(c, expected);
	c->depth--;
	return 0;
}

static int check_word(struct check *c)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(c->end - c->p) >= len &&
		    memcmp(c->p, words[i], len) == 0) {
			check_keep(c, len);
			return 0;
		}
	}
	return check_unexpected(c, "a value");
}

static int check_value(struct check *c)
{
	check_space(c);
	c->values++;
	if (check_at(c, "{"))
		return check_list(c, check_member, "}", "',' or '}'");
	if (check_at(c, "["))
		return check_list(c, check_value, "]", "',' or ']'");
	if (check_at(c, "\""))
		return check_string(c);
	if (check_at(c, "-0123456789"))
		return check_number(c);
	return check_word(c);
}

int json_check(const char *text, size_t len, char *clean, size_t *ret_values,
	       struct error *err)
{
	struct check c = {
		.text = text,
		.p = text,
		.end = len ? text + len : text,
		.out = clean,
		.err = err,
	};
	int r;

	check_space(&c);
	if (c.p == c.end)
		return error_set(err, ERROR_DECODE, 0, "the input is empty");
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return check_fail(&c, "a byte order mark");
	r = check_value(&c);
	if (r < 0)
		return r;
	check_space(&c);
	if (c.p < c.end)
		return check_unexpected(&c, "nothing after the document");
	*c.out = '\0';
	*ret_values = c.values;
	return 0;
}
